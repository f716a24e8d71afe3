#include "models/layers/kernels.h"

#include <gtest/gtest.h>

namespace orrery::models::kernel {
namespace {

double Megabytes(const Op& op) { return static_cast<double>(op.bytes().count) / 1e6; }
double Gigaflop(const Op& op) { return op.flops().count / 1e9; }
RowsShape ShapeOf(const Op& op) { return std::get<RowsShape>(op.shape); }

AttentionShape V3Attention() { return {1, 128, 128, 4096, 4096, 192, 128, true}; }

// Expected figures are those of single kernels in the analysis of DeepSeek's trace (GFLOP, MB).

TEST(Kernels, Fp8GemmReadsBytesAndWritesBf16) {
  const Op op = GemmFp8(4096, 1536, 7168, "q_a fprop");
  EXPECT_NEAR(Gigaflop(op), 90.194, 0.001);
  EXPECT_NEAR(Megabytes(op), 52.953, 0.001);
}

TEST(Kernels, Fp8WeightGradientsAreReadAndWrittenInFp32) {
  const Op op = GemmFp8Wgrad(1536, 7168, 4096, "q_a wgrad");
  EXPECT_NEAR(Gigaflop(op), 90.194, 0.001);
  EXPECT_NEAR(Megabytes(op), 123.732, 0.001);
}

TEST(Kernels, GroupedGemmReadsTheWeightsOfEveryExpert) {
  const GroupRows rows = GroupsOf(EvenTiles(31104, 4, 0, 128), 1);
  const Op op = GroupedGemmFp8(rows, 4096, 7168, "expert gate_up fprop");
  EXPECT_NEAR(Gigaflop(op), 1826.435, 0.001);
  EXPECT_NEAR(Megabytes(op), 595.198, 0.001);
}

TEST(Kernels, GroupedWeightGradientIsTheSumOfItsExperts) {
  const std::vector<std::int64_t> rows = {1024, 384};
  const Op all = GroupedGemmFp8Wgrad(7168, 2048, GroupsOf(rows, 128), "expert down wgrad");
  const Op a = GemmFp8Wgrad(7168, 2048, 1024, "a"), b = GemmFp8Wgrad(7168, 2048, 384, "b");
  EXPECT_DOUBLE_EQ(all.flops().count, a.flops().count + b.flops().count);
  EXPECT_EQ(all.bytes(), a.bytes() + b.bytes());
}

TEST(Kernels, AGroupWithoutRowsIsNeitherReadNorWritten) {
  const std::vector<std::int64_t> some = {1024, 0, 384, 0}, busy = {1024, 384};
  for (const auto& make : {GroupedGemmFp8, GroupedGemmFp8Masked, GroupedGemmBf16}) {
    EXPECT_EQ(make(GroupsOf(some, 128), 4096, 7168, "").bytes(),
              make(GroupsOf(busy, 128), 4096, 7168, "").bytes());
  }
  EXPECT_EQ(GroupedGemmFp8Wgrad(7168, 2048, GroupsOf(some, 128), "").bytes(),
            GroupedGemmFp8Wgrad(7168, 2048, GroupsOf(busy, 128), "").bytes());
  const std::vector<std::int64_t> none = {0, 0};
  EXPECT_EQ(GroupedGemmFp8(GroupsOf(none, 128), 4096, 7168, "").bytes().count, 0);
}

TEST(Kernels, EachGroupBeginsATileOfItsOwn) {
  const std::vector<std::int64_t> rows = {1, 64, 65, 129, 0};
  const GroupRows g = GroupsOf(rows, 1);
  EXPECT_EQ(g.rows, 259);
  EXPECT_EQ(g.groups, 4);
  EXPECT_EQ(g.tiles_64, 1 + 1 + 2 + 3);
  EXPECT_EQ(g.tiles_128, 1 + 1 + 1 + 2);
  EXPECT_EQ(GroupsOf(rows, 128).rows, 128 * g.tiles_128);
}

TEST(Kernels, RowsDealtInWholeTilesGrowByLessThanATileWhenPadded) {
  for (const std::int64_t padded : {0, 128, 512, 33011, 31104}) {
    const std::vector<std::int64_t> rows = EvenTiles(padded, 4, 1, 128);
    EXPECT_EQ(rows[3], 0);
    EXPECT_EQ(GroupsOf(rows, 1).rows, padded);
    EXPECT_EQ(GroupsOf(rows, 128).rows, RoundUp(padded, 128));
  }
}

TEST(Kernels, Bf16GemmWritesBf16) {
  EXPECT_NEAR(Megabytes(GemmBf16(4096, 7168, 256, "router gate dgrad")), 64.487, 0.001);
}

TEST(Kernels, GroupedBf16GemmHasTheMeanRowsInEveryGroup) {
  const std::vector<std::int64_t> each = {300, 100, 500, 101};
  const GroupRows rows = GroupsOf(each, 1);
  const Op op = GroupedGemmBf16(rows, 64, 128, "expert");
  EXPECT_EQ(Gemm(op), (GemmShape{251, 64, 128, 4, 5 + 2 + 8 + 2, 3 + 1 + 4 + 1}));
  EXPECT_DOUBLE_EQ(op.flops().count, 2.0 * 4 * 251 * 64 * 128);
  EXPECT_EQ(op.bytes().count, 2 * 4 * (251 * 128 + 64 * 128 + 251 * 64));
  EXPECT_DOUBLE_EQ(GroupedGemmBf16Wgrad(64, 128, rows, "expert").flops().count, op.flops().count);
}

TEST(Kernels, AttentionForwardAndBackwardMatchTheTrace) {
  EXPECT_NEAR(Gigaflop(AttentionForward(V3Attention(), "f")), 687.195, 0.001);
  EXPECT_NEAR(Megabytes(AttentionForward(V3Attention(), "f")), 671.089, 0.001);
  EXPECT_NEAR(Gigaflop(AttentionBackward(V3Attention(), "b")), 1786.706, 0.001);
  EXPECT_NEAR(Megabytes(AttentionBackward(V3Attention(), "b")), 1342.177, 0.001);
  EXPECT_NEAR(Megabytes(AttentionPreprocess(V3Attention(), "p")), 671.089, 0.001);
  EXPECT_NEAR(Megabytes(AttentionPostprocess(V3Attention(), "q")), 603.980, 0.001);
}

TEST(Kernels, AttentionIsLinearInSequencesAndQuadraticInTheirLength) {
  AttentionShape shape = V3Attention();
  const double one = AttentionForward(shape, "f").flops().count;
  shape.batch = 3;
  EXPECT_DOUBLE_EQ(AttentionForward(shape, "f").flops().count, 3 * one);
  shape.batch = 1;
  shape.q_len = shape.kv_len = 8192;
  EXPECT_DOUBLE_EQ(AttentionForward(shape, "f").flops().count, 4 * one);
}

TEST(Kernels, SharedKeysAndValuesAreReadOnce) {
  AttentionShape shape = V3Attention();
  const std::int64_t all = AttentionForward(shape, "f").bytes().count;
  shape.kv_heads = 1;
  const std::int64_t keys = 2ll * 4096 * (192 + 128);
  EXPECT_EQ(all - AttentionForward(shape, "f").bytes().count, 127 * keys);
}

TEST(Kernels, CastsCountTheirScales) {
  EXPECT_NEAR(Megabytes(Cast(4096, 7168, "c")), 88.998, 0.001);
  EXPECT_NEAR(Megabytes(Cast(4096, 576, "c")), 7.152, 0.001);
  EXPECT_NEAR(Megabytes(CastTranspose(4096, 16384, "c")), 201.327, 0.001);
  EXPECT_NEAR(Megabytes(RequantizeTranspose(4096, 7168, "c")), 58.720, 0.001);
  EXPECT_NEAR(Megabytes(RequantizeGather(34688, 7168, "c")), 497.287, 0.001);
}

TEST(Kernels, WhatIsStoredTransposedIsPaddedToTheTile) {
  EXPECT_EQ(ShapeOf(CastTranspose(4096, 576, "kv_a gradient")), (RowsShape{4096, 640}));
  EXPECT_NEAR(Megabytes(CastTranspose(4096, 576, "kv_a gradient")), 7.864, 0.001);
  EXPECT_EQ(ShapeOf(TransposeWeight(576, 7168, 1, "kv_a")), (RowsShape{640, 7168}));
  EXPECT_NEAR(Megabytes(TransposeWeight(4096, 7168, 4, "experts")), 234.881, 0.001);
}

TEST(Kernels, SavedAttentionOutputTakesTwelveBits) {
  EXPECT_NEAR(Megabytes(SaveE5M6(4096, 16384, "s")), 234.881, 0.001);
  EXPECT_EQ(SaveE5M6(4096, 16384, "s").bytes(), RestoreE5M6(4096, 16384, "r").bytes());
}

TEST(Kernels, SwiGluKernelsAreCountedByTheirIntermediateWidth) {
  EXPECT_NEAR(Megabytes(SwiGluCast(31104, 2048, "s")), 318.505, 0.001);
  EXPECT_NEAR(Megabytes(SwiGluCastTranspose(4096, 2048, "s")), 41.943, 0.001);
  EXPECT_NEAR(Megabytes(SwiGluBackward(4096, 2048, "s")), 83.886, 0.001);
  EXPECT_NEAR(Megabytes(SwiGluForwardBackward(34688, 2048, "s")), 852.492, 0.001);
  EXPECT_EQ(SwiGlu(10, 20, "s").bytes().count, 10 * 20 * 6);
}

TEST(Kernels, PermutedRowsCarryScalesAndUnpermutedAreBf16) {
  EXPECT_NEAR(Megabytes(Permute(32120, 34688, 7168, true, "p")), 493.845, 0.001);
  EXPECT_NEAR(Megabytes(Unpermute(34688, 32120, 7168, "u")), 957.759, 0.001);
  EXPECT_EQ(Permute(100, 200, 64, false, "p").bytes().count, 300 * 64 * 2);
}

TEST(Kernels, ElementwiseKernelsMatchTheTrace) {
  EXPECT_NEAR(Megabytes(RmsNorm(4096, 7168, "n")), 117.441, 0.001);
  EXPECT_NEAR(Megabytes(RmsNormBackward(4096, 1536, "n")), 37.749, 0.001);
  EXPECT_NEAR(Megabytes(Rope(4096, 128 * 64, "r")), 134.218, 0.001);
  EXPECT_NEAR(Megabytes(Copy(4096, 128 * 128, "c")), 268.435, 0.001);
  EXPECT_NEAR(Megabytes(ResidualAdd(4096, 7168, "a")), 176.161, 0.001);
  EXPECT_NEAR(Megabytes(Dequantize(4096, 4096, "d")), 50.332, 0.001);
}

TEST(Kernels, ScaleTransposesHoldOneScaleInHundredTwentyEight) {
  EXPECT_EQ(ShapeOf(ScaleTranspose(4096, 7168, "s")), (RowsShape{4096, 56}));
  EXPECT_EQ(ShapeOf(ScaleTranspose(4096, 576, "s")), (RowsShape{4096, 5}));
}

}  // namespace
}  // namespace orrery::models::kernel
