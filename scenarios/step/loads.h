// Expert loads of a whole step, laid out for the simulation: one small record a rank, layer and micro-batch.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/run_control.h"
#include "models/routing/load_source.h"

namespace orrery::scenarios {

/// What one exchange asks of one rank. Counts are tokens (see models::ExchangeLoad).
struct RankLoad {
  std::int32_t rows = 0;  ///< (token, expert) rows, each expert's padded to the GEMM tile
  std::int32_t unique = 0;
  std::int32_t scale_out = 0;  ///< what the slowest NIC its tokens pass carries, in (token, node) pairs
  std::int32_t scale_up = 0;   ///< the same for NVLink, in (token, GPU) pairs
  std::int32_t idle_experts =
      0;  ///< of this rank, without a row. With `rows`, all of them that a price depends on:
          ///< tiles are whole, so that it does not matter which expert has which
  bool operator==(const RankLoad&) const = default;
};

/// An even load with the share `dropped` of its rows taken off evenly, as LoadSampler::Drop takes them:
/// independently, so that a token whose rows on a rank are not all dropped still goes there. `rows_per_node`:
/// of a token that goes to the node at all, mean.
RankLoad WithoutRows(const RankLoad& even, double dropped, double rows_per_node);

class StepLoads {
 public:
  /// Samples `layers` x `micro_batches` x `groups` exchanges. Throws Stopped where `control` says so.
  StepLoads(const models::LoadSource& source, int layers, int micro_batches, int groups,
            std::int64_t row_alignment, const RunControl& control = {});

  /// Loads already known: [instances][groups][ranks].
  StepLoads(int groups, int ranks, std::vector<RankLoad> loads);
  StepLoads() : StepLoads(1, 1, {}) {}
  /// Every rank has the same load in every exchange.
  static StepLoads Even(const RankLoad& load);

  /// `instance` as models::LoadInstance(layer, micro_batch).
  const RankLoad& At(std::uint32_t instance, int group, int rank) const {
    if (even_) return mean_;
    return loads_[(static_cast<std::size_t>(instance) * static_cast<std::size_t>(groups_) +
                   static_cast<std::size_t>(group)) *
                      static_cast<std::size_t>(ranks_) +
                  static_cast<std::size_t>(rank)];
  }
  int ranks() const { return ranks_; }
  bool even() const { return even_; }
  std::int32_t max_rows() const { return max_rows_; }
  std::int32_t max_idle_experts() const { return max_idle_experts_; }
  RankLoad mean() const { return mean_; }
  /// Mean over exchanges of (rows of the fullest rank) / (mean rows) - 1: the straggler each exchange waits
  /// for.
  double hottest_excess() const { return hottest_excess_; }
  /// Share of all selections that a capacity dropped: neither sent nor computed.
  double dropped_share() const { return dropped_share_; }
  /// Standard deviation of a rank's rows over their mean.
  double row_deviation() const { return row_deviation_; }

 private:
  void Summarise();

  int groups_ = 1, ranks_ = 1;
  bool even_ = false;
  std::vector<RankLoad> loads_;
  std::int32_t max_rows_ = 0, max_idle_experts_ = 0;
  RankLoad mean_;
  double hottest_excess_ = 0, row_deviation_ = 0, dropped_share_ = 0;
};

}  // namespace orrery::scenarios
