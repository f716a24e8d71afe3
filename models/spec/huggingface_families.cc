// A new architecture is an entry of the table at the end and, where no reader suits it, one function.
//
// Class defaults are those of transformers 5 (huggingface/transformers, src/transformers/models/*/
// configuration_*.py at commit 008e574 of 2026; DeepseekV3Config and MistralConfig at 001f85b,
// Qwen3VLTextConfig at 000c33f). Sizes have defaults there too, but are left out here on purpose: a file
// without its layers or its experts is cut off, not a model of the class's own example.
#include "models/spec/huggingface_families.h"

namespace orrery::models {
namespace {

/// Layers from `first_sliding` on see a window, unless the window covers every position.
void RefuseWindow(HuggingFaceConfig* c, int first_sliding, int layers) {
  const Value* window = c->Quiet("sliding_window");
  if (window == nullptr || first_sliding >= layers || c->Quiet("layer_types") != nullptr) return;
  const std::int64_t most = std::int64_t{1} << 40;
  if (window->AsInt(0, most) >= c->Get("max_position_embeddings").AsInt(1, most)) return;
  throw window->Error(
      "not understood: a sliding window caps the cache (null where attention sees every position)");
}

/// Qwen's window counts only where it is switched on.
void RefuseSwitchedWindow(HuggingFaceConfig* c, int first_sliding, int layers) {
  const Value* use = c->Quiet("use_sliding_window");
  c->Ignore({"sliding_window", "max_window_layers"});
  if (use == nullptr || !use->AsBool() || c->Quiet("layer_types") != nullptr) return;
  const Value* window = c->Quiet("sliding_window");
  const std::int64_t most = std::int64_t{1} << 40;
  const bool covers =
      window == nullptr || window->AsInt(0, most) >= c->Get("max_position_embeddings").AsInt(1, most);
  if (!covers && first_sliding < layers)
    throw use->Error("not understood: a sliding window caps the cache of some layers");
}

AttentionSpec ReadGrouped(HuggingFaceConfig* c) {
  AttentionSpec a;
  a.heads = c->Int("num_attention_heads");
  a.kv_heads = c->IntOr("num_key_value_heads", a.heads, 1);
  if (a.heads % a.kv_heads != 0)
    throw c->Get("num_key_value_heads").Error("expected a divisor of num_attention_heads");
  const int hidden = c->Int("hidden_size");
  if (c->Quiet("head_dim") == nullptr && hidden % a.heads != 0)
    throw c->root().Error("missing key 'head_dim': heads do not divide hidden_size");
  a.head_dim = c->IntOr("head_dim", hidden / a.heads, 1);
  a.v_head_dim = a.head_dim;
  a.kind = a.kv_heads == a.heads ? AttentionKind::kMha
           : a.kv_heads == 1     ? AttentionKind::kMqa
                                 : AttentionKind::kGqa;
  return a;
}

AttentionSpec ReadMla(HuggingFaceConfig* c) {
  AttentionSpec a;
  a.kind = AttentionKind::kMla;
  a.heads = a.kv_heads = c->Int("num_attention_heads");
  a.head_dim = c->Int("qk_nope_head_dim");
  a.rope_dim = c->Int("qk_rope_head_dim");
  a.v_head_dim = c->Int("v_head_dim");
  a.kv_lora_rank = c->Int("kv_lora_rank");
  a.q_lora_rank = c->IntOr("q_lora_rank", 0);
  if (const Value* total = c->Quiet("qk_head_dim"))
    total->AsInt(a.head_dim + a.rope_dim, a.head_dim + a.rope_dim);
  return a;
}

void CheckMoe(HuggingFaceConfig* c, const std::string& experts_key, const MoeSpec& m, int layers) {
  if (m.top_k > m.routed_experts)
    throw c->Get("num_experts_per_tok").Error("expected at most " + experts_key);
  if (m.routed_experts % m.groups != 0) throw c->Get("n_group").Error("expected a divisor of " + experts_key);
  if (m.top_groups > m.groups) throw c->Get("topk_group").Error("expected at most n_group");
  if (m.top_k > m.top_groups * (m.routed_experts / m.groups))
    throw c->Get("topk_group").Error("its groups hold fewer experts than num_experts_per_tok");
  if (m.first_dense_layers > layers)
    throw c->Get("first_k_dense_replace").Error("expected at most num_hidden_layers");
}

MoeSpec ReadDeepSeekMoe(HuggingFaceConfig* c, int layers) {
  MoeSpec m;
  m.routed_experts = c->Int("n_routed_experts", 1, 65536);
  m.shared_experts = c->IntOr("n_shared_experts", 0);
  m.top_k = c->Int("num_experts_per_tok");
  m.intermediate = c->Int("moe_intermediate_size");
  m.shared_intermediate = m.shared_experts * m.intermediate;
  m.first_dense_layers = c->Int("first_k_dense_replace", 0);
  // "greedy" chooses among all experts, whatever n_group says (DeepseekV2Moe.route_tokens_to_experts).
  const bool greedy = c->Get("topk_method").AsChoice({"greedy", "group_limited_greedy", "noaux_tc"}) == 0;
  c->Ignore({"n_group", "topk_group"});
  m.groups = greedy ? 1 : c->IntOr("n_group", 1, 1);
  m.top_groups = greedy ? 1 : c->IntOr("topk_group", m.groups, 1);
  m.route_scale = c->Get("routed_scaling_factor").AsDouble(1e-6, 1e6);
  m.sigmoid = c->Get("scoring_func").AsChoice({"softmax", "sigmoid"}) == 1;
  CheckMoe(c, "n_routed_experts", m, layers);
  return m;
}

/// Whether n_routed_experts is there; null makes the model dense (DeepSeek's own configuration_deepseek.py).
bool HasExperts(HuggingFaceConfig* c) {
  if (!c->InFile("n_routed_experts"))
    throw c->root().Error(
        "missing key 'n_routed_experts': how many experts a layer routes to (null in a dense model)");
  if (c->Quiet("n_routed_experts") != nullptr) return true;
  for (const char* key : {"num_experts_per_tok", "moe_intermediate_size", "n_shared_experts"}) {
    if (const Value* value = c->Quiet(key); value != nullptr && c->InFile(key))
      throw value->Error("expected null, as n_routed_experts: the model would have no experts");
  }
  c->Ignore({"first_k_dense_replace", "n_group", "topk_group", "topk_method", "scoring_func",
             "routed_scaling_factor"});
  return false;
}

void ReadDeepSeek(HuggingFaceConfig* c, ModelSpec* spec) {
  RefuseWindow(c, 0, spec->layers);
  if (HasExperts(c)) spec->moe = ReadDeepSeekMoe(c, spec->layers);
  // No key of transformers' class, whose model leaves the modules out; DeepSeek's own files have it.
  const Value* mtp = c->Quiet("num_nextn_predict_layers");
  if (mtp != nullptr) spec->mtp_modules = static_cast<int>(mtp->AsInt(0, kMaxDimension));
  spec->attention = ReadMla(c);
}

void ReadLlama(HuggingFaceConfig* c, ModelSpec* spec) {
  RefuseWindow(c, 0, spec->layers);
  spec->attention = ReadGrouped(c);
}

void ReadMixtral(HuggingFaceConfig* c, ModelSpec* spec) {
  ReadLlama(c, spec);
  MoeSpec m;
  m.routed_experts = c->Int("num_local_experts", 1, 65536);
  m.top_k = c->Int("num_experts_per_tok");
  m.intermediate = c->Int("intermediate_size");
  CheckMoe(c, "num_local_experts", m, spec->layers);
  spec->moe = m;
}

/// Qwen2Attention has a bias on Q, K and V whatever the file says.
void ReadQwen2(HuggingFaceConfig* c, ModelSpec* spec) {
  const Value* full = c->Quiet("max_window_layers");
  RefuseSwitchedWindow(c, full != nullptr ? static_cast<int>(full->AsInt(0, kMaxDimension)) : 0,
                       spec->layers);
  spec->attention = ReadGrouped(c);
  spec->attention.qkv_bias = true;
}

/// Qwen3Attention has a norm on each query and key head instead.
void ReadQwen3(HuggingFaceConfig* c, ModelSpec* spec) {
  ReadQwen2(c, spec);
  spec->attention.qkv_bias = false;
  spec->attention.qk_norm = true;
}

/// `mlp_only_layers` must be the first layers: [0, 1, ... k-1].
int DensePrefix(HuggingFaceConfig* c) {
  const Value* only = c->Quiet("mlp_only_layers");
  if (only == nullptr) return 0;
  int expected = 0;
  for (const Value& layer : only->items()) {
    if (layer.AsInt(0, kMaxDimension) != expected++)
      throw only->Error("not understood: dense layers are modelled only as the first ones");
  }
  return expected;
}

MoeSpec ReadQwenMoe(HuggingFaceConfig* c, int layers) {
  MoeSpec m;
  m.routed_experts = c->Int("num_experts", 1, 65536);
  m.top_k = c->Int("num_experts_per_tok");
  m.intermediate = c->Int("moe_intermediate_size");
  m.first_dense_layers = DensePrefix(c);
  CheckMoe(c, "num_experts", m, layers);
  return m;
}

void ReadQwen2Moe(HuggingFaceConfig* c, ModelSpec* spec) {
  RefuseSwitchedWindow(c, 0, spec->layers);
  spec->attention = ReadGrouped(c);
  spec->attention.qkv_bias = c->Bool("qkv_bias");
  spec->moe = ReadQwenMoe(c, spec->layers);
  spec->moe->shared_experts = 1;
  spec->moe->shared_intermediate = c->Int("shared_expert_intermediate_size");
  spec->moe->shared_gate = true;
}

void ReadQwen3Moe(HuggingFaceConfig* c, ModelSpec* spec) {
  RefuseSwitchedWindow(c, 0, spec->layers);
  spec->attention = ReadGrouped(c);
  spec->attention.qk_norm = true;
  spec->moe = ReadQwenMoe(c, spec->layers);
}

constexpr const char* kDeepseekV2 = R"({"n_shared_experts": 2, "n_group": null, "topk_group": null,
  "topk_method": "greedy", "scoring_func": "softmax", "q_lora_rank": 1536,
  "max_position_embeddings": 2048, "tie_word_embeddings": false})";

/// DeepseekV3Config knows neither topk_method nor scoring_func: its gate is noaux_tc over sigmoids.
constexpr const char* kDeepseekV3 = R"({"n_shared_experts": 1, "n_group": 8, "topk_group": 4,
  "topk_method": "noaux_tc", "scoring_func": "sigmoid", "q_lora_rank": 1536,
  "max_position_embeddings": 4096, "tie_word_embeddings": false})";

constexpr const char* kLlama = R"({"num_key_value_heads": null, "head_dim": null,
  "max_position_embeddings": 2048, "tie_word_embeddings": false})";

constexpr const char* kMistral = R"({"num_key_value_heads": 8, "head_dim": null, "sliding_window": 4096,
  "max_position_embeddings": 131072, "tie_word_embeddings": false})";

constexpr const char* kMixtral = R"({"num_key_value_heads": 8, "head_dim": null, "sliding_window": null,
  "max_position_embeddings": 131072, "tie_word_embeddings": false})";

constexpr const char* kQwen2 = R"({"num_key_value_heads": 32, "head_dim": null, "use_sliding_window": false,
  "sliding_window": 4096, "max_window_layers": 28, "max_position_embeddings": 32768,
  "tie_word_embeddings": false})";

/// Qwen2VLTextConfig and Qwen2_5_VLTextConfig, which configurations written before transformers 4.52 hold at
/// their top.
constexpr const char* kQwen2Vl = R"({"num_key_value_heads": 8, "head_dim": null, "use_sliding_window": false,
  "sliding_window": 4096, "max_window_layers": 80, "max_position_embeddings": 32768,
  "tie_word_embeddings": false})";

constexpr const char* kQwen3 = R"({"num_key_value_heads": 32, "head_dim": 128, "use_sliding_window": false,
  "sliding_window": 4096, "max_window_layers": 28, "max_position_embeddings": 32768,
  "tie_word_embeddings": false})";

constexpr const char* kQwen2Moe = R"({"num_key_value_heads": 16, "head_dim": null, "qkv_bias": true,
  "use_sliding_window": false, "sliding_window": 4096, "shared_expert_intermediate_size": 5632,
  "mlp_only_layers": null, "max_position_embeddings": 32768, "tie_word_embeddings": false})";

constexpr const char* kQwen3Moe = R"({"num_key_value_heads": 4, "head_dim": null,
  "use_sliding_window": false, "sliding_window": 4096, "mlp_only_layers": null,
  "max_position_embeddings": 32768, "tie_word_embeddings": false})";

constexpr const char* kQwen3Vl = R"({"num_key_value_heads": 32, "head_dim": 128,
  "max_position_embeddings": 128000, "tie_word_embeddings": false})";

constexpr const char* kQwen3VlMoe = R"({"num_key_value_heads": 16, "head_dim": null,
  "mlp_only_layers": null, "max_position_embeddings": 128000, "tie_word_embeddings": true})";

const FixedKey kMla = {"use_mla", {"true"}, "attention of this class without MLA is not modelled"};
const FixedKey kQwen2Bias = {"qkv_bias", {"true"}, "the class has a bias on Q, K and V"};
const FixedKey kQwen3Norm = {"use_qk_norm", {"true"}, "the class has a norm on every query and key head"};
const FixedKey kNoSharedExpert = {"shared_expert_intermediate_size", {"0"}, "the class has no shared expert"};

}  // namespace

const std::vector<HuggingFaceFamily>& HuggingFaceFamilies() {
  static const std::vector<HuggingFaceFamily> table = {
      {"deepseek_v2",
       {"DeepseekV2ForCausalLM"},
       {"DeepseekV2Config", kDeepseekV2, {{"num_experts", "n_routed_experts"}}},
       {kMla},
       ReadDeepSeek},
      {"deepseek_v3",
       {"DeepseekV3ForCausalLM"},
       {"DeepseekV3Config", kDeepseekV3, {{"num_local_experts", "n_routed_experts"}}},
       {kMla},
       ReadDeepSeek},
      {"kimi_k2",
       {"DeepseekV3ForCausalLM", "KimiK2ForCausalLM"},
       {"DeepseekV3Config", kDeepseekV3, {{"num_local_experts", "n_routed_experts"}}},
       {kMla},
       ReadDeepSeek},
      {"llama", {"LlamaForCausalLM"}, {"LlamaConfig", kLlama, {}}, {}, ReadLlama},
      {"mistral", {"MistralForCausalLM"}, {"MistralConfig", kMistral, {}}, {}, ReadLlama},
      {"qwen2", {"Qwen2ForCausalLM"}, {"Qwen2Config", kQwen2, {}}, {kQwen2Bias}, ReadQwen2},
      {"qwen2_vl",
       {"Qwen2VLForConditionalGeneration"},
       {"Qwen2VLTextConfig", kQwen2Vl, {}},
       {kQwen2Bias},
       ReadQwen2},
      {"qwen2_vl_text",
       {"Qwen2VLTextModel", "Qwen2VLForConditionalGeneration"},
       {"Qwen2VLTextConfig", kQwen2Vl, {}},
       {kQwen2Bias},
       ReadQwen2},
      {"qwen2_5_vl",
       {"Qwen2_5_VLForConditionalGeneration"},
       {"Qwen2_5_VLTextConfig", kQwen2Vl, {}},
       {kQwen2Bias},
       ReadQwen2},
      {"qwen2_5_vl_text",
       {"Qwen2_5_VLTextModel", "Qwen2_5_VLForConditionalGeneration"},
       {"Qwen2_5_VLTextConfig", kQwen2Vl, {}},
       {kQwen2Bias},
       ReadQwen2},
      {"qwen3", {"Qwen3ForCausalLM"}, {"Qwen3Config", kQwen3, {}}, {kQwen3Norm}, ReadQwen3},
      {"qwen2_moe", {"Qwen2MoeForCausalLM"}, {"Qwen2MoeConfig", kQwen2Moe, {}}, {}, ReadQwen2Moe},
      {"qwen3_moe",
       {"Qwen3MoeForCausalLM"},
       {"Qwen3MoeConfig", kQwen3Moe, {{"num_local_experts", "num_experts"}}},
       {kQwen3Norm, kNoSharedExpert},
       ReadQwen3Moe},
      {"mixtral",
       {"MixtralForCausalLM"},
       {"MixtralConfig", kMixtral, {{"num_experts", "num_local_experts"}}},
       {},
       ReadMixtral},
      {"qwen3_vl_text", {"Qwen3VLTextModel"}, {"Qwen3VLTextConfig", kQwen3Vl, {}}, {kQwen3Norm}, ReadQwen3},
      {"qwen3_vl_moe_text",
       {"Qwen3VLMoeTextModel"},
       {"Qwen3VLMoeTextConfig", kQwen3VlMoe, {{"num_local_experts", "num_experts"}}},
       {kQwen3Norm, kNoSharedExpert},
       ReadQwen3Moe},
  };
  return table;
}

const HuggingFaceFamily* FindFamily(const std::string& model_type) {
  for (const HuggingFaceFamily& family : HuggingFaceFamilies())
    if (family.model_type == model_type) return &family;
  return nullptr;
}

}  // namespace orrery::models
