#include "gui/paint/timeline.h"

#include <QImage>
#include <QPaintEngine>
#include <QStaticText>
#include <QTransform>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <span>

#include "core/base/error.h"
#include "gui/paint/drawing.h"

namespace orrery::gui {
namespace {

constexpr double kLeastText = 18;  // of a span that may carry its name

/// Pixels of an image per logical pixel: the device's; in an SVG, which may be enlarged, two.
double PixelScale(const QPainter& painter) {
  return painter.paintEngine()->type() == QPaintEngine::SVG ? 2 : painter.deviceTransform().m11();
}

double RulerHeight(const Theme& theme) { return LineHeight(theme.Small()) + 6; }

/// Times above a plot, and a hairline through it for each.
void PaintRuler(QPainter& painter, const QRectF& ruler, const QRectF& plot, const TimeAxis& axis,
                const Theme& theme) {
  const QFont small = theme.Small();
  const double line = LineHeight(small);
  const TimeTicks ticks = TicksOf(axis, std::max(2, static_cast<int>(plot.width() / 95)));
  double free_from = ruler.left();
  if (!ticks.base_text.empty()) {
    const QString base = QString::fromStdString(ticks.base_text);
    const double room = plot.left() - ruler.left() - 6;
    if (TextWidth(small, base) <= room)
      DrawText(painter, QRectF(ruler.left(), ruler.top(), room, line), Qt::AlignRight | Qt::AlignVCenter,
               base, small, theme.text);
  }
  for (const TimeTick& tick : ticks.ticks) {
    const double x = plot.left() + axis.Pixel(tick.time);
    DrawHairline(painter, {x, ruler.bottom() - 4}, {x, ruler.bottom()}, theme.axis);
    const QString text = QString::fromStdString(tick.text);
    const double width = TextWidth(small, text) + 2;
    // At the ends the text moves inwards.
    const double left = std::clamp(x - width / 2, plot.left(), std::max(plot.left(), plot.right() - width));
    if (left < free_from || width > plot.width()) continue;
    free_from = left + width + 6;
    DrawText(painter, QRectF(left, ruler.top(), width, line), Qt::AlignHCenter | Qt::AlignVCenter, text,
             small, theme.faint);
  }
}

LaneColours Shown(LaneColours colours, bool pale) {
  if (!pale) return colours;
  for (Rgb& colour : colours.categories) colour = Mixed(colour, colours.background, 0.6);
  colours.wait = Mixed(colours.wait, colours.background, 0.6);
  return colours;
}

TimelineLayout LayOut(const QRectF& area, const Theme& theme, double labels, bool ruler,
                      const std::vector<LegendEntry>& legend) {
  TimelineLayout layout;
  QRectF rest = area;
  const double legend_height = LegendHeight(legend, area.width(), theme);
  if (legend_height > 0 && rest.height() - legend_height > 60) {
    layout.legend = QRectF(rest.left(), rest.bottom() - legend_height, rest.width(), legend_height);
    rest.setBottom(layout.legend.top());
  }
  if (ruler && rest.height() > 40) {
    layout.ruler = QRectF(rest.left(), rest.top(), rest.width(), RulerHeight(theme));
    rest.setTop(layout.ruler.bottom());
  }
  if (rest.width() - labels < 80) labels = 0;
  layout.labels = QRectF(rest.left(), rest.top(), labels, rest.height());
  layout.plot = rest.adjusted(labels, 0, 0, 0);
  return layout;
}

class TimelinePainter {
 public:
  TimelinePainter(QPainter& painter, const Theme& theme, const TimelineFigure& figure,
                  const TimelineLayout& layout)
      : painter_(painter),
        theme_(theme),
        figure_(figure),
        layout_(layout),
        axis_(figure.axis),
        colours_(Shown(figure.colours, figure.pale)) {
    axis_.Resize(layout.plot.width());
    first_ = std::clamp(static_cast<int>(figure.scroll / figure.lane_height), 0, count());
    last_ =
        std::clamp(static_cast<int>(std::ceil((figure.scroll + layout.plot.height()) / figure.lane_height)),
                   first_, count());
  }

  const TimeAxis& axis() const { return axis_; }

  void Paint() {
    painter_.setClipRect(layout_.labels.united(layout_.plot));
    PaintSpans();
    PaintRange();
    PaintWide();
    PaintLabels();
    for (const LaneSpanRef& ref : figure_.lit) Ring(ref, theme_.text, 1);
    if (figure_.selected) Ring(*figure_.selected, theme_.text, 2);
    if (figure_.hovered) Ring(*figure_.hovered, theme_.accent, 1.5);
    painter_.setClipping(false);
  }

  QRectF LaneRect(int row) const {
    const double gap = figure_.lane_height >= 6 ? 2 : figure_.lane_height >= 3 ? 1 : 0;
    return {layout_.plot.left(), layout_.plot.top() + row * figure_.lane_height - figure_.scroll,
            layout_.plot.width(), figure_.lane_height - gap};
  }

  /// Cut at the sides of the plot.
  QRectF Rect(int row, const LaneSpan& span) const {
    const double left = std::clamp(axis_.Pixel(span.start()), -4.0, layout_.plot.width() + 4);
    const double right = std::clamp(axis_.Pixel(span.end()), -4.0, layout_.plot.width() + 4);
    const QRectF lane = LaneRect(row);
    return {lane.left() + left, lane.top(), std::max(right - left, 1.0), lane.height()};
  }

  int RowOf(int lane) const {
    for (int row = first_; row < last_; ++row)
      if (figure_.lanes[static_cast<std::size_t>(row)].lane == lane) return row;
    return -1;
  }

 private:
  struct Wide {
    int row;
    std::uint32_t index;
  };

  int count() const { return static_cast<int>(figure_.lanes.size()); }
  std::span<const LaneSpan> Spans(int row) const {
    return figure_.spans->Lane(figure_.lanes[static_cast<std::size_t>(row)].lane);
  }

  /// Each lane is drawn once as a row of pixels, which is copied to its height.
  void PaintSpans() {
    const double scale = PixelScale(painter_);
    const int width = static_cast<int>(std::ceil(layout_.plot.width() * scale));
    const int height = static_cast<int>(std::ceil(layout_.plot.height() * scale));
    if (width <= 0 || height <= 0) return;
    QImage image(width, height, QImage::Format_RGB32);
    image.fill(theme_.background);
    const TimeAxis fine = axis_.Scaled(width / layout_.plot.width());
    std::vector<std::uint32_t> line(static_cast<std::size_t>(width));
    for (int row = first_; row < last_; ++row) {
      DrawLane(Spans(row), fine, colours_, line, kLeastText * scale, [&](std::uint32_t index) {
        wide_.push_back({row, index});
      });
      const QRectF lane = LaneRect(row).translated(-layout_.plot.topLeft());
      const int top = std::max(0, static_cast<int>(std::lround(lane.top() * scale)));
      const int bottom =
          std::min(height, std::max(top + 1, static_cast<int>(std::lround(lane.bottom() * scale))));
      for (int y = top; y < bottom; ++y)
        std::memcpy(image.scanLine(y), line.data(), line.size() * sizeof(line[0]));
    }
    const PainterState state(painter_);
    painter_.setRenderHint(QPainter::SmoothPixmapTransform, false);
    painter_.drawImage(QRectF(layout_.plot.topLeft(), QSizeF(width / scale, height / scale)), image);
  }

  void PaintRange() {
    if (!figure_.range) return;
    const double left = layout_.plot.left() + axis_.Pixel(figure_.range->first);
    const double right = layout_.plot.left() + axis_.Pixel(figure_.range->second);
    const QRectF box =
        QRectF(left, layout_.plot.top(), right - left, layout_.plot.height()).intersected(layout_.plot);
    QColor wash = theme_.accent;
    wash.setAlphaF(0.18F);
    painter_.fillRect(box, wash);
    DrawHairline(painter_, box.topLeft(), box.bottomLeft(), theme_.accent);
    DrawHairline(painter_, box.topRight(), box.bottomRight(), theme_.accent);
  }

  /// Names in spans that have room for them whole, hatching over long waits.
  void PaintWide() {
    const QFont font = theme_.FontOf(std::clamp(figure_.lane_height - 4, 8.0, theme_.text_size - 1), false);
    const double line = LineHeight(font);
    const bool text = figure_.names != nullptr && LaneRect(0).height() + 2 >= line;
    struct Label {
      QStaticText text;
      double width = -1;
    };
    std::vector<Label> labels(text ? figure_.names->size() : 0);
    std::array<QColor, LaneSpan::kCategories> inks;
    for (std::size_t i = 0; i < inks.size(); ++i) {
      const bool pale = (colours_.pale >> i & 1U) != 0;
      inks[i] = TextOn(
          ToQt(pale ? Mixed(colours_.categories[i], colours_.background, 0.75) : colours_.categories[i]));
    }
    painter_.setFont(font);
    for (const Wide& wide : wide_) {
      const LaneSpan& span = Spans(wide.row)[wide.index];
      PaintWait(wide.row, span);
      if (!text || span.name() >= labels.size()) continue;
      Label& label = labels[span.name()];
      if (label.width < 0) {
        label.text = QStaticText((*figure_.names)[span.name()]);
        label.text.setTextFormat(Qt::PlainText);
        label.text.prepare(QTransform(), font);
        label.width = label.text.size().width();
      }
      // A name stays in view while its span does.
      const QRectF box = Rect(wide.row, span).intersected(layout_.plot);
      if (label.width + 6 > box.width()) continue;
      painter_.setPen(inks[span.category()]);
      painter_.drawStaticText(
          QPointF(box.left() + (box.width() - label.width) / 2, box.center().y() - line / 2), label.text);
    }
  }

  void PaintWait(int row, const LaneSpan& span) {
    const double left = axis_.Pixel(span.ready()), right = axis_.Pixel(span.start());
    if (right - left < 8) return;
    const QRectF lane = LaneRect(row);
    const QRectF box =
        QRectF(lane.left() + left, lane.top(), right - left, lane.height()).intersected(layout_.plot);
    if (box.isEmpty()) return;
    const PainterState state(painter_);
    painter_.setRenderHint(QPainter::Antialiasing);
    painter_.setPen(QPen(ToQt(Mixed(colours_.wait, FromQt(theme_.text), 0.35)), 1));
    const double first = std::ceil((box.left() + box.top()) / 6) * 6;
    for (double c = first; c < box.right() + box.bottom(); c += 6) {
      const double from = std::max(box.left(), c - box.bottom()), to = std::min(box.right(), c - box.top());
      if (to > from) painter_.drawLine(QPointF(from, c - from), QPointF(to, c - to));
    }
  }

  void PaintLabels() {
    const double line = LineHeight(theme_.Small());
    double free_from = layout_.labels.top() - line;
    for (int row = first_; row < last_; ++row) {
      const TimelineLane& lane = figure_.lanes[static_cast<std::size_t>(row)];
      const QRectF box = LaneRect(row);
      if (!lane.group.isEmpty())
        DrawHairline(painter_, {layout_.labels.left(), box.top() - 1}, {layout_.plot.right(), box.top() - 1},
                     theme_.grid);
      // The first label of low lanes stands beside the plot, not above it.
      const double middle = box.center().y(), top = row == 0 && figure_.scroll <= 0
                                                        ? std::max(middle - line / 2, layout_.plot.top())
                                                        : middle - line / 2;
      if (layout_.labels.width() <= 0 || top < free_from || middle + line / 2 > layout_.plot.bottom() + 2)
        continue;
      const double own = TextWidth(theme_.Small(), lane.label);
      if (!lane.group.isEmpty())
        DrawText(painter_, QRectF(layout_.labels.left(), top, layout_.labels.width() - own - 16, line),
                 Qt::AlignLeft | Qt::AlignVCenter, lane.group, theme_.Small(), theme_.text);
      if (figure_.lane_height >= line - 2)
        DrawText(painter_, QRectF(layout_.labels.right() - own - 8, top, own + 2, line),
                 Qt::AlignRight | Qt::AlignVCenter, lane.label, theme_.Small(), theme_.faint);
      if (!lane.group.isEmpty() || figure_.lane_height >= line - 2) free_from = top + line - 3;
    }
  }

  void Ring(const LaneSpanRef& ref, const QColor& colour, double width) {
    const int row = RowOf(ref.lane);
    if (row < 0) return;
    const LaneSpan& span = figure_.spans->At(ref);
    if (span.end() < axis_.from() || span.start() > axis_.to()) return;
    const QRectF box = Rect(row, span);
    DrawRing(painter_, box, colour, theme_.background, width);
  }

  QPainter& painter_;
  const Theme& theme_;
  const TimelineFigure& figure_;
  const TimelineLayout& layout_;
  TimeAxis axis_;
  LaneColours colours_;
  int first_ = 0, last_ = 0;  ///< rows in view
  std::vector<Wide> wide_;
};

double LabelWidth(const TimelineFigure& figure, const Theme& theme) {
  double widest = 0;
  const QFont small = theme.Small();
  // Labels come from a short list of streams; groups differ in their numbers, and the last ones are the longest.
  for (std::size_t i = 0; i < figure.lanes.size(); ++i) {
    const TimelineLane& lane = figure.lanes[i];
    if (i >= 16 && i + 16 < figure.lanes.size()) continue;
    const double group = lane.group.isEmpty() ? 0 : TextWidth(small, lane.group) + 8;
    widest = std::max(widest, group + TextWidth(small, lane.label));
  }
  return widest > 0 ? widest + 10 : 0;
}

class OverviewPainter {
 public:
  OverviewPainter(QPainter& painter, const Theme& theme, const OverviewFigure& figure,
                  const TimelineLayout& layout)
      : painter_(painter), theme_(theme), figure_(figure), layout_(layout), axis_(figure.axis) {
    axis_.Resize(layout.plot.width());
  }

  const TimeAxis& axis() const { return axis_; }

  void Paint() {
    const double scale = PixelScale(painter_);
    const int width = static_cast<int>(std::ceil(layout_.plot.width() * scale));
    const int height = static_cast<int>(std::ceil(layout_.plot.height() * scale));
    if (width <= 0 || height <= 0 || figure_.sums->rows() == 0) return;
    QImage image(width, height, QImage::Format_RGB32);
    const std::span<std::uint32_t> pixels(reinterpret_cast<std::uint32_t*>(image.bits()),
                                          static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
    DrawOverview(*figure_.spans, *figure_.row_of_lane, *figure_.sums, axis_,
                 Shown(figure_.colours, figure_.pale), width, height, pixels);
    {
      const PainterState state(painter_);
      painter_.setRenderHint(QPainter::SmoothPixmapTransform, false);
      painter_.drawImage(layout_.plot, image);
    }
    PaintGroups();
    PaintRows();
    PaintWindow();
  }

 private:
  double Y(int row) const { return layout_.plot.top() + layout_.plot.height() * row / figure_.sums->rows(); }

  void PaintGroups() {
    const double line = LineHeight(theme_.Small());
    double free_from = layout_.labels.top();
    for (std::size_t i = 0; i < figure_.groups.size(); ++i) {
      const int until =
          i + 1 < figure_.groups.size() ? figure_.groups[i + 1].first_row : figure_.sums->rows();
      const double top = Y(figure_.groups[i].first_row), bottom = Y(until);
      if (i > 0)
        DrawHairline(painter_, {layout_.labels.left(), top}, {layout_.plot.right(), top}, theme_.background);
      if (layout_.labels.width() <= 0) continue;
      const double y = std::clamp((top + bottom - line) / 2, layout_.labels.top(),
                                  std::max(layout_.labels.top(), layout_.labels.bottom() - line));
      if (y < free_from) continue;
      free_from = y + line - 2;
      DrawText(painter_, QRectF(layout_.labels.left(), y, layout_.labels.width() - 8, line),
               Qt::AlignRight | Qt::AlignVCenter, figure_.groups[i].label, theme_.Small(), theme_.faint);
    }
  }

  void PaintRows() {
    const auto row = [&](int index, const QColor& colour) {
      if (index < 0 || index >= figure_.sums->rows()) return;
      const double height = std::max(2.0, Y(index + 1) - Y(index));
      DrawRing(painter_,
               QRectF(layout_.plot.left(), Y(index), layout_.plot.width(), height).adjusted(1, 0, -1, 0),
               colour, theme_.background, 1);
    };
    row(figure_.selected, theme_.text);
    row(figure_.hovered, theme_.accent);
  }

  /// What is not in the window is veiled.
  void PaintWindow() {
    if (!figure_.window) return;
    const QRectF& plot = layout_.plot;
    const double left =
        std::clamp(plot.left() + axis_.Pixel(figure_.window->first), plot.left(), plot.right() - 2);
    const double right =
        std::clamp(plot.left() + axis_.Pixel(figure_.window->second), left + 2, plot.right());
    QColor veil = theme_.background;
    veil.setAlphaF(0.35F);
    painter_.fillRect(QRectF(plot.left(), plot.top(), left - plot.left(), plot.height()), veil);
    painter_.fillRect(QRectF(right, plot.top(), plot.right() - right, plot.height()), veil);
    DrawRing(painter_, QRectF(left, plot.top(), right - left, plot.height()).adjusted(1.5, 1.5, -1.5, -1.5),
             theme_.text, theme_.background, 1.5);
  }

  QPainter& painter_;
  const Theme& theme_;
  const OverviewFigure& figure_;
  const TimelineLayout& layout_;
  TimeAxis axis_;
};

}  // namespace

LaneColours StepColours(const Theme& theme) {
  const auto categories = Categories();
  LaneColours colours;
  colours.background = FromQt(theme.panel);
  colours.wait = Mixed(FromQt(theme.hot), colours.background, 0.72);
  colours.categories.fill(FromQt(theme.bar));
  const auto set = [&](StepCategory category, Rgb colour) {
    colours.categories[static_cast<std::size_t>(category)] = colour;
  };
  set(StepCategory::kForward, categories[3]);          // sky blue
  set(StepCategory::kBackwardInputs, categories[0]);   // blue
  set(StepCategory::kBackwardWeights, categories[2]);  // green
  set(StepCategory::kHeads, categories[5]);            // yellow
  set(StepCategory::kHiddenExchange, FromQt(theme.bar));
  set(StepCategory::kExposedExchange, FromQt(theme.hot));
  return colours;
}

std::vector<LegendEntry> StepLegend(const Theme& theme) {
  const LaneColours colours = StepColours(theme);
  const auto entry = [&](const char* name, StepCategory category) {
    return LegendEntry{QString::fromLatin1(name),
                       ToQt(colours.categories[static_cast<std::size_t>(category)]), Texture::kSolid};
  };
  return {entry("forward", StepCategory::kForward),
          entry("backward for inputs", StepCategory::kBackwardInputs),
          entry("backward for weights", StepCategory::kBackwardWeights),
          entry("heads and ends", StepCategory::kHeads),
          entry("hidden exchange", StepCategory::kHiddenExchange),
          entry("exposed exchange", StepCategory::kExposedExchange),
          LegendEntry{QStringLiteral("waiting for the group"), ToQt(colours.wait), Texture::kHatched}};
}

TimelineLayout LayOutTimeline(const QRectF& area, const Theme& theme, const TimelineFigure& figure) {
  return LayOut(area, theme, LabelWidth(figure, theme), true, figure.legend);
}

void PaintTimeline(QPainter& painter, const QRectF& area, const Theme& theme, const TimelineFigure& figure) {
  ORRERY_CHECK(figure.spans != nullptr && figure.lane_height > 0, "a timeline without spans");
  const PainterState state(painter);
  painter.fillRect(area, theme.background);
  const TimelineLayout layout = LayOutTimeline(area, theme, figure);
  if (layout.plot.width() < 10 || layout.plot.height() < 4) return;
  TimelinePainter timeline(painter, theme, figure, layout);
  if (!layout.ruler.isEmpty()) PaintRuler(painter, layout.ruler, layout.plot, timeline.axis(), theme);
  timeline.Paint();
  if (!layout.legend.isEmpty()) DrawLegend(painter, layout.legend, figure.legend, theme);
}

std::optional<TimelineHit> HitTimeline(const QRectF& area, const Theme& theme, const TimelineFigure& figure,
                                       const QPointF& at) {
  const TimelineLayout layout = LayOutTimeline(area, theme, figure);
  if (figure.lanes.empty() || !layout.plot.contains(at)) return std::nullopt;
  TimeAxis axis = figure.axis;
  axis.Resize(layout.plot.width());
  TimelineHit hit;
  hit.row = static_cast<int>((at.y() - layout.plot.top() + figure.scroll) / figure.lane_height);
  hit.time = axis.Time(at.x() - layout.plot.left());
  if (hit.row < 0 || hit.row >= static_cast<int>(figure.lanes.size())) return std::nullopt;
  const int lane = figure.lanes[static_cast<std::size_t>(hit.row)].lane;
  const auto slack = static_cast<std::int64_t>(2 * axis.per_pixel());
  if (const auto index = SpanAt(figure.spans->Lane(lane), hit.time, slack))
    hit.span = LaneSpanRef{lane, *index};
  return hit;
}

QRectF SpanRect(const QRectF& area, const Theme& theme, const TimelineFigure& figure,
                const LaneSpanRef& span) {
  const TimelineLayout layout = LayOutTimeline(area, theme, figure);
  TimeAxis axis = figure.axis;
  axis.Resize(layout.plot.width());
  for (std::size_t row = 0; row < figure.lanes.size(); ++row) {
    if (figure.lanes[row].lane != span.lane) continue;
    const LaneSpan& at = figure.spans->At(span);
    const double top = layout.plot.top() + static_cast<double>(row) * figure.lane_height - figure.scroll;
    return QRectF(layout.plot.left() + axis.Pixel(at.start()), top,
                  axis.Pixel(at.end()) - axis.Pixel(at.start()), figure.lane_height)
        .intersected(layout.plot);
  }
  return {};
}

TimelineLayout LayOutOverview(const QRectF& area, const Theme& theme, const OverviewFigure& figure) {
  double labels = 0;
  for (const OverviewGroup& group : figure.groups)
    labels = std::max(labels, TextWidth(theme.Small(), group.label) + 10);
  const double title = area.height() > 80 ? TitleHeight(figure.title, theme) : 0;
  return LayOut(area.adjusted(0, title, 0, 0), theme, labels, figure.ruler, figure.legend);
}

void PaintOverview(QPainter& painter, const QRectF& area, const Theme& theme, const OverviewFigure& figure) {
  ORRERY_CHECK(figure.spans != nullptr && figure.sums != nullptr && figure.row_of_lane != nullptr,
               "an overview of nothing");
  const PainterState state(painter);
  painter.fillRect(area, theme.background);
  if (area.height() > 80) DrawTitle(painter, area, figure.title, theme);
  const TimelineLayout layout = LayOutOverview(area, theme, figure);
  if (layout.plot.width() < 10 || layout.plot.height() < 4) return;
  OverviewPainter overview(painter, theme, figure, layout);
  if (!layout.ruler.isEmpty()) PaintRuler(painter, layout.ruler, layout.plot, overview.axis(), theme);
  overview.Paint();
  if (!layout.legend.isEmpty()) DrawLegend(painter, layout.legend, figure.legend, theme);
}

std::optional<OverviewHit> HitOverview(const QRectF& area, const Theme& theme, const OverviewFigure& figure,
                                       const QPointF& at) {
  const TimelineLayout layout = LayOutOverview(area, theme, figure);
  if (!layout.plot.contains(at) || figure.sums->rows() == 0) return std::nullopt;
  TimeAxis axis = figure.axis;
  axis.Resize(layout.plot.width());
  const int row = static_cast<int>((at.y() - layout.plot.top()) / layout.plot.height() * figure.sums->rows());
  return OverviewHit{std::min(row, figure.sums->rows() - 1), axis.Time(at.x() - layout.plot.left())};
}

}  // namespace orrery::gui
