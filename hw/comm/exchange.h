// What an expert-parallel exchange (DeepEP normal kernels) costs one rank, in closed form: exact in the network
// as long as no link is shared with another rank, that is while an expert group stays under one leaf. See
// fabric_stretch.h for groups that do not.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "hw/comm/exchange_fit.h"
#include "hw/device.h"
#include "hw/provenance.h"

namespace orrery::hw {

/// Bytes of one exchange through one rank's ports; pairs of ExchangeLoad times NormalPairBytes().wire. A combine
/// moves a dispatch's pairs the other way: swap sent and received.
struct PortLoad {
  Bytes scale_out_sent, scale_out_received;
  Bytes scale_up_sent, scale_up_received;
};

struct ExchangePrice {
  Time alone{};           ///< nothing beside
  Time beside_compute{};  ///< 20 SMs, compute kernels on the rest
  /// Share of `alone` for which the NIC is busy at the rate the kernels reach: what pipeline and data-parallel
  /// traffic through the same port cannot use.
  double scale_out_share = 0;
};

class ExchangeModel {
 public:
  /// The model of `version` ("2025-02", "2025-04") on `device`. Where a device has no table, the rates of the
  /// H800's are scaled by the ratio of the ports' nominal rates and the provenance says so; where one node of the
  /// device was measured (hw/comm/node_exchange.h), its scale-up rate is that node's.
  /// InputError for an unknown version.
  static ExchangeModel Load(const Device& device, const std::string& version);
  static std::vector<std::string> Versions();

  /// Ports are full duplex: the busier direction counts. No allocation, two square roots.
  ExchangePrice Price(ExchangeKind kind, const PortLoad& load) const {
    const double out = Busier(load.scale_out_sent, load.scale_out_received) * picoseconds_per_byte_out_;
    const double up = Busier(load.scale_up_sent, load.scale_up_received) * picoseconds_per_byte_up_;
    const double out2 = out * out, up2 = up * up;
    const double alone = std::sqrt(std::sqrt(out2 * out2 + up2 * up2));
    const double beside = alone * slow_down_[static_cast<std::size_t>(kind)];
    return {Clamped(alone), Clamped(beside), alone > 0 ? out / alone : 0};
  }

  const ExchangeRates& rates() const { return rates_; }
  /// Measured time beside compute over the time alone at the same load.
  double SlowDown(ExchangeKind kind) const { return slow_down_[static_cast<std::size_t>(kind)]; }
  /// Half the spread of the measured time beside compute, as a share of it: the trace's layers differ by so
  /// much.
  double Uncertainty(ExchangeKind kind) const { return uncertainty_[static_cast<std::size_t>(kind)]; }
  /// Standard deviation of ln(true / priced), the same for all exchanges of a run: how far off the fit is at
  /// sizes it has not seen, the spread beside compute, and where the table is another device's, what carrying
  /// it over costs (hw/cost/error_data.h).
  double Deviation() const { return deviation_; }
  Provenance alone_provenance() const { return alone_provenance_; }
  Provenance beside_provenance() const { return beside_provenance_; }
  const std::string& source() const { return source_; }

 private:
  /// What the clock cannot hold becomes the longest time: whoever simulates it says which exchange it is.
  static Time Clamped(double ps) { return Time{std::llround(std::min(ps, kLongestSeconds * 1e12))}; }
  static double Busier(Bytes a, Bytes b) { return static_cast<double>(std::max(a.count, b.count)); }
  void TakeSlowDown(const DeepEpTable& table, const ExchangeRates& rates);

  ExchangeRates rates_;
  double picoseconds_per_byte_out_ = 0, picoseconds_per_byte_up_ = 0;
  std::array<double, kExchangeKindCount> slow_down_{}, uncertainty_{};
  Provenance alone_provenance_ = Provenance::kMeasured, beside_provenance_ = Provenance::kMeasured;
  double deviation_ = 0;
  std::string source_;
};

}  // namespace orrery::hw
