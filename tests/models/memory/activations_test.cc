// What is kept and what kernels restore must agree: nothing is restored that was not saved.
#include <set>

#include <gmock/gmock.h>

#include "models/layers/kernels.h"
#include "models/memory/memory.h"
#include "tests/models/layers/shapes.h"
#include "tests/models/layers/specs.h"

namespace orrery::models {
namespace {

LayerShape ShapeFor(const ModelSpec& spec) {
  LayerShape shape;
  shape.shard.local_experts = spec.moe ? 4 : 0;
  return shape;
}

RoutedRows RowsFor(const ModelSpec& spec, const LayerShape& shape) {
  return spec.moe ? BalancedRows(*spec.moe, shape) : RoutedRows{};
}

LayerKind KindOf(const ModelSpec& spec) { return spec.moe ? LayerKind::kMoe : LayerKind::kDense; }

std::int64_t BytesOf(const ModelSpec& spec, const LayerShape& shape, const std::string& name) {
  for (const SavedTensor& t : SavedActivations(spec, KindOf(spec), With(shape, RowsFor(spec, shape)))) {
    if (t.name == name) return t.bytes.count;
  }
  return -1;
}

std::int64_t Sum(const ModelSpec& spec, const LayerShape& shape) {
  std::int64_t sum = 0;
  for (const SavedTensor& t : SavedActivations(spec, KindOf(spec), With(shape, RowsFor(spec, shape))))
    sum += t.bytes.count;
  return sum;
}

TEST(SavedActivations, EverySwiGluInputThatIsCastInTheForwardPassIsRestoredInTheBackwardPass) {
  for (const ModelSpec& spec : AllKinds()) {
    const LayerShape shape = ShapeFor(spec);
    const RoutedRows rows = RowsFor(spec, shape);
    std::multiset<std::string> saved, restored;
    for (const Op& op : OpsOf(spec, KindOf(spec), phase::kMlpForward, shape, rows)) {
      if (op.label.ends_with(" save SwiGLU input")) saved.insert(op.label.substr(0, op.label.find(" save")));
    }
    for (const Op& op : OpsOf(spec, KindOf(spec), phase::kMlpBackward, shape, rows)) {
      if (op.label.ends_with(" restore SwiGLU input"))
        restored.insert(op.label.substr(0, op.label.find(" restore")));
    }
    EXPECT_EQ(saved, restored) << spec.name;
    EXPECT_FALSE(saved.empty()) << spec.name;
  }
}

TEST(SavedActivations, TheTensorsKeptAreAsLargeAsTheKernelsThatWriteThem) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  const LayerShape shape = ShapeFor(spec);
  const std::int64_t rows = PaddedRows(RowsFor(spec, shape), 128);
  // A cast writes one byte an element and its scales; it reads two.
  EXPECT_EQ(BytesOf(spec, shape, "expert SwiGLU input"),
            kernel::Cast(rows, 4096, "c").bytes().count - 2 * rows * 4096);
  const std::int64_t output = 4096ll * 16384;
  EXPECT_EQ(BytesOf(spec, shape, "attention output"),
            kernel::SaveE5M6(4096, 16384, "s").bytes().count - 2 * output);
}

TEST(SavedActivations, Bf16KeepsTwiceTheBytesOfFp8) {
  const ModelSpec spec = GqaDense();
  LayerShape shape = ShapeFor(spec);
  const std::int64_t fp8 = BytesOf(spec, shape, "dense SwiGLU input");
  SetFp8(false, &shape);
  EXPECT_EQ(BytesOf(spec, shape, "dense SwiGLU input") * (128 + 4), fp8 * 2 * 128);
  EXPECT_EQ(BytesOf(spec, shape, "attention output"), 2ll * 4096 * 16 * 64);
}

TEST(SavedActivations, GroupedQueryAttentionKeepsItsHeads) {
  const ModelSpec spec = GqaDense();
  EXPECT_EQ(BytesOf(spec, ShapeFor(spec), "queries, keys and values"), 2ll * 4096 * (16 + 4 + 4) * 64);
  EXPECT_GT(BytesOf(spec, ShapeFor(spec), "queries and keys before their norm"), 0);
  EXPECT_EQ(BytesOf(MhaMoe(), ShapeFor(MhaMoe()), "queries and keys before their norm"), -1);
}

TEST(SavedActivations, LatentAttentionKeepsItsHeadsOnlyIfTheyAreNotRecomputed) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  LayerShape shape = ShapeFor(spec);
  EXPECT_EQ(BytesOf(spec, shape, "keys and values"), -1);
  shape.savings.recompute_up_projections = false;
  EXPECT_EQ(BytesOf(spec, shape, "keys and values"), 2ll * 4096 * 128 * (192 + 128));
  EXPECT_EQ(BytesOf(spec, shape, "queries"), 2ll * 4096 * 128 * 192);
}

TEST(SavedActivations, QueriesThatAreNotCompressedCannotBeRecomputedFromALatent) {
  EXPECT_GT(BytesOf(MlaNoQueryCompression(), ShapeFor(MlaNoQueryCompression()), "queries"), 0);
}

TEST(SavedActivations, GrowLinearlyWithTokens) {
  for (const ModelSpec& spec : AllKinds()) {
    LayerShape shape = ShapeFor(spec);
    const std::int64_t one = Sum(spec, shape);
    shape.batch.sequences[0].count *= 2;
    // Balanced rows are rounded to whole tokens.
    EXPECT_NEAR(static_cast<double>(Sum(spec, shape)), 2.0 * static_cast<double>(one),
                1e-4 * static_cast<double>(one))
        << spec.name;
  }
}

TEST(Workspace, BackwardNeedsMoreThanForward) {
  for (const ModelSpec& spec : AllKinds()) {
    const LayerShape shape = ShapeFor(spec);
    const RoutedRows rows = RowsFor(spec, shape);
    EXPECT_GT(BackwardWorkspace(spec, KindOf(spec), With(shape, rows)),
              ForwardWorkspace(spec, KindOf(spec), With(shape, rows)))
        << spec.name;
  }
}

TEST(WeightPassOperands, InFp8AreTheOutputsOfTheCastTransposes) {
  // Dense layers keep nothing else, so the two must agree but for the scales (4 bytes per 128).
  const ModelSpec spec = ModelPreset("deepseek-v3");
  const LayerShape shape = ShapeFor(spec);
  std::int64_t elements = 0;
  for (const Phase block : {phase::kAttentionBackward, phase::kMlpBackward}) {
    for (const Op& op : OpsOf(spec, LayerKind::kDense, block, shape, {})) {
      if (op.kind != OpKind::kCastTransposeFp8 && op.kind != OpKind::kRequantizeTranspose &&
          op.kind != OpKind::kSwiGluCastTranspose)
        continue;
      const RowsShape rows = std::get<RowsShape>(op.shape);
      elements += rows.rows * rows.cols;
    }
  }
  EXPECT_EQ(WeightPassOperands(spec, LayerKind::kDense, shape).count, elements + elements / 32);
}

}  // namespace
}  // namespace orrery::models
