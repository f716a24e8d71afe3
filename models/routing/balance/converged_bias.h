// The selection biases that a strategy leads to once it has converged.
#pragma once

#include <span>
#include <vector>

#include "models/routing/balance/strategy.h"
#include "models/routing/sampling/load_table.h"

namespace orrery::models {

struct ConvergedBiases {
  std::vector<float> bias;  ///< [experts], or [domains][experts] of a strategy that PullsDomains
  /// How far the relative load of an expert is from what the strategy asks for at these biases, the largest
  /// over experts; and what of it is no more than whole tokens and the solver's closeness. Beyond it no
  /// biases were found that do: none may exist, as where many tokens have the same affinities.
  double off = 0, tolerance = 0;
  bool converged() const { return off <= tolerance; }
};

/// The biases for domains in `share`. Loss-free ones even the load of the mix; under an auxiliary loss an
/// expert's is -feedback * (load - 1). At a fixed point of a strategy that PullsDomains each domain's bias is
/// minus the sum of feedback times the excess its loss counts, on top of the mix's loss-free bias for
/// kLossFreePlus. A surrogate, as BalanceRule's: a loss trains the router, here its logits give way in
/// proportion.
ConvergedBiases ConvergedBias(const RoutedText& text, std::span<const double> share, const BalanceRule& rule);

}  // namespace orrery::models
