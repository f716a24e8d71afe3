#include "models/routing/text/multinomial.h"

#include <cmath>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace orrery::models {
namespace {

TEST(Binomial, HasItsMeanAndVariance) {
  RandomStream random(1, "binomial");
  for (const auto& [trials, p] : std::vector<std::pair<int, double>>{
           {1, 0.3}, {10, 0.5}, {4096, 0.02}, {1'000'000, 0.3}, {50, 0.999}}) {
    double sum = 0, square = 0;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      const auto x = static_cast<double>(DrawBinomial(trials, p, random));
      ASSERT_GE(x, 0);
      ASSERT_LE(x, trials);
      sum += x, square += x * x;
    }
    const double mean = sum / kDraws, variance = square / kDraws - mean * mean;
    const double wanted = trials * p * (1 - p);
    EXPECT_NEAR(mean, trials * p, 4 * std::sqrt(wanted / kDraws)) << trials << ' ' << p;
    EXPECT_NEAR(variance, wanted, 0.05 * wanted + 1e-3) << trials << ' ' << p;
  }
}

TEST(Binomial, OfAFewTrialsHasTheChancesOfEach) {
  RandomStream random(2, "binomial");
  std::vector<double> seen(4);
  for (int i = 0; i < 40000; ++i)
    seen[static_cast<std::size_t>(DrawBinomial(3, 0.25, random))] += 1.0 / 40000;
  const std::vector<double> chance{27.0 / 64, 27.0 / 64, 9.0 / 64, 1.0 / 64};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(seen[i], chance[i], 0.01) << i;
}

TEST(Binomial, OfNoChanceAndOfCertainty) {
  RandomStream random(3, "binomial");
  EXPECT_EQ(DrawBinomial(1000, 0, random), 0);
  EXPECT_EQ(DrawBinomial(1000, 1, random), 1000);
  EXPECT_EQ(DrawBinomial(0, 0.5, random), 0);
}

TEST(Multinomial, AddsUpAndKeepsShares) {
  RandomStream random(4, "multinomial");
  const std::vector<double> share{0.5, 0.3, 0.2, 0.0};
  std::vector<std::int64_t> counts(4), sum(4);
  for (int i = 0; i < 2000; ++i) {
    DrawMultinomial(1000, share, random, counts);
    ASSERT_EQ(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}), 1000);
    for (std::size_t d = 0; d < 4; ++d) sum[d] += counts[d];
  }
  for (std::size_t d = 0; d < 4; ++d) EXPECT_NEAR(static_cast<double>(sum[d]) / 2e6, share[d], 2e-3) << d;
}

}  // namespace
}  // namespace orrery::models
