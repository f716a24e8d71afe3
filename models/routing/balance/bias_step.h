// Steps of selection biases towards balance: what converged biases and training runs have in common.
#pragma once

#include <algorithm>

namespace orrery::models {

/// How much affinity changes an expert's load e-fold: the k-th of many experts sits where the normal tail
/// falls e-fold in about 0.5 standard deviations of logits, and the sigmoid's slope is 0.15 to 0.25 there.
/// Sets how far a step goes, not where steps end.
constexpr double kAffinityPerLogLoad = 0.07;
constexpr double kLogitPerLogLoad = 0.5;

/// Loads below it are reckoned with as it: a step must not grow without bound as a load vanishes.
constexpr double kLeastLoad = 0.1;

/// The step that closes `residual` = pull + feedback * (load - 1) within `memory` batches (1: at once). It is
/// implicit in the load's own answer to the pull, `answering` being the feedback of all that pulls with it,
/// so that a strong pull does not overshoot.
inline double ImplicitStep(double residual, double answering, double load, double affinity_per_log_load,
                           double memory = 1) {
  return -residual / (memory + answering * std::max(load, kLeastLoad) / affinity_per_log_load);
}

/// Tames steps whose slope is only roughly known, as a softmax's once biases near the affinities themselves:
/// they shrink where they overshoot, and recover where they fall short.
class Gain {
 public:
  constexpr explicit Gain(double shrink = 0.5, double grow = 1.5, double least = 0)
      : shrink_(shrink), grow_(grow), least_(least) {}
  double Of(double step) {
    if (step * last_ < 0) gain_ = std::max(least_, shrink_ * gain_);
    if (step * last_ > 0) gain_ = std::min(1.0, grow_ * gain_);
    last_ = step;
    return gain_ * step;
  }

 private:
  double shrink_, grow_, least_, gain_ = 1, last_ = 0;
};

/// Of losses in training, batch by batch: steps recover slowly, as batches differ, and never vanish.
constexpr double kLossShrink = 0.5, kLossGrow = 1.1, kLossLeast = 0.02;

}  // namespace orrery::models
