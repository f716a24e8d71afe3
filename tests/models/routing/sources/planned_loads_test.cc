#include "models/routing/sources/planned_loads.h"

#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "models/routing/balance/balance_stats.h"
#include "models/routing/sources/synthetic_loads.h"
#include "tests/models/routing/section.h"

namespace orrery::models {
namespace {

using testing::HasSubstr;

const LoadShape kV3{256, 64, 8, 4096, 8, 8, 4};

double Sum(const std::vector<std::int32_t>& v) { return std::accumulate(v.begin(), v.end(), 0.0); }

PlannedLoads Planned(const LoadShape& shape, const PlacementOptions& options, int layers = 2) {
  return {std::make_unique<SyntheticLoads>(shape, SyntheticOptions{}, layers, 5), options, layers};
}

double HottestRank(const LoadSource& source, int micro_batches) {
  const LoadShape& shape = source.shape();
  const std::size_t each = static_cast<std::size_t>(shape.experts / shape.ranks);
  ExchangeLoad load;
  double sum = 0;
  for (int m = 0; m < micro_batches; ++m) {
    source.Sample(0, m, 0, &load);
    std::vector<double> rank(static_cast<std::size_t>(shape.ranks));
    for (std::size_t s = 0; s < load.expert_rows.size(); ++s) rank[s / each] += load.expert_rows[s];
    sum += Balance(rank).max_vio / micro_batches;
  }
  return sum;
}

TEST(PlannedLoads, ConserveEveryRowWhateverTheSlots) {
  for (const PlacementOptions& options : {PlacementOptions{true, 0, 8, 0}, PlacementOptions{true, 64, 8, 0},
                                          PlacementOptions{true, 64, 4, 3}}) {
    const PlannedLoads loads = Planned(kV3, options);
    EXPECT_EQ(loads.shape().experts, 256 + options.redundant_experts);
    ExchangeLoad load;
    for (int m = 0; m < 8; ++m) {
      loads.Sample(m % 2, m, 0, &load);
      ASSERT_EQ(load.expert_rows.size(), static_cast<std::size_t>(loads.shape().experts));
      EXPECT_EQ(Sum(load.expert_rows), 64.0 * 4096 * 8);
      EXPECT_EQ(Sum(load.scale_out_sent), Sum(load.scale_out_received));
      EXPECT_EQ(Sum(load.scale_up_sent), Sum(load.scale_up_received));
    }
  }
}

TEST(PlannedLoads, OfFewTokensAreRoutedOneByOneAndConserved) {
  LoadShape few = kV3;
  few.tokens_per_rank = 5;
  const PlannedLoads loads = Planned(few, {true, 64, 8, 0});
  ExchangeLoad load;
  loads.Sample(1, 3, 0, &load);
  EXPECT_EQ(Sum(load.expert_rows), 64.0 * 5 * 8);
}

TEST(PlannedLoads, AreNeverWorseThanContiguousOnTheLoadsTheyWerePlannedWith) {
  for (int redundant : {0, 64, 128}) {
    const PlannedLoads loads = Planned(kV3, {true, redundant, 8, 0});
    for (int layer = 0; layer < 2; ++layer) {
      const std::vector<double> past = loads.PastLoads(layer, 0);
      const double contiguous = Balance(RankLoads(past, ContiguousPlacement(256), 64)).max_vio;
      EXPECT_LT(Balance(RankLoads(past, loads.Plan(layer, 0), 64)).max_vio, contiguous);
    }
  }
}

TEST(PlannedLoads, HelpARouterWithLastingHotExpertsAndMoreSoWithReplicas) {
  SyntheticOptions unbalanced;
  unbalanced.balance.strategy = Strategy::kNone;
  const SyntheticLoads contiguous(kV3, unbalanced, 1, 5);
  const auto planned = [&](int redundant) {
    return HottestRank(
        PlannedLoads(std::make_unique<SyntheticLoads>(kV3, unbalanced, 1, 5), {true, redundant, 32, 0}, 1),
        20);
  };
  const double plain = HottestRank(contiguous, 20), moved = planned(0), replicated = planned(64);
  EXPECT_LT(moved, plain);
  EXPECT_LT(replicated, 0.5 * moved);
}

TEST(PlannedLoads, KeepTheNodeLimitWhereGroupsStayOnNodes) {
  const PlannedLoads loads = Planned(kV3, {true, 64, 8, 0});
  EXPECT_EQ(loads.Table(0).nodes_most, 4);
  for (float nodes : loads.Table(0).nodes_mean) EXPECT_LE(nodes, 4.0f);
}

TEST(PlannedLoads, SamplingOnSlotsAgreesWithRoutingEveryToken) {
  SyntheticOptions options;
  options.measured_documents = 64;
  const SyntheticLoads exact(kV3, options, 1, 5);
  const PlannedLoads loads(std::make_unique<SyntheticLoads>(kV3, options, 1, 5), {true, 64, 8, 0}, 1);
  const SlotMap map = SlotMap::Of(loads.Plan(0, 0));
  ExchangeLoad a, b;
  double unique[2] = {}, out[2] = {}, up[2] = {};
  for (int m = 0; m < 4; ++m) {
    loads.Sample(0, m, 0, &a);
    exact.SampleExactlyOn(loads.shape(), map, 0, m, 0, &b);
    const ExchangeLoad* both[2] = {&a, &b};
    for (int i = 0; i < 2; ++i) {
      unique[i] += Sum(both[i]->unique_rows);
      out[i] += Sum(both[i]->scale_out_sent);
      up[i] += Sum(both[i]->scale_up_sent);
    }
  }
  EXPECT_NEAR(unique[0], unique[1], 0.01 * unique[1]);
  EXPECT_NEAR(out[0], out[1], 0.01 * out[1]);
  EXPECT_NEAR(up[0], up[1], 0.01 * up[1]);
}

TEST(PlannedLoads, AreReplannedFromThePastAndStayPure) {
  const PlannedLoads a = Planned(kV3, {true, 64, 4, 4}, 1), b = Planned(kV3, {true, 64, 4, 4}, 1);
  EXPECT_NE(a.Plan(0, 0).expert_of, a.Plan(0, 1).expert_of);
  ExchangeLoad x, y;
  a.Sample(0, 9, 0, &x);
  b.Sample(0, 1, 0, &y);
  b.Sample(0, 5, 0, &y);
  b.Sample(0, 9, 0, &y);
  EXPECT_EQ(x.expert_rows, y.expert_rows);
}

std::string Message(const std::string& yaml) {
  const Document doc = Document::Parse(yaml, "s.yaml");
  try {
    MakeSource(doc, ModelPreset("deepseek-v3").moe.value(), kV3, 1, 1);
  } catch (const InputError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(PlannedLoads, AreMadeFromTheSection) {
  const Document doc = Document::Parse("routing: {placement: eplb, redundant_experts: 64}", "s.yaml");
  const auto source = MakeSource(doc, ModelPreset("deepseek-v3").moe.value(), kV3, 1, 1);
  EXPECT_EQ(source->shape().experts, 320);
  EXPECT_THAT(source->Describe(), HasSubstr("320 slots (64 redundant), 5 a rank, planned once"));
}

TEST(PlannedLoads, RefuseSlotsThatDoNotFillTheRanks) {
  EXPECT_THAT(Message("routing: {placement: eplb, redundant_experts: 32}"),
              HasSubstr("256 experts and 32 redundant ones do not divide among 64 ranks"));
  EXPECT_THAT(Message("routing: {placement: eplb, redundant_experts: -1}"), HasSubstr("redundant_experts"));
  EXPECT_THAT(Message("routing: {redundant_experts: 64}"), HasSubstr("only placement eplb"));
  EXPECT_THAT(Message("routing: {placement: best}"), HasSubstr("eplb"));
}

PlannedLoads On(int ranks, const PlacementOptions& options) {
  LoadShape shape = kV3;
  shape.ranks = ranks;
  return {std::make_unique<SyntheticLoads>(LogicalShape(shape), SyntheticOptions{}, 1, 5), shape, options, 1};
}

TEST(PlannedLoads, StandOnRanksThatDivideTheSlotsButNotTheExperts) {
  for (const auto& [ranks, redundant] : {std::pair{72, 32}, {144, 32}, {320, 64}}) {
    const PlannedLoads loads = On(ranks, {true, redundant, 8, 0});
    EXPECT_EQ(loads.shape().ranks, ranks);
    ExchangeLoad load;
    loads.Sample(0, 2, 0, &load);
    EXPECT_EQ(Sum(load.expert_rows), 4096.0 * 8 * ranks);
    EXPECT_EQ(Sum(load.scale_out_sent), Sum(load.scale_out_received));
    EXPECT_EQ(Sum(load.scale_up_sent), Sum(load.scale_up_received));
    EXPECT_EQ(load.unique_rows.size(), static_cast<std::size_t>(ranks));
  }
}

TEST(PlannedLoads, DrawTheSameTextWhereTheExpertsAreDividedAmongFewerRanks) {
  LoadShape shape = kV3;
  shape.ranks = 144;
  const LoadShape logical = LogicalShape(shape);
  EXPECT_EQ(logical.ranks, 16);
  EXPECT_EQ(std::int64_t{logical.ranks} * logical.tokens_per_rank, std::int64_t{144} * 4096);
  const TextMix mix{ZipfShares(4), 4096, 1, 4};
  std::vector<TextDocument> a, b;
  DrawDocuments(mix, shape, 3, 7, 1, &a);
  DrawDocuments(mix, logical, 3, 7, 1, &b);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].domain, b[i].domain);
    EXPECT_EQ(a[i].tokens, b[i].tokens);
  }
}

TEST(PlannedLoads, DrawEveryGpusOwnSequencesWhereTheyAreShorterThanTheTexts) {
  LoadShape shape = kV3;
  shape.ranks = 144, shape.tokens_per_rank = 1024;
  const LoadShape logical = LogicalShape(shape);
  EXPECT_EQ(logical.MicroBatchTokens(), 1024);
  EXPECT_EQ(LogicalShape(logical).MicroBatchTokens(), 1024);
  const TextMix mix{ZipfShares(4), 4096, 1, 1};
  std::vector<TextDocument> documents;
  DrawDocuments(mix, logical, 3, 7, 1, &documents);
  ASSERT_EQ(documents.size(), 144u) << "one document a GPU";
  for (const TextDocument& d : documents) EXPECT_EQ(d.tokens, 1024);
}

TEST(PlannedLoads, CountTheDocumentsOfOneGpusMicroBatch) {
  LoadShape shape = kV3;
  shape.ranks = 72;
  SyntheticOptions options;
  options.balance.strategy = Strategy::kMicroBatchLoss;
  options.fewest_documents = options.most_documents = 2, options.sequence_length = 2048;
  EXPECT_DOUBLE_EQ(PullOf(options, shape).documents, 4) << "two sequences of two";
  EXPECT_DOUBLE_EQ(PullOf(options, LogicalShape(shape)).documents, 4);
}

TEST(PlannedLoads, SampledOnRanksThatDoNotDivideTheExpertsAgreeWithRoutingEveryToken) {
  LoadShape shape = kV3;
  shape.ranks = 72, shape.tokens_per_rank = 1024;
  SyntheticOptions options;
  options.measured_documents = 64, options.sequence_length = 1024;
  const SyntheticLoads exact(LogicalShape(shape), options, 1, 5);
  const PlannedLoads loads(std::make_unique<SyntheticLoads>(LogicalShape(shape), options, 1, 5), shape,
                           {true, 32, 8, 0, 1}, 1);
  const SlotMap map = SlotMap::Of(loads.Plan(0, 0));
  ExchangeLoad a, b;
  double sums[2][4] = {};
  for (int m = 0; m < 3; ++m) {
    loads.Sample(0, m, 0, &a);
    exact.SampleExactlyOn(loads.shape(), map, 0, m, 0, &b);
    for (int i = 0; i < 2; ++i) {
      const ExchangeLoad& load = i == 0 ? a : b;
      sums[i][0] += Sum(load.unique_rows), sums[i][1] += Sum(load.scale_out_sent);
      sums[i][2] += Sum(load.scale_up_sent), sums[i][3] += Sum(load.expert_rows);
    }
  }
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(sums[0][i], sums[1][i], 0.01 * sums[1][i]) << i;
  EXPECT_EQ(sums[0][3], sums[1][3]);
}

TEST(PlannedLoads, GiveASharedExpertEveryTokenAndAsManySlotsAsThatNeeds) {
  const PlannedLoads loads = On(320, {true, 64, 8, 0, 1});  // V3 report 3.4: one expert a GPU
  EXPECT_EQ(loads.shape().top_k, 9);
  const ExpertPlacement plan = loads.Plan(0, 0);
  ASSERT_EQ(plan.replicas.size(), 257u);
  EXPECT_GT(plan.replicas[256], 16);
  ExchangeLoad load;
  loads.Sample(0, 1, 0, &load);
  EXPECT_EQ(Sum(load.expert_rows), 4096.0 * 9 * 320);
  double shared = 0;
  for (std::size_t s = 0; s < plan.expert_of.size(); ++s)
    if (plan.expert_of[s] == 256) shared += load.expert_rows[s];
  EXPECT_NEAR(shared, 4096.0 * 320, 0.01 * 4096 * 320);
}

TEST(PlannedLoads, RefuseASharedExpertWithoutPlanOrSlot) {
  EXPECT_THAT(Message("routing: {shared_expert: routed}"), HasSubstr("needs placement: eplb"));
  EXPECT_THAT(Message("routing: {placement: eplb, shared_expert: routed}"), HasSubstr("at least 1"));
  EXPECT_THAT(Message("routing: {placement: eplb, redundant_experts: 64, shared_expert: twice}"),
              HasSubstr("replicated"));
  EXPECT_THAT(
      Message("routing: {placement: eplb, redundant_experts: 64, shared_expert: routed, capacity_factor: 1}"),
      HasSubstr("takes every token"));
  EXPECT_EQ(Message("routing: {placement: eplb, redundant_experts: 64, shared_expert: routed}"), "accepted");
}

}  // namespace
}  // namespace orrery::models
