// Operations whose shape the program itself gave: NVTX ranges and operators with sizes (shape_text.h), led to
// the kernels launched inside them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/op.h"
#include "profiler/trace/trace.h"

namespace orrery::profiler {

/// All launches of one operation at one shape by the same kernels.
struct ShapedOp {
  std::string label;
  OpKind kind{};
  OpShape shape{};
  Flops flops{};
  Bytes bytes{};
  std::string kernels;               ///< joined by " + ", in order of start
  std::string library;               ///< of the kernel that does most
  std::int64_t blocks = 0;           ///< of its grid
  std::vector<double> durations_us;  ///< of each occurrence: the sum over its kernels
};

struct ShapedOps {
  std::vector<ShapedOp> ops;   ///< in order of first launch
  std::int64_t bad_texts = 0;  ///< ranges that claim a shape and have none that can be read
  std::string first_bad;       ///< the first of them, and why
  /// Occurrences with a shape that are no operation of ours, by reason.
  std::map<std::string, std::int64_t> left_out;
};

/// An orrery: range counts before what is inside it; else the innermost range or operator around the launch,
/// on the launching thread. Kernels that overlap inside one range, several GEMMs in one operator, GEMMs whose
/// type the kernel's name does not tell, and memory-bound kernels that do not say BF16 in their names are
/// left out.
ShapedOps FindShapedOps(const Trace& trace, const Attribution& attribution);

}  // namespace orrery::profiler
