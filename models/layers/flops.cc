#include "models/layers/flops.h"

#include "models/spec/parameters.h"

namespace orrery::models {
namespace {

/// Matrix parameters of one layer that a token passes.
std::int64_t ActivatedOfLayer(const ModelSpec& spec, bool moe_layer) {
  const LayerParameterCount c = CountLayer(spec, moe_layer);
  const std::int64_t routed = moe_layer ? spec.moe->top_k * c.one_expert : 0;
  return c.attention + c.dense + c.shared_experts + c.shared_gate + c.gate + routed;
}

double AttentionPerToken(const ModelSpec& spec, std::int64_t sequence, bool causal) {
  const AttentionSpec& a = spec.attention;
  const double seen = static_cast<double>(sequence) * (causal ? 0.5 : 1.0);
  return 2.0 * seen * a.heads * (a.head_dim + a.rope_dim + a.v_head_dim);
}

}  // namespace

std::int64_t ActivatedMatrixParameters(const ModelSpec& spec) {
  const std::int64_t moe_layers = spec.MoeLayers(), head = spec.vocabulary * spec.hidden;
  return head + (spec.layers - moe_layers) * ActivatedOfLayer(spec, false) +
         (moe_layers > 0 ? moe_layers * ActivatedOfLayer(spec, true) : 0);
}

TokenFlops ForwardFlopsPerToken(const ModelSpec& spec, std::int64_t sequence, bool causal) {
  return {{2.0 * static_cast<double>(ActivatedMatrixParameters(spec))},
          {spec.layers * AttentionPerToken(spec, sequence, causal)}};
}

TokenFlops TrainingFlopsPerToken(const ModelSpec& spec, std::int64_t sequence, bool causal) {
  const TokenFlops forward = ForwardFlopsPerToken(spec, sequence, causal);
  return {forward.matrices * 3, forward.attention * 3};
}

Flops LayerForwardFlops(const ModelSpec& spec, bool moe_layer, std::int64_t sequence, bool causal) {
  return {2.0 * static_cast<double>(ActivatedOfLayer(spec, moe_layer)) +
          AttentionPerToken(spec, sequence, causal)};
}

Flops HeadForwardFlops(const ModelSpec& spec) {
  return {2.0 * static_cast<double>(spec.vocabulary) * spec.hidden};
}

Flops MtpForwardFlops(const ModelSpec& spec, std::int64_t sequence, bool causal) {
  const Flops projection{2.0 * static_cast<double>(MtpProjection(spec).parameters())};
  return projection + LayerForwardFlops(spec, spec.moe.has_value(), sequence, causal) +
         HeadForwardFlops(spec);
}

}  // namespace orrery::models
