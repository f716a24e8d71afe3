// A trace analysed as `orrery profile import` does: its phases matched to the layers of a model.
#pragma once

#include <utility>
#include <vector>

#include "models/spec/model_spec.h"
#include "profiler/trace/trace_report.h"
#include "scenarios/validation/trace_match.h"

namespace orrery::profiler {

inline AnalysedTrace AnalyseMatched(Trace trace) {
  return Analyse(std::move(trace), [](const std::vector<TracedPhase>& phases) {
    return scenarios::MatchLaunches(models::ModelPreset("deepseek-v3"), {}, phases);
  });
}

}  // namespace orrery::profiler
