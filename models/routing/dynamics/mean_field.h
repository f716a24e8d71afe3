// The mean-field engine: the chance that each expert is among a token's top k, domain by domain, without
// tokens.
//
// A token's affinity for expert e exceeds level x with chance Q((logit(x) - m[d,e]) / sd); the k-th largest
// of many is nearly the same for all tokens of a domain, so one threshold with sum_e chance = k gives all
// chances. Exact as the number of independent experts grows; held against routing tokens in its tests. It
// leaves out the group limit and what few shared factors do: anchored_field.h puts both in.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "models/routing/gate/gate.h"

namespace orrery::models {

class MeanField {
 public:
  MeanField(Affinity kind, int experts, int top_k, int domains);

  /// How biases act on affinities.
  enum class Bias { kAdded, kMultiplied };

  /// Chances of `domain`, whose logits have `mean[experts]` and deviation `sd`, under `bias[experts]`. Thresholds of
  /// the last call are the start of the next.
  void Solve(int domain, std::span<const float> mean, double sd, Bias how, std::span<const float> bias);

  /// [experts] chances and logit densities (standard normal density at the threshold) of the last Solve.
  std::span<const float> chance() const { return std::span(chance_).first(experts_); }
  /// Level of the domain's last Solve: the affinity at the edge of selection.
  double threshold(int domain) const { return threshold_[static_cast<std::size_t>(domain)]; }
  std::span<const float> density() const { return std::span(density_).first(experts_); }

 private:
  /// Between these thresholds lies the one sought: affinities are between 0 and 1.
  std::pair<double, double> Bracket(Bias how, std::span<const float> bias) const;
  void SetLevels(float threshold, Bias how, std::span<const float> bias);
  /// Chances after the threshold rises by `rise`, to first order.
  void StepStraight(double rise);

  Affinity kind_;
  std::size_t experts_, padded_;
  double top_k_;
  std::vector<double> threshold_;  ///< [domains]
  std::vector<float> mean_, level_, chance_, density_, fall_;
};

}  // namespace orrery::models
