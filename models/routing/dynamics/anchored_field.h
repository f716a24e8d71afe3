// The mean field held to the exact gate: for group limits, and for the few factors that tokens share.
//
// The mean field (mean_field.h) knows no group limit, and takes experts' affinities for independent where the
// router's few factors tie them together. Both move an expert's chance by an amount that changes slowly while
// biases move. So a domain is anchored now and then: tokens of it are routed by the exact gate, and each
// expert's mean logit is shifted until the mean field gives the chance counted. Between anchors the mean
// field answers biases from there.
//
// Counts of few tokens are noisy: a count c of N tokens, against a mean-field chance p, sets the chance to
// p * (c + a) / (N p + a), the posterior mean if exact chances are p times a gamma variate of shape a.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/routing/dynamics/mean_field.h"
#include "models/routing/gate/gate.h"
#include "models/routing/text/affinity_model.h"

namespace orrery::models {

class AnchoredField {
 public:
  /// For `layer`'s factors (its base is not used); `tokens` of each domain are routed at an anchor, a
  /// multiple of kLanes.
  AnchoredField(const RouterLayer& layer, const GateShape& gate, int domains, int tokens, std::uint64_t seed);

  /// Routes the domain's tokens, always the same ones, with mean logits `mean[experts]` and document and
  /// token terms times `scale`; keeps the shifts, those after the first half way from the last.
  void Anchor(int domain, std::span<const float> mean, double scale, MeanField::Bias how,
              std::span<const float> bias);

  /// Chances under the shifts of the domain's last anchor (none before the first).
  void Solve(int domain, std::span<const float> mean, double scale, MeanField::Bias how,
             std::span<const float> bias);

  /// [experts] of the last Solve: chances, and standard normal densities at the threshold.
  std::span<const float> chance() const { return field_.chance(); }
  std::span<const float> density() const { return field_.density(); }

  /// [groups] of the last Solve: chance that a token reaches a group. Picks of a group come in clusters as
  /// they did at the anchor.
  std::span<const float> reach() const { return reach_; }

 private:
  double Deviation(double scale) const;
  /// [experts] selections and [groups] tokens that reach a group, of the domain's text.
  void Count(int domain, std::span<const float> mean, double scale, MeanField::Bias how,
             std::span<const float> bias);
  void SetReach(int domain);

  RouterLayer layer_;
  GateShape gate_;
  MeanField field_;
  int tokens_;
  std::uint64_t seed_;
  std::vector<float> shift_;     ///< [domains][experts] of mean logits, in deviations
  std::vector<float> clusters_;  ///< [domains][groups] -ln(1 - reach) over the picks in the group
  std::vector<bool> anchored_;   ///< [domains]
  std::vector<float> shifted_, reach_, expert_count_, group_count_;
};

}  // namespace orrery::models
