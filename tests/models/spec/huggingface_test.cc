#include "models/spec/huggingface.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "models/spec/parameters.h"

namespace orrery::models {
namespace {

using testing::HasSubstr;

/// The shape-giving keys of a published config.json, others left out.
constexpr const char* kV3 = R"({
  "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3",
  "num_hidden_layers": 61, "hidden_size": 7168, "vocab_size": 129280, "intermediate_size": 18432,
  "num_attention_heads": 128, "num_key_value_heads": 128, "q_lora_rank": 1536, "kv_lora_rank": 512,
  "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
  "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8, "moe_intermediate_size": 2048,
  "first_k_dense_replace": 3, "n_group": 8, "topk_group": 4, "routed_scaling_factor": 2.5, "moe_layer_freq": 1,
  "scoring_func": "sigmoid", "topk_method": "noaux_tc", "num_nextn_predict_layers": 1,
  "tie_word_embeddings": false, "hidden_act": "silu", "max_position_embeddings": 163840, "rms_norm_eps": 1e-06,
  "rope_scaling": {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096, "mscale": 1.0},
  "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}, "attention_bias": false
})";

constexpr const char* kQwen72 = R"({
  "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 8192, "intermediate_size": 29568,
  "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 152064,
  "max_position_embeddings": 131072, "tie_word_embeddings": false, "hidden_act": "silu",
  "sliding_window": 131072, "use_sliding_window": false, "max_window_layers": 80
})";

constexpr const char* kQwen3Moe = R"({
  "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "hidden_size": 4096, "head_dim": 128,
  "intermediate_size": 12288, "num_hidden_layers": 94, "num_attention_heads": 64, "num_key_value_heads": 4,
  "vocab_size": 151936, "num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 1536,
  "decoder_sparse_step": 1, "mlp_only_layers": [], "max_position_embeddings": 40960, "rope_scaling": null,
  "tie_word_embeddings": false, "attention_bias": false
})";

constexpr const char* kMixtral = R"({
  "architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336,
  "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32000,
  "num_local_experts": 8, "num_experts_per_tok": 2, "max_position_embeddings": 32768, "sliding_window": null,
  "tie_word_embeddings": false
})";

constexpr const char* kLlama70 = R"({
  "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8192, "intermediate_size": 28672,
  "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 128256,
  "max_position_embeddings": 131072, "mlp_bias": false, "tie_word_embeddings": false,
  "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192}
})";

constexpr const char* kQwen2Moe = R"({
  "architectures": ["Qwen2MoeForCausalLM"], "model_type": "qwen2_moe", "hidden_size": 3584,
  "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
  "vocab_size": 151936, "num_experts": 64, "num_experts_per_tok": 8, "moe_intermediate_size": 2560,
  "shared_expert_intermediate_size": 20480, "decoder_sparse_step": 1, "max_position_embeddings": 32768,
  "use_sliding_window": false, "tie_word_embeddings": false
})";

ModelSpec Read(const std::string& text) {
  return ReadHuggingFace(Document::Parse(text, "config.json").root());
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) ADD_FAILURE() << "no " << from;
  return text.replace(at, from.size(), to);
}

std::string ErrorOf(const std::string& text) {
  try {
    Read(text);
  } catch (const InputError& e) {
    return e.what();
  }
  return "accepted";
}

/// A Qwen2 whose layers from `first` on see `window` positions.
std::string Windowed(int window, int first) {
  return Replaced(kQwen72,
                  R"("sliding_window": 131072, "use_sliding_window": false, "max_window_layers": 80)",
                  R"("sliding_window": )" + std::to_string(window) +
                      R"(, "use_sliding_window": true, "max_window_layers": )" + std::to_string(first));
}

void ExpectSameCounts(const ModelSpec& a, const ModelSpec& b) {
  const ParameterCount x = CountParameters(a), y = CountParameters(b);
  EXPECT_EQ(x.total, y.total);
  EXPECT_EQ(x.activated, y.activated);
  EXPECT_EQ(x.mtp, y.mtp);
  EXPECT_EQ(a.max_positions, b.max_positions);
  if (a.scaled_positions > 0) {  // Qwen3's configuration declares no scaling, its model card does
    EXPECT_EQ(a.LongestSequence(), b.LongestSequence());
  }
}

TEST(HuggingFace, PublishedConfigsGiveTheSameModelsAsThePresets) {
  ExpectSameCounts(Read(kV3), ModelPreset("deepseek-v3"));
  ExpectSameCounts(Read(kQwen72), ModelPreset("qwen2.5-72b"));
  ExpectSameCounts(Read(kQwen3Moe), ModelPreset("qwen3-235b-a22b"));
  ExpectSameCounts(Read(kMixtral), ModelPreset("mixtral-8x7b"));
  ExpectSameCounts(Read(kLlama70), ModelPreset("llama-3.1-70b"));
}

TEST(HuggingFace, Qwen2MoeHasItsSharedExpertGateAndPublishedSize) {
  const ModelSpec spec = Read(kQwen2Moe);  // Qwen2-57B-A14B
  EXPECT_TRUE(spec.moe->shared_gate);
  EXPECT_NEAR(static_cast<double>(CountParameters(spec).total) * 1e-9, 57.4, 0.1);
  EXPECT_NEAR(static_cast<double>(CountParameters(spec).activated) * 1e-9, 14, 0.5);
}

TEST(HuggingFace, ReadsEveryFigureOfMla) {
  const ModelSpec spec = Read(kV3);
  EXPECT_EQ(spec.attention.kind, AttentionKind::kMla);
  EXPECT_EQ(spec.attention.kv_lora_rank, 512);
  EXPECT_EQ(spec.attention.rope_dim, 64);
  EXPECT_EQ(spec.moe->top_groups, 4);
  EXPECT_TRUE(spec.moe->sigmoid);
  EXPECT_DOUBLE_EQ(spec.moe->route_scale, 2.5);
  EXPECT_EQ(spec.mtp_modules, 1);
  EXPECT_EQ(spec.dense_intermediate, 18432);
}

TEST(HuggingFace, AWindowThatIsSwitchedOnCountsBeyondThePositionsOfTraining) {
  const ModelSpec spec =
      Read(Windowed(262144, 40));  // of 131072 positions: contexts may be asked that are longer
  ASSERT_EQ(spec.mixers.size(), 1u);
  EXPECT_EQ(spec.mixers[0].attention->window, 262144);
  EXPECT_EQ(spec.BlocksOf(39).mixer, kOwnMixer);
  EXPECT_NE(spec.BlocksOf(40).mixer, kOwnMixer);
}

TEST(HuggingFace, ATextIsNoNumberAndNoFlag) {
  EXPECT_THAT(ErrorOf(Replaced(kLlama70, R"("hidden_size": 8192)", R"("hidden_size": "8192")")),
              HasSubstr("hidden_size: '8192': expected a number, or true or false, without quotes"));
  EXPECT_THAT(
      ErrorOf(Replaced(kLlama70, R"("tie_word_embeddings": false)", R"("tie_word_embeddings": "true")")),
      HasSubstr("without quotes"));
}

TEST(HuggingFace, SaysWhichDefaultsStoodInForAbsentKeys) {
  const ModelSpec spec = Read(kQwen72);
  EXPECT_THAT(spec.source, HasSubstr("head_dim = 128"));
  EXPECT_EQ(Read(kQwen3Moe).source, "config.json");
}

TEST(HuggingFace, GreedySelectionIgnoresTheGroups) {
  const MoeSpec greedy = Read(Replaced(kV3, "noaux_tc", "greedy")).moe.value();
  EXPECT_EQ(greedy.groups, 1);
  EXPECT_EQ(greedy.top_groups, 1);
  EXPECT_EQ(Read(kV3).moe->groups, 8);
  EXPECT_THAT(ErrorOf(Replaced(kV3, "noaux_tc", "best")), HasSubstr("topk_method"));
}

TEST(HuggingFace, UnknownArchitectureIsRefusedByNameWithTheNearest) {
  EXPECT_THAT(ErrorOf(Replaced(kV3, "\"deepseek_v3\"", "\"deepseekv3\"")),
              testing::AllOf(HasSubstr("config.json:2"), HasSubstr("'deepseekv3'"),
                             HasSubstr("did you mean 'deepseek_v3'")));
  EXPECT_THAT(ErrorOf(Replaced(kV3, "\"deepseek_v3\"", "\"deepseek_v31\"")),
              testing::AllOf(HasSubstr("unknown architecture"), testing::Not(HasSubstr("did you mean"))))
      << "another architecture, no slip";
  EXPECT_THAT(ErrorOf(Replaced(kV3, "DeepseekV3ForCausalLM", "GptOssForCausalLM")),
              HasSubstr("GptOssForCausalLM"));
}

TEST(HuggingFace, MissingKeysAreNamed) {
  for (const char* key :
       {"kv_lora_rank", "qk_nope_head_dim", "num_hidden_layers", "moe_intermediate_size", "vocab_size",
        "first_k_dense_replace", "routed_scaling_factor", "intermediate_size"}) {
    const std::string text = Replaced(kV3, "\"" + std::string(key) + "\"", "\"dtype\"");
    EXPECT_THAT(ErrorOf(text), HasSubstr(key)) << key;
  }
}

TEST(HuggingFace, WhatIsNotUnderstoodIsRefusedByName) {
  EXPECT_THAT(ErrorOf(Replaced(kV3, "\"attention_bias\": false", "\"sliding_window\": 4096")),
              HasSubstr("sliding_window"));
  EXPECT_THAT(ErrorOf(Replaced(kLlama70, "\"mlp_bias\": false", "\"mlp_bias\": true")),
              HasSubstr("mlp_bias"));
  EXPECT_THAT(ErrorOf(Replaced(kV3, "\"moe_layer_freq\": 1", "\"moe_layer_freq\": 2")),
              HasSubstr("moe_layer_freq"));
  EXPECT_THAT(ErrorOf(Replaced(kV3, "\"silu\"", "\"gelu\"")), HasSubstr("hidden_act"));
  EXPECT_THAT(ErrorOf(Replaced(kQwen3Moe, "\"mlp_only_layers\": []", "\"mlp_only_layers\": [5]")),
              HasSubstr("mlp_only_layers"));
  EXPECT_THAT(ErrorOf(Replaced(kQwen3Moe, "\"decoder_sparse_step\": 1", "\"decoder_sparse_step\": 2")),
              HasSubstr("decoder_sparse_step"));
  EXPECT_THAT(ErrorOf(Replaced(kLlama70, "\"llama3\"", "\"spiral\"")), HasSubstr("rope_type"));
  EXPECT_THAT(ErrorOf(Replaced(kLlama70, "\"rope_type\": \"llama3\", ", "")), HasSubstr("rope_scaling"));
  EXPECT_THAT(ErrorOf(Replaced(kLlama70, "\"mlp_bias\": false", "\"layer_types\": [\"linear_attention\"]")),
              HasSubstr("linear_attention"));
  EXPECT_THAT(ErrorOf(Replaced(kLlama70, "\"mlp_bias\": false", "\"layer_types\": [\"full_attention\"]")),
              HasSubstr("layer_types: 1 entries, expected one for each of num_hidden_layers = 80"));
  EXPECT_THAT(ErrorOf(Replaced(kLlama70, "\"mlp_bias\": false", "\"attention_sinks\": true")),
              HasSubstr("attention_sinks"));
}

/// A file that leaves out everything but sizes.
std::string Sizes(const std::string& type, const std::string& more) {
  return R"({"model_type": ")" + type +
         R"(", "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 4,
         "num_attention_heads": 16, "vocab_size": 32000, )" +
         more + "}";
}

constexpr const char* kMlaSizes = R"("kv_lora_rank": 256, "qk_nope_head_dim": 64, "qk_rope_head_dim": 32,
  "v_head_dim": 64)";
constexpr const char* kDeepSeekExperts = R"(, "n_routed_experts": 64, "num_experts_per_tok": 4,
  "moe_intermediate_size": 512, "first_k_dense_replace": 1, "routed_scaling_factor": 2.5)";
constexpr const char* kQwenExperts =
    R"("num_experts": 32, "num_experts_per_tok": 4, "moe_intermediate_size": 256)";

TEST(HuggingFace, AbsentKeysTakeTheDefaultsOfTheClassAndSaySo) {
  const ModelSpec v3 = Read(Sizes("deepseek_v3", std::string(kMlaSizes) + kDeepSeekExperts));
  EXPECT_EQ(v3.attention.q_lora_rank, 1536);
  EXPECT_EQ(v3.moe->shared_experts, 1);
  EXPECT_EQ(v3.moe->groups, 8);
  EXPECT_EQ(v3.moe->top_groups, 4);
  EXPECT_TRUE(v3.moe->sigmoid);
  EXPECT_EQ(v3.max_positions, 4096);
  for (const char* said : {"class defaults: ", "n_shared_experts = 1", "n_group = 8", "topk_group = 4",
                           "q_lora_rank = 1536", "(DeepseekV3Config)"})
    EXPECT_THAT(v3.source, HasSubstr(said));

  const ModelSpec v2 = Read(Sizes("deepseek_v2", std::string(kMlaSizes) + kDeepSeekExperts));
  EXPECT_EQ(v2.moe->shared_experts, 2);
  EXPECT_EQ(v2.moe->groups, 1);
  EXPECT_FALSE(v2.moe->sigmoid);

  EXPECT_EQ(Read(Sizes("llama", "\"x\": 0")).attention.kv_heads, 16);  // the class: as many as heads
  EXPECT_EQ(Read(Sizes("mixtral", R"("num_local_experts": 8, "num_experts_per_tok": 2)")).attention.kv_heads,
            8);
  EXPECT_EQ(Read(Sizes("qwen3", R"("num_key_value_heads": 8)")).attention.head_dim, 128);
  EXPECT_EQ(Read(Sizes("qwen2", R"("num_key_value_heads": 8)")).attention.head_dim, 64);
  const ModelSpec moe = Read(Sizes("qwen3_moe", kQwenExperts));
  EXPECT_EQ(moe.attention.kv_heads, 4);
  EXPECT_EQ(moe.attention.head_dim, 64);
  EXPECT_THAT(moe.source, HasSubstr("num_key_value_heads = 4"));
  EXPECT_EQ(Read(Sizes("qwen2_moe", kQwenExperts)).moe->shared_intermediate, 5632);
  // MistralConfig has a window unless the file says null.
  EXPECT_EQ(Read(Sizes("mistral", "\"x\": 0")).attention.window, 4096);
  EXPECT_EQ(Read(Sizes("mistral", R"("sliding_window": null)")).attention.window, 0);
  EXPECT_EQ(Read(Sizes("mistral", R"("sliding_window": null)")).attention.kv_heads, 8);
}

TEST(HuggingFace, NullIsNoAbsence) {
  const auto v3 = [](const std::string& more) {
    return Read(Sizes("deepseek_v3", std::string(kMlaSizes) + kDeepSeekExperts + more));
  };
  EXPECT_EQ(v3(R"(, "q_lora_rank": null)").attention.q_lora_rank, 0);
  EXPECT_EQ(v3(R"(, "n_shared_experts": null)").moe->shared_experts, 0);
  EXPECT_EQ(v3(R"(, "n_group": null, "topk_group": null)").moe->groups, 1);
  EXPECT_EQ(Read(Sizes("qwen3", R"("num_key_value_heads": null)")).attention.kv_heads, 16);
  EXPECT_THAT(ErrorOf(Sizes("llama", R"("hidden_size2": 1, "num_hidden_layers2": null)")),
              HasSubstr("hidden_size2"));
}

TEST(HuggingFace, ExpertsWithoutTheirNumberAreNoDenseModel) {
  EXPECT_THAT(ErrorOf(Replaced(kV3, "\"n_routed_experts\": 256, ", "")),
              HasSubstr("missing key 'n_routed_experts'"));
  EXPECT_THAT(ErrorOf(Replaced(kV3, "\"n_routed_experts\": 256", "\"n_routed_experts\": null")),
              HasSubstr("expected null, as n_routed_experts"));
  EXPECT_FALSE(
      Read(Sizes("deepseek_v3", std::string(kMlaSizes) + R"(, "n_routed_experts": null)")).moe.has_value());
  EXPECT_THAT(ErrorOf(Replaced(kQwen3Moe, "\"num_experts\": 128, ", "")), HasSubstr("'num_experts'"));
  EXPECT_THAT(ErrorOf(Replaced(kMixtral, "\"num_local_experts\": 8, ", "")),
              HasSubstr("'num_local_experts'"));
}

TEST(HuggingFace, ExpertsMayHaveTheNameOfTheClassesAttributeMap) {
  EXPECT_EQ(Read(Replaced(kQwen3Moe, "\"num_experts\"", "\"num_local_experts\"")).moe->routed_experts, 128);
  EXPECT_EQ(Read(Replaced(kV3, "\"n_routed_experts\"", "\"num_local_experts\"")).moe->routed_experts, 256);
  EXPECT_THAT(
      ErrorOf(Replaced(kQwen3Moe, "\"num_experts\": 128", "\"num_experts\": 128, \"num_local_experts\": 64")),
      HasSubstr("expected 128, as num_experts"));
}

TEST(HuggingFace, KeysThatSayNothingNewAreAccepted) {
  const auto with = [](const char* text, const std::string& more) {
    return Replaced(text, "\"model_type\"", more + ", \"model_type\"");
  };
  for (const char* same : {R"("qkv_bias": false)", R"("use_qk_norm": true)",
                           R"("shared_expert_intermediate_size": 0)", R"("add_cross_attention": false)"})
    ExpectSameCounts(Read(with(kQwen3Moe, same)), Read(kQwen3Moe));
  for (const char* other : {R"("qkv_bias": true)", R"("use_qk_norm": false)",
                            R"("shared_expert_intermediate_size": 512)", R"("is_encoder_decoder": true)"})
    EXPECT_THAT(ErrorOf(with(kQwen3Moe, other)), HasSubstr("not understood")) << other;
  for (const char* same :
       {R"("max_sequence_length": 4096)", R"("is_llama_config": true)", R"("rope_interleaved": false)",
        R"("attention_sinks": false)", R"("pruned_heads": {})", R"("num_beams": 1)", R"("top_k": 50)",
        R"("attn_implementation": "flash_attention_2")", R"("hidden_act2": null)"})
    ExpectSameCounts(Read(with(kLlama70, same)), Read(kLlama70));
  ExpectSameCounts(Read(with(kV3, R"("use_mla": true)")), Read(kV3));
  EXPECT_THAT(ErrorOf(with(kV3, R"("use_mla": false)")), HasSubstr("use_mla"));
  EXPECT_FALSE(
      Read(Replaced(kQwen2Moe, "\"model_type\"", R"("qkv_bias": false, "model_type")")).attention.qkv_bias);
  // A window that is off, that no layer has, or that covers every position caps nothing.
  ExpectSameCounts(Read(Windowed(4096, 80)), Read(kQwen72));
  ExpectSameCounts(Read(Windowed(131072, 28)), Read(kQwen72));
  ExpectSameCounts(Read(Replaced(kMixtral, "\"sliding_window\": null", "\"sliding_window\": 32768")),
                   Read(kMixtral));
}

TEST(HuggingFace, WindowsAreThoseOfTheLayersThatHaveThem) {
  EXPECT_EQ(Read(Replaced(kMixtral, "\"sliding_window\": null", "\"sliding_window\": 4096")).attention.window,
            4096);
  const ModelSpec some = Read(Windowed(4096, 28));
  ASSERT_EQ(some.mixers.size(), 1U);
  EXPECT_EQ(some.mixers[0].attention->window, 4096);
  EXPECT_EQ(some.attention.window, 0);
  EXPECT_EQ(some.LayersWith(kOwnMixer), 28);
  EXPECT_EQ(some.LayersWith(1), 52);
  EXPECT_EQ(some.BlocksOf(27).mixer, kOwnMixer);
  EXPECT_EQ(some.BlocksOf(28).mixer, 1);
  ExpectSameCounts(some, Read(kQwen72));
  EXPECT_EQ(Read(Windowed(4096, 0)).attention.window, 4096);
  EXPECT_TRUE(Read(Windowed(4096, 0)).pattern.empty());
}

TEST(HuggingFace, UnknownKeysAreNotedOrRefused) {
  const auto with = [](const std::string& more) {
    return Replaced(kLlama70, "\"model_type\"", more + ", \"model_type\"");
  };
  EXPECT_THAT(Read(with(R"("my_tag": "a", "residual_scale": 1.5)")).notes,
              testing::Contains(HasSubstr("my_tag = a, residual_scale = 1.5")));
  EXPECT_THAT(Read(with(R"("vision_config": {"hidden_size": 3})")).notes,
              testing::Contains(HasSubstr("vision_config")));
  for (const char* changing :
       {R"("attention_sinks": true)", R"("num_kv_shared_layers": 4)", R"("linear_num_heads": 3)",
        R"("dual_chunk_attention_config": {"chunk_size": 1})", R"("index_topk": 2048)"})
    EXPECT_THAT(ErrorOf(with(changing)), HasSubstr("unknown key")) << changing;
  EXPECT_THAT(ErrorOf(Replaced(kLlama70, "\"num_key_value_heads\"", "\"num_key_value_head\"")),
              HasSubstr("did you mean 'num_key_value_heads'"));
}

TEST(HuggingFace, QuantisationThatIsNotPricedIsSaidToBeLeftOut) {
  const auto noted = [](const std::string& quantization) {
    const ModelSpec spec = Read(Replaced(kLlama70, "\"model_type\"", quantization + ", \"model_type\""));
    return spec.notes.empty() ? "" : spec.notes.back();
  };
  EXPECT_THAT(noted(R"("quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128})"),
              HasSubstr("quantization_config (awq, 4 bits) is not taken"));
  EXPECT_THAT(noted(R"("quantization_config": {"quant_method": "gptq", "bits": 4})"),
              HasSubstr("gptq, 4 bits"));
  EXPECT_THAT(noted(R"("quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4"})"),
              HasSubstr("modelopt, NVFP4"));
  EXPECT_THAT(noted(R"("quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": true})"),
              HasSubstr("bitsandbytes, 4 bits"));
  EXPECT_THAT(noted(R"("quantization_config": {"quant_method": "compressed-tensors", "config_groups":
                    {"group_0": {"weights": {"num_bits": 4, "type": "int"}}}})"),
              HasSubstr("compressed-tensors, int of 4 bits"));
  EXPECT_THAT(noted(R"("quantization": {"group_size": 64, "bits": 4})"), HasSubstr("4 bits"));
  EXPECT_THAT(noted(R"("quantization_config": "awq")"), HasSubstr("is not taken"));
  for (const char* fp8 : {R"("quantization_config": {"quant_method": "fp8"})",
                          R"("quantization_config": {"quant_method": "modelopt", "quant_algo": "FP8"})",
                          R"("quantization_config": {"quant_method": "compressed-tensors", "config_groups":
                          {"group_0": {"weights": {"num_bits": 8, "type": "float"}}}})",
                          R"("quantization_config": null)"})
    EXPECT_EQ(noted(fp8), Read(kLlama70).notes.empty() ? "" : Read(kLlama70).notes.back()) << fp8;
}

TEST(HuggingFace, WrappersOfUnknownTextModelsAreRefusedAtTheirType) {
  EXPECT_THAT(ErrorOf(R"({"model_type": "some_vl", "text_config": {"model_type": "some_text"}})"),
              HasSubstr("text_config.model_type: 'some_text': unknown architecture"));
  EXPECT_THAT(ErrorOf(R"({"model_type": "some_vl", "vision_config": {}})"), HasSubstr("'some_vl'"));
}

TEST(ModelHint, NamesThePresetOfTheSameShape) {
  for (const char* typed : {"deepseek-r1", "DeepSeek-R1-0528", "deepseek-v3.1", "deepseek_r1"})
    EXPECT_THAT(ModelHint(typed), HasSubstr("'deepseek-v3'")) << typed;
  EXPECT_THAT(ModelHint("DeepSeek-V3-0324"), HasSubstr("'deepseek-v3'"));
  EXPECT_THAT(ModelHint("DeepSeek-Coder-V2-Lite-Instruct"), HasSubstr("'deepseek-v2-lite'"));
  EXPECT_THAT(ModelHint("Kimi-K2-Instruct"), HasSubstr("'kimi-k2'"));
  EXPECT_THAT(ModelHint("Llama-3.3-70B-Instruct"), HasSubstr("'llama-3.1-70b'"));
  EXPECT_THAT(ModelHint("mixtral"), HasSubstr("'mixtral-8x7b'"));
  EXPECT_EQ(ModelHint("gpt2"), "");
  EXPECT_THROW(ModelPreset("deepseek-r1"), InputError);
}

TEST(HuggingFace, RopeScalingSaysHowFarPositionsReach) {
  const auto longest = [](const std::string& scaling) {
    return Read(Replaced(kMixtral, "\"sliding_window\": null", "\"rope_scaling\": " + scaling))
        .LongestSequence();
  };
  EXPECT_EQ(longest("null"), 32768);
  EXPECT_EQ(longest(R"({"type": "linear", "factor": 4.0})"), 4 * 32768);
  EXPECT_EQ(longest(R"({"rope_type": "dynamic", "factor": 2})"), 2 * 32768);
  EXPECT_EQ(longest(R"({"rope_type": "yarn", "factor": 40, "original_max_position_embeddings": 4096})"),
            163840);
  EXPECT_EQ(longest(R"({"rope_type": "llama3", "factor": 2, "original_max_position_embeddings": 4096})"),
            32768)
      << "llama3's max_position_embeddings is the length after scaling";
  EXPECT_THAT(ErrorOf(Replaced(kMixtral, "\"sliding_window\": null",
                               R"("rope_scaling": {"type": "linear", "factor": 0.5})")),
              HasSubstr("factor"));
}

TEST(HuggingFace, AbsurdSizesAreRefused) {
  for (const char* bad : {"-1", "0", "99999999999999999999", "1e9", "61.5", "\"many\""}) {
    EXPECT_THAT(
        ErrorOf(Replaced(kV3, "\"num_hidden_layers\": 61", "\"num_hidden_layers\": " + std::string(bad))),
        HasSubstr("num_hidden_layers"))
        << bad;
  }
  EXPECT_THAT(ErrorOf(Replaced(kV3, "\"num_experts_per_tok\": 8", "\"num_experts_per_tok\": 300")),
              HasSubstr("num_experts_per_tok"));
  EXPECT_THAT(ErrorOf(Replaced(kV3, "\"n_group\": 8", "\"n_group\": 7")), HasSubstr("n_group"));
  EXPECT_THAT(ErrorOf(Replaced(kV3, "\"topk_group\": 4", "\"topk_group\": 9")), HasSubstr("topk_group"));
  EXPECT_THAT(ErrorOf(Replaced(kV3, "\"first_k_dense_replace\": 3", "\"first_k_dense_replace\": 62")),
              HasSubstr("first_k_dense_replace"));
  EXPECT_THAT(ErrorOf(Replaced(kLlama70, "\"num_key_value_heads\": 8", "\"num_key_value_heads\": 7")),
              HasSubstr("num_key_value_heads"));
  EXPECT_THAT(ErrorOf(Replaced(kLlama70, "\"num_attention_heads\": 64, \"num_key_value_heads\": 8",
                               "\"num_attention_heads\": 63, \"num_key_value_heads\": 9")),
              HasSubstr("head_dim"));
}

class HuggingFaceFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("orrery-huggingface-" + std::to_string(getpid())) /
              "Some-Model";
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_.parent_path()); }
  std::filesystem::path Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  std::filesystem::path folder_;
};

TEST_F(HuggingFaceFile, IsReadFromAScenarioBesideItAndNamedAfterItsFolder) {
  Write("config.json", kV3);
  const auto scenario = Write("scenario.yaml", "model: {huggingface: config.json}\n");
  const Document document = Document::Load(scenario);
  const ModelSpec spec = ReadModel(document.root().At("model"));
  EXPECT_EQ(spec.name, "Some-Model");
  ExpectSameCounts(spec, ModelPreset("deepseek-v3"));
}

TEST_F(HuggingFaceFile, ThatIsAbsentOrNoJsonIsRefusedWithItsName) {
  EXPECT_THROW(ReadHuggingFace(folder_ / "absent.json"), InputError);
  const auto yaml = Write("yaml.json", "model_type: llama\n");
  try {
    ReadHuggingFace(yaml);
    FAIL() << "accepted";
  } catch (const InputError& e) {
    EXPECT_THAT(e.what(), testing::AllOf(HasSubstr("yaml.json"), HasSubstr("not JSON")));
  }
}

TEST_F(HuggingFaceFile, MayHoldPythonsNumbers) {
  for (const char* number : {"Infinity", "-Infinity", "NaN"}) {
    const auto file = Write("python.json", Replaced(kLlama70, "\"model_type\"",
                                                    "\"initializer_range\": " + std::string(number) +
                                                        ", \"rms_norm_eps\": [NaN,1], \"model_type\""));
    ExpectSameCounts(ReadHuggingFace(file), ModelPreset("llama-3.1-70b"));
  }
  const auto size = Write("size.json", Replaced(kLlama70, "\"hidden_size\": 8192", "\"hidden_size\": NaN"));
  EXPECT_THROW(ReadHuggingFace(size), InputError);
}

TEST_F(HuggingFaceFile, ThatIsNoJsonIsRefusedWhereItEnds) {
  const auto message = [&](const std::string& text) -> std::string {
    try {
      ReadHuggingFace(Write("broken.json", text));
    } catch (const InputError& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message("{\n  \"model_type\": llama\n}"), HasSubstr("broken.json:2:"));
  EXPECT_THAT(message("{\"model_type\": \"llama\", \"x\": Infinit}"), HasSubstr("not JSON"));
  EXPECT_THAT(message("{\"model_type\": \"llama\", \"x\": xNaN}"), HasSubstr("not JSON"));
  EXPECT_THAT(message(""), HasSubstr("not JSON"));
  EXPECT_THAT(message("{\n  \"rope_theta\": 1e400\n}"),
              testing::AllOf(HasSubstr("broken.json:2:"), HasSubstr("'1e400': expected a number below")));
}

TEST_F(HuggingFaceFile, ThatIsAbsentHintsAtThePresetItMeans) {
  try {
    ReadHuggingFace(folder_ / "DeepSeek-R1");
    FAIL() << "accepted";
  } catch (const InputError& e) {
    EXPECT_THAT(e.what(), testing::AllOf(HasSubstr("no such file"), HasSubstr("'deepseek-v3'")));
  }
}

TEST_F(HuggingFaceFile, KeysBesideTheFileNameAreRefused) {
  const Document document = Document::Parse("model: {huggingface: config.json, layers: 3}", "s.yaml");
  EXPECT_THROW(ReadModel(document.root().At("model")), InputError);
}

}  // namespace
}  // namespace orrery::models
