// Attention designs as numbers: any model's attention recast as MHA, GQA, MQA or MLA, the alternatives to MLA's
// decoupled RoPE, and the cache each one keeps.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/units.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

/// Where the position enters.
enum class RopeMode {
  kOnHeads,    ///< MHA, GQA, MQA: every query and key head is rotated, the cache holds rotated keys
  kDecoupled,  ///< MLA: d_h^R extra dimensions per query head and one shared rotated key beside the latent
  kReapplied,  ///< MLA without the extra key: every cached key is up-projected and rotated again each step
  kOnLatent,   ///< the latent itself is the rotated key; queries are compared in the latent space
  kNone,       ///< no rotation: a distance bias on the scores (ALiBi), nothing stored for it
};

/// How MLA is computed while decoding. Prefill is materialised wherever the position allows it.
enum class MlaDecode {
  kAbsorbed,      ///< W^UK folded into the query, W^UV into the output: one shared head of d_c (+ d_h^R)
  kMaterialised,  ///< every cached token's keys and values up-projected to memory each step
};

struct AttentionDesign {
  std::string name;  ///< "mha", "gqa-8", "mqa", "mla", "mla-materialised", "mla-rope-reapplied", ...
  AttentionSpec spec;
  RopeMode rope = RopeMode::kOnHeads;
  MlaDecode decode = MlaDecode::kAbsorbed;
  std::string assumption;  ///< what recasting the model assumed; "" if nothing
  std::string quality;     ///< published effect on quality with its source, or "not published"
  bool own_layers =
      false;  ///< each layer keeps its own mixer; `spec` is the one of those that have the model's own

  bool is_mla() const { return spec.kind == AttentionKind::kMla; }
};

/// The design a model has by itself: "mha", "gqa-<groups>", "mqa" or "mla".
std::string OwnDesign(const AttentionSpec& spec);
/// The same of a model; "own" where its layers differ, or where they do not see every position.
std::string OwnDesign(const ModelSpec& spec);
/// The names MakeDesign understands ("gqa-N" stands for any N).
std::vector<std::string> KnownDesigns();
/// `base` recast as design `name` ("own" for its own). InputError on an unknown name or a group count that does
/// not divide the heads. A model without MLA is given V2's proportions, d_c = 4 d_h and d_h^R = d_h / 2
/// (DeepSeek-V2 report, table 1), and no query compression.
AttentionDesign MakeDesign(const std::string& name, const AttentionSpec& base);

/// A model's layers in design `name`. "own" keeps them as they are; any other replaces every mixer by that design over
/// all positions, with the sizes of the model's own attention.
AttentionDesign MakeDesign(const std::string& name, const ModelSpec& model);

/// Scores of one head over the tokens from position `from` to `to`, counted as the field counts causal attention: half
/// a square; within the window or the chunk, and over as many positions as an indexer chooses.
double CausalScores(const AttentionSpec& attention, std::int64_t from, std::int64_t to);

enum class CachePrecision {
  kBf16,
  kFp8,  ///< e4m3 with one FP32 scale per 128 elements, RoPE dimensions kept in BF16 (FlashMLA docs/20250929)
  kSixBit,  ///< 6 bits an element on average, as DeepSeek-V2 was deployed (V2 report section 3.2.3)
};
/// "bf16", "fp8", "6bit".
const char* Name(CachePrecision precision);
std::vector<std::string> CachePrecisionNames();

/// What one token leaves in one layer's cache.
struct CacheEntry {
  std::int64_t content = 0;  ///< keys and values, or the latent
  std::int64_t rope = 0;     ///< MLA's shared rotated key
  std::int64_t elements() const { return content + rope; }
};
CacheEntry CachePerLayer(const AttentionSpec& attention);
inline CacheEntry CachePerLayer(const AttentionDesign& design) { return CachePerLayer(design.spec); }

/// Layers that keep a cache: the main model's, and the MTP modules' where they are served (one layer each).
int CacheLayers(const ModelSpec& spec, bool with_mtp);

/// Bytes of one token in one layer's cache.
Bytes CacheBytesPerLayer(const AttentionSpec& attention, CachePrecision precision);
inline Bytes CacheBytesPerLayer(const AttentionDesign& design, CachePrecision precision) {
  return CacheBytesPerLayer(design.spec, precision);
}
/// What an indexer keeps of a token: its key in e4m3 with one FP32 scale per 128 elements (FlashMLA and DeepGEMM of
/// DeepSeek-V3.2), whatever the cache's precision.
Bytes IndexBytesPerLayer(const AttentionSpec& attention);
/// A recurrence's states in FP32, as the families' configurations ask (mamba_ssm_dtype), and the last inputs of its
/// convolution in BF16, of one request in one layer.
Bytes StateBytesPerLayer(const RecurrenceSpec& recurrence);

/// What a request of `length` tokens keeps on one GPU of `tensor` that share its heads: caches as far as they are
/// kept, and states. MTP modules have the model's own attention.
Bytes CacheBytes(const ModelSpec& spec, const AttentionDesign& design, CachePrecision precision,
                 bool with_mtp, std::int64_t length, int tensor = 1);

/// Bytes of one token over all layers of a model whose layers are alike and see every position.
Bytes CacheBytesPerToken(const ModelSpec& spec, const AttentionDesign& design, CachePrecision precision,
                         bool with_mtp);

/// GPUs of a tensor-parallel group that hold different parts of the cache: its key/value heads can be split, a
/// latent shared by all heads cannot.
int CacheShards(const AttentionSpec& attention, int tensor);
inline int CacheShards(const AttentionDesign& design, int tensor) { return CacheShards(design.spec, tensor); }

/// `spec` with the mixers of its layers replaced, for parameters, weights and kernels; itself where the design keeps
/// them.
ModelSpec WithDesign(const ModelSpec& spec, const AttentionDesign& design);

/// YaRN: the factor s by which `context` exceeds the trained window (1 inside it). Shapes do not change, the
/// cache grows with the context (arXiv 2309.00071; V3 report section 4.3).
double YarnFactor(std::int64_t context, std::int64_t trained_positions);
/// YaRN's sqrt(t) = 0.1 ln s + 1, by which queries and keys are scaled.
double YarnAttentionScale(double factor);

}  // namespace orrery::models
