// A Chrome/Perfetto trace of chosen ranks: opens in ui.perfetto.dev.
#pragma once

#include <string>
#include <vector>

#include "scenarios/training/simulation.h"

namespace orrery::scenarios {

/// Simulates one exchange group a pipeline rank with every step noted, and writes the chosen pipeline ranks'
/// first GPU: streams as threads, microsecond timestamps, waiting for an exchange as its own slice.
/// InputError if a rank is not among the pipeline ranks.
std::string TrainingTrace(const TrainingModel& model, const std::vector<int>& pipeline_ranks);

}  // namespace orrery::scenarios
