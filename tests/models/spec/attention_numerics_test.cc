#include "models/spec/attention_numerics.h"

#include <gtest/gtest.h>

namespace orrery::models {
namespace {

/// Sizes that differ from one another, drawn over a few seeds.
std::vector<MlaCase> Cases() {
  std::vector<MlaCase> cases;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    MlaSizes sizes;
    sizes.heads = 1 + static_cast<int>(seed % 4);
    sizes.head_dim = 2 * static_cast<int>(1 + seed % 5);
    sizes.latent = 4 + 2 * static_cast<int>(seed % 7);
    sizes.context = 1 + static_cast<int>(5 * seed);
    sizes.queries = 1 + static_cast<int>(seed % 3);
    cases.push_back(RandomMlaCase(sizes, seed));
  }
  return cases;
}

TEST(MlaNumerics, AbsorbedAndMaterialisedAreTheSameMathematics) {
  for (const MlaCase& c : Cases()) {
    EXPECT_LT(RelativeDifference(MaterialisedOutput(c), AbsorbedOutput(c)), 1e-12) << c.sizes.context;
  }
}

TEST(MlaNumerics, TheIdentityFailsWhenRopeIsPutBeforeAbsorption) {
  MlaSizes sizes;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const MlaCase c = RandomMlaCase(sizes, seed);
    EXPECT_GT(RelativeDifference(RopeOnKeysOutput(c), RopeBeforeAbsorptionOutput(c)), 0.05) << seed;
  }
}

TEST(MlaNumerics, RopeOnTheLatentAbsorbsAndDependsOnDistanceOnly) {
  for (const MlaCase& c : Cases()) {
    EXPECT_LT(RelativeDifference(RopeOnLatentOutput(c, 0), RopeOnLatentOutput(c, 1000)), 1e-9);
  }
}

TEST(MlaNumerics, RotationKeepsLengthsAndMakesScoresRelative) {
  const MlaCase c = RandomMlaCase(MlaSizes{}, 7);
  EXPECT_NEAR(Rotated(c.latents, 123).norm(), c.latents.norm(), 1e-9);
  const Eigen::MatrixXd q = c.latents.row(0), k = c.latents.row(1);
  const double near = (Rotated(q, 5) * Rotated(k, 2).transpose())(0, 0);
  const double far = (Rotated(q, 905) * Rotated(k, 902).transpose())(0, 0);
  EXPECT_NEAR(near, far, 1e-9);
  EXPECT_GT(std::abs(near - (Rotated(q, 5) * Rotated(k, 4).transpose())(0, 0)), 1e-6);
}

TEST(MlaNumerics, SameSeedGivesTheSameCase) {
  EXPECT_EQ(RandomMlaCase(MlaSizes{}, 3).latents, RandomMlaCase(MlaSizes{}, 3).latents);
  EXPECT_NE(RandomMlaCase(MlaSizes{}, 3).latents, RandomMlaCase(MlaSizes{}, 4).latents);
}

}  // namespace
}  // namespace orrery::models
