// What the placement of experts asks of a training step: slots, their memory, and moving experts between
// plans.
#include "scenarios/training/rebalancing.h"

#include <cmath>

#include <gmock/gmock.h>

#include "models/routing/sources/planned_loads.h"
#include "models/routing/sources/synthetic_loads.h"
#include "scenarios/report/training_report.h"
#include "scenarios/run.h"
#include "scenarios/studies/routing_step_time.h"
#include "scenarios/training/simulation.h"
#include "tests/core/input_error.h"
#include "tests/models/routing/section.h"

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
  // 16 more slots on 8 ranks: two experts of SwiGLU 7168 x 2048 in every MoE layer a GPU holds.
  constexpr double kExpert = 3.0 * 7168 * 2048, kScales = 4.0 / (128 * 128);
  double held = 0;  // MoE layers over all pipeline ranks
  for (std::size_t rank = 0; rank < plain.ranks.size(); ++rank) {
    const models::RankMemory &a = plain.ranks[rank].memory, &b = more.ranks[rank].memory;
    const double experts = static_cast<double>(more.ranks[rank].parameters - plain.ranks[rank].parameters);
    const double layers = experts / (2 * kExpert);
    EXPECT_DOUBLE_EQ(layers, std::round(layers));
    held += layers;
    EXPECT_DOUBLE_EQ(static_cast<double>((b.weights - a.weights).count), experts * (1 + kScales));
    EXPECT_DOUBLE_EQ(static_cast<double>((b.gradients - a.gradients).count), 4 * experts);
    EXPECT_EQ(b.optimizer, a.optimizer);
  }
  EXPECT_DOUBLE_EQ(held, 2 * 5) << "DualPipe holds each of 5 twice";
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

/// Prices of rearrangements and replicas of Small, whose link takes the rates of H800 and DeepEP.
struct Prices {
  explicit Prices(const Scenario& s)
      : exchange(hw::ExchangeModel::Load(s.cluster.device, "2025-02")), link(s.cluster.device, exchange) {}
  double Node(double bytes) const {
    return bytes / link.rate(hw::Reach::kNode).value + Seconds(link.latency(hw::Reach::kNode));
  }
  double Nodes(double bytes, double stretch) const {
    return bytes / link.rate(hw::Reach::kCrossLeaf).value * stretch +
           Seconds(link.latency(hw::Reach::kCrossLeaf));
  }
  const hw::ExchangeModel exchange;
  const hw::PointToPoint link;
};

TEST(Replicas, MeetAlongTheirChainsAtTheRateOfTheBusiestPort) {
  const Prices prices(Small("{placement: eplb}"));
  const ExpertBytes bytes{0, 0, 0, 4e6, 2e6};
  // Two layers on four ranks, two a node: rank 1 sends one expert up in each, rank 2 one out in one.
  const models::ExpertMoves::Port first{{0, 0, 1, 0}, {0, 1, 0, 0}, {0, 1, 0, 0}, {1, 0, 0, 0}},
      second{{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 1, 0, 0}, {1, 0, 0, 0}};
  const ReplicaTime t = PriceReplicas(bytes, {first, second}, prices.link, 1.5);
  EXPECT_DOUBLE_EQ(t.gradients_s, std::max(prices.Node(2 * 4e6), prices.Nodes(4e6, 1.5)));
  EXPECT_DOUBLE_EQ(t.parameters_s, std::max(prices.Node(2 * 2e6), prices.Nodes(2e6, 1.5)));
  const ReplicaTime even = PriceReplicas(bytes, {first, second}, prices.link, 1.5, true);
  EXPECT_DOUBLE_EQ(even.gradients_s, prices.Nodes(4e6 / 4, 1.5)) << "every rank carries a quarter";
  EXPECT_EQ(PriceReplicas(bytes, {}, prices.link, 1).gradients_s, 0);
}

TEST(Replicas, OfOneExchangeGroupReduceTheirGradientsThere) {
  // One pipeline rank whose 32 GPUs are one exchange group: no slot has a copy elsewhere.
  const auto of = [](const char* routing) {
    Document document = SmallDocument(routing, 64, 32);
    document.Set("parallelism", "{pipeline: 1, expert: 32, schedule: 1f1b}");
    return ReadTrainingScenario(std::move(document), "small");
  };
  const Scenario s = of("{placement: eplb, redundant_experts: 32}");
  const TrainingModel plain(of("{placement: eplb}")), more(s);
  const double shard = BytesOfExpert(s, 1).gradient_shard;
  EXPECT_DOUBLE_EQ(shard, 4.0 * 3 * 7168 * 2048) << "the whole gradient";
  ASSERT_TRUE(more.loads()->placement().eplb);
  int most = 0;  // of shards through one GPU: the gate's groups keep an expert's replicas on its node
  for (std::size_t r = 0; r < 32; ++r) {
    int sent = 0, received = 0;
    for (int layer = 0; layer < 5; ++layer) {
      const auto chains = models::ReplicaChains(more.loads()->PlacementAt(layer, 0), 32, 8);
      EXPECT_EQ(chains.scale_out_sent[r], 0);
      sent += chains.scale_up_sent[r], received += chains.scale_up_received[r];
    }
    most = std::max({most, sent, received});
  }
  EXPECT_GE(most, 5);
  const OptimizerReport a = Slowest(plain.PriceOptimizers(plain.cost(), plain.loads())),
                        b = Slowest(more.PriceOptimizers(more.cost(), more.loads()));
  EXPECT_NEAR(b.gradients_s - a.gradients_s, Prices(s).Node(most * shard), 1e-9);
  EXPECT_NEAR(b.parameters_s - a.parameters_s, Prices(s).Node(most * shard / 2), 1e-9);
  EXPECT_THAT(b.how, HasSubstr("then over replicas in their exchange group"));
}

TEST(Rebalancing, HandsGradientsOnOnlyWithinAStep) {
  const auto each = [](int micro_batches) {
    Document document = SmallDocument("{placement: eplb, redundant_experts: 16, replanned_every: 8}");
    document.Set("workload.global_batch", std::to_string(8 * micro_batches) + " sequences");
    const Scenario s = ReadTrainingScenario(std::move(document), "small");
    const models::LoadShape shape{64, 8, 8, 1024, 8, 4, 2};
    const models::PlannedLoads loads(
        std::make_unique<models::SyntheticLoads>(shape, models::SyntheticOptions{}, 1, 3), {true, 16, 8, 8},
        1);
    return PriceRebalancing(s, loads, {{0}}, 2, Prices(s).link, 1).each_s;
  };
  // Replanned every 8 of 8 micro-batches all fall between steps, of 16 every second, of 24 every third, of 12
  // one of three (24 being the least common multiple), of 15 one of 15.
  const double between = each(8), within = 2 * each(16) - between;
  EXPECT_GT(within, 1.2 * between);
  EXPECT_NEAR(each(12), between / 3 + within * 2 / 3, 1e-12);
  EXPECT_NEAR(each(15), between / 15 + within * 14 / 15, 1e-12);
}

TEST(Rebalancing, TakesAsLongAsTheBusiestPortOfTheSlowestPipelineRank) {
  const Scenario s = Small("{placement: eplb, redundant_experts: 16, replanned_every: 16}");
  const models::LoadShape shape{64, 8, 4, 1024, 8, 4, 2};  // two nodes of four
  const models::PlannedLoads loads(
      std::make_unique<models::SyntheticLoads>(shape, models::SyntheticOptions{}, 3, 3), {true, 16, 8, 16},
      3);
  const Prices prices(s);
  const RebalanceReport report = PriceRebalancing(s, loads, {{0, 2}, {1}}, 2, prices.link, 1.25);
  const ExpertBytes bytes = BytesOfExpert(s, 2);
  double slowest = 0, busiest = 0;
  int copies = 0;
  for (const std::vector<int>& layers : {std::vector<int>{0, 2}, std::vector<int>{1}}) {
    for (std::size_t r = 0; r < 8; ++r) {
      double port[4] = {};
      for (const int layer : layers) {
        const auto m = models::MovesBetween(loads.Plan(layer, 0), loads.Plan(layer, 1), 8, 4);
        copies += r == 0 ? m.copies : 0;
        for (const auto& [moves, size] : {std::pair(&m.weights, bytes.weights), {&m.state, bytes.state}}) {
          port[0] += moves->scale_out_sent[r] * size, port[1] += moves->scale_out_received[r] * size;
          port[2] += moves->scale_up_sent[r] * size, port[3] += moves->scale_up_received[r] * size;
        }
      }
      const double out = std::max(port[0], port[1]), up = std::max(port[2], port[3]);
      if (out > 0) slowest = std::max(slowest, prices.Nodes(out, 1.25));
      if (up > 0) slowest = std::max(slowest, prices.Node(up));
      busiest = std::max({busiest, port[0] + port[2], port[1] + port[3]});
    }
  }
  EXPECT_NEAR(report.each_s, slowest, 1e-12);
  EXPECT_NEAR(report.busiest_bytes, busiest, 1);
  EXPECT_DOUBLE_EQ(report.copies_per_layer, copies / 3.0);
  EXPECT_DOUBLE_EQ(report.per_step, 1);
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
  RoutingRequest request = RequestFor(model, models::ReadSection(document, *model.moe));
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

TEST(StepTime, OfTheRoutingReportIsThatOfTheRun) {
  // Of 32 GPUs four pipeline ranks of two exchange groups each.
  for (const char* routing : {"{strategy: none}", "{strategy: none, capacity_factor: 1}",
                              "{placement: eplb, redundant_experts: 16, replanned_every: 8}"}) {
    const Document document = SmallDocument(routing, 64, 4);
    const models::ModelSpec model = models::ReadModel(document.root().At("model"));
    RoutingRequest request = RequestFor(model, models::ReadSection(document, *model.moe));
    request.section.options.sequence_length = 1024;
    request.step_time = StepTimeOf(document, &request);
    request.layers = 2, request.steps = 0, request.ranks = {4};
    const RoutingReport report = MakeRoutingReport(request);
    RunOptions options;
    options.resamples = 2, options.seeds = 1;
    const TrainingResult run = RunTraining(Small(routing, 64, 4), options);
    ASSERT_TRUE(run.imbalance.cost.has_value());
    EXPECT_DOUBLE_EQ(report.step->step_s, run.step_s) << routing;
    EXPECT_DOUBLE_EQ(report.step->imbalance_share, run.imbalance.cost->step_share) << routing;
    EXPECT_DOUBLE_EQ(report.step->undone_s, run.imbalance.cost->undone_s) << routing;
    EXPECT_DOUBLE_EQ(report.step->dollars_per_trillion, run.run.dollars_per_trillion) << routing;
  }
}

TEST(StepTime, OfExpertChoiceIsSimulatedAndNearlyBalanced) {
  const TrainingResult r = StepOnly(Small("{strategy: expert-choice}"));
  EXPECT_THAT(r.imbalance.source, HasSubstr("expert-choice over each sequence"));
  EXPECT_NEAR(r.imbalance.hottest_excess, 0, 1e-9);
  EXPECT_LT(r.step_s, StepOnly(Small("{strategy: none}")).step_s);
}

}  // namespace
}  // namespace orrery::scenarios
