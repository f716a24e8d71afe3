// The kernels of one transformer layer in training, block by block, as DeepSeek's own trace shows them
// (deepseek-ai/profile-data train.json: attn(F), mlp(F), mlp(B), mlp(W), attn(B), attn(W)), for any model.
//
//   attn(F)  norm, attention, output projection, norm, router        -> dispatch(F)
//   mlp(F)   shared expert, routed experts                           -> combine(F)
//   mlp(B)   input gradients of the experts                          -> dispatch(B); before it combine(B)
//   mlp(W)   weight gradients of the experts
//   attn(B)  router, norm, output projection, attention (up-projections and norms recomputed), projections
//   attn(W)  weight gradients of the attention
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/op/op.h"
#include "models/layers/routed_rows.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

enum class Block {
  kAttentionForward,
  kMlpForward,
  kMlpBackward,
  kMlpWeight,
  kAttentionBackward,
  kAttentionWeight
};
/// The trace's name: "attn(F)", "mlp(B)", ...
std::string_view Name(Block block);
inline constexpr Block kAllBlocks[] = {Block::kAttentionForward,  Block::kMlpForward,
                                       Block::kMlpBackward,       Block::kMlpWeight,
                                       Block::kAttentionBackward, Block::kAttentionWeight};

/// The four exchanges of an MoE layer. combine(B) carries the gradients of the layer's output to the experts,
/// dispatch(B) brings the gradients of its input back.
enum class Exchange { kDispatchForward, kCombineForward, kCombineBackward, kDispatchBackward };
std::string_view Name(Exchange exchange);

enum class LayerKind { kDense, kMoe };

/// What one rank computes of a micro-batch, and how it saves memory.
struct TrainingShape {
  std::int64_t tokens = 4096;    ///< of a micro-batch: sequences x sequence length
  std::int64_t sequence = 4096;  ///< tokens of one sequence; divides tokens
  int local_experts = 0;         ///< routed experts of a layer on this rank; 0 for dense models
  bool fp8 = true;               ///< linears in FP8 (V3 section 3.3), else BF16
  bool causal = true;
  // Memory savings of V3 sections 3.2.3 and 3.3.3, all visible in the trace.
  bool recompute_norms = true;           ///< RMSNorm outputs
  bool recompute_up_projections = true;  ///< MLA q_b, kv_b and the heads assembled from them
  bool recompute_swiglu = true;          ///< SwiGLU outputs; its input is kept (FP8 where fp8)
  bool attention_output_e5m6 = true;     ///< with fp8: attention output kept in 12 bits, else BF16
  bool scale_attention_output = true;    ///< the trace multiplies it, and its gradient, by a constant
  std::int64_t row_alignment = 128;      ///< rows of each expert are padded to this (GEMM tile)

  bool SavesE5M6() const { return fp8 && attention_output_e5m6; }
};

/// Rows of a perfectly even router: tokens x top_k / experts each from every rank, all of `ranks` sending the
/// same number of tokens; unique tokens as top_k experts drawn at random from `top_groups` of `groups` nodes.
RoutedRows BalancedRows(const MoeSpec& moe, const TrainingShape& shape);

/// The kernels of one block in launch order. `rows` is not read for dense layers and attention blocks.
/// Aborts if the layer is MoE and the model is not, or if `rows` has not local_experts entries.
std::vector<Op> BlockOps(const ModelSpec& spec, LayerKind layer, Block block, const TrainingShape& shape,
                         const RoutedRows& rows);

/// Compute that runs on the communication stream before the exchange's payload.
std::vector<Op> ExchangeOps(const ModelSpec& spec, Exchange exchange, const TrainingShape& shape);

}  // namespace orrery::models
