// Clusters and the fabric between their nodes, as a Boost.Graph graph of NICs and switches.
//
// A node has as many NICs as GPUs, and NIC i serves GPU i, unless the cluster says otherwise: fewer are
// shared evenly by neighbouring GPUs, of more every GPU has several. In a multi-plane fat tree NIC i of every
// node belongs to plane i, a fat tree of its own; in a multi-rail fat tree all NICs share one tree and NIC i
// of neighbouring nodes shares a leaf.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/graph/adjacency_list.hpp>

#include "core/config/document.h"
#include "core/config/fields.h"
#include "hw/device.h"
#include "hw/network/transport.h"

namespace orrery::hw {

enum class FabricKind : std::uint8_t { kMultiPlaneFatTree, kMultiRailFatTree };

enum class FabricRouting : std::uint8_t {
  kAdaptive,   ///< spread over all equal paths: a switch's uplinks act as one trunk
  kEcmp,       ///< every flow hashed to one cable at every switch
  kEcmpSpine,  ///< every flow hashed to a next switch, cables between two switches act as one
};

struct Fabric {
  FabricKind kind = FabricKind::kMultiPlaneFatTree;
  Transport transport = Transport::kInfiniBand;
  FabricRouting routing = FabricRouting::kAdaptive;
  int planes = 1;            ///< kMultiPlaneFatTree: as many as a node has NICs
  int ports = 64;            ///< of a switch
  int oversubscription = 1;  ///< ports down : ports up of a leaf
  Time hop_latency{};        ///< one switch more on the way; the transport's if not given
  bool operator==(const Fabric&) const = default;
};

struct Cluster {
  std::string name;  ///< "" of one that was written inline without a name
  std::string source;
  Device device;  ///< scale_out: what one GPU has of its node's NICs
  int nodes = 1;
  int devices_per_node = 8;
  int nics_per_node = 0;  ///< 0: one a device
  Fabric fabric;
  int devices() const { return nodes * devices_per_node; }
  int nics() const { return nics_per_node > 0 ? nics_per_node : devices_per_node; }
  double nic_rate() const { return device.scale_out.value * devices_per_node / nics(); }  ///< B/s
  /// "h800-2048 (256 nodes of 8 h800-sxm)"; without a name "256 nodes of 8 h800-sxm".
  std::string Title() const;
  bool operator==(const Cluster&) const = default;
};

/// The keys of a cluster.
const Fields<Cluster>& ClusterFields();
/// The cluster as ReadCluster takes it: a preset's name, a preset with what differs where that reads back to
/// it, else all its keys.
Written WriteCluster(const Cluster& cluster);
Codec<Cluster> ClusterCodec();

/// A rule for clusters, hw/data/cluster-families.yaml: "h100-2048" is 256 nodes of 8 H100.
struct ClusterFamily {
  std::string name, device, source;
  std::string one;  ///< what one node is called: "gb200-nvl72"; "" where it is a number like the others
  int devices_per_node = 8;
  int largest = 0;  ///< GPUs
  int ports = 64;   ///< of a switch

  /// "h100-8 to h100-16384 (nodes of 8 h100-sxm)".
  std::string Title() const;
};
std::vector<ClusterFamily> ClusterFamilies();

/// Strict. The name of a preset, of a file or by rule; or a map, where `preset` names a cluster of hw/data/clusters/ and `file` one
/// in a file beside the document, whose keys the others override. The device: as ReadDevice; over a preset
/// {override: {...}} changes that of the preset. `nics_per_node` divides devices_per_node or is a multiple of
/// it; a NIC's rate is the device's scale_out.
Cluster ReadCluster(const Value& value);
/// A file of hw/data/clusters/, else by a rule. InputError naming both.
Cluster ClusterPreset(const std::string& name);
/// Those in files.
std::vector<std::string> ClusterPresets();

/// Layer of a vertex, from the hosts up.
enum class Layer : std::uint8_t { kNic, kLeaf, kSpine, kCore };

struct FabricVertex {
  Layer layer{};
  int plane = 0;
  int pod = 0;    ///< of a three-layer tree; 0 in a two-layer tree and for cores
  int index = 0;  ///< NIC: node * NICs + NIC; switch: number within its layer, over all planes
};

/// Parallel cables from one vertex to another.
struct FabricEdge {
  int cables = 1;
  int number = 0;       ///< of this bundle, in the order built
  int first_cable = 0;  ///< its cables are [first_cable, first_cable + cables)
};

using FabricGraph =
    boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, FabricVertex, FabricEdge>;

/// The fabric of a cluster, built once and then constant.
class Topology {
 public:
  explicit Topology(const Cluster& cluster);

  const FabricGraph& graph() const { return graph_; }
  int layers() const { return layers_; }  ///< of switches: 1, 2 or 3
  int switches() const { return switches_; }
  int switch_links() const {
    return switch_links_;
  }                                       ///< cables between switches, both directions counted once
  int cables() const { return cables_; }  ///< directed, those of NICs included
  int nics_per_node() const { return nics_; }
  int nodes() const { return nodes_; }

  /// Vertex of a NIC and of the leaf it hangs on.
  int Nic(int node, int nic) const { return node * nics_ + nic; }
  int Leaf(int node, int nic) const { return leaf_of_nic_[static_cast<std::size_t>(Nic(node, nic))]; }

  /// Switches on the way between NIC `nic` of two nodes: 1 under one leaf, 3 across leaves, 5 across pods; 0 for
  /// one node.
  int Switches(int from_node, int to_node, int nic) const;
  /// Distance in hops from every vertex to `leaf`, by breadth-first search.
  std::vector<int> HopsTo(int leaf) const;

 private:
  int AddSwitch(Layer layer, int plane, int pod);
  void Connect(int below, int above, int cables);
  void BuildTree(const Fabric& fabric, int plane, const std::vector<std::vector<int>>& nics_by_leaf);

  FabricGraph graph_;
  std::vector<int> leaf_of_nic_;
  int nodes_ = 0, nics_ = 0, layers_ = 1, switches_ = 0, switch_links_ = 0, cables_ = 0, bundles_ = 0;
  std::vector<int> switches_of_layer_ = std::vector<int>(4, 0);
};

/// What lies between two nodes, and the latency of a small message (CPU to CPU).
Reach ReachOf(const Topology& topology, int from_node, int to_node, int nic = 0);
Time MessageLatency(const Cluster& cluster, const Topology& topology, int from_node, int to_node,
                    int nic = 0);

}  // namespace orrery::hw
