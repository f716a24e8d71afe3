#include "gui/paint/phases.h"

#include <algorithm>
#include <cstddef>

#include "gui/geometry/ticks.h"
#include "gui/paint/bars.h"
#include "gui/paint/legend.h"

namespace orrery::gui {
namespace {

double Total(const PhaseStrip& strip) {
  double total = 0;
  for (const Phase& phase : strip.phases) total += phase.length;
  return total;
}

struct PhasesLayout {
  QRectF strips, plot, axis, legend, caption;
  double pitch = 0, height = 0, longest = 1;
  QRectF Strip(std::size_t index) const {
    return {plot.left(), plot.top() + static_cast<double>(index) * pitch, plot.width(), height};
  }
  double X(double value) const { return plot.left() + value / longest * plot.width(); }
};

/// Of the phases whose names do not fit into their boxes somewhere.
std::vector<LegendEntry> LegendOf(const PhasesFigure& figure, const PhasesLayout& layout,
                                  const Theme& theme) {
  std::vector<LegendEntry> entries;
  for (const PhaseStrip& strip : figure.strips)
    for (const Phase& phase : strip.phases) {
      const bool fits =
          TextWidth(theme.Small(), phase.name) + 6 <= phase.length / layout.longest * layout.plot.width();
      const bool listed = std::any_of(entries.begin(), entries.end(),
                                      [&](const LegendEntry& entry) { return entry.text == phase.name; });
      if (!fits && !listed && phase.length > 0)
        entries.push_back({phase.name, ColourOf(phase.category, theme), phase.texture});
    }
  return entries;
}

PhasesLayout LayOut(const QRectF& area, const Theme& theme, const PhasesFigure& figure) {
  constexpr double kMostStrip = 46;
  PhasesLayout layout;
  const double line = LineHeight(theme.Small());
  QRectF rest = area.adjusted(0, TitleHeight(figure.title, theme), 0, 0);
  double label = 0, total = 0;
  layout.longest = 0;
  for (const PhaseStrip& strip : figure.strips) {
    layout.longest = std::max(layout.longest, Total(strip));
    label = std::max(label, TextWidth(theme.Font(), strip.label) + 10);
    total = std::max(total, TextWidth(theme.Font(true), strip.total) + 10);
  }
  if (!(layout.longest > 0)) layout.longest = 1;
  label = std::min(label, rest.width() * 0.3);
  if (rest.width() - label - total < 60) total = 0;
  layout.plot = rest.adjusted(label, 0, -total, 0);

  double axis = line + 5 + (figure.axis_title.isEmpty() ? 0 : line);
  double legend = LegendHeight(LegendOf(figure, layout, theme), rest.width(), theme);
  double caption = CaptionHeight(figure.caption, rest.width(), theme);
  const auto count = static_cast<double>(std::max<std::size_t>(1, figure.strips.size()));
  for (double* part : {&caption, &legend, &axis})
    if (rest.height() - axis - legend - caption < 18 * count) *part = 0;
  layout.pitch = std::clamp((rest.height() - axis - legend - caption) / count, 0.0, kMostStrip);
  layout.height = layout.pitch - std::min(8.0, layout.pitch * 0.2);
  layout.strips = QRectF(rest.left(), rest.top(), rest.width(), layout.pitch * count);
  layout.plot.setBottom(layout.strips.bottom());
  layout.axis = QRectF(rest.left(), layout.strips.bottom(), rest.width(), axis);
  layout.legend = QRectF(rest.left(), layout.axis.bottom(), rest.width(), legend);
  layout.caption = QRectF(rest.left(), layout.legend.bottom(), rest.width(), caption);
  return layout;
}

void PaintPhase(QPainter& painter, const QRectF& box, const Phase& phase, const Theme& theme, bool pale) {
  QColor colour = ColourOf(phase.category, theme);
  if (pale) colour = Dimmed(colour, theme.background);
  FillTextured(painter, box.adjusted(0, 0, box.width() > 3 ? -1 : 0, 0), colour, phase.texture);
  const QColor text = phase.texture == Texture::kSolid ? TextOn(colour) : theme.text;
  const double line = LineHeight(theme.Small());
  const auto fits = [&](const QString& what) { return TextWidth(theme.Small(), what) + 6 <= box.width(); };
  if (!fits(phase.name) || box.height() < line) return;
  const bool both = box.height() >= 2 * line && fits(phase.value) && !phase.value.isEmpty();
  const QRectF inside = box.adjusted(2, (box.height() - (both ? 2 : 1) * line) / 2, -3, 0);
  DrawText(painter, QRectF(inside.left(), inside.top(), inside.width(), line), Qt::AlignCenter, phase.name,
           theme.Small(), text);
  if (both)
    DrawText(painter, QRectF(inside.left(), inside.top() + line, inside.width(), line), Qt::AlignCenter,
             phase.value, theme.Small(), text);
}

void PaintAxis(QPainter& painter, const Theme& theme, const PhasesFigure& figure,
               const PhasesLayout& layout) {
  if (layout.axis.height() <= 0) return;
  const double line = LineHeight(theme.Small());
  const int most = std::clamp(static_cast<int>(layout.plot.width() / 60), 2, 10);
  DrawHairline(painter, {layout.plot.left(), layout.plot.bottom()},
               {layout.plot.right(), layout.plot.bottom()}, theme.axis);
  for (const Tick& tick : Ticks(0, layout.longest, most)) {
    const double x = layout.X(tick.value);
    DrawHairline(painter, {x, layout.plot.bottom()}, {x, layout.plot.bottom() + 3}, theme.axis);
    DrawText(painter, QRectF(x - 30, layout.axis.top() + 4, 60, line), Qt::AlignHCenter,
             QString::fromStdString(tick.text), theme.Small(), theme.faint);
  }
  DrawText(painter, QRectF(layout.plot.left(), layout.axis.top() + 4 + line, layout.plot.width(), line),
           Qt::AlignHCenter, figure.axis_title, theme.Small(), theme.faint);
}

}  // namespace

void PaintPhases(QPainter& painter, const QRectF& area, const Theme& theme, const PhasesFigure& figure) {
  const PainterState state(painter);
  painter.fillRect(area, theme.background);
  DrawTitle(painter, area, figure.title, theme);
  const PhasesLayout layout = LayOut(area, theme, figure);
  if (layout.plot.width() < 20) return;
  for (std::size_t i = 0; i < figure.strips.size(); ++i) {
    const PhaseStrip& strip = figure.strips[i];
    const QRectF box = layout.Strip(i);
    DrawText(painter,
             QRectF(layout.strips.left(), box.top(), box.left() - layout.strips.left() - 8, box.height()),
             Qt::AlignLeft | Qt::AlignVCenter, strip.label, theme.Font(), theme.text);
    double at = 0;
    for (std::size_t j = 0; j < strip.phases.size(); ++j) {
      const double from = layout.X(at), to = layout.X(at + strip.phases[j].length);
      at += strip.phases[j].length;
      const QRectF phase(from, box.top(), to - from, box.height());
      PaintPhase(painter, phase, strip.phases[j], theme, figure.pale);
      const int index = static_cast<int>(j);
      if (index == figure.selected || index == figure.hovered)
        DrawRing(painter, phase.adjusted(1, 1, -2, -1), index == figure.selected ? theme.text : theme.accent,
                 theme.background, 1.5);
    }
    DrawText(painter,
             QRectF(layout.plot.right() + 4, box.top(), layout.strips.right() - layout.plot.right() - 4,
                    box.height()),
             Qt::AlignRight | Qt::AlignVCenter, strip.total, theme.Font(true), theme.text);
  }
  PaintAxis(painter, theme, figure, layout);
  if (layout.legend.height() > 0) DrawLegend(painter, layout.legend, LegendOf(figure, layout, theme), theme);
  if (layout.caption.height() > 0) DrawCaption(painter, layout.caption, figure.caption, theme);
}

std::optional<PhaseHit> HitPhases(const QRectF& area, const Theme& theme, const PhasesFigure& figure,
                                  const QPointF& at) {
  const PhasesLayout layout = LayOut(area, theme, figure);
  for (std::size_t i = 0; i < figure.strips.size(); ++i) {
    if (!layout.Strip(i).contains(at)) continue;
    double from = 0;
    for (std::size_t j = 0; j < figure.strips[i].phases.size(); ++j) {
      const double to = from + figure.strips[i].phases[j].length;
      if (at.x() >= layout.X(from) && at.x() < layout.X(to))
        return PhaseHit{static_cast<int>(i), static_cast<int>(j)};
      from = to;
    }
  }
  return std::nullopt;
}

}  // namespace orrery::gui
