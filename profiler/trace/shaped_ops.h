// Operations whose shape the program itself gave: NVTX ranges and operators with sizes (shape_text.h), led to
// the kernels launched inside them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/op/op.h"
#include "profiler/trace/trace.h"
#include "profiler/trace/traced_op.h"

namespace orrery::profiler {

/// All occurrences of one operation at one shape by the same kernels; a duration is the sum over the kernels
/// of one occurrence.
struct ShapedOp : TracedOp {
  std::string kernels;  ///< joined by " + ", in order of start
  std::string library;  ///< of the kernel that does most
};

struct ShapedOps {
  std::vector<ShapedOp> ops;   ///< in order of their first kernel's start
  std::int64_t bad_texts = 0;  ///< ranges that claim a shape and have none that can be read
  std::string first_bad;       ///< the first of them, and why
  /// Occurrences with a shape that are no operation of ours, by reason.
  std::map<std::string, std::int64_t> left_out;
};

/// An orrery: range counts before the operators inside it; of several, the innermost that can be read, and
/// those around it are left out, since part of their work is another's. Else the innermost operator around
/// the launch counts, whatever ranges without a shape lie between. All on the launching thread. Left out too
/// are kernels that overlap inside one range, several GEMMs in one operator, GEMMs whose type the kernel's
/// name does not tell, memory-bound kernels that do not say BF16 in their names, and sizes beyond any memory.
ShapedOps FindShapedOps(const Trace& trace, const Attribution& attribution);

}  // namespace orrery::profiler
