#include "gui/pages/timeline_data.h"

#include <algorithm>
#include <utility>

#include "gui/paint/timeline.h"
#include "scenarios/studies/critical_path.h"
#include "scenarios/training/span_words.h"

namespace orrery::gui {
namespace {

constexpr int kCompute = 0, kExchange = 1;

unsigned Category(StepCategory category) { return static_cast<unsigned>(category); }

unsigned ComputeCategory(std::uint32_t price) {
  const auto unit = static_cast<models::UnitKind>(price / models::kParts);
  if (unit == models::UnitKind::kEmbedding || unit == models::UnitKind::kHead)
    return Category(StepCategory::kHeads);
  switch (static_cast<models::Part>(price % models::kParts)) {
    case models::Part::kMlpBackward:
    case models::Part::kAttentionBackward:
      return Category(StepCategory::kBackwardInputs);
    case models::Part::kMlpWeight:
    case models::Part::kAttentionWeight:
      return Category(StepCategory::kBackwardWeights);
    default:
      return Category(StepCategory::kForward);
  }
}

/// Picoseconds of [from, to) in which a lane runs. `first`: where to begin to look; it moves on, as the questions do.
std::int64_t BusyIn(const std::vector<Span>& lane, std::int64_t from, std::int64_t to, std::size_t* first) {
  while (*first < lane.size() && lane[*first].end() <= from) ++*first;
  std::int64_t busy = 0;
  for (std::size_t i = *first; i < lane.size() && lane[i].start() < to; ++i)
    busy += std::min(to, lane[i].end()) - std::max(from, lane[i].start());
  return busy;
}

void AddLanesOf(const Timeline& timeline, int rank, SpanLanes* lanes) {
  for (int stream = 0; stream < timeline.streams(); ++stream) {
    lanes->BeginLane();
    const std::vector<Span>& lane = timeline.Lane(rank, stream);
    std::size_t first = 0;
    for (const Span& span : lane) {
      unsigned category = Category(StepCategory::kHiddenExchange);
      if (stream == kCompute) {
        category = ComputeCategory(span.price());
      } else if (stream == kExchange) {
        const std::int64_t busy = BusyIn(timeline.Lane(rank, kCompute), span.start(), span.end(), &first);
        if (2 * busy < span.end() - span.start()) category = Category(StepCategory::kExposedExchange);
      }
      lanes->Add(LaneSpan::Of(span.ready(), span.start(), span.end(), span.price(), category));
    }
  }
}

/// A rank's whole time: what it computes, and in the gaps the exchanges that run there.
void AddRowOf(const Timeline& timeline, int rank, SpanLanes* rows) {
  rows->BeginLane();
  const std::vector<Span>& exchanges = timeline.Lane(rank, kExchange);
  std::size_t first = 0;
  std::int64_t until = 0;
  const auto fill = [&](std::int64_t to) {
    while (first < exchanges.size() && exchanges[first].end() <= until) ++first;
    for (std::size_t i = first; i < exchanges.size() && exchanges[i].start() < to; ++i) {
      const std::int64_t start = std::max(until, exchanges[i].start()),
                         end = std::min(to, exchanges[i].end());
      if (end > start)
        rows->Add(
            LaneSpan::Of(start, start, end, exchanges[i].price(), Category(StepCategory::kExposedExchange)));
      until = std::max(until, end);
    }
  };
  for (const Span& span : timeline.Lane(rank, kCompute)) {
    fill(span.start());
    rows->Add(
        LaneSpan::Of(span.start(), span.start(), span.end(), span.price(), ComputeCategory(span.price())));
    until = std::max(until, span.end());
  }
  fill(timeline.At(timeline.Last()).end());
}

}  // namespace

QString TimelineData::Text(const SpanRef& span) const {
  const scenarios::Scenario& scenario = run->model->scenario();
  return QString::fromStdString(
      scenarios::SpanText(timeline().At(span), scenario.MicroBatches(), scenario.model));
}

QString TimelineData::RankText(int rank) const {
  QString text = QString("pipeline rank %1").arg(rank / group);
  if (group > 1) text += QString(", EP rank %1").arg(rank % group);
  return text;
}

std::shared_ptr<const TimelineData> MakeTimelineData(std::shared_ptr<const scenarios::Run> run,
                                                     const RunControl& control) {
  auto data = std::make_shared<TimelineData>();
  const Timeline& timeline = run->outcome.timeline;
  data->ranks = timeline.ranks();
  data->streams = timeline.streams();
  data->group = timeline.ranks() / run->model->scenario().parallelism.pipeline;
  data->lanes.Reserve(static_cast<std::size_t>(data->ranks * data->streams), timeline.spans());
  for (int rank = 0; rank < data->ranks; ++rank) {
    control.Check();
    AddLanesOf(timeline, rank, &data->lanes);
    AddRowOf(timeline, rank, &data->rows);
    data->row_of_lane.push_back(rank);
  }
  data->sums = std::make_unique<SpanSums>(data->rows, data->row_of_lane);
  for (std::uint32_t price = 0; price < models::kPriceKeys; ++price)
    data->names.push_back(QString::fromStdString(scenarios::PriceKeyName(price)));
  data->chain = scenarios::CriticalChain(timeline);
  data->run = std::move(run);
  return data;
}

RangeTotals TotalsIn(const TimelineData& data, const std::vector<int>& ranks, std::int64_t from,
                     std::int64_t to) {
  RangeTotals totals;
  for (const int rank : ranks) {
    const auto times = TimeIn(data.rows.Lane(rank), from, to);
    double busy = 0;
    for (std::size_t c = 0; c < times.size(); ++c) {
      totals.seconds[c] += static_cast<double>(times[c]) * 1e-12;
      busy += static_cast<double>(times[c]) * 1e-12;
    }
    totals.idle_s += static_cast<double>(to - from) * 1e-12 - busy;
  }
  return totals;
}

}  // namespace orrery::gui
