// One message between two GPUs: pipeline sends and the hops of collectives. t = latency + bytes / rate.
#pragma once

#include "hw/comm/exchange.h"
#include "hw/device.h"
#include "hw/network/transport.h"

namespace orrery::hw {

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
