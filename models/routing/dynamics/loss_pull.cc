#include "models/routing/dynamics/loss_pull.h"

#include <algorithm>
#include <tuple>

namespace orrery::models {

LossPull::LossPull(const LossPullWeights& weights, const GateShape& gate, int domains)
    : weights_(weights), gate_(gate), domains_(static_cast<std::size_t>(domains)) {
  const auto experts = static_cast<std::size_t>(gate.experts), groups = static_cast<std::size_t>(gate.groups);
  for (auto [term, feedback, items] :
       {std::tuple{&expert_, weights.expert, experts}, std::tuple{&device_, weights.device, groups},
        std::tuple{&communication_, weights.communication, groups}}) {
    const std::size_t n = domains_ * items;
    *term = {feedback, items, std::vector<double>(n), std::vector<double>(n),
             std::vector<Gain>(n, Gain(kLossShrink, kLossGrow, kLossLeast))};
  }
}

void LossPull::Count(std::span<const float> chance, std::span<const float> reach) {
  const std::size_t n = expert_.items, groups = device_.items, size = n / groups;
  const double even = static_cast<double>(gate_.top_k) / static_cast<double>(n);
  std::fill(device_.load.begin(), device_.load.end(), 0.0);
  for (std::size_t i = 0; i < expert_.load.size(); ++i) {
    expert_.load[i] = chance[i] / even;
    device_.load[i / size] += expert_.load[i] / static_cast<double>(size);
  }
  const double reached = static_cast<double>(gate_.top_groups) / gate_.groups;
  for (std::size_t i = 0; i < communication_.load.size(); ++i) communication_.load[i] = reach[i] / reached;
}

void LossPull::Pull(Term* term, std::span<const double> share, double memory, double slope,
                    double sharpness) {
  if (term->feedback <= 0) return;
  const double own = 1 / weights_.documents;
  // All terms answer the same excess at once, so the length of a step takes all of them into account.
  const double together = weights_.expert + weights_.device + weights_.communication;
  for (std::size_t i = 0; i < term->items; ++i) {
    double mix = 0;
    for (std::size_t d = 0; d < domains_; ++d) mix += share[d] * term->load[d * term->items + i];
    for (std::size_t d = 0; d < domains_; ++d) {
      const double load = term->load[d * term->items + i], counted = own * load + (1 - own) * mix;
      double& pull = term->pull[d * term->items + i];
      const double residual = pull + slope * term->feedback * (counted - 1);
      pull += term->gain[d * term->items + i].Of(
          ImplicitStep(residual, together, counted, kAffinityPerLogLoad * sharpness, memory));
    }
  }
}

void LossPull::Step(std::span<const float> chance, std::span<const float> reach,
                    std::span<const double> share, double memory, double slope, double sharpness) {
  Count(chance, reach);
  for (Term* term : {&expert_, &device_, &communication_}) Pull(term, share, memory, slope, sharpness);
}

void LossPull::AddTo(std::span<const float> common, int domain, std::span<float> out) const {
  const auto d = static_cast<std::size_t>(domain);
  const std::size_t n = expert_.items, groups = device_.items;
  for (std::size_t e = 0; e < n; ++e) {
    const std::size_t g = d * groups + e * groups / n;
    out[e] =
        common[e] + static_cast<float>(expert_.pull[d * n + e] + device_.pull[g] + communication_.pull[g]);
  }
}

}  // namespace orrery::models
