// What the experts of a unit are given and what its exchanges move, layer by layer.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/run_control.h"
#include "models/layers/routed_rows.h"
#include "models/serving/batch.h"
#include "scenarios/serving/unit_plan.h"

namespace orrery::scenarios {

/// Of one rank in one layer and micro-batch. Pairs are (token, node) and (token, GPU) pairs of the normal kernels in
/// prefill, (token, expert) pairs of the low-latency kernels in decode, to other nodes and inside the own one.
struct UnitLoad {
  models::RoutedRows routed;
  double out_sent = 0, out_received = 0;
  double up_sent = 0, up_received = 0;
};

class UnitLoads {
 public:
  /// As the scenario's router draws them, or the same on every rank. Throws Stopped where `control` says so.
  UnitLoads(const ServingScenario& scenario, const UnitPlan& unit, const models::UnitBatch& batch, bool even,
            const RunControl& control = {});

  const UnitLoad& At(int layer, int micro_batch, int rank) const {
    const std::size_t of_layer = even_ ? 0 : static_cast<std::size_t>(layer);
    const std::size_t of_rank = even_ ? 0 : static_cast<std::size_t>(rank);
    return loads_[(of_layer * 2 + static_cast<std::size_t>(micro_batch)) * ranks_ + of_rank];
  }
  bool even() const { return even_; }
  /// Mean over layers and micro-batches of the fullest rank's rows over the mean.
  double hottest_over_mean() const { return hottest_; }

 private:
  bool even_;
  std::size_t ranks_ = 1;  ///< kept apart
  double hottest_ = 1;
  std::vector<UnitLoad> loads_;
};

}  // namespace orrery::scenarios
