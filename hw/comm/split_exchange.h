// The low-latency exchange as two kernels: a send kernel posts the messages, nothing of the GPU is used while they are
// in flight, and a receive kernel takes what has arrived. This model prices the flight.
//
// It rests on nothing that was measured of the split kernels themselves. What a byte costs on
// the NIC comes from DeepEP's first release, which moves every pair by RDMA (DS-J14 to J17, all of 128 tokens a rank); the
// latency of an exchange, and the rate inside a node, from one measured node of a Hopper GPU, whose rows go down to a token
// a rank, the rate scaled by the links; and what more
// peers cost comes from the same normal kernels on 8 and on 16 nodes (DS-J23, DS-J24): beyond 8 nodes a dispatch takes
// 4 % and a combine 9 % longer than its bytes say. Nobody has published those on more than 16 nodes: the cost stays as
// it is there.
#pragma once

#include <array>
#include <string>

#include "hw/comm/deepep_table.h"
#include "hw/device.h"
#include "hw/provenance.h"

namespace orrery::hw {

/// One exchange as one rank sees it.
struct SplitLoad {
  ExchangeKind kind = ExchangeKind::kDispatch;  ///< or kCombine
  int nodes = 1;                                ///< of the group
  Bytes scale_out_sent, scale_out_received;     ///< pairs to and from other nodes, LowLatencyPairBytes each
  Bytes scale_up_sent, scale_up_received;       ///< pairs to and from other GPUs of the node
};

class SplitExchange {
 public:
  /// On `device`: rates scale by its links. InputError for an unknown version.
  static SplitExchange Load(const Device& device, const std::string& version);

  /// From the start of the send kernel to the end of the receive kernel where nothing else runs and no rank is late.
  /// `received`: by what arrives, else by what is sent.
  Time Alone(const SplitLoad& load, bool received = false) const;

  /// How much longer than its bytes say an exchange of a group on `nodes` nodes takes, 1 up to 8 nodes.
  double PeerFactor(ExchangeKind kind, int nodes) const;

  /// Standard deviation of ln(true / priced): how far off the NIC's rows are from a fit without them, and the node's
  /// from theirs.
  double Deviation() const { return deviation_; }
  double latency_s() const { return latency_s_; }
  double scale_out() const { return scale_out_; }  ///< B/s
  double scale_up() const { return scale_up_; }    ///< B/s
  Provenance provenance() const { return provenance_; }
  const std::string& source() const { return source_; }

 private:
  double latency_s_ = 0, scale_out_ = 0, scale_up_ = 0;
  bool uses_scale_up_ = true;
  std::array<double, 2> at_16_nodes_{1, 1};  ///< dispatch, combine
  double deviation_ = 0;
  Provenance provenance_ = Provenance::kMeasured;
  std::string source_;
};

}  // namespace orrery::hw
