// Windows, chunks, indexers and recurrences: scores, caches and kernels against counts by hand.
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/layers/flops.h"
#include "models/layers/serving_ops.h"
#include "models/parallel/training_program.h"
#include "models/spec/mixer_text.h"
#include "models/spec/parameters.h"
#include "tests/models/layers/shapes.h"

namespace orrery::models {
namespace {

using testing::HasSubstr;

std::vector<PlacedOp> Served(const ModelSpec& spec, Pass pass, const SequenceSpan& span, Layout layout = {}) {
  return ServedOps(spec, MakeDesign("own", spec), layout, pass, {span});
}

std::int64_t Cache(const ModelSpec& spec, std::int64_t length, int tensor = 1) {
  return CacheBytes(spec, MakeDesign("own", spec), CachePrecision::kBf16, false, length, tensor).count;
}

/// All kernels with that label.
std::vector<PlacedOp> Labelled(const std::vector<PlacedOp>& ops, const std::string& label) {
  std::vector<PlacedOp> found;
  std::copy_if(ops.begin(), ops.end(), std::back_inserter(found),
               [&](const PlacedOp& o) { return o.op.label == label; });
  return found;
}

TEST(CausalScores, AreTheSumsOverTokens) {
  AttentionSpec window, chunk, chosen;
  window.window = chosen.index_top_k = 100;
  chunk.chunk = 64;
  // Token i sees its own position as half, as the field counts a square.
  const auto sum = [](std::int64_t from, std::int64_t to, const auto& seen) {
    double total = 0;
    for (std::int64_t i = from; i < to; ++i) total += seen(static_cast<double>(i));
    return total;
  };
  for (const auto& [from, to] :
       {std::pair{0, 50}, std::pair{0, 1000}, std::pair{70, 300}, std::pair{500, 501}}) {
    const double banded = sum(from, to, [](double i) { return std::min(i + 0.5, 100.0); });
    EXPECT_DOUBLE_EQ(CausalScores(window, from, to), banded);
    EXPECT_DOUBLE_EQ(CausalScores(chosen, from, to), banded);
    EXPECT_DOUBLE_EQ(CausalScores(chunk, from, to),
                     sum(from, to, [](double i) { return std::fmod(i, 64) + 0.5; }));
    EXPECT_DOUBLE_EQ(CausalScores(AttentionSpec{}, from, to),
                     sum(from, to, [](double i) { return i + 0.5; }));
  }
}

TEST(Caches, OfWindowsStopGrowing) {
  const ModelSpec oss = ModelPreset("gpt-oss-120b");
  const std::int64_t token = 2 * 8 * 64 * 2;  // keys and values of 8 heads of 64 in BF16
  EXPECT_EQ(Cache(oss, 100), 36 * token * 100);
  EXPECT_EQ(Cache(oss, 8192), 18 * token * 8192 + 18 * token * 128);
  EXPECT_EQ(Cache(oss, 8192, 8), Cache(oss, 8192) / 8) << "its key heads are split";
  // Chunks of Llama-4: three layers of four.
  const ModelSpec llama = ModelPreset("llama-4-maverick");
  const std::int64_t wide = 2 * 8 * 128 * 2;
  EXPECT_EQ(Cache(llama, 131072), 12 * wide * 131072 + 36 * wide * 8192);
}

TEST(Caches, OfIndexersHaveOneFp8KeyMore) {
  const ModelSpec v32 = ModelPreset("deepseek-v3.2"), v3 = ModelPreset("deepseek-v3");
  EXPECT_EQ(Cache(v32, 4096) - Cache(v3, 4096), 61 * (128 + 4) * 4096LL);
}

TEST(Caches, OfRecurrencesAreStates) {
  const ModelSpec qwen = ModelPreset("qwen3-next-80b-a3b");
  const std::int64_t state = 4 * 32 * 128 * 128 + 2 * (2 * 16 * 128 + 32 * 128) * 3;
  EXPECT_EQ(Cache(qwen, 0), 36 * state);
  EXPECT_EQ(Cache(qwen, 1000) - Cache(qwen, 0), 12 * 2 * 2 * 256 * 2 * 1000LL);
  // Falcon-H1 has both in every layer.
  const ModelSpec falcon = ModelPreset("falcon-h1-34b");
  EXPECT_GT(Cache(falcon, 0), 0);
  EXPECT_EQ(Cache(falcon, 10) - Cache(falcon, 0), 72 * 2 * 4 * 128 * 2 * 10LL);
}

TEST(Caches, OfUniformModelsArePerToken) {
  for (const char* name : {"deepseek-v3", "llama-3.1-70b", "qwen3-235b-a22b"}) {
    const ModelSpec spec = ModelPreset(name);
    const AttentionDesign own = MakeDesign("own", spec);
    for (const CachePrecision p : {CachePrecision::kBf16, CachePrecision::kFp8, CachePrecision::kSixBit})
      EXPECT_EQ(CacheBytes(spec, own, p, true, 777), CacheBytesPerToken(spec, own, p, true) * 777) << name;
  }
}

TEST(ServedMixers, WindowsCapWhatADecodedTokenReads) {
  const ModelSpec oss = ModelPreset("gpt-oss-120b");
  const auto near = Labelled(Served(oss, Pass::kDecode, {1, 1, 1000}), "attention over the cache");
  const auto far = Labelled(Served(oss, Pass::kDecode, {1, 1, 100000}), "attention over the cache");
  ASSERT_EQ(near.size(), 2U);
  EXPECT_EQ(near[0].count, 18);
  EXPECT_EQ(std::get<AttentionShape>(far[0].op.shape).kv_len, 100000);
  EXPECT_EQ(std::get<AttentionShape>(near[1].op.shape), std::get<AttentionShape>(far[1].op.shape));
  EXPECT_EQ(std::get<AttentionShape>(far[1].op.shape).kv_len, 128);
}

TEST(ServedMixers, WindowsCapThePrefill) {
  const ModelSpec oss = ModelPreset("gpt-oss-120b");
  const auto cores = Labelled(Served(oss, Pass::kPrefill, {2, 4096, 0}), "flash attention forward");
  ASSERT_EQ(cores.size(), 2U);
  const double per_score = 2.0 * 64 * (64 + 64);
  EXPECT_DOUBLE_EQ(cores[0].op.flops().count, 2 * per_score * 4096.0 * 4096 / 2);
  EXPECT_DOUBLE_EQ(cores[1].op.flops().count, 2 * per_score * (128.0 * 128 / 2 + (4096 - 128) * 128.0));
}

TEST(ServedMixers, IndexersScoreEveryPositionAndAttentionReadsTheBest) {
  const ModelSpec v32 = ModelPreset("deepseek-v3.2");
  const auto ops = Served(v32, Pass::kDecode, {128, 1, 131072});
  const AttentionShape core = std::get<AttentionShape>(Labelled(ops, "attention over the cache")[0].op.shape);
  EXPECT_EQ(core.kv_len, 2048);
  const Op scores = Labelled(ops, "index scores")[0].op;
  EXPECT_DOUBLE_EQ(scores.flops().count, 128.0 * 2 * 64 * 128 * 131072);
  EXPECT_EQ(scores.bytes().count, 128LL * (131072 * 132 + 2 * 64 * 128));
  // A short prefill is V3's and the indexer; a long one attends to the chosen latents.
  EXPECT_TRUE(Labelled(Served(v32, Pass::kPrefill, {1, 2048, 0}), "sparse attention forward").empty());
  const auto prefill = Served(v32, Pass::kPrefill, {1, 8192, 0});
  const Op sparse = Labelled(prefill, "sparse attention forward")[0].op;
  EXPECT_DOUBLE_EQ(sparse.flops().count,
                   2.0 * 128 * (576 + 512) * (2048.0 * 2048 / 2 + (8192 - 2048) * 2048.0));
  EXPECT_TRUE(Labelled(prefill, "flash attention forward").empty());
}

TEST(ServedMixers, StatesCostTheSameAtAnyContext) {
  for (const char* name : {"qwen3-next-80b-a3b", "kimi-linear-48b-a3b", "nemotron-3-nano-30b-a3b"}) {
    const ModelSpec spec = ModelPreset(name);
    const auto near = Labelled(Served(spec, Pass::kDecode, {64, 1, 100}), "state update");
    const auto far = Labelled(Served(spec, Pass::kDecode, {64, 1, 1 << 20}), "state update");
    ASSERT_EQ(near.size(), 1U) << name;
    EXPECT_EQ(near[0].op.bytes().count, far[0].op.bytes().count);
    EXPECT_EQ(near[0].count, spec.LayersWith(1));
    const RecurrenceSpec& r = *spec.RecurrenceOf(1);
    EXPECT_GE(near[0].op.bytes().count, 64LL * 8 * r.heads * r.key_dim * r.value_dim)
        << "read and written in FP32";
  }
}

/// Multiply-adds of the projections and feed-forwards of `tokens` decoded tokens that each meet every expert they
/// choose once: all GEMMs but those of a scan.
TEST(ServedMixers, GemmsAreTheActivatedMatrices) {
  for (const char* name : {"falcon-h1-34b", "gemma-3-27b"}) {
    const ModelSpec spec = ModelPreset(name);
    double flops = 0;
    for (const PlacedOp& o : Served(spec, Pass::kDecode, {8, 1, 4096}))
      if (std::holds_alternative<GemmShape>(o.op.shape))
        flops += o.op.flops().count * static_cast<double>(o.count);
    EXPECT_DOUBLE_EQ(flops, 8 * 2.0 * static_cast<double>(ActivatedMatrixParameters(spec))) << name;
  }
  // The grouped GEMMs of experts have their rows from a spread of draws: here only the mixers.
  for (const char* name :
       {"qwen3-next-80b-a3b", "kimi-linear-48b-a3b", "deepseek-v3.2", "nemotron-3-nano-30b-a3b"}) {
    const ModelSpec spec = ModelPreset(name);
    double flops = 0, expected = 0;
    for (const PlacedOp& o : Served(spec, Pass::kPrefill, {1, 1024, 0})) {
      const bool product = o.op.kind == OpKind::kStateScan;
      if (o.block == Block::kProjection && !product)
        flops += std::holds_alternative<GemmShape>(o.op.shape)
                     ? o.op.flops().count * static_cast<double>(o.count)
                     : 0;
      if (o.block == Block::kUpProjection && std::holds_alternative<GemmShape>(o.op.shape))
        flops += o.op.flops().count * static_cast<double>(o.count);
    }
    for (const LayerGroup& g : spec.Groups())
      expected += 1024 * 2.0 * g.count * static_cast<double>(CountLayer(spec, g.blocks).attention);
    EXPECT_DOUBLE_EQ(flops, expected) << name;
  }
}

TEST(ServedMixers, ScansMultiplyWhatTheRecurrenceHas) {
  // Mamba-2 in chunks of c: scores and their values c^2 (d_k + d_v) per head and chunk, states twice c d_k d_v.
  const ModelSpec spec = ModelPreset("nemotron-3-nano-30b-a3b");
  double flops = 0;
  for (const PlacedOp& o : Served(spec, Pass::kPrefill, {1, 1024, 0}))
    if (o.op.kind == OpKind::kStateScan) flops += o.op.flops().count * static_cast<double>(o.count);
  const double heads = 64, chunks = 1024 / 128, c = 128, k = 128, v = 64;
  EXPECT_DOUBLE_EQ(flops, spec.LayersWith(1) * 2 * heads * chunks * (c * c * (k + v) + 2 * c * k * v));
}

TEST(ServedMixers, AreSplitByTensorRanks) {
  for (const char* name : {"qwen3-next-80b-a3b", "gpt-oss-120b"}) {
    const ModelSpec spec = ModelPreset(name);
    Layout two;
    two.tensor = two.expert = 2;
    const AttentionDesign own = MakeDesign("own", spec);
    CheckLayout(spec, own, two);
    EXPECT_LT(
        WeightBytesPerGpu(spec, own, two, false).count,
        static_cast<std::int64_t>(0.55 * static_cast<double>(WeightBytesPerGpu(spec, own, {}, false).count)));
    EXPECT_LT(TotalWork(Served(spec, Pass::kDecode, {8, 1, 4096}, two), Block::kAttention).bytes,
              0.55 * TotalWork(Served(spec, Pass::kDecode, {8, 1, 4096}), Block::kAttention).bytes);
  }
}

TEST(RecastDesigns, ReplaceEveryMixer) {
  const ModelSpec qwen = ModelPreset("qwen3-next-80b-a3b");
  const AttentionDesign mha = MakeDesign("mha", qwen);
  EXPECT_FALSE(mha.own_layers);
  const ModelSpec recast = WithDesign(qwen, mha);
  EXPECT_EQ(recast.LayersWith(kOwnMixer), 48);
  EXPECT_EQ(CacheBytes(qwen, mha, CachePrecision::kBf16, false, 10).count, 48 * 2 * 16 * 256 * 2 * 10);
  EXPECT_TRUE(Labelled(ServedOps(qwen, mha, {}, Pass::kDecode, {{1, 1, 100}}), "state update").empty());
  EXPECT_EQ(OwnDesign(qwen), "own");
  EXPECT_EQ(OwnDesign(ModelPreset("deepseek-v3.2")), "own");
  EXPECT_EQ(OwnDesign(ModelPreset("minimax-m2")), "gqa-8");
  EXPECT_EQ(DescribeMixers(ModelPreset("minimax-m2")), "gqa-8");
  EXPECT_EQ(DescribeMixers(ModelPreset("gpt-oss-120b")), "18 x gqa-8, 18 x gqa-8 of 128 positions");
  EXPECT_EQ(DescribeMixers(ModelPreset("deepseek-v3.2")), "61 x mla of 2048 chosen positions");
  EXPECT_EQ(DescribeMixers(ModelPreset("falcon-h1-34b")), "72 x gqa-4 beside Mamba-2");
}

TEST(TrainedMixers, WindowsCostLessInBothPasses) {
  const ModelSpec oss = ModelPreset("gpt-oss-120b");
  LayerShape shape;
  shape.shard.local_experts = 4;
  const RoutedRows rows = BalancedRows(*oss.moe, shape);
  for (const Phase phase : {phase::kAttentionForward, phase::kAttentionBackward}) {
    const Work full =
        TotalWork(PhaseOps(oss, {LayerKind::kMoe}, phase, With(shape, rows)), Block::kAttention);
    const Work window =
        TotalWork(PhaseOps(oss, RefOf({LayerKind::kMoe, 1}), phase, With(shape, rows)), Block::kAttention);
    EXPECT_LT(window.flops, full.flops / 10);
    EXPECT_GT(window.flops, 0);
  }
  EXPECT_LT(LayerForwardFlops(oss, LayerBlocks(LayerKind::kMoe, 1), 4096, true).count,
            LayerForwardFlops(oss, true, 4096, true).count);
}

TEST(TrainedMixers, WhatCannotBeTrainedSaysWhy) {
  EXPECT_EQ(WhyNotTrained(ModelPreset("gpt-oss-120b")), "");
  EXPECT_EQ(WhyNotTrained(ModelPreset("llama-4-maverick")), "");
  EXPECT_EQ(WhyNotTrained(ModelPreset("deepseek-v3")), "");
  EXPECT_THAT(WhyNotTrained(ModelPreset("qwen3-next-80b-a3b")), HasSubstr("recurrent"));
  EXPECT_THAT(WhyNotTrained(ModelPreset("deepseek-v3.2")), HasSubstr("indexer"));
  EXPECT_THAT(WhyNotTrained(ModelPreset("nemotron-3-nano-30b-a3b")), HasSubstr("without a gate"));
}

TEST(TrainedMixers, UnitsAreThoseOfTheLayers) {
  const ModelSpec maverick = ModelPreset("llama-4-maverick");
  Stage stage;
  for (int i = 0; i < 8; ++i) stage.layers.push_back(i);
  std::vector<UnitKind> kinds;
  std::vector<int> experts;
  for (const Unit& unit : UnitsOf(maverick, stage)) {
    kinds.push_back(unit.kind);
    experts.push_back(unit.moe_layer);
  }
  using enum UnitKind;
  EXPECT_THAT(kinds, testing::ElementsAre(kOtherDenseLayer, kOtherMoeLayer, kOtherDenseLayer, kMoeLayer,
                                          kOtherDenseLayer, kOtherMoeLayer, kOtherDenseLayer, kMoeLayer));
  EXPECT_THAT(experts, testing::ElementsAre(-1, 0, -1, 1, -1, 2, -1, 3));
}

}  // namespace
}  // namespace orrery::models
