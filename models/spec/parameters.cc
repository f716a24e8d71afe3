#include "models/spec/parameters.h"

#include <algorithm>

namespace orrery::models {
namespace {

/// Inner norms, biases and sinks of one layer's attention.
std::int64_t AttentionVectors(const AttentionSpec& a, std::int64_t hidden) {
  const std::int64_t ends = (a.output_bias ? hidden : 0) + (a.sinks ? a.heads : 0);
  if (a.kind == AttentionKind::kMla)  // of an indexer, the LayerNorm of its key
    return std::int64_t{a.q_lora_rank} + a.kv_lora_rank + 2 * (a.index_heads > 0 ? a.index_dim : 0) + ends;
  const std::int64_t queries = std::int64_t{a.heads} * a.head_dim,
                     keys = std::int64_t{a.kv_heads} * a.head_dim;
  const std::int64_t qkv = queries + keys + std::int64_t{a.kv_heads} * a.v_head_dim;
  return (a.qkv_bias ? qkv : 0) + (a.qk_norm ? 2 * a.head_dim : 0) + (a.qk_norm_joint ? queries + keys : 0) +
         ends;
}

/// The convolution, the decays and the norm before the output.
std::int64_t RecurrenceVectors(const RecurrenceSpec& r) {
  const std::int64_t conv = r.channels() * r.conv;
  switch (r.kind) {
    case RecurrenceKind::kGatedDelta:  // A, dt bias; one norm for all heads
      return conv + 2 * std::int64_t{r.heads} + r.value_dim;
    case RecurrenceKind::kKimiDelta:  // A, a dt bias a channel
      return conv + r.heads + std::int64_t{r.heads} * r.key_dim + r.value_dim;
    case RecurrenceKind::kMamba2:  // a bias of the convolution; A, D, dt bias; a norm of all values
      return conv + r.channels() + 3 * std::int64_t{r.heads} + r.values();
  }
  return 0;
}

void CountMixer(const ModelSpec& spec, int mixer, LayerParameterCount* c) {
  if (const AttentionSpec* a = spec.AttentionOf(mixer)) {
    c->attention += AttentionProjections(*a, spec.hidden).parameters();
    if (a->index_heads > 0) c->attention += IndexerProjections(*a, spec.hidden).parameters();
    c->attention_vectors += AttentionVectors(*a, spec.hidden);
  }
  if (const RecurrenceSpec* r = spec.RecurrenceOf(mixer)) {
    c->attention += RecurrenceProjections(*r, spec.hidden).parameters();
    c->attention_vectors += RecurrenceVectors(*r);
  }
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
    const std::int64_t kv = std::max(1, a.kv_heads / tensor), gate = a.output_gate ? heads * a.v_head_dim : 0;
    return {{{"qkv", hidden, heads * a.head_dim + kv * (a.head_dim + a.v_head_dim) + gate}},
            {},
            std::move(output)};
  }
  const std::int64_t q_out = heads * (a.head_dim + a.rope_dim);
  const Linear kv_a{"kv_a", hidden, std::int64_t{a.kv_lora_rank} + a.rope_dim};
  const Linear kv_b{"kv_b", a.kv_lora_rank, heads * (a.head_dim + a.v_head_dim)};
  if (a.q_lora_rank == 0) return {{{"q", hidden, q_out}, kv_a}, {kv_b}, std::move(output)};
  return {{{"q_a", hidden, a.q_lora_rank}, kv_a}, {{"q_b", a.q_lora_rank, q_out}, kv_b}, std::move(output)};
}

IndexerLinears IndexerProjections(const AttentionSpec& a, std::int64_t hidden) {
  return {{"index q", a.q_lora_rank, std::int64_t{a.index_heads} * a.index_dim},
          {"index k", hidden, a.index_dim},
          {"index weights", hidden, a.index_heads}};
}

std::int64_t RecurrenceLinears::parameters() const {
  std::int64_t sum = output.parameters();
  for (const Linear& l : from_hidden) sum += l.parameters();
  for (const Linear& l : inner) sum += l.parameters();
  return sum;
}

RecurrenceLinears RecurrenceProjections(const RecurrenceSpec& r, std::int64_t hidden, int tensor) {
  const std::int64_t heads = r.heads / tensor, values = r.values() / tensor;
  const std::int64_t keys = std::max(1, r.key_heads / tensor) * std::int64_t{r.key_dim};
  Linear output{"o", values, hidden};
  switch (r.kind) {
    case RecurrenceKind::kGatedDelta:  // query, key, value and gate; two scalars a head
      return {{{"qkvz", hidden, 2 * keys + 2 * values}, {"decay and beta", hidden, 2 * heads}}, {}, output};
    case RecurrenceKind::kKimiDelta:  // decay and output gate of rank value_dim
      return {{{"qkv", hidden, 2 * keys + values},
               {"gates a and beta", hidden, 2 * std::int64_t{r.value_dim} + heads}},
              {{"decay b", r.value_dim, heads * r.key_dim}, {"gate b", r.value_dim, values}},
              output};
    case RecurrenceKind::kMamba2:
      return {{{"in", hidden, 2 * values + 2 * keys + heads}}, {}, output};
  }
  return {{}, {}, output};
}

SwiGluLinears SwiGlu(const std::string& name, std::int64_t hidden, std::int64_t width, bool gated) {
  if (!gated) return {{name + " up", hidden, width}, {name + " down", width, hidden}, width};
  return {{name + " gate_up", hidden, 2 * width}, {name + " down", width, hidden}, width};
}

Linear MtpProjection(const ModelSpec& spec) {
  return {"mtp projection", 2 * std::int64_t{spec.hidden}, spec.hidden};
}

std::int64_t MtpNormParameters(const ModelSpec& spec) { return 3 * std::int64_t{spec.hidden}; }

LayerParameterCount CountLayer(const ModelSpec& spec, LayerBlocks blocks) {
  const std::int64_t hidden = spec.hidden;
  LayerParameterCount c;
  CountMixer(spec, blocks.mixer, &c);
  c.norms = hidden * ((blocks.mixer == kNoMixer ? 0 : 1) + (blocks.kind == LayerKind::kNone ? 0 : 1));
  if (blocks.kind == LayerKind::kNone) return c;
  if (blocks.kind == LayerKind::kDense) {
    c.dense = SwiGlu("dense", hidden, spec.dense_intermediate, spec.gated).parameters();
    return c;
  }
  const MoeSpec& m = *spec.moe;
  c.shared_experts = SwiGlu("shared", hidden, m.shared_intermediate, spec.gated).parameters();
  c.one_expert = SwiGlu("expert", hidden, m.intermediate, spec.gated).parameters();
  c.gate = hidden * m.routed_experts;
  c.gate_bias = m.sigmoid ? m.routed_experts : 0;
  c.shared_gate = m.shared_gate ? hidden : 0;
  return c;
}

std::int64_t AttentionParameters(const ModelSpec& spec) {
  LayerParameterCount c;
  CountMixer(spec, kOwnMixer, &c);
  return c.attention + c.attention_vectors;
}

ParameterCount CountParameters(const ModelSpec& spec) {
  ParameterCount p;
  p.embedding = spec.vocabulary * spec.hidden;
  p.head = spec.tied_embeddings ? 0 : p.embedding;
  p.norms = spec.hidden;  // the final one
  const std::int64_t experts = spec.moe ? spec.moe->routed_experts : 0,
                     top_k = spec.moe ? spec.moe->top_k : 0;
  std::int64_t idle = 0;
  for (const LayerGroup& g : spec.Groups()) {
    const LayerParameterCount c = CountLayer(spec, g.blocks);
    p.attention += g.count * (c.attention + c.attention_vectors);
    p.norms += g.count * c.norms;
    p.dense_ffn += g.count * c.dense;
    p.router += g.count * c.router();
    p.shared_experts += g.count * (c.shared_experts + c.shared_gate);
    p.routed_experts += g.count * experts * c.one_expert;
    idle += g.count * (experts - top_k) * c.one_expert;
  }
  p.total = p.embedding + p.head + p.attention + p.dense_ffn + p.router + p.shared_experts +
            p.routed_experts + p.norms;
  p.activated = p.total - idle;
  // A module: its projection and norms, and one transformer layer.
  const LayerParameterCount layer = CountLayer(spec, MtpBlocks(spec));
  const std::int64_t mtp = MtpProjection(spec).parameters() + MtpNormParameters(spec);
  p.mtp = spec.mtp_modules * (mtp + layer.Total(experts));
  p.mtp_activated = spec.mtp_modules * (mtp + layer.Total(top_k));
  return p;
}

}  // namespace orrery::models
