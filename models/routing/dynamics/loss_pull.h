// Losses over part of the mix, step by step: each domain's selection biases follow what the loss counts of
// that domain. The time course of converged_bias.h's, whose surrogate and strengths these are.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "models/routing/balance/bias_step.h"
#include "models/routing/gate/gate.h"

namespace orrery::models {

/// Strengths: an expert's pull goes to minus the sum of each feedback times the excess its loss counts.
struct LossPullWeights {
  double expert = 0;         ///< of an expert's load
  double device = 0;         ///< of its group's mean load
  double communication = 0;  ///< of the tokens that reach its group
  /// Documents whose loads the loss counts together: a token's own domain weighs 1 / documents, the mix the
  /// rest. A mean over ranks and steps, so it need not be whole.
  double documents = 1;

  bool any() const { return expert > 0 || device > 0 || communication > 0; }
};

class LossPull {
 public:
  LossPull(const LossPullWeights& weights, const GateShape& gate, int domains);

  /// After a batch in `share` of domains, whose tokens selected experts with `chance` [domains][experts] and
  /// reached groups with `reach` [domains][groups]: pulls close in on what the losses ask for within
  /// `memory` batches. Implicit in the load's own answer to the pull, so that strong losses do not overshoot.
  /// `slope` is that of affinities at the edge of selection over a sigmoid's: losses act on logits.
  /// `sharpness` is how much of their spread logits have: the flatter, the more loads answer.
  void Step(std::span<const float> chance, std::span<const float> reach, std::span<const double> share,
            double memory, double slope, double sharpness);

  /// [experts] `common` plus the pull on `domain`'s experts.
  void AddTo(std::span<const float> common, int domain, std::span<float> out) const;

 private:
  /// The terms' weights and what each counts, [domains][items].
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
