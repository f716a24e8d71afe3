#include "hw/network/fabric_stretch.h"

#include <algorithm>

namespace orrery::hw {
namespace {

constexpr double kBatchShare = 1e-3;

/// The same flows where only NICs are shared, as if every pair hung on one leaf.
FlowNetwork PortsAlone(const FlowNetwork& network) {
  FlowNetwork ports;
  ports.capacity = network.capacity;
  for (std::int32_t f = 0; f < network.flows(); ++f) {
    const auto i = static_cast<std::size_t>(f);
    ports.links.push_back(network.links[static_cast<std::size_t>(network.start[i])]);
    ports.links.push_back(network.links[static_cast<std::size_t>(network.start[i + 1] - 1)]);
    ports.EndFlow();
  }
  return ports;
}

/// Time of the busiest port.
double PortSeconds(const FlowNetwork& ports, const std::vector<double>& sizes) {
  std::vector<double> seconds(ports.capacity.size(), 0);
  for (std::size_t e = 0; e < ports.links.size(); ++e) {
    const auto link = static_cast<std::size_t>(ports.links[e]);
    seconds[link] += sizes[e / 2] / ports.capacity[link];
  }
  return *std::max_element(seconds.begin(), seconds.end());
}

}  // namespace

NodeGroups ContiguousGroups(int nodes, int size) {
  ORRERY_CHECK(size >= 1, "empty groups");
  NodeGroups groups;
  for (int n = 0; n < nodes; ++n) {
    if (n % size == 0) groups.emplace_back();
    groups.back().push_back(n);
  }
  return groups;
}

NodeGroups StridedGroups(int nodes, int size) {
  ORRERY_CHECK(size >= 1 && nodes % size == 0, "strided groups divide the nodes");
  NodeGroups groups(static_cast<std::size_t>(nodes / size));
  for (int n = 0; n < nodes; ++n) groups[static_cast<std::size_t>(n % (nodes / size))].push_back(n);
  return groups;
}

std::vector<Demand> AllToAll(const NodeGroups& groups, int nics, double bytes) {
  std::vector<Demand> demands;
  for (const std::vector<int>& group : groups) {
    for (int nic = 0; nic < nics; ++nic) {
      for (int a : group) {
        for (int b : group) {
          if (a != b) demands.push_back({a, b, nic, bytes});
        }
      }
    }
  }
  return demands;
}

std::vector<Demand> Rings(const NodeGroups& groups, int nics, double bytes) {
  std::vector<Demand> demands;
  for (const std::vector<int>& group : groups) {
    for (std::size_t i = 0; i < group.size() && group.size() > 1; ++i) {
      for (int nic = 0; nic < nics; ++nic)
        demands.push_back({group[i], group[(i + 1) % group.size()], nic, bytes});
    }
  }
  return demands;
}

std::vector<Demand> Shift(int nodes, int distance, int nics, double bytes) {
  std::vector<Demand> demands;
  for (int n = 0; n < nodes; ++n) {
    const int to = ((n + distance) % nodes + nodes) % nodes;
    for (int nic = 0; nic < nics && to != n; ++nic) demands.push_back({n, to, nic, bytes});
  }
  return demands;
}

FlowNetwork DemandFlows(const FabricRoutes& routes, const std::vector<Demand>& demands) {
  FlowNetwork network;
  network.capacity = routes.capacity();
  for (const Demand& d : demands) {
    routes.Append(d.from_node, d.to_node, d.nic, 0, &network.links);
    network.EndFlow();
  }
  return network;
}

std::vector<double> DemandSizes(const std::vector<Demand>& demands) {
  std::vector<double> sizes;
  for (const Demand& d : demands) sizes.push_back(d.bytes);
  return sizes;
}

Stretch FabricStretch(const Cluster& cluster, const Topology& topology, const std::vector<Demand>& demands,
                      std::uint64_t seed) {
  std::vector<Demand> real;
  bool leaves_leaf = false;
  for (const Demand& d : demands) {
    if (d.from_node == d.to_node || d.bytes <= 0) continue;
    leaves_leaf = leaves_leaf || topology.Switches(d.from_node, d.to_node, d.nic) > 1;
    real.push_back(d);
  }
  if (!leaves_leaf) return {};
  const FlowNetwork network = DemandFlows(FabricRoutes(cluster, topology, seed), real);
  const FlowNetwork ports = PortsAlone(network);
  const std::vector<double> sizes = DemandSizes(real);
  const double port_seconds = PortSeconds(ports, sizes);
  const FlowOptions options{.batch_seconds = kBatchShare * port_seconds, .fold = true};
  const FlowResult with = SimulateFlows(network, sizes, options),
                   without = SimulateFlows(ports, sizes, options);
  double sum = 0;
  for (std::size_t f = 0; f < sizes.size(); ++f)
    sum += with.completion_seconds[f] / without.completion_seconds[f];
  return {std::max(1.0, with.makespan_seconds / without.makespan_seconds),
          std::max(1.0, sum / static_cast<double>(sizes.size()))};
}

}  // namespace orrery::hw
