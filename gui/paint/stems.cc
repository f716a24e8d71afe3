#include "gui/paint/stems.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "gui/geometry/ticks.h"
#include "gui/paint/drawing.h"

namespace orrery::gui {
namespace {

constexpr double kBelowLabels = 4;

/// Wide enough for the longest number of the axis.
double AxisWidth(const Theme& theme) { return TextWidth(theme.Small(), QStringLiteral("+100 %")) + 8; }

double HeadHeight(const StemsFigure& figure, const Theme& theme) {
  const bool any = std::any_of(figure.strips.begin(), figure.strips.end(), [](const StemStrip& strip) {
    return !strip.title.isEmpty() || !strip.note.isEmpty();
  });
  return any ? LineHeight(theme.Font()) + 3 : 4;
}

class StemsPainter {
 public:
  StemsPainter(QPainter& painter, const Theme& theme, const StemsFigure& figure)
      : painter_(painter), theme_(theme), figure_(figure), limits_(StemLimits(figure)) {}

  void PaintStrip(const StemStrip& strip, const QRectF& plot, bool lowest) {
    PaintHead(strip, plot);
    PaintAxis(plot);
    if (!strip.values.empty()) {
      PaintHighlights(strip, plot);
      PaintValues(strip, plot);
      PaintStraggler(strip, plot);
    }
    PaintIndices(strip, plot, lowest);
  }

 private:
  double Y(const QRectF& plot, double value) const {
    const double share = (value - limits_.first) / (limits_.second - limits_.first);
    return plot.bottom() - std::clamp(share, 0.0, 1.0) * plot.height();
  }
  static double X(const QRectF& plot, const StemStrip& strip, std::size_t index) {
    return plot.left() +
           (static_cast<double>(index) + 0.5) / static_cast<double>(strip.values.size()) * plot.width();
  }
  QColor Paled(const QColor& colour) const {
    return figure_.pale ? Dimmed(colour, theme_.background, 0.55) : colour;
  }

  void PaintHead(const StemStrip& strip, const QRectF& plot) {
    const double height = HeadHeight(figure_, theme_);
    const QRectF head(plot.left(), plot.top() - height, plot.width(), height - 3);
    const double note = TextWidth(theme_.Font(), strip.note);
    const bool both = note + 60 < head.width();
    DrawText(painter_, head.adjusted(0, 0, both && note > 0 ? -note - 10 : 0, 0),
             Qt::AlignLeft | Qt::AlignVCenter, strip.title, theme_.Font(), theme_.text);
    if (both)
      DrawText(painter_, head, Qt::AlignRight | Qt::AlignVCenter, strip.note, theme_.Font(), theme_.faint);
  }

  void PaintAxis(const QRectF& plot) {
    const double line = LineHeight(theme_.Small());
    const int most = std::clamp(static_cast<int>(plot.height() / (line * 1.3)), 2, 7);
    for (const Tick& tick : Ticks(limits_.first - 1, limits_.second - 1, most)) {
      const double y = Y(plot, 1 + tick.value);
      if (std::abs(tick.value) > 1e-9)
        DrawHairline(painter_, {plot.left(), y}, {plot.right(), y}, theme_.grid);
      const QString text = QString::fromStdString(SignedPercent(tick.value, 0));
      DrawText(painter_, QRectF(plot.left() - AxisWidth(theme_), y - line / 2, AxisWidth(theme_) - 6, line),
               Qt::AlignRight | Qt::AlignVCenter, text, theme_.Small(), theme_.faint);
    }
    const double balance = Y(plot, 1);
    DrawHairline(painter_, {plot.left(), balance}, {plot.right(), balance}, theme_.axis);
  }

  void PaintHighlights(const StemStrip& strip, const QRectF& plot) {
    const double width = std::max(3.0, plot.width() / static_cast<double>(strip.values.size()));
    const auto column = [&](int index, const QColor& colour, float strength) {
      if (index < 0 || index >= static_cast<int>(strip.values.size())) return;
      QColor wash = colour;
      wash.setAlphaF(strength);
      painter_.fillRect(QRectF(X(plot, strip, static_cast<std::size_t>(index)) - width / 2, plot.top(), width,
                               plot.height()),
                        wash);
    };
    column(figure_.selected, theme_.accent, 0.28F);
    column(figure_.hovered, theme_.accent, 0.14F);
  }

  void PaintValues(const StemStrip& strip, const QRectF& plot) {
    const PainterState state(painter_);
    painter_.setRenderHint(QPainter::Antialiasing);
    const double pitch = plot.width() / static_cast<double>(strip.values.size());
    const double radius = std::clamp(pitch * 0.38, 0.0, 3.0), balance = Y(plot, 1);
    const std::size_t hottest = Hottest(strip);
    const auto stem = [&](std::size_t i, const QColor& colour, double dot) {
      const double x = X(plot, strip, i), y = Y(plot, static_cast<double>(strip.values[i]));
      painter_.setPen(QPen(colour, std::clamp(pitch * 0.35, 0.7, 1.5), Qt::SolidLine, Qt::FlatCap));
      painter_.drawLine(QPointF(x, balance), QPointF(x, y));
      if (dot < 1) return;
      painter_.setPen(Qt::NoPen);
      painter_.setBrush(colour);
      painter_.drawEllipse(QPointF(x, y), dot, dot);
    };
    const QColor colour =
        Paled(theme_.categories[static_cast<std::size_t>(strip.category) % theme_.categories.size()]);
    for (std::size_t i = 0; i < strip.values.size(); ++i)
      if (i != hottest) stem(i, colour, radius);
    stem(hottest, Paled(theme_.hot), std::max(3.0, radius));
  }

  static std::size_t Hottest(const StemStrip& strip) {
    return static_cast<std::size_t>(std::max_element(strip.values.begin(), strip.values.end()) -
                                    strip.values.begin());
  }

  /// Beside its point, at the side where more room is, and always inside the plot.
  void PaintStraggler(const StemStrip& strip, const QRectF& plot) {
    const std::size_t hottest = Hottest(strip);
    const double value = static_cast<double>(strip.values[hottest]);
    const QString text = QStringLiteral("%1 %2: %3")
                             .arg(figure_.index_word)
                             .arg(static_cast<qulonglong>(hottest))
                             .arg(QString::fromStdString(SignedPercent(value - 1)))
                             .trimmed();
    const QFont font = theme_.FontOf(theme_.text_size, true);
    const double width = TextWidth(font, text) + 4, line = LineHeight(font);
    const double x = X(plot, strip, hottest);
    const bool right = x + 6 + width <= plot.right();
    const double left = right ? x + 6 : std::max(plot.left(), x - 6 - width);
    const double top =
        std::clamp(Y(plot, value) - line / 2, plot.top(), std::max(plot.top(), plot.bottom() - line));
    if (plot.width() < width || plot.height() < line) return;
    DrawTextOnTop(painter_, QRectF(left, top, width, line), Qt::AlignLeft, text, font, theme_.text,
                  theme_.background);
  }

  /// Ticks below every strip, numbers below the lowest: all strips count alike.
  void PaintIndices(const StemStrip& strip, const QRectF& plot, bool lowest) {
    const QFont small = theme_.Small();
    const double line = LineHeight(small);
    const int count = static_cast<int>(strip.values.size());
    const double widest = TextWidth(small, QString::number(count)) + 14;
    const int most = std::max(1, static_cast<int>(plot.width() / widest));
    for (const int index : CountTicks(count, most, count % 8 == 0)) {
      const double x = X(plot, strip, static_cast<std::size_t>(index));
      DrawHairline(painter_, {x, plot.bottom()}, {x, plot.bottom() + 3}, theme_.axis);
      if (!lowest) continue;
      DrawText(painter_, QRectF(x - widest / 2, plot.bottom() + kBelowLabels, widest, line), Qt::AlignHCenter,
               QString::number(index), small, theme_.faint);
    }
    if (lowest)
      DrawText(painter_, QRectF(plot.left(), plot.bottom() + kBelowLabels + line, plot.width(), line),
               Qt::AlignHCenter | Qt::AlignVCenter, figure_.index_title, small, theme_.faint);
  }

  QPainter& painter_;
  const Theme& theme_;
  const StemsFigure& figure_;
  const std::pair<double, double> limits_;
};

}  // namespace

std::pair<double, double> StemLimits(const StemsFigure& figure) {
  if (figure.limits) return *figure.limits;
  double low = 0.9, high = 1.1;
  for (const StemStrip& strip : figure.strips)
    for (const float value : strip.values) {
      low = std::min(low, static_cast<double>(value));
      high = std::max(high, static_cast<double>(value));
    }
  return {1 + RoundLimit(low - 1), 1 + RoundLimit(high - 1)};
}

std::vector<QRectF> LayOutStems(const QRectF& area, const Theme& theme, const StemsFigure& figure) {
  constexpr double kLeastPlot = 24;
  std::vector<QRectF> plots(figure.strips.size());
  const double line = LineHeight(theme.Small());
  QRectF rest = area.adjusted(0, TitleHeight(figure.title, theme), 0,
                              -CaptionHeight(figure.caption, area.width(), theme));
  rest.setBottom(rest.bottom() - (figure.index_title.isEmpty() ? 1 : 2) * line);
  const double head = HeadHeight(figure, theme), foot = kBelowLabels + 4;
  // Where all do not fit, the first ones are shown at a size that can be read.
  std::size_t shown = plots.size();
  while (shown > 1 && rest.height() / static_cast<double>(shown) - head - foot < kLeastPlot) --shown;
  const double each = rest.height() / static_cast<double>(std::max<std::size_t>(1, shown));
  if (each - head - foot < kLeastPlot / 2 || rest.width() - AxisWidth(theme) < 40) return plots;
  for (std::size_t i = 0; i < shown; ++i)
    plots[i] = QRectF(rest.left() + AxisWidth(theme), rest.top() + static_cast<double>(i) * each + head,
                      rest.width() - AxisWidth(theme) - 6, each - head - foot);
  return plots;
}

void PaintStems(QPainter& painter, const QRectF& area, const Theme& theme, const StemsFigure& figure) {
  const PainterState state(painter);
  painter.fillRect(area, theme.background);
  DrawTitle(painter, area, figure.title, theme);
  const std::vector<QRectF> plots = LayOutStems(area, theme, figure);
  StemsPainter stems(painter, theme, figure);
  for (std::size_t i = 0; i < plots.size(); ++i)
    if (!plots[i].isEmpty())
      stems.PaintStrip(figure.strips[i], plots[i], i + 1 == plots.size() || plots[i + 1].isEmpty());
  const double caption = CaptionHeight(figure.caption, area.width(), theme);
  if (caption > 0 && !plots.empty() && !plots.front().isEmpty())
    DrawCaption(painter, QRectF(area.left(), area.bottom() - caption, area.width(), caption), figure.caption,
                theme);
}

std::optional<StemHit> HitStems(const QRectF& area, const Theme& theme, const StemsFigure& figure,
                                const QPointF& at) {
  const std::vector<QRectF> plots = LayOutStems(area, theme, figure);
  for (std::size_t i = 0; i < plots.size(); ++i) {
    const auto count = static_cast<int>(figure.strips[i].values.size());
    if (count == 0 || !plots[i].contains(at)) continue;
    const int index = static_cast<int>((at.x() - plots[i].left()) / plots[i].width() * count);
    return StemHit{static_cast<int>(i), std::min(index, count - 1)};
  }
  return std::nullopt;
}

}  // namespace orrery::gui
