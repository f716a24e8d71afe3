#include <algorithm>

#include <fmt/format.h>

#include "core/base/error.h"
#include "scenarios/report/chrome_trace.h"
#include "scenarios/report/serving_report.h"
#include "scenarios/serving/span_words.h"

namespace orrery::scenarios {
std::string ServingTrace(const ServingRun& run, const std::vector<int>& ranks) {
  std::string text(kTraceHead);
  int most = 0;
  for (const auto& model : run.models) most = std::max(most, model->unit().ranks);
  for (const int rank : ranks) {
    if (rank < 0 || rank >= most)
      throw InputError(fmt::format("--trace-ranks {}: expected GPUs from 0 to {}", rank, most - 1));
  }
  int process = 0;
  for (std::size_t u = 0; u < run.models.size(); ++u) {
    const UnitPlan& unit = run.models[u]->unit();
    const Timeline& timeline = run.timelines[u];
    for (const int rank : ranks) {
      if (rank >= unit.ranks) continue;
      text += TraceNames(process, fmt::format("{} unit, GPU {}", Name(unit.role), rank),
                         models::kServingStreams, &ServingStreamName);
      for (int s = 0; s < timeline.streams(); ++s) {
        for (const Span& span : timeline.Lane(rank, s)) {
          if (span.start() > span.ready())
            text += TraceSlice(process, s, "wait for the group", span.ready(), span.start());
          text += TraceSlice(process, s, ServingSpanText(span, unit.shape), span.start(), span.end());
        }
      }
      ++process;
    }
  }
  const double end = run.result.units.empty() ? 0 : run.result.units.back().step_s * 1e6;
  return text + TraceEnd("step ends", end);
}

}  // namespace orrery::scenarios
