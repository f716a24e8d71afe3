#include "hw/network/point_to_point.h"

#include <fmt/format.h>

#include "core/error.h"

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

Time PointToPoint::Wire(Bytes bytes, Reach reach) const {
  const double seconds = static_cast<double>(bytes.count) / rate(reach).value;
  if (seconds > kLongestSeconds) {
    throw InputError(
        fmt::format("a message of {} B {} a node would take {:.0f} days, more than can be "
                    "simulated; expected other rates of the device's scale-up and scale-out links",
                    bytes.count, reach == Reach::kNode ? "inside" : "out of", seconds / 86400));
  }
  return FromSeconds(seconds);
}

Time PointToPoint::Send(Bytes bytes, Reach reach) const { return latency(reach) + Wire(bytes, reach); }

}  // namespace orrery::hw
