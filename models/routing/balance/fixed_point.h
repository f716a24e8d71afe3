// What the solvers of converged biases share.
#pragma once

#include <algorithm>
#include <span>

#include "models/routing/balance/bias_step.h"
#include "models/routing/balance/converged_bias.h"
#include "models/routing/balance/strategy.h"
#include "models/routing/sampling/load_table.h"

namespace orrery::models {

/// Affinity an e-fold of load of the text's own router. A softmax's affinities shrink with the number of
/// experts, and with them every step and every pull, which act on logits.
inline double AffinityPerLogLoad(const RoutedText& text) {
  return text.kind() == Affinity::kSigmoid ? kAffinityPerLogLoad : kLogitPerLogLoad * text.EdgeSlope();
}

/// `rule` with pulls in the affinities of `text`.
inline BalanceRule Scaled(BalanceRule rule, double affinity_per_log_load) {
  const double scale = affinity_per_log_load / kAffinityPerLogLoad;
  rule.feedback *= scale, rule.device_feedback *= scale, rule.communication_feedback *= scale;
  return rule;
}

/// Relative load of one token of a text's domain.
inline double LoadOfToken(const RoutedText& text) {
  return text.gate().experts /
         (double{1} * text.documents() * RoutedText::kDocumentTokens * text.gate().top_k);
}

/// How near to what is asked for an expert's relative load over the mix is that counts as converged: a share
/// of the mean, and beyond it some of the heaviest tokens, which change hands whole.
constexpr double kCloseLoad = 0.04, kCloseTokens = 2;
inline double Closeness(const RoutedText& text, std::span<const double> share) {
  return kCloseLoad + kCloseTokens * LoadOfToken(text) * *std::max_element(share.begin(), share.end());
}

/// A loss-free step acts on ln(load); of loads below it as of it.
constexpr double kLeastLogLoad = 0.02;

/// ConvergedBias of a strategy that PullsDomains.
ConvergedBiases ConvergedDomainBias(const RoutedText& text, std::span<const double> share,
                                    const BalanceRule& rule);

}  // namespace orrery::models
