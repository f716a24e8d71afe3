// Values with their intervals on one axis: |---[18.34 ====●==== 20.46]---|.
#pragma once

#include <QPainter>
#include <QPointF>
#include <QRectF>
#include <QString>
#include <optional>
#include <utility>
#include <vector>

#include "gui/paint/theme.h"

namespace orrery::gui {

struct IntervalRow {
  QString label;
  double value = 0;
  std::optional<double> low, high;  ///< ends of the interval; none: not known yet, only the point is drawn
  QString text;                     ///< the value in words: "19.40 s ◉"
  int category = 0;                 ///< of Theme::categories
};

struct IntervalsFigure {
  QString title, axis_title;
  std::vector<IntervalRow> rows;
  std::optional<std::pair<double, double>> limits;  ///< of the axis; else from the rows
  std::optional<double> reference;                  ///< a line across all rows, e.g. 0 or what is published
  QString reference_text;
  bool end_texts = true;  ///< numbers at the ends of each interval
  bool axis = true;
  int decimals = 2;  ///< of the numbers at the ends
  int selected = -1, hovered = -1;
  QString caption;
};

std::pair<double, double> IntervalLimits(const IntervalsFigure& figure);

void PaintIntervals(QPainter& painter, const QRectF& area, const Theme& theme, const IntervalsFigure& figure);

/// The row at a point.
std::optional<int> HitIntervals(const QRectF& area, const Theme& theme, const IntervalsFigure& figure,
                                const QPointF& at);

}  // namespace orrery::gui
