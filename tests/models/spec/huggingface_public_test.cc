// Facts of public config.json files, as their repositories have them, against the parameters their authors
// publish (model cards and reports; safetensors headers where a card rounds to more than 0.5 %).
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/spec/huggingface.h"
#include "models/spec/parameters.h"

namespace orrery::models {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

ModelSpec Read(const std::string& text) {
  return ReadHuggingFace(Document::Parse(text, "config.json").root());
}

/// What every decoder's file tells.
struct Shape {
  int hidden, intermediate, layers, heads, kv_heads;
  int vocabulary, positions;
};

std::string Json(const std::string& type, const std::string& model_class, const Shape& s,
                 const std::string& more) {
  return fmt::format(
      R"({{"architectures": ["{}"], "model_type": "{}", "hidden_size": {}, "intermediate_size": {},
        "num_hidden_layers": {}, "num_attention_heads": {}, "num_key_value_heads": {}, "vocab_size": {},
        "max_position_embeddings": {}, "hidden_act": "silu", "initializer_range": 0.02, "use_cache": true,
        "rms_norm_eps": 1e-06, "bos_token_id": 1, "eos_token_id": [1, 2], "torch_dtype": "bfloat16"{}{}}})",
      model_class, type, s.hidden, s.intermediate, s.layers, s.heads, s.kv_heads, s.vocabulary, s.positions,
      more.empty() ? "" : ", ", more);
}

std::string Llama(const Shape& s, const std::string& more) {
  return Json("llama", "LlamaForCausalLM", s, R"("attention_bias": false, "pretraining_tp": 1, )" + more);
}
std::string Mistral(const Shape& s, const std::string& more) {
  return Json("mistral", "MistralForCausalLM", s, R"("sliding_window": null, )" + more);
}
std::string Mixtral(const Shape& s) {
  return Json("mixtral", "MixtralForCausalLM", s,
              R"("num_local_experts": 8, "num_experts_per_tok": 2, "output_router_logits": false,
              "router_aux_loss_coef": 0.02, "sliding_window": null, "tie_word_embeddings": false)");
}
/// Qwen2.5 files name a window that is switched off.
std::string Qwen2(const Shape& s, bool tied) {
  return Json("qwen2", "Qwen2ForCausalLM", s,
              fmt::format(R"("sliding_window": 32768, "use_sliding_window": false, "max_window_layers": 21,
                          "tie_word_embeddings": {}, "attention_dropout": 0.0)",
                          tied));
}
std::string Qwen3(const Shape& s, bool tied) {
  return Json("qwen3", "Qwen3ForCausalLM", s,
              fmt::format(R"("head_dim": 128, "attention_bias": false, "sliding_window": null,
                          "use_sliding_window": false, "max_window_layers": {}, "rope_scaling": null,
                          "tie_word_embeddings": {})",
                          s.layers, tied));
}
std::string Qwen3Moe(const Shape& s, int experts, int width, const std::string& more) {
  return Json("qwen3_moe", "Qwen3MoeForCausalLM", s,
              fmt::format(R"("head_dim": 128, "num_experts": {}, "num_experts_per_tok": 8,
                          "moe_intermediate_size": {}, "decoder_sparse_step": 1, "mlp_only_layers": [],
                          "norm_topk_prob": true, "router_aux_loss_coef": 0.001, "attention_bias": false,
                          "tie_word_embeddings": false{})",
                          experts, width, more));
}
std::string Qwen2Moe(const Shape& s, int experts, int top_k, int width, int shared) {
  return Json("qwen2_moe", "Qwen2MoeForCausalLM", s,
              fmt::format(R"("num_experts": {}, "num_experts_per_tok": {}, "moe_intermediate_size": {},
                          "shared_expert_intermediate_size": {}, "decoder_sparse_step": 1,
                          "norm_topk_prob": false, "use_sliding_window": false, "sliding_window": 32768,
                          "max_window_layers": 21, "tie_word_embeddings": false)",
                          experts, top_k, width, shared));
}

struct Experts {
  int routed, shared, top_k, width, dense, groups, top_groups;
  double scale;
};

std::string DeepSeek(const std::string& type, const std::string& model_class, const Shape& s,
                     const std::string& q_rank, const Experts& e, const std::string& more) {
  return Json(type, model_class, s,
              fmt::format(R"("q_lora_rank": {}, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
                          "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": {},
                          "n_shared_experts": {}, "num_experts_per_tok": {}, "moe_intermediate_size": {},
                          "first_k_dense_replace": {}, "moe_layer_freq": 1, "n_group": {}, "topk_group": {},
                          "routed_scaling_factor": {}, "norm_topk_prob": true, "attention_bias": false,
                          "ep_size": 1, "seq_aux": true, "aux_loss_alpha": 0.001, "pretraining_tp": 1,
                          "auto_map": {{"AutoConfig": "configuration_deepseek.DeepseekV3Config"}},
                          "rope_theta": 10000, "tie_word_embeddings": false, {})",
                          q_rank, e.routed, e.shared, e.top_k, e.width, e.dense, e.groups, e.top_groups,
                          e.scale, more));
}

constexpr const char* kYarn = R"("rope_scaling": {"type": "yarn", "factor": 40, "beta_fast": 32,
  "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096})";
constexpr const char* kLlama3Rope = R"("rope_theta": 500000.0, "mlp_bias": false, "rope_scaling":
  {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
  "rope_type": "llama3"}, "tie_word_embeddings": )";

std::string V3(int layers, const std::string& more) {
  return DeepSeek("deepseek_v3", "DeepseekV3ForCausalLM", {7168, 18432, layers, 128, 128, 129280, 163840},
                  "1536", {256, 1, 8, 2048, 3, 8, 4, 2.5},
                  R"("scoring_func": "sigmoid", "topk_method": "noaux_tc", "num_nextn_predict_layers": 1, )" +
                      std::string(kYarn) + more);
}

std::string KimiK2(const std::string& type) {
  return DeepSeek(type, "DeepseekV3ForCausalLM", {7168, 18432, 61, 64, 64, 163840, 131072}, "1536",
                  {384, 1, 8, 2048, 1, 1, 1, 2.827},
                  R"("scoring_func": "sigmoid", "topk_method": "noaux_tc", "num_nextn_predict_layers": 0, )" +
                      std::string(kYarn));
}

constexpr const char* kFp8 = R"(, "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3",
  "quant_method": "fp8", "weight_block_size": [128, 128]})";

struct Published {
  std::string name, json;
  double total_b;          ///< 10^9 parameters
  double activated_b = 0;  ///< 0: dense, or not published to 2 %
};

std::vector<Published> DeepSeekModels() {
  const std::string v2_gate = R"("scoring_func": "softmax", "topk_method": "group_limited_greedy", )";
  const std::string lite_gate = R"("scoring_func": "softmax", "topk_method": "greedy", )";
  return {
      {"DeepSeek-V2",
       DeepSeek("deepseek_v2", "DeepseekV2ForCausalLM", {5120, 12288, 60, 128, 128, 102400, 163840}, "1536",
                {160, 2, 6, 1536, 1, 8, 3, 16.0}, v2_gate + kYarn),
       235.7, 21.4},
      {"DeepSeek-V2-Lite",
       DeepSeek("deepseek_v2", "DeepseekV2ForCausalLM", {2048, 10944, 27, 16, 16, 102400, 163840}, "null",
                {64, 2, 6, 1408, 1, 1, 1, 1.0}, lite_gate + kYarn),
       15.7},
      {"DeepSeek-Coder-V2-Lite",
       DeepSeek("deepseek_v2", "DeepseekV2ForCausalLM", {2048, 10944, 27, 16, 16, 102400, 163840}, "null",
                {64, 2, 6, 1408, 1, 1, 1, 1.0}, lite_gate + kYarn),
       15.7},
      {"DeepSeek-V3", V3(61, kFp8), 671, 37.6},
      {"DeepSeek-R1", V3(61, kFp8), 671, 37.6},
      {"Moonlight-16B-A3B",
       DeepSeek("deepseek_v3", "DeepseekV3ForCausalLM", {2048, 11264, 27, 16, 16, 163840, 8192}, "null",
                {64, 2, 6, 1408, 1, 1, 1, 2.446},
                R"("scoring_func": "sigmoid", "topk_method": "noaux_tc", "num_nextn_predict_layers": 0)"),
       15.96},
      {"Kimi-K2", KimiK2("kimi_k2"), 1026.4},
  };
}

std::vector<Published> QwenModels() {
  return {
      {"Qwen2.5-0.5B", Qwen2({896, 4864, 24, 14, 2, 151936, 32768}, true), 0.494},
      {"Qwen2.5-1.5B", Qwen2({1536, 8960, 28, 12, 2, 151936, 32768}, true), 1.54},
      {"Qwen2.5-3B", Qwen2({2048, 11008, 36, 16, 2, 151936, 32768}, true), 3.09},
      {"Qwen2.5-7B", Qwen2({3584, 18944, 28, 28, 4, 152064, 32768}, false), 7.61},
      {"Qwen2.5-14B", Qwen2({5120, 13824, 48, 40, 8, 152064, 32768}, false), 14.7},
      {"Qwen2.5-32B", Qwen2({5120, 27648, 64, 40, 8, 152064, 32768}, false), 32.76},
      {"Qwen2.5-72B", Qwen2({8192, 29568, 80, 64, 8, 152064, 32768}, false), 72.7},
      {"DeepSeek-R1-Distill-Qwen-32B", Qwen2({5120, 27648, 64, 40, 8, 152064, 131072}, false), 32.76},
      {"Qwen3-0.6B", Qwen3({1024, 3072, 28, 16, 8, 151936, 40960}, true), 0.596},
      {"Qwen3-8B", Qwen3({4096, 12288, 36, 32, 8, 151936, 40960}, false), 8.19},
      {"Qwen3-14B", Qwen3({5120, 17408, 40, 40, 8, 151936, 40960}, false), 14.77},
      {"Qwen3-32B", Qwen3({5120, 25600, 64, 64, 8, 151936, 40960}, false), 32.76},
      {"Qwen3-30B-A3B", Qwen3Moe({2048, 6144, 48, 32, 4, 151936, 40960}, 128, 768, ""), 30.5, 3.3},
      {"Qwen3-235B-A22B", Qwen3Moe({4096, 12288, 94, 64, 4, 151936, 40960}, 128, 1536, ""), 235, 22},
      {"Qwen3-Coder-480B-A35B",
       Qwen3Moe({6144, 8192, 62, 96, 8, 151936, 262144}, 160, 2560,
                R"(, "qkv_bias": false, "use_qk_norm": true, "shared_expert_intermediate_size": 0,
                "max_window_layers": 62, "use_sliding_window": false, "sliding_window": null)"),
       480, 35},
      {"Qwen1.5-MoE-A2.7B", Qwen2Moe({2048, 5632, 24, 16, 16, 151936, 8192}, 60, 4, 1408, 5632), 14.3, 2.7},
      {"Qwen2-57B-A14B", Qwen2Moe({3584, 18944, 28, 28, 4, 151936, 131072}, 64, 8, 2560, 20480), 57.4, 14.2},
  };
}

std::vector<Published> LlamaModels() {
  const std::string untied = R"("tie_word_embeddings": false)";
  return {
      {"Llama-2-7B", Llama({4096, 11008, 32, 32, 32, 32000, 4096}, untied), 6.738},
      {"Llama-3.1-8B", Llama({4096, 14336, 32, 32, 8, 128256, 131072}, kLlama3Rope + std::string("false")),
       8.03},
      {"Llama-3.1-70B", Llama({8192, 28672, 80, 64, 8, 128256, 131072}, kLlama3Rope + std::string("false")),
       70.6},
      {"Llama-3.1-405B",
       Llama({16384, 53248, 126, 128, 8, 128256, 131072}, kLlama3Rope + std::string("false")), 405.9},
      {"Llama-3.2-1B",
       Llama({2048, 8192, 16, 32, 8, 128256, 131072}, kLlama3Rope + std::string(R"(true, "head_dim": 64)")),
       1.236},
      {"Llama-3.2-3B",
       Llama({3072, 8192, 28, 24, 8, 128256, 131072}, kLlama3Rope + std::string(R"(true, "head_dim": 128)")),
       3.213},
      {"TinyLlama-1.1B", Llama({2048, 5632, 22, 32, 4, 32000, 2048}, untied), 1.1},
      {"SmolLM2-1.7B",
       Llama({2048, 8192, 24, 32, 32, 49152, 8192},
             R"("tie_word_embeddings": true, "is_llama_config": true, "rope_interleaved": false,
             "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}})"),
       1.711},
      {"Yi-6B", Llama({4096, 11008, 32, 32, 4, 64000, 4096}, untied), 6.06},
      {"Yi-34B", Llama({7168, 20480, 60, 56, 8, 64000, 4096}, untied), 34.39},
      {"DeepSeek-LLM-67B", Llama({8192, 22016, 95, 64, 8, 102400, 4096}, untied), 67.4},
  };
}

std::vector<Published> MistralModels() {
  const std::string untied = R"("tie_word_embeddings": false)";
  return {
      {"Mistral-7B-v0.2", Mistral({4096, 14336, 32, 32, 8, 32000, 32768}, untied), 7.24},
      {"Mistral-7B-v0.3", Mistral({4096, 14336, 32, 32, 8, 32768, 32768}, untied), 7.248},
      {"Mistral-Nemo-12B", Mistral({5120, 14336, 40, 32, 8, 131072, 131072}, R"("head_dim": 128, )" + untied),
       12.25},
      {"Mistral-Small-24B", Mistral({5120, 32768, 40, 32, 8, 131072, 32768}, R"("head_dim": 128, )" + untied),
       23.57},
      {"Mistral-Large-123B",
       Mistral({12288, 28672, 88, 96, 8, 32768, 131072}, R"("head_dim": 128, )" + untied), 122.6},
      {"Mixtral-8x7B", Mixtral({4096, 14336, 32, 32, 8, 32000, 32768}), 46.7, 12.9},
      {"Mixtral-8x22B", Mixtral({6144, 16384, 56, 48, 8, 32000, 65536}), 140.6, 39},
  };
}

void ExpectPublished(const std::vector<Published>& models) {
  for (const Published& m : models) {
    SCOPED_TRACE(m.name);
    const ParameterCount count = CountParameters(Read(m.json));
    EXPECT_NEAR(static_cast<double>(count.total) * 1e-9, m.total_b, 0.005 * m.total_b);
    if (m.activated_b > 0) {
      EXPECT_NEAR(static_cast<double>(count.activated) * 1e-9, m.activated_b, 0.02 * m.activated_b);
    }
  }
}

TEST(PublicConfigs, HaveThePublishedParameters) {
  ExpectPublished(DeepSeekModels());
  ExpectPublished(QwenModels());
  ExpectPublished(LlamaModels());
  ExpectPublished(MistralModels());
}

TEST(PublicConfigs, NeedNoDefaultAndLeaveNothingOut) {
  for (const Published& m : DeepSeekModels()) EXPECT_THAT(Read(m.json).notes, IsEmpty()) << m.name;
  for (const Published& m : QwenModels()) {
    const std::vector<std::string> notes = Read(m.json).notes;
    for (const std::string& note : notes) EXPECT_THAT(note, HasSubstr("class defaults: ")) << m.name;
  }
}

TEST(PublicConfigs, AreThoseOfThePresets) {
  const auto same = [](const std::string& json, const char* preset) {
    const ParameterCount a = CountParameters(Read(json)), b = CountParameters(ModelPreset(preset));
    EXPECT_EQ(a.total, b.total) << preset;
    EXPECT_EQ(a.activated, b.activated) << preset;
    EXPECT_EQ(a.mtp, b.mtp) << preset;
  };
  same(DeepSeekModels()[0].json, "deepseek-v2");
  same(DeepSeekModels()[1].json, "deepseek-v2-lite");
  same(V3(61, ""), "deepseek-v3");
  same(KimiK2("kimi_k2"), "kimi-k2");
  same(LlamaModels().back().json, "deepseek-67b");
}

TEST(PublicConfigs, OfMultimodalModelsGiveTheirTextModel) {
  const std::string around = fmt::format(
      R"({{"architectures": ["KimiK25ForConditionalGeneration"], "model_type": "kimi_k25",
        "media_placeholder_token_id": 163605, "tie_word_embeddings": false, "use_unified_vision_chunk": true,
        "text_config": {}, "vision_config": {{"hidden_size": 1152, "num_hidden_layers": 27}},
        "quantization_config": {{"quant_method": "compressed-tensors", "format": "pack-quantized",
        "config_groups": {{"group_0": {{"weights": {{"num_bits": 4, "type": "int", "group_size": 32}}}}}}}}}})",
      KimiK2("deepseek_v3"));
  const ModelSpec kimi = Read(around);
  EXPECT_EQ(CountParameters(kimi).total, CountParameters(ModelPreset("kimi-k2")).total);
  EXPECT_THAT(kimi.source, HasSubstr("only the text model of kimi_k25 is taken, not its vision_config"));
  EXPECT_THAT(kimi.source, HasSubstr("quantization_config (compressed-tensors, int of 4 bits) is not taken"));

  const ModelSpec mistral = Read(
      R"({"architectures": ["Mistral3ForConditionalGeneration"], "model_type": "mistral3",
        "image_token_index": 10, "multimodal_projector_bias": false, "projector_hidden_act": "gelu",
        "spatial_merge_size": 2, "text_config": {"attention_dropout": 0.0, "head_dim": 128,
        "hidden_act": "silu", "hidden_size": 5120, "intermediate_size": 32768,
        "max_position_embeddings": 131072, "model_type": "mistral", "num_attention_heads": 32,
        "num_hidden_layers": 40, "num_key_value_heads": 8, "rope_theta": 1000000000.0,
        "sliding_window": null, "vocab_size": 131072}, "vision_config": {"model_type": "pixtral"}})");
  EXPECT_NEAR(static_cast<double>(CountParameters(mistral).total) * 1e-9, 23.57, 0.1);

  // The multimodal model's key decides where the text model has none: its class alone would tie.
  const ModelSpec qwen = Read(R"({"model_type": "qwen3_vl_moe", "tie_word_embeddings": false,
    "architectures": ["Qwen3VLMoeForConditionalGeneration"], "text_config": {"model_type": "qwen3_vl_moe_text",
    "attention_bias": false, "decoder_sparse_step": 1, "head_dim": 128, "hidden_act": "silu",
    "hidden_size": 2048, "intermediate_size": 6144, "max_position_embeddings": 262144, "mlp_only_layers": [],
    "moe_intermediate_size": 768, "norm_topk_prob": true, "num_attention_heads": 32, "num_experts": 128,
    "num_experts_per_tok": 8, "num_hidden_layers": 48, "num_key_value_heads": 4, "vocab_size": 151936,
    "rope_scaling": {"mrope_interleaved": true, "mrope_section": [24, 20, 20], "rope_type": "default"}}})");
  EXPECT_FALSE(qwen.tied_embeddings);
  EXPECT_NEAR(static_cast<double>(CountParameters(qwen).total) * 1e-9, 30.5, 0.15);
}

// Qwen2.5-VL-7B-Instruct: its language model is Qwen2.5-7B's, of 7.6 B parameters. transformers before 4.52
// wrote the text model's keys at the top.
TEST(PublicConfigs, OfQwenVlAreReadInBothForms) {
  const std::string text =
      R"("attention_dropout": 0.0, "hidden_act": "silu", "hidden_size": 3584, "initializer_range": 0.02,
         "intermediate_size": 18944, "max_position_embeddings": 128000, "max_window_layers": 28,
         "num_attention_heads": 28, "num_hidden_layers": 28, "num_key_value_heads": 4, "rms_norm_eps": 1e-06,
         "rope_theta": 1000000.0, "sliding_window": 32768, "use_sliding_window": false, "vocab_size": 152064,
         "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}, "tie_word_embeddings": false)";
  const std::string vision =
      R"("architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl",
         "vision_start_token_id": 151652, "vision_token_id": 151654, "image_token_id": 151655,
         "vision_config": {"depth": 32, "hidden_size": 1280, "num_heads": 16})";
  const ModelSpec flat = Read("{" + vision + ", " + text + "}");
  const ModelSpec nested = Read("{" + vision + R"(, "text_config": {"model_type": "qwen2_5_vl_text",
    "architectures": ["Qwen2_5_VLForConditionalGeneration"], )" +
                                text + "}}");
  EXPECT_NEAR(static_cast<double>(CountParameters(flat).total) * 1e-9, 7.62, 0.01);
  EXPECT_EQ(CountParameters(nested).total, CountParameters(flat).total);
  EXPECT_TRUE(flat.attention.qkv_bias);
  for (const ModelSpec& spec : {flat, nested}) EXPECT_THAT(spec.source, HasSubstr("vision_config"));
}

}  // namespace
}  // namespace orrery::models
