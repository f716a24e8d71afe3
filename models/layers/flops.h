// Operations that training needs per token, by the usual count: 6 per activated matrix parameter (2 forward,
// 4 backward) and three times the forward attention. Recomputation does not count.
#pragma once

#include <cstdint>

#include "core/base/units.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

/// Matrix parameters a token passes in the main model: projections, feed-forward (top_k and shared experts),
/// router and output head. Not the embedding look-up, norms, biases or MTP modules.
std::int64_t ActivatedMatrixParameters(const ModelSpec& spec);

struct TokenFlops {
  Flops matrices{};
  Flops attention{};
  Flops total() const { return matrices + attention; }
};

/// Forward pass. Attention over `sequence` tokens, the average token sees half of them when causal.
TokenFlops ForwardFlopsPerToken(const ModelSpec& spec, std::int64_t sequence, bool causal);
/// Forward and backward: three times the forward pass. DeepSeek-V3 at 4096: 250 GFLOP causal ("Insights into
/// DeepSeek-V3", arXiv 2505.09343, Table 2).
TokenFlops TrainingFlopsPerToken(const ModelSpec& spec, std::int64_t sequence, bool causal);

/// Forward operations per token of one layer (attention included), of the output head and of one MTP module
/// (its projection, layer and second use of the head): what stages are balanced by.
Flops LayerForwardFlops(const ModelSpec& spec, LayerBlocks blocks, std::int64_t sequence, bool causal);
inline Flops LayerForwardFlops(const ModelSpec& spec, bool moe_layer, std::int64_t sequence, bool causal) {
  return LayerForwardFlops(spec, LayerBlocks(moe_layer ? LayerKind::kMoe : LayerKind::kDense), sequence,
                           causal);
}
Flops HeadForwardFlops(const ModelSpec& spec);
Flops MtpForwardFlops(const ModelSpec& spec, std::int64_t sequence, bool causal);

}  // namespace orrery::models
