// Answers a training scenario: simulates the step, asks what it is made of, and sums it up.
#pragma once

#include "scenarios/scenario.h"
#include "scenarios/training/analysis.h"
#include "scenarios/training/result.h"

namespace orrery::scenarios {

struct RunOptions {
  bool fold = false;    ///< equal ranks simulated as one: fast, and blind to imbalance
  bool analyse = true;  ///< what-ifs, critical path, uncertainty
  int resamples = 64;
  int seeds = 4;
};

/// scenario -> programs, prices, loads -> engine -> result. `progress` may be empty.
TrainingResult RunTraining(const Scenario& scenario, const RunOptions& options,
                           const Progress& progress = {});

/// What a simulation spends on each kind of task, pipeline rank 0.
Phases PhasesOf(const Outcome& outcome);

/// The step alone, as validation asks for it.
TrainingResult StepOnly(const Scenario& scenario);

}  // namespace orrery::scenarios
