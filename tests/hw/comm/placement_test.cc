#include "hw/comm/placement.h"

#include <gtest/gtest.h>

namespace orrery::hw {
namespace {

TEST(Placement, ExchangeOfNeighboursIsAsTheClosedFormSays) {
  const Cluster c = ClusterPreset("h800-2048-roce");
  EXPECT_EQ(ExchangeStretch(c, Topology(c), ContiguousGroups(256, 8)).last, 1.0);
}

TEST(Placement, ExchangeAcrossLeavesIsFreeOnlyWithAdaptiveRouting) {
  const Cluster adaptive = ClusterPreset("h800-2048-mrft"), hashed = ClusterPreset("h800-2048-roce");
  const NodeGroups strided = StridedGroups(256, 8);
  EXPECT_NEAR(ExchangeStretch(adaptive, Topology(adaptive), strided).last, 1.0, 1e-9);
  EXPECT_GT(ExchangeStretch(hashed, Topology(hashed), strided).last, 1.5);
}

TEST(Placement, ManySmallFlowsThatHalfLeaveTheLeafAverageOutOnHashedCables) {
  // 64 nodes over two leaves: half of each NIC's bytes cross, spread over 32 flows a node and 32 cables a
  // leaf.
  const Cluster hashed = ClusterPreset("h800-2048-roce");
  EXPECT_LT(ExchangeStretch(hashed, Topology(hashed), ContiguousGroups(256, 64)).last, 1.05);
}

TEST(Placement, HandOverWithinALeafCostsNothingExtra) {
  const Cluster c = ReadCluster(Document::Parse("preset: h800-2048-roce\nnodes: 32\n", "x.yaml").root());
  EXPECT_EQ(HandOverStretch(c, Topology(c), 16).last, 1.0);
}

/// All GPUs of the nodes of each group.
GpuGroups WholeNodes(const NodeGroups& nodes) {
  GpuGroups groups;
  for (const std::vector<int>& group : nodes) {
    groups.emplace_back();
    for (const int node : group)
      for (int gpu = 0; gpu < 8; ++gpu) groups.back().push_back(8 * node + gpu);
  }
  return groups;
}

TEST(Placement, RingAcrossLeavesPassesTwoMoreSwitches) {
  const Cluster c = ClusterPreset("h800-2048");
  const Topology t(c);
  EXPECT_EQ(PlacedGroup(c, t, WholeNodes(ContiguousGroups(256, 16))).extra_switches, 0);
  const CollectiveGroup strided = PlacedGroup(c, t, WholeNodes(StridedGroups(256, 8)));
  EXPECT_EQ(strided.extra_switches, 2);
  EXPECT_EQ(strided.nodes, 8);
  EXPECT_EQ(strided.ranks_per_node, 8);
  EXPECT_EQ(strided.scale_out_stretch, 1.0);
}

TEST(Placement, HashedRingsGoAtThePaceOfTheirSlowestHop) {
  const Cluster c = ClusterPreset("h800-2048-roce");
  EXPECT_GE(PlacedGroup(c, Topology(c), WholeNodes(StridedGroups(256, 8))).scale_out_stretch, 1.9);
}

TEST(Placement, AGroupIsAsWideAsItsGpusLie) {
  const Cluster c = ReadCluster(Document::Parse("preset: h800-512\nnodes: 4\n", "x.yaml").root());
  const Topology t(c);
  const auto shape = [&](const GpuGroups& groups) {
    const CollectiveGroup placed = PlacedGroup(c, t, groups);
    return std::pair(placed.nodes, placed.ranks_per_node);
  };
  EXPECT_EQ(shape({{3}}), std::pair(1, 1));
  EXPECT_EQ(shape({{0, 1, 2, 3}, {4, 5, 6, 7}}), std::pair(1, 4)) << "two groups on one node";
  EXPECT_EQ(shape({{0, 1, 2, 3, 28, 29, 30, 31}, {12, 13, 14, 15, 16, 17, 18, 19}}), std::pair(2, 4));
  EXPECT_EQ(shape({{0, 1, 6, 7}, {4, 5, 10, 11}}), std::pair(2, 2)) << "the wider of two";
  EXPECT_EQ(shape({{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}), std::pair(2, 2))
      << "as many rings as the lesser node has";
  EXPECT_EQ(shape({{0, 8, 16}, {1, 9, 17}}), std::pair(3, 1));
}

TEST(PlacementDeathTest, AGpuBeyondTheClusterIsABug) {
  const Cluster c = ReadCluster(Document::Parse("preset: h800-512\nnodes: 4\n", "x.yaml").root());
  EXPECT_DEATH(PlacedGroup(c, Topology(c), {{31, 32}}), "GPU 32 of 32");
}

/// Two GPUs to a NIC or two NICs to a GPU: every NIC carries the same, so that a fabric without
/// oversubscription stretches nothing either way, and a hashed one does.
TEST(Placement, TrafficOfSharedNicsUsesTheNicsThereAre) {
  for (const char* nics : {"2", "4", "8", "16"}) {
    const auto read = [&](const char* preset) {
      return ReadCluster(
          Document::Parse("preset: " + std::string(preset) + "\nnodes: 128\nnics_per_node: " + nics + "\n",
                          "x.yaml")
              .root());
    };
    const Cluster adaptive = read("h800-2048-mrft"), hashed = read("h800-2048-roce");
    EXPECT_NEAR(ExchangeStretch(adaptive, Topology(adaptive), StridedGroups(128, 4)).last, 1.0, 1e-9) << nics;
    EXPECT_GT(HandOverStretch(hashed, Topology(hashed), 64).last, 1.2) << nics;
    GpuGroups one_a_node(2);  // the first GPU of every node, in two groups of 64 nodes
    for (int node = 0; node < 128; ++node)
      one_a_node[static_cast<std::size_t>(node / 64)].push_back(8 * node);
    EXPECT_EQ(PlacedGroup(hashed, Topology(hashed), one_a_node).ranks_per_node, 1) << nics;
    const GpuGroups whole = WholeNodes(ContiguousGroups(128, 64));
    EXPECT_GE(PlacedGroup(hashed, Topology(hashed), whole).scale_out_stretch, 1.0) << nics;
  }
}

}  // namespace
}  // namespace orrery::hw
