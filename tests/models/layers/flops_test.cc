#include "models/layers/flops.h"

#include <gtest/gtest.h>

#include "models/layers/layer.h"
#include "tests/models/layers/shapes.h"
#include "tests/models/layers/specs.h"

namespace orrery::models {
namespace {

TEST(Flops, DeepSeekV3ActivatesTheMatricesOfThePublishedCount) {
  // 36.625 B: head counted, embedding look-up and MTP not (reference HARDWARE.md 3.2).
  EXPECT_NEAR(static_cast<double>(ActivatedMatrixParameters(ModelPreset("deepseek-v3"))), 36.625e9, 0.001e9);
}

TEST(Flops, DeepSeekV3TrainingTokenCosts250GigaflopCausalAnd281Full) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  EXPECT_NEAR(TrainingFlopsPerToken(spec, 4096, true).total().count, 250.45e9, 0.01e9);
  EXPECT_NEAR(TrainingFlopsPerToken(spec, 4096, false).total().count, 281.15e9, 0.01e9);
}

TEST(Flops, Llama405BTrainingTokenCostsWhatIsPublished) {
  // "Insights into DeepSeek-V3" (arXiv 2505.09343) Table 2: 2448 GFLOP per token at 4096.
  ModelSpec llama;
  llama.layers = 126;
  llama.hidden = 16384;
  llama.vocabulary = 128256;
  llama.dense_intermediate = 53248;
  llama.attention = {
      .kind = AttentionKind::kGqa, .heads = 128, .kv_heads = 8, .head_dim = 128, .v_head_dim = 128};
  EXPECT_NEAR(TrainingFlopsPerToken(llama, 4096, true).total().count, 2448e9, 0.02 * 2448e9);
}

TEST(Flops, TrainingIsThreeForwards) {
  for (const ModelSpec& spec : AllKinds()) {
    EXPECT_DOUBLE_EQ(TrainingFlopsPerToken(spec, 2048, true).total().count,
                     3 * ForwardFlopsPerToken(spec, 2048, true).total().count);
  }
}

TEST(Flops, LayersAndHeadSumToTheModel) {
  for (const ModelSpec& spec : AllKinds()) {
    double sum = HeadForwardFlops(spec).count;
    for (int layer = 0; layer < spec.layers; ++layer) {
      sum += LayerForwardFlops(spec, spec.IsMoeLayer(layer), 2048, true).count;
    }
    const double whole = ForwardFlopsPerToken(spec, 2048, true).total().count;
    EXPECT_NEAR(sum, whole, 1e-9 * whole) << spec.name;
  }
}

TEST(Flops, TheForwardKernelsOfALayerDoWhatTheFormulaCounts) {
  for (const ModelSpec& spec : AllKinds()) {
    const bool moe = spec.moe.has_value();
    LayerShape shape;
    shape.batch = Sequences(1, 2048);
    shape.shard.local_experts = moe ? 4 : 0;
    const RoutedRows rows = moe ? BalancedRows(*spec.moe, shape) : RoutedRows{};
    double flops = 0;
    for (const Phase block : {phase::kAttentionForward, phase::kMlpForward}) {
      for (const Op& op : OpsOf(spec, moe ? LayerKind::kMoe : LayerKind::kDense, block, shape, rows)) {
        flops += op.flops().count;
      }
    }
    const double formula = 2048 * LayerForwardFlops(spec, moe, 2048, true).count;
    EXPECT_NEAR(flops, formula, 1e-9 * formula) << spec.name;
  }
}

}  // namespace
}  // namespace orrery::models
