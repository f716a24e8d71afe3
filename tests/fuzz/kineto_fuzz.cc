// Traces of the PyTorch profiler: read, split by GPU, analysed and written as `profile import` does.
#include <sstream>
#include <string>
#include <utility>

#include "profiler/trace/kineto.h"
#include "profiler/trace/trace_report.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) {
  std::istringstream stream{std::string(text)};
  std::vector<profiler::AnalysedTrace> traces;
  for (profiler::Trace& part : profiler::SplitByGpu(profiler::ReadKinetoTrace(stream, "trace.json")))
    traces.push_back(profiler::Analyse(std::move(part)));
  profiler::ProcessesText(traces, 20);
  profiler::ProcessesJson(traces);
  for (const auto& trace : traces) fuzz::Try([&] { profiler::TraceMeasurement(trace, 0); });
}
