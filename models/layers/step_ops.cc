#include "models/layers/step_ops.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/base/error.h"

namespace orrery::models {
namespace {

/// Builds the ops of one step: every helper adds one kernel.
class StepBuilder {
 public:
  explicit StepBuilder(const Layout& layout) : layout_(layout) {}

  std::vector<StepOp> Take() { return std::move(ops_); }
  void set_part(StepPart part) { part_ = part; }
  void set_count(std::int64_t count) { count_ = count; }

  /// A linear layer in the weights' precision; FP8 needs its activations cast first.
  void Linear(const std::string& label, std::int64_t m, std::int64_t n, std::int64_t k) {
    if (layout_.weights == WeightPrecision::kBf16) return BatchedBf16(label, 1, m, n, k);
    Rows(OpKind::kCastFp8, label + " cast", m, k);
    Add(OpKind::kGemmFp8, GemmShape{m, n, k, 1}, label);
  }
  void BatchedBf16(const std::string& label, std::int64_t groups, std::int64_t m, std::int64_t n,
                   std::int64_t k) {
    Add(OpKind::kGemmBf16, GemmShape{m, n, k, groups}, label);
  }
  /// `rows` over `groups` experts whose weights are all read once.
  void Experts(const std::string& label, bool decode, std::int64_t groups, std::int64_t rows, std::int64_t n,
               std::int64_t k) {
    if (layout_.weights == WeightPrecision::kBf16) {
      // No grouped BF16 kernel in the vocabulary: a batch of equal groups moves the same bytes.
      return BatchedBf16(label, groups, CeilDiv(rows, groups), n, k);
    }
    Rows(OpKind::kCastFp8, label + " cast", rows, k);
    Add(decode ? OpKind::kGroupedGemmFp8Masked : OpKind::kGroupedGemmFp8, GemmShape{rows, n, k, groups},
        label);
  }
  void Attention(OpKind kind, const AttentionShape& shape) { Add(kind, shape, "attention"); }
  /// A memory-bound kernel.
  void Rows(OpKind kind, const std::string& label, std::int64_t rows, std::int64_t cols) {
    Add(kind, RowsShape{rows, cols}, label);
  }
  /// A copy that reads `read` columns a row and writes `cols`, BF16.
  void Broadcast(const std::string& label, std::int64_t rows, std::int64_t read, std::int64_t cols) {
    Add(OpKind::kCopy, RowsShape{rows, cols, 2 * rows * (read + cols)}, label);
  }
  void Norm(const std::string& label, std::int64_t rows, std::int64_t cols) {
    Rows(layout_.norm == NormKind::kRms ? OpKind::kRmsNorm : OpKind::kLayerNorm, label, rows, cols);
  }

 private:
  void Add(OpKind kind, OpShape shape, const std::string& label) {
    ops_.push_back({Op{kind, shape, label}, count_, part_});
  }

  const Layout& layout_;
  std::vector<StepOp> ops_;
  std::int64_t count_ = 1;
  StepPart part_ = StepPart::kOther;
};

/// Tokens of the step and the sizes that several ops share.
struct Sizes {
  Sizes(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout, std::int64_t step_tokens)
      : tokens(step_tokens),
        hidden(spec.hidden),
        heads(design.spec.heads / layout.tensor),
        kv_heads(std::max(1, design.spec.kv_heads / layout.tensor)),
        head_dim(design.spec.head_dim),
        rope(design.spec.rope_dim),
        v_dim(design.spec.v_head_dim),
        d_c(design.spec.kv_lora_rank),
        q_rank(design.spec.q_lora_rank) {}
  std::int64_t tokens, hidden, heads, kv_heads, head_dim, rope, v_dim, d_c, q_rank;
};

/// Queries, and the new tokens' keys and values or latents.
void InputProjections(const AttentionDesign& design, const Sizes& s, StepBuilder* b) {
  b->set_part(StepPart::kOther);
  b->Norm("attention norm", s.tokens, s.hidden);
  b->set_part(StepPart::kProjection);
  if (!design.is_mla()) {
    b->Linear("qkv", s.tokens, s.heads * s.head_dim + s.kv_heads * (s.head_dim + s.v_dim), s.hidden);
    b->Rows(OpKind::kRope, "rope", s.tokens, (s.heads + s.kv_heads) * s.head_dim);
    return;
  }
  // The compressions of query and key/value read the same input and run as one GEMM.
  const std::int64_t q_width = s.heads * (s.head_dim + s.rope);
  if (s.q_rank > 0) {
    b->Linear("q_a kv_a", s.tokens, s.q_rank + s.d_c + s.rope, s.hidden);
    b->Norm("q norm", s.tokens, s.q_rank);
    b->Linear("q_b", s.tokens, q_width, s.q_rank);
  } else {
    b->Linear("q kv_a", s.tokens, q_width + s.d_c + s.rope, s.hidden);
  }
  b->Norm("kv norm", s.tokens, s.d_c);
  if (s.rope > 0) {
    b->Rows(OpKind::kRope, "rope", s.tokens, (s.heads + 1) * s.rope);
  }
}

void OutputProjection(const Sizes& s, StepBuilder* b) {
  b->set_part(StepPart::kProjection);
  b->Linear("o", s.tokens, s.hidden, s.heads * s.v_dim);
  b->Rows(OpKind::kResidualAdd, "attention residual", s.tokens, s.hidden);
}

/// Keys and values of `rows` latents, written out; rotated or assembled where the design needs it.
void UpProject(const AttentionDesign& design, const Sizes& s, std::int64_t rows, StepBuilder* b) {
  b->Linear("kv_b", rows, s.heads * (s.head_dim + s.v_dim), s.d_c);
  if (design.rope == RopeMode::kDecoupled) {
    b->Broadcast("shared key to heads", rows, s.rope, s.heads * s.rope);
  } else if (design.rope == RopeMode::kReapplied) {
    b->Rows(OpKind::kRope, "rope on keys", rows, s.heads * s.head_dim);
  }
}

/// Not causal: each of the new tokens attends to all that are cached.
constexpr bool kAllOfCache = false;

/// The shape over a cache of `kv_bytes` a token, which it names where they are not BF16's.
AttentionShape WithCache(AttentionShape shape, std::int64_t kv_bytes) {
  if (kv_bytes != Bf16KvBytes(OpKind::kAttentionDecode, shape)) shape.kv_bytes = kv_bytes;
  return shape;
}

void AbsorbedCore(const AttentionDesign& design, const Layout& layout, const DecodeShape& d, const Sizes& s,
                  StepBuilder* b) {
  b->set_part(StepPart::kProjection);
  b->BatchedBf16("q absorbed", s.heads, s.tokens, s.d_c, s.head_dim);
  if (design.rope == RopeMode::kOnLatent) {
    b->Rows(OpKind::kRope, "rope on latent queries", s.tokens, s.heads * s.d_c);
  }
  b->set_part(StepPart::kCore);
  AttentionShape shape{d.batch, s.heads, 1, d.query_length, d.context, s.d_c + s.rope, s.d_c, kAllOfCache};
  shape.latent = s.rope == 0;
  b->Attention(OpKind::kAttentionDecode, WithCache(shape, CacheBytesPerLayer(design, layout.cache).count));
  b->set_part(StepPart::kProjection);
  b->BatchedBf16("output absorbed", s.heads, s.tokens, s.v_dim, s.d_c);
}

void MaterialisedCore(const AttentionDesign& design, const DecodeShape& d, const Sizes& s, StepBuilder* b) {
  b->set_part(StepPart::kUpProjection);
  UpProject(design, s, d.batch * d.context, b);
  b->set_part(StepPart::kCore);
  const std::int64_t d_qk = s.head_dim + s.rope;
  b->Attention(OpKind::kAttentionDecode,
               {d.batch, s.heads, s.heads, d.query_length, d.context, d_qk, s.v_dim, kAllOfCache});
}

void GroupedCore(const AttentionDesign& design, const Layout& layout, const DecodeShape& d, const Sizes& s,
                 StepBuilder* b) {
  b->set_part(StepPart::kCore);
  // A replicated head (fewer heads than GPUs) is read by each of them.
  const AttentionShape shape{d.batch,   s.heads,    s.kv_heads, d.query_length,
                             d.context, s.head_dim, s.v_dim,    kAllOfCache};
  const std::int64_t cached =
      CacheBytesPerLayer(design, layout.cache).count * s.kv_heads / design.spec.kv_heads;
  b->Attention(OpKind::kAttentionDecode, WithCache(shape, cached));
}

void PrefillCore(const AttentionDesign& design, const PrefillShape& p, const Sizes& s, StepBuilder* b) {
  AttentionShape shape{p.batch, s.heads, s.kv_heads, p.prompt, p.prompt, s.head_dim + s.rope, s.v_dim, true};
  b->set_part(StepPart::kUpProjection);
  if (design.rope == RopeMode::kOnLatent) {
    // A rotation between query and latent does not factor back to the heads: scores are taken over d_c.
    b->BatchedBf16("q absorbed", s.heads, s.tokens, s.d_c, s.head_dim);
    b->Rows(OpKind::kRope, "rope on latents", s.tokens, (s.heads + 1) * s.d_c);
    b->Linear("v_b", s.tokens, s.heads * s.v_dim, s.d_c);
    shape.d_qk = s.d_c;
    shape.kv_bytes = 2 * (s.d_c + s.kv_heads * s.v_dim);  // one key for all heads
  } else if (design.is_mla()) {
    UpProject(design, s, s.tokens, b);
    if (design.rope == RopeMode::kReapplied) {
      b->Rows(OpKind::kRope, "rope", s.tokens, s.heads * s.head_dim);
    }
  }
  b->set_part(StepPart::kCore);
  b->Attention(OpKind::kAttentionForward, shape);
}

void SwiGlu(const std::string& name, std::int64_t tokens, std::int64_t hidden, std::int64_t width,
            StepBuilder* b) {
  b->Linear(name + " gate up", tokens, 2 * width, hidden);
  b->Rows(OpKind::kSwiGlu, name + " swiglu", tokens, width);
  b->Linear(name + " down", tokens, hidden, width);
}

/// Routed experts of one GPU under uniform routing of its expert group's tokens.
struct ExpertLoad {
  std::int64_t experts = 1;  ///< expected number that receive any token
  std::int64_t rows = 1;
};
ExpertLoad UniformLoad(const MoeSpec& m, const Layout& layout, std::int64_t tokens) {
  const double group_tokens = static_cast<double>(tokens) * layout.expert / layout.tensor;
  const double untouched = std::pow(1.0 - static_cast<double>(m.top_k) / m.routed_experts, group_tokens);
  const std::int64_t local = m.routed_experts / layout.expert;
  ExpertLoad load;
  load.experts =
      std::clamp<std::int64_t>(std::llround(static_cast<double>(local) * (1 - untouched)), 1, local);
  load.rows = std::max<std::int64_t>(load.experts, CeilDiv(tokens * m.top_k, layout.tensor));
  return load;
}

void MoeFeedForward(const ModelSpec& spec, const Layout& layout, bool decode, const Sizes& s,
                    StepBuilder* b) {
  const MoeSpec& m = *spec.moe;
  b->BatchedBf16("router", 1, s.tokens, m.routed_experts, s.hidden);
  b->Rows(OpKind::kTopK, "top-k", s.tokens, m.routed_experts);
  if (m.shared_intermediate > 0)
    SwiGlu("shared", s.tokens, s.hidden, m.shared_intermediate / layout.tensor, b);
  const ExpertLoad load = UniformLoad(m, layout, s.tokens);
  b->Experts("experts gate up", decode, load.experts, load.rows, std::int64_t{2} * m.intermediate, s.hidden);
  b->Rows(OpKind::kSwiGlu, "experts swiglu", load.rows, m.intermediate);
  b->Experts("experts down", decode, load.experts, load.rows, s.hidden, m.intermediate);
}

/// Everything but attention; `attention` is one layer's.
std::vector<StepOp> WholeModel(const ModelSpec& spec, const Layout& layout, const Sizes& s, bool decode,
                               std::int64_t head_rows, std::vector<StepOp> attention) {
  for (StepOp& op : attention) op.count = spec.layers;
  StepBuilder b(layout);
  b.Rows(OpKind::kEmbedding, "embedding", s.tokens, s.hidden);
  b.set_count(spec.layers);
  b.Norm("feed-forward norm", s.tokens, s.hidden);
  b.set_part(StepPart::kFeedForward);
  b.Rows(OpKind::kResidualAdd, "feed-forward residual", s.tokens, s.hidden);
  if (const int dense = spec.layers - spec.MoeLayers(); dense > 0) {
    b.set_count(dense);
    SwiGlu("dense", s.tokens, s.hidden, spec.dense_intermediate / layout.tensor, &b);
  }
  if (spec.MoeLayers() > 0) {
    b.set_count(spec.MoeLayers());
    MoeFeedForward(spec, layout, decode, s, &b);
  }
  b.set_count(1);
  b.set_part(StepPart::kOther);
  b.Norm("final norm", head_rows, s.hidden);
  b.BatchedBf16("head", 1, head_rows, CeilDiv(spec.vocabulary, layout.tensor), s.hidden);
  std::vector<StepOp> rest = b.Take();
  attention.insert(attention.end(), rest.begin(), rest.end());
  return attention;
}

}  // namespace

void CheckLayout(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout) {
  const auto refuse = [&](const std::string& what) {
    throw InputError("model '" + spec.name + "': " + what);
  };
  const std::string tensor = std::to_string(layout.tensor);
  if (layout.tensor < 1 || design.spec.heads % layout.tensor != 0) {
    refuse("tensor degree " + tensor + " does not divide the " + std::to_string(design.spec.heads) +
           " heads");
  }
  const int kv = design.spec.kv_heads;
  if (!design.is_mla() && kv % layout.tensor != 0 && layout.tensor % kv != 0) {
    refuse("tensor degree " + tensor + " and " + std::to_string(kv) +
           " key/value heads do not divide one another");
  }
  if (spec.dense_intermediate % layout.tensor != 0)
    refuse("tensor degree " + tensor + " does not divide the dense width");
  if (layout.expert < 1 || (!spec.moe && layout.expert != 1)) {
    refuse("expert degree " + std::to_string(layout.expert) + ", but the model has no routed experts");
  }
  if (spec.moe && spec.moe->routed_experts % layout.expert != 0) {
    refuse("expert degree " + std::to_string(layout.expert) + " does not divide the " +
           std::to_string(spec.moe->routed_experts) + " routed experts");
  }
  if (spec.moe && spec.moe->shared_intermediate % layout.tensor != 0) {
    refuse("tensor degree " + tensor + " does not divide the shared experts' width");
  }
  if (spec.moe && layout.expert % layout.tensor != 0) {
    refuse("expert degree " + std::to_string(layout.expert) + " is no multiple of tensor degree " + tensor);
  }
}

const char* Name(StepPart part) {
  switch (part) {
    case StepPart::kCore:
      return "attention";
    case StepPart::kUpProjection:
      return "up-projection";
    case StepPart::kProjection:
      return "projections";
    case StepPart::kFeedForward:
      return "feed-forward";
    case StepPart::kOther:
      return "other";
  }
  return "";
}

std::vector<StepOp> DecodeAttentionOps(const ModelSpec& spec, const AttentionDesign& design,
                                       const Layout& layout, const DecodeShape& shape) {
  const Sizes s(spec, design, layout, shape.batch * shape.query_length);
  StepBuilder b(layout);
  InputProjections(design, s, &b);
  if (!design.is_mla()) {
    GroupedCore(design, layout, shape, s, &b);
  } else if (design.decode == MlaDecode::kAbsorbed) {
    AbsorbedCore(design, layout, shape, s, &b);
  } else {
    MaterialisedCore(design, shape, s, &b);
  }
  OutputProjection(s, &b);
  return b.Take();
}

std::vector<StepOp> PrefillAttentionOps(const ModelSpec& spec, const AttentionDesign& design,
                                        const Layout& layout, const PrefillShape& shape) {
  const Sizes s(spec, design, layout, shape.batch * shape.prompt);
  StepBuilder b(layout);
  InputProjections(design, s, &b);
  PrefillCore(design, shape, s, &b);
  OutputProjection(s, &b);
  return b.Take();
}

std::vector<StepOp> DecodeStepOps(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout,
                                  const DecodeShape& shape) {
  const Sizes s(spec, design, layout, shape.batch * shape.query_length);
  return WholeModel(spec, layout, s, true, s.tokens, DecodeAttentionOps(spec, design, layout, shape));
}

std::vector<StepOp> PrefillOps(const ModelSpec& spec, const AttentionDesign& design, const Layout& layout,
                               const PrefillShape& shape) {
  const Sizes s(spec, design, layout, shape.batch * shape.prompt);
  // Only the last token of each prompt is sampled from.
  return WholeModel(spec, layout, s, false, shape.batch, PrefillAttentionOps(spec, design, layout, shape));
}

Work TotalWork(const std::vector<StepOp>& ops) {
  Work work;
  for (const StepOp& o : ops) work += WorkOf(o.op) * static_cast<double>(o.count);
  return work;
}

Work TotalWork(const std::vector<StepOp>& ops, StepPart part) {
  std::vector<StepOp> chosen;
  std::copy_if(ops.begin(), ops.end(), std::back_inserter(chosen),
               [&](const StepOp& o) { return o.part == part; });
  return TotalWork(chosen);
}

double MaterialisedQueryLength(const AttentionSpec& a, std::int64_t context) {
  // Per layer, head and sequence, halves of the operations: absorbed q [L (2 d_c + d_R) + d_c (d_h + d_v)] against
  // materialised L d_c (d_h + d_v) + q L (d_h + d_R + d_v); equal at q.
  const double keys = static_cast<double>(context);
  const double expand = static_cast<double>(a.kv_lora_rank) * (a.head_dim + a.v_head_dim);
  const double extra = keys * (2.0 * a.kv_lora_rank - a.head_dim - a.v_head_dim) + expand;
  return extra > 0 ? keys * expand / extra : std::numeric_limits<double>::infinity();
}

}  // namespace orrery::models
