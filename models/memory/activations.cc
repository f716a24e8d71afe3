// What is kept between the passes of one layer, tensor by tensor, and what one block needs while it runs.
#include <algorithm>

#include "core/base/error.h"
#include "models/layers/kernels.h"
#include "models/memory/memory.h"
#include "models/spec/parameters.h"

namespace orrery::models {
namespace {

constexpr std::int64_t kBf16 = 2, kFp32 = 4, kIndex = 8;

/// Collects tensors; FP8 ones with a scale of 4 bytes per 128 elements, BF16 where the run is BF16.
class Saved {
 public:
  explicit Saved(bool fp8) : fp8_(fp8) {}

  void Add(std::string name, std::int64_t bytes) { tensors_.push_back({std::move(name), {bytes}}); }
  void Quantized(std::string name, std::int64_t elements) {
    Add(std::move(name), fp8_ ? elements + elements * kFp32 / kernel::kFp8Tile : kBf16 * elements);
  }
  std::vector<SavedTensor> Take() { return std::move(tensors_); }

 private:
  bool fp8_;
  std::vector<SavedTensor> tensors_;
};

void SaveMla(const AttentionSpec& a, const LayerShape& s, Saved* saved) {
  const std::int64_t t = s.tokens();
  if (a.q_lora_rank > 0) saved->Add("q_a output", kBf16 * t * a.q_lora_rank);
  saved->Add("kv_a output", kBf16 * t * (a.kv_lora_rank + a.rope_dim));
  if (!s.savings.recompute_norms) saved->Quantized("normed latents", t * (a.q_lora_rank + a.kv_lora_rank));
  const std::int64_t d_qk = a.head_dim + a.rope_dim;
  if (a.q_lora_rank == 0) saved->Add("queries", kBf16 * t * a.heads * d_qk);
  if (s.savings.recompute_up_projections) return;
  if (a.q_lora_rank > 0) saved->Add("queries", kBf16 * t * a.heads * d_qk);
  saved->Add("keys and values", kBf16 * t * a.heads * (d_qk + a.v_head_dim));
}

void SaveGqa(const AttentionSpec& a, const LayerShape& s, Saved* saved) {
  const std::int64_t heads = std::int64_t{a.heads} + a.kv_heads;
  const std::int64_t cols = heads * a.head_dim + std::int64_t{a.kv_heads} * a.v_head_dim;
  saved->Add("queries, keys and values", kBf16 * s.tokens() * cols);
  if (a.qk_norm) saved->Add("queries and keys before their norm", kBf16 * s.tokens() * heads * a.head_dim);
}

/// Of a layer that can be trained: its mixer is softmax attention.
const AttentionSpec& AttentionOf(const ModelSpec& spec, const LayerBlocks& layer) {
  const AttentionSpec* a = spec.AttentionOf(layer.mixer);
  ORRERY_CHECK(a != nullptr, "activations of a layer without attention");
  return *a;
}

void SaveAttention(const ModelSpec& spec, const AttentionSpec& a, const LayerShape& s, Saved* saved) {
  saved->Add("layer input", kBf16 * s.tokens() * spec.hidden);
  saved->Add("norm statistics", 2 * kFp32 * s.tokens());
  if (!s.savings.recompute_norms) saved->Quantized("attention norm output", s.tokens() * spec.hidden);
  a.kind == AttentionKind::kMla ? SaveMla(a, s, saved) : SaveGqa(a, s, saved);
  const std::int64_t output = s.tokens() * a.heads * a.v_head_dim;
  saved->Add("attention output", s.SavesE5M6() ? output * 3 / 2 : kBf16 * output);
  saved->Add("attention log-sum-exp", kFp32 * s.tokens() * a.heads);
  saved->Add("mlp input before its norm", kBf16 * s.tokens() * spec.hidden);
}

void SaveFfn(const std::string& name, std::int64_t rows, std::int64_t width, const LayerShape& s,
             Saved* saved) {
  saved->Quantized(name + " SwiGLU input", rows * 2 * width);
  if (!s.savings.recompute_swiglu) saved->Quantized(name + " SwiGLU output", rows * width);
}

void SaveMoe(const ModelSpec& spec, const LayerShape& s, Saved* saved) {
  const MoeSpec& m = *spec.moe;
  const RoutedRows& rows = s.batch.routed;
  const std::int64_t padded = PaddedRows(rows, s.row_alignment);
  saved->Add("router affinities", kFp32 * s.tokens() * m.routed_experts);
  saved->Add("chosen experts and weights", (kIndex + kFp32) * s.tokens() * m.top_k);
  // The trace gathers the received rows again for the weight gradient, so they stay.
  saved->Quantized("received tokens", rows.unique_rows * spec.hidden);
  saved->Add("received choices and weights", (kIndex + kFp32) * rows.unique_rows * m.top_k);
  saved->Add("row map", kIndex * padded);
  SaveFfn("expert", padded, m.intermediate, s, saved);
  if (m.shared_intermediate > 0) SaveFfn("shared", s.tokens(), m.shared_intermediate, s, saved);
}

/// A linear's two operands, one byte an element in FP8.
std::int64_t OperandBytes(const Linear& linear, std::int64_t tokens, const LayerShape& s) {
  const std::int64_t in = RoundUp(linear.in, kernel::kFp8Tile), out = RoundUp(linear.out, kernel::kFp8Tile);
  const std::int64_t elements = tokens * (s.fp8() ? in + out : linear.in + linear.out);
  return s.fp8() ? elements + elements * kFp32 / kernel::kFp8Tile : kBf16 * elements;
}

std::int64_t FfnOperandBytes(std::int64_t hidden, std::int64_t width, const LayerShape& s) {
  const SwiGluLinears ffn = SwiGlu("ffn", hidden, width);
  return OperandBytes(ffn.gate_up, s.tokens(), s) + OperandBytes(ffn.down, s.tokens(), s);
}

/// Attention backward: q, k, v, o, do and dq, dk, dv in BF16 and the FP32 accumulator of dq.
std::int64_t AttentionBackwardBytes(const AttentionSpec& a, const LayerShape& s) {
  const AttentionShape f = FlashShape(a, s);
  const std::int64_t queries = s.tokens() * f.heads * (kBf16 * (2 * f.d_qk + 2 * f.d_v) + kFp32 * f.d_qk);
  return queries + s.tokens() * f.kv_heads * kBf16 * 2 * (f.d_qk + f.d_v);
}

std::int64_t AttentionForwardBytes(const AttentionSpec& a, const LayerShape& s) {
  const AttentionShape f = FlashShape(a, s);
  return s.tokens() * kBf16 * (f.heads + f.kv_heads) * (f.d_qk + f.d_v);
}

/// Rows and columns of the layer's widest feed-forward.
struct Wide {
  std::int64_t rows, width;
};

Wide WideFfn(const ModelSpec& spec, const LayerBlocks& layer, const LayerShape& s) {
  if (layer.kind == LayerKind::kDense) return {s.tokens(), spec.dense_intermediate};
  return {PaddedRows(s.batch.routed, s.row_alignment), spec.moe->intermediate};
}

}  // namespace

std::vector<SavedTensor> SavedActivations(const ModelSpec& spec, const LayerBlocks& layer,
                                          const LayerShape& shape) {
  Saved saved(shape.fp8());
  SaveAttention(spec, AttentionOf(spec, layer), shape, &saved);
  if (!shape.savings.recompute_norms) saved.Quantized("mlp norm output", shape.tokens() * spec.hidden);
  if (layer.kind == LayerKind::kMoe) {
    SaveMoe(spec, shape, &saved);
  } else {
    SaveFfn("dense", shape.tokens(), spec.dense_intermediate, shape, &saved);
  }
  return saved.Take();
}

Bytes WeightPassOperands(const ModelSpec& spec, const LayerBlocks& layer, const LayerShape& shape) {
  const AttentionLinears linears = AttentionProjections(AttentionOf(spec, layer), spec.hidden);
  const auto of = [&](const Linear& linear) { return OperandBytes(linear, shape.tokens(), shape); };
  std::int64_t bytes = of(linears.output);
  for (const Linear& l : linears.from_hidden) bytes += of(l);
  for (const Linear& l : linears.up) bytes += of(l);
  if (layer.kind == LayerKind::kDense)
    return {bytes + FfnOperandBytes(spec.hidden, spec.dense_intermediate, shape)};
  const MoeSpec& m = *spec.moe;
  if (m.shared_intermediate > 0) bytes += FfnOperandBytes(spec.hidden, m.shared_intermediate, shape);
  // The hidden-wide operands are gathered from the received rows (gradients and tokens) when W runs.
  const RoutedRows& routed = shape.batch.routed;
  bytes += OperandBytes({"expert activations", m.intermediate, 2 * std::int64_t{m.intermediate}},
                        PaddedRows(routed, shape.row_alignment), shape);
  return {bytes + OperandBytes({"received rows", spec.hidden, spec.hidden}, routed.unique_rows, shape)};
}

Bytes ForwardWorkspace(const ModelSpec& spec, const LayerBlocks& layer, const LayerShape& shape) {
  // Rows in the GEMM's precision, their gate and up results, the activation, and the BF16 result.
  const Wide w = WideFfn(spec, layer, shape);
  const std::int64_t in = shape.fp8() ? 1 : kBf16;
  const std::int64_t ffn = w.rows * (in * (spec.hidden + w.width) + kBf16 * (2 * w.width + spec.hidden));
  return {std::max(AttentionForwardBytes(AttentionOf(spec, layer), shape), ffn)};
}

Bytes BackwardWorkspace(const ModelSpec& spec, const LayerBlocks& layer, const LayerShape& shape) {
  // Gradient rows, saved input and gradient of gate and up, gradient of the activation, and the BF16 result.
  const Wide w = WideFfn(spec, layer, shape);
  const std::int64_t in = shape.fp8() ? 1 : kBf16;
  const std::int64_t ffn = w.rows * (in * spec.hidden + kBf16 * (5 * w.width + spec.hidden));
  return {std::max(AttentionBackwardBytes(AttentionOf(spec, layer), shape), ffn)};
}

}  // namespace orrery::models
