#include "gui/paint/stacks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "gui/geometry/ticks.h"

namespace orrery::gui {
namespace {

double Total(const StackColumn& column) {
  return std::accumulate(column.parts.begin(), column.parts.end(), 0.0);
}

double Top(const StacksFigure& figure) {
  double top = figure.limit.value_or(0);
  for (const StackColumn& column : figure.columns) top = std::max(top, Total(column));
  return top > 0 ? top * 1.06 : 1;
}

struct StacksLayout {
  QRectF plot, labels, column_title, legend, caption;
  double top_value = 1;
  double Y(double value) const { return plot.bottom() - value / top_value * plot.height(); }
  QRectF Column(const StacksFigure& figure, int index) const {
    const double pitch = plot.width() / static_cast<double>(figure.columns.size());
    const double gap = std::clamp(pitch * 0.2, 1.0, 14.0);
    const double width = std::min(pitch - gap, 56.0);
    return {plot.left() + (index + 0.5) * pitch - width / 2, plot.top(), width, plot.height()};
  }
};

double LegendWidth(const Theme& theme, const StacksFigure& figure) {
  double widest = 0;
  for (const StackPart& part : figure.parts) widest = std::max(widest, TextWidth(theme.Small(), part.name));
  return widest + 18 + TextWidth(theme.Small(), QStringLiteral("  1000.0")) + 8;
}

StacksLayout LayOut(const QRectF& area, const Theme& theme, const StacksFigure& figure) {
  StacksLayout layout;
  const double line = LineHeight(theme.Small());
  layout.top_value = Top(figure);
  QRectF rest = area.adjusted(0, TitleHeight(figure.title, theme), 0, 0);
  const double caption = CaptionHeight(figure.caption, area.width(), theme);
  if (rest.height() - caption > 100) {
    layout.caption = QRectF(rest.left(), rest.bottom() - caption, rest.width(), caption);
    rest.setBottom(rest.bottom() - caption);
  }
  const double legend = LegendWidth(theme, figure);
  if (rest.width() - legend > 160) {
    layout.legend = QRectF(rest.right() - legend, rest.top(), legend, rest.height());
    rest.setRight(rest.right() - legend - 14);
  }
  // The unit stands above the axis, the limit's words at the top of the plot.
  rest.setTop(rest.top() + line + 2);
  if (!figure.column_title.isEmpty() && rest.height() > 90) {
    layout.column_title = QRectF(rest.left(), rest.bottom() - line, rest.width(), line);
    rest.setBottom(rest.bottom() - line);
  }
  layout.labels = QRectF(rest.left(), rest.bottom() - line - 3, rest.width(), line + 3);
  rest.setBottom(layout.labels.top());
  const double axis = TextWidth(theme.Small(), QString::fromStdString(Short(layout.top_value, 3))) + 12;
  layout.plot = rest.adjusted(std::min(axis, rest.width() / 3), 0, 0, 0);
  return layout;
}

class StacksPainter {
 public:
  StacksPainter(QPainter& painter, const Theme& theme, const StacksFigure& figure, const StacksLayout& layout)
      : painter_(painter), theme_(theme), figure_(figure), layout_(layout) {}

  void PaintAxis() {
    const QRectF& plot = layout_.plot;
    const QFont small = theme_.Small();
    const double line = LineHeight(small);
    const int most = std::clamp(static_cast<int>(plot.height() / (2 * line)), 2, 8);
    for (const Tick& tick : Ticks(0, layout_.top_value, most)) {
      const double y = layout_.Y(tick.value);
      DrawHairline(painter_, {plot.left(), y}, {plot.right(), y},
                   tick.value == 0 ? theme_.axis : theme_.grid);
      DrawText(painter_,
               QRectF(layout_.labels.left(), y - line / 2, plot.left() - 6 - layout_.labels.left(), line),
               Qt::AlignRight | Qt::AlignVCenter, QString::fromStdString(tick.text), small, theme_.faint);
    }
    DrawText(painter_, QRectF(layout_.labels.left(), plot.top() - line - 2, layout_.labels.width(), line),
             Qt::AlignLeft, figure_.axis_title, small, theme_.faint);
    DrawText(painter_,
             QRectF(plot.left(), layout_.column_title.top(), plot.width(), layout_.column_title.height()),
             Qt::AlignHCenter, figure_.column_title, small, theme_.faint);
  }

  void PaintColumn(int index) {
    const QRectF box = layout_.Column(figure_, index);
    for (const auto& [at, strength] : {std::pair(figure_.selected, 0.25F), std::pair(figure_.hovered, 0.12F)})
      if (at == index) {
        QColor wash = theme_.accent;
        wash.setAlphaF(strength);
        painter_.fillRect(box.adjusted(-3, 0, 3, layout_.labels.height()), wash);
      }
    const StackColumn& column = figure_.columns[static_cast<std::size_t>(index)];
    double from = 0;
    for (std::size_t i = 0; i < column.parts.size() && i < figure_.parts.size(); ++i) {
      const double to = from + column.parts[i], top = layout_.Y(to), bottom = layout_.Y(from);
      const double gap = bottom - top > 3 ? 1 : 0;
      FillTextured(painter_, QRectF(box.left(), top + gap, box.width(), bottom - top - gap), ColourOf(i),
                   figure_.parts[i].texture);
      from = to;
    }
    if (figure_.limit && from > *figure_.limit) PaintExcess(box, from);
  }

  void PaintLabels() {
    const QFont small = theme_.Small();
    double widest = 0;
    for (const StackColumn& column : figure_.columns)
      widest = std::max(widest, TextWidth(small, column.label));
    const auto count = static_cast<int>(figure_.columns.size());
    const int most = std::max(1, static_cast<int>(layout_.plot.width() / (widest + 8)));
    for (const int index : CountTicks(count, most, count % 8 == 0)) {
      const QRectF box = layout_.Column(figure_, index);
      DrawText(
          painter_,
          QRectF(box.center().x() - widest / 2 - 3, layout_.labels.top() + 3, widest + 6, LineHeight(small)),
          Qt::AlignHCenter, figure_.columns[static_cast<std::size_t>(index)].label, small, theme_.faint);
    }
  }

  void PaintLimit() {
    if (!figure_.limit) return;
    const double y = layout_.Y(*figure_.limit), line = LineHeight(theme_.Small());
    const PainterState state(painter_);
    painter_.setPen(QPen(theme_.text, 1.5, Qt::DashLine));
    painter_.drawLine(QPointF(layout_.plot.left(), y), QPointF(layout_.plot.right(), y));
    if (TextWidth(theme_.Small(), figure_.limit_text) + 4 > layout_.plot.width()) return;
    DrawTextOnTop(painter_, QRectF(layout_.plot.left(), y - line - 2, layout_.plot.width(), line),
                  Qt::AlignRight, figure_.limit_text, theme_.Small(), theme_.text, theme_.background);
  }

  /// The parts from the top down, as they are stacked, each with its value.
  void PaintLegend() {
    if (layout_.legend.isEmpty() || figure_.columns.empty()) return;
    const QFont small = theme_.Small();
    const double line = LineHeight(small),
                 step = std::min(line + 5,
                                 layout_.legend.height() / (static_cast<double>(figure_.parts.size()) + 2));
    if (step < line) return;
    const StackColumn& column = figure_.columns[static_cast<std::size_t>(ListedColumn(figure_))];
    QRectF at(layout_.legend.left(), layout_.legend.top() + 2, layout_.legend.width(), line);
    const QFont bold = theme_.FontOf(theme_.text_size - 1, true);
    DrawText(painter_, at, Qt::AlignLeft | Qt::AlignVCenter, figure_.column_title + u' ' + column.label, bold,
             theme_.text);
    DrawText(painter_, at, Qt::AlignRight | Qt::AlignVCenter, Number(Total(column)), bold, theme_.text);
    for (std::size_t i = std::min(figure_.parts.size(), column.parts.size()); i-- > 0;) {
      at.translate(0, step);
      FillTextured(painter_, QRectF(at.left(), at.center().y() - 5, 12, 10), ColourOf(i),
                   figure_.parts[i].texture);
      DrawText(painter_, at.adjusted(18, 0, -50, 0), Qt::AlignLeft | Qt::AlignVCenter, figure_.parts[i].name,
               small, theme_.text);
      DrawText(painter_, at, Qt::AlignRight | Qt::AlignVCenter, Number(column.parts[i]), small, theme_.text);
    }
  }

 private:
  QString Number(double value) const { return QString::fromStdString(Fixed(value, figure_.decimals)); }

  QColor ColourOf(std::size_t part) const {
    const QColor colour =
        theme_.categories[static_cast<std::size_t>(figure_.parts[part].category) % theme_.categories.size()];
    return figure_.pale ? Dimmed(colour, theme_.background) : colour;
  }

  /// What does not fit: a frame in the hot colour about what stands above the limit, and a cross.
  void PaintExcess(const QRectF& box, double total) {
    const QRectF excess(box.left() - 2, layout_.Y(total) - 1, box.width() + 4,
                        layout_.Y(*figure_.limit) - layout_.Y(total) + 1);
    DrawRing(painter_, excess, theme_.hot, theme_.background, 2);
    const double line = LineHeight(theme_.Font(true));
    if (excess.top() - line - 2 >= layout_.plot.top() - LineHeight(theme_.Small()) - 2)
      DrawText(painter_, QRectF(box.center().x() - 10, excess.top() - line - 2, 20, line), Qt::AlignHCenter,
               QStringLiteral("✗"), theme_.Font(true), theme_.text);
  }

  QPainter& painter_;
  const Theme& theme_;
  const StacksFigure& figure_;
  const StacksLayout& layout_;
};

}  // namespace

int ListedColumn(const StacksFigure& figure) {
  const auto count = static_cast<int>(figure.columns.size());
  for (const int wanted : {figure.hovered, figure.selected})
    if (wanted >= 0 && wanted < count) return wanted;
  const auto highest =
      std::max_element(figure.columns.begin(), figure.columns.end(),
                       [](const StackColumn& a, const StackColumn& b) { return Total(a) < Total(b); });
  return static_cast<int>(highest - figure.columns.begin());
}

StackPart PartOf(int index, const QString& name) {
  // Blue and green come again, hatched.
  constexpr std::array kOrder = {0, 1, 2, 3, 4, 5, 0, 2};
  return {name, kOrder[static_cast<std::size_t>(index) % kOrder.size()],
          index < 6 ? Texture::kSolid : Texture::kHatched};
}

void PaintStacks(QPainter& painter, const QRectF& area, const Theme& theme, const StacksFigure& figure) {
  const PainterState state(painter);
  painter.fillRect(area, theme.background);
  DrawTitle(painter, area, figure.title, theme);
  if (figure.columns.empty()) return;
  const StacksLayout layout = LayOut(area, theme, figure);
  if (layout.plot.width() < 20 || layout.plot.height() < 20) return;
  StacksPainter stacks(painter, theme, figure, layout);
  stacks.PaintAxis();
  for (int i = 0; i < static_cast<int>(figure.columns.size()); ++i) stacks.PaintColumn(i);
  stacks.PaintLimit();
  stacks.PaintLabels();
  stacks.PaintLegend();
  if (!layout.caption.isEmpty()) DrawCaption(painter, layout.caption, figure.caption, theme);
}

std::optional<StackHit> HitStacks(const QRectF& area, const Theme& theme, const StacksFigure& figure,
                                  const QPointF& at) {
  if (figure.columns.empty()) return std::nullopt;
  const StacksLayout layout = LayOut(area, theme, figure);
  if (!layout.plot.adjusted(0, 0, 0, layout.labels.height()).contains(at)) return std::nullopt;
  const auto count = static_cast<int>(figure.columns.size());
  StackHit hit;
  hit.column =
      std::min(count - 1, static_cast<int>((at.x() - layout.plot.left()) / layout.plot.width() * count));
  const double value = (layout.plot.bottom() - at.y()) / layout.plot.height() * layout.top_value;
  const StackColumn& column = figure.columns[static_cast<std::size_t>(hit.column)];
  double from = 0;
  for (std::size_t i = 0; i < column.parts.size(); ++i) {
    if (value >= from && value < from + column.parts[i]) hit.part = static_cast<int>(i);
    from += column.parts[i];
  }
  return hit;
}

}  // namespace orrery::gui
