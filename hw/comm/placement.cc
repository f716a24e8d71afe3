#include "hw/comm/placement.h"

#include <algorithm>

namespace orrery::hw {
namespace {

/// Only the ratio to the port's time matters; any size does.
constexpr double kBytes = 1e6;

/// GPUs of a group on one node.
struct NodeShare {
  int node = 0;
  std::vector<int> nics;  ///< of each; neighbouring GPUs share one where a node has fewer
};

/// In the order of their first GPUs.
std::vector<NodeShare> ByNode(const Cluster& cluster, const std::vector<int>& gpus) {
  std::vector<NodeShare> nodes;
  for (const int gpu : gpus) {
    ORRERY_CHECK(gpu >= 0 && gpu < cluster.devices(),
                 "GPU " + std::to_string(gpu) + " of " + std::to_string(cluster.devices()));
    const int node = gpu / cluster.devices_per_node;
    auto share =
        std::find_if(nodes.rbegin(), nodes.rend(), [&](const NodeShare& n) { return n.node == node; });
    if (share == nodes.rend()) {
      nodes.push_back({node, {}});
      share = nodes.rbegin();
    }
    share->nics.push_back(gpu % cluster.devices_per_node * cluster.nics() / cluster.devices_per_node);
  }
  return nodes;
}

/// Rings that a group can run at once.
int RingsOf(const std::vector<NodeShare>& nodes) {
  std::size_t fewest = nodes.front().nics.size();
  for (const NodeShare& n : nodes) fewest = std::min(fewest, n.nics.size());
  return static_cast<int>(fewest);
}

}  // namespace

Stretch ExchangeStretch(const Cluster& cluster, const Topology& topology, const NodeGroups& groups) {
  return FabricStretch(cluster, topology, AllToAll(groups, cluster.nics(), kBytes));
}

Stretch HandOverStretch(const Cluster& cluster, const Topology& topology, int distance) {
  return FabricStretch(cluster, topology, Shift(cluster.nodes, distance, cluster.nics(), kBytes));
}

CollectiveGroup PlacedGroup(const Cluster& cluster, const Topology& topology, const GpuGroups& groups) {
  ORRERY_CHECK(!groups.empty() && !groups.front().empty(), "no group to place");
  CollectiveGroup placed;
  placed.nodes = 0;
  int switches = 1;
  std::vector<Demand> hops;
  for (const std::vector<int>& gpus : groups) {
    const std::vector<NodeShare> nodes = ByNode(cluster, gpus);
    const int rings = RingsOf(nodes), count = static_cast<int>(nodes.size());
    if (count > placed.nodes || (count == placed.nodes && rings < placed.ranks_per_node)) {
      placed.nodes = count;
      placed.ranks_per_node = rings;
    }
    for (std::size_t n = 0; n < nodes.size() && nodes.size() > 1; ++n) {
      const int to = nodes[(n + 1) % nodes.size()].node;
      for (int r = 0, last = -1; r < rings; ++r) {
        const int nic = nodes[n].nics[static_cast<std::size_t>(r)];
        if (nic != last) hops.push_back({nodes[n].node, to, nic, kBytes});
        last = nic;
      }
    }
  }
  for (const Demand& d : hops)
    switches = std::max(switches, topology.Switches(d.from_node, d.to_node, d.nic));
  placed.extra_switches = switches - 1;
  placed.scale_out_stretch = FabricStretch(cluster, topology, hops).last;
  return placed;
}

}  // namespace orrery::hw
