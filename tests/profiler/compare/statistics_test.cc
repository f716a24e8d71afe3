#include "profiler/compare/statistics.h"

#include <cmath>

#include <gtest/gtest.h>

#include "core/random.h"

namespace orrery::profiler {
namespace {

std::vector<double> LogNormal(RandomStream& random, int n, double centre, double sigma) {
  std::vector<double> values;
  for (int i = 0; i < n; ++i) values.push_back(centre * std::exp(sigma * random.Normal()));
  return values;
}

TEST(Statistics, MedianAndQuantilesInterpolate) {
  EXPECT_DOUBLE_EQ(Median({3}), 3);
  EXPECT_DOUBLE_EQ(Median({4, 1, 3, 2}), 2.5);
  EXPECT_DOUBLE_EQ(Median({5, 1, 3}), 3);
  EXPECT_DOUBLE_EQ(Quantile({1, 2, 3, 4, 5}, 0.25), 2);
  EXPECT_DOUBLE_EQ(Quantile({1, 2}, 0.75), 1.75);
  EXPECT_DOUBLE_EQ(Quantile({1, 2, 9}, 1), 9);
}

TEST(Statistics, ScaledMadEstimatesSigmaAndIgnoresOutliers) {
  RandomStream random(1, "mad");
  std::vector<double> values;
  for (int i = 0; i < 20001; ++i) values.push_back(10 + 2 * random.Normal());
  EXPECT_NEAR(ScaledMad(values), 2, 0.05);
  for (std::size_t i = 0; i < 2000; ++i) values[i] = 1e6;
  EXPECT_NEAR(ScaledMad(values), 2, 0.4);
}

TEST(Statistics, ScaledMadOfThreeIsNotTooSmallOnAverage) {
  RandomStream random(2, "mad of three");
  double sum = 0;
  constexpr int kTimes = 20000;
  for (int i = 0; i < kTimes; ++i) sum += ScaledMad({random.Normal(), random.Normal(), random.Normal()});
  EXPECT_NEAR(sum / kTimes, 1.0, 0.03);
}

TEST(Statistics, MannWhitneyMatchesAPublishedExample) {
  // U = 25 for n = m = 10 (Siegel's form): normal approximation with continuity correction gives z = 1.852.
  const std::vector<double> a = {1, 2, 3, 4, 5, 8, 9, 12, 15, 21}, b = {6, 7, 10, 11, 13, 14, 16, 17, 18, 19};
  double u = 0;
  for (const double x : a) {
    for (const double y : b) u += x > y;
  }
  const double z = (std::abs(u - 50) - 0.5) / std::sqrt(10.0 * 10 * 21 / 12);
  EXPECT_NEAR(MannWhitneyP(a, b), std::erfc(z / std::sqrt(2.0)), 1e-12);
  EXPECT_NEAR(MannWhitneyP(a, b), MannWhitneyP(b, a), 1e-12) << "two-sided";
}

TEST(Statistics, MannWhitneyOfEqualValuesIsOne) {
  const std::vector<double> a(10, 4.0), b(10, 4.0);
  EXPECT_DOUBLE_EQ(MannWhitneyP(a, b), 1);
}

TEST(Statistics, MannWhitneyPIsUniformUnderTheNullHypothesis) {
  RandomStream random(3, "null");
  int below_one = 0, below_ten = 0;
  constexpr int kTimes = 4000;
  for (int i = 0; i < kTimes; ++i) {
    const auto a = LogNormal(random, 30, 100, 0.02), b = LogNormal(random, 30, 100, 0.02);
    const double p = MannWhitneyP(a, b);
    below_one += p < 0.01;
    below_ten += p < 0.10;
  }
  EXPECT_NEAR(below_one / double{kTimes}, 0.01, 0.006);
  EXPECT_NEAR(below_ten / double{kTimes}, 0.10, 0.02);
}

TEST(Statistics, HodgesLehmannFindsARatioInSpiteOfOutliers) {
  RandomStream random(4, "ratio");
  auto a = LogNormal(random, 90, 100, 0.01), b = LogNormal(random, 90, 105, 0.01);
  for (int i = 0; i < 9; ++i) b[static_cast<std::size_t>(i)] *= 3;
  const RatioEstimate r = HodgesLehmannRatio(a, b, 0.99);
  EXPECT_NEAR(r.ratio, 1.05, 0.006);
  EXPECT_LT(r.low, r.ratio);
  EXPECT_GT(r.high, r.ratio);
  EXPECT_GT(r.low, 1.04);
  const RatioEstimate back = HodgesLehmannRatio(b, a, 0.99);
  EXPECT_NEAR(back.ratio * r.ratio, 1, 1e-12) << "the other way round is the inverse";
  EXPECT_NEAR(back.low * r.high, 1, 1e-12);
}

TEST(Statistics, TheIntervalHoldsTheTrueRatioAsOftenAsItSays) {
  RandomStream random(5, "coverage");
  int held = 0;
  constexpr int kTimes = 1000;
  for (int i = 0; i < kTimes; ++i) {
    const auto a = LogNormal(random, 20, 100, 0.03), b = LogNormal(random, 25, 110, 0.03);
    const RatioEstimate r = HodgesLehmannRatio(a, b, 0.95);
    held += r.low <= 1.1 && 1.1 <= r.high;
  }
  EXPECT_NEAR(held / double{kTimes}, 0.95, 0.025);
}

TEST(Statistics, FalseDiscoveryAdjustmentFollowsBenjaminiHochberg) {
  const std::vector<double> adjusted = AdjustFalseDiscovery({0.01, 0.04, 0.03, 0.5});
  EXPECT_NEAR(adjusted[0], 0.04, 1e-12);
  EXPECT_NEAR(adjusted[1], 0.16 / 3, 1e-12);
  EXPECT_NEAR(adjusted[2], 0.16 / 3, 1e-12) << "never larger than that of a larger p";
  EXPECT_NEAR(adjusted[3], 0.5, 1e-12);
  EXPECT_TRUE(AdjustFalseDiscovery({}).empty());
}

}  // namespace
}  // namespace orrery::profiler
