// MLA. Materialised in training and prefill (keys and values of every head up-projected), absorbed in decode, where
// the up-projections are folded into query and output; the alternatives of models/spec/attention_design.h too.
#include <algorithm>
#include <cmath>

#include "models/layers/attention_common.h"

namespace orrery::models {
namespace {

class LatentAttention : AttentionLists {
 public:
  using AttentionLists::AttentionLists;

  void Forward() {
    InputNorm();
    c_.inference() ? ServedInputs() : TrainedInputs();
    switch (c_.pass) {
      case Pass::kDecode:
        c_.decode == MlaDecode::kAbsorbed ? Absorbed() : MaterialisedDecode();
        break;
      case Pass::kPrefill:
        Prefill();
        break;
      default:
        UpProjections("fprop");
        AssembleHeads();
        Flash();
        break;
    }
    OutputForward();
  }
  void InputGradient();
  using AttentionLists::WeightGradient;

 private:
  void TrainedInputs();
  void ServedInputs();
  void LatentNorms(bool slices);
  void UpProjections(const std::string& what) {
    for (const Linear& linear : linears_.up) AppendFprop(linear, pass_, Operand::kBf16, what, ops_);
  }
  void AssembleHeads();
  void Flash() {
    const InBlock core(ops_, Block::kAttention);
    ops_->push_back(kernel::AttentionForward(FlashShape(a_, s_), "flash attention forward"));
  }
  void Absorbed();
  void Indexer();
  bool ChoosesInPrefill() const;
  void PrefillOnChosen();
  void MaterialiseKeys(std::int64_t rows);
  void MaterialisedDecode();
  void Prefill();
  void PrefillOnLatent();
  void Recompute();
  void HeadGradients();
  void LatentGradients();
};

/// Norm outputs that the up-projections read; q_norm only with query compression. Training slices the latent out of
/// kv_a's result first; a server's norm reads it in place.
void LatentAttention::LatentNorms(bool slices) {
  if (a_.q_lora_rank > 0) AppendNorm(s_.shard, tokens_, a_.q_lora_rank, "q_a norm", ops_);
  if (slices) ops_->push_back(kernel::Copy(tokens_, a_.kv_lora_rank, "kv latent slice"));
  AppendNorm(s_.shard, tokens_, a_.kv_lora_rank, "kv_a norm", ops_);
}

/// Keys assembled from k_nope (copied) and the shared k_rope (broadcast), queries and k_rope rotated.
void LatentAttention::AssembleHeads() {
  ops_->push_back(kernel::Rope(tokens_, a_.rope_dim, "RoPE k"));
  ops_->push_back(kernel::Copy(tokens_, HeadCols(a_.head_dim), "k head assembly"));
  ops_->push_back(kernel::Rows(OpKind::kCopy, tokens_, HeadCols(a_.rope_dim), 2, "k_rope broadcast"));
  ops_->push_back(kernel::Rope(tokens_, HeadCols(a_.rope_dim), "RoPE q"));
}

void LatentAttention::TrainedInputs() {
  for (const Linear& linear : linears_.from_hidden) AppendFprop(linear, pass_, Operand::kBf16, "fprop", ops_);
  // Offsets of the sequences for the kernel with variable lengths.
  for (const char* what : {"query offsets", "key offsets"})
    ops_->push_back(kernel::Rows(OpKind::kRouterMisc, s_.batch.count() + 1, 1, 4, what));
  LatentNorms(true);
  ops_->push_back(kernel::Copy(tokens_, a_.rope_dim, "k_rope slice"));
}

/// Compressions of query and key/value read the same input and run as one GEMM; queries and the shared key are
/// rotated by one kernel.
void LatentAttention::ServedInputs() {
  Linear joined = linears_.from_hidden.front();
  for (std::size_t i = 1; i < linears_.from_hidden.size(); ++i) {
    joined.name += " " + linears_.from_hidden[i].name;
    joined.out += linears_.from_hidden[i].out;
  }
  AppendFprop(joined, pass_, Operand::kBf16, "fprop", ops_);
  LatentNorms(false);
  if (a_.q_lora_rank > 0) AppendFprop(linears_.up.front(), pass_, Operand::kBf16, "fprop", ops_);
  if (a_.rope_dim > 0) ops_->push_back(kernel::Rope(tokens_, (heads_ + 1) * a_.rope_dim, "RoPE q and k"));
  CacheWrite();
  if (a_.index_heads > 0) Indexer();
}

/// Chooses the positions that each token attends to: few narrow heads score every position in FP8, the best stay
/// (DeepSeek-V3.2 report, arXiv 2512.02556, section 2.1). Its scores stand at the efficiency of attention kernels in BF16:
/// no table has one of the indexer. Every rank of a tensor group runs the whole of it.
void LatentAttention::Indexer() {
  const IndexerLinears index = IndexerProjections(a_, c_.spec.hidden);
  // Its inputs are cast already: the query latent for q_b, the layer's input for the compressions.
  AppendFprop(index.query, pass_, Operand::kFp8, "fprop", ops_);
  AppendFprop({"index k and weights", index.key.in, index.key.out + index.weights.out}, pass_, Operand::kFp8,
              "fprop", ops_);
  const std::int64_t heads = a_.index_heads, dim = a_.index_dim;
  ops_->push_back(kernel::Rows(OpKind::kLayerNorm, tokens_, dim, "index k norm"));
  ops_->push_back(
      kernel::Rope(tokens_, (heads + 1) * std::min(a_.rope_dim, a_.index_dim), "RoPE index q and k"));
  if (s_.fp8()) ops_->push_back(kernel::Cast(tokens_, heads * dim, "index q cast"));
  ops_->push_back(kernel::Rows(OpKind::kCopy, tokens_, dim,
                               Bytes{tokens_ * (2 * dim + IndexBytesPerLayer(a_).count)},
                               "index cache write"));
  const InBlock core(ops_, Block::kAttention);
  const bool decode = c_.pass == Pass::kDecode;
  const AttentionShape scored{
      .heads = heads, .kv_heads = 1, .d_qk = dim, .d_v = 0, .kv_bytes = IndexBytesPerLayer(a_).count};
  ops_->push_back({.kind = decode ? OpKind::kAttentionDecode : OpKind::kAttentionForward,
                   .shape = OverSequences(scored, s_.batch, c_.pass),
                   .label = "index scores"});
  double scores = 0;
  for (const SequenceSpan& s : s_.batch.sequences) {
    const double seen = decode ? static_cast<double>(s.cached * s.tokens)
                               : CausalScores(AttentionSpec{}, s.cached, s.cached + s.tokens);
    scores += static_cast<double>(s.count) * seen;
  }
  ops_->push_back(kernel::Rows(OpKind::kTopK, tokens_,
                               std::max<std::int64_t>(1, std::llround(scores / static_cast<double>(tokens_))),
                               "index top-k"));
}

void LatentAttention::Absorbed() {
  ops_->push_back(kernel::BatchedGemmBf16(heads_, tokens_, a_.kv_lora_rank, a_.head_dim, "q absorbed"));
  if (c_.rope == RopeMode::kOnLatent)
    ops_->push_back(kernel::Rope(tokens_, HeadCols(a_.kv_lora_rank), "RoPE on latent queries"));
  DecodeCore({.heads = heads_,
              .kv_heads = 1,
              .d_qk = std::int64_t{a_.kv_lora_rank} + a_.rope_dim,
              .d_v = a_.kv_lora_rank,
              .latent = a_.rope_dim == 0});
  ops_->push_back(
      kernel::BatchedGemmBf16(heads_, tokens_, a_.v_head_dim, a_.kv_lora_rank, "output absorbed"));
}

/// Keys and values of `rows` latents, written out: assembled with the shared rotated key, or rotated.
void LatentAttention::MaterialiseKeys(std::int64_t rows) {
  const InBlock up(ops_, Block::kUpProjection);
  LinearPass pass = pass_;
  pass.tokens = rows;
  AppendFprop(linears_.up.back(), pass, Operand::kBf16, "fprop", ops_);
  if (c_.rope == RopeMode::kDecoupled) {
    ops_->push_back(kernel::Copy(rows, HeadCols(a_.head_dim), "k head assembly"));
    ops_->push_back(kernel::Rows(OpKind::kCopy, rows, HeadCols(a_.rope_dim),
                                 Bytes{2 * rows * (a_.rope_dim + HeadCols(a_.rope_dim))},
                                 "k_rope broadcast"));
  } else if (c_.rope == RopeMode::kReapplied) {
    ops_->push_back(kernel::Rope(rows, HeadCols(a_.head_dim), "RoPE on keys"));
  }
}

void LatentAttention::MaterialisedDecode() {
  std::int64_t cached = 0;
  for (const SequenceSpan& s : s_.batch.sequences) cached += s.count * s.cached;
  MaterialiseKeys(cached);
  const InBlock core(ops_, Block::kAttention);
  const AttentionShape shape{.heads = heads_,
                             .kv_heads = heads_,
                             .d_qk = std::int64_t{a_.head_dim} + a_.rope_dim,
                             .d_v = a_.v_head_dim};
  ops_->push_back({.kind = OpKind::kAttentionDecode,
                   .shape = OverSequences(shape, s_.batch, Pass::kDecode),
                   .label = "attention over the cache"});
}

/// A cached prefix is up-projected with the new tokens.
void LatentAttention::Prefill() {
  if (c_.rope == RopeMode::kOnLatent) return PrefillOnLatent();
  if (ChoosesInPrefill()) return PrefillOnChosen();
  std::int64_t keys = 0;
  for (const SequenceSpan& s : s_.batch.sequences) keys += s.count * (s.cached + s.tokens);
  MaterialiseKeys(keys);
  if (c_.rope == RopeMode::kReapplied) {
    const InBlock up(ops_, Block::kUpProjection);
    ops_->push_back(kernel::Rope(tokens_, HeadCols(a_.head_dim), "RoPE on queries"));
  }
  Flash();
}

/// Whether any token has more positions before it than its indexer takes. Else all heads are materialised, as the
/// report has it for short prefills.
bool LatentAttention::ChoosesInPrefill() const {
  const auto longer = [this](const SequenceSpan& s) { return s.cached + s.tokens > a_.index_top_k; };
  return a_.index_heads > 0 && std::any_of(s_.batch.sequences.begin(), s_.batch.sequences.end(), longer);
}

/// Absorbed, over the latents that are chosen.
void LatentAttention::PrefillOnChosen() {
  ops_->push_back(kernel::BatchedGemmBf16(heads_, tokens_, a_.kv_lora_rank, a_.head_dim, "q absorbed"));
  {
    const InBlock core(ops_, Block::kAttention);
    const std::int64_t width = std::int64_t{a_.kv_lora_rank} + a_.rope_dim;
    const AttentionShape shape{
        .heads = heads_, .kv_heads = 1, .d_qk = width, .d_v = a_.kv_lora_rank, .kv_bytes = 2 * width};
    ops_->push_back(
        kernel::AttentionForward(OverSequences(shape, a_, s_.batch, c_.pass), "sparse attention forward"));
  }
  ops_->push_back(
      kernel::BatchedGemmBf16(heads_, tokens_, a_.v_head_dim, a_.kv_lora_rank, "output absorbed"));
}

/// A rotation between query and latent does not factor back to the heads: scores are taken over the latent.
void LatentAttention::PrefillOnLatent() {
  {
    const InBlock up(ops_, Block::kUpProjection);
    ops_->push_back(kernel::BatchedGemmBf16(heads_, tokens_, a_.kv_lora_rank, a_.head_dim, "q absorbed"));
    ops_->push_back(kernel::Rope(tokens_, (heads_ + 1) * a_.kv_lora_rank, "RoPE on latents"));
    AppendFprop({"v_b", a_.kv_lora_rank, HeadCols(a_.v_head_dim)}, pass_, Operand::kBf16, "fprop", ops_);
  }
  AttentionShape shape = FlashShape(a_, s_);
  shape.d_qk = a_.kv_lora_rank;
  shape.kv_bytes = 2 * (a_.kv_lora_rank + HeadCols(a_.v_head_dim));  // one key for all heads
  const InBlock core(ops_, Block::kAttention);
  ops_->push_back(kernel::AttentionForward(shape, "flash attention forward"));
}

void LatentAttention::Recompute() {
  if (s_.savings.recompute_norms) LatentNorms(true);
  if (!s_.savings.recompute_up_projections) return;
  UpProjections("recompute");
  AssembleHeads();
}

/// Gradients of the heads split into those of the up-projections' results.
void LatentAttention::HeadGradients() {
  // The shared key gathers the gradients of every head.
  ops_->push_back(kernel::Rows(OpKind::kCopy, tokens_, HeadCols(a_.rope_dim),
                               Bytes{2 * tokens_ * (HeadCols(a_.rope_dim) + a_.rope_dim)},
                               "k_rope gradient reduce over heads"));
  ops_->push_back(kernel::Rope(tokens_, a_.rope_dim, "RoPE k backward"));
  ops_->push_back(kernel::Copy(tokens_, HeadCols(a_.head_dim), "k head gradient split"));
  ops_->push_back(kernel::Copy(tokens_, HeadCols(a_.v_head_dim), "v head gradient split"));
}

/// Gradients of the normed latent and of k_rope joined to that of kv_a's result.
void LatentAttention::LatentGradients() {
  const std::int64_t joined = a_.kv_lora_rank + a_.rope_dim;
  ops_->push_back(kernel::Rows(OpKind::kMemset, tokens_, joined, 2, "kv_a gradient zero (k_rope)"));
  ops_->push_back(kernel::Copy(tokens_, a_.rope_dim, "k_rope gradient place"));
  ops_->push_back(kernel::Rows(OpKind::kMemset, tokens_, joined, 2, "kv_a gradient zero (latent)"));
  ops_->push_back(kernel::Copy(tokens_, a_.kv_lora_rank, "kv latent gradient place"));
  ops_->push_back(kernel::ResidualAdd(tokens_, joined, "kv_a gradient join"));
}

void LatentAttention::InputGradient() {
  OutputBackward();
  Recompute();
  FlashBackward();
  ops_->push_back(kernel::Rope(tokens_, HeadCols(a_.rope_dim), "RoPE q backward"));
  HeadGradients();
  for (const Linear& linear : linears_.up) {
    AppendDgrad(linear, pass_, Operand::kBf16, ops_);
    AppendWgradOperands(linear, pass_, Operand::kBf16, ops_);
  }
  AppendNormBackward(tokens_, a_.kv_lora_rank, "kv_a norm", ops_);
  if (a_.q_lora_rank > 0) AppendNormBackward(tokens_, a_.q_lora_rank, "q_a norm", ops_);
  LatentGradients();
  InputBackward();
}

}  // namespace

void AppendLatentAttention(const SublayerContext& context, OpList* ops) {
  LatentAttention attention(context, ops);
  if (context.pass == Pass::kInputGradient) return attention.InputGradient();
  if (context.pass == Pass::kWeightGradient) return attention.WeightGradient();
  attention.Forward();
}

}  // namespace orrery::models
