// Facts of public config.json files of many families against the parameters that their authors publish.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/spec/huggingface.h"
#include "models/spec/parameters.h"
#include "tests/models/spec/published_families.h"

namespace orrery::models {
namespace {

using testing::Contains;
using testing::HasSubstr;

ModelSpec Read(const std::string& text) {
  return ReadHuggingFace(Document::Parse(text, "config.json").root());
}

void ExpectPublished(const std::vector<PublishedModel>& models) {
  for (const PublishedModel& m : models) {
    SCOPED_TRACE(m.name);
    const ParameterCount p = CountParameters(Read(m.json));
    const std::int64_t ends = p.embedding + p.head;
    const std::int64_t total =
        p.total + (m.whole == Whole::kModel ? 0 : p.mtp) + (m.whole == Whole::kCheckpoint ? ends : 0);
    const bool whole_billions = m.total_b == std::floor(m.total_b);
    EXPECT_NEAR(static_cast<double>(total) * 1e-9, m.total_b,
                std::max(0.005 * m.total_b, whole_billions ? 0.5 : 0));
    if (m.activated_b == 0) {
      EXPECT_EQ(p.activated, p.total);
      continue;
    }
    const std::int64_t left_out = m.active == Active::kAll           ? 0
                                  : m.active == Active::kNoEmbedding ? p.embedding
                                                                     : ends;
    EXPECT_NEAR(static_cast<double>(p.activated - left_out) * 1e-9, m.activated_b, m.half_digit);
  }
}

TEST(Families, OfPlainMixturesHaveThePublishedParameters) { ExpectPublished(MoeModels()); }
TEST(Families, OfDenseModelsHaveThePublishedParameters) { ExpectPublished(DenseModels()); }
TEST(Families, OfWindowsHaveThePublishedParameters) { ExpectPublished(WindowModels()); }
TEST(Families, OfSparseAttentionHaveThePublishedParameters) { ExpectPublished(SparseModels()); }
TEST(Families, OfHybridsHaveThePublishedParameters) { ExpectPublished(HybridModels()); }

TEST(Families, AreWrittenAndReadBackTheSame) {
  for (const PublishedModel& m : AllModels()) {
    ModelSpec spec = Read(m.json);
    spec.notes.clear();
    Written map = Written::Map();
    map.Add("model", WriteModel(spec));
    EXPECT_EQ(ReadModel(Document::Parse(YamlText(map), "written").root().At("model")), spec) << m.name;
  }
}

TEST(Families, OfThePresetsGiveTheSameModels) {
  for (const auto& [name, preset] :
       {std::pair{"GLM-4.5", "glm-4.5"}, std::pair{"GLM-5", "glm-5"}, std::pair{"MiniMax-M2", "minimax-m2"},
        std::pair{"DeepSeek-V3.2", "deepseek-v3.2"}, std::pair{"gpt-oss-120b", "gpt-oss-120b"},
        std::pair{"gpt-oss-20b", "gpt-oss-20b"}, std::pair{"Gemma-3-27B", "gemma-3-27b"},
        std::pair{"Llama-4-Maverick", "llama-4-maverick"}, std::pair{"MiMo-V2-Flash", "mimo-v2-flash"},
        std::pair{"Qwen3-Next-80B-A3B", "qwen3-next-80b-a3b"},
        std::pair{"Kimi-Linear-48B-A3B", "kimi-linear-48b-a3b"},
        std::pair{"Nemotron-3-Nano-30B-A3B", "nemotron-3-nano-30b-a3b"},
        std::pair{"Falcon-H1-34B", "falcon-h1-34b"}}) {
    const std::vector<PublishedModel> all = AllModels();
    const auto found =
        std::find_if(all.begin(), all.end(), [&, n = name](const auto& m) { return m.name == n; });
    ASSERT_NE(found, all.end()) << name;
    ModelSpec read = Read(found->json), kept = ModelPreset(preset);
    for (ModelSpec* spec : {&read, &kept}) {
      spec->name = spec->source = "";
      spec->notes.clear();
      spec->max_positions = spec->scaled_positions = 0;  // a report may tell more of them
    }
    EXPECT_EQ(read, kept) << name;
  }
}

TEST(Families, WhatIsNotPricedIsNamed) {
  const auto notes = [](const std::string& json) { return Read(json).notes; };
  EXPECT_THAT(notes(QwenNext()), Contains(HasSubstr("triangular inverses are left out")));
  EXPECT_THAT(notes(GptOss(36, 128)), Contains(HasSubstr("biases of the experts")));
  EXPECT_THAT(notes(GptOss(36, 128)), Contains(HasSubstr("mxfp4")));
  EXPECT_THAT(notes(MiMoV2()), Contains(HasSubstr("MTP modules are left out")));
  EXPECT_THAT(notes(Llama4(16, 1, "true")), Contains(HasSubstr("not its vision_config")));
}

std::string ErrorOf(const std::string& json) {
  try {
    Read(json);
  } catch (const InputError& e) {
    return e.what();
  }
  return "accepted";
}

std::string Changed(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) ADD_FAILURE() << "no " << from;
  return text.replace(at, from.size(), to);
}

TEST(Families, WhatTheyDoNotUnderstandIsRefusedByName) {
  EXPECT_THAT(ErrorOf(Changed(Glm5(), R"("ep_size": 1)", R"("index_topk_freq": 4)")),
              HasSubstr("index_topk_freq"));
  EXPECT_THAT(ErrorOf(Changed(Glm5(), R"("ep_size": 1)", R"("indexer_types": ["full", "shared"])")),
              HasSubstr("reuses another's choice"));
  EXPECT_THAT(ErrorOf(Changed(KimiLinear(), R"("num_heads": 32)", R"("heads": 32)")), HasSubstr("num_heads"));
  EXPECT_THAT(ErrorOf(Changed(QwenNext(), R"("mlp_only_layers": [])", R"("mlp_only_layers": [0])")),
              HasSubstr("mlp_only_layers"));
  EXPECT_THAT(ErrorOf(Changed(GptOss(36, 128), R"("sliding_attention")", R"("linear_attention")")),
              HasSubstr("this architecture may have full_attention, sliding_attention"));
  EXPECT_THAT(
      ErrorOf(Changed(MiMoV2(), R"("swa_num_key_value_heads": 8)", R"("swa_num_key_value_heads": 7)")),
      HasSubstr("swa_num_key_value_heads"));
  const std::vector<PublishedModel> all = AllModels();
  const auto nemotron =
      std::find_if(all.begin(), all.end(), [](const auto& m) { return m.name == "Nemotron-H-8B"; });
  EXPECT_THAT(ErrorOf(Changed(nemotron->json, "M-M-M-M*", "M-M-M-X*")), HasSubstr("hybrid_override_pattern"));
  EXPECT_THAT(ErrorOf(Changed(nemotron->json, "relu2", "gelu")), HasSubstr("mlp_hidden_act"));
}

}  // namespace
}  // namespace orrery::models
