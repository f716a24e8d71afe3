#include "core/op/op_traits.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/op/op_work.h"

namespace orrery {
namespace {

TEST(OpTraits, NamesAreReadBack) {
  for (const OpTraits& traits : AllOpTraits()) {
    OpKind kind{};
    ASSERT_TRUE(ParseOpKind(traits.name, &kind)) << traits.name;
    EXPECT_EQ(kind, traits.kind);
    EXPECT_EQ(Name(kind), traits.name);
  }
  OpKind kind{};
  EXPECT_FALSE(ParseOpKind("gemm", &kind));
}

TEST(OpTraits, SayWhatTensorCoresMultiply) {
  for (const OpTraits& traits : AllOpTraits()) {
    const bool tensor = traits.shape != ShapeKind::kRows;
    EXPECT_EQ(tensor, traits.bound == Bound::kTensorCores) << traits.name;
    EXPECT_EQ(tensor, traits.precision != Precision::kNone) << traits.name;
    EXPECT_EQ(traits.shape == ShapeKind::kGemm || traits.ragged == Ragged::kNone, true) << traits.name;
  }
}

TEST(OpTraits, StandInsHaveTheShapeOfTheirKindAndNoStandInOfTheirOwn) {
  for (const OpTraits& traits : AllOpTraits()) {
    for (const auto& other : {traits.stand_in, traits.priced_with}) {
      if (!other) continue;
      EXPECT_EQ(Traits(*other).shape, traits.shape) << traits.name;
      EXPECT_FALSE(Traits(*other).stand_in) << traits.name;
      EXPECT_FALSE(Traits(*other).priced_with) << traits.name;
      EXPECT_EQ(Traits(*other).precision, traits.precision) << traits.name;
    }
    // Rows of both lie in one map: only their bytes an element tell them apart.
    if (traits.priced_with) {
      EXPECT_NE(Traits(*traits.priced_with).bytes_per_element, traits.bytes_per_element);
    }
  }
}

TEST(OpTraits, EveryKindHasItsPlaceInTheReport) {
  using K = OpKind;
  const std::map<std::string, std::vector<OpKind>> classes = {
      {"FP8 GEMM, dense", {K::kGemmFp8, K::kGemmFp8Wgrad}},
      {"FP8 GEMM, experts", {K::kGroupedGemmFp8, K::kGroupedGemmFp8Masked, K::kGroupedGemmFp8Wgrad}},
      {"BF16 GEMM", {K::kGemmBf16}},
      {"attention core",
       {K::kAttentionForward, K::kAttentionBackward, K::kAttentionDecode, K::kStateScan, K::kStateUpdate}},
      {"attention before and after", {K::kAttentionPreprocess, K::kAttentionPostprocess}},
      {"quantise, cast, transpose",
       {K::kCastFp8, K::kCastTransposeFp8, K::kRequantizeTranspose, K::kRequantizeGather, K::kTransposeFp8,
        K::kScaleTranspose, K::kDequantize, K::kSaveE5M6, K::kRestoreE5M6}},
      {"SwiGLU",
       {K::kSwiGlu, K::kSwiGluCast, K::kSwiGluCastTranspose, K::kSwiGluBackward, K::kSwiGluForwardBackward,
        K::kRouterWeightGrad}},
      {"norm", {K::kRmsNorm, K::kRmsNormBackward, K::kLayerNorm}},
      {"RoPE, copies, residual", {K::kRope, K::kCopy, K::kResidualAdd, K::kScale, K::kMemset}},
      {"permute and unpermute", {K::kPermute, K::kUnpermute}},
      {"routing (top-k, bookkeeping)", {K::kTopK, K::kRouterMisc}},
      {"embedding and loss", {K::kEmbedding, K::kEmbeddingBackward, K::kCrossEntropy}},
      {"optimizer", {K::kAdamW, K::kGradientNorm, K::kHostCopy}}};
  std::set<OpKind> seen;
  for (const auto& [name, kinds] : classes) {
    for (const OpKind kind : kinds) {
      EXPECT_EQ(Traits(kind).report_class, name) << Name(kind);
      EXPECT_TRUE(seen.insert(kind).second) << Name(kind);
    }
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kOpKindCount));
}

TEST(WorkOf, TellsKernelsOfOneSourceApart) {
  const RowsShape shape{4096, 7168};
  EXPECT_EQ(WorkOf(OpKind::kCastTransposeFp8, shape).bytes, 3.0 * 4096 * 7168);
  EXPECT_EQ(WorkOf(OpKind::kRequantizeTranspose, shape).bytes, 2.0 * 4096 * 7168);
}

TEST(WorkOf, TakesBytesThatAreGiven) {
  EXPECT_EQ(WorkOf(OpKind::kPermute, RowsShape{8, 8, 1234}).bytes, 1234);
  EXPECT_FALSE(TellsBytes(OpKind::kPermute, RowsShape{8, 8}));
  EXPECT_TRUE(TellsBytes(OpKind::kPermute, RowsShape{8, 8, 1}));
  EXPECT_EQ(WithBytes(OpKind::kRmsNorm, RowsShape{8, 8}, {4 * 64}), OpShape(RowsShape{8, 8}));
  EXPECT_EQ(WithBytes(OpKind::kRmsNorm, RowsShape{8, 8}, {4 * 64 + 1}), OpShape(RowsShape{8, 8, 4 * 64 + 1}));
}

TEST(WorkOf, ReadsACacheOfOtherElements) {
  AttentionShape fp8{128, 128, 1, 1, 4096, 576, 512, true};
  const double own = 2.0 * 128 * 128 * (576 + 512);  // queries in, results out
  EXPECT_EQ(WorkOf(OpKind::kAttentionDecode, fp8).bytes, own + 128.0 * 4096 * 2 * 576);
  EXPECT_EQ(Bf16KvBytes(OpKind::kAttentionDecode, fp8), 2 * 576);
  fp8.kv_bytes = 656;
  EXPECT_EQ(WorkOf(OpKind::kAttentionDecode, fp8).bytes, own + 128.0 * 4096 * 656);
}

TEST(WorkOf, OfShapesBeyondAnyMemoryIsStillANumber) {
  const std::int64_t big = std::int64_t{1} << 40;
  const Op op{OpKind::kGemmBf16, GemmShape{big, big, big, big}, ""};
  EXPECT_GT(WorkOf(op).bytes, 1e30);
  EXPECT_GT(op.bytes().count, 0);
}

}  // namespace
}  // namespace orrery
