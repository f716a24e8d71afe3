#include "gui/geometry/reduce.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace orrery::gui {
namespace {

std::vector<CurvePoint> Noise(int count) {
  std::mt19937 random(4);
  std::normal_distribution<double> y(0, 1);
  std::vector<CurvePoint> points;
  for (int i = 0; i < count; ++i) points.push_back({1.0 + i, y(random)});
  return points;
}

TEST(MinMaxPerColumn, LeavesWhatIsFewAsItIs) {
  const auto points = Noise(40);
  EXPECT_EQ(MinMaxPerColumn(points, 0, 50, 10), points);
}

TEST(MinMaxPerColumn, KeepsTheExtremesOfEveryColumn) {
  const auto points = Noise(100'000);
  for (const bool logarithmic : {false, true}) {
    const auto kept = MinMaxPerColumn(points, 1, 100'000, 500, logarithmic);
    EXPECT_LE(kept.size(), 4U * 502);
    EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end(),
                               [](const CurvePoint& a, const CurvePoint& b) { return a.x < b.x; }));
    const auto by_y = [](const CurvePoint& a, const CurvePoint& b) { return a.y < b.y; };
    const auto place = [&](double x) {
      return logarithmic ? std::log(x) / std::log(100'000.0) : (x - 1) / 99'999;
    };
    for (int column = 0; column < 500; column += 7) {
      const auto in = [&](const std::vector<CurvePoint>& all) {
        std::vector<CurvePoint> some;
        for (const CurvePoint& point : all)
          if (place(point.x) * 500 > column + 1e-9 && place(point.x) * 500 < column + 1 - 1e-9)
            some.push_back(point);
        return some;
      };
      const auto all = in(points), some = in(kept);
      ASSERT_EQ(all.empty(), some.empty());
      if (all.empty()) continue;
      EXPECT_EQ(std::max_element(all.begin(), all.end(), by_y)->y,
                std::max_element(some.begin(), some.end(), by_y)->y);
      EXPECT_EQ(std::min_element(all.begin(), all.end(), by_y)->y,
                std::min_element(some.begin(), some.end(), by_y)->y);
    }
  }
}

TEST(MinMaxPerColumn, KeepsOnePointBeyondEachSide) {
  const auto kept = MinMaxPerColumn(Noise(1000), 400.5, 500.5, 400);
  EXPECT_EQ(kept.front().x, 400);
  EXPECT_EQ(kept.back().x, 501);
}

}  // namespace
}  // namespace orrery::gui
