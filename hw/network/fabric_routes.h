// The links a flow loads on its way through a fabric, under the fabric's routing.
//
//   adaptive    NIC, trunk of the leaf up, [trunk of the pod up, trunk of the pod down,] trunk of the leaf down, NIC:
//               spread over equal paths, parallel cables act as one link of their added rate
//   ecmp        every switch picks one of the equal cables by a hash of the flow
//   ecmp_spine  every switch picks one of the equal neighbours by that hash, cables between two switches act as one
#pragma once

#include <cstdint>
#include <vector>

#include "hw/network/topology.h"

namespace orrery::hw {

class FabricRoutes {
 public:
  /// Every cable runs at the device's NIC rate. `seed` is that of the hash.
  FabricRoutes(const Cluster& cluster, const Topology& topology, std::uint64_t seed = 1);

  /// Bytes per second of every link; a route's numbers index it.
  const std::vector<double>& capacity() const { return capacity_; }

  /// Appends the links from NIC `nic` of one node to NIC `nic` of another (they differ) to `links`. `flow`
  /// tells flows between the same NICs apart: queue pairs hash differently.
  void Append(int from_node, int to_node, int nic, std::uint64_t flow,
              std::vector<std::int32_t>* links) const;

 private:
  /// An edge out of a switch that comes a hop nearer to a leaf.
  struct Step {
    std::int32_t next;  ///< vertex
    std::int32_t first_link;
    std::int32_t links;  ///< to choose among; 1 where cables are pooled
  };
  void BuildHashed(const Topology& topology, double cable_rate, bool pool_cables);
  void BuildTrunks(const Topology& topology, double cable_rate);
  void AppendHashed(int leaf, int to_leaf, std::uint64_t hash, std::vector<std::int32_t>* links) const;

  const Topology& topology_;
  FabricRouting routing_;
  std::uint64_t seed_;
  std::vector<double> capacity_;
  std::vector<std::int32_t> nic_up_, nic_down_;  ///< by NIC vertex
  // Trunks, by leaf vertex and by (plane, pod).
  std::vector<std::int32_t> leaf_up_, leaf_down_, pod_up_, pod_down_;
  int pods_ = 1;
  std::size_t nic_count_ = 0, switch_count_ = 0;
  // Hashed: steps out of each switch towards each leaf, [leaf ordinal * switches + switch]; switches are numbered
  // from 0, their vertices after the NICs.
  std::vector<std::vector<Step>> steps_;
  std::vector<std::int32_t> leaf_ordinal_;
};

}  // namespace orrery::hw
