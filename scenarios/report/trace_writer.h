// A Chrome/Perfetto trace of chosen ranks: opens in ui.perfetto.dev.
#pragma once

#include <string>
#include <vector>

#include "scenarios/run.h"

namespace orrery::scenarios {

/// The first GPU of the chosen pipeline ranks: streams as threads, microsecond timestamps, waiting for an
/// exchange as a slice of its own. `run` was asked for its timeline. InputError if a rank is not among the
/// pipeline ranks.
std::string TrainingTrace(const Run& run, const std::vector<int>& pipeline_ranks);

/// The same error, before anything is simulated.
void CheckTraceRanks(const Scenario& scenario, const std::vector<int>& pipeline_ranks);

}  // namespace orrery::scenarios
