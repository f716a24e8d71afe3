// Every preset's parameter counts come out as its publisher prints them, to the digits printed.
#include <gtest/gtest.h>

#include "models/spec/model_spec.h"
#include "models/spec/parameters.h"

namespace orrery::models {
namespace {

struct Published {
  const char* preset;
  double total, total_digit;          ///< in 1e9; half a unit of the last printed digit
  double activated, activated_digit;  ///< 0: dense
};

class ModelPresets : public testing::TestWithParam<Published> {};

TEST_P(ModelPresets, HaveThePublishedParameters) {
  const Published& p = GetParam();
  const ParameterCount count = CountParameters(ModelPreset(p.preset));
  EXPECT_NEAR(static_cast<double>(count.total) * 1e-9, p.total, p.total_digit);
  if (p.activated > 0) {
    EXPECT_NEAR(static_cast<double>(count.activated) * 1e-9, p.activated, p.activated_digit);
  } else {
    EXPECT_EQ(count.activated, count.total);
  }
}

INSTANTIATE_TEST_SUITE_P(AsPublished, ModelPresets,
                         testing::Values(Published{"deepseek-v2", 236, 0.5, 21, 0.5},  // V2 report abstract
                                         Published{
                                             "deepseek-v2-lite", 15.7, 0.05, 2.4,
                                             0.3},  // V2 report appendix B, which leaves the embedding out
                                         Published{"deepseek-67b", 67, 0.5, 0, 0},           // by name
                                         Published{"qwen2.5-72b", 72.7, 0.05, 0, 0},         // model card
                                         Published{"llama-3.1-405b", 405, 1, 0, 0},          // by name
                                         Published{"llama-3.1-70b", 70.6, 0.05, 0, 0},       // model card
                                         Published{"mixtral-8x7b", 46.7, 0.05, 12.9, 0.05},  // announcement
                                         Published{"qwen3-235b-a22b", 235, 0.5, 22, 0.5},    // model card
                                         Published{"kimi-k2", 1040, 15, 32.6, 0.5}),  // K2 report table 2
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
