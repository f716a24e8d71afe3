#include "scenarios/studies/uncertainty.h"

#include <cmath>
#include <cstddef>

#include "core/base/parallel.h"
#include "core/base/random.h"

namespace orrery::scenarios {
namespace {

double Deviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  double mean = 0, squares = 0;
  for (double v : values) mean += v / static_cast<double>(values.size());
  for (double v : values) squares += (v - mean) * (v - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double Mean(const std::vector<double>& values) {
  double mean = 0;
  for (double v : values) mean += v / static_cast<double>(values.size());
  return mean;
}

}  // namespace

std::vector<Drawn> DrawCalibration(const TrainingModel& model, const std::vector<Figure>& figures,
                                   int resamples, const RunControl& control) {
  const hw::PriceErrors errors = model.cost().Errors();
  Conditions folded;
  folded.fold = true;
  const TrainingOutcome base = model.Simulate(folded, control.Part(0, 0));
  std::vector<std::vector<double>> logs(figures.size(),
                                        std::vector<double>(static_cast<std::size_t>(resamples)));
  ParallelParts parts(control, static_cast<std::size_t>(resamples));
  ParallelFor(static_cast<std::size_t>(resamples), [&](std::size_t i) {
    RandomStream random(model.scenario().seed, "resample", {i});
    const hw::CostModel drawn = model.cost().Perturbed(errors.Draw(&random));
    StepInputs inputs;
    inputs.cost = &drawn;
    Conditions conditions = folded;
    conditions.transfers = std::exp(model.exchange().Deviation() * random.Normal());
    const TrainingOutcome outcome = model.Simulate(conditions, inputs, parts.StopOnly());
    for (std::size_t f = 0; f < figures.size(); ++f)
      logs[f][i] = std::log(figures[f](outcome) / figures[f](base));
    parts.Done();
  });
  std::vector<Drawn> drawn;
  for (const std::vector<double>& l : logs)
    drawn.push_back({Mean(l), Deviation(l), hw::LogNormal90(Mean(l), Deviation(l))});
  return drawn;
}

std::vector<double> StepsOfSeeds(const StepModel& model, std::uint64_t first, int seeds,
                                 const RunControl& control) {
  std::vector<double> steps(static_cast<std::size_t>(seeds));
  ParallelParts parts(control, steps.size());
  ParallelFor(steps.size(), [&](std::size_t i) {
    Conditions conditions;
    conditions.groups = 1;
    conditions.seed = first + 1 + i;
    steps[i] = model.Step(conditions, parts.StopOnly()).step_s;
    parts.Done();
  });
  return steps;
}

Interval UncertaintyOf(const TrainingModel& model, double step_s, int resamples, int seeds,
                       const RunControl& control) {
  const Drawn calibration = DrawCalibration(model, {[](const TrainingOutcome& o) { return o.step_s; }},
                                            resamples, control.Part(0, 0.6))
                                .front();
  const std::vector<double> steps = StepsOfSeeds(model, model.scenario().seed, seeds, control.Part(0.6, 1));
  Interval interval;
  interval.resamples = resamples;
  interval.seeds = seeds;
  interval.calibration_mean = calibration.mean;
  interval.calibration_sd = calibration.sd;
  interval.seed_sd = Deviation(steps) / step_s;
  const hw::Range90 range = hw::LogNormal90(calibration.mean, std::hypot(calibration.sd, interval.seed_sd));
  interval.low_s = step_s * range.low;
  interval.high_s = step_s * range.high;
  return interval;
}

}  // namespace orrery::scenarios
