// What the placement of experts asks of a training step: slots, their memory, and moving experts between
// plans.
#include "scenarios/training/rebalancing.h"

#include <gmock/gmock.h>

#include "scenarios/routing_step_time.h"
#include "scenarios/training/training_report.h"
#include "scenarios/training/training_run.h"
#include "tests/core/input_error.h"

namespace orrery::scenarios {
namespace {

using testing::HasSubstr;
using testing::Not;

Document SmallDocument(const std::string& routing, int experts = 64, int expert_parallel = 8) {
  return LoadScenarioDocument(
      "deepseek-v3-pretraining",
      {"model={preset: deepseek-v3, override: {layers: 8, mtp_modules: 0, moe: {routed_experts: " +
           std::to_string(experts) + ", groups: 4, top_groups: 2}}}",
       "cluster={preset: h800-512, nodes: 4}",
       "workload={kind: pretraining, sequence_length: 1024, global_batch: 128 sequences}",
       "parallelism={pipeline: 4, expert: " + std::to_string(expert_parallel) + ", schedule: dualpipe}",
       "routing=" + routing});
}

Scenario Small(const std::string& routing, int experts = 64, int expert_parallel = 8) {
  return ReadTrainingScenario(SmallDocument(routing, experts, expert_parallel), "small");
}

TEST(Placement, OfReplicasTakesWeightsAndGradientsButNoOptimizerState) {
  const TrainingResult plain = StepOnly(Small("{placement: eplb}")),
                       more = StepOnly(Small("{placement: eplb, redundant_experts: 16}"));
  for (std::size_t rank = 0; rank < plain.ranks.size(); ++rank) {
    const models::RankMemory &a = plain.ranks[rank].memory, &b = more.ranks[rank].memory;
    EXPECT_GT(b.weights, a.weights);
    EXPECT_GT(b.gradients, a.gradients);
    EXPECT_EQ(b.optimizer, a.optimizer);
    EXPECT_GT(more.ranks[rank].parameters, plain.ranks[rank].parameters);
  }
  EXPECT_GT(more.optimizer.gradients_s, plain.optimizer.gradients_s);
}

TEST(Placement, FillsRanksThatDivideTheSlotsButNotTheExperts) {
  const TrainingResult r = StepOnly(Small("{placement: eplb, redundant_experts: 4}", 60));
  EXPECT_GT(r.step_s, 0);
  EXPECT_THAT(r.imbalance.source, HasSubstr("64 slots (4 redundant), 8 a rank"));
  EXPECT_THAT(ErrorOf([] { Small("{strategy: none}", 60); }), HasSubstr("divisor of the model's 60 experts"));
  EXPECT_THAT(ErrorOf([] { Small("{placement: eplb, redundant_experts: 5}", 60); }),
              HasSubstr("65 slots do not divide"));
}

TEST(Placement, OfASharedExpertAmongTheSlotsMovesItsWorkThere) {
  const Scenario placed = Small("{placement: eplb, redundant_experts: 16, shared_expert: routed}");
  EXPECT_EQ(placed.placed_shared_experts, 1);
  EXPECT_EQ(placed.RankModel().moe->shared_intermediate, 0);
  const TrainingResult shared = StepOnly(placed),
                       own = StepOnly(Small("{placement: eplb, redundant_experts: 16}"));
  EXPECT_EQ(shared.flops_per_token_causal, own.flops_per_token_causal);
  EXPECT_LT(shared.ranks[1].parameters, own.ranks[1].parameters);
  EXPECT_GT(shared.communication.exchange_s, own.communication.exchange_s);
}

TEST(Rebalancing, CostsInProportionToHowOftenAStepIsReplanned) {
  const auto of = [](const char* routing) { return StepOnly(Small(routing)); };
  const TrainingResult once = of("{placement: eplb, redundant_experts: 16}"),
                       twice = of("{placement: eplb, redundant_experts: 16, replanned_every: 8}"),
                       rarely = of("{placement: eplb, redundant_experts: 16, replanned_every: 1600}");
  EXPECT_EQ(once.rebalance.Sum(), 0);
  EXPECT_DOUBLE_EQ(twice.rebalance.per_step, 2);
  EXPECT_DOUBLE_EQ(rarely.rebalance.per_step, 0.01);
  EXPECT_GT(twice.rebalance.each_s, 0);
  EXPECT_GT(twice.rebalance.copies_per_layer, 0);
  EXPECT_NEAR(twice.phases.Sum(), twice.step_s, 1e-9 * twice.step_s);
  EXPECT_GT(rarely.rebalance.each_s, 0);
  EXPECT_LT(rarely.rebalance.each_s, twice.rebalance.each_s);  // between steps no gradients are under way
  EXPECT_THAT(TrainingText(twice), HasSubstr("moving experts to new plans"));
  EXPECT_THAT(TrainingText(once), Not(HasSubstr("moving experts")));
}

TEST(Rebalancing, PricesAnExpertInThePrecisionsHeld) {
  const Scenario s = Small("{placement: eplb}");
  const double parameters = 3.0 * 7168 * 2048;
  const ExpertBytes bytes = BytesOfExpert(s, 2);
  EXPECT_DOUBLE_EQ(bytes.weights, parameters * (1 + 4.0 / 16384));
  EXPECT_DOUBLE_EQ(bytes.gradients, 4 * parameters);
  EXPECT_DOUBLE_EQ(bytes.state, 8 * parameters / 2);  // 8 ranks, 8 of them one group, mirrored by DualPipe
}

TEST(StepTime, EndsInTokensDollarsAndTheShareOfImbalance) {
  const Document document = SmallDocument("{strategy: none}");
  const models::ModelSpec model = models::ReadModel(document.root().At("model"));
  RoutingRequest request =
      RequestFor(model, models::ReadRoutingSection(document.root().At("routing"), *model.moe));
  request.step_time = StepTimeOf(document, &request);
  request.layers = 1, request.steps = 0, request.ranks = {8};
  const RoutingReport report = MakeRoutingReport(request);
  ASSERT_TRUE(report.step.has_value());
  EXPECT_NEAR(report.step->tokens_per_s * report.step->step_s, 128 * 1024, 1e-6);
  EXPECT_GT(report.step->imbalance_share, 0.01);
  EXPECT_GT(report.step->dollars_per_trillion, 0);
  EXPECT_THAT(RoutingText(report), HasSubstr("of which imbalance"));
  EXPECT_THAT(RoutingComparisonCsv({report}), HasSubstr("cost_usd_per_trillion_tokens"));
}

TEST(StepTime, OfExpertChoiceIsSimulatedAndNearlyBalanced) {
  const TrainingResult r = StepOnly(Small("{strategy: expert-choice}"));
  EXPECT_THAT(r.imbalance.source, HasSubstr("expert-choice over each sequence"));
  EXPECT_NEAR(r.imbalance.hottest_excess, 0, 1e-9);
  EXPECT_LT(r.step_s, StepOnly(Small("{strategy: none}")).step_s);
}

}  // namespace
}  // namespace orrery::scenarios
