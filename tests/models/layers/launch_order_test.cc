// The order of launches, read as a list: what a reader of a timeline sees.
#include <gmock/gmock.h>

#include "models/layers/layer.h"
#include "models/layers/linear_ops.h"
#include "models/layers/op_list.h"
#include "models/spec/parameters.h"
#include "tests/models/layers/shapes.h"
#include "tests/models/layers/specs.h"

namespace orrery::models {
namespace {

using testing::ElementsAre;

std::vector<std::string> Labels(OpList* ops) {
  std::vector<std::string> labels;
  for (const Op& op : Unplaced(ops->Take())) labels.push_back(op.label);
  return labels;
}

std::vector<std::string> TensorCoreLabels(const ModelSpec& spec, LayerKind kind, Phase block) {
  LayerShape shape;
  shape.shard.local_experts = spec.moe ? 4 : 0;
  const RoutedRows rows = spec.moe ? BalancedRows(*spec.moe, shape) : RoutedRows{};
  std::vector<std::string> labels;
  for (const Op& op : OpsOf(spec, kind, block, shape, rows)) {
    if (op.flops().count > 0) labels.push_back(op.label);
  }
  return labels;
}

TEST(LaunchOrder, DeepSeekV3AttentionRunsItsGemmsAsTheTraceDoes) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  EXPECT_THAT(TensorCoreLabels(spec, LayerKind::kMoe, phase::kAttentionForward),
              ElementsAre("q_a fprop", "kv_a fprop", "q_b fprop", "kv_b fprop", "flash attention forward",
                          "o fprop", "router fprop"));
  EXPECT_THAT(TensorCoreLabels(spec, LayerKind::kMoe, phase::kAttentionBackward),
              ElementsAre("router dgrad", "router wgrad", "o dgrad", "q_b recompute", "kv_b recompute",
                          "flash attention backward", "q_b dgrad", "kv_b dgrad", "kv_a dgrad", "q_a dgrad"));
  EXPECT_THAT(TensorCoreLabels(spec, LayerKind::kMoe, phase::kAttentionWeight),
              ElementsAre("o wgrad", "kv_b wgrad", "q_b wgrad", "kv_a wgrad", "q_a wgrad"));
}

TEST(LaunchOrder, DeepSeekV3ExpertsRunTheirGemmsAsTheTraceDoes) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  EXPECT_THAT(
      TensorCoreLabels(spec, LayerKind::kMoe, phase::kMlpForward),
      ElementsAre("shared gate_up fprop", "expert gate_up fprop", "expert down fprop", "shared down fprop"));
  EXPECT_THAT(
      TensorCoreLabels(spec, LayerKind::kMoe, phase::kMlpBackward),
      ElementsAre("shared down dgrad", "expert down dgrad", "expert gate_up dgrad", "shared gate_up dgrad"));
  EXPECT_THAT(
      TensorCoreLabels(spec, LayerKind::kMoe, phase::kMlpWeight),
      ElementsAre("shared down wgrad", "expert down wgrad", "expert gate_up wgrad", "shared gate_up wgrad"));
}

TEST(LaunchOrder, GroupedQueryAttentionHasOneFusedProjection) {
  const ModelSpec spec = GqaDense();
  EXPECT_THAT(TensorCoreLabels(spec, LayerKind::kDense, phase::kAttentionForward),
              ElementsAre("qkv fprop", "flash attention forward", "o fprop"));
  EXPECT_THAT(TensorCoreLabels(spec, LayerKind::kDense, phase::kAttentionBackward),
              ElementsAre("o dgrad", "flash attention backward", "qkv dgrad"));
  EXPECT_THAT(TensorCoreLabels(spec, LayerKind::kDense, phase::kMlpBackward),
              ElementsAre("dense down dgrad", "dense gate_up dgrad"));
}

TEST(LaunchOrder, WithoutQueryCompressionOnlyKeysAndValuesAreRecomputed) {
  const ModelSpec spec = MlaNoQueryCompression();
  EXPECT_THAT(TensorCoreLabels(spec, LayerKind::kMoe, phase::kAttentionForward),
              ElementsAre("q fprop", "kv_a fprop", "kv_b fprop", "flash attention forward", "o fprop",
                          "router fprop"));
  EXPECT_THAT(TensorCoreLabels(spec, LayerKind::kDense, phase::kAttentionBackward),
              ElementsAre("o dgrad", "kv_b recompute", "flash attention backward", "kv_b dgrad", "kv_a dgrad",
                          "q dgrad"));
}

TEST(LaunchOrder, AGatedSharedExpertProjectsOneColumn) {
  EXPECT_THAT(TensorCoreLabels(MhaMoe(), LayerKind::kMoe, phase::kMlpForward),
              testing::Contains("shared gate fprop"));
  EXPECT_THAT(TensorCoreLabels(MhaMoe(), LayerKind::kMoe, phase::kMlpBackward),
              testing::IsSupersetOf({"shared gate dgrad", "shared gate wgrad"}));
}

TEST(LinearOps, AnFp8PassPreparesItsOperandsThenMultiplies) {
  const Linear linear{"x", 256, 384};
  OpList ops;
  AppendFprop(linear, {128, true}, Operand::kBf16, "fprop", &ops);
  EXPECT_THAT(Labels(&ops), ElementsAre("x fprop input cast", "x fprop scale transpose", "x fprop"));
  AppendDgrad(linear, {128, true}, Operand::kBf16, &ops);
  EXPECT_THAT(Labels(&ops), ElementsAre("x dgrad weight transpose", "x dgrad gradient cast",
                                        "x dgrad scale transpose", "x dgrad"));
}

TEST(LinearOps, AnOperandThatIsFp8AlreadyIsNotCastAgain) {
  const Linear linear{"x", 256, 384};
  OpList ops;
  AppendFprop(linear, {128, true}, Operand::kFp8, "fprop", &ops);
  EXPECT_THAT(Labels(&ops), ElementsAre("x fprop scale transpose", "x fprop"));
}

TEST(LinearOps, ABf16PassIsOneGemmAndKeepsNothingForTheWeightPass) {
  const Linear linear{"x", 256, 384};
  OpList ops;
  AppendFprop(linear, {128, false}, Operand::kBf16, "fprop", &ops);
  AppendDgrad(linear, {128, false}, Operand::kBf16, &ops);
  AppendWgradOperands(linear, {128, false}, Operand::kBf16, &ops);
  AppendWgrad(linear, {128, false}, &ops);
  const std::vector<Op> list = Unplaced(ops.Take());
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[1].label, "x dgrad");
  EXPECT_EQ(Gemm(list[0]), (GemmShape{128, 384, 256, 1}));
  EXPECT_EQ(Gemm(list[1]), (GemmShape{128, 256, 384, 1}));
  EXPECT_EQ(Gemm(list[2]), (GemmShape{384, 256, 128, 1}));
}

TEST(AttentionProjections, HoldTheParametersOfTheAttentionButItsNormsAndBiases) {
  for (const ModelSpec& spec : AllKinds()) {
    const AttentionLinears linears = AttentionProjections(spec);
    const AttentionSpec& a = spec.attention;
    const std::int64_t norms = (a.kind == AttentionKind::kMla ? a.q_lora_rank + a.kv_lora_rank : 0) +
                               (a.qk_norm ? 2 * a.head_dim : 0);
    EXPECT_EQ(linears.parameters() + norms, AttentionParameters(spec)) << spec.name;
  }
}

TEST(FlashShape, SequencesOfAMicroBatchDoNotSeeEachOther) {
  LayerShape shape;
  shape.batch = Sequences(4, 2048);
  const AttentionShape flash = FlashShape(ModelPreset("deepseek-v3").attention, shape);
  EXPECT_EQ(flash, (AttentionShape{4, 128, 128, 2048, 2048, 192, 128, true}));
}

}  // namespace
}  // namespace orrery::models
