#include "hw/network/placement.h"

#include <algorithm>

namespace orrery::hw {
namespace {

/// Only the ratio to the port's time matters; any size does.
constexpr double kBytes = 1e6;

}  // namespace

Stretch ExchangeStretch(const Cluster& cluster, const Topology& topology, const NodeGroups& groups) {
  return FabricStretch(cluster, topology, AllToAll(groups, cluster.nics(), kBytes));
}

Stretch HandOverStretch(const Cluster& cluster, const Topology& topology, int distance) {
  return FabricStretch(cluster, topology, Shift(cluster.nodes, distance, cluster.nics(), kBytes));
}

CollectiveGroup PlacedGroup(const Cluster& cluster, const Topology& topology, const NodeGroups& groups,
                            int ranks_per_node) {
  ORRERY_CHECK(ranks_per_node >= 1 && ranks_per_node <= cluster.devices_per_node, "ranks of a node");
  CollectiveGroup placed;
  placed.ranks_per_node = ranks_per_node;
  const int nics =
      static_cast<int>(CeilDiv(std::int64_t{ranks_per_node} * cluster.nics(), cluster.devices_per_node));
  const std::vector<Demand> hops = Rings(groups, nics, kBytes);
  int switches = 1;
  for (const Demand& d : hops)
    switches = std::max(switches, topology.Switches(d.from_node, d.to_node, d.nic));
  placed.extra_switches = switches - 1;
  for (const std::vector<int>& g : groups) placed.nodes = std::max(placed.nodes, static_cast<int>(g.size()));
  placed.scale_out_stretch = FabricStretch(cluster, topology, hops).last;
  return placed;
}

}  // namespace orrery::hw
