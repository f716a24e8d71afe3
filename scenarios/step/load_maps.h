// Expert loads of any source as heat maps, and the bytes its exchanges move through the ports of every rank.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "core/base/run_control.h"
#include "hw/comm/exchange.h"
#include "models/routing/load_source.h"

namespace orrery::scenarios {

/// A table of numbers, row by row.
struct HeatMap {
  int rows = 0, columns = 0;
  std::vector<double> values;
  double& At(int row, int column) { return values[Index(row, column)]; }
  double At(int row, int column) const { return values[Index(row, column)]; }

 private:
  std::size_t Index(int row, int column) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(columns) +
           static_cast<std::size_t>(column);
  }
};

/// [layer][expert slot]: rows over the mean of the layer's slots, over `micro_batches` of one exchange group.
/// 0 where a layer has no rows at all.
HeatMap ExpertLoads(const models::LoadSource& source, int layers, int micro_batches, int group = 0,
                    const RunControl& control = {});

/// [rank of the group][micro-batch]: rows of one layer over the mean of the ranks in that micro-batch.
HeatMap RankLoads(const models::LoadSource& source, int layer, int micro_batches, int group = 0,
                  const RunControl& control = {});

/// Bytes through the ports of one rank.
struct PortBytes {
  double scale_out_sent = 0, scale_out_received = 0;  ///< NIC
  double scale_up_sent = 0, scale_up_received = 0;    ///< NVLink
};

/// What one (token, node) or (token, GPU) pair puts on the wire, by hw::ExchangeKind.
using PairBytesByKind = std::array<hw::PairBytes, hw::kExchangeKindCount>;
/// Of the normal kernels, as training uses them.
PairBytesByKind NormalPairs(int hidden, int top_k, bool fp8);

/// [rank]: one layer's four exchanges of one micro-batch. What comes back goes the other way: where a dispatch
/// sends, a combine receives.
std::vector<PortBytes> ExchangeTraffic(const models::LoadSource& source, int layer, int micro_batch,
                                       int group, const PairBytesByKind& pairs);

/// [rank]: all layers and micro-batches of one exchange group.
std::vector<PortBytes> StepTraffic(const models::LoadSource& source, int layers, int micro_batches, int group,
                                   const PairBytesByKind& pairs, const RunControl& control = {});

}  // namespace orrery::scenarios
