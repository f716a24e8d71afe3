#include "gui/paint/heat_map.h"

#include <cmath>
#include <limits>
#include <optional>

#include <gtest/gtest.h>

#include "gui/export/picture.h"
#include "gui/paint/drawing.h"
#include "tests/gui/paint/canvas.h"

namespace orrery::gui {
namespace {

const QRectF kArea(10, 20, 620, 420);

HeatMapFigure Figure(bool dark) {
  HeatMapFigure figure;
  figure.title = "Rows of each EP rank over the mean";
  figure.rows = 12;
  figure.columns = 16;
  figure.scale = ColourScale::AboutOne(1.32, dark);
  figure.row_title = "layer";
  figure.column_title = "EP rank";
  for (int row = 0; row < figure.rows; ++row) {
    float hottest = 0;
    for (int column = 0; column < figure.columns; ++column) {
      const float value = 0.8F + 0.03F * static_cast<float>((row * 7 + column * 5) % 16);
      figure.values.push_back(value);
      hottest = std::max(hottest, value);
    }
    figure.margin.push_back(hottest - 1);
    figure.margin_labels.push_back(QStringLiteral("+%1 %").arg(row + 10));
  }
  figure.margin_title = "hottest";
  figure.low_text = "fewer rows";
  figure.high_text = "more rows";
  figure.centre_text = "balanced";
  figure.caption = "A sentence.";
  return figure;
}

struct Look {
  double scale;
  bool dark;
};

class HeatMapAt : public testing::TestWithParam<Look> {
 protected:
  Theme theme() const { return GetParam().dark ? Theme::Dark() : Theme::Light(); }
  Canvas Painted(const HeatMapFigure& figure) const {
    const Theme look = theme();
    return Canvas({640, 460}, GetParam().scale,
                  [&](QPainter& painter, const QRectF&) { PaintHeatMap(painter, kArea, look, figure); });
  }
};

TEST_P(HeatMapAt, EveryCellHasTheColourOfItsValue) {
  const HeatMapFigure figure = Figure(GetParam().dark);
  const Canvas canvas = Painted(figure);
  const HeatMapLayout layout = LayOutHeatMap(kArea, theme(), figure);
  for (int row = 0; row < figure.rows; ++row)
    for (int column = 0; column < figure.columns; ++column) {
      const auto value =
          static_cast<double>(figure.values[static_cast<std::size_t>(row * figure.columns + column)]);
      EXPECT_EQ(canvas.At(CellRect(layout, figure, {row, column}).center()), ToQt(figure.scale(value)))
          << row << column;
    }
}

TEST_P(HeatMapAt, NothingIsDrawnOutsideOfItsArea) {
  HeatMapFigure figure = Figure(GetParam().dark);
  figure.selected = HeatMapCell{5, -1};
  const Canvas canvas = Painted(figure);
  for (const QRectF& outside :
       {QRectF(0, 0, 640, 20), QRectF(0, 0, 10, 460), QRectF(630, 0, 10, 460), QRectF(0, 440, 640, 20)})
    EXPECT_EQ(canvas.Inked(outside, Qt::white), 0);
}

INSTANTIATE_TEST_SUITE_P(Looks, HeatMapAt,
                         testing::Values(Look{1, false}, Look{1.5, false}, Look{2, false}, Look{1, true},
                                         Look{1.5, true}, Look{2, true}));

TEST(HeatMap, HitFindsEveryCellItDraws) {
  const HeatMapFigure figure = Figure(false);
  const Theme theme = Theme::Light();
  const HeatMapLayout layout = LayOutHeatMap(kArea, theme, figure);
  for (int row = 0; row < figure.rows; ++row)
    for (int column = 0; column < figure.columns; ++column)
      EXPECT_EQ(HitHeatMap(kArea, theme, figure, CellRect(layout, figure, {row, column}).center()),
                (HeatMapCell{row, column}));
  EXPECT_EQ(HitHeatMap(kArea, theme, figure,
                       {layout.margin.center().x(), CellRect(layout, figure, {7, -1}).center().y()}),
            (HeatMapCell{7, -1}));
  EXPECT_EQ(HitHeatMap(kArea, theme, figure, layout.legend.center()), std::nullopt);
  EXPECT_EQ(HitHeatMap(kArea, theme, figure, {0, 0}), std::nullopt);
}

TEST(HeatMap, ThePartsNeverOverlapAndStayInside) {
  const Theme theme = Theme::Light();
  const HeatMapFigure figure = Figure(false);
  for (double width = 20; width < 900; width += 37)
    for (double height = 20; height < 700; height += 31) {
      const QRectF area(3, 4, width, height);
      const HeatMapLayout layout = LayOutHeatMap(area, theme, figure);
      const std::vector<QRectF> parts = {layout.map,     layout.rows,         layout.row_title,
                                         layout.columns, layout.column_title, layout.margin,
                                         layout.legend,  layout.caption};
      for (std::size_t i = 0; i < parts.size(); ++i) {
        if (parts[i].isEmpty()) continue;
        EXPECT_TRUE(area.adjusted(-0.01, -0.01, 0.01, 0.01).contains(parts[i]))
            << i << " " << width << "x" << height;
        for (std::size_t j = 0; j < i; ++j)
          EXPECT_FALSE(parts[i].adjusted(0.01, 0.01, -0.01, -0.01).intersects(parts[j])) << i << " " << j;
      }
    }
}

TEST(HeatMap, AStragglerIsSeenWhereCellsAreSmallerThanPixels) {
  HeatMapFigure figure;
  figure.rows = 300;
  figure.columns = 2048;
  figure.values.assign(300UL * 2048, 1.0F);
  figure.values[137UL * 2048 + 1501] = 2.0F;
  figure.legend = false;
  const QRectF area(0, 0, 400, 160);
  const Theme theme = Theme::Light();
  const Canvas canvas({400, 160}, 1,
                      [&](QPainter& painter, const QRectF&) { PaintHeatMap(painter, area, theme, figure); });
  const HeatMapLayout layout = LayOutHeatMap(area, theme, figure);
  EXPECT_GE(canvas.Count(layout.map, ToQt(figure.scale(2))), 1);
}

TEST(HeatMap, ClippedCellsAreCountedAndNaNIsNone) {
  HeatMapFigure figure = Figure(false);
  EXPECT_EQ(ClippedCells(figure), 0U);
  figure.values[3] = 1.5F;
  figure.values[4] = 0.1F;
  figure.values[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(ClippedCells(figure), 2U);
}

TEST(HeatMap, TheHottestRowsBarIsTheLongestAndHot) {
  HeatMapFigure figure = Figure(false);
  figure.margin.assign(12, 0.1F);
  figure.margin[4] = 0.5F;
  const Theme theme = Theme::Light();
  const Canvas canvas({640, 460}, 1,
                      [&](QPainter& painter, const QRectF&) { PaintHeatMap(painter, kArea, theme, figure); });
  const HeatMapLayout layout = LayOutHeatMap(kArea, theme, figure);
  const auto along = [&](int row) {
    const QRectF cell = CellRect(layout, figure, {row, -1});
    const QRectF line(layout.margin.left(), cell.center().y() - 1, layout.margin.width(), 2);
    return canvas.Count(line, row == 4 ? theme.hot : theme.bar);
  };
  EXPECT_NEAR(along(4), 5 * along(3), 10);
}

TEST(HeatMap, InSvgCellsAreShapesUpToTwentyThousand) {
  HeatMapFigure figure = Figure(false);
  figure.legend = false;
  const Theme theme = Theme::Light();
  const auto svg = [&] {
    return SvgOf([&](QPainter& painter, const QRectF& area) { PaintHeatMap(painter, area, theme, figure); },
                 {640, 460}, theme.background, "rows");
  };
  const QByteArray few = svg();
  EXPECT_FALSE(few.contains("<image"));
  EXPECT_TRUE(few.contains("Rows of each EP rank"));
  EXPECT_EQ(few, svg());
  figure.rows = 200;
  figure.columns = 101;
  figure.values.assign(200UL * 101, 1.1F);
  figure.margin.clear();
  figure.margin_labels.clear();
  EXPECT_TRUE(svg().contains("<image"));
}

}  // namespace
}  // namespace orrery::gui
