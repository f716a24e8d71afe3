#include "scenarios/report/trace_writer.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "scenarios/training/span_words.h"

namespace orrery::scenarios {
namespace {

std::string SpanName(const Span& span) {
  const std::string name = PriceKeyName(span.price());
  return span.price() == models::kSendPrice ? fmt::format("{}, micro-batch {}", name, span.instance()) : name;
}

std::string Slice(int rank, int stream, const std::string& name, std::int64_t start, std::int64_t end,
                  std::uint32_t task) {
  return fmt::format(
      R"({{"name":"{}","ph":"X","pid":{},"tid":{},"ts":{:.6f},"dur":{:.6f},"args":{{"task":{}}}}},)"
      "\n",
      name, rank, stream, static_cast<double>(start) * 1e-6, static_cast<double>(end - start) * 1e-6, task);
}

std::string Metadata(int rank, const std::string& holds, int streams) {
  std::string text = fmt::format(
      R"j({{"name":"process_name","ph":"M","pid":{},"args":{{"name":"pipeline rank {} ({})"}}}},)j"
      "\n",
      rank, rank, holds);
  for (int s = 0; s < streams; ++s) {
    text += fmt::format(R"({{"name":"thread_name","ph":"M","pid":{},"tid":{},"args":{{"name":"{}"}}}},)"
                        "\n",
                        rank, s, StreamName(s));
  }
  return text;
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
  std::string text = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
  for (int rank : pipeline_ranks) {
    text += Metadata(rank, model.Holds(rank), timeline.streams());
    for (int s = 0; s < timeline.streams(); ++s) {
      const std::vector<Span>& lane = timeline.Lane(rank * columns, s);
      for (std::size_t i = 0; i < lane.size(); ++i) {
        const Span& span = lane[i];
        const std::uint32_t task = timeline.TaskOf({rank * columns, s, static_cast<std::uint32_t>(i)});
        if (span.start() > span.ready())
          text += Slice(rank, s, "wait for the group", span.ready(), span.start(), task);
        text += Slice(rank, s, SpanName(span), span.start(), span.end(), task);
      }
    }
  }
  for (int rank : pipeline_ranks) {
    const OptimizerReport& own = outcome.optimizers[static_cast<std::size_t>(rank)];
    const auto row = static_cast<std::size_t>(rank);
    const double norm = outcome.end.norm_s;
    text += Slice(rank, 0, "optimizer: gradients", Picoseconds(outcome.end.reduction_s[row]),
                  Picoseconds(outcome.end.reduced_s[row]), 0);
    text += Slice(rank, 0, "optimizer: update, parameters", Picoseconds(norm),
                  Picoseconds(norm + own.update_s + own.parameters_s), 0);
  }
  return text + R"({"name":"last task ends","ph":"i","s":"g","pid":0,"tid":0,"ts":)" +
         fmt::format("{:.6f}", static_cast<double>(outcome.pipeline) * 1e-6) + "}\n]}\n";
}

}  // namespace orrery::scenarios
