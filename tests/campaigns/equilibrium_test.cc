// The equilibria of published models and gates, in full size: where the solver finds them, and that training
// comes to rest there.
#include "models/routing/balance/equilibrium.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "models/routing/balance/balance_stats.h"
#include "models/routing/dynamics/training_dynamics.h"
#include "models/routing/sources/synthetic_loads.h"
#include "tests/models/routing/published_gates.h"

namespace orrery::models {
namespace {

const GateShape kGate{256, 8, 8, 4};

TEST(Losses, OfDeepSeekV2ConvergeWhateverTheSeed) {
  SyntheticOptions options = DefaultOptions(Strategy::kV2Losses, 0);
  options.affinity.kind = Affinity::kSoftmax;
  for (const std::uint64_t seed : {3, 4})  // in layer 1 many tokens lie close to one edge of selection
    EXPECT_EQ(SyntheticLoads(kV2, options, 2, seed).NotConverged(), 0) << seed;
}

TEST(LossFree, ConvergesForFewExpertsATokenForOneDomainAndForSaturatedAffinities) {
  AffinityParameters softmax, one, skewed, saturated;
  softmax.kind = one.kind = Affinity::kSoftmax;
  one.domains = saturated.domains = 1;
  skewed.domain = 3, saturated.offset = -20;
  const GateShape v3{256, 8, 8, 4};
  const std::vector<std::pair<GateShape, AffinityParameters>> cases{
      {{64, 1, 1, 1}, softmax},  // Switch's top-1
      {{128, 2, 1, 1}, softmax}, {{128, 8, 1, 1}, one}, {{160, 6, 8, 3}, one},
      {{8, 2, 1, 1}, one},       {v3, skewed},          {v3, saturated}};
  for (const auto& [gate, affinity] : cases) {
    const RoutedText text(DrawRouterLayer(affinity, gate.experts, 1, 0), gate, affinity.domains, 16, 7);
    const std::vector<double> share = ZipfShares(affinity.domains);
    const ConvergedBiases found = ConvergedBias(text, share, {});
    EXPECT_TRUE(found.converged()) << gate.experts << " top-" << gate.top_k << " off " << found.distance;
    const std::vector<double> load = RelativeLoads(gate, text.Route(found.bias, 16), share);
    EXPECT_LE(Balance(load).max_vio, found.tolerance);
    EXPECT_LT(found.tolerance, 0.15);
  }
}

TEST(AuxiliaryLosses, EvenASoftmaxRouterAsTheyDoASigmoidOne) {
  for (const Strategy strategy : {Strategy::kSequenceLoss, Strategy::kBatchLoss, Strategy::kV2Losses}) {
    for (const LoadShape& shape : {kV2, kQwen3}) {
      SyntheticOptions options = DefaultOptions(strategy, 1e-3);
      const double sigmoid = SpreadOf(options, shape).mix;
      options.affinity.kind = Affinity::kSoftmax;
      const double softmax = SpreadOf(options, shape).mix;
      EXPECT_GT(softmax, 0.4 * sigmoid) << StrategyName(strategy) << ' ' << shape.experts;
      EXPECT_LT(softmax, 2 * sigmoid) << StrategyName(strategy) << ' ' << shape.experts;
    }
  }
}

/// A training run without what moves while it settles, to be held against the fixed point.
TrainingOptions Still(Strategy strategy, Affinity kind = Affinity::kSigmoid) {
  const SyntheticOptions options =
      DefaultOptions(strategy, strategy == Strategy::kLossFreePlus ? 1e-4 : 1e-3);
  TrainingOptions o;
  o.gate = kGate, o.affinity = options.affinity, o.affinity.kind = kind;
  o.rule = strategy == Strategy::kLossFreePlus ? UpdateRule::kSign : UpdateRule::kNone;
  o.pull = PullOf(options, kV3);
  o.steps = 2000, o.warm_up = 0, o.drift = 0, o.mix_jitter = 0;
  o.batch_sequences = 15360;
  return o;
}

std::vector<float> FixedPoint(const TrainingOptions& o, Strategy strategy) {
  const RoutedText text(DrawRouterLayer(o.affinity, 256, 3, 0), kGate, 16, 16, 5);
  BalanceRule rule;
  rule.strategy = strategy, rule.documents = o.pull.documents, rule.feedback = o.pull.expert;
  rule.device_feedback = o.pull.device, rule.communication_feedback = o.pull.communication;
  return ConvergedBias(text, ZipfShares(16), rule).bias;
}

/// A domain's biases less their mean, which no selection feels.
std::vector<double> Centred(const std::vector<float>& bias, std::size_t domain) {
  std::vector<double> out(bias.begin() + static_cast<std::ptrdiff_t>(domain * 256),
                          bias.begin() + static_cast<std::ptrdiff_t>(domain * 256 + 256));
  const double mean = std::accumulate(out.begin(), out.end(), 0.0) / 256;
  for (double& b : out) b -= mean;
  return out;
}

TEST(LossPull, SettlesWhereTheConvergedBiasesAre) {
  for (Strategy strategy : {Strategy::kLossFreePlus, Strategy::kMicroBatchLoss, Strategy::kV2Losses}) {
    const TrainingOptions o = Still(strategy);
    const std::vector<float> settled = Train(o, 3, 0).domain_bias, fixed = FixedPoint(o, strategy);
    for (std::size_t d : {0u, 1u, 6u}) {
      const std::vector<double> a = Centred(settled, d), b = Centred(fixed, d);
      EXPECT_GT(Correlation(a, b), 0.97) << StrategyName(strategy) << ", domain " << d;
      const auto [low, high] = std::minmax_element(b.begin(), b.end());
      double off = 0;
      for (std::size_t e = 0; e < 256; ++e) off += std::abs(a[e] - b[e]) / 256;
      EXPECT_LT(off, 0.05 * (*high - *low)) << StrategyName(strategy) << ", domain " << d;
    }
  }
}

TEST(LossPull, SettlesThereTooWhereAffinitiesAreASoftmax) {
  const TrainingOptions o = Still(Strategy::kV2Losses, Affinity::kSoftmax);
  const std::vector<float> settled = Train(o, 3, 0).domain_bias, fixed = FixedPoint(o, Strategy::kV2Losses);
  for (std::size_t d : {0u, 1u, 6u}) {
    const std::vector<double> a = Centred(settled, d), b = Centred(fixed, d);
    EXPECT_GT(Correlation(a, b), 0.95) << "domain " << d;
    const auto [low, high] = std::minmax_element(b.begin(), b.end());
    double off = 0;
    for (std::size_t e = 0; e < 256; ++e) off += std::abs(a[e] - b[e]) / 256;
    EXPECT_LT(off, 0.1 * (*high - *low)) << "domain " << d;
  }
}

/// MaxVio at the end and the final biases are alike, by whichever engine the run was made.
void ExpectBothEnginesSettleAlike(TrainingOptions o, double correlation) {
  o.warm_up = 0, o.affinity.domains = 4, o.mix_jitter = 0;
  const TrainingTrace mean_field = Train(o, 3, 0);
  o.token_by_token = true;
  const TrainingTrace exact = Train(o, 3, 0);
  EXPECT_NEAR(exact.max_vio.back(), mean_field.max_vio.back(), 0.1);
  const std::vector<double> a(exact.domain_bias.begin(), exact.domain_bias.end()),
      b(mean_field.domain_bias.begin(), mean_field.domain_bias.end());
  EXPECT_GT(Correlation(a, b), correlation);
}

TrainingOptions Options(UpdateRule rule, double rate, int steps) {
  TrainingOptions o;
  o.rule = rule, o.rate = rate, o.steps = steps;
  return o;
}

TEST(Training, BothEnginesSettleToTheSameBalanceWithAndWithoutAGroupLimit) {
  TrainingOptions o = Options(UpdateRule::kSign, 1e-2, 300);
  o.batch_sequences = 512;  // documents of the exact engine's batch
  ExpectBothEnginesSettleAlike(o, 0.98);
  o.gate = {64, 6, 8, 4};
  ExpectBothEnginesSettleAlike(o, 0.98);
}

TEST(Training, BothEnginesSettleAlikeUnderLossesOverDevices) {
  TrainingOptions o = Options(UpdateRule::kNone, 0, 400);
  o.gate = {64, 6, 8, 4}, o.pull = {0.5, 2, 1, 2};
  o.drift = 0, o.batch_sequences = 4096;
  ExpectBothEnginesSettleAlike(o, 0.97);
}

}  // namespace
}  // namespace orrery::models
