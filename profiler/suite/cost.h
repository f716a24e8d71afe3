// Operations and compulsory traffic of one launch, by formula: what a measured time is set against.
#pragma once

#include <cstdint>
#include <optional>

#include "core/op.h"

namespace orrery::profiler {

/// Tensor-core operations and the fewest bytes of device memory, each input read once and each output written
/// once.
struct LaunchCost {
  double flops = 0;
  std::int64_t bytes = 0;
};

/// Of the kinds the suite measures. GEMMs: 2 M N K per group; FP8 operands one byte with FP32 scales per
/// 1x128 (activations) and 128x128 (weights); BF16 out, or FP32 read and written by weight gradients.
/// Attention: causal prefill half of the square, backward five products; decode 2 B H q kv (d_qk + d_v), the
/// cache read once. Rows: bytes per element as documented in cost.cc. Absent for a kind without a formula,
/// and for a shape whose bytes come near 2^62.
std::optional<LaunchCost> FindCost(OpKind kind, const OpShape& shape);
/// The same; std::invalid_argument where it is absent.
LaunchCost CostOf(OpKind kind, const OpShape& shape);

}  // namespace orrery::profiler
