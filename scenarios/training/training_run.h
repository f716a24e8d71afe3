// Answers a training scenario: simulates the step, asks what it is made of, and sums it up.
#pragma once

#include <memory>

#include "core/base/run_control.h"
#include "core/engine/timeline.h"
#include "scenarios/schema/scenario.h"
#include "scenarios/training/analysis.h"
#include "scenarios/training/result.h"

namespace orrery::scenarios {

struct RunOptions {
  bool fold = false;      ///< equal ranks simulated as one: fast, and blind to imbalance
  bool analyse = true;    ///< what-ifs, critical path, uncertainty
  bool timeline = false;  ///< keep what happened in the first exchange group of every pipeline rank
  int resamples = 64;
  int seeds = 4;
};

/// A result, and what it was made of.
struct TrainingRun {
  TrainingResult result;
  std::shared_ptr<const TrainingModel> model;
  Outcome outcome;  ///< its timeline is empty unless it was asked for
};

/// scenario -> programs, prices, loads -> engine -> result. Stopped, without a trace, where `control` says
/// so.
TrainingRun SimulateTraining(const Scenario& scenario, const RunOptions& options,
                             const RunControl& control = {});

/// The result alone.
TrainingResult RunTraining(const Scenario& scenario, const RunOptions& options,
                           const RunControl& control = {});

/// What a simulation spends on each kind of task, pipeline rank 0.
Phases PhasesOf(const Outcome& outcome);

/// The step alone, as validation asks for it.
TrainingResult StepOnly(const Scenario& scenario);

}  // namespace orrery::scenarios
