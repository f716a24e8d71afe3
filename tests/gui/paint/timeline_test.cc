#include "gui/paint/timeline.h"

#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "gui/export/picture.h"
#include "tests/gui/paint/canvas.h"

namespace orrery::gui {
namespace {

const QRectF kArea(10, 10, 600, 300);

struct Fixture {
  SpanLanes lanes;
  std::vector<QString> names{"attn(F)", "mlp(B)"};
  std::vector<int> rows{0, 0, 1, 1};
  TimelineFigure figure;

  explicit Fixture(const Theme& theme) {
    for (int lane = 0; lane < 4; ++lane) {
      lanes.BeginLane();
      lanes.Add(LaneSpan::Of(0, 1'000'000, 5'000'000, 0, 0));
      lanes.Add(LaneSpan::Of(6'000'000, 6'000'000, 10'000'000, 1, 5));
    }
    figure.spans = &lanes;
    figure.names = &names;
    for (int lane = 0; lane < 4; ++lane)
      figure.lanes.push_back({lane, lane % 2 == 0 ? "compute" : "exchange",
                              lane % 2 == 0 ? QStringLiteral("rank %1").arg(lane / 2) : QString()});
    figure.axis = TimeAxis(0, 10'000'000, 100);
    figure.colours = StepColours(theme);
    figure.legend = StepLegend(theme);
  }
};

TEST(Timeline, SpansAreDrawnInTheirColourWhereTheyAreHit) {
  for (const Theme& theme : {Theme::Light(), Theme::Dark()})
    for (const double scale : {1.0, 1.5, 2.0}) {
      const Fixture fixture(theme);
      const Canvas canvas({620, 320}, scale, [&](QPainter& painter, const QRectF&) {
        PaintTimeline(painter, kArea, theme, fixture.figure);
      });
      for (int lane = 0; lane < 4; ++lane)
        for (const std::uint32_t index : {0U, 1U}) {
          const LaneSpanRef ref{lane, index};
          const QRectF box = SpanRect(kArea, theme, fixture.figure, ref);
          ASSERT_FALSE(box.isEmpty());
          const QPointF at(box.left() + 8, box.top() + 4);
          EXPECT_EQ(canvas.At(at), ToQt(fixture.figure.colours.categories[fixture.lanes.At(ref).category()]))
              << scale;
          const auto hit = HitTimeline(kArea, theme, fixture.figure, at);
          ASSERT_TRUE(hit && hit->span);
          EXPECT_EQ(*hit->span, ref);
          EXPECT_EQ(hit->row, lane);
        }
    }
}

TEST(Timeline, GapsAreEmptyAndHitNothing) {
  const Theme theme = Theme::Light();
  const Fixture fixture(theme);
  const QRectF before = SpanRect(kArea, theme, fixture.figure, {2, 0}),
               after = SpanRect(kArea, theme, fixture.figure, {2, 1});
  const QPointF between((before.right() + after.left()) / 2, before.center().y());
  const auto hit = HitTimeline(kArea, theme, fixture.figure, between);
  ASSERT_TRUE(hit);
  EXPECT_EQ(hit->span, std::nullopt);
  EXPECT_NEAR(static_cast<double>(hit->time), 5'500'000, 20'000);
  const Canvas canvas({620, 320}, 1, [&](QPainter& painter, const QRectF&) {
    PaintTimeline(painter, kArea, theme, fixture.figure);
  });
  EXPECT_EQ(canvas.At(between), ToQt(fixture.figure.colours.background));
}

TEST(Timeline, ScrollAndZoomMoveWhatIsHit) {
  const Theme theme = Theme::Light();
  Fixture fixture(theme);
  const QRectF top = SpanRect(kArea, theme, fixture.figure, {0, 0});
  fixture.figure.scroll = 2 * fixture.figure.lane_height;
  const auto hit = HitTimeline(kArea, theme, fixture.figure, top.center());
  ASSERT_TRUE(hit && hit->span);
  EXPECT_EQ(hit->span->lane, 2);
  fixture.figure.axis.Show(6'000'000, 7'000'000);
  const auto zoomed = HitTimeline(kArea, theme, fixture.figure, top.center());
  ASSERT_TRUE(zoomed && zoomed->span);
  EXPECT_EQ(zoomed->span->index, 1U);
}

TEST(Timeline, StaysInsideItsAreaWhereverItIsScrolled) {
  const Theme theme = Theme::Light();
  Fixture fixture(theme);
  fixture.figure.selected = LaneSpanRef{1, 1};
  fixture.figure.range = {2'000'000, 9'000'000};
  for (const double scroll : {0.0, 5.0, 30.0}) {
    fixture.figure.scroll = scroll;
    for (const QSizeF size : {QSizeF(600, 300), QSizeF(200, 40), QSizeF(40, 20)}) {
      const QRectF area(QPointF(20, 20), size);
      const Canvas canvas({640, 340}, 1, [&](QPainter& painter, const QRectF&) {
        PaintTimeline(painter, area, theme, fixture.figure);
      });
      for (const QRectF& outside :
           {QRectF(0, 0, 640, 20), QRectF(0, 0, 20, 340), QRectF(area.right() + 1, 0, 700, 340),
            QRectF(0, area.bottom() + 1, 640, 400)})
        EXPECT_EQ(canvas.Inked(outside, Qt::white), 0) << size.width() << " " << scroll;
    }
  }
}

TEST(Timeline, InSvgSpansAreAnImageAndNamesAreText) {
  const Theme theme = Theme::Light();
  const Fixture fixture(theme);
  const auto svg = [&] {
    return SvgOf(
        [&](QPainter& painter, const QRectF& area) { PaintTimeline(painter, area, theme, fixture.figure); },
        {620, 320}, theme.background, "timeline");
  };
  const QByteArray once = svg();
  EXPECT_EQ(once, svg());
  EXPECT_EQ(once.count("<image"), 1);
  EXPECT_TRUE(once.contains("mlp(B)"));
}

TEST(Overview, RowsAndTimesAreFoundAndTheWindowIsClear) {
  const Theme theme = Theme::Light();
  const Fixture fixture(theme);
  const SpanSums sums(fixture.lanes, fixture.rows);
  OverviewFigure figure;
  figure.spans = &fixture.lanes;
  figure.sums = &sums;
  figure.row_of_lane = &fixture.rows;
  figure.axis = fixture.figure.axis;
  figure.colours = fixture.figure.colours;
  figure.groups = {{0, "pipeline rank 0"}, {1, "pipeline rank 1"}};
  figure.window = {6'500'000, 9'000'000};
  const TimelineLayout layout = LayOutOverview(kArea, theme, figure);
  const auto at = [&](double share, double y) {
    return QPointF(layout.plot.left() + share * layout.plot.width(),
                   layout.plot.top() + y * layout.plot.height());
  };
  const auto hit = HitOverview(kArea, theme, figure, at(0.8, 0.75));
  ASSERT_TRUE(hit);
  EXPECT_EQ(hit->row, 1);
  EXPECT_NEAR(static_cast<double>(hit->time), 8'000'000, 50'000);
  const Canvas canvas(
      {620, 320}, 1, [&](QPainter& painter, const QRectF&) { PaintOverview(painter, kArea, theme, figure); });
  EXPECT_EQ(canvas.At(at(0.8, 0.25)), ToQt(figure.colours.categories[5]));
  EXPECT_NE(canvas.At(at(0.97, 0.25)), ToQt(figure.colours.categories[5]));  // veiled
}

}  // namespace
}  // namespace orrery::gui
