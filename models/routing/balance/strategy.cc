#include "models/routing/balance/strategy.h"

namespace orrery::models {

bool PullsDomains(Strategy s) {
  return s == Strategy::kLossFreePlus || s == Strategy::kMicroBatchLoss || s == Strategy::kV2Losses;
}

const std::vector<std::string>& StrategyNames() {
  static const std::vector<std::string> names{"balanced",
                                              "auxiliary-loss-free",
                                              "auxiliary-loss",
                                              "batch-auxiliary-loss",
                                              "none",
                                              "auxiliary-loss-free-plus",
                                              "micro-batch-auxiliary-loss",
                                              "v2-auxiliary-losses",
                                              "expert-choice"};
  return names;
}

std::string StrategyName(Strategy s) { return StrategyNames()[static_cast<std::size_t>(s)]; }

Strategy ReadStrategy(const Value& value) { return static_cast<Strategy>(value.AsChoice(StrategyNames())); }

}  // namespace orrery::models
