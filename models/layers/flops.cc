#include "models/layers/flops.h"

#include "models/layers/attention_ops.h"

namespace orrery::models {
namespace {

std::int64_t AttentionMatrices(const ModelSpec& spec) {
  const AttentionLinears linears = AttentionProjections(spec);
  std::int64_t parameters = linears.output.in * linears.output.out;
  for (const Linear& l : linears.from_hidden) parameters += l.in * l.out;
  for (const Linear& l : linears.up) parameters += l.in * l.out;
  return parameters;
}

std::int64_t FfnMatrices(const ModelSpec& spec, bool moe_layer) {
  const std::int64_t hidden = spec.hidden;
  if (!moe_layer) return 3 * hidden * spec.dense_intermediate;
  const MoeSpec& m = *spec.moe;
  const std::int64_t experts = 3 * hidden * (m.shared_intermediate + std::int64_t{m.top_k} * m.intermediate);
  return experts + hidden * m.routed_experts + (m.shared_gate ? hidden : 0);
}

double AttentionPerToken(const ModelSpec& spec, std::int64_t sequence, bool causal) {
  const AttentionSpec& a = spec.attention;
  const double seen = static_cast<double>(sequence) * (causal ? 0.5 : 1.0);
  return 2.0 * seen * a.heads * (a.head_dim + a.rope_dim + a.v_head_dim);
}

}  // namespace

std::int64_t ActivatedMatrixParameters(const ModelSpec& spec) {
  const std::int64_t moe_layers = spec.MoeLayers();
  std::int64_t parameters = spec.layers * AttentionMatrices(spec) + spec.vocabulary * spec.hidden;
  parameters += (spec.layers - moe_layers) * FfnMatrices(spec, false);
  return moe_layers == 0 ? parameters : parameters + moe_layers * FfnMatrices(spec, true);
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
  const std::int64_t matrices = AttentionMatrices(spec) + FfnMatrices(spec, moe_layer);
  return {2.0 * static_cast<double>(matrices) + AttentionPerToken(spec, sequence, causal)};
}

Flops HeadForwardFlops(const ModelSpec& spec) {
  return {2.0 * static_cast<double>(spec.vocabulary) * spec.hidden};
}

Flops MtpForwardFlops(const ModelSpec& spec, std::int64_t sequence, bool causal) {
  const Flops projection{4.0 * spec.hidden * spec.hidden};
  return projection + LayerForwardFlops(spec, spec.moe.has_value(), sequence, causal) +
         HeadForwardFlops(spec);
}

}  // namespace orrery::models
