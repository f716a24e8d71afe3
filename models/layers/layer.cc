#include "models/layers/layer.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "models/layers/kernels.h"
#include "models/layers/op_list.h"

namespace orrery::models {
namespace {

/// Who lists a sublayer's kernels.
struct SublayerRow {
  Sublayer sublayer;
  void (*append)(const SublayerContext&, OpList*);
};
constexpr SublayerRow kSublayers[] = {{Sublayer::kLatentAttention, AppendLatentAttention},
                                      {Sublayer::kGroupedAttention, AppendGroupedAttention},
                                      {Sublayer::kRecurrence, AppendRecurrence},
                                      {Sublayer::kFeedForwardInput, AppendFeedForwardInput},
                                      {Sublayer::kDense, AppendDense},
                                      {Sublayer::kExperts, AppendExperts}};

constexpr std::array<std::string_view, kBlocks> kBlockNames = {
    "attention", "up-projection", "projections", "dense", "router", "shared experts",
    "experts",   "norms",         "embedding",   "head",  "mtp"};
constexpr std::array<std::string_view, 5> kPassNames = {"F", "B", "W", "prefill", "decode"};
constexpr std::array<std::string_view, 4> kExchangeNames = {"dispatch(F)", "combine(F)", "combine(B)",
                                                            "dispatch(B)"};

void Check(const ModelSpec& spec, LayerRef layer, const LayerShape& shape) {
  for (const SequenceSpan& s : shape.batch.sequences) {
    ORRERY_CHECK(s.count > 0 && s.tokens > 0 && s.cached >= 0,
                 std::to_string(s.count) + " sequences of " + std::to_string(s.tokens) + " tokens behind " +
                     std::to_string(s.cached));
  }
  ORRERY_CHECK(shape.tokens() > 0, "a batch without tokens");
  ORRERY_CHECK(layer.kind != LayerKind::kMoe || spec.moe, "an MoE layer of the dense model " + spec.name);
}

void CheckRows(const LayerShape& shape) {
  const std::size_t given = shape.batch.routed.expert_rows.size();
  ORRERY_CHECK(given == static_cast<std::size_t>(shape.shard.local_experts),
               "rows of " + std::to_string(given) + " experts for " +
                   std::to_string(shape.shard.local_experts) + " on this rank");
}

/// The mixer's softmax attention, the design's where one is given; nullptr where the mixer has none.
const AttentionSpec* AttentionIn(const ModelSpec& spec, LayerRef layer) {
  if (layer.design != nullptr && layer.mixer == kOwnMixer) return &layer.design->spec;
  return spec.AttentionOf(layer.mixer);
}

SublayerContext ContextOf(const ModelSpec& spec, LayerRef layer, Pass pass, const LayerShape& shape) {
  if (layer.design != nullptr && layer.mixer == kOwnMixer) {
    const AttentionDesign& d = *layer.design;
    return {spec, d.spec, d.rope, d.decode, layer.kind, pass, shape};
  }
  const AttentionSpec* attention = spec.AttentionOf(layer.mixer);
  const AttentionSpec& of = attention != nullptr ? *attention : spec.attention;  // not read without one
  const bool latent = of.kind == AttentionKind::kMla;
  return {spec,
          of,
          latent ? RopeMode::kDecoupled : RopeMode::kOnHeads,
          MlaDecode::kAbsorbed,
          layer.kind,
          pass,
          shape,
          spec.RecurrenceOf(layer.mixer),
          attention != nullptr};
}

void Append(const SublayerContext& context, Sublayer sublayer, OpList* ops) {
  if (sublayer == Sublayer::kExperts) CheckRows(context.shape);
  for (const SublayerRow& row : kSublayers) {
    if (row.sublayer == sublayer) row.append(context, ops);
  }
}

/// Every sublayer of the halves that `wanted` takes, backwards for gradients of inputs and weights.
template <typename Wanted>
std::vector<PlacedOp> Listed(const ModelSpec& spec, LayerRef layer, Pass pass, const LayerShape& shape,
                             Wanted wanted) {
  Check(spec, layer, shape);
  const SublayerContext context = ContextOf(spec, layer, pass, shape);
  std::vector<Sublayer> sublayers = SublayersOf(spec, layer);
  if (pass == Pass::kInputGradient || pass == Pass::kWeightGradient)
    std::reverse(sublayers.begin(), sublayers.end());
  OpList ops;
  for (const Sublayer sublayer : sublayers) {
    if (wanted(sublayer)) Append(context, sublayer, &ops);
  }
  return ops.Take();
}

/// Training or prefill where no token sees every position before it: keys that are read once, and the scores.
AttentionShape OverLimited(AttentionShape shape, const AttentionSpec& a, const Batch& batch) {
  double scores = 0;
  std::int64_t lengths = 0;
  for (const SequenceSpan& s : batch.sequences) {
    // An indexer may choose any position, a window no older ones than reach into it.
    const std::int64_t older = a.index_top_k > 0 ? s.cached : a.Reach(s.cached);
    shape.totals.queries += s.count * s.tokens;
    shape.totals.keys += s.count * (older + s.tokens);
    scores += static_cast<double>(s.count) * CausalScores(a, s.cached, s.cached + s.tokens);
    lengths += s.count * (s.cached + s.tokens);
  }
  shape.totals.scores = std::llround(scores);
  shape.q_len = CeilDiv(shape.totals.queries, shape.batch);
  shape.kv_len = CeilDiv(lengths, shape.batch);
  return shape;
}

/// Whether all sequences have as many new tokens and as many cached.
bool Alike(const std::vector<SequenceSpan>& sequences) {
  return std::all_of(sequences.begin(), sequences.end(), [&](const SequenceSpan& s) {
    return s.tokens == sequences.front().tokens && s.cached == sequences.front().cached;
  });
}

}  // namespace

std::string_view Name(Block block) { return kBlockNames[static_cast<std::size_t>(block)]; }

std::string Name(Phase phase) {
  const std::string half = phase.half == Half::kAttention ? "attn" : "mlp";
  return half + "(" + std::string(kPassNames[static_cast<std::size_t>(phase.pass)]) + ")";
}

std::string_view Name(Exchange exchange) { return kExchangeNames[static_cast<std::size_t>(exchange)]; }

Work TotalWork(const std::vector<PlacedOp>& ops) {
  Work work;
  for (const PlacedOp& o : ops) work += WorkOf(o.op) * static_cast<double>(o.count);
  return work;
}

Work TotalWork(const std::vector<PlacedOp>& ops, Block block) {
  Work work;
  for (const PlacedOp& o : ops) {
    if (o.block == block) work += WorkOf(o.op) * static_cast<double>(o.count);
  }
  return work;
}

std::int64_t Batch::tokens() const {
  std::int64_t sum = 0;
  for (const SequenceSpan& s : sequences) sum += s.count * s.tokens;
  return sum;
}

std::int64_t Batch::count() const {
  std::int64_t sum = 0;
  for (const SequenceSpan& s : sequences) sum += s.count;
  return sum;
}

Batch Sequences(std::int64_t count, std::int64_t tokens) { return {{{count, tokens, 0}}, {}, true}; }

std::vector<Sublayer> SublayersOf(const ModelSpec& spec, LayerRef layer) {
  std::vector<Sublayer> sublayers;
  if (const AttentionSpec* a = AttentionIn(spec, layer)) {
    sublayers.push_back(a->kind == AttentionKind::kMla ? Sublayer::kLatentAttention
                                                       : Sublayer::kGroupedAttention);
  }
  if (spec.RecurrenceOf(layer.mixer) != nullptr) sublayers.push_back(Sublayer::kRecurrence);
  if (layer.kind == LayerKind::kNone) return sublayers;
  sublayers.push_back(Sublayer::kFeedForwardInput);
  sublayers.push_back(layer.kind == LayerKind::kDense ? Sublayer::kDense : Sublayer::kExperts);
  return sublayers;
}

std::vector<PlacedOp> LayerOps(const ModelSpec& spec, LayerRef layer, Pass pass, const LayerShape& shape) {
  return Listed(spec, layer, pass, shape, [](Sublayer) { return true; });
}

std::vector<PlacedOp> PhaseOps(const ModelSpec& spec, LayerRef layer, Phase phase, const LayerShape& shape) {
  return Listed(spec, layer, phase.pass, shape, [&](Sublayer s) { return HalfOf(s) == phase.half; });
}

std::vector<PlacedOp> SublayerOps(const ModelSpec& spec, LayerRef layer, Sublayer sublayer, Pass pass,
                                  const LayerShape& shape) {
  return Listed(spec, layer, pass, shape, [&](Sublayer s) { return s == sublayer; });
}

std::vector<PlacedOp> ExchangeOps(const ModelSpec& spec, Exchange exchange, const LayerShape& shape) {
  ORRERY_CHECK(spec.moe, "an exchange of the dense model " + spec.name);
  OpList ops;
  ops.set_block(Block::kRouter);
  if (exchange == Exchange::kDispatchForward)
    ops.push_back(kernel::Rows(OpKind::kRouterMisc, shape.tokens(), spec.moe->top_k, 8, "dispatch layout"));
  if (exchange == Exchange::kCombineBackward && shape.fp8())
    ops.push_back(kernel::Cast(shape.tokens(), spec.hidden, "combine gradient cast"));
  return ops.Take();
}

AttentionShape OverSequences(AttentionShape shape, const Batch& batch, Pass pass) {
  return OverSequences(shape, AttentionSpec{}, batch, pass);
}

AttentionShape OverSequences(AttentionShape shape, const AttentionSpec& a, const Batch& batch, Pass pass) {
  const bool decode = pass == Pass::kDecode;
  shape.causal = !decode && batch.causal;
  bool limited = false;  // by a window, chunks or an indexer
  const auto one = [&](const SequenceSpan& s) {
    AttentionShape of = shape;
    of.q_len = s.tokens;
    of.kv_len = decode ? a.Reach(s.cached) : s.cached + s.tokens;
    limited = limited || (!decode && a.Reach(s.cached + s.tokens) < s.cached + s.tokens);
    return of;
  };
  shape.batch = batch.count();
  for (const SequenceSpan& s : batch.sequences) one(s);
  if (limited) return OverLimited(shape, a, batch);
  if (Alike(batch.sequences)) {
    const std::int64_t sequences = shape.batch;
    shape = one(batch.sequences.front());
    shape.batch = sequences;
    return shape;
  }
  double scores = 0;
  for (const SequenceSpan& s : batch.sequences) {
    const AttentionShape of = one(s);
    shape.totals.queries += s.count * of.q_len;
    shape.totals.keys += s.count * of.kv_len;
    scores += static_cast<double>(s.count) * Scores(of);
  }
  shape.totals.scores = std::llround(scores);
  shape.q_len = CeilDiv(shape.totals.queries, shape.batch);
  shape.kv_len = CeilDiv(shape.totals.keys, shape.batch);
  return shape;
}

AttentionShape FlashShape(const AttentionSpec& a, const LayerShape& shape) {
  const int tensor = shape.shard.tensor;
  return OverSequences({.heads = a.heads / tensor,
                        .kv_heads = std::max(1, a.kv_heads / tensor),
                        .d_qk = std::int64_t{a.head_dim} + a.rope_dim,
                        .d_v = a.v_head_dim},
                       a, shape.batch, Pass::kForward);
}

}  // namespace orrery::models
