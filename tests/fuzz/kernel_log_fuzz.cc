// Kernel logs of `profile attach`, through the analysis.
#include <sstream>
#include <string>
#include <utility>

#include "profiler/trace/kernel_log.h"
#include "profiler/trace/trace_report.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) {
  std::istringstream stream{std::string(text)};
  std::vector<profiler::AnalysedTrace> traces;
  for (profiler::Trace& part : profiler::SplitByGpu(profiler::ReadKernelLog(stream, "log.jsonl")))
    traces.push_back(profiler::Analyse(std::move(part)));
  profiler::ProcessesText(traces, 20);
  profiler::ProcessesJson(traces);
}
