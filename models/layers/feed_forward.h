// A SwiGLU feed-forward on all tokens of a rank: a dense layer's, or the shared experts as one.
#pragma once

#include <cstdint>
#include <string>

#include "models/layers/linear_ops.h"
#include "models/layers/op_list.h"

namespace orrery::models {

/// This rank's share of the dense layer's, and of the shared experts.
SwiGluLinears DenseFeedForward(const SublayerContext& context);
SwiGluLinears SharedExperts(const SublayerContext& context);

/// Between the two matrices, with the cast where FP8.
Op Activation(const SublayerContext& context, std::int64_t rows, std::int64_t width, std::string label);

void AppendGateUp(const SwiGluLinears& ffn, const SublayerContext& context, Operand input, OpList* ops);
/// Activation, its cast where FP8, and the down projection.
void AppendDown(const SwiGluLinears& ffn, const SublayerContext& context, OpList* ops);
void AppendSaveSwiGluInput(const SwiGluLinears& ffn, const SublayerContext& context, OpList* ops);
/// Gradient through the down projection and the activation; `gradient` of the block's result.
void AppendDownBackward(const SwiGluLinears& ffn, const SublayerContext& context, Operand gradient,
                        OpList* ops);
/// The normed input, needed by the weight gradient: recomputed and cast as in the forward pass.
void AppendNormRecompute(const SublayerContext& context, bool cast, OpList* ops);
void AppendGateUpBackward(const SwiGluLinears& ffn, const SublayerContext& context, OpList* ops);

}  // namespace orrery::models
