#include "models/routing/strategy.h"

#include <algorithm>
#include <cmath>

namespace orrery::models {
namespace {

// Newton steps on ln(load): an affinity step of 0.1 changes a load about e-fold, because the k-th of many
// experts sits where the normal tail falls e-fold in about 0.5 sd of logits and the sigmoid's slope is 0.15
// to 0.25.
constexpr double kAffinityPerLogLoad = 0.07;
constexpr int kCoarseSteps = 10;  // on a quarter of the text
constexpr int kFineSteps = 6;     // on all of it

double Step(const BalanceRule& rule, double load, double bias) {
  if (rule.strategy == Strategy::kLossFree) return -kAffinityPerLogLoad * std::log(std::max(load, 0.02));
  const double residual = bias + rule.feedback * (load - 1);
  return -residual / (1 + rule.feedback * std::max(load, 0.1) / kAffinityPerLogLoad);
}

}  // namespace

const std::vector<std::string>& StrategyNames() {
  static const std::vector<std::string> names{"balanced", "auxiliary-loss-free", "auxiliary-loss",
                                              "batch-auxiliary-loss", "none"};
  return names;
}

std::string StrategyName(Strategy s) { return StrategyNames()[static_cast<std::size_t>(s)]; }

Strategy ReadStrategy(const Value& value) { return static_cast<Strategy>(value.AsChoice(StrategyNames())); }

std::vector<float> ConvergedBias(const RoutedText& text, std::span<const double> share,
                                 const BalanceRule& rule) {
  std::vector<float> bias(static_cast<std::size_t>(text.gate().experts));
  if (rule.strategy == Strategy::kNone || rule.strategy == Strategy::kBalanced) return bias;
  for (int i = 0; i < kCoarseSteps + kFineSteps; ++i) {
    const int documents = i < kCoarseSteps ? std::max(1, text.documents() / 4) : text.documents();
    const std::vector<double> load = RelativeLoads(text.gate(), text.Route(bias, documents), share);
    const double damping = i + 3 < kCoarseSteps + kFineSteps ? 1.0 : 0.6;
    for (std::size_t e = 0; e < bias.size(); ++e) {
      bias[e] += static_cast<float>(damping * Step(rule, load[e], double{bias[e]}));
    }
  }
  return bias;
}

}  // namespace orrery::models
