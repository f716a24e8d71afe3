#include "scenarios/schema/attention_scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/config/resources.h"

namespace orrery::scenarios {
namespace {

using testing::HasSubstr;

constexpr const char* kMinimal = "model: deepseek-v3\ndevice: h800-sxm\nworkload: {kind: attention}\n";

AttentionScenario Read(const std::string& text) {
  return ReadAttentionScenario(Document::Parse(text, "scenario.yaml"));
}

std::string ErrorOf(const std::string& text) {
  try {
    Read(text);
  } catch (const InputError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(AttentionScenario, TheShippedOneReads) {
  const auto file = ResourceRoot() / "scenarios" / "attention-designs.yaml";
  const AttentionScenario s = ReadAttentionScenario(Document::Load(file));
  EXPECT_EQ(s.models.at(0).name, "deepseek-v3");
  EXPECT_EQ(s.expert, 64);
  EXPECT_FALSE(s.tensor.has_value());
  EXPECT_EQ(s.contexts.back(), 131072);
  EXPECT_EQ(s.tpot_limit, FromSeconds(0.05));
}

TEST(AttentionScenario, EveryKeyIsRead) {
  const AttentionScenario s = Read(
      "name: x\nmodels: [deepseek-v2, {preset: mixtral-8x7b}]\ndevice: h800-sxm\n"
      "workload: {kind: attention, designs: [mha], contexts: [7], batches: [3], query_length: 2, tpot_limit: "
      "20 ms, mtp: true,"
      " norm: layer, memory_fraction: 0.5}\n"
      "parallelism: {tensor: 2, expert: 4}\nprecision: {cache: fp8, weights: bf16}\ncalibration: auto\n");
  EXPECT_EQ(s.models.size(), 2u);
  EXPECT_EQ(s.designs, std::vector<std::string>{"mha"});
  EXPECT_EQ(s.contexts, std::vector<std::int64_t>{7});
  EXPECT_EQ(s.batches, std::vector<std::int64_t>{3});
  EXPECT_EQ(s.query_length, 2);
  EXPECT_EQ(s.tpot_limit, FromSeconds(0.02));
  EXPECT_TRUE(s.mtp);
  EXPECT_EQ(s.norm, models::NormKind::kLayer);
  EXPECT_DOUBLE_EQ(s.memory_fraction, 0.5);
  EXPECT_EQ(s.tensor, 2);
  EXPECT_EQ(s.expert, 4);
  EXPECT_EQ(s.cache, models::CachePrecision::kFp8);
  EXPECT_EQ(s.weights, models::WeightPrecision::kBf16);
}

TEST(AttentionScenario, ErrorsNameThePlaceAndTheKey) {
  const std::string base = kMinimal;
  EXPECT_EQ(ErrorOf(base), "accepted");
  EXPECT_THAT(ErrorOf("device: h800-sxm\nworkload: {kind: attention}\n"),
              HasSubstr("either 'model' or 'models'"));
  EXPECT_THAT(ErrorOf(base + "models: [deepseek-v2]\n"), HasSubstr("either 'model' or 'models'"));
  EXPECT_THAT(ErrorOf("model: deepseek-v4\ndevice: h800-sxm\nworkload: {kind: attention}\n"),
              HasSubstr("scenario.yaml:1:8"));
  EXPECT_THAT(ErrorOf("model: deepseek-v3\ndevice: h801\nworkload: {kind: attention}\n"), HasSubstr("h801"));
  EXPECT_THAT(ErrorOf("model: deepseek-v3\nworkload: {kind: attention}\n"), HasSubstr("device"));
  EXPECT_THAT(ErrorOf("model: deepseek-v3\ndevice: h800-sxm\n"), HasSubstr("workload"));
  EXPECT_THAT(ErrorOf(base + "paralelism: {tensor: 2}\n"), HasSubstr("parallelism"));
}

TEST(AttentionScenario, EveryWrongValueOfTheWorkloadIsRefused) {
  const auto with = [](const std::string& entry) {
    return ErrorOf("model: deepseek-v3\ndevice: h800-sxm\nworkload: {kind: attention, " + entry + "}\n");
  };
  for (const char* entry : {"contexts: []", "contexts: [0]", "contexts: [-5]", "contexts: [99999999999]",
                            "contexts: 4096", "batches: [1.5]", "batches: [2000000]", "designs: []",
                            "query_length: 0", "tpot_limit: 50", "tpot_limit: 0 s", "tpot_limit: -1 ms",
                            "norm: batch", "memory_fraction: 1.1", "mtp: maybe", "context: [1]"}) {
    const std::string key = std::string(entry).substr(0, std::string(entry).find(':'));
    EXPECT_NE(with(entry), "accepted") << entry;
    if (key != "tpot_limit") {
      EXPECT_THAT(with(entry), HasSubstr(key)) << entry;
    }
  }
  EXPECT_THAT(ErrorOf("model: deepseek-v3\ndevice: h800-sxm\nworkload: {kind: pretraining}\n"),
              HasSubstr("attention"));
}

TEST(AttentionScenario, OnesPutTogetherFromOptionsAreCheckedToo) {
  AttentionScenario s = Read(kMinimal);
  s.batches = {0};
  EXPECT_THROW(CheckAttentionScenario(s), InputError);
  s = Read(kMinimal);
  s.contexts.assign(65, 1);
  EXPECT_THROW(CheckAttentionScenario(s), InputError);
  s = Read(kMinimal);
  s.memory_fraction = 0;
  EXPECT_THROW(CheckAttentionScenario(s), InputError);
}

}  // namespace
}  // namespace orrery::scenarios
