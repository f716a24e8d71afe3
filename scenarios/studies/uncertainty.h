// How sure a step's figures are: calibration drawn anew, and seeds.
#pragma once

#include <functional>
#include <vector>

#include "core/base/run_control.h"
#include "hw/cost/price_error.h"
#include "scenarios/training/result.h"
#include "scenarios/training/simulation.h"

namespace orrery::scenarios {

/// A figure of a simulation.
using Figure = std::function<double(const TrainingOutcome&)>;

/// Factors on figures of a step: the central 90 % of `resamples` simulations (folded) with every price off by
/// a draw of what it may be off by (hw/cost/price_error.h), exchanges and messages too. One for each figure.
struct Drawn {
  double mean = 0, sd = 0;  ///< of ln(figure drawn / figure)
  hw::Range90 range;        ///< as LogNormal90
};
std::vector<Drawn> DrawCalibration(const TrainingModel& model, const std::vector<Figure>& figures,
                                   int resamples, const RunControl& control = {});

/// Seconds of a step with loads and variation drawn anew, on one exchange group a pipeline rank: for each of
/// `seeds` seeds after `first`.
std::vector<double> StepsOfSeeds(const StepModel& model, std::uint64_t first, int seeds,
                                 const RunControl& control = {});

/// Central 90 % of the step time. Calibration: as DrawCalibration. Seeds: as StepsOfSeeds. The two are
/// independent.
Interval UncertaintyOf(const TrainingModel& model, double step_s, int resamples, int seeds,
                       const RunControl& control = {});

/// How far apart two steps are: a factor on the time of the first that gives the second's.
struct PairedDifference {
  double ratio = 1;
  double low = 1, high = 1;                ///< its central 90 %
  double calibration_sd = 0, seed_sd = 0;  ///< of ln ratio
  int resamples = 0, seeds = 0;
  /// Whether the interval leaves no doubt which of the two is faster.
  bool ToldApart() const { return low > 1 || high < 1; }
};
/// Both steps under the same draws: where they are priced by the same tables an error of a price is one error,
/// and what it does to both alike is no doubt about their difference. Between machines that are priced by
/// different tables the draws are independent. `a_s`, `b_s`: their seconds. Seeds: the same for both.
PairedDifference DifferenceOf(const TrainingModel& a, double a_s, const TrainingModel& b, double b_s,
                              int resamples, int seeds, const RunControl& control = {});

}  // namespace orrery::scenarios
