#include "scenarios/report/trace_writer.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "scenarios/report/chrome_trace.h"
#include "scenarios/training/span_words.h"

namespace orrery::scenarios {
namespace {

std::string SpanName(const Span& span) {
  const std::string name = PriceKeyName(span.price());
  return span.price() == models::kSendPrice ? fmt::format("{}, micro-batch {}", name, span.instance()) : name;
}

std::int64_t Picoseconds(double seconds) { return static_cast<std::int64_t>(seconds * 1e12); }

}  // namespace

void CheckTraceRanks(const Scenario& scenario, const std::vector<int>& pipeline_ranks) {
  const int count = scenario.parallelism.pipeline;
  for (int rank : pipeline_ranks) {
    if (rank < 0 || rank >= count)
      throw InputError(
          fmt::format("--trace-ranks {}: expected pipeline ranks from 0 to {}", rank, count - 1));
  }
}

std::string TrainingTrace(const Run& run, const std::vector<int>& pipeline_ranks) {
  const TrainingModel& model = *run.model;
  const TrainingOutcome& outcome = run.outcome;
  const Timeline& timeline = outcome.timeline;
  CheckTraceRanks(model.scenario(), pipeline_ranks);
  const int columns = timeline.ranks() / model.scenario().parallelism.pipeline;
  std::string text(kTraceHead);
  for (int rank : pipeline_ranks) {
    text += TraceNames(rank, fmt::format("pipeline rank {} ({})", rank, model.Holds(rank)),
                       timeline.streams(), &StreamName);
    for (int s = 0; s < timeline.streams(); ++s) {
      const std::vector<Span>& lane = timeline.Lane(rank * columns, s);
      for (std::size_t i = 0; i < lane.size(); ++i) {
        const Span& span = lane[i];
        const std::uint32_t task = timeline.TaskOf({rank * columns, s, static_cast<std::uint32_t>(i)});
        if (span.start() > span.ready())
          text += TraceSlice(rank, s, "wait for the group", span.ready(), span.start(), task);
        text += TraceSlice(rank, s, SpanName(span), span.start(), span.end(), task);
      }
    }
  }
  for (int rank : pipeline_ranks) {
    const OptimizerReport& own = outcome.optimizers[static_cast<std::size_t>(rank)];
    const auto row = static_cast<std::size_t>(rank);
    const double norm = outcome.end.norm_s;
    text += TraceSlice(rank, 0, "optimizer: gradients", Picoseconds(outcome.end.reduction_s[row]),
                       Picoseconds(outcome.end.reduced_s[row]), 0);
    text += TraceSlice(rank, 0, "optimizer: update, parameters", Picoseconds(norm),
                       Picoseconds(norm + own.update_s + own.parameters_s), 0);
  }
  return text + TraceEnd("last task ends", static_cast<double>(outcome.pipeline) * 1e-6);
}

}  // namespace orrery::scenarios
