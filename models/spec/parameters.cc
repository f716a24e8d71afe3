#include "models/spec/parameters.h"

#include <algorithm>

namespace orrery::models {
namespace {

/// Inner norms and biases of one layer's attention.
std::int64_t AttentionVectors(const AttentionSpec& a) {
  if (a.kind == AttentionKind::kMla) return std::int64_t{a.q_lora_rank} + a.kv_lora_rank;
  const std::int64_t qkv =
      std::int64_t{a.heads} * a.head_dim + std::int64_t{a.kv_heads} * (a.head_dim + a.v_head_dim);
  return (a.qkv_bias ? qkv : 0) + (a.qk_norm ? 2 * a.head_dim : 0);
}

}  // namespace

std::int64_t AttentionLinears::parameters() const {
  std::int64_t sum = output.parameters();
  for (const Linear& l : from_hidden) sum += l.parameters();
  for (const Linear& l : up) sum += l.parameters();
  return sum;
}

AttentionLinears AttentionProjections(const AttentionSpec& a, std::int64_t hidden, int tensor) {
  const std::int64_t heads = a.heads / tensor;
  Linear output{"o", heads * a.v_head_dim, hidden};
  if (a.kind != AttentionKind::kMla) {
    const std::int64_t kv = std::max(1, a.kv_heads / tensor);
    return {{{"qkv", hidden, heads * a.head_dim + kv * (a.head_dim + a.v_head_dim)}}, {}, std::move(output)};
  }
  const std::int64_t q_out = heads * (a.head_dim + a.rope_dim);
  const Linear kv_a{"kv_a", hidden, std::int64_t{a.kv_lora_rank} + a.rope_dim};
  const Linear kv_b{"kv_b", a.kv_lora_rank, heads * (a.head_dim + a.v_head_dim)};
  if (a.q_lora_rank == 0) return {{{"q", hidden, q_out}, kv_a}, {kv_b}, std::move(output)};
  return {{{"q_a", hidden, a.q_lora_rank}, kv_a}, {{"q_b", a.q_lora_rank, q_out}, kv_b}, std::move(output)};
}

SwiGluLinears SwiGlu(const std::string& name, std::int64_t hidden, std::int64_t width) {
  return {{name + " gate_up", hidden, 2 * width}, {name + " down", width, hidden}, width};
}

Linear MtpProjection(const ModelSpec& spec) {
  return {"mtp projection", 2 * std::int64_t{spec.hidden}, spec.hidden};
}

std::int64_t MtpNormParameters(const ModelSpec& spec) { return 3 * std::int64_t{spec.hidden}; }

LayerParameterCount CountLayer(const ModelSpec& spec, bool moe_layer) {
  const std::int64_t hidden = spec.hidden;
  LayerParameterCount c;
  c.attention = AttentionProjections(spec).parameters();
  c.attention_vectors = AttentionVectors(spec.attention);
  c.norms = 2 * hidden;
  if (!moe_layer) {
    c.dense = SwiGlu("dense", hidden, spec.dense_intermediate).parameters();
    return c;
  }
  const MoeSpec& m = *spec.moe;
  c.shared_experts = SwiGlu("shared", hidden, m.shared_intermediate).parameters();
  c.one_expert = SwiGlu("expert", hidden, m.intermediate).parameters();
  c.gate = hidden * m.routed_experts;
  c.gate_bias = m.sigmoid ? m.routed_experts : 0;
  c.shared_gate = m.shared_gate ? hidden : 0;
  return c;
}

std::int64_t AttentionParameters(const ModelSpec& spec) {
  return AttentionProjections(spec).parameters() + AttentionVectors(spec.attention);
}

ParameterCount CountParameters(const ModelSpec& spec) {
  const std::int64_t moe_layers = spec.MoeLayers(), dense_layers = spec.layers - moe_layers;
  ParameterCount p;
  p.embedding = spec.vocabulary * spec.hidden;
  p.head = spec.tied_embeddings ? 0 : p.embedding;
  p.attention = spec.layers * AttentionParameters(spec);
  p.dense_ffn = dense_layers * CountLayer(spec, false).dense;
  p.norms = (2 * std::int64_t{spec.layers} + 1) * spec.hidden;
  const LayerParameterCount last = CountLayer(spec, spec.moe.has_value());
  std::int64_t experts = 0, top_k = 0;
  if (spec.moe) {
    experts = spec.moe->routed_experts, top_k = spec.moe->top_k;
    p.router = moe_layers * last.router();
    p.shared_experts = moe_layers * (last.shared_experts + last.shared_gate);
    p.routed_experts = moe_layers * experts * last.one_expert;
  }
  p.total = p.embedding + p.head + p.attention + p.dense_ffn + p.router + p.shared_experts +
            p.routed_experts + p.norms;
  p.activated = p.total - p.routed_experts + moe_layers * top_k * last.one_expert;
  // A module: its projection and norms, and one transformer layer like the last.
  const std::int64_t mtp = MtpProjection(spec).parameters() + MtpNormParameters(spec);
  p.mtp = spec.mtp_modules * (mtp + last.Total(experts));
  p.mtp_activated = spec.mtp_modules * (mtp + last.Total(top_k));
  return p;
}

}  // namespace orrery::models
