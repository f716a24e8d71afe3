#include <algorithm>

#include <fmt/format.h>

#include "core/base/error.h"
#include "scenarios/report/serving_report.h"
#include "scenarios/serving/span_words.h"

namespace orrery::scenarios {
namespace {

std::string Slice(int process, int stream, const std::string& name, std::int64_t start, std::int64_t end) {
  return fmt::format(R"({{"name":"{}","ph":"X","pid":{},"tid":{},"ts":{:.6f},"dur":{:.6f}}},)"
                     "\n",
                     name, process, stream, static_cast<double>(start) * 1e-6,
                     static_cast<double>(end - start) * 1e-6);
}

std::string NameOf(int process, const std::string& name) {
  std::string text = fmt::format(R"({{"name":"process_name","ph":"M","pid":{},"args":{{"name":"{}"}}}},)"
                                 "\n",
                                 process, name);
  for (int s = 0; s < models::kServingStreams; ++s) {
    text += fmt::format(R"({{"name":"thread_name","ph":"M","pid":{},"tid":{},"args":{{"name":"{}"}}}},)"
                        "\n",
                        process, s, ServingStreamName(s));
  }
  return text;
}

}  // namespace

std::string ServingTrace(const ServingRun& run, const std::vector<int>& ranks) {
  std::string text = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
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
      text += NameOf(process, fmt::format("{} unit, GPU {}", Name(unit.role), rank));
      for (int s = 0; s < timeline.streams(); ++s) {
        for (const Span& span : timeline.Lane(rank, s)) {
          if (span.start() > span.ready())
            text += Slice(process, s, "wait for the group", span.ready(), span.start());
          text += Slice(process, s, ServingSpanText(span, unit.shape), span.start(), span.end());
        }
      }
      ++process;
    }
  }
  const double end = run.result.units.empty() ? 0 : run.result.units.back().step_s * 1e6;
  return text + fmt::format(R"({{"name":"step ends","ph":"i","s":"g","pid":0,"tid":0,"ts":{:.6f}}})", end) +
         "\n]}\n";
}

}  // namespace orrery::scenarios
