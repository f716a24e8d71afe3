#include "hw/network/placement.h"

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

TEST(Placement, RingAcrossLeavesPassesTwoMoreSwitches) {
  const Cluster c = ClusterPreset("h800-2048");
  const Topology t(c);
  EXPECT_EQ(PlacedGroup(c, t, ContiguousGroups(256, 16), 8).extra_switches, 0);
  const CollectiveGroup strided = PlacedGroup(c, t, StridedGroups(256, 8), 8);
  EXPECT_EQ(strided.extra_switches, 2);
  EXPECT_EQ(strided.nodes, 8);
  EXPECT_EQ(strided.scale_out_stretch, 1.0);
}

TEST(Placement, HashedRingsGoAtThePaceOfTheirSlowestHop) {
  const Cluster c = ClusterPreset("h800-2048-roce");
  EXPECT_GE(PlacedGroup(c, Topology(c), StridedGroups(256, 8), 8).scale_out_stretch, 1.9);
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
    EXPECT_EQ(PlacedGroup(hashed, Topology(hashed), ContiguousGroups(128, 64), 1).ranks_per_node, 1) << nics;
    EXPECT_GE(PlacedGroup(hashed, Topology(hashed), ContiguousGroups(128, 64), 8).scale_out_stretch, 1.0)
        << nics;
  }
}

}  // namespace
}  // namespace orrery::hw
