// Every preset's parameter counts come out as its publisher prints them, to the digits printed.
#include <cstdint>

#include <gtest/gtest.h>

#include "models/spec/model_spec.h"
#include "models/spec/parameters.h"

namespace orrery::models {
namespace {

/// What a publisher leaves out of the activated, or adds to the total.
enum class Counts { kAll, kNoEmbedding, kNoEnds, kMtpAndNoEnds };

struct Published {
  const char* preset;
  double total, total_digit;          ///< in 1e9; half a unit of the last printed digit, or 0.5 %
  double activated, activated_digit;  ///< 0: dense
  Counts counts = Counts::kAll;
};

class ModelPresets : public testing::TestWithParam<Published> {};

TEST_P(ModelPresets, HaveThePublishedParameters) {
  const Published& p = GetParam();
  const ParameterCount count = CountParameters(ModelPreset(p.preset));
  const std::int64_t ends = count.embedding + count.head;
  const std::int64_t total = count.total + (p.counts == Counts::kMtpAndNoEnds ? count.mtp - ends : 0);
  const std::int64_t left_out = p.counts == Counts::kAll           ? 0
                                : p.counts == Counts::kNoEmbedding ? count.embedding
                                                                   : ends;
  EXPECT_NEAR(static_cast<double>(total) * 1e-9, p.total, p.total_digit);
  if (p.activated > 0) {
    EXPECT_NEAR(static_cast<double>(count.activated - left_out) * 1e-9, p.activated, p.activated_digit);
  } else {
    EXPECT_EQ(count.activated, count.total);
  }
}

INSTANTIATE_TEST_SUITE_P(
    AsPublished, ModelPresets,
    testing::Values(Published{"deepseek-v2", 236, 0.5, 21, 0.5},  // V2 report abstract
                    Published{"deepseek-v2-lite", 15.7, 0.05, 2.4,
                              0.3},  // V2 report appendix B, which leaves the embedding out
                    Published{"deepseek-67b", 67, 0.5, 0, 0},           // by name
                    Published{"qwen2.5-72b", 72.7, 0.05, 0, 0},         // model card
                    Published{"llama-3.1-405b", 405, 1, 0, 0},          // by name
                    Published{"llama-3.1-70b", 70.6, 0.05, 0, 0},       // model card
                    Published{"mixtral-8x7b", 46.7, 0.05, 12.9, 0.05},  // announcement
                    Published{"qwen3-235b-a22b", 235, 0.5, 22, 0.5},    // model card
                    Published{"kimi-k2", 1040, 15, 32.6, 0.5},          // K2 report table 2
                    // GLM-4.5 report table 1; model cards
                    Published{"glm-4.5", 355, 0.5, 32, 0.5, Counts::kMtpAndNoEnds},
                    Published{"glm-5", 744, 0.5, 40, 0.5, Counts::kNoEnds},
                    Published{"minimax-m2", 229, 0.5, 10, 0.5, Counts::kNoEnds},
                    // V3's, with indexers
                    Published{"deepseek-v3.2", 671, 3.3, 37, 0.5, Counts::kNoEmbedding},
                    // gpt-oss model card table 1
                    Published{"gpt-oss-120b", 116.83, 0.1, 5.13, 0.005, Counts::kNoEmbedding},
                    Published{"gpt-oss-20b", 20.91, 0.01, 3.61, 0.005, Counts::kNoEmbedding},
                    Published{"gemma-3-27b", 27.016, 0.1, 0, 0},  // Gemma 3 report table 1
                    Published{"llama-4-maverick", 400, 2, 17, 0.5},
                    Published{"mimo-v2-flash", 309, 0.5, 15, 0.5},
                    Published{"qwen3-next-80b-a3b", 80, 0.4, 3, 0.5, Counts::kNoEnds},
                    Published{"kimi-linear-48b-a3b", 49, 0.25, 3, 0.5},
                    Published{"nemotron-3-nano-30b-a3b", 31.6, 0.05, 3.2, 0.05, Counts::kNoEmbedding},
                    Published{"falcon-h1-34b", 33.6, 0.05, 0, 0}),
    [](const testing::TestParamInfo<Published>& tested) {
      std::string name = tested.param.preset;
      for (char& c : name) {
        if (c == '-' || c == '.') c = '_';
      }
      return name;
    });

TEST(ModelPresetFiles, EveryOneHasASource) {
  for (const std::string& name : orrery::models::ModelPresets())
    EXPECT_FALSE(ModelPreset(name).source.empty()) << name;
}

TEST(ModelPresetFiles, ParametersWithoutEmbeddingsAreThoseOfTheModelCards) {
  const ParameterCount qwen = CountParameters(ModelPreset("qwen2.5-72b"));
  EXPECT_NEAR(static_cast<double>(qwen.total - qwen.embedding - qwen.head) * 1e-9, 70.0, 0.25);
  const ParameterCount qwen3 = CountParameters(ModelPreset("qwen3-235b-a22b"));
  EXPECT_NEAR(static_cast<double>(qwen3.total - qwen3.embedding - qwen3.head) * 1e-9, 234, 0.5);
}

}  // namespace
}  // namespace orrery::models
