// What a transformer is made of: the numbers of its config, nothing about how it is run.
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
  bool qk_norm = false;  ///< RMSNorm on each query and key head (Qwen3)
  bool operator==(const AttentionSpec&) const = default;
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

struct ModelSpec {
  std::string name;
  std::string source;
  std::vector<std::string> notes;  ///< of a file: what stood in for it, what of it is not taken
  int layers = 0;                  ///< main model, without MTP modules
  int hidden = 0;
  std::int64_t vocabulary = 0;
  int dense_intermediate = 0;  ///< SwiGLU width of dense layers; 0 if every layer is MoE
  AttentionSpec attention;
  std::optional<MoeSpec> moe;
  int mtp_modules = 0;  ///< multi-token prediction depth; shares embedding and head
  bool tied_embeddings = false;
  std::int64_t max_positions = 0;  ///< of the pre-training window; 0: not known
  std::int64_t scaled_positions =
      0;  ///< after the RoPE scaling that its publisher declares; 0: none is declared

  /// The longest sequence the positions are declared for; 0: not known.
  std::int64_t LongestSequence() const { return std::max(max_positions, scaled_positions); }
  bool IsMoeLayer(int layer) const { return moe && layer >= moe->first_dense_layers; }
  int MoeLayers() const { return moe ? layers - moe->first_dense_layers : 0; }
  bool operator==(const ModelSpec&) const = default;
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
