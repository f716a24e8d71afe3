// Sums a simulated training step up: what a report says of it.
#pragma once

#include "scenarios/training/result.h"
#include "scenarios/training/simulation.h"

namespace orrery::scenarios {

/// All of a result that needs no further simulation. `folded`: the outcome is of equal ranks taken as one.
TrainingResult Summarise(const TrainingModel& model, const TrainingOutcome& outcome, bool folded);

/// What a simulation spends on each kind of task, pipeline rank 0.
Phases PhasesOf(const TrainingOutcome& outcome);

}  // namespace orrery::scenarios
