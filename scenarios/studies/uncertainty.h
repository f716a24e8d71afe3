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

}  // namespace orrery::scenarios
