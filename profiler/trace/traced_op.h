// What every operation found in a trace has, however its shape was found.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/op/op.h"

namespace orrery::profiler {

struct TracedOp {
  std::string label;  ///< "q_b fprop"
  OpKind kind{};
  OpShape shape{};
  Flops flops{};  ///< of one launch
  Bytes bytes{};  ///< compulsory traffic of one launch, by formula (profiler/suite/cost.h) or as given
  std::int64_t blocks = 0;           ///< of the grid of the kernel that does most
  std::vector<double> durations_us;  ///< in order of time
};

}  // namespace orrery::profiler
