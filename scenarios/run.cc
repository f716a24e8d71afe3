#include "scenarios/run.h"

#include <chrono>
#include <cstdint>
#include <utility>

#include <sys/resource.h>

#include "scenarios/studies/training_studies.h"
#include "scenarios/training/summary.h"

namespace orrery::scenarios {
namespace {

std::int64_t PeakRss() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

class Clock {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// The critical path is walked on the timeline of the step itself, unless ranks are folded.
StepInputs InputsOf(const RunOptions& options) {
  StepInputs inputs;
  inputs.timeline = options.timeline || (options.analyse && !options.fold);
  return inputs;
}

StudyOptions StudiesOf(const RunOptions& options) {
  return {options.resamples, options.seeds, options.timeline};
}

Run SimulateModel(std::shared_ptr<const TrainingModel> model, const RunOptions& options, const Clock& clock,
                  const RunControl& control) {
  control.Tell(0.05, options.groups > 0 ? "simulating exchange groups" : "simulating every GPU");
  const Conditions conditions{.fold = options.fold, .groups = options.groups};
  TrainingOutcome outcome = model->Simulate(conditions, InputsOf(options), control.Part(0.05, 0.2));
  TrainingResult result = Summarise(*model, outcome, options.fold);
  result.simulator.wall_s = clock.Seconds();
  if (options.analyse) AddStudies(*model, StudiesOf(options), control.Part(0.2, 1), &outcome, &result);
  result.simulator.peak_rss_bytes = PeakRss();
  control.Tell(1, "");
  return {std::move(result), std::move(model), std::move(outcome)};
}

}  // namespace

Run Simulate(const Scenario& scenario, const RunOptions& options, const RunControl& control) {
  control.Tell(0, "pricing kernels");
  const Clock clock;
  const auto machine = options.machine ? options.machine : LoadMachine(scenario);
  const auto model = options.loads
                         ? std::make_shared<const TrainingModel>(scenario, machine, options.loads, control)
                         : std::make_shared<const TrainingModel>(scenario, machine,
                                                                 options.fold && !options.analyse, control);
  return SimulateModel(model, options, clock, control);
}

Run Simulate(std::shared_ptr<const TrainingModel> model, const RunOptions& options,
             const RunControl& control) {
  return SimulateModel(std::move(model), options, Clock(), control);
}

TrainingResult Analyse(const Run& run, const RunOptions& options, const RunControl& control) {
  TrainingResult result = run.result;
  AddStudies(*run.model, StudiesOf(options), control, run.outcome, &result);
  result.simulator.peak_rss_bytes = PeakRss();
  control.Tell(1, "");
  return result;
}

TrainingResult RunTraining(const Scenario& scenario, const RunOptions& options, const RunControl& control) {
  return Simulate(scenario, options, control).result;
}

TrainingResult StepOnly(const Scenario& scenario) { return RunTraining(scenario, {.analyse = false}); }

}  // namespace orrery::scenarios
