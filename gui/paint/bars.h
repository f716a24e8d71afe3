// Horizontal bars with their names, values and differences: op classes, communication, what would help.
#pragma once

#include <QPainter>
#include <QPointF>
#include <QRectF>
#include <QString>
#include <optional>
#include <utility>
#include <vector>

#include "gui/paint/drawing.h"
#include "gui/paint/legend.h"
#include "gui/paint/theme.h"

namespace orrery::gui {

struct BarPart {
  double value = 0;  ///< all parts of a bar have one sign
  Texture texture = Texture::kSolid;
  int category = 0;  ///< of Theme::categories; kPlain and kHot are no category
  static constexpr int kPlain = -1, kHot = -2;
};

struct BarRow {
  QString label;
  std::vector<BarPart> parts;       ///< drawn one after the other; a negative bar grows to the left of zero
  QString value;                    ///< "8.21 s"
  QString difference;               ///< "-3.0 %", or what else stands in the last column
  std::optional<double> reference;  ///< a tick: what is published, what the other variant has
  std::optional<std::pair<double, double>> tolerance;  ///< of the reference, as a bracket
  bool dimmed = false;
};

struct BarsFigure {
  QString title;
  QString axis_title;  ///< with the unit: "seconds of the step"
  std::vector<BarRow> rows;
  QString value_title, difference_title;  ///< heads of the columns of numbers
  QString reference_name;                 ///< beside the title of the axis: "published"
  std::optional<std::pair<double, double>> limits;
  std::vector<LegendEntry> legend;
  bool percent_axis = false;  ///< the axis counts shares of 1
  int selected = -1, hovered = -1;
  QString caption;
  bool pale = false;  ///< the content is of an older answer
};

std::pair<double, double> BarLimits(const BarsFigure& figure);

void PaintBars(QPainter& painter, const QRectF& area, const Theme& theme, const BarsFigure& figure);

/// The row at a point.
std::optional<int> HitBars(const QRectF& area, const Theme& theme, const BarsFigure& figure,
                           const QPointF& at);

/// Where the bars of a row are drawn; empty where there is no room for the row.
QRectF BarRect(const QRectF& area, const Theme& theme, const BarsFigure& figure, int row);

/// The height at which every row is comfortable: for scroll areas and grids of panels.
double BarsHeight(const BarsFigure& figure, double width, const Theme& theme);

/// A colour by a part's category.
QColor ColourOf(int category, const Theme& theme);

}  // namespace orrery::gui
