// One message between two GPUs: pipeline sends and the hops of collectives. t = latency + bytes / rate.
#pragma once

#include "hw/device.h"
#include "hw/network/exchange.h"

namespace orrery::hw {

/// What connects two GPUs.
enum class Reach : std::uint8_t { kNode, kLeaf, kCrossLeaf };

/// Transport of the scale-out fabric: it sets the latencies.
enum class Transport : std::uint8_t { kInfiniBand, kRoce };

/// Latencies end to end, CPU side, 64 B messages (Insights, arXiv 2505.09343, Table 5).
struct TransportLatency {
  Time node, leaf, cross_leaf;
};
TransportLatency LatencyOf(Transport transport);
/// One more switch on the way: half the difference between crossing leaves (three switches) and one leaf.
Time HopLatency(Transport transport);

class PointToPoint {
 public:
  /// Scale-out at the rate the exchange kernels reach on the NIC with large messages (fit of DS-J01..J04; the NIC's
  /// nominal rate bounds it), scale-up at the achieved NVLink rate (V3 report 3.2.2).
  PointToPoint(const Device& device, const ExchangeModel& exchange,
               Transport transport = Transport::kInfiniBand);

  /// A message on the wire, without its latency. InputError if no clock holds it.
  Time Wire(Bytes bytes, Reach reach) const;
  Time Send(Bytes bytes, Reach reach) const;
  BytesPerSecond rate(Reach reach) const { return reach == Reach::kNode ? scale_up_ : scale_out_; }
  Time latency(Reach reach) const;

 private:
  BytesPerSecond scale_out_, scale_up_;
  TransportLatency latency_;
};

}  // namespace orrery::hw
