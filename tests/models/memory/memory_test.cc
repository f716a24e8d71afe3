#include "models/memory/memory.h"

#include <gmock/gmock.h>

#include "models/spec/parameters.h"
#include "tests/models/layers/shapes.h"
#include "tests/models/layers/specs.h"

namespace orrery::models {
namespace {

struct V3 {
  ModelSpec spec = ModelPreset("deepseek-v3");
  StageLayout layout = EvenStages(spec, 16, 4096);
  LayerShape shape;
  MemoryPlan plan;

  /// Rank 0 of DualPipe: PP + 1 chunks in flight (V3 report Table 2), 16 of its own stage, 1 of the mirrored
  /// one.
  V3() {
    shape.shard.local_experts = 4;
    shape.batch.routed = BalancedRows(*spec.moe, shape);
    plan.held = {0, 15};
    plan.chunks_in_flight = {16, 1};
    plan.overlapped = true;
    plan.data_parallel = 128;
    plan.expert_parallel = 64;
    plan.stage_copies = 2;
    plan.communication = ExpertExchangeBuffers(spec, 64, 20);
  }
  RankMemory Memory() const { return MemoryOfRank(spec, layout, shape, plan); }
};

std::int64_t Sum(const std::vector<SavedTensor>& tensors) {
  std::int64_t bytes = 0;
  for (const SavedTensor& t : tensors) bytes += t.bytes.count;
  return bytes;
}

std::int64_t SavedBytes(const V3& v3, LayerKind kind) {
  return Sum(SavedActivations(v3.spec, kind, v3.shape));
}

TEST(Memory, AllStagesTogetherHoldTheModel) {
  for (const ModelSpec& spec : AllKinds()) {
    const StageLayout layout = EvenStages(spec, 4, 2048);
    const ParameterCount counted = CountParameters(spec);
    std::int64_t sum = 0;
    for (int stage = 0; stage < 4; ++stage) sum += UniqueParametersPerRank(spec, layout, {stage}, 1).Total();
    // A last stage away from the embedding holds a copy of it for its MTP module.
    const std::int64_t copy = spec.mtp_modules > 0 ? counted.embedding : 0;
    EXPECT_EQ(sum, counted.total + counted.mtp + copy) << spec.name;
  }
}

TEST(Memory, PartsOfTheEndThatAreCutApartHoldWhatTheyNeed) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  const ParameterCount counted = CountParameters(spec);
  const StageLayout layout =
      MakeStageLayout(spec, {{61, 0}, {0, 1}, {0, 1}, {0, 1}});  // layers | head | MTP layer | its head
  const auto held = [&](std::vector<int> stages) {
    return UniqueParametersPerRank(spec, layout, stages, 1).Total();
  };
  EXPECT_EQ(held({1}), counted.head + spec.hidden);
  EXPECT_EQ(held({2}), counted.mtp + counted.embedding);
  EXPECT_EQ(held({3}), counted.head + spec.hidden);
  EXPECT_EQ(held({0, 1, 2, 3}), counted.total + counted.mtp) << "one rank needs no copy";

  V3 v3;
  v3.layout = layout;
  const auto logits = [&](int stage) {
    v3.plan.held = {stage};
    v3.plan.chunks_in_flight = {1};
    return v3.Memory().logits.count;
  };
  EXPECT_EQ(logits(1), 2ll * 4096 * 129280);
  EXPECT_EQ(logits(2), 0);
  EXPECT_EQ(logits(3), logits(1));
}

TEST(Memory, OneRankWithEveryStageHoldsEmbeddingAndHeadOnce) {
  for (ModelSpec spec : AllKinds()) {
    for (const bool tied : {false, true}) {
      spec.tied_embeddings = tied;
      const StageLayout layout = EvenStages(spec, 2, 2048);
      const ParameterCount counted = CountParameters(spec);
      EXPECT_EQ(UniqueParametersPerRank(spec, layout, {0, 1}, 1).Total(), counted.total + counted.mtp)
          << spec.name;
    }
  }
}

TEST(Memory, ExpertParallelismDividesOnlyRoutedExperts) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  const LocalParameters whole = LayerParameters(spec, LayerKind::kMoe, 1),
                        part = LayerParameters(spec, LayerKind::kMoe, 64);
  EXPECT_EQ(whole.expert, 64 * part.expert);
  EXPECT_EQ(whole.NonExpert(), part.NonExpert());
  EXPECT_EQ(LayerParameters(spec, LayerKind::kDense, 1), LayerParameters(spec, LayerKind::kDense, 64));
}

TEST(Memory, DeepSeekV3FitsAnH800OnEveryRankWithDualPipe) {
  V3 v3;
  for (int rank = 0; rank < 16; ++rank) {
    v3.plan.held = {rank, 15 - rank};
    const int own = rank < 8 ? 16 - rank : rank + 1;  // the stage nearer its end holds more chunks; 17 in all
    v3.plan.chunks_in_flight = {own, 17 - own};
    const RankMemory memory = v3.Memory();
    // deviceProperties of the trace: 84,943,110,144 B.
    EXPECT_TRUE(memory.Fits(Bytes{84'943'110'144})) << "rank " << rank << ": " << memory.Total().count;
    EXPECT_GT(memory.Total().count, 40'000'000'000) << rank;
  }
}

TEST(Memory, DeepSeekV3WouldNotFitWithoutItsSavings) {
  V3 v3;
  v3.shape.savings = {false, false, false, false};
  SetFp8(false, &v3.shape);
  EXPECT_FALSE(v3.Memory().Fits(Bytes{84'943'110'144}));
}

TEST(Memory, EachSavingSaves) {
  V3 v3;
  const std::int64_t base = SavedBytes(v3, LayerKind::kMoe);
  for (bool MemorySavings::*saving :
       {&MemorySavings::recompute_norms, &MemorySavings::recompute_up_projections,
        &MemorySavings::recompute_swiglu, &MemorySavings::attention_output_e5m6}) {
    v3.shape.savings.*saving = false;
    EXPECT_GT(SavedBytes(v3, LayerKind::kMoe), base);
    v3.shape.savings.*saving = true;
  }
}

TEST(Memory, SavedTensorsAreCountedInTheirStoredPrecision) {
  const V3 v3;
  for (const SavedTensor& t : SavedActivations(v3.spec, LayerKind::kMoe, v3.shape)) {
    if (t.name == "attention output") {
      EXPECT_EQ(t.bytes.count, 4096 * 16384 * 3 / 2);
    } else if (t.name == "shared SwiGLU input") {
      EXPECT_EQ(t.bytes.count, 4096 * 4096 + 4096 * 32 * 4);
    }
  }
}

TEST(Memory, GradientsAreFp32AndTheOptimizerShardIsEightBytesAParameter) {
  const V3 v3;
  const LocalParameters p = UniqueParametersPerRank(v3.spec, v3.layout, {0, 15}, 64);
  const RankMemory memory = v3.Memory();
  EXPECT_EQ(memory.gradients.count, 4 * p.Total());
  // 256 replicas of what is not an expert, 256 / 64 of experts.
  EXPECT_EQ(memory.optimizer.count, 8 * (CeilDiv(p.NonExpert(), 256) + CeilDiv(p.expert, 4)));
}

TEST(Memory, WithoutZeroEveryReplicaHoldsTheWholeOptimizer) {
  V3 v3;
  const RankMemory sharded = v3.Memory();
  v3.plan.zero1 = false;
  EXPECT_EQ(v3.Memory().optimizer.count, 2 * sharded.gradients.count);
}

TEST(Memory, ActivationsGrowByTheSameAmountWithEachChunkInFlight) {
  V3 v3;
  const std::int64_t at16 = v3.Memory().activations.count;
  v3.plan.chunks_in_flight = {17, 1};
  const std::int64_t at17 = v3.Memory().activations.count;
  v3.plan.chunks_in_flight = {18, 1};
  EXPECT_EQ(v3.Memory().activations.count - at17, at17 - at16);
  EXPECT_GT(at17, at16);
}

TEST(Memory, HotterRoutingHoldsMore) {
  V3 v3;
  const std::int64_t even = v3.Memory().Total().count;
  for (std::int64_t& r : v3.shape.batch.routed.expert_rows) r *= 2;
  v3.shape.batch.routed.unique_rows *= 2;
  EXPECT_GT(v3.Memory().Total().count, even);
}

TEST(Memory, DeferredWeightPassesHoldTheirOperands) {
  V3 v3;
  EXPECT_EQ(v3.Memory().deferred_weights.count, 0);
  v3.plan.deferred_weight_chunks = 2;
  const std::int64_t moe = WeightPassOperands(v3.spec, LayerKind::kMoe, v3.shape).count;
  EXPECT_GT(v3.Memory().deferred_weights.count, 2 * moe);
}

TEST(Memory, ChunkedHeadsHoldFewerLogits) {
  V3 v3;
  EXPECT_EQ(v3.Memory().logits.count, 2 * 2ll * 4096 * 129280);
  v3.plan.head.chunk_tokens = 512;
  EXPECT_EQ(v3.Memory().logits.count, 2 * 2ll * 512 * 129280);
}

TEST(Memory, MiddleRanksHoldNoLogits) {
  V3 v3;
  v3.plan.held = {7, 8};
  EXPECT_EQ(v3.Memory().logits.count, 0);
}

TEST(Memory, ExchangeBuffersFollowDeepEp) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  EXPECT_EQ(ExpertExchangeBuffers(spec, 1, 20).count, 0);
  // 10 channels x 8 peers x 288 tokens x (14336 + 8 + 1024 + 512 + 512) and the counters of 8 nodes.
  const std::int64_t nvlink = 10ll * 8 * (288 * 16392 + 19 * 4);
  const std::int64_t rdma = 10ll * 8 * 2 * (140 * 16408 + 72) + 1048576;
  EXPECT_EQ(ExpertExchangeBuffers(spec, 64, 20).count, nvlink + rdma);
  EXPECT_LT(ExpertExchangeBuffers(spec, 8, 20), ExpertExchangeBuffers(spec, 64, 20));
}

TEST(Memory, TheTotalIsTheSumOfItsParts) {
  RankMemory memory;
  std::int64_t power = 1;
  for (Bytes RankMemory::*part :
       {&RankMemory::weights, &RankMemory::gradients, &RankMemory::optimizer, &RankMemory::activations,
        &RankMemory::deferred_weights, &RankMemory::workspace, &RankMemory::logits,
        &RankMemory::communication, &RankMemory::reserve}) {
    memory.*part = {power};
    power *= 2;
  }
  EXPECT_EQ(memory.Total().count, power - 1);
  EXPECT_TRUE(memory.Fits(Bytes{power - 1}));
  EXPECT_FALSE(memory.Fits(Bytes{power - 2}));
}

TEST(MemoryDeathTest, ChunksOfAnotherNumberOfStagesAreRefused) {
  V3 v3;
  v3.plan.chunks_in_flight = {16};
  EXPECT_DEATH(v3.Memory(), "chunks in flight of 1");
}

}  // namespace
}  // namespace orrery::models
