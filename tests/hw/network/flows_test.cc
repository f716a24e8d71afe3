#include "hw/network/flows.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "core/base/random.h"
#include "hw/network/fabric_stretch.h"
#include "hw/network/fold.h"

namespace orrery::hw {
namespace {

FlowNetwork Network(std::vector<double> capacity, const std::vector<std::vector<std::int32_t>>& ways) {
  FlowNetwork n;
  n.capacity = std::move(capacity);
  for (const auto& way : ways) {
    n.links.insert(n.links.end(), way.begin(), way.end());
    n.EndFlow();
  }
  return n;
}

FlowNetwork RandomNetwork(std::uint64_t seed, int links, int flows) {
  RandomStream random(seed, "max-min");
  FlowNetwork n;
  for (int l = 0; l < links; ++l) n.capacity.push_back(1 + 9 * random.Uniform());
  for (int f = 0; f < flows; ++f) {
    std::vector<std::int32_t> way;
    const auto hops = 1 + random.Below(4);
    while (way.size() < hops) {
      const auto l = static_cast<std::int32_t>(random.Below(static_cast<std::uint64_t>(links)));
      if (std::find(way.begin(), way.end(), l) == way.end()) way.push_back(l);
    }
    n.links.insert(n.links.end(), way.begin(), way.end());
    n.EndFlow();
  }
  return n;
}

/// The laws of max-min fairness: no link over capacity; every flow has a saturated link on which none is
/// faster.
void ExpectMaxMin(const FlowNetwork& n, const std::vector<double>& rate) {
  std::vector<double> used(n.capacity.size(), 0), fastest(n.capacity.size(), 0);
  for (std::size_t f = 0; f < rate.size(); ++f) {
    for (auto e = static_cast<std::size_t>(n.start[f]); e < static_cast<std::size_t>(n.start[f + 1]); ++e) {
      const auto l = static_cast<std::size_t>(n.links[e]);
      used[l] += rate[f];
      fastest[l] = std::max(fastest[l], rate[f]);
    }
  }
  for (std::size_t l = 0; l < used.size(); ++l) EXPECT_LE(used[l], n.capacity[l] * (1 + 1e-9));
  for (std::size_t f = 0; f < rate.size(); ++f) {
    bool bottlenecked = false;
    for (auto e = static_cast<std::size_t>(n.start[f]); e < static_cast<std::size_t>(n.start[f + 1]); ++e) {
      const auto l = static_cast<std::size_t>(n.links[e]);
      bottlenecked |= used[l] >= n.capacity[l] * (1 - 1e-9) && rate[f] >= fastest[l] * (1 - 1e-9);
    }
    EXPECT_TRUE(bottlenecked) << "flow " << f;
  }
}

TEST(MaxMin, TwoFlowsHalveALink) {
  const FlowNetwork n = Network({10}, {{0}, {0}});
  EXPECT_EQ(MaxMinSolver(n).Solve(), (std::vector<double>{5, 5}));
}

TEST(MaxMin, ParkingLotByHand) {
  // One long flow over both links, one short on each: the tighter link settles the long one, the other is
  // filled up.
  const FlowNetwork n = Network({10, 4}, {{0, 1}, {0}, {1}});
  EXPECT_EQ(MaxMinSolver(n).Solve(), (std::vector<double>{2, 8, 2}));
}

TEST(MaxMin, DumbbellByHand) {
  // Two senders of rate 10 and 1 over a waist of 8 to two receivers of 10: the slow one keeps 1, the fast
  // takes 7.
  const FlowNetwork n = Network({10, 1, 8, 10, 10}, {{0, 2, 3}, {1, 2, 4}});
  EXPECT_EQ(MaxMinSolver(n).Solve(), (std::vector<double>{7, 1}));
}

TEST(MaxMin, LawsHoldOnRandomNetworks) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const FlowNetwork n = RandomNetwork(seed, 5 + static_cast<int>(seed), 60);
    ExpectMaxMin(n, MaxMinSolver(n).Solve());
  }
}

TEST(MaxMin, RemovedFlowsLeaveTheirShareToOthers) {
  const FlowNetwork n = RandomNetwork(3, 12, 40);
  MaxMinSolver solver(n);
  FlowNetwork rest;
  rest.capacity = n.capacity;
  for (std::int32_t f = 0; f < 40; ++f) {
    if (f % 3 == 0) {
      solver.Remove(f);
      continue;
    }
    rest.links.insert(rest.links.end(), n.links.begin() + n.start[static_cast<std::size_t>(f)],
                      n.links.begin() + n.start[static_cast<std::size_t>(f) + 1]);
    rest.EndFlow();
  }
  const std::vector<double> all = solver.Solve(), fresh = MaxMinSolver(rest).Solve();
  for (std::size_t f = 0, i = 0; f < 40; ++f) {
    if (f % 3 == 0)
      EXPECT_EQ(all[f], 0);
    else
      EXPECT_NEAR(all[f], fresh[i++], 1e-12);
  }
}

TEST(SimulateFlows, ShorterFlowEndsAndLeavesTheLinkToTheLonger) {
  // Both at 5 until 10 bytes are through at t = 2; the other's remaining 20 at rate 10.
  const FlowResult r = SimulateFlows(Network({10}, {{0}, {0}}), {10, 30});
  EXPECT_DOUBLE_EQ(r.completion_seconds[0], 2);
  EXPECT_DOUBLE_EQ(r.completion_seconds[1], 4);
  EXPECT_DOUBLE_EQ(r.makespan_seconds, 4);
}

TEST(SimulateFlows, EmptyFlowsEndAtOnce) {
  const FlowResult r = SimulateFlows(Network({10}, {{0}, {0}}), {0, 30});
  EXPECT_EQ(r.completion_seconds[0], 0);
  EXPECT_DOUBLE_EQ(r.completion_seconds[1], 3);
}

TEST(SimulateFlows, NoFlowsTakeNoTime) {
  EXPECT_EQ(SimulateFlows(Network({10}, {}), {}).makespan_seconds, 0);
}

TEST(SimulateFlows, DoesNotDependOnTheOrderOfFlows) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const FlowNetwork n = RandomNetwork(seed, 20, 50);
    RandomStream random(seed, "sizes");
    std::vector<double> sizes;
    for (int f = 0; f < 50; ++f) sizes.push_back(1 + random.Uniform());
    FlowNetwork reversed;
    reversed.capacity = n.capacity;
    for (std::size_t f = 50; f-- > 0;) {
      reversed.links.insert(reversed.links.end(), n.links.begin() + n.start[f],
                            n.links.begin() + n.start[f + 1]);
      reversed.EndFlow();
    }
    const FlowResult forward = SimulateFlows(n, sizes);
    const FlowResult backward = SimulateFlows(reversed, std::vector<double>(sizes.rbegin(), sizes.rend()));
    EXPECT_NEAR(forward.makespan_seconds, backward.makespan_seconds, 1e-9 * forward.makespan_seconds);
    for (std::size_t f = 0; f < 50; ++f) {
      EXPECT_NEAR(forward.completion_seconds[f], backward.completion_seconds[49 - f], 1e-9);
    }
  }
}

TEST(SimulateFlows, BatchingBoundsTheErrorAndSavesSolves) {
  const FlowNetwork n = RandomNetwork(5, 20, 400);
  RandomStream random(5, "sizes");
  std::vector<double> sizes;
  for (int f = 0; f < 400; ++f) sizes.push_back(1 + random.Uniform());
  const FlowResult exact = SimulateFlows(n, sizes);
  const FlowResult batched = SimulateFlows(n, sizes, {.batch_seconds = 0.002 * exact.makespan_seconds});
  EXPECT_LT(batched.solves, exact.solves / 2);
  EXPECT_NEAR(batched.makespan_seconds, exact.makespan_seconds, 0.05 * exact.makespan_seconds);
}

/// Nodes of two 8-port leaves and more, one NIC each.
Cluster Tree(int nodes, const std::string& routing) {
  return ReadCluster(
      Document::Parse("source: test\ndevice: h800-sxm\nnodes: " + std::to_string(nodes) +
                          "\ndevices_per_node: 1\nfabric: {kind: multi_plane_fat_tree, ports: 8, "
                          "transport: infiniband, routing: " +
                          routing + "}\n",
                      "t.yaml")
          .root());
}

TEST(WithoutAmpleLinks, RatesStayWhatTheyWere) {
  const Cluster c = Tree(32, "adaptive");
  const Topology t(c);
  const std::vector<Demand> demands = AllToAll({ContiguousGroups(32, 32)}, 1, 1e6);
  const FlowNetwork full = DemandFlows(FabricRoutes(c, t), demands);
  const FlowNetwork slim = WithoutAmpleLinks(full);
  EXPECT_LT(slim.links.size(), full.links.size());
  const std::vector<double> a = MaxMinSolver(full).Solve(), b = MaxMinSolver(slim).Solve();
  for (std::size_t f = 0; f < a.size(); ++f) EXPECT_NEAR(a[f], b[f], 1e-9 * a[f]);
}

TEST(WithoutAmpleLinks, KeepsALinkThatCanBeShort) {
  const FlowNetwork n = Network({10, 10, 15, 10, 10}, {{0, 2, 3}, {1, 2, 4}});
  EXPECT_EQ(WithoutAmpleLinks(n).links.size(), n.links.size());
}

TEST(Fold, UniformAllToAllIsTwoClassesAndExact) {
  const Cluster c = Tree(32, "adaptive");
  const Topology t(c);
  const std::vector<Demand> demands = AllToAll({ContiguousGroups(32, 32)}, 1, 1e6);
  const FlowNetwork full = DemandFlows(FabricRoutes(c, t), demands);
  const auto folded = Fold(full, DemandSizes(demands));
  ASSERT_TRUE(folded.has_value());
  EXPECT_EQ(folded->network.flows(), 2);  // under one leaf, and across leaves
  const std::vector<double> rate = MaxMinSolver(full).Solve(),
                            class_rate = MaxMinSolver(folded->network).Solve();
  for (std::size_t f = 0; f < rate.size(); ++f) {
    EXPECT_NEAR(rate[f], class_rate[static_cast<std::size_t>(folded->flow_class[f])], 1e-9 * rate[f]);
  }
}

TEST(Fold, CompletionTimesAreThoseOfTheFullNetwork) {
  // Groups of four nodes, two sizes in a symmetric pattern, an oversubscribed waist.
  const FlowNetwork n = Network({10, 10, 10, 10, 12}, {{0, 4}, {1, 4}, {2, 4}, {3, 4}, {0}, {1}, {2}, {3}});
  const std::vector<double> sizes = {6, 6, 6, 6, 14, 14, 14, 14};
  const FlowResult with = SimulateFlows(n, sizes), without = SimulateFlows(n, sizes, {.fold = false});
  EXPECT_EQ(with.classes, 2);
  EXPECT_EQ(without.classes, 8);
  for (std::size_t f = 0; f < 8; ++f)
    EXPECT_NEAR(with.completion_seconds[f], without.completion_seconds[f], 1e-12);
}

TEST(Fold, IsAbsentWhereEveryFlowIsItsOwn) {
  const FlowNetwork n = RandomNetwork(1, 20, 50);
  std::vector<double> sizes(50);
  std::iota(sizes.begin(), sizes.end(), 1.0);
  EXPECT_FALSE(Fold(n, sizes).has_value());
}

TEST(FabricStretch, IsOneWhereNothingLeavesItsLeaf) {
  const Cluster c = ClusterPreset("h800-2048-roce");  // hashed, but EP64 stays under its leaf
  const Topology t(c);
  const Stretch s = FabricStretch(c, t, AllToAll(ContiguousGroups(256, 8), 8, 1e6));
  EXPECT_EQ(s.last, 1.0);
  EXPECT_EQ(s.mean, 1.0);
}

TEST(FabricStretch, StridedExchangeIsFreeWithAdaptiveRoutingAndCollapsesWithHashedCables) {
  // HARDWARE notes 1.4: 1.96 ms pooled, 2.35 ms hashed to spines, 4.76 ms hashed to cables (a stretch
  // of 2.4).
  Cluster c = ClusterPreset("h800-2048");
  const Topology t(c);
  const std::vector<Demand> strided = AllToAll(StridedGroups(256, 8), 1, 14e6);
  const double adaptive = FabricStretch(c, t, strided).last;
  c.fabric.routing = FabricRouting::kEcmpSpine;
  const double spine = FabricStretch(c, t, strided).last;
  c.fabric.routing = FabricRouting::kEcmp;
  const double cable = FabricStretch(c, t, strided).last;
  EXPECT_DOUBLE_EQ(adaptive, 1.0);
  EXPECT_NEAR(spine, 2.35 / 1.96, 0.25);
  EXPECT_NEAR(cable, 4.76 / 1.96, 0.5);
  EXPECT_LT(spine, cable);
}

TEST(FabricStretch, PipelineHandOverAcrossLeavesSuffersOnlyFromHashing) {
  Cluster c = ClusterPreset("h800-2048");
  const Topology t(c);
  const std::vector<Demand> hand_over = Shift(256, 128, 1, 58.7e6);
  EXPECT_DOUBLE_EQ(FabricStretch(c, t, hand_over).last, 1.0);
  c.fabric.routing = FabricRouting::kEcmp;
  const Stretch hashed = FabricStretch(c, t, hand_over);
  EXPECT_GT(hashed.last, 1.5);  // two or more flows meet on a cable
  EXPECT_GT(hashed.last, hashed.mean);
}

TEST(FabricStretch, OversubscriptionHalvesWhatCrossesLeaves) {
  const Cluster c = ReadCluster(
      Document::Parse("preset: h800-2048\nfabric: {ports: 48, oversubscription: 2}\n", "x.yaml").root());
  const Stretch s = FabricStretch(c, Topology(c), Shift(256, 32, 1, 1e7));
  EXPECT_NEAR(s.last, 2.0, 0.01);
}

}  // namespace
}  // namespace orrery::hw
