// The end of a step: who waits for whom.
#include "scenarios/training/optimizer.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "scenarios/run.h"
#include "scenarios/training/simulation.h"

namespace orrery::scenarios {
namespace {

/// A rank that reduces for `gradients_s`, then updates for 2 s and gathers for 3 s; 0.5 s of norm between.
OptimizerReport Rank(double gradients_s) {
  OptimizerReport r;
  r.gradients_s = gradients_s, r.norm_s = 0.5, r.update_s = 2, r.parameters_s = 3;
  return r;
}

TEST(EndOfStep, RanksThatAreDoneTogetherEndAfterTheSlowest) {
  const StepEnd end = EndOfStep({Rank(1), Rank(4)}, {10, 10}, 1);
  EXPECT_DOUBLE_EQ(end.norm_s, 10 + 4 + 0.5);
  EXPECT_DOUBLE_EQ(end.end_s, 10 + Rank(4).Sum());
}

TEST(EndOfStep, ARankThatIsDoneEarlyReducesBesideTheLastBackwardsOfOthers) {
  EXPECT_DOUBLE_EQ(EndOfStep({Rank(1), Rank(4)}, {10, 7}, 1).end_s, 10 + Rank(1).Sum())
      << "its 4 s are over when the other's second is";
  EXPECT_DOUBLE_EQ(EndOfStep({Rank(1), Rank(4)}, {10, 8}, 1).end_s, 10 + Rank(1).Sum() + 1)
      << "a second of them is not";
}

TEST(EndOfStep, NobodyUpdatesBeforeTheNormOfAllGradientsIsKnown) {
  OptimizerReport slow_update = Rank(0);
  slow_update.update_s = 7;
  EXPECT_DOUBLE_EQ(EndOfStep({Rank(1), slow_update}, {10, 1}, 1).end_s, 10 + 1 + 0.5 + 7 + 3);
}

TEST(EndOfStep, CopiesOnMirroredRanksReduceWhenBothAreDone) {
  const std::vector<OptimizerReport> ranks = {Rank(1), Rank(1), Rank(1), Rank(1)};
  EXPECT_EQ(EndOfStep(ranks, {10, 4, 6, 8}, 2).reduction_s, (std::vector<double>{10, 6, 6, 10}));
  EXPECT_EQ(EndOfStep(ranks, {10, 4, 6, 8}, 1).reduction_s, (std::vector<double>{10, 4, 6, 8}));
}

TEST(EndOfStep, ReductionsInTheProgramsLeaveTheirTail) {
  const StepEnd end = EndOfStep({Rank(4), Rank(1)}, {10, 9}, 1, {12, 9});
  EXPECT_EQ(end.reduction_s, (std::vector<double>{10, 9})) << "what is left of it begins";
  EXPECT_EQ(end.reduced_s, (std::vector<double>{12, 9}));
  EXPECT_DOUBLE_EQ(end.norm_s, 12 + 0.5);
  EXPECT_DOUBLE_EQ(end.end_s, 12 + 0.5 + 2 + 3);
  EXPECT_EQ(EndOfStep({Rank(4), Rank(1)}, {10, 9}, 2, {12, 9}).reduced_s, (std::vector<double>{12, 12}))
      << "a mirrored rank's copies are reduced in the same collective";
}

/// DeepSeek-V3's layers and experts on more and more data-parallel copies, a batch in proportion.
Scenario GrownScenario(int nodes, const std::string& cluster, const std::string& reduction) {
  const std::string data = std::to_string(nodes / 2);
  return ReadTrainingScenario(
      LoadScenarioDocument(
          "deepseek-v3-pretraining",
          {"cluster=" + cluster, "cluster.nodes=" + std::to_string(nodes), "parallelism.data=" + data,
           "workload.batch_ramp=null", "parallelism.gradient_reduction=" + reduction,
           "workload.global_batch=" + std::to_string(60 * nodes) + " sequences"}),
      "grown");
}

TrainingResult Grown(int nodes, const std::string& cluster,
                     const std::string& reduction = "after-backwards") {
  RunOptions options;
  options.analyse = false, options.fold = true;
  return RunTraining(GrownScenario(nodes, cluster, reduction), options);
}

TEST(GradientReduction, IsAfterTheBackwardsUnlessTheScenarioSaysOtherwise) {
  const Scenario after = GrownScenario(256, "h800-2048", "after-backwards"),
                 beside = GrownScenario(256, "h800-2048", "beside-backwards");
  EXPECT_EQ(Parallelism{}.gradient_reduction, after.parallelism.gradient_reduction);
  EXPECT_EQ(beside.parallelism.gradient_reduction, models::GradientReduction::kBesideBackwards);
  EXPECT_NE(after.hash, beside.hash);
  EXPECT_EQ(YamlText(WriteScenario(after)).find("gradient_reduction:"), std::string::npos);
  EXPECT_NE(YamlText(WriteScenario(beside)).find("gradient_reduction: beside-backwards"), std::string::npos);
}

TEST(GradientReduction, BesideTheBackwardsOnlyItsTailIsLeft) {
  const TrainingResult after = Grown(256, "h800-2048"), beside = Grown(256, "h800-2048", "beside-backwards");
  EXPECT_LT(beside.step_s, after.step_s);
  EXPECT_GT(beside.step_s, after.step_s - after.optimizer.gradients_s) << "no more is saved than it costs";
  EXPECT_NEAR(beside.optimizer.gradients_s, after.optimizer.gradients_s, 0.05 * after.optimizer.gradients_s)
      << "as much is reduced, in more collectives";
  EXPECT_EQ(after.optimizer.beside_s, 0);
  EXPECT_GT(beside.optimizer.beside_s, 0.4 * beside.optimizer.gradients_s);
  EXPECT_LT(beside.phases.optimizer, after.phases.optimizer);
  EXPECT_GE(beside.phases.bubble, 0);
}

// A block's gradients are those of what its weight passes compute, and all blocks of a rank are all that it holds.
TEST(GradientReduction, OfAllBlocksIsThatOfTheRank) {
  const TrainingModel model(GrownScenario(256, "h800-2048", "beside-backwards"), true);
  const auto rest = models::kRestReductionPrice - models::kReductionPrice;
  const std::vector<RankReductions> ranks = model.PriceReductions(nullptr);
  ASSERT_EQ(ranks.size(), 16u);
  for (const RankReductions& rank : ranks) EXPECT_EQ(rank.prices[rest].work, 0) << "no copies of tables";
  for (const StepPrice& price : ranks.front().prices) {
    EXPECT_GE(price.port, 0);
    EXPECT_LE(price.port, 1) << "the share of the legs between nodes";
  }
  Scenario cut = GrownScenario(256, "h800-2048", "beside-backwards");
  cut.parallelism.layers_per_stage.assign(13, "4");
  for (const char* stage : {"5", "4 + head + mtp-layer", "mtp-head"})
    cut.parallelism.layers_per_stage.emplace_back(stage);
  Settle(&cut);
  const TrainingModel away(cut, true);
  EXPECT_GT(away.PriceReductions(nullptr)[1].prices[rest].work, 0)
      << "an MTP layer away from the embedding holds a copy of it";
}

TEST(WeakScaling, ReductionAndNormTakeLongerTheMoreCopiesThereAre) {
  double gradients = 0, norm = 0, step = 0;
  for (const int nodes : {128, 256, 512, 1024}) {
    const TrainingResult r = Grown(nodes, "h800-2048");
    EXPECT_GT(r.optimizer.gradients_s, gradients) << nodes;
    EXPECT_GT(r.optimizer.norm_s, norm) << nodes;
    EXPECT_GT(r.step_s, step) << nodes;
    gradients = r.optimizer.gradients_s, norm = r.optimizer.norm_s, step = r.step_s;
  }
}

TEST(WeakScaling, WhereFlowsAreHashedToCablesMoreOfThemCollide) {
  const TrainingResult few = Grown(128, "h800-2048-roce"), many = Grown(1024, "h800-2048-roce");
  const double adaptive = Grown(1024, "h800-2048").step_s / Grown(128, "h800-2048").step_s;
  EXPECT_GT(many.step_s / few.step_s, adaptive) << "all groups share the fabric at once";
}

}  // namespace
}  // namespace orrery::scenarios
