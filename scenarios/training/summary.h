// Sums a simulated training step up: what a report says of it.
#pragma once

#include <optional>

#include "scenarios/training/result.h"
#include "scenarios/training/simulation.h"

namespace orrery::scenarios {

/// All of a result that needs no further simulation. `folded`: the outcome is of equal ranks taken as one.
TrainingResult Summarise(const TrainingModel& model, const TrainingOutcome& outcome, bool folded);

/// The run's length and price, where they are not the scenario's.
struct RunTerms {
  std::optional<double> tokens, dollars_per_gpu_hour;
};
/// Days, GPU hours and dollars of a run of such steps, which `result` sums up; nothing is simulated anew.
RunReport RunUnder(const TrainingResult& result, const Scenario& scenario, const RunTerms& terms);

/// What a simulation spends on each kind of task, pipeline rank 0.
Phases PhasesOf(const TrainingOutcome& outcome);

}  // namespace orrery::scenarios
