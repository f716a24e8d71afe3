#include "gui/geometry/ticks.h"

#include <cmath>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orrery::gui {
namespace {

using testing::ElementsAre;

std::vector<std::string> TextsOf(const std::vector<Tick>& ticks) {
  std::vector<std::string> texts;
  for (const Tick& tick : ticks) texts.push_back(tick.text);
  return texts;
}

TEST(Ticks, AreRoundAndShareTheirDigits) {
  EXPECT_THAT(TextsOf(Ticks(0.75, 1.55, 5)), ElementsAre("0.8", "1.0", "1.2", "1.4"));
  EXPECT_THAT(TextsOf(Ticks(0, 84.9, 5)), ElementsAre("0", "20", "40", "60", "80"));
  EXPECT_THAT(TextsOf(Ticks(-0.3, 0.3, 7)), ElementsAre("-0.3", "-0.2", "-0.1", "0.0", "0.1", "0.2", "0.3"));
  EXPECT_THAT(TextsOf(Ticks(5, 5, 4)), ElementsAre("5"));
}

TEST(Ticks, NeverMoreThanAskedForAndAlwaysInside) {
  for (double low = -3; low < 4; low += 0.37)
    for (double width = 1e-7; width < 1e7; width *= 3.3)
      for (const int most : {1, 2, 5, 12}) {
        const auto ticks = Ticks(low * width, (low + 1) * width, most);
        EXPECT_LE(static_cast<int>(ticks.size()), most);
        EXPECT_GE(ticks.size(), most >= 5 ? 2U : 0U) << low << " " << width;
        for (const Tick& tick : ticks) {
          EXPECT_GE(tick.value, (low - 1e-6) * width);
          EXPECT_LE(tick.value, (low + 1 + 1e-6) * width);
        }
      }
}

TEST(LogTicks, ThinOutAsRoomShrinks) {
  EXPECT_THAT(TextsOf(LogTicks(0.05, 12, 9)), ElementsAre("0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10"));
  EXPECT_THAT(TextsOf(LogTicks(0.05, 12, 3)), ElementsAre("0.1", "1", "10"));
  EXPECT_LE(LogTicks(1e-3, 1e9, 5).size(), 5U);
}

TEST(CountTicks, FollowPowersOfTwoWhereCountsDo) {
  EXPECT_THAT(CountTicks(64, 8, true), ElementsAre(0, 8, 16, 24, 32, 40, 48, 56));
  EXPECT_THAT(CountTicks(61, 7, false), ElementsAre(0, 10, 20, 30, 40, 50, 60));
  EXPECT_THAT(CountTicks(3, 8, true), ElementsAre(0, 1, 2));
}

TEST(Numbers, AreWrittenAsPeopleDo) {
  EXPECT_EQ(Fixed(19.3971, 2), "19.40");
  EXPECT_EQ(Fixed(-0.001, 2), "0.00");
  EXPECT_EQ(Short(0.05), "0.05");
  EXPECT_EQ(Short(1.5), "1.5");
  EXPECT_EQ(Short(12000), "12000");
  EXPECT_EQ(Short(0), "0");
  EXPECT_EQ(SignedPercent(0.544), "+54.4 %");
  EXPECT_EQ(SignedPercent(-0.0201), "-2.0 %");
  EXPECT_EQ(SignedPercent(-0.0001), "0.0 %");
  EXPECT_EQ(Grouped(1234567), "1,234,567");
  EXPECT_EQ(Grouped(-999), "-999");
  EXPECT_EQ(Grouped(-1000), "-1,000");
  EXPECT_EQ(Seconds(0.002386), "2.39 ms");
  EXPECT_EQ(Seconds(19.3971), "19.4 s");
  EXPECT_EQ(Seconds(5e-10), "0.50 ns");
  EXPECT_EQ(Seconds(0.9999), "1.00 s");
}

TEST(RoundLimit, LiesAtOrBeyondTheValue) {
  EXPECT_DOUBLE_EQ(RoundLimit(0.544), 0.6);
  EXPECT_DOUBLE_EQ(RoundLimit(-84.9), -100);
  EXPECT_DOUBLE_EQ(RoundLimit(40), 40);
  EXPECT_DOUBLE_EQ(RoundLimit(0), 0);
}

}  // namespace
}  // namespace orrery::gui
