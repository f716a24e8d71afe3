// A matrix of values as coloured cells: layers by ranks or experts, pipeline ranks by GPUs, GPUs by ports.
#pragma once

#include <QPainter>
#include <QPointF>
#include <QRectF>
#include <QString>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "gui/geometry/colour_scale.h"
#include "gui/paint/theme.h"

namespace orrery::gui {

struct HeatMapCell {
  int row = -1;
  int column = -1;  ///< -1: the whole row
  bool operator==(const HeatMapCell&) const = default;
};

enum class CellMark : std::uint8_t {
  kCross,
  kDot,
  kTriangle
};  ///< dead, very full, dropped; by shape, not by colour

struct MarkedCell {
  HeatMapCell cell;
  CellMark mark = CellMark::kDot;
};

struct HeatMapFigure {
  QString title;
  int rows = 0, columns = 0;
  std::vector<float> values;  ///< row by row; NaN: no value, drawn hatched
  ColourScale scale = ColourScale::AboutOne(2, false);
  QString row_title, column_title;                 ///< "layer", "EP rank"
  std::vector<QString> row_labels, column_labels;  ///< one each; empty: the index
  std::vector<int> row_groups, column_groups;      ///< a line stands before each of these
  std::vector<float> margin;           ///< one a row, drawn as bars at the right: the hottest's excess
  std::vector<QString> margin_labels;  ///< one a row, "+54.4 %"; shown where there is room
  QString margin_title;                ///< "hottest"
  std::vector<MarkedCell> marks;
  std::array<QString, 3> mark_names;  ///< what each CellMark means; those in use stand in the legend
  std::optional<HeatMapCell> selected, hovered;
  QString low_text, centre_text, high_text;  ///< the scale in words: "fewer rows", "1 = balanced", "more"
  bool as_percent =
      false;  ///< the legend's limits as signed percentages of 1, or of 0 where the scale is about 0
  QString caption;
  bool legend = true;  ///< of small multiples one has it
  bool pale = false;   ///< the content is of an older answer
};

/// Where the parts stand; empty rectangles are left out because there is no room.
struct HeatMapLayout {
  QRectF title, map, rows, row_title, columns, column_title, margin, legend, caption;
};

HeatMapLayout LayOutHeatMap(const QRectF& area, const Theme& theme, const HeatMapFigure& figure);

/// A cell, or with column -1 a row, in the coordinates of the layout.
QRectF CellRect(const HeatMapLayout& layout, const HeatMapFigure& figure, HeatMapCell cell);

/// Cells outside the limits of the scale; the legend names the number.
std::size_t ClippedCells(const HeatMapFigure& figure);

/// Draws within `area`, background and all. Where cells are smaller than pixels, the one farthest from the middle of
/// the scale shows, so that no straggler is lost. Up to 20,000 cells are shapes in an SVG, more an embedded image.
void PaintHeatMap(QPainter& painter, const QRectF& area, const Theme& theme, const HeatMapFigure& figure);

/// The cell at a point; in the margin or the row labels the row. None outside.
std::optional<HeatMapCell> HitHeatMap(const QRectF& area, const Theme& theme, const HeatMapFigure& figure,
                                      const QPointF& at);

}  // namespace orrery::gui
