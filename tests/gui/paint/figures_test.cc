// Stems, bars, stacks, phases and intervals: where things are drawn, and that what is pointed at is what is there.
#include <QRectF>
#include <functional>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "gui/export/picture.h"
#include "gui/paint/bars.h"
#include "gui/paint/interval.h"
#include "gui/paint/legend.h"
#include "gui/paint/phases.h"
#include "gui/paint/stacks.h"
#include "gui/paint/stems.h"
#include "tests/gui/paint/canvas.h"

namespace orrery::gui {
namespace {

const QRectF kArea(10, 10, 480, 300);

StemsFigure Stems() {
  StemsFigure figure;
  figure.title = "Layer 60";
  figure.index_title = "EP rank";
  figure.index_word = "rank";
  for (int i = 0; i < 2; ++i) {
    StemStrip strip;
    strip.title = i == 0 ? "experts in order" : "EPLB, 320 slots";
    strip.values.assign(64, 1.0F);
    strip.values[14] = i == 0 ? 1.544F : 0.8F;
    strip.category = 2 * i;
    figure.strips.push_back(strip);
  }
  return figure;
}

BarsFigure Bars() {
  BarsFigure figure;
  figure.title = "Where compute time goes";
  figure.axis_title = "seconds";
  figure.rows.push_back({"grouped GEMM",
                         {{4, Texture::kSolid, 0}, {2, Texture::kHatched, 0}},
                         "6.00",
                         "-3.0 %",
                         5.0,
                         {},
                         false});
  figure.rows.push_back({"attention", {{3, Texture::kOutlined, 0}}, "3.00", "+1.0 %", {}, {}, false});
  figure.caption = "A sentence about the bars.";
  return figure;
}

StacksFigure Stacks() {
  StacksFigure figure;
  figure.title = "Memory";
  figure.axis_title = "GB";
  figure.column_title = "pipeline rank";
  figure.parts = {PartOf(0, "weights"), PartOf(1, "gradients"), PartOf(2, "activations")};
  figure.columns = {{"0", {20, 10, 30}}, {"1", {20, 10, 70}}, {"2", {20, 10, 10}}};
  figure.limit = 84.9;
  figure.limit_text = "84.9 GB of the device";
  return figure;
}

PhasesFigure Phases() {
  PhasesFigure figure;
  figure.title = "Where the step goes";
  figure.strips = {
      {"ours", {{"1F", "2 s", 2, 0}, {"bubble", "1 s", 1, BarPart::kPlain}, {"1F1B", "7 s", 7, 3}}, "10 s"},
      {"published",
       {{"1F", "2 s", 2, 0}, {"bubble", "2 s", 2, BarPart::kPlain}, {"1F1B", "4 s", 4, 3}},
       "8 s"}};
  return figure;
}

IntervalsFigure Intervals() {
  IntervalsFigure figure;
  figure.title = "Step time";
  figure.rows = {{"base", 19.4, 18.34, 20.46, "19.40 s", 0}, {"EP32", 18.81, {}, {}, "18.81 s", 1}};
  return figure;
}

using Painting = std::function<void(QPainter&, const QRectF&, const Theme&)>;

std::vector<Painting> All() {
  return {[](QPainter& p, const QRectF& r, const Theme& t) { PaintStems(p, r, t, Stems()); },
          [](QPainter& p, const QRectF& r, const Theme& t) { PaintBars(p, r, t, Bars()); },
          [](QPainter& p, const QRectF& r, const Theme& t) { PaintStacks(p, r, t, Stacks()); },
          [](QPainter& p, const QRectF& r, const Theme& t) { PaintPhases(p, r, t, Phases()); },
          [](QPainter& p, const QRectF& r, const Theme& t) { PaintIntervals(p, r, t, Intervals()); }};
}

TEST(Painters, StayInsideTheirAreaAtEverySizeScaleAndTheme) {
  for (const Theme& theme : {Theme::Light(), Theme::Dark()})
    for (const double scale : {1.0, 1.5, 2.0})
      for (const QSizeF size : {QSizeF(480, 300), QSizeF(200, 120), QSizeF(90, 70), QSizeF(30, 24)}) {
        int which = 0;
        for (const Painting& paint : All()) {
          const QRectF area(QPointF(20, 20), size);
          const Canvas canvas({520, 340}, scale,
                              [&](QPainter& painter, const QRectF&) { paint(painter, area, theme); });
          const QColor white = Qt::white;
          const QRectF right(area.right() + 1, 0, 520 - area.right() - 1, 340), left(0, 0, 19, 340);
          const QRectF above(0, 0, 520, 19), below(0, area.bottom() + 1, 520, 340 - area.bottom() - 1);
          for (const QRectF& outside : {left, right, above, below})
            EXPECT_EQ(canvas.Inked(outside, white), 0)
                << "figure " << which << " at " << size.width() << "x" << size.height() << " scale " << scale;
          ++which;
        }
      }
}

TEST(Painters, TheSameFigureGivesTheSameBytes) {
  const Theme theme = Theme::Light();
  for (const Painting& paint : All()) {
    const auto into = [&](QPainter& painter, const QRectF& area) { paint(painter, area, theme); };
    EXPECT_EQ(PngOf(into, {480, 300}, 1, Qt::white), PngOf(into, {480, 300}, 1, Qt::white));
    const QByteArray svg = SvgOf(into, {480, 300}, Qt::white, "figure");
    EXPECT_EQ(svg, SvgOf(into, {480, 300}, Qt::white, "figure"));
    EXPECT_TRUE(svg.contains("DejaVu Sans"));
    EXPECT_FALSE(svg.contains("<image"));
  }
}

TEST(Stems, TheStragglerIsHotWhereItsValueIs) {
  const StemsFigure figure = Stems();
  const Theme theme = Theme::Light();
  const auto plots = LayOutStems(kArea, theme, figure);
  const auto limits = StemLimits(figure);
  EXPECT_DOUBLE_EQ(limits.second, 1.6);
  EXPECT_DOUBLE_EQ(limits.first, 0.8);
  const Canvas canvas({500, 320}, 1,
                      [&](QPainter& painter, const QRectF&) { PaintStems(painter, kArea, theme, figure); });
  const QRectF& plot = plots[0];
  const QPointF tip(plot.left() + 14.5 / 64 * plot.width(),
                    plot.bottom() - (1.544 - limits.first) / (limits.second - limits.first) * plot.height());
  EXPECT_GE(canvas.Count(QRectF(tip.x() - 3, tip.y() - 3, 6, 6), theme.hot), 8);
}

TEST(Stems, HitFindsStripAndRank) {
  const StemsFigure figure = Stems();
  const Theme theme = Theme::Light();
  const auto plots = LayOutStems(kArea, theme, figure);
  EXPECT_EQ(
      HitStems(kArea, theme, figure, {plots[1].left() + 9.5 / 64 * plots[1].width(), plots[1].center().y()}),
      (StemHit{1, 9}));
  EXPECT_EQ(HitStems(kArea, theme, figure, kArea.topLeft()), std::nullopt);
}

TEST(Bars, LengthsFollowValuesAndNegativeOnesGrowToTheLeft) {
  BarsFigure figure = Bars();
  const Theme theme = Theme::Light();
  const QRectF first = BarRect(kArea, theme, figure, 0), second = BarRect(kArea, theme, figure, 1);
  EXPECT_NEAR(first.width(), 2 * second.width(), 1e-6);
  EXPECT_DOUBLE_EQ(first.left(), second.left());
  EXPECT_EQ(HitBars(kArea, theme, figure, second.center()), 1);
  EXPECT_EQ(HitBars(kArea, theme, figure, kArea.topLeft()), std::nullopt);
  figure.rows[0].parts = {{-6, Texture::kSolid, 0}};
  const QRectF turned = BarRect(kArea, theme, figure, 0);
  EXPECT_NEAR(turned.right(), BarRect(kArea, theme, figure, 1).left(), 1e-6);
}

TEST(Bars, TexturesDifferInInk) {
  const Theme theme = Theme::Light();
  std::vector<int> ink;
  for (const Texture texture : {Texture::kSolid, Texture::kHatched, Texture::kOutlined}) {
    const Canvas canvas({80, 40}, 2, [&](QPainter& painter, const QRectF&) {
      FillTextured(painter, QRectF(10, 10, 60, 20), theme.categories[0], texture);
    });
    ink.push_back(canvas.Count(QRectF(10, 10, 60, 20), theme.categories[0]));
  }
  EXPECT_GT(ink[0], 4 * ink[1] / 3);
  EXPECT_GT(ink[1], 2 * ink[2]);
  EXPECT_GT(ink[2], 100);
}

TEST(Bars, ARowsHeightIsWhatBarsHeightAsksFor) {
  const BarsFigure figure = Bars();
  const Theme theme = Theme::Light();
  const double height = BarsHeight(figure, 480, theme);
  EXPECT_FALSE(BarRect(QRectF(0, 0, 480, height), theme, figure, 1).isEmpty());
  EXPECT_LE(height, 200);
}

TEST(Stacks, HitFindsPartsAndWhatIsTooHighIsHot) {
  const StacksFigure figure = Stacks();
  const Theme theme = Theme::Light();
  const Canvas canvas({500, 320}, 1,
                      [&](QPainter& painter, const QRectF&) { PaintStacks(painter, kArea, theme, figure); });
  EXPECT_GT(canvas.Count(kArea, theme.hot), 20);
  // Down through column 0: nothing, then activations, gradients and weights from the top.
  std::vector<int> seen;
  for (double y = kArea.top(); y < kArea.bottom(); y += 2)
    if (const auto hit = HitStacks(kArea, theme, figure, {kArea.left() + 80, y}); hit && hit->column == 0)
      if (seen.empty() || seen.back() != hit->part) seen.push_back(hit->part);
  ASSERT_GE(seen.size(), 4U);
  EXPECT_EQ(std::vector<int>(seen.begin(), seen.begin() + 4), (std::vector<int>{-1, 2, 1, 0}));
}

TEST(Stacks, TheLegendListsWhatIsPointedAt) {
  StacksFigure figure = Stacks();
  EXPECT_EQ(ListedColumn(figure), 1);  // the highest
  figure.selected = 2;
  EXPECT_EQ(ListedColumn(figure), 2);
  figure.hovered = 0;
  EXPECT_EQ(ListedColumn(figure), 0);
}

TEST(Phases, HitFollowsTheSharedAxis) {
  const PhasesFigure figure = Phases();
  const Theme theme = Theme::Light();
  std::vector<std::optional<PhaseHit>> seen;
  for (double x = kArea.left(); x < kArea.right(); x += 1) {
    const auto hit = HitPhases(kArea, theme, figure, {x, kArea.top() + 25});
    if (hit && (seen.empty() || seen.back() != hit)) seen.push_back(hit);
  }
  EXPECT_EQ(seen, (std::vector<std::optional<PhaseHit>>{PhaseHit{0, 0}, PhaseHit{0, 1}, PhaseHit{0, 2}}));
}

TEST(Intervals, TheAxisHoldsEveryIntervalAndRowsAreFound) {
  const IntervalsFigure figure = Intervals();
  const auto limits = IntervalLimits(figure);
  EXPECT_LT(limits.first, 18.34);
  EXPECT_GT(limits.second, 20.46);
  const Theme theme = Theme::Light();
  EXPECT_EQ(HitIntervals(kArea, theme, figure, {200, 35}), 0);
  EXPECT_EQ(HitIntervals(kArea, theme, figure, {200, 95}), 1);
  EXPECT_EQ(HitIntervals(kArea, theme, figure, {200, 300}), std::nullopt);
}

TEST(Theme, TextCanBeReadInBoth) {
  for (const Theme& theme : {Theme::Light(), Theme::Dark()}) {
    EXPECT_GE(Contrast(FromQt(theme.text), FromQt(theme.background)), 12);
    EXPECT_GE(Contrast(FromQt(theme.faint), FromQt(theme.background)), 4.5);
    EXPECT_GE(Contrast(FromQt(theme.hot), FromQt(theme.background)), 3);
    for (const QColor& category : theme.categories)
      EXPECT_GE(Contrast(FromQt(TextOn(category)), FromQt(category)), 4.5);
    EXPECT_EQ(Theme::Of(PaletteOf(theme)).dark, theme.dark);
  }
}

}  // namespace
}  // namespace orrery::gui
