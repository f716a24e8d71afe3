#include "core/base/random.h"

#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace orrery {
namespace {

std::vector<std::uint64_t> Draw(RandomStream stream, int count) {
  std::vector<std::uint64_t> draws;
  for (int i = 0; i < count; ++i) draws.push_back(stream());
  return draws;
}

TEST(RandomStream, IsAPureFunctionOfSeedNameAndIndexes) {
  EXPECT_EQ(Draw({7, "routing", {1, 2}}, 100), Draw({7, "routing", {1, 2}}, 100));
}

TEST(RandomStream, DiffersInEveryPartOfItsName) {
  std::set<std::uint64_t> first;
  first.insert(RandomStream(7, "routing")());
  first.insert(RandomStream(8, "routing")());
  first.insert(RandomStream(7, "routinh")());
  first.insert(RandomStream(7, "routing", {0})());
  first.insert(RandomStream(7, "routing", {1})());
  first.insert(RandomStream(7, "routing", {0, 1})());
  first.insert(RandomStream(7, "routing", {1, 0})());
  EXPECT_EQ(first.size(), 7u);
}

/// Correlation of uniform draws of two streams.
double Correlation(RandomStream a, RandomStream b, int count) {
  double sum = 0;
  for (int i = 0; i < count; ++i) sum += (a.Uniform() - 0.5) * (b.Uniform() - 0.5);
  return sum / count * 12;
}

TEST(RandomStream, NeighbouringStreamsAreUncorrelated) {
  constexpr int kDraws = 100'000;  // standard deviation of the estimate: 0.0032
  for (std::uint64_t i = 0; i < 8; ++i) {
    EXPECT_LT(std::abs(Correlation({1, "x", {i}}, {1, "x", {i + 1}}, kDraws)), 0.016) << i;
    EXPECT_LT(std::abs(Correlation({i, "x"}, {i + 1, "x"}, kDraws)), 0.016) << i;
  }
}

TEST(RandomStream, FirstDrawsOfManyStreamsAreUniform) {
  constexpr int kStreams = 100'000, kBins = 64;
  std::vector<int> bins(kBins);
  for (std::uint64_t i = 0; i < kStreams; ++i)
    ++bins[static_cast<std::size_t>(RandomStream(1, "x", {i}).Uniform() * kBins)];
  double chi = 0;
  constexpr double kMean = double{kStreams} / kBins;
  for (int n : bins) chi += (n - kMean) * (n - kMean) / kMean;
  EXPECT_LT(chi, 115);  // 63 degrees of freedom: 115 is exceeded once in 10^4
}

TEST(RandomStream, UniformStaysBelowOneAndBelowStaysBelowItsBound) {
  RandomStream stream(3);
  for (int i = 0; i < 100'000; ++i) {
    const double u = stream.Uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ASSERT_LT(stream.Below(7), 7u);
    ASSERT_EQ(stream.Below(1), 0u);
  }
}

TEST(RandomStream, NormalHasTheMomentsOfANormal) {
  RandomStream stream(11);
  constexpr int kDraws = 400'000;
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double z = stream.Normal();
    ASSERT_TRUE(std::isfinite(z));
    sum += z;
    squares += z * z;
    fourth += z * z * z * z;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.008);  // five standard errors each
  EXPECT_NEAR(squares / kDraws, 1, 0.012);
  EXPECT_NEAR(fourth / kDraws, 3, 0.08);
}

}  // namespace
}  // namespace orrery
