#include "hw/network/transport.h"

namespace orrery::hw {
namespace {

constexpr Time Nanoseconds(std::int64_t ns) { return std::chrono::nanoseconds{ns}; }

}  // namespace

TransportLatency LatencyOf(Transport transport) {
  constexpr Time kNvlink = Nanoseconds(3330);
  if (transport == Transport::kRoce) return {kNvlink, Nanoseconds(3600), Nanoseconds(5600)};
  return {kNvlink, Nanoseconds(2800), Nanoseconds(3700)};
}

Time HopLatency(Transport transport) {
  const TransportLatency l = LatencyOf(transport);
  return (l.cross_leaf - l.leaf) / 2;
}

}  // namespace orrery::hw
