#include "models/routing/placement.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/random.h"
#include "models/routing/balance/balance_stats.h"

namespace orrery::models {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// deepseek-ai/EPLB README: two layers, 16 slots, 4 groups, 2 nodes, 8 GPUs.
TEST(Eplb, PlansTheReadmeExample) {
  const std::vector<double> first{90, 132, 40, 61, 104, 165, 39, 4, 73, 56, 183, 86};
  const std::vector<double> second{20, 107, 104, 64, 19, 197, 187, 157, 172, 86, 16, 27};
  const EplbShape shape{16, 4, 2, 8};
  EXPECT_THAT(Eplb(first, shape).expert_of, ElementsAre(5, 6, 5, 7, 8, 4, 3, 4, 10, 9, 10, 2, 0, 1, 11, 1));
  EXPECT_THAT(Eplb(second, shape).expert_of, ElementsAre(7, 10, 6, 8, 6, 11, 8, 9, 2, 4, 5, 1, 5, 0, 3, 1));
}

// vLLM pull request 37656: EPLB leaves 232 on the fullest device where the mean is 181.25.
TEST(Eplb, LeavesThePublishedMaximumOnTheFlashLbExample) {
  const std::vector<double> weight{600, 560, 120, 120, 20, 10, 10, 10};
  const std::vector<double> load = RankLoads(weight, Eplb(weight, {16, 1, 1, 8}), 8);
  EXPECT_NEAR(*std::max_element(load.begin(), load.end()), 232, 0.5);
  EXPECT_NEAR(std::accumulate(load.begin(), load.end(), 0.0) / 8, 181.25, 1e-9);
}

TEST(Eplb, FillsEverySlotAndHoldsEveryExpertWhateverTheWeights) {
  RandomStream random(1, "eplb test");
  for (int i = 0; i < 30; ++i) {
    std::vector<double> w(64);
    for (double& x : w) x = i % 3 == 0 ? 1.0 : random.Uniform() < 0.2 ? 0.0 : -std::log(random.Uniform());
    const EplbShape shape{i % 2 == 0 ? 96 : 64, 8, i % 4 < 2 ? 4 : 3 + 1, 32};
    const ExpertPlacement p = Eplb(w, shape);
    ASSERT_EQ(p.expert_of.size(), static_cast<std::size_t>(shape.slots));
    EXPECT_GE(*std::min_element(p.replicas.begin(), p.replicas.end()), 1);
    EXPECT_EQ(std::accumulate(p.replicas.begin(), p.replicas.end(), 0), shape.slots);
    const std::vector<double> load = RankLoads(w, p, 32);
    EXPECT_NEAR(std::accumulate(load.begin(), load.end(), 0.0), std::accumulate(w.begin(), w.end(), 0.0),
                1e-9);
  }
}

TEST(Eplb, KeepsAGroupsReplicasInsideItsNode) {
  std::vector<double> w(64, 1.0);
  w[5] = 30;
  const ExpertPlacement p = Eplb(w, {96, 8, 4, 32});
  std::vector<std::size_t> nodes;
  for (std::size_t s = 0; s < 96; ++s)
    if (p.expert_of[s] == 5) nodes.push_back(s / 24);
  EXPECT_GT(nodes.size(), 1u);
  EXPECT_EQ(nodes.front(), nodes.back());
}

TEST(Eplb, RefusesWhatDoesNotDivide) {
  const auto message = [](std::vector<double> w, EplbShape s) -> std::string {
    try {
      Eplb(w, s);
    } catch (const InputError& e) {
      return e.what();
    }
    return "accepted";
  };
  const std::vector<double> w(8, 1.0);
  EXPECT_THAT(message(w, {4, 1, 1, 4}), HasSubstr("4 slots cannot hold 8 experts"));
  EXPECT_THAT(message(w, {9, 1, 1, 4}), HasSubstr("9 slots do not divide among 4 GPUs"));
  EXPECT_THAT(message(w, {8, 3, 1, 4}), HasSubstr("3 groups do not divide 8"));
  EXPECT_THAT(message({1, -2}, {2, 1, 1, 2}), HasSubstr("expert 1 is '-2'"));
}

TEST(BalanceStats, OfEvenLoadsAreZero) {
  const std::vector<double> load(10, 7.0);
  const BalanceStats s = Balance(load);
  EXPECT_NEAR(s.max_vio, 0, 1e-12);
  EXPECT_NEAR(s.cv, 0, 1e-12);
  EXPECT_NEAR(s.gini, 0, 1e-12);
  EXPECT_EQ(s.dead, 0);
}

TEST(BalanceStats, OfOneLoadedExpertAreExtreme) {
  const BalanceStats s = Balance(std::vector<double>{0, 0, 0, 8});
  EXPECT_DOUBLE_EQ(s.max_vio, 3);
  EXPECT_DOUBLE_EQ(s.gini, 0.75);
  EXPECT_DOUBLE_EQ(s.cv, std::sqrt(3.0));
  EXPECT_DOUBLE_EQ(s.dead, 0.75);
  EXPECT_DOUBLE_EQ(s.hot, 0.25);
}

TEST(BalanceStats, DoNotDependOnScaleOrOrder) {
  const std::vector<double> a{1, 2, 3, 10}, b{100, 20, 10, 30};
  EXPECT_DOUBLE_EQ(Balance(a).gini, Balance(b).gini);
  EXPECT_DOUBLE_EQ(Balance(a).max_vio, Balance(b).max_vio);
  EXPECT_NEAR(Correlation(a, a), 1, 1e-12);
}

ExpertPlacement Placed(const std::vector<int>& expert_of, int experts) {
  ExpertPlacement p{expert_of, std::vector<int>(static_cast<std::size_t>(experts))};
  for (int e : expert_of) ++p.replicas[static_cast<std::size_t>(e)];
  return p;
}

TEST(ExpertMoves, AreNoneBetweenEqualPlans) {
  const ExpertPlacement p = Placed({0, 1, 2, 0}, 3);
  const ExpertMoves m = MovesBetween(p, p, 4, 2);
  EXPECT_EQ(m.copies, 0);
  EXPECT_THAT(m.state.scale_up_sent, testing::Each(0));
}

TEST(ExpertMoves, OfASwapInsideANodeStayOnNvlink) {
  const ExpertMoves m = MovesBetween(Placed({0, 1, 2, 3}, 4), Placed({1, 0, 2, 3}, 4), 4, 2);
  EXPECT_EQ(m.copies, 2);
  for (const auto* port : {&m.weights, &m.gradients, &m.state}) {
    EXPECT_THAT(port->scale_up_sent, testing::ElementsAre(1, 1, 0, 0));
    EXPECT_THAT(port->scale_up_received, testing::ElementsAre(1, 1, 0, 0));
    EXPECT_THAT(port->scale_out_sent, testing::Each(0));
  }
}

TEST(ExpertMoves, CopyAReplicaFromItsOwnNodeAndHandOnTheGradientsOfOneGivenUp) {
  // Two slots a rank, two ranks a node. Rank 3 gives up expert 3 for expert 0, which rank 2 has beside it.
  const ExpertMoves m =
      MovesBetween(Placed({0, 1, 2, 3, 0, 2, 3, 1}, 4), Placed({0, 1, 2, 3, 0, 2, 0, 1}, 4), 4, 2);
  EXPECT_EQ(m.copies, 1);
  EXPECT_THAT(m.weights.scale_up_sent, testing::ElementsAre(0, 0, 1, 0));
  EXPECT_THAT(m.weights.scale_up_received, testing::ElementsAre(0, 0, 0, 1));
  EXPECT_THAT(m.gradients.scale_out_sent, testing::ElementsAre(0, 0, 0, 1));
  EXPECT_THAT(m.gradients.scale_out_received, testing::ElementsAre(0, 1, 0, 0));
  EXPECT_THAT(m.state.scale_up_sent, testing::Each(0));  // first holders stay
  EXPECT_THAT(m.state.scale_out_sent, testing::Each(0));
}

TEST(ExpertMoves, AreSpreadOverTheHoldersInsideANode) {
  // One slot a rank, one node: ranks 2 and 3 turn from expert 1 to expert 0, which ranks 0 and 1 hold.
  const ExpertPlacement p = Placed({0, 0, 1, 1, 1, 2, 3}, 4), q = Placed({0, 0, 0, 0, 1, 2, 3}, 4);
  const ExpertMoves m = MovesBetween(p, q, 7, 7);
  EXPECT_THAT(m.weights.scale_up_sent, ElementsAre(1, 1, 0, 0, 0, 0, 0));
  EXPECT_THAT(m.gradients.scale_up_received, ElementsAre(0, 0, 0, 0, 2, 0, 0)) << "none other holds expert 1";
  EXPECT_THAT(MovesBetween(q, p, 7, 7).gradients.scale_up_received, ElementsAre(1, 1, 0, 0, 0, 0, 0));
}

TEST(ReplicaChains, RunFromTheLastHolderToTheFirstAndEnterANodeOnce) {
  // Two slots a rank, two ranks a node. Expert 0 lies on ranks 0, 1, 2 and 3; expert 1 twice on rank 0.
  const ExpertMoves::Port chains = ReplicaChains(Placed({0, 1, 0, 2, 0, 3, 0, 4}, 5), 4, 2);
  EXPECT_THAT(chains.scale_up_sent, ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(chains.scale_up_received, ElementsAre(1, 0, 1, 0));
  EXPECT_THAT(chains.scale_out_sent, ElementsAre(0, 0, 1, 0));
  EXPECT_THAT(chains.scale_out_received, ElementsAre(0, 1, 0, 0));
}

TEST(ReplicaChains, AreNoneWhereEveryExpertHasOneRank) {
  const ExpertMoves::Port chains = ReplicaChains(Placed({0, 0, 1, 2}, 3), 2, 1);
  for (const auto* v :
       {&chains.scale_up_sent, &chains.scale_up_received, &chains.scale_out_sent, &chains.scale_out_received})
    EXPECT_THAT(*v, testing::Each(0));
}

TEST(ExpertMoves, BalanceWhatIsSentAndReceived) {
  const std::vector<double> first{9, 1, 5, 3, 7, 2, 8, 4}, then{1, 9, 3, 5, 2, 7, 4, 8};
  const EplbShape shape{16, 1, 2, 8};
  const ExpertMoves m = MovesBetween(Eplb(first, shape), Eplb(then, shape), 8, 4);
  const auto sum = [](const std::vector<int>& v) { return std::accumulate(v.begin(), v.end(), 0); };
  for (const auto* port : {&m.weights, &m.gradients, &m.state}) {
    EXPECT_EQ(sum(port->scale_out_sent), sum(port->scale_out_received));
    EXPECT_EQ(sum(port->scale_up_sent), sum(port->scale_up_received));
  }
  EXPECT_EQ(sum(m.weights.scale_out_sent) + sum(m.weights.scale_up_sent), m.copies);
  EXPECT_GT(m.copies, 0);
}

}  // namespace
}  // namespace orrery::models
