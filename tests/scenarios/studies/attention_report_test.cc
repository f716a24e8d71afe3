#include "scenarios/studies/attention_report.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/core/told_and_stopped.h"

namespace orrery::scenarios {
namespace {

AttentionScenario Small(const std::string& model = "deepseek-v3") {
  AttentionScenario s;
  s.models = {models::ModelPreset(model)};
  s.device = hw::DevicePreset("h800-sxm");
  s.contexts = {1024, 4096, 16384};
  s.batches = {1, 64};
  return s;
}

const DesignReport& Of(const AttentionReport& report, const std::string& design) {
  for (const DesignReport& d : report.models.at(0).designs) {
    if (d.design.name == design) return d;
  }
  throw std::runtime_error("no design " + design);
}

TEST(AttentionReport, V3sOwnDesignIsReportedOnceWithItsPublishedCache) {
  const AttentionReport r = RunAttention(Small());
  const auto& designs = r.models.at(0).designs;
  EXPECT_EQ(
      std::count_if(designs.begin(), designs.end(), [](const auto& d) { return d.design.name == "mla"; }), 1);
  EXPECT_EQ(Of(r, "mla").cache_bytes_per_token, 70272);
  EXPECT_NEAR(Of(r, "mla").ratio_to_mha, 1 / 56.9, 1e-4);
  EXPECT_NEAR(r.ridge_flops_per_byte, 989 / 3.35, 0.1);
}

TEST(AttentionReport, LayersThatDifferAreComparedAsTheyAre) {
  AttentionScenario s = Small("gpt-oss-120b");
  s.designs = {"own", "gqa-8", "mha"};
  const AttentionReport r = RunAttention(s);
  const DesignReport &own = Of(r, "own"), &all = Of(r, "gqa-8");
  ASSERT_EQ(own.capacity.size(), 3U);
  const std::int64_t token = 18 * 2 * 8 * 64 * 2;  // of half the layers
  for (std::size_t i = 0; i < own.capacity.size(); ++i) {
    const std::int64_t context = s.contexts[i];
    EXPECT_EQ(own.capacity[i].request_bytes, token * context + token * 128);
    EXPECT_EQ(all.capacity[i].request_bytes, 2 * token * context);
    EXPECT_GE(own.capacity[i].memory_batch, all.capacity[i].memory_batch);
  }
  EXPECT_EQ(own.cache_bytes_per_token, CeilDiv(own.capacity[2].request_bytes, 16384));
  EXPECT_EQ(own.state_bytes, 0);
  for (std::size_t i = 0; i < own.decode.size(); ++i)
    EXPECT_LT(own.decode[i].time.block(models::Block::kAttention),
              all.decode[i].time.block(models::Block::kAttention));
  EXPECT_LT(own.prefill[2].attention_flops, all.prefill[2].attention_flops);
}

TEST(AttentionReport, StatesAreKeptWhateverTheLength) {
  AttentionScenario s = Small("qwen3-next-80b-a3b");
  s.designs = {"own", "mla"};
  const AttentionReport r = RunAttention(s);
  const DesignReport& own = Of(r, "own");
  EXPECT_EQ(own.state_bytes, 36 * (4 * 32 * 128 * 128 + 2 * (2 * 16 * 128 + 32 * 128) * 3));
  EXPECT_EQ(own.capacity[2].request_bytes - own.capacity[0].request_bytes,
            12 * 2 * 2 * 256 * 2 * (16384 - 1024));
  EXPECT_EQ(Of(r, "mla").state_bytes, 0);
  EXPECT_TRUE(r.models.at(0).designs.size() == 2);
  EXPECT_GT(own.decode.front().time.analytic_s, 0) << "no table has a recurrence";
}

TEST(AttentionReport, GroupsThatDoNotDivideTheHeadsAreLeftOutUnlessAskedFor) {
  AttentionScenario s = Small("falcon-h1-34b");  // 20 heads
  s.contexts = {1024};
  s.batches = {1};
  EXPECT_THROW(Of(RunAttention(s), "gqa-8"), std::runtime_error);
  s.designs = {"own", "gqa-8"};
  EXPECT_THROW(RunAttention(s), InputError);
}

TEST(AttentionReport, PartsAndProvenancesOfAStepAddUp) {
  const AttentionReport r = RunAttention(Small());
  for (const DesignReport& d : r.models.at(0).designs) {
    for (const DecodePoint& p : d.decode) {
      double parts = p.time.gaps_s;
      for (double part : p.time.block_s) parts += part;
      EXPECT_NEAR(parts, p.time.total_s(), 1e-12) << d.design.name;
      EXPECT_GT(p.time.kernels_s(), 0);
    }
  }
}

TEST(AttentionReport, AttentionTimeGrowsWithContextAndBatch) {
  AttentionScenario s = Small();
  s.batches = {16, 64, 256};
  const AttentionReport r = RunAttention(s);
  for (const DesignReport& d : r.models.at(0).designs) {
    for (const DecodePoint& a : d.decode) {
      for (const DecodePoint& b : d.decode) {
        if (b.context < a.context || b.batch < a.batch || (b.context == a.context && b.batch == a.batch))
          continue;
        EXPECT_GT(b.time.block(models::Block::kAttention), a.time.block(models::Block::kAttention))
            << d.design.name << " " << a.batch << "x" << a.context << " to " << b.batch << "x" << b.context;
      }
    }
  }
}

TEST(AttentionReport, ANarrowerLatentIsNeverSlowerThanAWiderOne) {
  const AttentionReport r = RunAttention(Small());
  const DesignReport& mla = Of(r, "mla");
  const DesignReport& bare = Of(r, "mla-no-rope");
  for (std::size_t i = 0; i < mla.decode.size(); ++i) {
    EXPECT_LE(bare.decode[i].time.block(models::Block::kAttention),
              mla.decode[i].time.block(models::Block::kAttention));
  }
}

TEST(AttentionReport, CapacityKeepsMemoryAndTheLimit) {
  const AttentionScenario s = Small();
  const AttentionReport r = RunAttention(s);
  for (const DesignReport& d : r.models.at(0).designs) {
    for (const CapacityPoint& p : d.capacity) {
      EXPECT_LE(p.tpot_batch, p.memory_batch) << d.design.name;
      EXPECT_LE(p.tpot_s, Seconds(s.tpot_limit));
      const double held = static_cast<double>(p.memory_batch) *
                          static_cast<double>((p.context + 1) * d.cache_bytes_per_token);
      EXPECT_LE(held + static_cast<double>(d.weight_bytes_per_gpu),
                0.9 * static_cast<double>(s.device.memory.count));
      EXPECT_EQ(p.request_bytes, p.context * d.cache_bytes_per_token);
    }
  }
  EXPECT_GT(Of(r, "mla").capacity.front().memory_batch, 10 * Of(r, "mha").capacity.front().memory_batch);
}

TEST(AttentionReport, ALongerLimitServesNoFewer) {
  AttentionScenario s = Small();
  s.designs = {"mla", "gqa-8"};
  const AttentionReport tight = RunAttention(s);
  s.tpot_limit = FromSeconds(0.2);
  const AttentionReport loose = RunAttention(s);
  for (std::size_t d = 0; d < 2; ++d) {
    for (std::size_t c = 0; c < s.contexts.size(); ++c) {
      EXPECT_GE(loose.models[0].designs[d].capacity[c].tpot_batch,
                tight.models[0].designs[d].capacity[c].tpot_batch);
    }
  }
}

TEST(AttentionReport, AnFp8CacheHoldsMoreAndIsNeverSlower) {
  AttentionScenario s = Small();
  s.designs = {"mla", "gqa-8"};
  const AttentionReport bf16 = RunAttention(s);
  s.cache = models::CachePrecision::kFp8;
  const AttentionReport fp8 = RunAttention(s);
  for (std::size_t d = 0; d < 2; ++d) {
    const DesignReport &a = bf16.models[0].designs[d], &b = fp8.models[0].designs[d];
    EXPECT_GT(b.cache_tokens_per_gpu, a.cache_tokens_per_gpu);
    for (std::size_t i = 0; i < a.decode.size(); ++i) {
      EXPECT_LE(b.decode[i].time.block(models::Block::kAttention),
                a.decode[i].time.block(models::Block::kAttention) * (1 + 1e-9));
    }
  }
  EXPECT_EQ(fp8.models[0].designs[0].cache_bytes_per_token, 656 * 61);
}

// H100 and H200 differ in their memory alone.
TEST(AttentionReport, NoCacheIsSlowerOnADeviceWithMoreBandwidthOrWithSmallerElements) {
  const auto step = [](const char* device, models::CachePrecision cache, const char* design,
                       std::int64_t batch) {
    const hw::CostModel cost = hw::CostModel::Load(hw::DevicePreset(device), {});
    const models::ModelSpec v3 = models::ModelPreset("deepseek-v3");
    models::Layout layout;
    layout.expert = 64;
    layout.cache = cache;
    const auto ops = models::ServedOps(v3, models::MakeDesign(design, v3.attention), layout,
                                       models::Pass::kDecode, {{batch, 1, 8192}});
    return StepPricer(cost).Price(ops).total_s();
  };
  using enum models::CachePrecision;
  for (const char* design :
       {"mla", "mla-no-rope", "mla-rope-reapplied", "mla-rope-on-latent", "gqa-8", "mqa", "mha"}) {
    for (const std::int64_t batch : {1, 16, 128}) {
      for (const auto cache : {kBf16, kFp8, kSixBit}) {
        EXPECT_LE(step("h200-sxm", cache, design, batch), step("h100-sxm", cache, design, batch) + 1e-9)
            << design << " " << batch;
      }
      for (const char* device : {"h800-sxm", "h200-sxm", "h20"}) {
        const double bf16 = step(device, kBf16, design, batch), fp8 = step(device, kFp8, design, batch);
        EXPECT_LE(fp8, bf16 + 1e-9) << device << " " << design << " " << batch;
        EXPECT_LE(step(device, kSixBit, design, batch), fp8 + 1e-9)
            << device << " " << design << " " << batch;
      }
    }
  }
}

TEST(AttentionReport, MtpLayersAreHeldWhereAsked) {
  AttentionScenario s = Small();
  s.designs = {"mla"};
  const DesignReport without = Of(RunAttention(s), "mla");
  s.mtp = true;
  const DesignReport with = Of(RunAttention(s), "mla");
  EXPECT_EQ(with.cache_bytes_per_token - without.cache_bytes_per_token, 1152);
  EXPECT_GT(with.weight_bytes_per_gpu, without.weight_bytes_per_gpu);
}

TEST(AttentionReport, LayerNormMovesMoreThanRmsNorm) {
  AttentionScenario s = Small();
  s.designs = {"mla"};
  const std::int64_t rms = Of(RunAttention(s), "mla").norm_bytes_per_token;
  s.norm = models::NormKind::kLayer;
  EXPECT_EQ(Of(RunAttention(s), "mla").norm_bytes_per_token - rms, 2 * (61 * (2 * 7168 + 1536 + 512) + 7168));
}

TEST(AttentionReport, LayoutsAreChosenToLeaveHalfTheMemory) {
  for (const std::string& model : models::ModelPresets()) {
    const AttentionScenario s = Small(model);
    const models::Layout layout = ChooseLayout(s, s.models[0]);
    const models::AttentionDesign own = models::MakeDesign("own", s.models[0].attention);
    const double weights =
        static_cast<double>(models::WeightBytesPerGpu(s.models[0], own, layout, false).count);
    EXPECT_LE(2 * weights, 0.9 * static_cast<double>(s.device.memory.count)) << model;
    EXPECT_TRUE(s.models[0].moe ? layout.tensor == 1 : layout.expert == 1) << model;
  }
}

TEST(AttentionReport, EveryPresetRunsInEveryDesign) {
  AttentionScenario s = Small();
  s.contexts = {4096};
  s.batches = {8};
  s.models.clear();
  for (const std::string& model : models::ModelPresets()) s.models.push_back(models::ModelPreset(model));
  const AttentionReport r = RunAttention(s);
  ASSERT_EQ(r.models.size(), models::ModelPresets().size());
  for (const ModelReport& m : r.models) EXPECT_GE(m.designs.size(), 8u) << m.spec.name;
}

TEST(AttentionReport, CrossoversSeparateTheWinners) {
  const AttentionScenario s = Small();
  const models::ModelSpec& v3 = s.models[0];
  const hw::CostModel cost = hw::CostModel::Load(s.device, {});
  const StepPricer pricer(cost);
  const models::Layout layout = ChooseLayout(s, v3);
  const auto seconds = [&](const char* design, std::int64_t query) {
    return pricer
        .Price(models::ServedAttentionOps(v3, models::MakeDesign(design, v3.attention), layout,
                                          models::Pass::kDecode, {{32, query, 4096}}))
        .total_s();
  };
  int checked = 0;
  for (const Crossover& c : MlaCrossovers(v3, layout, pricer, {4096})) {
    if (c.axis != Crossover::Axis::kQueryLength || c.batch != 32) continue;
    ASSERT_TRUE(c.from.has_value());
    EXPECT_EQ(c.first, models::MlaDecode::kAbsorbed);
    EXPECT_LT(seconds("mla-materialised", *c.from), seconds("mla", *c.from));
    EXPECT_GE(seconds("mla-materialised", *c.from - 1), seconds("mla", *c.from - 1));
    EXPECT_NEAR(static_cast<double>(*c.from), c.by_operations, 0.35 * c.by_operations);
    ++checked;
  }
  EXPECT_EQ(checked, 1);
}

TEST(AttentionReport, PlainDecodeIsAbsorbedFromShortContextsOn) {
  const AttentionReport r = RunAttention(Small());
  for (const Crossover& c : r.models[0].crossovers) {
    if (c.axis != Crossover::Axis::kContext || c.query_length != 1) continue;
    EXPECT_EQ(c.first, models::MlaDecode::kMaterialised);
    ASSERT_TRUE(c.from.has_value());
    EXPECT_LT(*c.from, 1024);
  }
}

TEST(AttentionReport, AbsorbedMlaNeverExceedsFlashMla) {
  const AttentionScenario s = Small();
  const hw::CostModel cost = hw::CostModel::Load(s.device, {});
  const StepPricer pricer(cost);
  for (int tensor : {1, 8}) {
    models::Layout layout;
    layout.tensor = tensor;
    for (std::int64_t query : {1, 3, 16}) {
      for (std::int64_t batch : {1, 100, 3000}) {
        for (const models::PlacedOp& o :
             models::ServedAttentionOps(s.models[0], models::MakeDesign("mla", s.models[0].attention), layout,
                                        models::Pass::kDecode, {{batch, query, 30000}})) {
          if (o.op.kind != OpKind::kAttentionDecode) continue;
          const double t = pricer.Price({o}).kernels_s();
          EXPECT_LE(o.op.flops().count / t, 660e12);
          EXPECT_LE(static_cast<double>(o.op.bytes().count) / t, 3000e9);
        }
      }
    }
  }
}

TEST(AttentionReport, SameScenarioGivesTheSameFigures) {
  const AttentionReport a = RunAttention(Small()), b = RunAttention(Small());
  EXPECT_EQ(Of(a, "gqa-8").decode[3].time.total_s(), Of(b, "gqa-8").decode[3].time.total_s());
  EXPECT_EQ(a.calibration, b.calibration);
}

TEST(AttentionReport, WhatDoesNotSuitTheModelIsRefused) {
  AttentionScenario s = Small();
  s.designs = {"gqa-3"};
  EXPECT_THROW(RunAttention(s), InputError);
  s = Small();
  s.tensor = 5;
  EXPECT_THROW(RunAttention(s), InputError);
  s = Small("qwen2.5-72b");
  s.expert = 2;
  EXPECT_THROW(RunAttention(s), InputError);
  s = Small();
  s.calibration.name = "no-such-table";
  EXPECT_THROW(RunAttention(s), InputError);
}

TEST(AttentionReport, AbsurdSizesAreRefusedNotOverflowed) {
  AttentionScenario s = Small();
  s.models[0].hidden = 1 << 20;
  s.models[0].layers = 10000;
  s.models[0].attention.heads = s.models[0].attention.kv_heads = 1 << 20;
  s.models[0].attention.head_dim = 1 << 20;
  EXPECT_THROW(RunAttention(s), InputError);
  s = Small();
  s.batches = {1 << 20};
  s.contexts = {1 << 24};
  EXPECT_THROW(RunAttention(s), InputError);
}

TEST(AttentionReport, TellsWhatItIsDoingAndIsStoppedInEveryPartOfIt) {
  AttentionScenario s = Small();
  s.designs = {"own", "gqa-8"};
  // Tables, two designs, crossovers.
  ExpectToldAndStoppedInEveryPart(4, [&](const RunControl& control) { RunAttention(s, control); });
}

}  // namespace
}  // namespace orrery::scenarios
