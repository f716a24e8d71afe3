#include "core/base/units.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/input_error.h"

namespace orrery {
namespace {

TEST(Units, TimeRoundsOnceToThePicosecond) {
  EXPECT_EQ(FromSeconds(1).count(), 1'000'000'000'000);
  EXPECT_EQ(FromSeconds(0.6e-12).count(), 1);
  EXPECT_EQ(FromMicroseconds(2.5).count(), 2'500'000);
  EXPECT_DOUBLE_EQ(Seconds(FromSeconds(1.25)), 1.25);
  EXPECT_DOUBLE_EQ(Microseconds(FromMicroseconds(7)), 7);
}

TEST(Units, BytesOverARateIsATime) {
  EXPECT_EQ((Bytes{50'000} / BytesPerSecond{50e9}).count(), 1'000'000);
  EXPECT_EQ((Bytes{0} / BytesPerSecond{50e9}), kTimeZero);
}

TEST(Units, OperationsOverARateIsATime) {
  EXPECT_EQ((Flops{989e6} / FlopsPerSecond{989e12}).count(), 1'000'000);
}

TEST(Units, BytesAddAndScale) {
  Bytes sum{3};
  sum += Bytes{4};
  EXPECT_EQ(sum, Bytes{7});
  EXPECT_EQ(2 * sum - Bytes{1}, Bytes{13});
  EXPECT_EQ(sum * 2 + Bytes{1}, Bytes{15});
  EXPECT_LT(Bytes{3}, Bytes{4});
}

TEST(Units, RoundUpIsTheSmallestMultipleNotBelow) {
  for (std::int64_t unit : {1, 7, 128}) {
    for (std::int64_t value = 0; value < 400; ++value) {
      const std::int64_t up = RoundUp(value, unit);
      ASSERT_EQ(up % unit, 0);
      ASSERT_GE(up, value);
      ASSERT_LT(up - value, unit);
      ASSERT_EQ(CeilDiv(value, unit) * unit, up);
    }
  }
}

TEST(Units, ATimeThatTheClockCannotHoldIsRefused) {
  EXPECT_EQ(FromSeconds(kLongestSeconds).count(), 9'000'000'000'000'000'000);
  for (const double seconds : {1e7, -1e7, 1e300, HUGE_VAL, std::nan("")})
    EXPECT_THAT(ErrorOf([&] { FromSeconds(seconds); }), ::testing::HasSubstr("more than the 104 days"));
  EXPECT_THAT(ErrorOf([] { Bytes{1'000'000'000} / BytesPerSecond{1}; }), ::testing::HasSubstr("1e+09 s"));
  EXPECT_THAT(ErrorOf([] { FromMicroseconds(1e14); }), ::testing::HasSubstr("1e+08 s"));
}

}  // namespace
}  // namespace orrery
