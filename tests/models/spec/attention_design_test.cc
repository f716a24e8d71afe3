#include "models/spec/attention_design.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "models/spec/parameters.h"

namespace orrery::models {
namespace {

using testing::HasSubstr;

std::int64_t PerToken(const std::string& model, const std::string& design,
                      CachePrecision precision = CachePrecision::kBf16, bool mtp = false) {
  const ModelSpec spec = ModelPreset(model);
  return CacheBytesPerToken(spec, MakeDesign(design, spec.attention), precision, mtp).count;
}

TEST(AttentionDesign, CachesAreThoseOfThePublishedTable) {
  EXPECT_EQ(PerToken("deepseek-v3", "own"), 70272);
  EXPECT_EQ(PerToken("qwen2.5-72b", "own"), 327680);
  EXPECT_EQ(PerToken("llama-3.1-405b", "own"), 516096);
}

TEST(AttentionDesign, V3AsAnyDesignKeepsWhatTheFormulasSay) {
  EXPECT_EQ(PerToken("deepseek-v3", "mha"), 2 * 128 * 128 * 61 * 2);
  EXPECT_EQ(PerToken("deepseek-v3", "gqa-8"), 2 * 8 * 128 * 61 * 2);
  EXPECT_EQ(PerToken("deepseek-v3", "mqa"), 2 * 128 * 61 * 2);
  EXPECT_EQ(PerToken("deepseek-v3", "mla-materialised"), 70272);
  for (const char* without_key : {"mla-rope-reapplied", "mla-rope-on-latent", "mla-no-rope"}) {
    EXPECT_EQ(PerToken("deepseek-v3", without_key), 512 * 61 * 2) << without_key;
  }
}

TEST(AttentionDesign, Fp8EntriesCarryScalesAndKeepRopeInBf16) {
  const AttentionDesign mla = MakeDesign("mla", ModelPreset("deepseek-v3").attention);
  EXPECT_EQ(CacheBytesPerLayer(mla, CachePrecision::kFp8).count, 656);  // FlashMLA docs/20250929
  const AttentionDesign gqa = MakeDesign("gqa-8", ModelPreset("deepseek-v3").attention);
  EXPECT_EQ(CacheBytesPerLayer(gqa, CachePrecision::kFp8).count, 2 * 8 * (128 + 4));
  EXPECT_EQ(CacheBytesPerLayer(mla, CachePrecision::kSixBit).count, 432);
}

TEST(AttentionDesign, AnMtpModuleAddsOneLayer) {
  EXPECT_EQ(PerToken("deepseek-v3", "mla", CachePrecision::kBf16, true), 576 * 2 * 62);
  EXPECT_EQ(PerToken("qwen2.5-72b", "own", CachePrecision::kBf16, true), 327680);
}

TEST(AttentionDesign, MqaIsNoLargerThanGqaIsNoLargerThanMhaOnEveryModelAndPrecision) {
  for (const std::string& model : ModelPresets()) {
    for (CachePrecision p : {CachePrecision::kBf16, CachePrecision::kFp8, CachePrecision::kSixBit}) {
      const int heads = ModelPreset(model).attention.heads;
      std::int64_t previous = PerToken(model, "mqa", p);
      for (int groups = 1; groups <= heads; ++groups) {
        if (heads % groups != 0) continue;
        const std::int64_t bytes = PerToken(model, "gqa-" + std::to_string(groups), p);
        EXPECT_GE(bytes, previous) << model << " " << groups;
        previous = bytes;
      }
      EXPECT_EQ(PerToken(model, "mha", p), previous);
    }
  }
}

TEST(AttentionDesign, OwnIsTheModelsDesign) {
  for (const std::string& model : ModelPresets()) {
    const ModelSpec spec = ModelPreset(model);
    const AttentionDesign own = MakeDesign("own", spec);
    EXPECT_EQ(own.name, OwnDesign(spec));
    EXPECT_EQ(own.assumption, "") << model;
    EXPECT_EQ(CountParameters(WithDesign(ModelPreset(model), own)).total,
              CountParameters(ModelPreset(model)).total);
  }
}

TEST(AttentionDesign, AModelWithoutMlaIsGivenV2sProportions) {
  const AttentionDesign d = MakeDesign("mla", ModelPreset("qwen2.5-72b").attention);
  EXPECT_EQ(d.spec.kv_lora_rank, 512);
  EXPECT_EQ(d.spec.rope_dim, 64);
  EXPECT_THAT(d.assumption, HasSubstr("4 d_h"));
}

TEST(AttentionDesign, EveryDesignStatesItsQualityOrThatNoneIsPublished) {
  for (const std::string& name : KnownDesigns()) {
    EXPECT_FALSE(MakeDesign(name, ModelPreset("deepseek-v3").attention).quality.empty()) << name;
  }
}

TEST(AttentionDesign, UnknownNamesAndGroupsAreRefused) {
  const AttentionSpec v3 = ModelPreset("deepseek-v3").attention;
  const auto message = [&](const std::string& name) {
    try {
      MakeDesign(name, v3);
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(message("mla-ropeless"), HasSubstr("unknown attention design 'mla-ropeless'"));
  EXPECT_THAT(message("mlaa"), HasSubstr("did you mean 'mla'"));
  EXPECT_THAT(message("gqa-7"), HasSubstr("divide the 128 query heads"));
  for (const char* bad : {"gqa-", "gqa-0", "gqa--8", "gqa-8x", "gqa-99999999999999"}) {
    EXPECT_THAT(message(bad), HasSubstr("expected gqa-N")) << bad;
  }
}

TEST(AttentionDesign, ALatentCannotBeShardedByHeads) {
  const AttentionSpec v3 = ModelPreset("deepseek-v3").attention;
  EXPECT_EQ(CacheShards(MakeDesign("mla", v3), 8), 1);
  EXPECT_EQ(CacheShards(MakeDesign("gqa-8", v3), 4), 4);
  EXPECT_EQ(CacheShards(MakeDesign("mqa", v3), 4), 1);
}

TEST(Yarn, ScalesAttentionByTheReportsFormula) {
  EXPECT_DOUBLE_EQ(YarnFactor(131072, 4096), 32);
  EXPECT_DOUBLE_EQ(YarnFactor(2048, 4096), 1);
  EXPECT_NEAR(YarnAttentionScale(40), 0.1 * std::log(40.0) + 1, 1e-15);  // V3 report section 4.3, s = 40
  EXPECT_DOUBLE_EQ(YarnAttentionScale(1), 1);
}

}  // namespace
}  // namespace orrery::models
