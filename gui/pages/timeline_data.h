// A simulated step's timeline made ready to draw: lanes of spans by number, and every GPU as one row.
#pragma once

#include <QString>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/run_control.h"
#include "core/engine/timeline.h"
#include "gui/geometry/lanes.h"
#include "gui/geometry/span_sums.h"
#include "scenarios/run.h"

namespace orrery::gui {

/// Immutable. Rank r's stream s is lane r * streams + s, and its spans are those of Timeline::Lane(r, s) in order, so
/// that a span has one number in both.
struct TimelineData {
  std::shared_ptr<const scenarios::Run> run;  ///< whose timeline it is of
  SpanLanes lanes;
  SpanLanes rows;                ///< a lane a rank: what it computes, and exchanges where it computes nothing
  std::vector<int> row_of_lane;  ///< of `rows`
  std::unique_ptr<SpanSums> sums;         ///< of `rows`
  std::vector<QString> names;             ///< by price
  int ranks = 0, streams = 0, group = 0;  ///< `group`: ranks of a pipeline rank that were recorded
  std::vector<SpanRef> chain;             ///< the critical one, from its end

  const Timeline& timeline() const { return run->outcome.timeline; }
  int Lane(int rank, int stream) const { return rank * streams + stream; }
  LaneSpanRef RefOf(const SpanRef& span) const { return {Lane(span.rank, span.stream), span.index}; }
  SpanRef RefOf(const LaneSpanRef& span) const {
    return {span.lane / streams, span.lane % streams, span.index};
  }
  /// "MoE layer attn(B), layer 31, micro-batch 44".
  QString Text(const SpanRef& span) const;
  /// "pipeline rank 7, EP rank 14".
  QString RankText(int rank) const;
};

/// `run` has a timeline. An exchange span counts as exposed where its rank computes nothing for more than half of it.
std::shared_ptr<const TimelineData> MakeTimelineData(std::shared_ptr<const scenarios::Run> run,
                                                     const RunControl& control);

/// Seconds by category in a range of time, of the rows of some ranks together.
struct RangeTotals {
  std::array<double, LaneSpan::kCategories> seconds{};
  double idle_s = 0;
};
RangeTotals TotalsIn(const TimelineData& data, const std::vector<int>& ranks, std::int64_t from,
                     std::int64_t to);

}  // namespace orrery::gui
