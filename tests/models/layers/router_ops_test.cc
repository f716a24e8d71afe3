#include <map>

#include <gmock/gmock.h>

#include "tests/models/layers/shapes.h"
#include "tests/models/layers/specs.h"

namespace orrery::models {
namespace {

/// The router's kernels alone.
std::vector<Op> Router(const ModelSpec& spec, Pass pass, const LayerShape& shape) {
  std::vector<Op> ops;
  for (PlacedOp& o : SublayerOps(spec, {}, Sublayer::kFeedForwardInput, pass, shape)) {
    if (o.block == Block::kRouter && o.op.kind != OpKind::kResidualAdd) ops.push_back(std::move(o.op));
  }
  return ops;
}

std::map<OpKind, int> Count(const ModelSpec& spec, bool backward) {
  std::map<OpKind, int> counts;
  for (const Op& op : Router(spec, backward ? Pass::kInputGradient : Pass::kForward, {})) ++counts[op.kind];
  return counts;
}

ModelSpec WithRouter(bool sigmoid, int groups) {
  ModelSpec spec = ModelPreset("deepseek-v3");
  spec.moe->sigmoid = sigmoid;
  spec.moe->groups = groups;
  spec.moe->top_groups = groups > 1 ? groups / 2 : 1;
  return spec;
}

int Total(const std::map<OpKind, int>& counts) {
  int total = 0;
  for (const auto& [kind, count] : counts) total += count;
  return total;
}

TEST(RouterOps, DeepSeekV3LaunchesOneGateThreeTopKAndThirtyThreeSmallKernelsForward) {
  const std::map<OpKind, int> counts = Count(ModelPreset("deepseek-v3"), false);
  EXPECT_EQ(counts.at(OpKind::kGemmBf16), 1);
  EXPECT_EQ(counts.at(OpKind::kTopK), 3);
  EXPECT_EQ(Total(counts) - 1 - 3, 33);
}

TEST(RouterOps, DeepSeekV3LaunchesTwoGateGemmsAndTwentySixSmallKernelsBackward) {
  const std::map<OpKind, int> counts = Count(ModelPreset("deepseek-v3"), true);
  EXPECT_EQ(counts.at(OpKind::kGemmBf16), 2);
  EXPECT_EQ(Total(counts) - 2, 26);
}

TEST(RouterOps, OneGroupNeedsNoGroupTopK) {
  EXPECT_EQ(Count(WithRouter(true, 1), false).at(OpKind::kTopK), 2);
  EXPECT_EQ(Count(WithRouter(true, 8), false).at(OpKind::kTopK), 3);
}

TEST(RouterOps, SoftmaxAffinitiesAreNotNormalisedAgain) {
  EXPECT_LT(Total(Count(WithRouter(false, 8), false)), Total(Count(WithRouter(true, 8), false)));
  EXPECT_LT(Total(Count(WithRouter(false, 8), true)), Total(Count(WithRouter(true, 8), true)));
}

TEST(RouterOps, SmallKernelsAreSmall) {
  for (const bool backward : {false, true}) {
    const ModelSpec spec = ModelPreset("deepseek-v3");
    for (const Op& op : Router(spec, backward ? Pass::kInputGradient : Pass::kForward, {})) {
      if (op.kind == OpKind::kGemmBf16) continue;
      EXPECT_LE(op.bytes().count, 12 * 4096 * 256)
          << op.label;  // at most three FP32 passes over [tokens, experts]
    }
  }
}

TEST(RouterOps, AServerRoutesByOneKernelOrStepByStepWithoutTheLoss) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  LayerShape shape;
  for (const Pass pass : {Pass::kPrefill, Pass::kDecode}) {
    shape.shard.router = RouterKernels::kFused;
    EXPECT_EQ(Router(spec, pass, shape).size(), 2U);
    shape.shard.router = RouterKernels::kStepwise;
    const std::vector<Op> stepwise = Router(spec, pass, shape);
    EXPECT_EQ(stepwise.size(), Router(spec, Pass::kForward, shape).size() - 8);
    for (const Op& op : stepwise) EXPECT_FALSE(op.label.starts_with("balance loss")) << op.label;
  }
}

TEST(RouterOps, ScaleWithTokensAndExperts) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  LayerShape shape;
  const std::vector<Op> one = Router(spec, Pass::kForward, shape);
  shape.batch.sequences[0].count *= 2;
  const std::vector<Op> two = Router(spec, Pass::kForward, shape);
  ASSERT_EQ(one.size(), two.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_GE(two[i].bytes(), one[i].bytes()) << one[i].label;
    EXPECT_LE(two[i].bytes(), 2 * one[i].bytes()) << one[i].label;
  }
}

}  // namespace
}  // namespace orrery::models
