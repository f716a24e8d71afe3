#include "models/layers/router_ops.h"

#include <map>

#include <gmock/gmock.h>

#include "tests/models/layers/specs.h"

namespace orrery::models {
namespace {

std::map<OpKind, int> Count(const ModelSpec& spec, bool backward) {
  std::vector<Op> ops;
  const TrainingShape shape;
  backward ? AppendRouterBackward(spec, shape, &ops) : AppendRouterForward(spec, shape, &ops);
  std::map<OpKind, int> counts;
  for (const Op& op : ops) ++counts[op.kind];
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
    std::vector<Op> ops;
    const TrainingShape shape;
    const ModelSpec spec = ModelPreset("deepseek-v3");
    backward ? AppendRouterBackward(spec, shape, &ops) : AppendRouterForward(spec, shape, &ops);
    for (const Op& op : ops) {
      if (op.kind == OpKind::kGemmBf16) continue;
      EXPECT_LE(op.bytes().count, 12 * 4096 * 256)
          << op.label;  // at most three FP32 passes over [tokens, experts]
    }
  }
}

TEST(RouterOps, ScaleWithTokensAndExperts) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  TrainingShape shape;
  std::vector<Op> one, two;
  AppendRouterForward(spec, shape, &one);
  shape.tokens *= 2;
  AppendRouterForward(spec, shape, &two);
  ASSERT_EQ(one.size(), two.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_GE(two[i].bytes(), one[i].bytes()) << one[i].label;
    EXPECT_LE(two[i].bytes(), 2 * one[i].bytes()) << one[i].label;
  }
}

}  // namespace
}  // namespace orrery::models
