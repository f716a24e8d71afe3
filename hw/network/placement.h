// Traffic of placed groups: what the fabric between their nodes adds to the closed forms.
#pragma once

#include "hw/network/collectives.h"
#include "hw/network/fabric_stretch.h"

namespace orrery::hw {

/// Slow-down of an expert-parallel exchange of all `groups` at once: 1 exactly where each stays under one
/// leaf. Every node sends the same to every other of its group.
Stretch ExchangeStretch(const Cluster& cluster, const Topology& topology, const NodeGroups& groups);

/// Slow-down of a pipeline's hand-over from every node n to node n + distance at once.
Stretch HandOverStretch(const Cluster& cluster, const Topology& topology, int distance);

/// The collective group of the largest of `groups`, all of which run rings at once: switches on the longest
/// hop of a ring and the fabric's slow-down of the slowest ring, for a ring goes at the pace of its slowest
/// hop.
CollectiveGroup PlacedGroup(const Cluster& cluster, const Topology& topology, const NodeGroups& groups,
                            int ranks_per_node);

}  // namespace orrery::hw
