#include "profiler/measurement/statistics.h"

#include <cmath>

#include <gtest/gtest.h>

#include "core/base/random.h"

namespace orrery::profiler {
namespace {

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

TEST(Statistics, TheVarianceOfAMedianIsThatOfSampledOnes) {
  RandomStream random(3, "variance of medians");
  for (const int n : {1, 2, 3, 4, 5, 8, 10, 11, 25}) {
    std::vector<double> medians;
    for (int i = 0; i < 20000; ++i) {
      std::vector<double> values;
      for (int k = 0; k < n; ++k) values.push_back(random.Normal());
      medians.push_back(Median(values));
    }
    EXPECT_NEAR(Variance(medians) / MedianVariance(n), 1, 0.05) << n;
  }
}

TEST(Statistics, PooledVariancesAreThoseOfTheTypicalCase) {
  RandomStream random(4, "pooled");
  for (const int n : {2, 3, 5, 12}) {
    std::vector<CaseVariance> cases;
    for (int c = 0; c < 20000; ++c) {
      std::vector<double> values;
      for (int k = 0; k < n; ++k) values.push_back(3 * random.Normal());
      cases.push_back({Variance(values), n});
    }
    EXPECT_NEAR(PoolVariances(cases).variance, 9, 0.3) << n;
    for (std::size_t c = 0; c < 2000; ++c) cases[c].variance = 1e6;
    EXPECT_NEAR(PoolVariances(cases).variance, 9, 4) << "a tenth of the cases is far noisier";
  }
}

TEST(Statistics, PooledVariancesAreWorthTheirDegreesOfFreedom) {
  EXPECT_EQ(PoolVariances({}).degrees, 0);
  EXPECT_EQ(PoolVariances({{1.0, 1}, {2.0, 1}}).degrees, 0) << "one process tells nothing";
  EXPECT_EQ(PoolVariances({{1.0, 3}}).degrees, 2) << "one case: its own";
  EXPECT_NEAR(PoolVariances(std::vector<CaseVariance>(100, {1.0, 3})).degrees, 101, 1e-9) << "of many: half";
}

TEST(Statistics, StudentsDistributionIsThatOfTables) {
  // Two-sided 5 %, 1 % and 0.1 % of Student's table.
  EXPECT_NEAR(StudentP(12.7062, 1), 0.05, 1e-6);
  EXPECT_NEAR(StudentP(4.30265, 2), 0.05, 1e-6);
  EXPECT_NEAR(StudentP(-3.16927, 10), 0.01, 1e-7);
  EXPECT_NEAR(StudentP(3.64596, 30), 0.001, 1e-8);
  EXPECT_NEAR(StudentP(1.95996, kKnownVariance), 0.05, 1e-6);
  EXPECT_NEAR(StudentP(1.95996, 1e7), 0.05, 1e-5);
  EXPECT_DOUBLE_EQ(StudentP(0, 3), 1);
  for (const double degrees : {1.0, 2.0, 7.5, 100.0, kKnownVariance}) {
    for (const double p : {0.5, 0.01, 1e-5})
      EXPECT_NEAR(StudentP(StudentQuantile(p, degrees), degrees) / p, 1, 1e-6);
  }
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
