#include "models/layers/attention_ops.h"

#include "models/layers/kernels.h"
#include "models/layers/norm_ops.h"

namespace orrery::models {
namespace {

bool IsMla(const ModelSpec& spec) { return spec.attention.kind == AttentionKind::kMla; }

std::int64_t HeadCols(const AttentionSpec& a, int dim) { return std::int64_t{a.heads} * dim; }
std::int64_t KvCols(const AttentionSpec& a, int dim) { return std::int64_t{a.kv_heads} * dim; }

/// Norm outputs that the up-projections read; q_norm only with query compression.
void AppendLatentNorms(const AttentionSpec& a, std::int64_t tokens, std::vector<Op>* ops) {
  if (a.q_lora_rank > 0) ops->push_back(kernel::RmsNorm(tokens, a.q_lora_rank, "q_a norm"));
  ops->push_back(kernel::Copy(tokens, a.kv_lora_rank, "kv latent slice"));
  ops->push_back(kernel::RmsNorm(tokens, a.kv_lora_rank, "kv_a norm"));
}

/// Keys assembled from k_nope (copied) and the shared k_rope (broadcast), queries and k_rope rotated.
void AppendMlaHeads(const AttentionSpec& a, std::int64_t tokens, std::vector<Op>* ops) {
  ops->push_back(kernel::Rope(tokens, a.rope_dim, "RoPE k"));
  ops->push_back(kernel::Copy(tokens, HeadCols(a, a.head_dim), "k head assembly"));
  ops->push_back(kernel::Rows(OpKind::kCopy, tokens, HeadCols(a, a.rope_dim), 2, "k_rope broadcast"));
  ops->push_back(kernel::Rope(tokens, HeadCols(a, a.rope_dim), "RoPE q"));
}

void AppendUpProjections(const ModelSpec& spec, const TrainingShape& shape, const std::string& pass,
                         std::vector<Op>* ops) {
  for (const Linear& linear : AttentionProjections(spec).up) {
    AppendFprop(linear, shape.tokens, shape.fp8, Operand::kBf16, pass, ops);
  }
}

void AppendMlaForwardCore(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops) {
  const AttentionSpec& a = spec.attention;
  // Offsets of the sequences for the kernel with variable lengths.
  for (const char* what : {"query offsets", "key offsets"}) {
    ops->push_back(kernel::Rows(OpKind::kRouterMisc, shape.tokens / shape.sequence + 1, 1, 4, what));
  }
  AppendLatentNorms(a, shape.tokens, ops);
  ops->push_back(kernel::Copy(shape.tokens, a.rope_dim, "k_rope slice"));
  AppendUpProjections(spec, shape, "fprop", ops);
  AppendMlaHeads(a, shape.tokens, ops);
}

/// Per-head norms and rotation of grouped-query attention; `norm` and `rope` build the kernels.
template <typename Norm>
void AppendGqaHeads(const AttentionSpec& a, std::int64_t tokens, const std::string& suffix, Norm norm,
                    std::vector<Op>* ops) {
  if (a.qk_norm) {
    ops->push_back(norm(tokens * a.heads, a.head_dim, "q head norm" + suffix));
    ops->push_back(norm(tokens * a.kv_heads, a.head_dim, "k head norm" + suffix));
  }
  ops->push_back(kernel::Rope(tokens, HeadCols(a, a.head_dim), "RoPE q" + suffix));
  ops->push_back(kernel::Rope(tokens, KvCols(a, a.head_dim), "RoPE k" + suffix));
}

void AppendFlashBackward(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops) {
  const AttentionShape flash = FlashShape(spec, shape);
  ops->push_back(kernel::AttentionPreprocess(flash, "flash attention backward preprocess"));
  ops->push_back(kernel::AttentionBackward(flash, "flash attention backward"));
  ops->push_back(kernel::AttentionPostprocess(flash, "flash attention backward postprocess"));
}

/// The attention output from its saved form, the gradient through the output projection.
void AppendOutputBackward(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops) {
  const Linear o = AttentionProjections(spec).output;
  if (shape.scale_attention_output) {
    ops->push_back(
        kernel::Rows(OpKind::kScale, shape.tokens, spec.hidden, "attention output gradient scale"));
  }
  if (shape.SavesE5M6()) ops->push_back(kernel::RestoreE5M6(shape.tokens, o.in, "restore attention output"));
  AppendDgrad(o, shape.tokens, shape.fp8, Operand::kBf16, ops);
  AppendWgradOperands(o, shape.tokens, shape.fp8, Operand::kBf16, ops);
}

void AppendMlaRecompute(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops) {
  const AttentionSpec& a = spec.attention;
  if (shape.recompute_norms) AppendLatentNorms(a, shape.tokens, ops);
  if (!shape.recompute_up_projections) return;
  AppendUpProjections(spec, shape, "recompute", ops);
  AppendMlaHeads(a, shape.tokens, ops);
}

/// Gradients of the heads split into those of the up-projections' results.
void AppendMlaHeadGradients(const AttentionSpec& a, std::int64_t tokens, std::vector<Op>* ops) {
  // The shared key gathers the gradients of every head.
  ops->push_back(kernel::Rows(OpKind::kCopy, tokens, HeadCols(a, a.rope_dim),
                              Bytes{2 * tokens * (HeadCols(a, a.rope_dim) + a.rope_dim)},
                              "k_rope gradient reduce over heads"));
  ops->push_back(kernel::Rope(tokens, a.rope_dim, "RoPE k backward"));
  ops->push_back(kernel::Copy(tokens, HeadCols(a, a.head_dim), "k head gradient split"));
  ops->push_back(kernel::Copy(tokens, HeadCols(a, a.v_head_dim), "v head gradient split"));
}

/// Gradients of the normed latent and of k_rope joined to that of kv_a's result.
void AppendLatentGradients(const AttentionSpec& a, std::int64_t tokens, std::vector<Op>* ops) {
  const std::int64_t joined = a.kv_lora_rank + a.rope_dim;
  ops->push_back(kernel::Rows(OpKind::kMemset, tokens, joined, 2, "kv_a gradient zero (k_rope)"));
  ops->push_back(kernel::Copy(tokens, a.rope_dim, "k_rope gradient place"));
  ops->push_back(kernel::Rows(OpKind::kMemset, tokens, joined, 2, "kv_a gradient zero (latent)"));
  ops->push_back(kernel::Copy(tokens, a.kv_lora_rank, "kv latent gradient place"));
  ops->push_back(kernel::ResidualAdd(tokens, joined, "kv_a gradient join"));
}

void AppendMlaBackwardCore(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops) {
  const AttentionSpec& a = spec.attention;
  const AttentionLinears linears = AttentionProjections(spec);
  AppendMlaRecompute(spec, shape, ops);
  AppendFlashBackward(spec, shape, ops);
  ops->push_back(kernel::Rope(shape.tokens, HeadCols(a, a.rope_dim), "RoPE q backward"));
  AppendMlaHeadGradients(a, shape.tokens, ops);
  for (const Linear& linear : linears.up) {
    AppendDgrad(linear, shape.tokens, shape.fp8, Operand::kBf16, ops);
    AppendWgradOperands(linear, shape.tokens, shape.fp8, Operand::kBf16, ops);
  }
  AppendNormBackward(shape.tokens, a.kv_lora_rank, "kv_a norm", ops);
  if (a.q_lora_rank > 0) AppendNormBackward(shape.tokens, a.q_lora_rank, "q_a norm", ops);
  AppendLatentGradients(a, shape.tokens, ops);
}

void AppendGqaBackwardCore(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops) {
  AppendFlashBackward(spec, shape, ops);
  AppendGqaHeads(spec.attention, shape.tokens, " backward", kernel::RmsNormBackward, ops);
}

}  // namespace

AttentionLinears AttentionProjections(const ModelSpec& spec) {
  const AttentionSpec& a = spec.attention;
  const std::int64_t hidden = spec.hidden;
  const Linear output{"o", HeadCols(a, a.v_head_dim), hidden};
  if (!IsMla(spec)) {
    const std::int64_t qkv = HeadCols(a, a.head_dim) + KvCols(a, a.head_dim) + KvCols(a, a.v_head_dim);
    return {{{"qkv", hidden, qkv}}, {}, output};
  }
  const std::int64_t q_out = HeadCols(a, a.head_dim + a.rope_dim);
  const Linear kv_a{"kv_a", hidden, a.kv_lora_rank + a.rope_dim};
  const Linear kv_b{"kv_b", a.kv_lora_rank, HeadCols(a, a.head_dim + a.v_head_dim)};
  if (a.q_lora_rank == 0) return {{{"q", hidden, q_out}, kv_a}, {kv_b}, output};
  return {{{"q_a", hidden, a.q_lora_rank}, kv_a}, {{"q_b", a.q_lora_rank, q_out}, kv_b}, output};
}

AttentionShape FlashShape(const ModelSpec& spec, const TrainingShape& shape) {
  const AttentionSpec& a = spec.attention;
  return {.batch = shape.tokens / shape.sequence,
          .heads = a.heads,
          .kv_heads = a.kv_heads,
          .q_len = shape.sequence,
          .kv_len = shape.sequence,
          .d_qk = a.head_dim + a.rope_dim,
          .d_v = a.v_head_dim,
          .causal = shape.causal};
}

void AppendAttentionForward(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops) {
  const AttentionLinears linears = AttentionProjections(spec);
  for (const Linear& linear : linears.from_hidden) {
    AppendFprop(linear, shape.tokens, shape.fp8, Operand::kBf16, "fprop", ops);
  }
  if (IsMla(spec)) {
    AppendMlaForwardCore(spec, shape, ops);
  } else {
    AppendGqaHeads(spec.attention, shape.tokens, "", kernel::RmsNorm, ops);
  }
  ops->push_back(kernel::AttentionForward(FlashShape(spec, shape), "flash attention forward"));
  if (shape.SavesE5M6()) {
    ops->push_back(kernel::SaveE5M6(shape.tokens, linears.output.in, "save attention output"));
  }
  AppendFprop(linears.output, shape.tokens, shape.fp8, Operand::kBf16, "fprop", ops);
  if (shape.scale_attention_output) {
    ops->push_back(kernel::Rows(OpKind::kScale, shape.tokens, spec.hidden, "attention output scale"));
  }
}

void AppendAttentionBackward(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops) {
  AppendOutputBackward(spec, shape, ops);
  if (IsMla(spec)) {
    AppendMlaBackwardCore(spec, shape, ops);
  } else {
    AppendGqaBackwardCore(spec, shape, ops);
  }
  if (shape.recompute_norms)
    ops->push_back(kernel::RmsNorm(shape.tokens, spec.hidden, "attention norm recompute"));
  const AttentionLinears linears = AttentionProjections(spec);
  for (auto it = linears.from_hidden.rbegin(); it != linears.from_hidden.rend(); ++it) {
    AppendDgrad(*it, shape.tokens, shape.fp8, Operand::kBf16, ops);
    AppendWgradOperands(*it, shape.tokens, shape.fp8, Operand::kBf16, ops);
  }
  for (std::size_t i = 1; i < linears.from_hidden.size(); ++i) {
    ops->push_back(kernel::ResidualAdd(shape.tokens, spec.hidden, "attention input gradient add"));
  }
}

void AppendAttentionWeight(const ModelSpec& spec, const TrainingShape& shape, std::vector<Op>* ops) {
  const AttentionLinears linears = AttentionProjections(spec);
  AppendWgrad(linears.output, shape.tokens, shape.fp8, ops);
  for (auto it = linears.up.rbegin(); it != linears.up.rend(); ++it)
    AppendWgrad(*it, shape.tokens, shape.fp8, ops);
  for (auto it = linears.from_hidden.rbegin(); it != linears.from_hidden.rend(); ++it) {
    AppendWgrad(*it, shape.tokens, shape.fp8, ops);
  }
}

}  // namespace orrery::models
