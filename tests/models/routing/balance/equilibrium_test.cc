#include "models/routing/balance/equilibrium.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stop_token>
#include <vector>

#include <gtest/gtest.h>

#include "models/routing/balance/balance_stats.h"
#include "models/routing/balance/bias_step.h"

namespace orrery::models {
namespace {

const GateShape kGate{64, 6, 8, 4};
constexpr int kDomains = 4;
const std::vector<double> kOne{1.0};

AffinityParameters FourDomains() {
  AffinityParameters p;
  p.domains = kDomains;
  return p;
}

RoutedText Text(const GateShape& gate = kGate) {
  return {DrawRouterLayer(FourDomains(), gate.experts, 1, 0), gate, kDomains, 32, 7};
}

/// Loads of one domain under its biases.
std::vector<double> LoadsIn(const RoutedText& text, int domain, std::span<const float> bias) {
  const auto n = static_cast<std::size_t>(text.gate().experts);
  const auto own = bias.size() > n ? bias.subspan(static_cast<std::size_t>(domain) * n, n) : bias;
  return RelativeLoads(text.gate(), text.RouteDomain(domain, own), kOne);
}

std::vector<double> LoadsOfMix(const RoutedText& text, std::span<const float> bias) {
  const std::vector<double> share = ZipfShares(kDomains);
  std::vector<double> mix(static_cast<std::size_t>(text.gate().experts));
  for (int d = 0; d < kDomains; ++d) {
    const std::vector<double> own = LoadsIn(text, d, bias);
    for (std::size_t e = 0; e < mix.size(); ++e) mix[e] += share[static_cast<std::size_t>(d)] * own[e];
  }
  return mix;
}

double LargestApart(std::vector<double> a) {
  const double mean = std::accumulate(a.begin(), a.end(), 0.0) / static_cast<double>(a.size());
  double most = 0;
  for (const double x : a) most = std::max(most, std::abs(x - mean));
  return most;
}

TEST(Equilibrium, WithoutALossIsAnEvenMix) {
  const RoutedText text = Text();
  const ConvergedBiases found = ConvergedBias(text, ZipfShares(kDomains), {});
  ASSERT_TRUE(found.converged());
  EXPECT_NEAR(Balance(LoadsOfMix(text, found.bias)).max_vio, found.distance, found.distance + 1e-9);
  EXPECT_LE(LargestApart(LoadsOfMix(text, found.bias)), found.tolerance);
}

TEST(Equilibrium, UnderABatchLossIsABiasInProportionToTheExcess) {
  const RoutedText text = Text();
  BalanceRule rule{Strategy::kBatchLoss, 0.25};
  const ConvergedBiases found = ConvergedBias(text, ZipfShares(kDomains), rule);
  ASSERT_TRUE(found.converged());
  const std::vector<double> load = LoadsOfMix(text, found.bias);
  std::vector<double> residual;  // in loads
  for (std::size_t e = 0; e < load.size(); ++e)
    residual.push_back((double{found.bias[e]} + 0.25 * (load[e] - 1)) / (0.25 + kAffinityPerLogLoad));
  EXPECT_LE(LargestApart(residual), found.tolerance);
  EXPECT_NEAR(LargestApart(residual), found.distance, 1e-5);
}

TEST(Equilibrium, OfALossOverAMicroBatchCountsTheDomainAndTheMix) {
  const GateShape flat{64, 6, 1, 1};
  const RoutedText text = Text(flat);
  BalanceRule rule{Strategy::kMicroBatchLoss, 0.25};
  rule.documents = 2.5;
  const ConvergedBiases found = ConvergedBias(text, ZipfShares(kDomains), rule);
  ASSERT_TRUE(found.converged());
  const std::vector<double> mix = LoadsOfMix(text, found.bias);
  double most = 0;
  for (int d = 0; d < kDomains; ++d) {
    const std::vector<double> own = LoadsIn(text, d, found.bias);
    std::vector<double> residual;
    for (std::size_t e = 0; e < own.size(); ++e) {
      const double counted = own[e] / 2.5 + mix[e] * (1 - 1 / 2.5);
      const double bias = double{found.bias[static_cast<std::size_t>(d) * 64 + e]};
      residual.push_back((bias + 0.25 * (counted - 1)) / (0.25 + kAffinityPerLogLoad));
    }
    most = std::max(most, LargestApart(residual));
  }
  EXPECT_LE(most, found.tolerance);
  EXPECT_NEAR(most, found.distance, 1e-5);
}

TEST(Equilibrium, OfALossBesideLossFreeBiasesLeavesTheMixEven) {
  const RoutedText text = Text();
  BalanceRule rule{Strategy::kLossFreePlus, 0.025};
  rule.documents = 2.5;
  const ConvergedBiases found = ConvergedBias(text, ZipfShares(kDomains), rule);
  ASSERT_TRUE(found.converged());
  EXPECT_EQ(found.bias.size(), 64u * kDomains);
  EXPECT_LT(Balance(LoadsOfMix(text, found.bias)).max_vio, 0.1);
}

TEST(Equilibrium, OfRecordedLoadsSelectsExpertsAsOftenAsRecorded) {
  const RoutedText text = Text({64, 6, 1, 1});
  std::vector<double> load(64);
  for (std::size_t e = 0; e < 64; ++e) load[e] = 0.2 + static_cast<double>((e * 37) % 64);
  load = Relative(load);
  const ConvergedBiases found = BiasesOfLoads(text, 2, load);
  EXPECT_TRUE(found.converged());
  EXPECT_DOUBLE_EQ(found.tolerance, 64.0 / 6 / (32 * 64)) << "one selection an expert of the text";
  const std::vector<double> got = LoadsIn(text, 2, found.bias);
  double square = 0;
  for (std::size_t e = 0; e < 64; ++e) square += std::pow(got[e] - load[e], 2) / 64;
  EXPECT_NEAR(std::sqrt(square), found.distance, 1e-9);
}

TEST(Equilibrium, OfLoadsThatNoGateGivesIsAsNearAsTheSearchCame) {
  std::vector<double> load(64);
  std::fill_n(load.begin(), 12, 64.0 / 12);  // of three groups' worth a token may keep but four
  const ConvergedBiases found = BiasesOfLoads(Text({64, 6, 8, 1}), 0, load);
  EXPECT_FALSE(found.converged());
  EXPECT_EQ(found.bias.size(), 64u);
}

TEST(Equilibrium, IsSolvedUntilItIsStopped) {
  std::stop_source stop;
  stop.request_stop();
  const RunControl control({}, stop.get_token());
  const RoutedText text = Text();
  for (const Strategy strategy : {Strategy::kLossFree, Strategy::kBatchLoss, Strategy::kV2Losses}) {
    BalanceRule rule{strategy, 0.25};
    EXPECT_THROW(ConvergedBias(text, ZipfShares(kDomains), rule, control), Stopped);
  }
  EXPECT_THROW(BiasesOfLoads(text, 0, std::vector<double>(64, 1.0), control), Stopped);
}

}  // namespace
}  // namespace orrery::models
