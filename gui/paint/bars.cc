#include "gui/paint/bars.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "gui/geometry/ticks.h"

namespace orrery::gui {
namespace {

constexpr double kMostRow = 26, kLeastRow = 14, kComfortable = 22;

double Total(const BarRow& row) {
  return std::accumulate(row.parts.begin(), row.parts.end(), 0.0,
                         [](double sum, const BarPart& part) { return sum + part.value; });
}

struct BarsLayout {
  QRectF rows, plot, axis, legend, caption;
  double label_width = 0, value_width = 0, difference_width = 0, row_height = 0;
  int shown = 0;  ///< rows that fit
};

double WidestText(const BarsFigure& figure, QString BarRow::*text, const QString& head, const QFont& font,
                  const Theme& theme) {
  double widest = TextWidth(theme.Small(), head);
  for (const BarRow& row : figure.rows) widest = std::max(widest, TextWidth(font, row.*text));
  return widest > 0 ? widest + 12 : 0;
}

double HeadHeight(const BarsFigure& figure, const Theme& theme) {
  return figure.value_title.isEmpty() && figure.difference_title.isEmpty() ? 0
                                                                           : LineHeight(theme.Small()) + 2;
}

double AxisHeight(const BarsFigure& figure, const Theme& theme) {
  return LineHeight(theme.Small()) * (figure.axis_title.isEmpty() ? 1 : 2) + 5;
}

BarsLayout LayOut(const QRectF& area, const Theme& theme, const BarsFigure& figure) {
  BarsLayout layout;
  const auto count = static_cast<int>(figure.rows.size());
  QRectF rest = area.adjusted(0, TitleHeight(figure.title, theme) + HeadHeight(figure, theme), 0, 0);
  double caption = CaptionHeight(figure.caption, area.width(), theme);
  double legend = LegendHeight(figure.legend, area.width(), theme);
  double axis = AxisHeight(figure, theme);
  // What helps reading goes before the bars do.
  for (double* part : {&caption, &legend, &axis})
    if (rest.height() - caption - legend - axis < kLeastRow * std::max(1, count)) *part = 0;
  const double room = rest.height() - caption - legend - axis;
  layout.row_height = std::clamp(room / std::max(1, count), kLeastRow, kMostRow);
  layout.shown = std::clamp(static_cast<int>(room / layout.row_height + 1e-6), 0, count);
  layout.rows = QRectF(rest.left(), rest.top(), rest.width(), layout.shown * layout.row_height);
  layout.axis = QRectF(rest.left(), layout.rows.bottom(), rest.width(), axis);
  layout.legend = QRectF(rest.left(), layout.axis.bottom(), rest.width(), legend);
  layout.caption = QRectF(rest.left(), layout.legend.bottom(), rest.width(), caption);

  layout.label_width =
      std::min(WidestText(figure, &BarRow::label, {}, theme.Font(), theme), rest.width() * 0.42);
  layout.value_width = WidestText(figure, &BarRow::value, figure.value_title, theme.Font(), theme);
  layout.difference_width =
      WidestText(figure, &BarRow::difference, figure.difference_title, theme.Font(), theme);
  if (rest.width() - layout.label_width - layout.value_width - layout.difference_width < 50)
    layout.difference_width = 0;
  if (rest.width() - layout.label_width - layout.value_width < 50) layout.value_width = 0;
  layout.plot =
      layout.rows.adjusted(layout.label_width, 0, -layout.value_width - layout.difference_width - 4, 0);
  return layout;
}

double PositionOf(double value, const BarsLayout& layout, const std::pair<double, double>& limits) {
  const double share = (value - limits.first) / (limits.second - limits.first);
  return layout.plot.left() + std::clamp(share, 0.0, 1.0) * layout.plot.width();
}

QRectF RowRect(const BarsLayout& layout, int row) {
  return {layout.rows.left(), layout.rows.top() + row * layout.row_height, layout.rows.width(),
          layout.row_height};
}

/// A bar with all its parts.
QRectF WholeBar(const BarRow& row, const QRectF& box, const BarsLayout& layout,
                const std::pair<double, double>& limits) {
  const double from = PositionOf(0, layout, limits), to = PositionOf(Total(row), layout, limits);
  const double inset = std::clamp(box.height() * 0.18, 1.0, 5.0);
  return {std::min(from, to), box.top() + inset, std::abs(to - from), box.height() - 2 * inset};
}

class BarsPainter {
 public:
  BarsPainter(QPainter& painter, const Theme& theme, const BarsFigure& figure, const BarsLayout& layout)
      : painter_(painter), theme_(theme), figure_(figure), layout_(layout), limits_(BarLimits(figure)) {}

  void PaintAxis() {
    const QFont small = theme_.Small();
    const double line = LineHeight(small);
    const QRectF& plot = layout_.plot;
    const int most = std::clamp(static_cast<int>(plot.width() / 58), 2, 8);
    const double unit = figure_.percent_axis ? 100 : 1;
    for (const Tick& tick : Ticks(limits_.first * unit, limits_.second * unit, most)) {
      const double x = X(tick.value / unit);
      if (tick.value != 0) DrawHairline(painter_, {x, plot.top()}, {x, plot.bottom()}, theme_.grid);
      if (layout_.axis.height() <= 0) continue;
      const QString text =
          QString::fromStdString(tick.text) + (figure_.percent_axis ? QStringLiteral(" %") : QString());
      const double width = TextWidth(small, text) + 2;
      const double left = std::clamp(x - width / 2, layout_.rows.left(),
                                     std::max(layout_.rows.left(), layout_.rows.right() - width));
      DrawText(painter_, QRectF(left, layout_.axis.top() + 3, width, line), Qt::AlignHCenter, text, small,
               theme_.faint);
    }
    if (layout_.axis.height() > line * 1.5)
      DrawText(painter_, QRectF(plot.left(), layout_.axis.top() + 3 + line, plot.width(), line),
               Qt::AlignHCenter, AxisTitle(), small, theme_.faint);
  }

  void PaintHeads(double top) {
    const double height = HeadHeight(figure_, theme_);
    if (height <= 0) return;
    PaintColumns(QRectF(layout_.rows.left(), top, layout_.rows.width(), height - 2), figure_.value_title,
                 figure_.difference_title, theme_.Small(), theme_.faint);
  }

  void PaintRow(int index) {
    const BarRow& row = figure_.rows[static_cast<std::size_t>(index)];
    const QRectF box = RowRect(layout_, index);
    for (const auto& [at, strength] : {std::pair(figure_.selected, 0.2F), std::pair(figure_.hovered, 0.1F)})
      if (at == index) {
        QColor wash = theme_.accent;
        wash.setAlphaF(strength);
        painter_.fillRect(box, wash);
      }
    const QColor text = row.dimmed ? theme_.faint : theme_.text;
    DrawText(painter_, QRectF(box.left() + 2, box.top(), layout_.label_width - 10, box.height()),
             Qt::AlignLeft | Qt::AlignVCenter, row.label, theme_.Font(), text);
    PaintColumns(box, row.value, row.difference, theme_.Font(), text);
    PaintParts(row, box);
    PaintReference(row, box);
  }

  void PaintZero() {
    const double x = X(0);
    if (x >= layout_.plot.left() - 1 && x <= layout_.plot.right() + 1)
      DrawHairline(painter_, {x, layout_.plot.top()}, {x, layout_.plot.bottom()}, theme_.axis);
  }

 private:
  /// The mark of the reference is explained where it is read off.
  QString AxisTitle() const {
    return figure_.reference_name.isEmpty()
               ? figure_.axis_title
               : QStringLiteral("%1;  | %2").arg(figure_.axis_title, figure_.reference_name);
  }
  double X(double value) const { return PositionOf(value, layout_, limits_); }

  void PaintColumns(const QRectF& box, const QString& value, const QString& difference, const QFont& font,
                    const QColor& colour) {
    if (layout_.difference_width > 0)
      DrawText(painter_,
               QRectF(box.right() - layout_.difference_width, box.top(), layout_.difference_width - 4,
                      box.height()),
               Qt::AlignRight | Qt::AlignVCenter, difference, font, colour);
    if (layout_.value_width > 0)
      DrawText(painter_,
               QRectF(box.right() - layout_.difference_width - layout_.value_width, box.top(),
                      layout_.value_width - 4, box.height()),
               Qt::AlignRight | Qt::AlignVCenter, value, font, colour);
  }

  void PaintParts(const BarRow& row, const QRectF& box) {
    const QRectF bar = WholeBar(row, box, layout_, limits_);
    double at = 0;
    for (const BarPart& part : row.parts) {
      const double from = X(at), to = X(at + part.value);
      at += part.value;
      QColor colour = ColourOf(part.category, theme_);
      if (row.dimmed || figure_.pale) colour = Dimmed(colour, theme_.background);
      // A hair of background between parts, where they are wide enough to lose it.
      const double wide = std::abs(to - from), gap = wide > 4 ? 1 : 0;
      FillTextured(
          painter_,
          QRectF(std::min(from, to), bar.top(), std::max(wide - gap, std::min(wide, 0.75)), bar.height()),
          colour, part.texture);
    }
  }

  void PaintReference(const BarRow& row, const QRectF& box) {
    if (!row.reference) return;
    const double x = X(*row.reference), middle = box.center().y();
    const double half = std::max(3.0, box.height() / 2 - 1.5);
    if (row.tolerance) {
      const double low = X(row.tolerance->first), high = X(row.tolerance->second);
      for (const double end : {low, high})
        painter_.fillRect(QRectF(end - 0.5, middle - half * 0.5, 1, half), theme_.text);
      painter_.fillRect(QRectF(low, middle - 0.5, high - low, 1), theme_.text);
    }
    painter_.fillRect(QRectF(x - 1.75, middle - half, 3.5, 2 * half), theme_.background);
    painter_.fillRect(QRectF(x - 0.75, middle - half, 1.5, 2 * half), theme_.text);
  }

  QPainter& painter_;
  const Theme& theme_;
  const BarsFigure& figure_;
  const BarsLayout& layout_;
  const std::pair<double, double> limits_;
};

}  // namespace

QColor ColourOf(int category, const Theme& theme) {
  if (category == BarPart::kPlain) return theme.bar;
  if (category == BarPart::kHot) return theme.hot;
  return theme.categories[static_cast<std::size_t>(category) % theme.categories.size()];
}

std::pair<double, double> BarLimits(const BarsFigure& figure) {
  if (figure.limits) return *figure.limits;
  double low = 0, high = 0;
  for (const BarRow& row : figure.rows) {
    low = std::min(
        {low, Total(row), row.reference.value_or(0), row.tolerance.value_or(std::pair(0.0, 0.0)).first});
    high = std::max(
        {high, Total(row), row.reference.value_or(0), row.tolerance.value_or(std::pair(0.0, 0.0)).second});
  }
  if (low == high) return {0, 1};
  const double slack = (high - low) * 0.03;
  return {low < 0 ? low - slack : 0, high > 0 ? high + slack : 0};
}

void PaintBars(QPainter& painter, const QRectF& area, const Theme& theme, const BarsFigure& figure) {
  const PainterState state(painter);
  painter.fillRect(area, theme.background);
  DrawTitle(painter, area, figure.title, theme);
  const BarsLayout layout = LayOut(area, theme, figure);
  if (layout.plot.width() < 10) return;
  BarsPainter bars(painter, theme, figure, layout);
  bars.PaintHeads(layout.rows.top() - HeadHeight(figure, theme));
  if (layout.shown > 0) bars.PaintAxis();
  for (int i = 0; i < layout.shown; ++i) bars.PaintRow(i);
  if (layout.shown > 0) bars.PaintZero();
  if (layout.legend.height() > 0) DrawLegend(painter, layout.legend, figure.legend, theme);
  if (layout.caption.height() > 0) DrawCaption(painter, layout.caption, figure.caption, theme);
}

std::optional<int> HitBars(const QRectF& area, const Theme& theme, const BarsFigure& figure,
                           const QPointF& at) {
  const BarsLayout layout = LayOut(area, theme, figure);
  if (layout.shown == 0 || !layout.rows.contains(at)) return std::nullopt;
  return std::min(layout.shown - 1, static_cast<int>((at.y() - layout.rows.top()) / layout.row_height));
}

QRectF BarRect(const QRectF& area, const Theme& theme, const BarsFigure& figure, int row) {
  const BarsLayout layout = LayOut(area, theme, figure);
  if (row < 0 || row >= layout.shown) return {};
  return WholeBar(figure.rows[static_cast<std::size_t>(row)], RowRect(layout, row), layout,
                  BarLimits(figure));
}

double BarsHeight(const BarsFigure& figure, double width, const Theme& theme) {
  return TitleHeight(figure.title, theme) + HeadHeight(figure, theme) +
         kComfortable * static_cast<double>(figure.rows.size()) + AxisHeight(figure, theme) +
         LegendHeight(figure.legend, width, theme) + CaptionHeight(figure.caption, width, theme);
}

}  // namespace orrery::gui
