// What a training step is made of and how sure we are: resources made free in turn, the critical path, an interval
// from resampled calibration residuals and from seeds.
#pragma once

#include <vector>

#include "hw/cost/price_error.h"
#include "scenarios/training/result.h"
#include "scenarios/training/simulation.h"

namespace orrery::scenarios {

/// Each resource made free in turn on one exchange group a pipeline rank, against the same simulation with
/// nothing free. Largest gain first. Even loads lack the share of rows that a capacity drops.
std::vector<WhatIf> WhatWouldHelp(const TrainingModel& model, double dropped_share = 0,
                                  const RunControl& control = {});

/// What of a simulated step (over all its exchange groups) is imbalance; `all_s`: the step with even loads
/// and every row, from EvenStep. Rates and dollars are left to the caller.
ImbalanceCost CostOfImbalance(const TrainingModel& model, const Outcome& outcome, double all_s);
/// Seconds of a step in which every rank gets the same load, less the share of rows dropped.
double EvenStep(const TrainingModel& model, double dropped_share = 0, const RunControl& control = {});

/// The chain of steps of a training timeline that ends last, by kind of step.
std::vector<CriticalPathShare> CriticalPath(const Timeline& timeline);

/// A figure of a simulation.
using Figure = std::function<double(const Outcome&)>;

/// Factors on figures of a step: the central 90 % of `resamples` simulations (folded) with every price off by
/// a draw of what it may be off by (hw/cost/price_error.h), exchanges and messages too. One for each figure.
struct Drawn {
  double mean = 0, sd = 0;  ///< of ln(figure drawn / figure)
  hw::Range90 range;        ///< as LogNormal90
};
std::vector<Drawn> DrawCalibration(const TrainingModel& model, const std::vector<Figure>& figures,
                                   int resamples, const RunControl& control = {});

/// Central 90 % of the step time. Calibration: as DrawCalibration. Seeds: loads and variation drawn anew. The
/// two are independent.
Interval UncertaintyOf(const TrainingModel& model, double step_s, int resamples, int seeds,
                       const RunControl& control = {});

}  // namespace orrery::scenarios
