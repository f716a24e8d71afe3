// Steps of selection biases towards balance, as the solver of equilibria (equilibrium.h) and the training
// runs (dynamics/) take them.
#pragma once

#include <algorithm>

namespace orrery::models {

/// The change of affinity that changes an expert's load e-fold. The k-th of many experts lies where the tail
/// of the normal distribution falls e-fold in about 0.5 standard deviations of logits, and the slope of the
/// sigmoid there is 0.15 to 0.25. These constants set how long a step is, not where the steps end.
constexpr double kAffinityPerLogLoad = 0.07;
constexpr double kLogitPerLogLoad = 0.5;

/// A step takes loads below this for this one, so that it does not grow without bound as a load vanishes.
constexpr double kLeastLoad = 0.1;

/// The step that closes `residual` = pull + feedback * (load - 1) within `memory` batches (1: at once). It
/// counts on the load's own answer to the step (an implicit step), so that a strong pull does not overshoot.
/// `answering` is the feedback of everything that pulls along.
inline double ImplicitStep(double residual, double answering, double load, double affinity_per_log_load,
                           double memory = 1) {
  return -residual / (memory + answering * std::max(load, kLeastLoad) / affinity_per_log_load);
}

/// Scales steps whose slope is only roughly known, as that of a softmax where biases are as large as the
/// affinities. Steps shrink where the last one overshot and recover where it fell short.
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

/// The gain of losses in training, batch by batch. Steps recover slowly, since batches differ, and never
/// vanish.
constexpr double kLossShrink = 0.5, kLossGrow = 1.1, kLossLeast = 0.02;

}  // namespace orrery::models
