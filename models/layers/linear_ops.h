// A linear layer's kernels in every pass, FP8 or BF16.
#pragma once

#include <cstdint>
#include <string>

#include "models/layers/op_list.h"
#include "models/spec/parameters.h"

namespace orrery::models {

/// What an FP8 pass must do to its activation operand first.
enum class Operand : std::uint8_t { kBf16, kFp8 };

/// Over how many tokens a linear layer runs, and in what.
struct LinearPass {
  std::int64_t tokens = 0;
  bool fp8 = true;
  /// The scales of an activation are transposed for the GEMM by a kernel of their own, as the training trace shows;
  /// a server's cast writes them so.
  bool transposes_scales = true;
};

/// name `label`: [tokens, in] -> [tokens, out]. A BF16 operand is cast.
void AppendFprop(const Linear& linear, const LinearPass& pass, Operand input, const std::string& label,
                 OpList* ops);
/// name dgrad: [tokens, out] -> [tokens, in]; the FP8 weight is transposed first (wgmma takes K-major
/// operands only).
void AppendDgrad(const Linear& linear, const LinearPass& pass, Operand gradient, OpList* ops);
/// Gradient and input as 128x1 tiles, transposed, kept until the weight pass. Nothing in BF16.
void AppendWgradOperands(const Linear& linear, const LinearPass& pass, Operand gradient, OpList* ops);
/// name wgrad: accumulates [out, in] in FP32.
void AppendWgrad(const Linear& linear, const LinearPass& pass, OpList* ops);

/// A BF16 or FP8 pass over all new tokens of the batch.
inline LinearPass OverTokens(const SublayerContext& context) {
  return {context.shape.tokens(), context.shape.fp8(), !context.inference()};
}

}  // namespace orrery::models
