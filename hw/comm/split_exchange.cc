#include "hw/comm/split_exchange.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/error.h"
#include "hw/comm/exchange_fit.h"
#include "hw/comm/low_latency.h"
#include "hw/comm/node_exchange.h"

namespace orrery::hw {
namespace {

/// The release whose low-latency kernels use the NIC alone.
constexpr const char* kRdmaRelease = "2025-02";
/// A node with the H800's chip and memory and more NVLink, of which the low-latency kernels were measured.
constexpr const char* kMeasuredNode = "h200-sxm";

/// DeepEP's normal kernels on the H800's multi-plane network with 64 and with 128 GPUs (Insights into DeepSeek-V3, arXiv
/// 2505.09343, figure 7: DS-J23 and DS-J24), logical GB/s, and the nodes a token goes to (Monte Carlo of DeepEP's test).
struct Measured {
  int nodes;
  double nodes_per_token, dispatch, combine;
};
constexpr Measured kEight{8, 3.986, 50.58, 48.54};
constexpr Measured kSixteen{16, 4.000, 45.34, 41.60};

/// Bytes that leave the node over the bytes that the logical rate counts.
double LeavingShare(const Measured& m) { return 1 - 1.0 / m.nodes; }

/// Bytes a second that fit the samples best, all bytes over the NIC, behind `latency_s`: least squares of relative errors.
double RateOf(const std::vector<LowLatencySample>& samples, double latency_s) {
  double squares = 0, products = 0;
  for (const LowLatencySample& s : samples) {
    const double bytes = s.scale_out_bytes + s.scale_up_bytes, weight = 1 / (s.seconds * s.seconds);
    squares += weight * bytes * bytes;
    products += weight * bytes * (s.seconds - latency_s);
  }
  ORRERY_CHECK(products > 0, "a latency longer than the exchanges that it is of");
  return squares / products;
}

/// Time at 16 nodes over time at 8 that the bytes do not explain.
double PeerCost(double rate_8, double rate_16) {
  const double seconds = kSixteen.nodes_per_token / rate_16 / (kEight.nodes_per_token / rate_8);
  const double bytes =
      kSixteen.nodes_per_token * LeavingShare(kSixteen) / (kEight.nodes_per_token * LeavingShare(kEight));
  return std::max(1.0, seconds / bytes);
}

}  // namespace

SplitExchange SplitExchange::Load(const Device& device, const std::string& version) {
  const ExchangeSource asked = FindExchangeSource(device, version);
  const ExchangeSource rdma = FindExchangeSource(device, kRdmaRelease);
  SplitExchange split;
  split.uses_scale_up_ = asked.table.low_latency_scale_up;
  const auto own = FindNodeExchangeTable(device);
  const Device measured = own ? device : DevicePreset(kMeasuredNode);
  const auto node = own ? own : FindNodeExchangeTable(measured);
  ORRERY_CHECK(node.has_value(), "a node of the H200 was measured");
  const BytesPerSecond nominal = node->measured_on.Apply(measured).scale_up;
  const NodeRates in_node = FitLowLatencyNode(*node, nominal);
  split.latency_s_ = in_node.latency_s;
  split.scale_out_ =
      std::min(RateOf(LowLatencySamples(rdma.table), split.latency_s_), rdma.measured.scale_out.value) *
      device.scale_out.value / rdma.measured.scale_out.value;
  split.scale_up_ = in_node.scale_up * device.scale_up.value / nominal.value;
  split.at_16_nodes_ = {PeerCost(kEight.dispatch, kSixteen.dispatch),
                        PeerCost(kEight.combine, kSixteen.combine)};
  const double off = LowLatencyLeaveOneRowOutError(LowLatencySamples(rdma.table), false,
                                                   rdma.measured.scale_out, rdma.measured.scale_up);
  split.deviation_ = std::hypot(off, in_node.rms_error);
  split.provenance_ = Provenance::kScaled;  // no row is of the split kernels themselves
  split.source_ = "low-latency exchange, split: NIC by " + SourceText(rdma, device) + "; within a node " +
                  node->source + "; peers by Insights into DeepSeek-V3 (arXiv 2505.09343) figure 7";
  return split;
}

double SplitExchange::PeerFactor(ExchangeKind kind, int nodes) const {
  const double at_16 = at_16_nodes_[IsDispatch(kind) ? 0 : 1];
  const double doublings = std::log2(std::max(1.0, static_cast<double>(nodes) / kEight.nodes));
  return 1 + (at_16 - 1) * std::min(1.0, doublings);
}

Time SplitExchange::Alone(const SplitLoad& load, bool received) const {
  auto out = static_cast<double>((received ? load.scale_out_received : load.scale_out_sent).count);
  auto up = static_cast<double>((received ? load.scale_up_received : load.scale_up_sent).count);
  if (!uses_scale_up_) {
    out += up;
    up = 0;
  }
  const double factor = PeerFactor(load.kind, load.nodes);
  const double over_nic = out > 0 ? latency_s_ + factor * out / scale_out_ : 0;
  const double in_node = up > 0 ? latency_s_ + up / scale_up_ : 0;
  return FromSeconds(std::max(over_nic, in_node));
}

}  // namespace orrery::hw
