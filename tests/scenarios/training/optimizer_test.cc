// The end of a step: who waits for whom.
#include "scenarios/training/optimizer.h"

#include <gtest/gtest.h>

#include "scenarios/run.h"

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

/// DeepSeek-V3's layers and experts on more and more data-parallel copies, a batch in proportion.
TrainingResult Grown(int nodes, const std::string& cluster) {
  RunOptions options;
  options.analyse = false, options.fold = true;
  const std::string data = std::to_string(nodes / 2);
  return RunTraining(
      ReadTrainingScenario(
          LoadScenarioDocument("deepseek-v3-pretraining",
                               {"cluster=" + cluster, "cluster.nodes=" + std::to_string(nodes),
                                "parallelism.data=" + data, "workload.batch_ramp=null",
                                "workload.global_batch=" + std::to_string(60 * nodes) + " sequences"}),
          "grown"),
      options);
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
