// The scale-out fabric's protocol and its latencies.
#pragma once

#include <cstdint>

#include "core/base/units.h"

namespace orrery::hw {

/// Transport of the scale-out fabric: it sets the latencies.
enum class Transport : std::uint8_t { kInfiniBand, kRoce };

/// What connects two GPUs.
enum class Reach : std::uint8_t { kNode, kLeaf, kCrossLeaf };

/// Latencies end to end, CPU side, 64 B messages (Insights, arXiv 2505.09343, Table 5).
struct TransportLatency {
  Time node, leaf, cross_leaf;
};
TransportLatency LatencyOf(Transport transport);
/// One more switch on the way: half the difference between crossing leaves (three switches) and one leaf.
Time HopLatency(Transport transport);

}  // namespace orrery::hw
