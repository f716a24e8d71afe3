// What a training step is made of and how sure we are: resources made free in turn, the critical path, an
// interval from resampled calibration residuals and from seeds.
#pragma once

#include <functional>
#include <vector>

#include "scenarios/training/result.h"
#include "scenarios/training/simulation.h"

namespace orrery::scenarios {

/// Called with a share done, from 0 to 1, and what is being done. Called from one thread at a time.
using Progress = std::function<void(double, const char*)>;

/// Each resource made free in turn on one exchange group a pipeline rank, against the same simulation with
/// nothing free. Largest gain first.
std::vector<WhatIf> WhatWouldHelp(const TrainingModel& model);

/// The chain of steps that ends last, by kind of step: one exchange group a pipeline rank.
std::vector<CriticalPathShare> CriticalPath(const TrainingModel& model);

/// Central 90 % of the step time. Calibration: leave-one-out residuals of every op class drawn anew
/// `resamples` times (folded simulations), exchange times by the spread of their measurement. Seeds: loads
/// and variation drawn anew. The two are independent.
Interval UncertaintyOf(const TrainingModel& model, double step_s, int resamples, int seeds);

}  // namespace orrery::scenarios
