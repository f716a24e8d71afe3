// Operations and compulsory traffic of one launch (core/op/op_work.h), in the numbers a measurement keeps.
#pragma once

#include <cstdint>
#include <optional>

#include "core/op/op.h"

namespace orrery::profiler {

struct LaunchCost {
  double flops = 0;
  std::int64_t bytes = 0;
};

/// As core/op/op_work.h counts them. Absent for a rows kind without a formula whose shape does not tell its
/// bytes, and for a shape whose bytes come near 2^62.
std::optional<LaunchCost> FindCost(OpKind kind, const OpShape& shape);
/// The same; std::invalid_argument where it is absent.
LaunchCost CostOf(OpKind kind, const OpShape& shape);

}  // namespace orrery::profiler
