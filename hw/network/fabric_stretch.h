// How much longer a traffic pattern takes through a cluster's fabric than its ports alone would need.
#pragma once

#include <cstdint>
#include <vector>

#include "hw/network/fabric_routes.h"
#include "hw/network/flows.h"

namespace orrery::hw {

/// `bytes` from NIC `nic` of one node to the same NIC of another, all demands at once.
struct Demand {
  int from_node = 0, to_node = 0, nic = 0;
  double bytes = 0;
};

/// Nodes of each expert-parallel (or data-parallel) group.
using NodeGroups = std::vector<std::vector<int>>;

/// `groups` groups of `size` neighbouring nodes; the last may be shorter.
NodeGroups ContiguousGroups(int nodes, int size);
/// Groups of `size` nodes `nodes / size` apart: one under every leaf, the placement to avoid.
NodeGroups StridedGroups(int nodes, int size);

/// Every node sends `bytes` to every other of its group, on every NIC: an expert-parallel exchange's
/// scale-out leg.
std::vector<Demand> AllToAll(const NodeGroups& groups, int nics, double bytes);
/// Every node sends to the next of its group, the last to the first: a ring collective's step.
std::vector<Demand> Rings(const NodeGroups& groups, int nics, double bytes);
/// Node n sends to node (n + distance) mod nodes: a pipeline's hand-over.
std::vector<Demand> Shift(int nodes, int distance, int nics, double bytes);

struct Stretch {
  double last = 1;  ///< of the whole pattern: end of the last flow over the time the busiest port needs
  double mean = 1;  ///< of a flow: its end over the end it has where only ports are shared, averaged
};

/// Demands of zero bytes or within a node do not count. 1 exactly where no demand leaves its leaf. Simulates
/// the flows to their end (batched by a thousandth of the port's time), so call it once a pattern, not once a step.
Stretch FabricStretch(const Cluster& cluster, const Topology& topology, const std::vector<Demand>& demands,
                      std::uint64_t seed = 1);

/// The flows of demands, for solvers and comparisons.
FlowNetwork DemandFlows(const FabricRoutes& routes, const std::vector<Demand>& demands);
std::vector<double> DemandSizes(const std::vector<Demand>& demands);

}  // namespace orrery::hw
