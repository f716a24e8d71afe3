#include "hw/comm/point_to_point.h"

#include <fmt/format.h>

#include "core/base/error.h"

namespace orrery::hw {
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
