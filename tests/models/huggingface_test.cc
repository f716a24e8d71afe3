#include "models/huggingface.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

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
  EXPECT_THAT(ErrorOf(Replaced(kV3, "\"deepseek_v3\"", "\"deepseek_v33\"")),
              testing::AllOf(HasSubstr("config.json:2"), HasSubstr("deepseek_v33"),
                             HasSubstr("did you mean 'deepseek_v3'")));
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
  EXPECT_THAT(ErrorOf(Replaced(kMixtral, "\"sliding_window\": null", "\"sliding_window\": 4096")),
              HasSubstr("sliding_window"));
  EXPECT_THAT(ErrorOf(Replaced(kQwen72, "\"use_sliding_window\": false", "\"use_sliding_window\": true")),
              HasSubstr("use_sliding_window"));
  EXPECT_THAT(ErrorOf(Replaced(kLlama70, "\"mlp_bias\": false", "\"mlp_bias\": true")),
              HasSubstr("mlp_bias"));
  EXPECT_THAT(ErrorOf(Replaced(kV3, "\"moe_layer_freq\": 1", "\"moe_layer_freq\": 2")),
              HasSubstr("moe_layer_freq"));
  EXPECT_THAT(ErrorOf(Replaced(kV3, "\"silu\"", "\"gelu\"")), HasSubstr("hidden_act"));
  EXPECT_THAT(ErrorOf(Replaced(kQwen3Moe, "\"mlp_only_layers\": []", "\"mlp_only_layers\": [5]")),
              HasSubstr("mlp_only_layers"));
  EXPECT_THAT(ErrorOf(Replaced(kQwen3Moe, "\"decoder_sparse_step\": 1", "\"decoder_sparse_step\": 2")),
              HasSubstr("decoder_sparse_step"));
  EXPECT_THAT(ErrorOf(Replaced(kLlama70, "\"llama3\"", "\"longrope\"")), HasSubstr("rope_type"));
  EXPECT_THAT(ErrorOf(Replaced(kLlama70, "\"rope_type\": \"llama3\", ", "")), HasSubstr("rope_scaling"));
  EXPECT_THAT(ErrorOf(Replaced(kLlama70, "\"mlp_bias\": false", "\"layer_types\": [\"sliding_attention\"]")),
              HasSubstr("sliding_attention"));
  EXPECT_THAT(ErrorOf(Replaced(kLlama70, "\"mlp_bias\"", "\"attention_sinks\"")),
              HasSubstr("attention_sinks"));
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

TEST_F(HuggingFaceFile, KeysBesideTheFileNameAreRefused) {
  const Document document = Document::Parse("model: {huggingface: config.json, layers: 3}", "s.yaml");
  EXPECT_THROW(ReadModel(document.root().At("model")), InputError);
}

}  // namespace
}  // namespace orrery::models
