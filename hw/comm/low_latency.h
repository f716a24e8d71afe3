// The low-latency expert-parallel exchange (decode): t = latency + max(out / r_out, up / r_up), fitted to the
// table's rows; the latency of what stays inside a node is the same but where the device's own node was measured. Two parameters where the kernels use RDMA alone (up counts as out), three where pairs inside a
// node go over scale-up.
#pragma once

#include "hw/comm/deepep_table.h"
#include "hw/comm/node_exchange.h"
#include "hw/cost/price_error.h"
#include "hw/device.h"
#include "hw/provenance.h"

namespace orrery::hw {

struct LowLatencyRates {
  double latency_s = 0;
  double scale_out = 0;           ///< B/s
  double scale_up = 0;            ///< B/s; equal to scale_out where the kernels do not use scale-up
  double scale_up_latency_s = 0;  ///< of an exchange inside a node
  double rms_error = 0;           ///< of log t over the rows fitted
};

/// One measured low-latency kernel: bytes a rank sends to GPUs of other nodes and of its own.
struct LowLatencySample {
  std::string id;
  ExchangeKind kind{};
  int ranks = 0;
  bool held_out = false;
  double scale_out_bytes = 0, scale_up_bytes = 0;
  double seconds = 0;
};
std::vector<LowLatencySample> LowLatencySamples(const DeepEpTable& table);

/// Least squares of relative errors over the samples not held out; latency is never negative and no rate above
/// its port's nominal one.
LowLatencyRates FitLowLatency(const std::vector<LowLatencySample>& samples, bool uses_scale_up,
                              BytesPerSecond scale_out_nominal, BytesPerSecond scale_up_nominal);
/// Root mean square of ln(measured / predicted) over the samples not held out, each predicted without its own
/// row. The one row that fixes the scale-up rate is not left out.
double LowLatencyLeaveOneRowOutError(const std::vector<LowLatencySample>& samples, bool uses_scale_up,
                                     BytesPerSecond scale_out_nominal, BytesPerSecond scale_up_nominal);
double LowLatencySeconds(const LowLatencyRates& rates, double scale_out_bytes, double scale_up_bytes);

class LowLatencyModel {
 public:
  /// As ExchangeModel::Load.
  static LowLatencyModel Load(const Device& device, const std::string& version);

  /// Bytes of the busier direction of a rank's ports: pairs to other nodes, pairs inside the node, each
  /// LowLatencyPairBytes.
  Time Price(Bytes scale_out, Bytes scale_up) const;

  const LowLatencyRates& rates() const { return rates_; }
  /// Standard deviation of ln(true / priced): how far off the fit is at numbers of ranks it has not seen, and
  /// where the table is another device's, what carrying it over costs (hw/cost/error_data.h).
  double Deviation() const { return deviation_; }
  /// Factors on a price: the central 90 %.
  Range90 Interval() const { return LogNormal90(0, deviation_); }
  bool uses_scale_up() const { return uses_scale_up_; }
  Provenance provenance() const { return provenance_; }
  const std::string& source() const { return source_; }

 private:
  void TakeNode(const NodeExchangeTable& node, const Device& device);

  LowLatencyRates rates_;
  double deviation_ = 0;
  bool uses_scale_up_ = false;
  Provenance provenance_ = Provenance::kMeasured;
  std::string source_;
};

}  // namespace orrery::hw
