#include "scenarios/step/placement.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "hw/comm/placement.h"

namespace orrery::scenarios {
namespace {

/// GPUs that hold copies of the same parameters, one in `stride` data-parallel ranks, for every pipeline rank
/// and every offset: of all parameters with stride 1, of experts with the expert-parallel degree.
hw::GpuGroups Copies(const Degrees& d, int stride) {
  hw::GpuGroups groups;
  for (int rank = 0; rank < d.pipeline / d.mirrors; ++rank) {
    for (int first = 0; first < stride; ++first) {
      std::vector<int> gpus;
      for (int mirror = 0; mirror < d.mirrors; ++mirror) {
        const int holder = mirror == 0 ? rank : d.pipeline - 1 - rank;
        for (int column = first; column < d.data; column += stride) gpus.push_back(holder * d.data + column);
      }
      groups.push_back(std::move(gpus));
    }
  }
  return groups;
}

FabricPlacement Place(const Machine& m, const Degrees& d) {
  FabricPlacement placed;
  placed.copies = hw::PlacedGroup(m.cluster, m.topology, Copies(d, 1));
  placed.expert_copies =
      d.expert == 1 ? placed.copies : hw::PlacedGroup(m.cluster, m.topology, Copies(d, d.expert));
  const int per_node = m.cluster.devices_per_node, nodes_per_exchange = d.expert / per_node;
  if (nodes_per_exchange > 1) {
    placed.exchange_stretch =
        hw::ExchangeStretch(m.cluster, m.topology, hw::ContiguousGroups(m.cluster.nodes, nodes_per_exchange))
            .last;
  }
  if (d.pipeline == 1) return placed;
  // Where the GPUs of a pipeline rank are no whole nodes, some messages stay in their node; all are taken for
  // those that go furthest.
  const int distance = std::min(static_cast<int>(CeilDiv(d.data, per_node)), m.cluster.nodes - 1);
  placed.message_stretch = hw::HandOverStretch(m.cluster, m.topology, distance).last;
  placed.message_latency = hw::MessageLatency(m.cluster, m.topology, 0, distance);
  return placed;
}

}  // namespace

std::shared_ptr<const FabricPlacement> PlaceOn(const Machine& machine, const Degrees& degrees) {
  return machine.memo().Get<FabricPlacement>(degrees, [&] { return Place(machine, degrees); });
}

}  // namespace orrery::scenarios
