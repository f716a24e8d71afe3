// What a transformer is made of: the numbers of its config, nothing about how it is run.
//
// A layer is a list of blocks: a mixer, which brings tokens together, and a feed-forward. A mixer is softmax attention
// (MHA, GQA, MQA, MLA; of all positions, a window, a chunk, or the positions that an indexer chooses), a recurrence
// with a state of constant size, or both side by side. Where all layers have the same mixer, `attention` is it. Other
// mixers stand beside it in `mixers`, and `pattern` says which layer has which.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/document.h"
#include "core/config/fields.h"

namespace orrery::models {

enum class AttentionKind { kMha, kGqa, kMqa, kMla };

struct AttentionSpec {
  AttentionKind kind = AttentionKind::kGqa;
  int heads = 0;     ///< query heads
  int kv_heads = 0;  ///< key/value heads; MLA: equals heads (after up-projection)
  int head_dim = 0;  ///< query/key dimension without RoPE part (MLA: qk_nope_head_dim; else the whole head)
  int rope_dim = 0;  ///< MLA: decoupled RoPE dimension per head (shared key); 0 otherwise
  int v_head_dim = 0;
  int q_lora_rank = 0;   ///< MLA: query compression d_c'; 0 = none
  int kv_lora_rank = 0;  ///< MLA: key/value compression d_c
  bool qkv_bias = false;
  bool qk_norm = false;        ///< RMSNorm on each query and key head (Qwen3)
  bool qk_norm_joint = false;  ///< RMSNorm over all query heads together, and over all key heads (OLMo-2)
  bool output_bias = false;
  bool output_gate = false;  ///< a gate as wide as the heads' values, projected beside the query (Qwen3-Next)
  bool sinks = false;        ///< a learned logit a head that takes its share of every softmax (gpt-oss)
  int window = 0;            ///< positions a token sees, its own among them; 0: all before it
  int chunk = 0;             ///< a token sees those of its own chunk alone (Llama 4); 0: no chunks
  int index_heads = 0;       ///< MLA: heads of the indexer that chooses positions (DeepSeek-V3.2); 0: none
  int index_dim = 0;         ///< of a head of the indexer
  int index_top_k = 0;       ///< positions that a token attends to

  /// The most positions of the cache that a decoded token reads, of `length`; the whole of its chunk where there are
  /// chunks.
  std::int64_t Reach(std::int64_t length) const {
    if (window > 0) length = std::min<std::int64_t>(length, window);
    if (chunk > 0) length = std::min<std::int64_t>(length, chunk);
    return index_top_k > 0 ? std::min<std::int64_t>(length, index_top_k) : length;
  }
  /// Positions that stay in the cache: an indexer chooses among all of them.
  std::int64_t Kept(std::int64_t length) const {
    if (window > 0) length = std::min<std::int64_t>(length, window);
    return chunk > 0 ? std::min<std::int64_t>(length, chunk) : length;
  }
  bool SeesAll() const { return window == 0 && chunk == 0 && index_top_k == 0; }
  bool operator==(const AttentionSpec&) const = default;
};

enum class RecurrenceKind : std::uint8_t {
  kGatedDelta,  ///< gated delta rule, a decay a head (Qwen3-Next; Yang et al., arXiv 2412.06464)
  kKimiDelta,   ///< the same with a decay a channel (Kimi Linear, arXiv 2510.26692)
  kMamba2,      ///< state-space duality (Dao and Gu, arXiv 2405.21060)
};

/// A linear-attention or state-space mixer: each head holds a matrix of key_dim x value_dim, whatever the length.
struct RecurrenceSpec {
  RecurrenceKind kind = RecurrenceKind::kGatedDelta;
  int heads = 0;      ///< with a state each; value heads
  int key_heads = 0;  ///< that share queries and keys; Mamba-2: groups
  int key_dim = 0;    ///< Mamba-2: the state's size
  int value_dim = 0;  ///< of a head
  int conv = 0;       ///< taps of the short convolution before the recurrence
  int chunk = 64;     ///< tokens that a prefill takes at a time

  std::int64_t keys() const { return std::int64_t{key_heads} * key_dim; }
  std::int64_t values() const { return std::int64_t{heads} * value_dim; }
  /// What passes the convolution: queries, keys and values.
  std::int64_t channels() const { return 2 * keys() + values(); }
  bool operator==(const RecurrenceSpec&) const = default;
};

/// A mixer beside the model's own attention. Both parts: they read the same input side by side (Falcon-H1).
struct MixerSpec {
  std::string name;
  std::optional<AttentionSpec> attention;
  std::optional<RecurrenceSpec> recurrence;
  bool operator==(const MixerSpec&) const = default;
};

struct MoeSpec {
  int routed_experts = 0;
  int shared_experts = 0;
  int top_k = 0;
  int intermediate = 0;         ///< of one routed expert
  int shared_intermediate = 0;  ///< of all shared experts together
  int first_dense_layers = 0;
  int groups = 1;        ///< group-limited routing: expert groups (n_group)
  int top_groups = 1;    ///< groups kept per token (topk_group)
  bool sigmoid = false;  ///< affinity: sigmoid, else softmax
  double route_scale = 1.0;
  bool shared_gate = false;  ///< a learned gate on the shared expert (Qwen2-MoE)
  bool operator==(const MoeSpec&) const = default;
};

/// The feed-forward of a layer.
enum class LayerKind : std::uint8_t { kDense, kMoe, kNone };

constexpr int kOwnMixer = 0;  ///< ModelSpec::attention; i > 0: ModelSpec::mixers[i - 1]
constexpr int kNoMixer = -1;  ///< a layer that is a feed-forward alone (Nemotron-H)

/// The blocks of one layer.
struct LayerBlocks {
  LayerKind kind = LayerKind::kDense;
  int mixer = kOwnMixer;

  LayerBlocks(LayerKind feed_forward = LayerKind::kDense,
              int of_mixer = kOwnMixer)  // NOLINT: a kind says it mostly
      : kind(feed_forward), mixer(of_mixer) {}
  bool operator==(const LayerBlocks&) const = default;
};
/// Layers of the same blocks.
struct LayerGroup {
  LayerBlocks blocks;
  int count = 0;
};

struct ModelSpec {
  std::string name;
  std::string source;
  std::vector<std::string> notes;  ///< of a file: what stood in for it, what of it is not taken
  int layers = 0;                  ///< main model, without MTP modules
  int hidden = 0;
  std::int64_t vocabulary = 0;
  int dense_intermediate = 0;  ///< SwiGLU width of dense layers; 0 if every layer is MoE
  AttentionSpec attention;
  std::vector<MixerSpec> mixers;     ///< beside `attention`
  std::vector<LayerBlocks> pattern;  ///< of the layers, over and over; empty: every layer has `attention`
  std::optional<MoeSpec> moe;
  int mtp_modules = 0;  ///< multi-token prediction depth; shares embedding and head
  bool tied_embeddings = false;
  bool gated = true;  ///< feed-forwards are SwiGLU; else one matrix up, an activation, one down (Nemotron-H)
  std::int64_t max_positions = 0;  ///< of the pre-training window; 0: not known
  std::int64_t scaled_positions =
      0;  ///< after the RoPE scaling that its publisher declares; 0: none is declared

  /// The longest sequence the positions are declared for; 0: not known.
  std::int64_t LongestSequence() const { return std::max(max_positions, scaled_positions); }
  /// Layer `layer`'s. Where no pattern tells, a layer has experts from first_dense_layers on.
  LayerBlocks BlocksOf(int layer) const;
  /// Layers by their blocks: dense ones first, and of each kind by the mixers' order.
  std::vector<LayerGroup> Groups() const;
  bool IsMoeLayer(int layer) const { return BlocksOf(layer).kind == LayerKind::kMoe; }
  int MoeLayers() const {
    return pattern.empty() ? (moe ? layers - moe->first_dense_layers : 0) : CountMoe(layers);
  }
  int DenseLayers() const;
  /// MoE layers before `layer`.
  int MoeIndex(int layer) const {
    return pattern.empty() ? layer - (moe ? moe->first_dense_layers : layer) : CountMoe(layer);
  }
  /// Layers that have the mixer.
  int LayersWith(int mixer) const;
  /// A mixer's softmax attention, or nullptr; its recurrence, or nullptr.
  const AttentionSpec* AttentionOf(int mixer) const;
  const RecurrenceSpec* RecurrenceOf(int mixer) const;
  /// Whether every layer has `attention`, and that sees every position.
  bool IsUniform() const { return pattern.empty() && attention.SeesAll(); }
  bool operator==(const ModelSpec&) const = default;

 private:
  int CountMoe(int end) const;  ///< layers with experts before `end`
};

/// The keys of a whole model.
const Fields<ModelSpec>& ModelFields();
/// The model as ReadModel takes it: a preset's name, {preset: NAME, override: {...}} where that reads back to
/// it, else all its keys.
Written WriteModel(const ModelSpec& spec);
/// Both, described.
Codec<ModelSpec> ModelCodec();

/// Reads a model: a preset name, {preset: NAME, override: {...}}, {huggingface: FILE}, or a whole spec.
ModelSpec ReadModel(const Value& value);
/// A preset of models/data/; InputError naming the known ones.
ModelSpec ModelPreset(const std::string& name);
std::vector<std::string> ModelPresets();
/// " (did you mean 'x'?)" of the preset that a name stands for, by what people type ("deepseek-r1" has
/// DeepSeek-V3's shape) or by its letters; "" if none is near.
std::string ModelHint(const std::string& name);

}  // namespace orrery::models
