// Dense models of plain attention: Llama's shape and its near relatives.
#include "models/spec/families/readers.h"

namespace orrery::models {

/// A window, where the file has one and no layer_types, is every layer's.
void ReadLlama(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadGrouped(c);
  ReadWindows(c, spec, [](int) { return true; });
}

namespace {

/// Granite scales embeddings, residuals, scores and logits by constants.
void ReadGranite(HuggingFaceConfig* c, ModelSpec* spec) {
  c->Ignore({"embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling"});
  ReadLlama(c, spec);
}

/// OLMo-2 norms queries and keys over all heads together, and what attention and feed-forward give rather than what
/// they take, which are as many norms.
void ReadOlmo2(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadGrouped(c);
  spec->attention.qk_norm_joint = true;
  // OLMo-3: three layers of four see a window.
  ReadWindows(c, spec, [](int layer) { return (layer + 1) % 4 != 0; });
}

/// Phi-3 and Phi-4.
void ReadPhi3(HuggingFaceConfig* c, ModelSpec* spec) {
  c->Ignore({"original_max_position_embeddings", "full_attn_mod", "interpolate_factor"});
  c->Require({{"lm_head_bias", {"false"}, "a bias of the head is not modelled of this architecture"}});
  ReadLlama(c, spec);
}

/// GLM-4: a bias on query, key and value alone.
void ReadGlm(HuggingFaceConfig* c, ModelSpec* spec) {
  ReadLlama(c, spec);
  spec->attention.output_bias = false;
}

/// MiniCPM scales embeddings, residuals and logits by constants.
void ReadMiniCpm(HuggingFaceConfig* c, ModelSpec* spec) {
  c->Ignore({"scale_emb", "dim_model_base", "scale_depth"});
  ReadLlama(c, spec);
}

/// OLMo's LayerNorms have no parameters.
void ReadOlmo(HuggingFaceConfig* c, ModelSpec* spec) {
  c->Ignore({"clip_qkv"});
  ReadLlama(c, spec);
  c->LeaveOut("LayerNorms without parameters are priced and counted as RMSNorms with them");
}

/// GLM-4-0414: a bias on query, key and value alone; norms before and after attention and feed-forward.
void ReadGlm4(HuggingFaceConfig* c, ModelSpec* spec) {
  ReadLlama(c, spec);
  spec->attention.output_bias = false;
  c->LeaveOut("the norms after attention and feed-forward are not priced");
}

void ReadSeedOss(HuggingFaceConfig* c, ModelSpec* spec) {
  ReadLlama(c, spec);
  spec->attention.output_bias = c->Bool("attention_out_bias");
}

/// Exaone-4: norms on heads; three layers of four see a window, where one is given.
void ReadExaone4(HuggingFaceConfig* c, ModelSpec* spec) {
  spec->attention = ReadGrouped(c);
  spec->attention.qk_norm = true;
  c->Ignore({"sliding_window_pattern"});
  ReadWindows(c, spec, [](int layer) { return (layer + 1) % 4 != 0; });
}

/// SmolLM3: every fourth layer does not rotate.
void ReadSmolLm3(HuggingFaceConfig* c, ModelSpec* spec) {
  c->Ignore({"no_rope_layers", "no_rope_layer_interval", "use_sliding_window", "max_window_layers"});
  ReadLlama(c, spec);
  c->LeaveOut("layers without rotation are priced with one");
}

/// Hunyuan's dense models norm queries and keys; a list stands for one value a layer.
void ReadHunyuanDense(HuggingFaceConfig* c, ModelSpec* spec) {
  ReadLlama(c, spec);
  const Value* norm = c->Quiet("use_qk_norm");
  spec->attention.qk_norm = norm == nullptr || norm->AsBool();
  c->Require({{"use_cla", {"false"}, "layers that share keys and values are not modelled"}});
  c->Ignore({"attention_head_dim", "cla_share_factor", "norm_type", "dense_list", "mlp_bias"});
}

constexpr const char* kLlama = R"({"num_key_value_heads": null, "head_dim": null,
  "max_position_embeddings": 2048, "tie_word_embeddings": false})";

constexpr const char* kMistral = R"({"num_key_value_heads": 8, "head_dim": null, "sliding_window": 4096,
  "max_position_embeddings": 131072, "tie_word_embeddings": false})";

constexpr const char* kMinistral3 = R"({"num_key_value_heads": 8, "head_dim": 128, "sliding_window": null,
  "max_position_embeddings": 262144, "tie_word_embeddings": false})";

constexpr const char* kGranite = R"({"num_key_value_heads": null, "head_dim": null,
  "max_position_embeddings": 2048, "tie_word_embeddings": false})";

constexpr const char* kOlmo2 = R"({"num_key_value_heads": null, "head_dim": null,
  "max_position_embeddings": 2048, "tie_word_embeddings": false})";

constexpr const char* kOlmo3 = R"({"num_key_value_heads": null, "head_dim": null, "sliding_window": 4096,
  "max_position_embeddings": 2048, "tie_word_embeddings": false})";

constexpr const char* kPhi3 = R"({"num_key_value_heads": null, "head_dim": null, "sliding_window": null,
  "max_position_embeddings": 4096, "tie_word_embeddings": false})";

constexpr const char* kGlm4 = R"({"num_key_value_heads": 2, "head_dim": 128,
  "max_position_embeddings": 131072, "tie_word_embeddings": false})";

constexpr const char* kSeedOss = R"({"num_key_value_heads": 8, "head_dim": 128, "attention_bias": true,
  "attention_out_bias": false, "max_position_embeddings": 524288, "tie_word_embeddings": false})";

constexpr const char* kExaone4 = R"({"num_key_value_heads": 32, "head_dim": null, "sliding_window": 4096,
  "max_position_embeddings": 2048, "tie_word_embeddings": false})";

constexpr const char* kSmolLm3 = R"({"num_key_value_heads": 4, "head_dim": null, "sliding_window": null,
  "max_position_embeddings": 32768, "tie_word_embeddings": true})";

constexpr const char* kErnie = R"({"num_key_value_heads": 2, "head_dim": 128,
  "max_position_embeddings": 131072, "tie_word_embeddings": true})";

constexpr const char* kMiniCpm = R"({"num_key_value_heads": null, "head_dim": null,
  "max_position_embeddings": 2048, "tie_word_embeddings": true})";

const FixedKey kNoBias = {"bias", {"false"}, "biases on all projections are not modelled"};
const FixedKey kNoUseBias = {"use_bias", {"false"}, "biases on all projections are not modelled"};

}  // namespace

std::vector<HuggingFaceFamily> DenseFamilies() {
  return {
      {"llama", {"LlamaForCausalLM"}, {"LlamaConfig", kLlama, {}}, {}, ReadLlama},
      {"mistral", {"MistralForCausalLM"}, {"MistralConfig", kMistral, {}}, {}, ReadLlama},
      {"ministral3",
       {"Ministral3ForCausalLM", "Mistral3ForConditionalGeneration"},
       {"Ministral3Config", kMinistral3, {}},
       {},
       ReadLlama},
      {"granite", {"GraniteForCausalLM"}, {"GraniteConfig", kGranite, {}}, {}, ReadGranite},
      {"olmo2", {"Olmo2ForCausalLM"}, {"Olmo2Config", kOlmo2, {}}, {}, ReadOlmo2},
      {"olmo3", {"Olmo3ForCausalLM"}, {"Olmo3Config", kOlmo3, {}}, {}, ReadOlmo2},
      {"phi3", {"Phi3ForCausalLM"}, {"Phi3Config", kPhi3, {}}, {}, ReadPhi3},
      {"glm", {"GlmForCausalLM"}, {"GlmConfig", kGlm4, {}}, {}, ReadGlm},
      {"glm4v_text",
       {"Glm4vTextModel", "Glm4vForConditionalGeneration"},
       {"Glm4vTextConfig", kGlm4, {}},
       {},
       ReadGlm4},
      {"internlm2", {"InternLM2ForCausalLM"}, {"InternLM2Config", kLlama, {}}, {kNoBias}, ReadLlama},
      {"internlm3", {"InternLM3ForCausalLM"}, {"InternLM3Config", kLlama, {}}, {kNoBias}, ReadLlama},
      {"minicpm", {"MiniCPMForCausalLM"}, {"MiniCPMConfig", kMiniCpm, {}}, {}, ReadMiniCpm},
      {"olmo", {"OlmoForCausalLM"}, {"OlmoConfig", kLlama, {}}, {}, ReadOlmo},
      {"glm4", {"Glm4ForCausalLM"}, {"Glm4Config", kGlm4, {}}, {}, ReadGlm4},
      {"seed_oss", {"SeedOssForCausalLM"}, {"SeedOssConfig", kSeedOss, {}}, {}, ReadSeedOss},
      {"exaone4", {"Exaone4ForCausalLM"}, {"Exaone4Config", kExaone4, {}}, {}, ReadExaone4},
      {"smollm3", {"SmolLM3ForCausalLM"}, {"SmolLM3Config", kSmolLm3, {}}, {}, ReadSmolLm3},
      {"ernie4_5",
       {"Ernie4_5ForCausalLM", "Ernie4_5_ForCausalLM"},
       {"Ernie4_5Config", kErnie, {}},
       {kNoUseBias},
       ReadLlama},
      {"hunyuan_v1_dense",
       {"HunYuanDenseV1ForCausalLM"},
       {"HunYuanDenseV1Config", kLlama, {}},
       {},
       ReadHunyuanDense},
  };
}

}  // namespace orrery::models
