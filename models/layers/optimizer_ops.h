// The kernels of one optimizer step on one rank.
#pragma once

#include <vector>

#include "core/op/op.h"

namespace orrery::models {

/// Parameters a rank updates and holds. With ZeRO-1 `updated` is its shard; without, all of `held`.
struct OptimizerShape {
  std::int64_t updated = 0;  ///< parameters whose master copy and moments are here
  std::int64_t held = 0;     ///< parameters whose gradients are here
  std::int64_t fp8 = 0;      ///< of those held, quantised again after the update; 0 in BF16
  bool ema_on_host =
      true;  ///< exponential moving average kept in CPU memory, copied asynchronously (V3 3.2.3)
};

/// Gradient norm over the shard, AdamW (FP32 gradient and master, BF16 moments; V3 3.3.3), weights to FP8,
/// gradients cleared, and the copy of the new parameters to the host.
std::vector<Op> OptimizerOps(const OptimizerShape& shape);

}  // namespace orrery::models
