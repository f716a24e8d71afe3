#include "models/routing/dynamics/training_dynamics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stop_token>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "models/routing/balance/balance_stats.h"
#include "models/routing/dynamics/mean_field.h"
#include "models/routing/sampling/load_table.h"

namespace orrery::models {
namespace {

using testing::Each;
using testing::Lt;

TrainingOptions Options(UpdateRule rule, double rate, int steps) {
  TrainingOptions o;
  o.rule = rule, o.rate = rate, o.steps = steps;
  return o;
}

TEST(MeanField, ChancesAddUpToTopK) {
  for (Affinity kind : {Affinity::kSigmoid, Affinity::kSoftmax}) {
    AffinityParameters p;
    p.kind = kind;
    const RouterLayer layer = DrawRouterLayer(p, 60, 4, 0);
    MeanField field(kind, 60, 6, p.domains);
    const std::vector<float> zero(60, 0.0f), one(60, 1.0f);
    for (int d = 0; d < p.domains; ++d) {
      const auto base = std::span(layer.base).subspan(static_cast<std::size_t>(d) * 60, 60);
      field.Solve(d, base, 1.0, MeanField::Bias::kAdded, zero);
      EXPECT_NEAR(std::accumulate(field.chance().begin(), field.chance().end(), 0.0), 6, 1e-3);
      const std::vector<float> added(field.chance().begin(), field.chance().end());
      field.Solve(d, base, 1.0, MeanField::Bias::kMultiplied,
                  one);  // no bias is no bias, added or multiplied
      for (std::size_t e = 0; e < 60; ++e) EXPECT_NEAR(field.chance()[e], added[e], 1e-3);
    }
  }
}

TEST(MeanField, ChancesAddUpToTopKHoweverFarBiasesAndAffinitiesLie) {
  for (const double offset : {-20.0, -1.0, 10.0}) {
    AffinityParameters p;
    p.domains = 1, p.offset = offset;
    const RouterLayer layer = DrawRouterLayer(p, 64, 4, 0);
    MeanField field(p.kind, 64, 6, 1);
    for (const float scale : {0.0f, 1e-9f, 3.0f, -50.0f}) {
      std::vector<float> bias(64);
      for (std::size_t e = 0; e < 64; ++e) bias[e] = scale * static_cast<float>(e) / 64;
      field.Solve(0, layer.base, 1.0, MeanField::Bias::kAdded, bias);
      EXPECT_NEAR(std::accumulate(field.chance().begin(), field.chance().end(), 0.0), 6, 1e-2)
          << "offset " << offset << ", biases up to " << scale;
    }
  }
}

TEST(MeanField, AgreesWithRoutingTokens) {
  for (const GateShape& gate : {GateShape{64, 6, 1, 1}, GateShape{256, 8, 1, 1}}) {
    AffinityParameters p;
    p.domains = 4;
    p.rank = 64;  // nearly independent experts, which the mean field assumes; see the next test
    const RouterLayer layer = DrawRouterLayer(p, gate.experts, 2, 0);
    const RoutedText text(layer, gate, 4, 300, 9);
    const std::vector<std::uint16_t> selected = text.Route({}, 300);
    const std::vector<float> none(static_cast<std::size_t>(gate.experts));
    MeanField field(p.kind, gate.experts, gate.top_k, 4);
    for (std::size_t d = 0; d < 4; ++d) {
      std::vector<double> share(4), mean(none.size());
      share[d] = 1;
      const std::vector<double> counted = RelativeLoads(gate, selected, share);
      field.Solve(static_cast<int>(d), std::span(layer.base).subspan(d * none.size(), none.size()),
                  std::hypot(p.token, p.document), MeanField::Bias::kAdded, none);
      for (std::size_t e = 0; e < mean.size(); ++e) mean[e] = field.chance()[e];
      mean = Relative(mean);
      EXPECT_GT(Correlation(counted, mean), 0.99);
      EXPECT_NEAR(Balance(counted).cv, Balance(mean).cv, 0.05 * Balance(mean).cv);
    }
  }
}

TEST(MeanField, UnderstatesTheSkewOfFewSharedFactorsByAboutATenth) {
  AffinityParameters p;
  p.domains = 1;
  double counted = 0, field_cv = 0;
  for (int l = 0; l < 6; ++l) {
    const RouterLayer layer = DrawRouterLayer(p, 256, 2, l);
    const RoutedText text(layer, {256, 8, 1, 1}, 1, 100, 9);
    counted += Balance(RelativeLoads({256, 8, 1, 1}, text.Route({}, 100), std::vector<double>{1.0})).cv;
    MeanField field(p.kind, 256, 8, 1);
    const std::vector<float> none(256);
    field.Solve(0, layer.base, std::hypot(p.token, p.document), MeanField::Bias::kAdded, none);
    field_cv += Balance(std::vector<double>(field.chance().begin(), field.chance().end())).cv;
  }
  EXPECT_GT(counted / field_cv, 1.0);
  EXPECT_LT(counted / field_cv, 1.2);
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

TEST(Training, BothEnginesSettleToTheSameBalance) {
  TrainingOptions o = Options(UpdateRule::kSign, 1e-2, 200);
  o.gate = {32, 4, 4, 2}, o.batch_tokens = 16384;
  o.batch_sequences = 256;  // documents of the exact engine's batch
  ExpectBothEnginesSettleAlike(o, 0.95);
}

TEST(Training, NamesItsEngine) {
  TrainingOptions o;
  EXPECT_THAT(EngineName(o), testing::HasSubstr("2048 routed tokens"));
  o.anchor_tokens = 0;
  EXPECT_EQ(EngineName(o), "mean field without groups");
  o.token_by_token = true;
  EXPECT_THAT(EngineName(o), testing::HasSubstr("token by token"));
}

TEST(Training, TheSignRuleBalancesWhatNothingLeavesSkewed) {
  const TrainingTrace balanced = Train(Options(UpdateRule::kSign, 1e-3, 2000), 1, 0);
  const TrainingTrace skewed = Train(Options(UpdateRule::kNone, 0, 2000), 1, 0);
  EXPECT_LT(balanced.max_vio_global, 0.08);
  EXPECT_GT(skewed.max_vio_global, 1.5);
  EXPECT_THAT(skewed.bias, Each(0.0f));
}

TEST(Training, ASlowRateSettlesLateAndAFastOneSettlesWorse) {
  const TrainingTrace fast = Train(Options(UpdateRule::kSign, 1e-2, 4000), 1, 0);
  const TrainingTrace middle = Train(Options(UpdateRule::kSign, 1e-3, 4000), 1, 0);
  const TrainingTrace slow = Train(Options(UpdateRule::kSign, 1e-4, 4000), 1, 0);
  EXPECT_GT(slow.max_vio[3], 3 * middle.max_vio[3]);
  EXPECT_GT(fast.max_vio.back(), 1.3 * middle.max_vio.back());
  EXPECT_GT(slow.settled, middle.settled);
}

TEST(Training, ThatNothingActsOnHasNotSettled) {
  TrainingOptions frozen = Options(UpdateRule::kSign, 1e-3, 1000);
  frozen.rate_until = 0;
  for (const TrainingOptions& o :
       {Options(UpdateRule::kNone, 0, 1000), Options(UpdateRule::kSign, 0, 1000), frozen}) {
    const TrainingTrace t = Train(o, 1, 0);
    EXPECT_EQ(t.settling, Settling::kNothingActs);
    EXPECT_EQ(t.settled, -1);
    EXPECT_NEAR(t.max_vio_global, t.max_vio_unbalanced, 0.1 * t.max_vio_unbalanced);
  }
}

TEST(Training, ThatDivergesHasNotSettled) {
  TrainingOptions o = Options(UpdateRule::kProportional, 1, 1000);
  o.gate = {256, 8, 8, 4};
  const TrainingTrace t = Train(o, 1, 0);
  EXPECT_EQ(t.settling, Settling::kNoBetter);
  EXPECT_EQ(t.settled, -1);
}

TEST(Training, OfAFewStepsTellsNothing) {
  const TrainingTrace t = Train(Options(UpdateRule::kSign, 1e-3, 200), 1, 0);
  EXPECT_EQ(t.settling, Settling::kTooShort);
  EXPECT_EQ(t.settled, -1);
}

TEST(Training, ThatIsTooSlowHasNotSettled) {
  const TrainingTrace t = Train(Options(UpdateRule::kSign, 1e-5, 2000), 1, 0);
  EXPECT_NE(t.settling, Settling::kSettled);
}

TEST(Training, UnderALossSettlesOnceRoutersAreSharp) {
  TrainingOptions o = Options(UpdateRule::kAuxiliaryLoss, 0, 4000);
  o.feedback = 0.25;
  const TrainingTrace t = Train(o, 1, 0);
  EXPECT_EQ(t.settling, Settling::kSettled);
  EXPECT_GT(t.settled, 200);  // before, near-even routers only look balanced
  EXPECT_LT(t.settled, 1500);
}

TEST(Training, UnderAnyLossAllowedConvergesAndTheStrongerTheMoreEven) {
  TrainingOptions o = Options(UpdateRule::kAuxiliaryLoss, 0, 1500);
  o.gate = {256, 8, 8, 4}, o.batch_sequences = 15360;
  double last = 10;
  for (const double feedback : {0.25, 2.5, 25.0, 100.0}) {
    o.feedback = feedback;
    const TrainingTrace t = Train(o, 1, 0);
    EXPECT_EQ(t.settling, Settling::kSettled) << feedback;
    EXPECT_LT(t.max_vio_global, last + 0.05) << feedback;
    EXPECT_LT(t.max_vio_global, 1.2 * 0.25 / feedback + 0.1) << feedback;
    last = t.max_vio_global;
  }
}

TEST(Training, FrozenBiasesStandStill) {
  TrainingOptions o = Options(UpdateRule::kSign, 1e-3, 600);
  o.rate_until = 300;
  const TrainingTrace t = Train(o, 1, 0);
  EXPECT_EQ(t.bias_spread[3], t.bias_spread.back());
  EXPECT_GT(t.bias_spread[2], 0);
}

TEST(Training, AShiftOfDomainsUpsetsTheBalanceAndTheBiasesFollow) {
  TrainingOptions o = Options(UpdateRule::kSign, 1e-3, 3000);
  o.shift_step = 2000;
  const TrainingTrace t = Train(o, 1, 0);
  EXPECT_GT(t.max_vio[20], 3 * t.max_vio[19]);
  EXPECT_LT(t.max_vio.back(), 2 * t.max_vio[19]);
  EXPECT_GT(t.max_vio_at_shift, t.max_vio[20]);  // the worst batch of that window
  EXPECT_GT(t.resettled, 0);
  EXPECT_LT(t.settled, 2000);
  EXPECT_EQ(t.settling, Settling::kSettled);
}

TEST(Training, CountsStepsToBalanceFromTheShiftItself) {
  TrainingOptions o = Options(UpdateRule::kSign, 1e-3, 3000);
  o.shift_step = 2050;
  const TrainingTrace t = Train(o, 1, 0);
  EXPECT_GT(t.resettled, 0);
  EXPECT_EQ((t.resettled + 2050) % TrainingTrace::kWindow, 0);
}

TEST(Training, FrozenBiasesDoNotFollowAShift) {
  TrainingOptions o = Options(UpdateRule::kSign, 1e-3, 3000);
  o.shift_step = 2000, o.shift = DomainShift::kOne, o.rate_until = 1500;
  const TrainingTrace t = Train(o, 1, 0);
  EXPECT_GT(t.max_vio_at_shift, 1);
  EXPECT_EQ(t.resettled, -1);
  EXPECT_EQ(t.share.back(), 1);
  EXPECT_EQ(t.share.front(), 0);
}

TEST(Training, ThatGrowsUnevenOnceFrozenHasNotSettled) {
  TrainingOptions o = Options(UpdateRule::kSign, 1e-3, 4000);
  o.gate = {256, 8, 8, 4}, o.batch_sequences = 15360;
  o.rate_until = 1000, o.shift_step = 2000;
  const TrainingTrace t = Train(o, 1, 0);
  ASSERT_GT(t.max_vio[19], 2 * t.max_vio[10]);
  EXPECT_EQ(t.settling, Settling::kUnsteady);
  EXPECT_EQ(t.settled, -1);
  EXPECT_GT(t.max_vio_global_before, 1.5 * t.max_vio[10]);
  EXPECT_EQ(t.resettling, Settling::kNothingActs);
}

TEST(Training, SettlesAgainOnlyWhereSomethingActsAndLongEnoughAfterTheShift) {
  TrainingOptions none = Options(UpdateRule::kNone, 0, 1500);
  none.shift_step = 700;
  EXPECT_EQ(Train(none, 1, 0).resettling, Settling::kNothingActs);
  TrainingOptions late = Options(UpdateRule::kSign, 1e-3, 1000);
  late.shift_step = 800;
  EXPECT_EQ(Train(late, 1, 0).resettling, Settling::kTooShort);
}

TEST(Training, IsBeforeAShiftAsItWouldBeWithoutIt) {
  const TrainingOptions o = Options(UpdateRule::kSign, 1e-3, 1000);
  TrainingOptions shifted = o;
  shifted.shift_step = 700;
  const TrainingTrace a = Train(o, 1, 0), b = Train(shifted, 1, 0);
  for (int i = 0; i < 7; ++i) EXPECT_EQ(a.max_vio[i], b.max_vio[i]);
  EXPECT_GT(b.max_vio_unbalanced_before, 2 * b.max_vio_global_before);
}

TEST(Training, OfOneDomainHasNothingToShiftTo) {
  TrainingOptions o = Options(UpdateRule::kSign, 1e-3, 1000);
  o.affinity.domains = 1, o.shift_step = 500;
  EXPECT_THROW(Train(o, 1, 0), InputError);
}

TEST(Training, LargerComputationBatchesAreBetterBalanced) {
  const TrainingOptions o = Options(UpdateRule::kSign, 1e-3, 1500);
  const TrainingTrace t = Train(o, 1, 0);
  const double at_16 = ComputationBatchMaxVio(o, t, 16, 100, 1),
               at_64 = ComputationBatchMaxVio(o, t, 64, 100, 1);
  EXPECT_NEAR(at_16 / at_64, 2, 0.35);  // n^-1/2
}

TEST(Training, IsAPureFunctionOfSeedAndLayer) {
  const TrainingOptions o = Options(UpdateRule::kProportional, 1e-2, 200);
  EXPECT_EQ(Train(o, 5, 1).bias, Train(o, 5, 1).bias);
  EXPECT_NE(Train(o, 5, 1).bias, Train(o, 5, 2).bias);
}

TEST(Training, TellsHowFarItIsAndIsStoppedThere) {
  std::stop_source stop;
  std::vector<double> told;
  const RunControl control(
      [&](double share, std::string_view) {
        told.push_back(share);
        if (told.size() == 3) stop.request_stop();
      },
      stop.get_token());
  EXPECT_THROW(Train(Options(UpdateRule::kSign, 1e-3, 1000), 1, 0, control), Stopped);
  EXPECT_THAT(told, testing::ElementsAre(0.1, 0.2, testing::DoubleEq(0.3)));
}

TEST(Training, RefusesOptionsOutOfRange) {
  TrainingOptions o;
  o.steps = 10;
  EXPECT_THROW(Train(o, 1, 0), InputError);
  o = {};
  o.rate = std::nan("");
  EXPECT_THROW(Train(o, 1, 0), InputError);
  o = {};
  o.gate = {64, 64, 1, 1};
  EXPECT_THROW(Train(o, 1, 0), InputError);
  o = {};
  o.anchor_tokens = 7;
  EXPECT_THROW(Train(o, 1, 0), InputError);
  o = {};
  o.rule = UpdateRule::kMultiplicative, o.pull.expert = 0.1;
  EXPECT_THROW(Train(o, 1, 0), InputError);
}

}  // namespace
}  // namespace orrery::models
