// Qwen: biases on query, key and value (Qwen2), norms on heads (Qwen3), experts.
#include "models/spec/families/readers.h"

namespace orrery::models {
namespace {

/// A window counts only where it is switched on, and then from layer max_window_layers on.
void ReadSwitchedWindow(HuggingFaceConfig* c, bool from_the_first, ModelSpec* spec) {
  const std::vector<std::string> types = LayerTypes(c, spec->layers, {"full_attention", "sliding_attention"});
  const Value* use = c->Quiet("use_sliding_window");
  const Value* full = c->Quiet("max_window_layers");
  const bool on = use != nullptr && use->AsBool();
  // Where it is switched on, also one beyond the positions of training: contexts may be asked that are longer.
  const Value* width = c->Quiet("sliding_window");
  const int window = on && width != nullptr ? static_cast<int>(width->AsInt(1, kMaxDimension)) : WindowOf(c);
  const std::int64_t first = from_the_first || full == nullptr ? 0 : full->AsInt(0, kMaxDimension);
  std::vector<bool> sliding;
  for (int i = 0; i < spec->layers; ++i) {
    sliding.push_back(types.empty() ? on && i >= first
                                    : types[static_cast<std::size_t>(i)] == "sliding_attention");
  }
  SetWindows(window, sliding, spec);
}

/// Qwen2Attention has a bias on Q, K and V whatever the file says.
void ReadQwen2(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadGrouped(c);
  spec->attention.qkv_bias = true;
  ReadSwitchedWindow(c, false, spec);
}

/// Qwen3Attention has a norm on each query and key head instead.
void ReadQwen3(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadGrouped(c);
  spec->attention.qk_norm = true;
  ReadSwitchedWindow(c, false, spec);
}

/// MiMo-7B: Qwen2 with MTP modules.
void ReadMiMo(HuggingFaceConfig* c, ModelSpec* spec) {
  c->Ignore({"attention_bias"});
  ReadQwen2(c, spec);
  spec->attention.output_bias = false;
  spec->mtp_modules = MtpModules(c);
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
  spec->attention = ReadGrouped(c);
  spec->attention.qkv_bias = c->Bool("qkv_bias");
  spec->moe = ReadQwenMoe(c, spec->layers);
  spec->moe->shared_experts = 1;
  spec->moe->shared_intermediate = c->Int("shared_expert_intermediate_size");
  spec->moe->shared_gate = true;
  ReadSwitchedWindow(c, true, spec);
}

void ReadQwen3Moe(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadGrouped(c);
  spec->attention.qk_norm = true;
  spec->moe = ReadQwenMoe(c, spec->layers);
  ReadSwitchedWindow(c, true, spec);
}

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

const FixedKey kQwen2Bias = {"qkv_bias", {"true"}, "the class has a bias on Q, K and V"};
const FixedKey kQwen3Norm = {"use_qk_norm", {"true"}, "the class has a norm on every query and key head"};
const FixedKey kNoSharedExpert = {"shared_expert_intermediate_size", {"0"}, "the class has no shared expert"};

}  // namespace

std::vector<HuggingFaceFamily> QwenFamilies() {
  return {
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
      {"qwen3_vl_text", {"Qwen3VLTextModel"}, {"Qwen3VLTextConfig", kQwen3Vl, {}}, {kQwen3Norm}, ReadQwen3},
      {"qwen3_vl_moe_text",
       {"Qwen3VLMoeTextModel"},
       {"Qwen3VLMoeTextConfig", kQwen3VlMoe, {{"num_local_experts", "num_experts"}}},
       {kQwen3Norm, kNoSharedExpert},
       ReadQwen3Moe},
      {"mimo", {"MiMoForCausalLM"}, {"MiMoConfig", kQwen2, {}}, {kQwen2Bias}, ReadMiMo},
  };
}

}  // namespace orrery::models
