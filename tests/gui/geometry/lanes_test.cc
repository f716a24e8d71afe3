#include "gui/geometry/lanes.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "gui/geometry/span_sums.h"
#include "tests/gui/geometry/random_lanes.h"

namespace orrery::gui {
namespace {

TEST(LaneSpan, KeepsWhatItIsMadeOf) {
  const LaneSpan span = LaneSpan::Of(1'000, 5'000, 17'000'000'005'000, 1'000'000, 7);
  EXPECT_EQ(span.ready(), 1'000);
  EXPECT_EQ(span.start(), 5'000);
  EXPECT_EQ(span.end(), 17'000'000'005'000);
  EXPECT_EQ(span.name(), 1'000'000U);
  EXPECT_EQ(span.category(), 7U);
}

TEST(SpanLanes, EmptyLanesAreLanes) {
  SpanLanes lanes;
  EXPECT_EQ(lanes.Limits(), (std::pair<std::int64_t, std::int64_t>(0, 1)));
  lanes.BeginLane();
  lanes.BeginLane();
  lanes.Add(LaneSpan::Of(3, 3, 9, 0, 1));
  lanes.BeginLane();
  EXPECT_EQ(lanes.lanes(), 3);
  EXPECT_TRUE(lanes.Lane(0).empty());
  EXPECT_EQ(lanes.Lane(1).size(), 1U);
  EXPECT_TRUE(lanes.Lane(2).empty());
  EXPECT_EQ(lanes.Limits(), (std::pair<std::int64_t, std::int64_t>(3, 9)));
}

TEST(InView, IsWhatALookAtEverySpanFinds) {
  std::mt19937_64 random(3);
  const SpanLanes lanes = RandomLanes(1, 500, 1'000'000, &random);
  const auto lane = lanes.Lane(0);
  for (int i = 0; i < 300; ++i) {
    std::int64_t from = static_cast<std::int64_t>(random() % 1'000'000),
                 to = from + 1 + static_cast<std::int64_t>(random() % 50'000);
    const auto [first, last] = InView(lane, from, to);
    for (std::size_t j = 0; j < lane.size(); ++j)
      EXPECT_EQ(lane[j].end() > from && lane[j].start() < to, j >= first && j < last) << j;
  }
}

TEST(SpanAt, FindsTheSpanOrTheNearestWithinReach) {
  SpanLanes lanes;
  lanes.BeginLane();
  lanes.Add(LaneSpan::Of(100, 100, 200, 0, 0));
  lanes.Add(LaneSpan::Of(205, 205, 300, 0, 0));
  const auto lane = lanes.Lane(0);
  EXPECT_EQ(SpanAt(lane, 100, 0), 0U);
  EXPECT_EQ(SpanAt(lane, 199, 0), 0U);
  EXPECT_EQ(SpanAt(lane, 201, 0), std::nullopt);
  EXPECT_EQ(SpanAt(lane, 201, 3), 0U);
  EXPECT_EQ(SpanAt(lane, 204, 3), 1U);
  EXPECT_EQ(SpanAt(lane, 95, 4), std::nullopt);
  EXPECT_EQ(SpanAt(lane, 400, 101), 1U);
}

/// What is drawn in one category's colour (white on black), in pixels.
double Ink(const std::vector<std::uint32_t>& row) {
  double ink = 0;
  for (const std::uint32_t pixel : row) ink += static_cast<double>(pixel & 0xff) / 255;
  return ink;
}

LaneColours WhiteOnBlack() {
  LaneColours colours;
  colours.categories.fill({255, 255, 255});
  return colours;
}

TEST(DrawLane, EveryPixelInWhichSomethingRunsShowsIt) {
  std::mt19937_64 random(5);
  const std::int64_t total = 50'000'000;
  const SpanLanes lanes = RandomLanes(1, 400, total, &random);
  for (const double zoom : {1.0, 3.0, 40.0, 1000.0}) {
    TimeAxis axis(0, total, 300);
    axis.Zoom(130, zoom);
    std::vector<std::uint32_t> row(300);
    DrawLane(lanes.Lane(0), axis, WhiteOnBlack(), row, 1e9, [](std::uint32_t) {});
    for (int x = 0; x < 300; ++x) {
      const auto sums = TimeIn(lanes.Lane(0), axis.Time(x), axis.Time(x + 1));
      const std::int64_t busy = std::accumulate(sums.begin(), sums.end(), std::int64_t{0});
      const bool seen = (row[static_cast<std::size_t>(x)] & 0xff) > 0;
      if (static_cast<double>(busy) > 0.002 * axis.per_pixel()) {
        EXPECT_TRUE(seen) << x << " " << zoom;
      }
      const auto around = TimeIn(lanes.Lane(0), axis.Time(x - 0.01), axis.Time(x + 1.01));
      if (std::accumulate(around.begin(), around.end(), std::int64_t{0}) == 0) {
        EXPECT_FALSE(seen) << x << " " << zoom;
      }
    }
  }
}

TEST(DrawLane, InkIsTimeWherePixelsAreFullEnough) {
  SpanLanes lanes;
  lanes.BeginLane();
  for (int i = 0; i < 1000; ++i) lanes.Add(LaneSpan::Of(i * 1000, i * 1000, i * 1000 + 700, 0, 2));
  std::vector<std::uint32_t> row(100);
  DrawLane(lanes.Lane(0), TimeAxis(0, 1'000'000, 100), WhiteOnBlack(), row, 1e9, [](std::uint32_t) {});
  EXPECT_NEAR(Ink(row), 70, 0.5);
}

TEST(DrawLane, CallsForWideSpansAndWaitsAlone) {
  SpanLanes lanes;
  lanes.BeginLane();
  lanes.Add(LaneSpan::Of(0, 0, 10, 0, 0));
  lanes.Add(LaneSpan::Of(10, 10, 60, 0, 0));  // wide
  lanes.Add(LaneSpan::Of(60, 62, 70, 0, 0));
  lanes.Add(LaneSpan::Of(70, 95, 99, 0, 0));  // waited for long
  std::vector<std::uint32_t> row(100), called;
  LaneColours colours = WhiteOnBlack();
  colours.wait = {0, 90, 0};
  DrawLane(lanes.Lane(0), TimeAxis(0, 100, 100), colours, row, 20,
           [&](std::uint32_t index) { called.push_back(index); });
  EXPECT_EQ(called, (std::vector<std::uint32_t>{1, 3}));
  EXPECT_EQ(row[80], 0xff005a00U);  // the wait's own colour
  EXPECT_EQ(row[97], 0xffffffffU);
}

TEST(DrawLane, PaleCategoriesStepBack) {
  SpanLanes lanes;
  lanes.BeginLane();
  lanes.Add(LaneSpan::Of(0, 0, 100, 0, 1));
  std::vector<std::uint32_t> row(10);
  LaneColours colours = WhiteOnBlack();
  colours.pale = 1U << 1;
  DrawLane(lanes.Lane(0), TimeAxis(0, 100, 10), colours, row, 1e9, [](std::uint32_t) {});
  EXPECT_EQ(row[5], 0xff404040U);
}

TEST(SpanSums, AreTheExactSumsOfAnyStretchBetweenMoments) {
  std::mt19937_64 random(11);
  for (const std::int64_t total :
       {std::int64_t{4'000}, std::int64_t{1'500'000'000}, std::int64_t{19'397'000'000'000}}) {
    const SpanLanes lanes = RandomLanes(12, 300, total, &random);
    const std::vector<int> rows = {0, 0, 0, 1, 1, 1, 2, -1, 2, 3, 3, 3};
    const SpanSums sums(lanes, rows);
    ASSERT_EQ(sums.rows(), 4);
    for (int i = 0; i < 200; ++i) {
      const int row = static_cast<int>(random() % 4);
      std::size_t first = random() % (SpanSums::kBins + 1), last = random() % (SpanSums::kBins + 1);
      if (first > last) std::swap(first, last);
      std::array<std::int64_t, LaneSpan::kCategories> exact{};
      for (std::size_t lane = 0; lane < rows.size(); ++lane)
        if (rows[lane] == row) {
          const auto part = TimeIn(lanes.Lane(static_cast<int>(lane)), sums.Moment(first), sums.Moment(last));
          for (std::size_t c = 0; c < exact.size(); ++c) exact[c] += part[c];
        }
      const auto summed = sums.Between(row, first, last);
      for (std::size_t c = 0; c < exact.size(); ++c) {
        EXPECT_LT(std::abs(summed[c] - exact[c]), sums.unit()) << total;
        const std::size_t middle = (first + last) / 2;
        EXPECT_EQ(summed[c], sums.Between(row, first, middle)[c] + sums.Between(row, middle, last)[c]);
      }
    }
  }
}

TEST(SpanSums, CountPicosecondsWhereTheyFit) {
  std::mt19937_64 random(12);
  const SpanLanes lanes = RandomLanes(2, 100, 1'000'000'000, &random);
  EXPECT_EQ(SpanSums(lanes, std::vector<int>{0, 1}).unit(), 1);
  EXPECT_EQ(SpanSums(lanes, std::vector<int>{0, 0}).unit(), 1);
}

TEST(DrawOverview, InkIsTimeFromSumsAndFromSpansAlike) {
  std::mt19937_64 random(13);
  const std::int64_t total = 19'397'000'000'000;
  const SpanLanes lanes = RandomLanes(40, 4000, total, &random);
  std::vector<int> rows(40);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int>(i);
  const SpanSums sums(lanes, rows);
  for (const double zoom : {1.0, 2.5, 4.0, 9.0, 200.0}) {
    TimeAxis axis(0, total, 400);
    axis.Zoom(170, zoom);
    std::vector<std::uint32_t> pixels(400UL * 20);
    DrawOverview(lanes, rows, sums, axis, WhiteOnBlack(), 400, 20, pixels);
    double exact = 0;
    for (int lane = 0; lane < lanes.lanes(); ++lane)
      for (const std::int64_t time : TimeIn(lanes.Lane(lane), axis.from(), axis.to()))
        exact += static_cast<double>(time);
    EXPECT_NEAR(Ink(pixels), exact / axis.per_pixel() / 2, 0.01 * 400 * 20) << zoom;  // two rows a pixel
  }
}

TEST(DrawOverview, FewRowsAreTallerThanAPixelAndManyAreAllCounted) {
  SpanLanes lanes;
  for (int i = 0; i < 1000; ++i) {
    lanes.BeginLane();
    if (i == 617) lanes.Add(LaneSpan::Of(0, 0, 1'000'000, 0, 0));
    if (i == 0)
      lanes.Add(LaneSpan::Of(999'999, 999'999, 1'000'000, 0, 0));  // so that the limits are the same
  }
  std::vector<int> rows(1000);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int>(i);
  const SpanSums sums(lanes, rows);
  const TimeAxis axis(0, 1'000'000, 50);
  std::vector<std::uint32_t> few(50UL * 100), many(50UL * 3000);
  DrawOverview(lanes, rows, sums, axis, WhiteOnBlack(), 50, 100, few);
  EXPECT_NEAR(static_cast<double>(few[61UL * 50 + 20] & 0xff), 25.5, 1);
  EXPECT_EQ(few[60UL * 50 + 20] & 0xff, 0U);
  DrawOverview(lanes, rows, sums, axis, WhiteOnBlack(), 50, 3000, many);
  for (std::size_t y = 1850; y < 1856; ++y)
    EXPECT_EQ((many[y * 50 + 20] & 0xff) > 0, y >= 1851 && y < 1854) << y;
}

}  // namespace
}  // namespace orrery::gui
