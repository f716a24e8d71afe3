#include <algorithm>

#include "models/layers/step_ops.h"

namespace orrery::models {
namespace {

/// Linear weights on one GPU by how they are laid out, in elements.
struct WeightSplit {
  std::int64_t linear = 0;  ///< in the weights' precision
  std::int64_t bf16 = 0;    ///< embedding, head, router, norms
};

/// One layer's attention: compressions are replicated, everything with heads is split.
std::int64_t AttentionLinear(const ModelSpec& spec, const AttentionSpec& a, int tensor) {
  const std::int64_t hidden = spec.hidden;
  const std::int64_t heads = a.heads / tensor;
  if (a.kind != AttentionKind::kMla) {
    const std::int64_t kv = std::max(1, a.kv_heads / tensor);
    return hidden * (heads * a.head_dim + kv * (a.head_dim + a.v_head_dim)) + heads * a.v_head_dim * hidden;
  }
  const std::int64_t q = heads * (a.head_dim + a.rope_dim);
  const std::int64_t queries = a.q_lora_rank > 0 ? a.q_lora_rank * (hidden + q) : hidden * q;
  const std::int64_t latents = hidden * (a.kv_lora_rank + a.rope_dim);
  const std::int64_t expand = a.kv_lora_rank * heads * (a.head_dim + a.v_head_dim);
  return queries + latents + expand + heads * a.v_head_dim * hidden;
}

WeightSplit Count(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout, bool with_mtp) {
  const ParameterCount p = CountParameters(WithDesign(spec, design));
  const int modules = with_mtp ? spec.mtp_modules : 0;
  const std::int64_t attention = AttentionLinear(spec, design.spec, layout.tensor);
  WeightSplit w;
  w.linear = (spec.layers + modules) * attention + (p.dense_ffn + p.shared_experts) / layout.tensor +
             p.routed_experts / layout.expert;
  w.bf16 = (p.embedding + p.head) / layout.tensor + p.router + p.norms;
  // A module's feed-forward is that of the last layer; its projection is 2 hidden x hidden (V3 report 2.2).
  w.linear += modules * std::int64_t{2} * spec.hidden * spec.hidden;
  if (spec.MoeLayers() > 0) {
    w.linear +=
        modules * (p.shared_experts / layout.tensor + p.routed_experts / layout.expert) / spec.MoeLayers();
    w.bf16 += modules * p.router / spec.MoeLayers();
  } else {
    w.linear += modules * p.dense_ffn / layout.tensor / spec.layers;
  }
  return w;
}

}  // namespace

Bytes WeightBytesPerGpu(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout,
                        bool with_mtp) {
  const WeightSplit w = Count(spec, design, layout, with_mtp);
  // FP8 weights carry one FP32 scale per 128 x 128 block.
  const std::int64_t linear =
      layout.weights == WeightPrecision::kBf16 ? 2 * w.linear : w.linear + w.linear / 128 / 128 * 4;
  return {linear + 2 * w.bf16};
}

}  // namespace orrery::models
