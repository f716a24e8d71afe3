// What ran when: lanes of spans at every zoom, and all GPUs of a cluster in one picture.
#pragma once

#include <QPainter>
#include <QPointF>
#include <QRectF>
#include <QString>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "gui/geometry/lanes.h"
#include "gui/geometry/span_sums.h"
#include "gui/geometry/time_axis.h"
#include "gui/paint/legend.h"
#include "gui/paint/theme.h"

namespace orrery::gui {

/// What the colours of a step's spans mean. A figure may colour by something else: then these names are not used.
enum class StepCategory : std::uint8_t {
  kForward,
  kBackwardInputs,
  kBackwardWeights,
  kHeads,            ///< embedding, output head, optimizer
  kHiddenExchange,   ///< below computation
  kExposedExchange,  ///< nothing else runs: orange
};

LaneColours StepColours(const Theme& theme);
std::vector<LegendEntry> StepLegend(const Theme& theme);

struct TimelineLane {
  int lane = 0;   ///< of SpanLanes
  QString label;  ///< "compute"
  QString group;  ///< "rank 7 GPU 14", at the first lane of a group; a line stands above it
};

struct TimelineFigure {
  const SpanLanes* spans = nullptr;
  const std::vector<QString>* names = nullptr;  ///< LaneSpan::name is an index into it
  std::vector<TimelineLane> lanes;              ///< from the top
  TimeAxis axis{0, 1, 1};                       ///< drawn on the width of the plot, whatever its own is
  LaneColours colours;
  double lane_height = 16, scroll = 0;  ///< logical pixels; `scroll` of them are above the plot
  std::optional<LaneSpanRef> selected, hovered;
  std::vector<LaneSpanRef> lit;                                ///< outlined: the critical chain
  std::optional<std::pair<std::int64_t, std::int64_t>> range;  ///< selected time
  std::vector<LegendEntry> legend;
  bool pale = false;  ///< the content is of an older answer
};

struct TimelineLayout {
  QRectF ruler, labels, plot, legend;
};

struct TimelineHit {
  int row = 0;                      ///< of TimelineFigure::lanes
  std::optional<LaneSpanRef> span;  ///< below the pointer or within two pixels
  std::int64_t time = 0;
};

TimelineLayout LayOutTimeline(const QRectF& area, const Theme& theme, const TimelineFigure& figure);
void PaintTimeline(QPainter& painter, const QRectF& area, const Theme& theme, const TimelineFigure& figure);
std::optional<TimelineHit> HitTimeline(const QRectF& area, const Theme& theme, const TimelineFigure& figure,
                                       const QPointF& at);
/// Where a span is drawn, waits not counted; empty where its lane is not shown.
QRectF SpanRect(const QRectF& area, const Theme& theme, const TimelineFigure& figure,
                const LaneSpanRef& span);

struct OverviewGroup {
  int first_row = 0;
  QString label;  ///< "pipeline rank 3"
};

struct OverviewFigure {
  QString title;
  const SpanLanes* spans = nullptr;
  const SpanSums* sums = nullptr;
  const std::vector<int>* row_of_lane = nullptr;
  TimeAxis axis{0, 1, 1};
  LaneColours colours;
  std::vector<OverviewGroup> groups;                            ///< from the top
  std::optional<std::pair<std::int64_t, std::int64_t>> window;  ///< what the lanes below show
  int selected = -1, hovered = -1;                              ///< rows
  bool ruler = true;
  std::vector<LegendEntry> legend;
  bool pale = false;
};

struct OverviewHit {
  int row = 0;
  std::int64_t time = 0;
};

TimelineLayout LayOutOverview(const QRectF& area, const Theme& theme, const OverviewFigure& figure);
void PaintOverview(QPainter& painter, const QRectF& area, const Theme& theme, const OverviewFigure& figure);
std::optional<OverviewHit> HitOverview(const QRectF& area, const Theme& theme, const OverviewFigure& figure,
                                       const QPointF& at);

}  // namespace orrery::gui
