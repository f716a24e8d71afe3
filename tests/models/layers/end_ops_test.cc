#include "models/layers/end_ops.h"

#include <gtest/gtest.h>

#include "models/layers/flops.h"
#include "models/layers/optimizer_ops.h"
#include "tests/models/layers/shapes.h"
#include "tests/models/layers/specs.h"

namespace orrery::models {
namespace {

constexpr Pass kPasses[] = {Pass::kForward, Pass::kInputGradient, Pass::kWeightGradient};

double FlopsOf(const std::vector<PlacedOp>& ops) { return TotalWork(ops).flops; }

TEST(HeadOps, EachPassIsOneGemmOverTheVocabulary) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  const LayerShape shape;
  for (const Pass pass : kPasses) {
    EXPECT_DOUBLE_EQ(FlopsOf(HeadOps(spec, pass, shape, {})), 4096 * HeadForwardFlops(spec).count);
  }
}

TEST(HeadOps, ChunksDoTheSameWorkInTheForwardPassAndHoldFewerLogits) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  const LayerShape shape;
  const HeadShape chunked{1000};  // does not divide 4096: the last chunk is smaller
  EXPECT_DOUBLE_EQ(FlopsOf(HeadOps(spec, Pass::kForward, shape, chunked)),
                   3 * 4096 * HeadForwardFlops(spec).count);
  EXPECT_DOUBLE_EQ(FlopsOf(HeadOps(spec, Pass::kInputGradient, shape, chunked)), 0);
  EXPECT_TRUE(HeadOps(spec, Pass::kWeightGradient, shape, chunked).empty());
  EXPECT_EQ(LogitsBytes(spec, shape, {}).count, 2ll * 4096 * 129280);
  EXPECT_EQ(LogitsBytes(spec, shape, chunked).count, 2ll * 1000 * 129280);
}

TEST(HeadOps, AChunkAsLongAsTheMicroBatchIsNoChunk) {
  const ModelSpec spec = GqaDense();
  const LayerShape shape;
  EXPECT_EQ(HeadOps(spec, Pass::kForward, shape, {4096}).size(),
            HeadOps(spec, Pass::kForward, shape, {}).size());
}

TEST(EmbeddingOps, UseNoTensorCoreAndHaveNoInputGradient) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  const LayerShape shape;
  EXPECT_EQ(EmbeddingOps(spec, Pass::kForward, shape).at(0).op.kind, OpKind::kEmbedding);
  EXPECT_EQ(EmbeddingOps(spec, Pass::kWeightGradient, shape).at(0).op.kind, OpKind::kEmbeddingBackward);
  EXPECT_TRUE(EmbeddingOps(spec, Pass::kInputGradient, shape).empty());
}

TEST(MtpOps, EachPassProjectsTwiceTheHiddenDimension) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  for (const bool fp8 : {true, false}) {
    LayerShape shape;
    SetFp8(fp8, &shape);
    for (const Pass pass : kPasses) {
      EXPECT_DOUBLE_EQ(FlopsOf(MtpProjectionOps(spec, pass, shape)), 2.0 * 4096 * 2 * 7168 * 7168);
    }
  }
}

TEST(MtpOps, RecomputeItsNormsOnlyWhenAsked) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  LayerShape shape;
  const std::size_t with = MtpProjectionOps(spec, Pass::kInputGradient, shape).size();
  shape.savings.recompute_norms = false;
  EXPECT_EQ(MtpProjectionOps(spec, Pass::kInputGradient, shape).size(), with - 3);
}

TEST(OptimizerOps, TouchTheShardForTheUpdateAndEverythingForTheRest) {
  const std::vector<Op> ops = OptimizerOps({.updated = 1000, .held = 8000, .fp8 = 6000, .ema_on_host = true});
  std::int64_t adamw = 0, host = 0, memset = 0, cast = 0;
  for (const Op& op : ops) {
    if (op.kind == OpKind::kAdamW) adamw += op.bytes().count;
    if (op.kind == OpKind::kHostCopy) host += op.bytes().count;
    if (op.kind == OpKind::kMemset) memset += op.bytes().count;
    if (op.kind == OpKind::kCastFp8) cast += op.bytes().count;
  }
  EXPECT_EQ(adamw, 1000 * (4 + 8 + 8 + 2));
  EXPECT_EQ(host, 4 * 1000);
  EXPECT_EQ(memset, 4 * 8000);
  EXPECT_EQ(cast, 3 * 6000);
}

TEST(OptimizerOps, Bf16WithoutEmaNeitherCastsNorCopies) {
  for (const Op& op : OptimizerOps({.updated = 10, .held = 10, .fp8 = 0, .ema_on_host = false})) {
    EXPECT_NE(op.kind, OpKind::kCastFp8);
    EXPECT_NE(op.kind, OpKind::kHostCopy);
  }
}

}  // namespace
}  // namespace orrery::models
