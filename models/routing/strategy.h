// How a router is kept balanced once it has converged.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/document.h"
#include "models/routing/load_table.h"

namespace orrery::models {

enum class Strategy {
  kBalanced,      ///< uniform experts, for reference
  kLossFree,      ///< biases moved until the global load is even (arXiv 2408.15664)
  kSequenceLoss,  ///< auxiliary loss over each sequence: domains stay alike, the global load is not even
  kBatchLoss,     ///< auxiliary loss over a batch: domains differ, the global load is not even
  kNone,          ///< nothing
};

const std::vector<std::string>& StrategyNames();
std::string StrategyName(Strategy s);
Strategy ReadStrategy(const Value& value);

struct BalanceRule {
  Strategy strategy = Strategy::kLossFree;
  /// kSequenceLoss, kBatchLoss: at the equilibrium an expert's bias is -feedback * (load - 1): the pull of
  /// the loss grows with the overload it leaves.
  double feedback = 0;
};

/// The converged selection biases for domains in `share`.
std::vector<float> ConvergedBias(const RoutedText& text, std::span<const double> share,
                                 const BalanceRule& rule);

}  // namespace orrery::models
