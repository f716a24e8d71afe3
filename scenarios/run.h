// Answers a scenario: what a command line, a window or a script calls.
//
//   const Scenario scenario = ReadTrainingScenario(LoadScenarioDocument("deepseek-v3-pretraining", {}), "");
//   const Run run = Simulate(scenario, {.analyse = false});
//   run.result.step_s;
#pragma once

#include <memory>

#include "core/base/run_control.h"
#include "scenarios/schema/scenario.h"
#include "scenarios/step/machine.h"
#include "scenarios/training/result.h"
#include "scenarios/training/simulation.h"

namespace orrery::scenarios {

struct RunOptions {
  bool fold = false;      ///< equal ranks simulated as one: fast, and blind to imbalance
  bool analyse = true;    ///< what-ifs, critical path, uncertainty
  bool timeline = false;  ///< keep what happened in the first exchange group of every pipeline rank
  int groups = 0;         ///< exchange groups a pipeline rank; 0: all of them, fewer are quicker
  int resamples = 64;
  int seeds = 4;
  /// The scenario's, where it is loaded already and shared with other runs; null: it is loaded.
  std::shared_ptr<const Machine> machine = nullptr;
  /// The scenario's expert loads (MakeScenarioLoads), where other runs share them; null: they are made.
  std::shared_ptr<const models::LoadSource> loads = nullptr;
};

/// A result, and what it was made of: the model answers further questions, the outcome says what happened.
struct Run {
  TrainingResult result;
  std::shared_ptr<const TrainingModel> model;
  TrainingOutcome outcome;  ///< its timeline is empty unless it was asked for
};

/// Throws Stopped, having written nothing, where `control` says so; InputError where the scenario cannot be
/// simulated.
Run Simulate(const Scenario& scenario, const RunOptions& options = {}, const RunControl& control = {});

/// The same of a model that was made before, of RunOptions only what a step is asked. A folded-only model takes
/// `fold` and no analysis.
Run Simulate(std::shared_ptr<const TrainingModel> model, const RunOptions& options,
             const RunControl& control = {});

/// The result of a run that was simulated before, with every study added. The timeline of the run is taken
/// where it was kept, else one exchange group is simulated again.
TrainingResult Analyse(const Run& run, const RunOptions& options = {}, const RunControl& control = {});

/// The result alone.
TrainingResult RunTraining(const Scenario& scenario, const RunOptions& options,
                           const RunControl& control = {});

/// The step alone, as validation asks for it.
TrainingResult StepOnly(const Scenario& scenario);

}  // namespace orrery::scenarios
