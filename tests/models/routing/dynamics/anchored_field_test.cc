#include "models/routing/dynamics/anchored_field.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "models/routing/balance/balance_stats.h"
#include "models/routing/balance/equilibrium.h"
#include "models/routing/sampling/load_table.h"

namespace orrery::models {
namespace {

const GateShape kGrouped{256, 8, 8, 4}, kFree{256, 8, 1, 1};
constexpr int kTokens = 2048;  // the default of TrainingOptions

/// Selections of the exact engine, [experts], over text that the anchors have not seen.
std::vector<double> Exact(const RouterLayer& layer, const GateShape& gate, int domain,
                          const std::vector<float>& bias) {
  RouterLayer one = layer;
  one.correlation = 0;
  const auto first = layer.base.begin() + static_cast<std::ptrdiff_t>(domain) * layer.experts;
  one.base.assign(first, first + layer.experts);
  const RoutedText text(one, gate, 1, 1500, 101);
  return RelativeLoads(gate, text.Route(bias, 1500), std::vector<double>{1.0});
}

std::span<const float> MeanOf(const RouterLayer& layer, int domain) {
  return std::span(layer.base)
      .subspan(static_cast<std::size_t>(domain * layer.experts), static_cast<std::size_t>(layer.experts));
}

std::vector<double> Chances(const AnchoredField& field) {
  return Relative(std::vector<double>(field.chance().begin(), field.chance().end()));
}

/// Zero biases, or those of a loss-free router.
std::vector<float> Biases(const RouterLayer& layer, const GateShape& gate, bool converged) {
  if (!converged) return std::vector<float>(256);
  const RoutedText text(layer, gate, 16, 12, 77);
  return ConvergedBias(text, ZipfShares(16), {}).bias;
}

TEST(AnchoredField, AgreesWithTheExactGateWithAndWithoutGroupsAndBiases) {
  const RouterLayer layer = DrawRouterLayer({}, 256, 2, 0);
  for (const GateShape& gate : {kGrouped, kFree}) {
    for (bool converged : {false, true}) {
      AnchoredField field(layer, gate, 16, kTokens, 9);
      const std::vector<float> bias = Biases(layer, gate, converged);
      for (int d : {0, 5, 11}) {
        field.Anchor(d, MeanOf(layer, d), 1, MeanField::Bias::kAdded, bias);
        field.Solve(d, MeanOf(layer, d), 1, MeanField::Bias::kAdded, bias);
        const std::vector<double> exact = Exact(layer, gate, d, bias), ours = Chances(field);
        EXPECT_GT(Correlation(exact, ours), 0.99) << gate.groups << " groups, domain " << d;
        EXPECT_NEAR(Balance(ours).cv / Balance(exact).cv, 1, 0.04) << gate.groups << " groups, domain " << d;
      }
    }
  }
}

TEST(AnchoredField, AnswersBiasesThatMovedSinceTheAnchorAsTheExactGateDoes) {
  const RouterLayer layer = DrawRouterLayer({}, 256, 2, 0);
  AnchoredField field(layer, kGrouped, 16, kTokens, 9);
  std::vector<float> bias = Biases(layer, kGrouped, true);
  field.Anchor(5, MeanOf(layer, 5), 1, MeanField::Bias::kAdded, bias);
  const std::vector<double> before = Exact(layer, kGrouped, 5, bias);
  RandomStream random(3, "moved biases");
  for (float& b : bias) b += static_cast<float>(0.03 * random.Normal());
  field.Solve(5, MeanOf(layer, 5), 1, MeanField::Bias::kAdded, bias);
  const std::vector<double> exact = Exact(layer, kGrouped, 5, bias), ours = Chances(field);
  EXPECT_GT(Correlation(exact, ours), 0.985);
  EXPECT_GT(Correlation(exact, ours), Correlation(exact, before) + 0.02);
}

TEST(AnchoredField, ClosesInOnMovedBiasesAnchorByAnchor) {
  const RouterLayer layer = DrawRouterLayer({}, 256, 2, 0);
  AnchoredField field(layer, kGrouped, 16, kTokens, 9), fresh = field;
  const std::vector<float> none(256), bias = Biases(layer, kGrouped, true);
  field.Anchor(5, MeanOf(layer, 5), 1, MeanField::Bias::kAdded, none);
  fresh.Anchor(5, MeanOf(layer, 5), 1, MeanField::Bias::kAdded, bias);
  for (int i = 0; i < 8; ++i) field.Anchor(5, MeanOf(layer, 5), 1, MeanField::Bias::kAdded, bias);
  field.Solve(5, MeanOf(layer, 5), 1, MeanField::Bias::kAdded, bias);
  fresh.Solve(5, MeanOf(layer, 5), 1, MeanField::Bias::kAdded, bias);
  for (std::size_t e = 0; e < 256; ++e) EXPECT_NEAR(field.chance()[e], fresh.chance()[e], 2e-3);
}

TEST(AnchoredField, UndoesTheUnderstatementOfFewSharedFactors) {
  const RouterLayer layer = DrawRouterLayer({}, 256, 2, 0);
  const std::vector<float> none(256);
  AnchoredField field(layer, kFree, 16, kTokens, 9);
  field.Solve(0, MeanOf(layer, 0), 1, MeanField::Bias::kAdded, none);
  const double alone = Balance(Chances(field)).cv, exact = Balance(Exact(layer, kFree, 0, none)).cv;
  field.Anchor(0, MeanOf(layer, 0), 1, MeanField::Bias::kAdded, none);
  field.Solve(0, MeanOf(layer, 0), 1, MeanField::Bias::kAdded, none);
  EXPECT_LT(alone, 0.93 * exact);
  EXPECT_NEAR(Balance(Chances(field)).cv, exact, 0.03 * exact);
}

TEST(AnchoredField, KnowsHowManyTokensReachEachGroup) {
  const RouterLayer layer = DrawRouterLayer({}, 256, 2, 0);
  const std::vector<float> none(256);
  AnchoredField field(layer, kGrouped, 16, kTokens, 9);
  field.Anchor(3, MeanOf(layer, 3), 1, MeanField::Bias::kAdded, none);
  field.Solve(3, MeanOf(layer, 3), 1, MeanField::Bias::kAdded, none);
  const double groups = std::accumulate(field.reach().begin(), field.reach().end(), 0.0);
  EXPECT_LE(groups, 4.01);  // a token keeps four
  EXPECT_GT(groups, 3.0);
  EXPECT_NEAR(std::accumulate(field.chance().begin(), field.chance().end(), 0.0), 8, 0.01);
}

TEST(AnchoredField, OfMultipliedBiasesOfOneIsThatOfNoBias) {
  const RouterLayer layer = DrawRouterLayer({}, 256, 2, 0);
  const std::vector<float> zero(256, 0.0f), one(256, 1.0f);
  AnchoredField added(layer, kGrouped, 16, 512, 9), multiplied(layer, kGrouped, 16, 512, 9);
  added.Anchor(0, MeanOf(layer, 0), 1, MeanField::Bias::kAdded, zero);
  multiplied.Anchor(0, MeanOf(layer, 0), 1, MeanField::Bias::kMultiplied, one);
  added.Solve(0, MeanOf(layer, 0), 1, MeanField::Bias::kAdded, zero);
  multiplied.Solve(0, MeanOf(layer, 0), 1, MeanField::Bias::kMultiplied, one);
  for (std::size_t e = 0; e < 256; ++e) EXPECT_NEAR(added.chance()[e], multiplied.chance()[e], 1e-3);
}

}  // namespace
}  // namespace orrery::models
