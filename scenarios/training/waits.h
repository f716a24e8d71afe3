// Who waits for whom at exchanges, read off a training timeline.
#pragma once

#include <cstdint>
#include <vector>

#include "core/engine/timeline.h"
#include "models/parallel/training_program.h"

namespace orrery::scenarios {

/// One exchange of one group, which began when its last rank arrived.
struct ExchangeWait {
  int pipeline_rank = 0;
  models::UnitKind unit{};
  models::Part part{};
  int moe_layer = 0, micro_batch = 0;
  int last = 0;              ///< place in the group of the rank that came last; of several the first
  std::int64_t start = 0;    ///< picoseconds
  std::int64_t waited = 0;   ///< picoseconds, of all ranks of the group together
  std::int64_t longest = 0;  ///< of the rank that came first
};

/// In order of pipeline rank, then time. `timeline` is of one exchange group of every pipeline rank: rank =
/// pipeline rank x group size + place.
std::vector<ExchangeWait> ExchangeWaits(const Timeline& timeline, int pipeline_ranks, int micro_batches);

/// Seconds waited, of all ranks of the group together.
struct WaitSums {
  std::vector<double> by_layer;              ///< [MoE layer]
  std::vector<double> by_micro_batch;        ///< [micro-batch]
  std::vector<std::vector<double>> by_last;  ///< [pipeline rank][place]: waited for this rank
  std::vector<std::vector<int>> times_last;  ///< [pipeline rank][place]: exchanges to which it came last
};
WaitSums SumWaits(const std::vector<ExchangeWait>& waits, int pipeline_ranks, int group_size, int layers,
                  int micro_batches);

}  // namespace orrery::scenarios
