// The kernels of one transformer layer, for every pass over it: training's forward pass, input gradients and weight
// gradients, and a server's prefill and decode. The only list of them.
//
// A layer is a list of sublayers (SublayersOf). Each has a file here that lists its kernels for every pass:
//
//   latent_attention   MLA                              latent_attention.cc
//   grouped_attention  MHA, GQA, MQA                    grouped_attention.cc
//   recurrence         linear attention, state spaces   recurrence.cc
//   feed_forward_input norm, router of an MoE layer     feed_forward_input.cc, router_ops.cc
//   dense              SwiGLU                           feed_forward.cc
//   experts            shared and routed experts        experts.cc, feed_forward.cc
//
// A new family of models adds an enumerator, a row of the table in layer.cc and a file.
//
// Training launches what DeepSeek's own trace shows (deepseek-ai/profile-data train.json), kernel for kernel. A
// server launches what is known of DeepSeek's decode profile (the same repository's decode.json as read in
// zdszero.github.io, deepseek_profile.md, 2025-12-01): projections that read the same input are one GEMM, norms add
// the residual stream, SwiGLU and its cast are one kernel, a cast writes its scales as the GEMM reads them, the gate's
// top-k is one kernel, and low-latency exchanges leave the rows where the masked GEMMs read them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/op/op.h"
#include "core/op/op_work.h"
#include "models/layers/routed_rows.h"
#include "models/spec/attention_design.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

enum class Pass : std::uint8_t { kForward, kInputGradient, kWeightGradient, kPrefill, kDecode };
constexpr bool IsInference(Pass pass) { return pass == Pass::kPrefill || pass == Pass::kDecode; }

/// The parts of a model that an op can belong to.
enum class Block : std::uint8_t {
  kAttention,     ///< the attention kernel over the sequences or the cache
  kUpProjection,  ///< cached tokens brought from their latents to keys and values (materialised MLA)
  kProjection,    ///< linear layers of attention, absorbed products and what prepares their operands
  kDense,
  kRouter,
  kSharedExperts,
  kExperts,  ///< routed experts
  kNorm,
  kEmbedding,
  kHead,  ///< final norm, output head, loss
  kMtp,   ///< projection of an MTP module
};
constexpr int kBlocks = 11;
/// "attention", "up-projection", "projections", "dense", "router", "shared experts", "experts", "norms", "embedding",
/// "head", "mtp".
std::string_view Name(Block block);
/// Of the feed-forward half of a layer but its norm.
constexpr bool IsFeedForward(Block block) {
  return block == Block::kDense || block == Block::kRouter || block == Block::kSharedExperts ||
         block == Block::kExperts;
}

/// One kernel, how often it is launched, and what it belongs to.
struct PlacedOp {
  Op op;
  std::int64_t count = 1;
  Block block = Block::kAttention;
};
/// Totals over `ops`, counts applied.
Work TotalWork(const std::vector<PlacedOp>& ops);
Work TotalWork(const std::vector<PlacedOp>& ops, Block block);

/// An MoE layer exchanges its tokens between its halves: kAttention is attention, the feed-forward's norm and the
/// router, kFeedForward the experts, or a dense layer's feed-forward.
enum class Half : std::uint8_t { kAttention, kFeedForward };
/// One pass over one half of a layer: what a training trace marks.
struct Phase {
  Pass pass = Pass::kForward;
  Half half = Half::kAttention;
  bool operator==(const Phase&) const = default;
};
/// The trace's name: "attn(F)", "mlp(B)", ...; "attn(prefill)" and so on for the passes that it does not have.
std::string Name(Phase phase);
namespace phase {
inline constexpr Phase kAttentionForward{Pass::kForward, Half::kAttention};
inline constexpr Phase kMlpForward{Pass::kForward, Half::kFeedForward};
inline constexpr Phase kMlpBackward{Pass::kInputGradient, Half::kFeedForward};
inline constexpr Phase kMlpWeight{Pass::kWeightGradient, Half::kFeedForward};
inline constexpr Phase kAttentionBackward{Pass::kInputGradient, Half::kAttention};
inline constexpr Phase kAttentionWeight{Pass::kWeightGradient, Half::kAttention};
}  // namespace phase
inline constexpr std::array kTrainingPhases = {phase::kAttentionForward,  phase::kMlpForward,
                                               phase::kMlpBackward,       phase::kMlpWeight,
                                               phase::kAttentionBackward, phase::kAttentionWeight};

/// The four exchanges of an MoE layer. combine(B) carries the gradients of the layer's output to the experts,
/// dispatch(B) brings the gradients of its input back.
enum class Exchange : std::uint8_t { kDispatchForward, kCombineForward, kCombineBackward, kDispatchBackward };
std::string_view Name(Exchange exchange);

/// `count` sequences alike: `tokens` new ones each, behind `cached` ones.
struct SequenceSpan {
  std::int64_t count = 1;
  std::int64_t tokens = 1;
  std::int64_t cached = 0;
  bool operator==(const SequenceSpan&) const = default;
};

/// What a rank is given: sequences with their own new tokens and context, and the rows that routing brings to its
/// experts.
struct Batch {
  std::vector<SequenceSpan> sequences;
  RoutedRows routed;   ///< of this layer; not read by layers without routed experts
  bool causal = true;  ///< training and prefill

  std::int64_t tokens() const;  ///< new ones
  std::int64_t count() const;   ///< sequences
  bool operator==(const Batch&) const = default;
};
/// `count` sequences of `tokens` each, nothing cached.
Batch Sequences(std::int64_t count, std::int64_t tokens);

enum class WeightPrecision : std::uint8_t {
  kBf16,
  kFp8
};  ///< of linear layers; router, embedding, head stay BF16
enum class NormKind : std::uint8_t { kRms, kLayer };
/// How a gate chooses its experts.
enum class RouterKernels : std::uint8_t {
  kFused,  ///< one kernel from logits to chosen experts and weights, as serving engines and the decode profile have
  kStepwise,  ///< a framework's own small kernels, one after another, as in the training trace
};

/// What of a layer this rank holds, and how.
struct Shard {
  int tensor = 1;         ///< ranks that split heads, dense and shared feed-forward
  int local_experts = 0;  ///< routed experts of a layer on this rank, replicas included; 0 for dense models
  WeightPrecision weights = WeightPrecision::kFp8;
  CachePrecision cache = CachePrecision::kBf16;
  NormKind norm = NormKind::kRms;
  RouterKernels router = RouterKernels::kFused;  ///< of prefill and decode; training is stepwise

  bool fp8() const { return weights == WeightPrecision::kFp8; }
  bool operator==(const Shard&) const = default;
};

/// What training keeps in a smaller form or computes again (V3 sections 3.2.3 and 3.3.3), all visible in its trace.
struct MemorySavings {
  bool recompute_norms = true;           ///< RMSNorm outputs
  bool recompute_up_projections = true;  ///< MLA q_b, kv_b and the heads assembled from them
  bool recompute_swiglu = true;          ///< SwiGLU outputs; its input is kept (FP8 where the weights are)
  bool attention_output_e5m6 = true;     ///< with FP8: attention output kept in 12 bits, else BF16
  bool operator==(const MemorySavings&) const = default;
};

/// What one rank computes of a batch, on what it holds of the layer.
struct LayerShape {
  Batch batch = Sequences(1, 4096);
  Shard shard;
  MemorySavings savings;
  bool scale_attention_output = true;  ///< training's trace multiplies it, and its gradient, by a constant
  std::int64_t row_alignment =
      128;  ///< rows of each expert are padded to this (GEMM tile) but in masked GEMMs

  std::int64_t tokens() const { return batch.tokens(); }
  bool fp8() const { return shard.fp8(); }
  bool SavesE5M6() const { return fp8() && savings.attention_output_e5m6; }
  /// Of the experts' kernels in `pass`.
  GroupRows Groups(Pass pass) const {
    return GroupsOf(batch.routed.expert_rows, pass == Pass::kDecode ? 1 : row_alignment);
  }
  bool operator==(const LayerShape&) const = default;
};

/// Which layer: its feed-forward, its mixer, and another attention than the model's own where `design` is given (by
/// reference; not read by layers of other mixers).
struct LayerRef {
  LayerKind kind = LayerKind::kMoe;
  const AttentionDesign* design = nullptr;
  int mixer = kOwnMixer;
};
inline LayerRef RefOf(const LayerBlocks& blocks) { return {blocks.kind, nullptr, blocks.mixer}; }

enum class Sublayer : std::uint8_t {
  kLatentAttention,
  kGroupedAttention,
  kRecurrence,
  kFeedForwardInput,
  kDense,
  kExperts
};
/// In forward order; gradients run through them backwards.
std::vector<Sublayer> SublayersOf(const ModelSpec& spec, LayerRef layer);
constexpr Half HalfOf(Sublayer sublayer) {
  return sublayer == Sublayer::kDense || sublayer == Sublayer::kExperts ? Half::kFeedForward
                                                                        : Half::kAttention;
}

/// The kernels of a layer in launch order, every count 1. Aborts if the layer is MoE and the model is not, or if the
/// batch has not rows for each of local_experts.
std::vector<PlacedOp> LayerOps(const ModelSpec& spec, LayerRef layer, Pass pass, const LayerShape& shape);
/// Of one half alone.
std::vector<PlacedOp> PhaseOps(const ModelSpec& spec, LayerRef layer, Phase phase, const LayerShape& shape);
/// Of one sublayer alone.
std::vector<PlacedOp> SublayerOps(const ModelSpec& spec, LayerRef layer, Sublayer sublayer, Pass pass,
                                  const LayerShape& shape);

/// Compute that runs on the communication stream before the exchange's payload (training).
std::vector<PlacedOp> ExchangeOps(const ModelSpec& spec, Exchange exchange, const LayerShape& shape);

/// Attention over all sequences of the batch as one kernel, of `shape`'s heads and widths: sequences that are alike by
/// their lengths, others by the sums over them. In decode new tokens attend to the cached ones, else to those and,
/// causally, to one another.
AttentionShape OverSequences(AttentionShape shape, const Batch& batch, Pass pass);
/// The same of an attention that does not see every position: in decode the cache as far as it is read, else the
/// scores of its window, its chunks or the positions that its indexer chooses. Whole tiles at a window's edges are not
/// in them.
AttentionShape OverSequences(AttentionShape shape, const AttentionSpec& attention, const Batch& batch,
                             Pass pass);
/// Flash attention's shape over the batch.
AttentionShape FlashShape(const AttentionSpec& attention, const LayerShape& shape);

}  // namespace orrery::models
