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

/// [figure][draw] ln(figure drawn / figure), of folded simulations. Draws follow from `seed` and `stream`.
std::vector<std::vector<double>> LogFactors(const TrainingModel& model, std::uint64_t seed,
                                            const char* stream, const std::vector<Figure>& figures,
                                            int resamples, const RunControl& control) {
  const hw::PriceErrors errors = model.cost().Errors();
  Conditions folded;
  folded.fold = true;
  const TrainingOutcome base = model.Simulate(folded, control.Part(0, 0));
  std::vector<std::vector<double>> logs(figures.size(),
                                        std::vector<double>(static_cast<std::size_t>(resamples)));
  ParallelParts parts(control, static_cast<std::size_t>(resamples));
  ParallelFor(static_cast<std::size_t>(resamples), [&](std::size_t i) {
    RandomStream random(seed, stream, {i});
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
  return logs;
}

double StepSeconds(const TrainingOutcome& outcome) { return outcome.step_s; }

/// Whether a draw of one model's price errors is the other's too.
bool PricedAlike(const TrainingModel& a, const TrainingModel& b) {
  return a.machine().cluster.device == b.machine().cluster.device &&
         a.cost().sources() == b.cost().sources() && a.exchange().source() == b.exchange().source();
}

std::vector<double> LogRatios(const std::vector<double>& b, const std::vector<double>& a) {
  std::vector<double> logs;
  for (std::size_t i = 0; i < a.size(); ++i) logs.push_back(std::log(b[i] / a[i]));
  return logs;
}

}  // namespace

std::vector<Drawn> DrawCalibration(const TrainingModel& model, const std::vector<Figure>& figures,
                                   int resamples, const RunControl& control) {
  std::vector<Drawn> drawn;
  for (const std::vector<double>& l :
       LogFactors(model, model.scenario().seed, "resample", figures, resamples, control))
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
  const Drawn calibration = DrawCalibration(model, {StepSeconds}, resamples, control.Part(0, 0.6)).front();
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

PairedDifference DifferenceOf(const TrainingModel& a, double a_s, const TrainingModel& b, double b_s,
                              int resamples, int seeds, const RunControl& control) {
  const std::uint64_t seed = a.scenario().seed;
  const char* of_b = PricedAlike(a, b) ? "resample" : "resample of another";
  const auto logs_a = LogFactors(a, seed, "resample", {StepSeconds}, resamples, control.Part(0, 0.3)).front();
  auto logs = LogFactors(b, seed, of_b, {StepSeconds}, resamples, control.Part(0.3, 0.6)).front();
  for (std::size_t i = 0; i < logs.size(); ++i) logs[i] -= logs_a[i];
  const std::vector<double> steps_a = StepsOfSeeds(a, seed, seeds, control.Part(0.6, 0.8));
  const std::vector<double> steps_b = StepsOfSeeds(b, seed, seeds, control.Part(0.8, 1));
  PairedDifference difference;
  difference.ratio = b_s / a_s;
  difference.resamples = resamples;
  difference.seeds = seeds;
  difference.calibration_sd = Deviation(logs);
  difference.seed_sd = Deviation(LogRatios(steps_b, steps_a));
  const hw::Range90 range =
      hw::LogNormal90(Mean(logs), std::hypot(difference.calibration_sd, difference.seed_sd));
  difference.low = difference.ratio * range.low;
  difference.high = difference.ratio * range.high;
  return difference;
}

}  // namespace orrery::scenarios
