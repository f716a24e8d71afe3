// Traffic of placed groups: what the fabric between their nodes adds to the closed forms.
#pragma once

#include "hw/comm/collectives.h"
#include "hw/network/fabric_stretch.h"

namespace orrery::hw {

/// Slow-down of an expert-parallel exchange of all `groups` at once: 1 exactly where each stays under one leaf. Every
/// node sends the same to every other of its group.
Stretch ExchangeStretch(const Cluster& cluster, const Topology& topology, const NodeGroups& groups);

/// Slow-down of a pipeline's hand-over from every node n to node n + distance at once.
Stretch HandOverStretch(const Cluster& cluster, const Topology& topology, int distance);

/// GPUs of groups, numbered node by node: GPU i is GPU i % devices_per_node of node i / devices_per_node.
using GpuGroups = std::vector<std::vector<int>>;

/// The collective group of the widest of `groups` (most nodes, then fewest GPUs on each), all of which run
/// hierarchical rings at once: switches on the longest hop of a ring and the fabric's slow-down of the
/// slowest ring, for a ring goes at the pace of its slowest hop. Where nodes hold unlike numbers of a group,
/// as many rings leave every node as the one with the fewest has GPUs. A hop uses its sender's NIC at both
/// ends: what arrives for another GPU goes on over NVLink.
CollectiveGroup PlacedGroup(const Cluster& cluster, const Topology& topology, const GpuGroups& groups);

}  // namespace orrery::hw
