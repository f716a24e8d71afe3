#include "gui/paint/interval.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "gui/geometry/ticks.h"
#include "gui/paint/drawing.h"

namespace orrery::gui {
namespace {

struct IntervalsLayout {
  QRectF rows, plot, axis, caption;
  double label_width = 0, text_width = 0, row_height = 0, reference = 0;
  std::size_t shown = 0;  ///< rows that fit
};

IntervalsLayout LayOut(const QRectF& area, const Theme& theme, const IntervalsFigure& figure) {
  constexpr double kMostRow = 40;
  IntervalsLayout layout;
  const double line = LineHeight(theme.Small());
  QRectF rest = area.adjusted(0, TitleHeight(figure.title, theme), 0, 0);
  double caption = CaptionHeight(figure.caption, area.width(), theme);
  double axis = figure.axis ? line + 5 + (figure.axis_title.isEmpty() ? 0 : line) : 0;
  double reference = figure.reference && !figure.reference_text.isEmpty() ? line : 0;
  const auto count = static_cast<double>(std::max<std::size_t>(1, figure.rows.size()));
  const double least = LineHeight(theme.Font()) + 1;
  for (double* part : {&caption, &axis, &reference})
    if (rest.height() - caption - axis - reference < least * count) *part = 0;
  const double room = rest.height() - caption - axis - reference;
  layout.row_height = std::clamp(room / count, least, kMostRow);
  layout.shown =
      std::min(figure.rows.size(), static_cast<std::size_t>(std::max(0.0, room / layout.row_height + 1e-6)));
  layout.reference = reference;
  layout.rows = QRectF(rest.left(), rest.top() + reference, rest.width(),
                       layout.row_height * static_cast<double>(layout.shown));
  layout.axis = QRectF(rest.left(), layout.rows.bottom(), rest.width(), axis);
  layout.caption = QRectF(rest.left(), layout.axis.bottom(), rest.width(), caption);
  for (const IntervalRow& row : figure.rows) {
    layout.label_width =
        std::max(layout.label_width, TextWidth(theme.Font(), row.label) + (row.label.isEmpty() ? 0 : 10));
    layout.text_width =
        std::max(layout.text_width, TextWidth(theme.Font(true), row.text) + (row.text.isEmpty() ? 0 : 12));
  }
  layout.label_width = std::min(layout.label_width, rest.width() * 0.35);
  if (rest.width() - layout.label_width - layout.text_width < 60) layout.text_width = 0;
  // Numbers at the ends stand outside of the bars, those of the axis below them.
  layout.plot = layout.rows.adjusted(layout.label_width + 8, 0, -layout.text_width - 8, 0);
  return layout;
}

class IntervalsPainter {
 public:
  IntervalsPainter(QPainter& painter, const Theme& theme, const IntervalsFigure& figure,
                   const IntervalsLayout& layout)
      : painter_(painter), theme_(theme), figure_(figure), layout_(layout), limits_(IntervalLimits(figure)) {}

  void PaintAxis() {
    const QFont small = theme_.Small();
    const double line = LineHeight(small);
    const int most = std::clamp(static_cast<int>(layout_.plot.width() / 64), 2, 9);
    for (const Tick& tick : Ticks(limits_.first, limits_.second, most)) {
      const double x = X(tick.value);
      DrawHairline(painter_, {x, layout_.plot.top()}, {x, layout_.plot.bottom()}, theme_.grid);
      DrawText(painter_, QRectF(x - 40, layout_.axis.top() + 3, 80, line), Qt::AlignHCenter,
               QString::fromStdString(tick.text), small, theme_.faint);
    }
    DrawText(painter_, QRectF(layout_.plot.left(), layout_.axis.top() + 3 + line, layout_.plot.width(), line),
             Qt::AlignHCenter, figure_.axis_title, small, theme_.faint);
  }

  void PaintReference() {
    const double x = X(*figure_.reference);
    const double line = LineHeight(theme_.Small());
    DrawHairline(painter_, {x, layout_.plot.top()}, {x, layout_.plot.bottom()}, theme_.axis);
    if (layout_.reference <= 0) return;
    const double width = TextWidth(theme_.Small(), figure_.reference_text) + 2;
    const double left = std::clamp(x - width / 2, layout_.rows.left(),
                                   std::max(layout_.rows.left(), layout_.rows.right() - width));
    DrawText(painter_, QRectF(left, layout_.rows.top() - line, width, line), Qt::AlignHCenter,
             figure_.reference_text, theme_.Small(), theme_.text);
  }

  void PaintRow(std::size_t index) {
    const IntervalRow& row = figure_.rows[index];
    const QRectF box(layout_.rows.left(),
                     layout_.rows.top() + static_cast<double>(index) * layout_.row_height,
                     layout_.rows.width(), layout_.row_height);
    for (const auto& [at, strength] : {std::pair(figure_.selected, 0.2F), std::pair(figure_.hovered, 0.1F)})
      if (at == static_cast<int>(index)) {
        QColor wash = theme_.accent;
        wash.setAlphaF(strength);
        painter_.fillRect(box, wash);
      }
    DrawText(painter_, QRectF(box.left() + 2, box.top(), layout_.label_width - 10, box.height()),
             Qt::AlignLeft | Qt::AlignVCenter, row.label, theme_.Font(), theme_.text);
    if (layout_.text_width > 0)
      DrawText(painter_,
               QRectF(box.right() - layout_.text_width + 4, box.top(), layout_.text_width - 4, box.height()),
               Qt::AlignRight | Qt::AlignVCenter, row.text, theme_.Font(true), theme_.text);
    PaintInterval(row, box.center().y());
  }

 private:
  double X(double value) const {
    return layout_.plot.left() +
           (value - limits_.first) / (limits_.second - limits_.first) * layout_.plot.width();
  }

  void PaintInterval(const IntervalRow& row, double y) {
    const PainterState state(painter_);
    painter_.setRenderHint(QPainter::Antialiasing);
    const QColor colour =
        theme_.categories[static_cast<std::size_t>(row.category) % theme_.categories.size()];
    const double half = std::clamp(layout_.row_height * 0.22, 2.5, 6.0);
    if (row.low && row.high) {
      const double low = X(*row.low), high = X(*row.high);
      QColor wash = colour;
      wash.setAlphaF(0.35F);
      painter_.fillRect(QRectF(low, y - half * 0.55, high - low, 1.1 * half), wash);
      painter_.setPen(QPen(colour, 2, Qt::SolidLine, Qt::FlatCap));
      for (const double end : {low, high}) painter_.drawLine(QPointF(end, y - half), QPointF(end, y + half));
      if (figure_.end_texts) PaintEnds(row, low, high, y);
    }
    painter_.setPen(QPen(theme_.background, 1.5));
    painter_.setBrush(colour);
    painter_.drawEllipse(QPointF(X(row.value), y), half * 0.9 + 1, half * 0.9 + 1);
  }

  void PaintEnds(const IntervalRow& row, double low, double high, double y) {
    const double line = LineHeight(theme_.Small());
    const QString first = QString::fromStdString(Fixed(*row.low, figure_.decimals));
    const QString second = QString::fromStdString(Fixed(*row.high, figure_.decimals));
    const double left = TextWidth(theme_.Small(), first) + 6, right = TextWidth(theme_.Small(), second) + 6;
    if (low - left >= layout_.rows.left() + layout_.label_width - 6)
      DrawText(painter_, QRectF(low - left, y - line / 2, left - 4, line), Qt::AlignRight | Qt::AlignVCenter,
               first, theme_.Small(), theme_.faint);
    if (high + right <= layout_.rows.right() - layout_.text_width + 6)
      DrawText(painter_, QRectF(high + 5, y - line / 2, right, line), Qt::AlignLeft | Qt::AlignVCenter,
               second, theme_.Small(), theme_.faint);
  }

  QPainter& painter_;
  const Theme& theme_;
  const IntervalsFigure& figure_;
  const IntervalsLayout& layout_;
  const std::pair<double, double> limits_;
};

}  // namespace

std::pair<double, double> IntervalLimits(const IntervalsFigure& figure) {
  if (figure.limits) return *figure.limits;
  std::vector<double> values;
  for (const IntervalRow& row : figure.rows)
    for (const std::optional<double>& value : {std::optional(row.value), row.low, row.high})
      if (value) values.push_back(*value);
  if (figure.reference) values.push_back(*figure.reference);
  if (values.empty()) return {0, 1};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  // Room at both ends for the numbers of the widest interval.
  const double slack =
      *high > *low ? (*high - *low) * (figure.end_texts ? 0.25 : 0.08) : std::max(1.0, std::abs(*low)) * 0.1;
  return {*low - slack, *high + slack};
}

void PaintIntervals(QPainter& painter, const QRectF& area, const Theme& theme,
                    const IntervalsFigure& figure) {
  const PainterState state(painter);
  painter.fillRect(area, theme.background);
  DrawTitle(painter, area, figure.title, theme);
  const IntervalsLayout layout = LayOut(area, theme, figure);
  if (layout.plot.width() < 20) return;
  IntervalsPainter intervals(painter, theme, figure, layout);
  if (layout.axis.height() > 0) intervals.PaintAxis();
  if (figure.reference) intervals.PaintReference();
  for (std::size_t i = 0; i < layout.shown; ++i) intervals.PaintRow(i);
  if (layout.caption.height() > 0) DrawCaption(painter, layout.caption, figure.caption, theme);
}

std::optional<int> HitIntervals(const QRectF& area, const Theme& theme, const IntervalsFigure& figure,
                                const QPointF& at) {
  const IntervalsLayout layout = LayOut(area, theme, figure);
  if (layout.shown == 0 || !layout.rows.contains(at)) return std::nullopt;
  const int row = static_cast<int>((at.y() - layout.rows.top()) / layout.row_height);
  return std::min(row, static_cast<int>(layout.shown) - 1);
}

}  // namespace orrery::gui
