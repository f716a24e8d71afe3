// A linear layer's kernels in the three passes, FP8 or BF16.
#pragma once

#include <string>
#include <vector>

#include "core/op/op.h"

namespace orrery::models {

struct Linear {
  std::string name;
  std::int64_t in = 0;
  std::int64_t out = 0;
};

/// What an FP8 pass must do to its activation operand first.
enum class Operand { kBf16, kFp8 };

/// name fprop: [tokens, in] -> [tokens, out]. A BF16 operand is cast; scales are transposed for the GEMM.
void AppendFprop(const Linear& linear, std::int64_t tokens, bool fp8, Operand input, const std::string& pass,
                 std::vector<Op>* ops);
/// name dgrad: [tokens, out] -> [tokens, in]; the FP8 weight is transposed first (wgmma takes K-major
/// operands only).
void AppendDgrad(const Linear& linear, std::int64_t tokens, bool fp8, Operand gradient, std::vector<Op>* ops);
/// Gradient and input as 128x1 tiles, transposed, kept until the weight pass. Nothing in BF16.
void AppendWgradOperands(const Linear& linear, std::int64_t tokens, bool fp8, Operand gradient,
                         std::vector<Op>* ops);
/// name wgrad: accumulates [out, in] in FP32.
void AppendWgrad(const Linear& linear, std::int64_t tokens, bool fp8, std::vector<Op>* ops);

}  // namespace orrery::models
