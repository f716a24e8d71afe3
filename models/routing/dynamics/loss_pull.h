// Losses over part of the mix, batch by batch: the selection biases of each domain follow what the loss
// counts of that domain. In time they reach the equilibrium of balance/equilibrium.h, with the same surrogate
// and strengths.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "models/routing/balance/bias_step.h"
#include "models/routing/balance/update_rule.h"
#include "models/routing/gate/gate.h"

namespace orrery::models {

class LossPull {
 public:
  LossPull(const LossPullWeights& weights, const GateShape& gate, int domains);

  /// Moves the pulls after a batch whose domains came in `share`, whose tokens selected experts with `chance`
  /// [domains][experts] and reached groups with `reach` [domains][groups]. Pulls approach what the losses
  /// lead to over `memory` batches; steps are implicit (bias_step.h), so that strong losses do not overshoot.
  /// `slope` is the slope of affinities at the edge of selection over that of a sigmoid, since losses act on
  /// logits. `sharpness` is the share of their final spread that logits have; the flatter they are, the more
  /// loads answer.
  void Step(std::span<const float> chance, std::span<const float> reach, std::span<const double> share,
            double memory, double slope, double sharpness);

  /// [experts] `common` plus the pull on `domain`'s experts.
  void AddTo(std::span<const float> common, int domain, std::span<float> out) const;

 private:
  /// One loss: its weight, and the loads it counts and pulls it exerts, [domains][items].
  struct Term {
    double feedback = 0;
    std::size_t items = 0;
    std::vector<double> load, pull;
    std::vector<Gain> gain;
  };
  void Count(std::span<const float> chance, std::span<const float> reach);
  void Pull(Term* term, std::span<const double> share, double memory, double slope, double sharpness);

  LossPullWeights weights_;
  GateShape gate_;
  std::size_t domains_;
  Term expert_, device_, communication_;
};

}  // namespace orrery::models
