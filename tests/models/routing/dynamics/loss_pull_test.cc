#include "models/routing/dynamics/loss_pull.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "models/routing/balance/balance_stats.h"
#include "models/routing/balance/equilibrium.h"
#include "models/routing/dynamics/training_dynamics.h"
#include "models/routing/sources/synthetic_loads.h"

namespace orrery::models {
namespace {

const LoadShape kV3{256, 64, 8, 4096, 8, 8, 4};
const GateShape kGate{256, 8, 8, 4};

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
  const int domains = o.affinity.domains;
  const RoutedText text(DrawRouterLayer(o.affinity, o.gate.experts, 3, 0), o.gate, domains, 16, 5);
  BalanceRule rule;
  rule.strategy = strategy, rule.documents = o.pull.documents, rule.feedback = o.pull.expert;
  rule.device_feedback = o.pull.device, rule.communication_feedback = o.pull.communication;
  return ConvergedBias(text, ZipfShares(domains), rule).bias;
}

/// A domain's biases less their mean, which no selection feels.
std::vector<double> Centred(const std::vector<float>& bias, std::size_t domain, std::size_t experts) {
  const auto first = bias.begin() + static_cast<std::ptrdiff_t>(domain * experts);
  std::vector<double> out(first, first + static_cast<std::ptrdiff_t>(experts));
  const double mean = std::accumulate(out.begin(), out.end(), 0.0) / static_cast<double>(experts);
  for (double& b : out) b -= mean;
  return out;
}

TEST(LossPull, SettlesWhereTheConvergedBiasesAre) {
  TrainingOptions o = Still(Strategy::kMicroBatchLoss);
  o.gate = {64, 6, 8, 4}, o.affinity.domains = 4, o.steps = 1000;
  const std::vector<float> settled = Train(o, 3, 0).domain_bias,
                           fixed = FixedPoint(o, Strategy::kMicroBatchLoss);
  for (std::size_t d = 0; d < 4; ++d) {
    const std::vector<double> a = Centred(settled, d, 64), b = Centred(fixed, d, 64);
    EXPECT_GT(Correlation(a, b), 0.97) << "domain " << d;
  }
}

TEST(LossPull, DoesNotSwingOnASoftmaxRouter) {
  TrainingOptions o = Still(Strategy::kV2Losses, Affinity::kSoftmax);
  o.gate = {160, 6, 8, 3};
  const TrainingTrace t = Train(o, 1, 0);
  for (std::size_t i = t.max_vio.size() / 2; i < t.max_vio.size(); ++i) {
    EXPECT_NEAR(t.max_vio[i], t.max_vio.back(), 0.15 * t.max_vio.back()) << "window " << i;
  }
}

TEST(LossPull, OfNoFeedbackIsNone) {
  LossPull pull({0, 0, 0, 1}, kGate, 2);
  const std::vector<float> chance(512, 8.0f / 256), reach(16, 0.5f), common(256, 0.25f);
  std::vector<float> out(256);
  pull.Step(chance, reach, std::vector<double>{0.5, 0.5}, 100, 1, 1);
  pull.AddTo(common, 1, out);
  EXPECT_EQ(out, common);
}

TEST(LossPull, PushesOverloadedExpertsDownInTheirDomainAlone) {
  LossPull pull({0.25, 0, 0, 1}, kGate, 2);
  std::vector<float> chance(512, 8.0f / 256), out(256);
  chance[7] *= 3;
  const std::vector<float> reach(16, 0.5f), common(256);
  pull.Step(chance, reach, std::vector<double>{0.5, 0.5}, 100, 1, 1);
  pull.AddTo(common, 0, out);
  EXPECT_LT(out[7], 0);
  EXPECT_EQ(out[8], 0);
  pull.AddTo(common, 1, out);
  EXPECT_EQ(out[7], 0);
}

TEST(LossPull, OfTheWholeMixPullsAllDomainsAlike) {
  LossPull pull({0.25, 0, 0, 1e12}, kGate, 2);
  std::vector<float> chance(512, 8.0f / 256), one(256), other(256);
  chance[7] *= 3;
  const std::vector<float> reach(16, 0.5f), common(256);
  pull.Step(chance, reach, std::vector<double>{0.5, 0.5}, 100, 1, 1);
  pull.AddTo(common, 0, one);
  pull.AddTo(common, 1, other);
  EXPECT_LT(one[7], 0);
  EXPECT_FLOAT_EQ(one[7], other[7]);
}

TEST(LossPull, OfDevicesPullsAWholeGroup) {
  LossPull pull({0, 1, 0, 1}, kGate, 1);
  std::vector<float> chance(256, 8.0f / 256), out(256);
  chance[40] *= 5;  // of group 1
  pull.Step(chance, std::vector<float>(8, 0.5f), std::vector<double>{1.0}, 100, 1, 1);
  pull.AddTo(std::vector<float>(256), 0, out);
  EXPECT_LT(out[40], 0);
  EXPECT_EQ(out[32], out[63]);
  EXPECT_EQ(out[31], 0);
}

}  // namespace
}  // namespace orrery::models
