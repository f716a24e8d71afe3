#include "models/routing/balance/strategy.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "models/routing/balance/balance_stats.h"
#include "models/routing/balance/equilibrium.h"
#include "models/routing/sources/synthetic_loads.h"
#include "tests/models/routing/published_gates.h"

namespace orrery::models {
namespace {

TEST(LossFree, BalancesTheMixWhateverTheAffinities) {
  for (const LoadShape& shape : {kMixtral, kV2, kQwen3, kV3}) {
    for (const Affinity kind : {Affinity::kSigmoid, Affinity::kSoftmax}) {
      SyntheticOptions options = DefaultOptions(Strategy::kLossFree, 0);
      options.affinity.kind = kind;
      const SyntheticLoads loads(shape, options, 1, 3);
      EXPECT_LT(Balance(loads.GlobalLoads(0)).max_vio, 0.04)
          << shape.experts << (kind == Affinity::kSoftmax ? " softmax" : " sigmoid");
    }
  }
}

/// A text of one layer, and what a strategy's biases do to its mix.
ConvergedBiases Converge(const GateShape& gate, const AffinityParameters& affinity, const BalanceRule& rule) {
  const RoutedText text(DrawRouterLayer(affinity, gate.experts, 1, 0), gate, affinity.domains, 16, 7);
  return ConvergedBias(text, ZipfShares(affinity.domains), rule);
}

TEST(Losses, ConvergeToTheirFixedPointHoweverStrong) {
  BalanceRule batch{Strategy::kBatchLoss, 0.25}, micro{Strategy::kMicroBatchLoss, 0.25},
      plus{Strategy::kLossFreePlus, 0.025};
  micro.documents = plus.documents = 2.5;
  AffinityParameters softmax;
  softmax.kind = Affinity::kSoftmax, softmax.domains = 4;
  for (BalanceRule rule : {batch, micro, plus}) {
    for (const double strength : {1.0, 100.0}) {
      BalanceRule strong = rule;
      strong.feedback *= strength;
      const ConvergedBiases found = Converge({128, 2, 1, 1}, softmax, strong);
      EXPECT_TRUE(found.converged()) << StrategyName(rule.strategy) << ' ' << strength << " off "
                                     << found.distance;
    }
  }
}

TEST(Losses, ConvergeWhereAnExpertHasOneTokenOfADomainAndTheNextIsFar) {
  const LoadShape kimi{384, 64, 8, 4096, 8, 1, 1};
  EXPECT_EQ(SyntheticLoads(kimi, DefaultOptions(Strategy::kLossFreePlus, 1e-4), 1, 3).NotConverged(), 0);
}

TEST(LossFree, SaysWhereNoBiasesBalanceAText) {
  AffinityParameters alike;
  alike.token = 0;  // a document's tokens all go the same way
  const ConvergedBiases found = Converge({256, 8, 8, 4}, alike, {});
  EXPECT_FALSE(found.converged());
  EXPECT_GT(found.distance, 0.2);
  SyntheticOptions options = DefaultOptions(Strategy::kLossFree, 0);
  EXPECT_EQ(SyntheticLoads(kV3, options, 1, 3).Describe().find("NOT CONVERGED"), std::string::npos);
  options.affinity = alike;
  const SyntheticLoads loads(kV3, options, 1, 3);
  EXPECT_GT(loads.NotConverged(), 0.2);
  EXPECT_NE(loads.Describe().find("NOT CONVERGED"), std::string::npos);
}

TEST(LossFree, ThatIsNeverUpdatedIsNone) {
  BalanceRule still;
  still.updated = false;
  EXPECT_EQ(Converge({64, 6, 1, 1}, {}, still).bias, std::vector<float>(64));
}

TEST(ComplementaryLoss, EvensDomainsALittleAndLeavesTheMixBalanced) {
  const Spread plain = SpreadOf(DefaultOptions(Strategy::kLossFree, 0));
  const Spread with = SpreadOf(DefaultOptions(Strategy::kLossFreePlus, 1e-4));
  EXPECT_LT(with.mix, 0.05);
  EXPECT_LT(with.domain, plain.domain);
  const Spread strong = SpreadOf(DefaultOptions(Strategy::kLossFreePlus, 1e-2));
  EXPECT_LT(strong.domain, 0.5 * with.domain);
}

TEST(ComplementaryLoss, OfNoWeightIsLossFree) {
  const Spread plain = SpreadOf(DefaultOptions(Strategy::kLossFree, 0));
  const Spread none = SpreadOf(DefaultOptions(Strategy::kLossFreePlus, 0));
  EXPECT_NEAR(none.domain, plain.domain, 0.03 * plain.domain);
}

TEST(MicroBatchLoss, LeavesDomainsMoreFreedomTheMoreTheMicroBatchHolds) {
  const SyntheticOptions options = DefaultOptions(Strategy::kMicroBatchLoss, 1e-3);
  LoadShape large = kV3;
  large.tokens_per_rank = 64 * 4096;
  large.ranks = 8;
  LoadShape small = large;
  small.tokens_per_rank = 4096;
  const Spread one = SpreadOf(options, small), many = SpreadOf(options, large);
  const Spread whole = SpreadOf(DefaultOptions(Strategy::kBatchLoss, 1e-3), small);
  EXPECT_LT(one.domain, many.domain);
  EXPECT_NEAR(many.domain, whole.domain, 0.1 * whole.domain);
}

TEST(V2Losses, EvenGroupsMoreThanTheExpertLossAlone) {
  SyntheticOptions all = DefaultOptions(Strategy::kV2Losses, 0), expert = all;
  expert.balance.device_feedback = expert.balance.communication_feedback = 0;
  const auto groups = [](const SyntheticOptions& options) {
    const SyntheticLoads loads(kV3, options, 1, 3);
    std::vector<double> group(8);
    for (std::size_t e = 0; e < 256; ++e) group[e / 32] += loads.GlobalLoads(0)[e];
    return Balance(group).cv;
  };
  EXPECT_LT(groups(all), 0.5 * groups(expert));
}

TEST(Strategies, HaveAName) {
  EXPECT_EQ(StrategyName(Strategy::kV2Losses), "v2-auxiliary-losses");
  EXPECT_EQ(StrategyNames().size(), static_cast<std::size_t>(Strategy::kExpertChoice) + 1);
}

}  // namespace
}  // namespace orrery::models
