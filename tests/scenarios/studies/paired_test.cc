// Two steps under the same draws.
#include <cmath>

#include <gtest/gtest.h>

#include "scenarios/run.h"
#include "scenarios/studies/uncertainty.h"
#include "tests/scenarios/small_training.h"

namespace orrery::scenarios {
namespace {

constexpr int kResamples = 16, kSeeds = 3;

PairedDifference Between(const TrainingModel& a, const TrainingModel& b) {
  return DifferenceOf(a, a.Simulate().step_s, b, b.Simulate().step_s, kResamples, kSeeds);
}

TEST(PairedDifference, OfAPlanToItselfIsNone) {
  const TrainingModel model(Small());
  const PairedDifference none = Between(model, model);
  EXPECT_EQ(none.ratio, 1);
  EXPECT_EQ(none.low, 1);
  EXPECT_EQ(none.high, 1);
  EXPECT_FALSE(none.ToldApart());
}

TEST(PairedDifference, IsSurerThanTheTwoStepsAre) {
  const TrainingModel a(Small()), b(Small({"parallelism.schedule=1f1b"}));
  const PairedDifference paired = Between(a, b);
  const Interval alone = UncertaintyOf(a, a.Simulate().step_s, kResamples, kSeeds);
  EXPECT_NE(paired.ratio, 1);
  EXPECT_LT(paired.calibration_sd, alone.calibration_sd) << "what both are off by is no difference";
  EXPECT_LE(paired.low, paired.ratio);
  EXPECT_GE(paired.high, paired.ratio);
}

TEST(PairedDifference, TurnedRoundIsTheInverse) {
  const TrainingModel a(Small()), b(Small({"parallelism.schedule=1f1b"}));
  const PairedDifference there = Between(a, b), back = Between(b, a);
  EXPECT_NEAR(there.ratio * back.ratio, 1, 1e-12);
  EXPECT_NEAR(there.low * back.high, 1, 1e-9);
  EXPECT_NEAR(there.high * back.low, 1, 1e-9);
}

TEST(PairedDifference, BetweenOtherTablesTakesIndependentDraws) {
  const TrainingModel h800(Small()), h100(Small({"cluster={preset: h100-512, nodes: 4}"}));
  const PairedDifference paired = Between(h800, h100);
  EXPECT_GT(paired.calibration_sd, 0);
  EXPECT_GT(paired.high / paired.low, 1);
}

TEST(Simulate, OfAModelMadeBeforeIsTheSameStep) {
  const Scenario s = Small();
  const scenarios::Run once = Simulate(s, {.analyse = false});
  const scenarios::Run again = Simulate(once.model, {.analyse = false});
  EXPECT_EQ(once.result.step_s, again.result.step_s);
  const auto loads = MakeScenarioLoads(s);
  RunOptions shared;
  shared.analyse = false;
  shared.loads = loads;
  EXPECT_EQ(Simulate(s, shared).result.step_s, once.result.step_s) << "with loads that others share";
}

TEST(Simulate, OneGroupIsNearAllOfThem) {
  const Scenario s = Small();
  RunOptions one;
  one.analyse = false, one.groups = 1;
  const scenarios::Run few = Simulate(s, one), all = Simulate(s, {.analyse = false});
  EXPECT_EQ(few.result.simulator.gpus_simulated, 16);
  EXPECT_NEAR(few.result.step_s, all.result.step_s, 0.03 * all.result.step_s);
}

TEST(Analyse, AddsToAStepWhatOneRunAddsAtOnce) {
  const Scenario s = Small();
  RunOptions options;
  options.resamples = 4, options.seeds = 2;
  const TrainingResult whole = RunTraining(s, options);
  for (const bool timeline : {false, true}) {
    RunOptions first = options;
    first.analyse = false, first.timeline = timeline;
    const scenarios::Run run = Simulate(s, first);
    EXPECT_TRUE(run.result.critical_path.empty());
    const TrainingResult later = Analyse(run, options);
    EXPECT_EQ(later.step_s, whole.step_s);
    EXPECT_EQ(later.interval.low_s, whole.interval.low_s);
    EXPECT_EQ(later.imbalance.cost->step_s, whole.imbalance.cost->step_s);
    ASSERT_EQ(later.what_ifs.size(), whole.what_ifs.size());
    EXPECT_EQ(later.what_ifs.front().step_s, whole.what_ifs.front().step_s);
    ASSERT_EQ(later.critical_path.size(), whole.critical_path.size());
    EXPECT_EQ(later.critical_path.front().seconds, whole.critical_path.front().seconds);
  }
}

TEST(LoadsKey, IsOfWhatLoadsFollowFromAlone) {
  const auto base = LoadsKeyOf(Small());
  EXPECT_EQ(base, LoadsKeyOf(Small({"parallelism.schedule=1f1b", "precision=bf16"})));
  EXPECT_NE(base, LoadsKeyOf(Small({"seed=2"})));
  EXPECT_NE(base, LoadsKeyOf(Small({"routing.strategy=none"})));
  EXPECT_NE(base, LoadsKeyOf(Small({"parallelism.expert=8"})));
  EXPECT_FALSE(LoadsKeyOf(Small({"model=deepseek-67b", "parallelism.expert=1", "routing=null"})));
}

}  // namespace
}  // namespace orrery::scenarios
