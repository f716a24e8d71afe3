// The traffic the network benchmarks run: expert-parallel exchanges on the 2048-GPU cluster.
#pragma once

#include <vector>

#include "core/base/random.h"
#include "hw/network/fabric_stretch.h"

namespace orrery::benchmarks {

struct ExchangeFlows {
  hw::FlowNetwork network;
  std::vector<hw::Demand> demands;
  std::vector<double> sizes;
};

inline hw::Cluster ClusterWith(hw::FabricRouting routing) {
  hw::Cluster cluster = hw::ClusterPreset("h800-2048");
  cluster.fabric.routing = routing;
  return cluster;
}

/// One EP64 exchange of all 32 groups over 8 planes: 14 336 flows of 14 MB, each +-30 %, so that every flow ends at
/// its own time. Groups are strided over the leaves: every flow crosses a spine.
inline ExchangeFlows Ep64Exchange(hw::FabricRouting routing) {
  const hw::Cluster cluster = ClusterWith(routing);
  const hw::Topology topology(cluster);
  ExchangeFlows flows;
  flows.demands = hw::AllToAll(hw::StridedGroups(cluster.nodes, 8), cluster.devices_per_node, 14e6);
  RandomStream random(1, "flow sizes");
  for (hw::Demand& d : flows.demands) d.bytes *= 0.7 + 0.6 * random.Uniform();
  flows.network = hw::DemandFlows(hw::FabricRoutes(cluster, topology), flows.demands);
  flows.sizes = hw::DemandSizes(flows.demands);
  return flows;
}

/// Every node of one plane to every other: 65 280 flows.
inline ExchangeFlows AllToAllOfAPlane(hw::FabricRouting routing) {
  const hw::Cluster cluster = ClusterWith(routing);
  const hw::Topology topology(cluster);
  ExchangeFlows flows;
  flows.demands = hw::AllToAll(hw::ContiguousGroups(cluster.nodes, cluster.nodes), 1, 1e6);
  flows.network = hw::DemandFlows(hw::FabricRoutes(cluster, topology), flows.demands);
  flows.sizes = hw::DemandSizes(flows.demands);
  return flows;
}

}  // namespace orrery::benchmarks
