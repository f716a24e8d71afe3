#include "hw/network/point_to_point.h"

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

PointToPoint::PointToPoint(const Device& device, const ExchangeModel& exchange, Transport transport)
    : scale_out_{exchange.rates().scale_out},
      scale_up_{device.scale_up_achieved},
      latency_(LatencyOf(transport)) {}

Time PointToPoint::latency(Reach reach) const {
  switch (reach) {
    case Reach::kNode:
      return latency_.node;
    case Reach::kLeaf:
      return latency_.leaf;
    case Reach::kCrossLeaf:
      return latency_.cross_leaf;
  }
  return latency_.cross_leaf;
}

Time PointToPoint::Send(Bytes bytes, Reach reach) const { return latency(reach) + bytes / rate(reach); }

}  // namespace orrery::hw
