#include <functional>

#include <gmock/gmock.h>

#include "models/layers/layer.h"
#include "models/spec/parameters.h"
#include "tests/models/layers/shapes.h"
#include "tests/models/layers/specs.h"

namespace orrery::models {
namespace {

LayerShape ShapeFor(const ModelSpec& spec, bool fp8) {
  LayerShape shape;
  shape.batch = Sequences(2, 1024);
  shape.shard.local_experts = spec.moe ? 4 : 0;
  SetFp8(fp8, &shape);
  return shape;
}

/// Rows that need no padding.
RoutedRows EvenRows() { return {{1024, 2048, 512, 1152}, 3000}; }
constexpr double kEvenRows = 1024 + 2048 + 512 + 1152;

double FlopsOf(const std::vector<Op>& ops, const std::function<bool(const Op&)>& chosen) {
  double flops = 0;
  for (const Op& op : ops) flops += chosen(op) ? op.flops().count : 0;
  return flops;
}

double PassFlops(const std::vector<Op>& ops, const std::string& pass) {
  return FlopsOf(ops, [&](const Op& op) { return op.label.ends_with(" " + pass); });
}

bool IsAttention(const Op& op) {
  return op.kind == OpKind::kAttentionForward || op.kind == OpKind::kAttentionBackward;
}

std::vector<LayerKind> KindsOf(const ModelSpec& spec) {
  std::vector<LayerKind> kinds;
  if (spec.MoeLayers() < spec.layers) kinds.push_back(LayerKind::kDense);
  if (spec.moe) kinds.push_back(LayerKind::kMoe);
  return kinds;
}

/// Multiply-adds of all matrices of a layer for `tokens` tokens and `rows` expert rows.
double MatrixMacs(const ModelSpec& spec, LayerKind kind, double tokens, double rows) {
  const auto attention = static_cast<double>(AttentionProjections(spec).parameters());
  const double hidden = spec.hidden;
  if (kind == LayerKind::kDense) return tokens * (attention + 3 * hidden * spec.dense_intermediate);
  const MoeSpec& moe = *spec.moe;
  const double shared = 3 * hidden * moe.shared_intermediate + (moe.shared_gate ? hidden : 0);
  return tokens * (attention + shared + hidden * moe.routed_experts) + rows * 3 * hidden * moe.intermediate;
}

std::vector<Op> AllOps(const ModelSpec& spec, LayerKind kind, const LayerShape& shape) {
  std::vector<Op> all;
  for (const Phase block : kTrainingPhases) {
    for (Op& op : OpsOf(spec, kind, block, shape, EvenRows())) all.push_back(std::move(op));
  }
  return all;
}

TEST(LayerOps, EachOfTheThreePassesDoesTwoOperationsPerParameterAndToken) {
  for (const ModelSpec& spec : AllKinds()) {
    for (const bool fp8 : {true, false}) {
      for (const LayerKind kind : KindsOf(spec)) {
        const LayerShape shape = ShapeFor(spec, fp8);
        const std::vector<Op> ops = AllOps(spec, kind, shape);
        const double expected = 2 * MatrixMacs(spec, kind, static_cast<double>(shape.tokens()), kEvenRows);
        for (const char* pass : {"fprop", "dgrad", "wgrad"}) {
          EXPECT_DOUBLE_EQ(PassFlops(ops, pass), expected) << spec.name << " " << pass << " fp8 " << fp8;
        }
      }
    }
  }
}

TEST(LayerOps, NothingElseUsesTensorCoresButAttentionAndTheRecomputedUpProjections) {
  for (const ModelSpec& spec : AllKinds()) {
    const LayerShape shape = ShapeFor(spec, true);
    for (const LayerKind kind : KindsOf(spec)) {
      const std::vector<Op> ops = AllOps(spec, kind, shape);
      const double passes = PassFlops(ops, "fprop") + PassFlops(ops, "dgrad") + PassFlops(ops, "wgrad");
      const double rest = FlopsOf(ops, IsAttention) + PassFlops(ops, "recompute");
      EXPECT_DOUBLE_EQ(FlopsOf(ops, [](const Op&) { return true; }), passes + rest) << spec.name;
    }
  }
}

TEST(LayerOps, RecomputationIsOneMoreForwardOfTheUpProjectionsAndCanBeTurnedOff) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  LayerShape shape = ShapeFor(spec, true);
  const auto backward = [&] { return OpsOf(spec, LayerKind::kDense, phase::kAttentionBackward, shape, {}); };
  const double up = 2.0 * 2048 * (1536.0 * 24576 + 512.0 * 32768);
  EXPECT_DOUBLE_EQ(PassFlops(backward(), "recompute"), up);
  const std::size_t with = backward().size();
  shape.savings.recompute_up_projections = false;
  EXPECT_DOUBLE_EQ(PassFlops(backward(), "recompute"), 0);
  EXPECT_LT(backward().size(), with);
}

TEST(LayerOps, WithoutRecomputedNormsTheBackwardPassRunsNoForwardNorm) {
  for (const ModelSpec& spec : AllKinds()) {
    LayerShape shape = ShapeFor(spec, true);
    shape.savings.recompute_norms = false;
    for (const LayerKind kind : KindsOf(spec)) {
      for (const Phase block : {phase::kAttentionBackward, phase::kMlpBackward}) {
        for (const Op& op : OpsOf(spec, kind, block, shape, EvenRows())) {
          EXPECT_NE(op.kind, OpKind::kRmsNorm) << spec.name << ": " << op.label;
        }
      }
    }
  }
}

TEST(LayerOps, ExpertsComputeRowsPaddedToTheTile) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  LayerShape shape = ShapeFor(spec, true);
  const RoutedRows ragged{{1, 128, 129, 0}, 200};
  EXPECT_EQ(PaddedRows(ragged, 128), 128 + 128 + 256 + 0);
  EXPECT_EQ(PaddedRows(ragged, 1), 258);
  for (const Op& op : OpsOf(spec, LayerKind::kMoe, phase::kMlpForward, shape, ragged)) {
    if (op.kind == OpKind::kGroupedGemmFp8) {
      EXPECT_EQ(Gemm(op).m, 512);
      EXPECT_EQ(Gemm(op).groups, 3) << "the fourth expert has no rows";
      EXPECT_EQ(Gemm(op).tiles_128, 4);
    }
  }
}

TEST(LayerOps, ARankThatReceivesNothingStillHasAList) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  const RoutedRows none{{0, 0, 0, 0}, 0};
  for (const Phase block : kTrainingPhases) {
    for (const Op& op : OpsOf(spec, LayerKind::kMoe, block, ShapeFor(spec, true), none)) {
      EXPECT_GE(op.bytes().count, 0) << op.label;
      EXPECT_GE(op.flops().count, 0) << op.label;
    }
  }
}

TEST(LayerOps, Bf16HasNoFp8KernelAtAll) {
  const std::vector<OpKind> fp8_kinds = {OpKind::kGemmFp8,
                                         OpKind::kGemmFp8Wgrad,
                                         OpKind::kGroupedGemmFp8,
                                         OpKind::kGroupedGemmFp8Wgrad,
                                         OpKind::kCastFp8,
                                         OpKind::kCastTransposeFp8,
                                         OpKind::kRequantizeGather,
                                         OpKind::kRequantizeTranspose,
                                         OpKind::kTransposeFp8,
                                         OpKind::kScaleTranspose,
                                         OpKind::kDequantize,
                                         OpKind::kSwiGluCast,
                                         OpKind::kSwiGluCastTranspose,
                                         OpKind::kSaveE5M6,
                                         OpKind::kRestoreE5M6};
  for (const ModelSpec& spec : AllKinds()) {
    for (const LayerKind kind : KindsOf(spec)) {
      for (const Op& op : AllOps(spec, kind, ShapeFor(spec, false))) {
        EXPECT_THAT(fp8_kinds, testing::Not(testing::Contains(op.kind))) << spec.name << ": " << op.label;
      }
    }
  }
}

TEST(LayerOps, EveryOpHasALabelAndTraffic) {
  for (const ModelSpec& spec : AllKinds()) {
    for (const LayerKind kind : KindsOf(spec)) {
      for (const Op& op : AllOps(spec, kind, ShapeFor(spec, true))) {
        EXPECT_FALSE(op.label.empty());
        EXPECT_GT(op.bytes().count, 0) << op.label;
      }
    }
  }
}

TEST(LayerOps, CausalAttentionDoesHalfOfFull) {
  const ModelSpec spec = GqaDense();
  LayerShape shape = ShapeFor(spec, true);
  const double causal = FlopsOf(AllOps(spec, LayerKind::kDense, shape), IsAttention);
  shape.batch.causal = false;
  EXPECT_DOUBLE_EQ(FlopsOf(AllOps(spec, LayerKind::kDense, shape), IsAttention), 2 * causal);
}

TEST(LayerOps, DenseLayersLaunchNoRouterKernel) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  for (const Op& op : AllOps(spec, LayerKind::kDense, ShapeFor(spec, true))) {
    EXPECT_NE(op.kind, OpKind::kTopK) << op.label;
    EXPECT_NE(op.kind, OpKind::kPermute) << op.label;
  }
}

TEST(LayerOps, AnUngroupedRouterLaunchesFewerKernelsThanAGroupedOne) {
  const auto small = [](const ModelSpec& spec) {
    int count = 0;
    for (const Op& op : OpsOf(spec, LayerKind::kMoe, phase::kAttentionForward, ShapeFor(spec, true), {})) {
      count += op.kind == OpKind::kTopK || op.kind == OpKind::kRouterMisc;
    }
    return count;
  };
  ModelSpec ungrouped = ModelPreset("deepseek-v3");
  ungrouped.moe->groups = ungrouped.moe->top_groups = 1;
  EXPECT_LT(small(ungrouped), small(ModelPreset("deepseek-v3")));
}

TEST(LayerOps, BalancedRowsAreTheTokensTimesTopK) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  LayerShape shape;
  shape.shard.local_experts = 4;
  const RoutedRows rows = BalancedRows(*spec.moe, shape);
  EXPECT_THAT(rows.expert_rows, testing::Each(4096 * 8 / 4));
  // The trace: 0.93 of 32768 with random top-8 inside 4 of 8 nodes (ANALYSIS.md "Tokens": mean U 29932).
  EXPECT_NEAR(static_cast<double>(rows.unique_rows), 29932, 0.01 * 29932);
}

TEST(ExchangeOps, OnlyFp8GradientsAreCastBeforeTheyAreSent) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  EXPECT_EQ(ExchangeOps(spec, Exchange::kCombineBackward, ShapeFor(spec, true)).size(), 1u);
  EXPECT_TRUE(ExchangeOps(spec, Exchange::kCombineBackward, ShapeFor(spec, false)).empty());
  EXPECT_TRUE(ExchangeOps(spec, Exchange::kCombineForward, ShapeFor(spec, true)).empty());
}

TEST(LayerOpsDeathTest, RowsOfAnotherNumberOfExpertsAreRefused) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  EXPECT_DEATH(OpsOf(spec, LayerKind::kMoe, phase::kMlpForward, ShapeFor(spec, true), {{128}, 1}),
               "rows of 1");
  const ModelSpec dense = GqaDense();
  EXPECT_DEATH(OpsOf(dense, LayerKind::kMoe, phase::kMlpForward, ShapeFor(dense, true), {}), "dense model");
}

}  // namespace
}  // namespace orrery::models
