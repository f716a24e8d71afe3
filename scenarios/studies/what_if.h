// What a step would gain if something of it were free, and what imbalance costs it.
#pragma once

#include <span>
#include <vector>

#include "core/base/run_control.h"
#include "scenarios/step/conditions.h"
#include "scenarios/training/result.h"
#include "scenarios/training/simulation.h"

namespace orrery::scenarios {

/// One thing changed, and what it is called in reports.
struct Question {
  const char* name;
  Conditions conditions;
};
/// What every training step is asked: one resource made free in each.
std::span<const Question> TrainingQuestions();

/// Each resource made free in turn on one exchange group a pipeline rank, against the same simulation with
/// nothing free. Largest gain first. Even loads lack the share of rows that a capacity drops.
std::vector<WhatIf> WhatWouldHelp(const TrainingModel& model, double dropped_share = 0,
                                  const RunControl& control = {});

/// What of a simulated step (over all its exchange groups) is imbalance; `all_s`: the step with even loads
/// and every row, from EvenStep. Rates and dollars are left to the caller.
ImbalanceCost CostOfImbalance(const StepModel& model, double step_s, double dropped_share, double all_s);
/// Seconds of a step in which every rank gets the same load, less the share of rows dropped.
double EvenStep(const StepModel& model, double dropped_share = 0, const RunControl& control = {});

}  // namespace orrery::scenarios
