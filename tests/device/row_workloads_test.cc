// The memory-bound workloads of the suite, run by the emulator against their own references, at shapes of
// which every row is compared.
#include <utility>

#include "tests/device/workload_run.h"

namespace orrery::profiler {
namespace {

void ExpectRowsPass(OpKind kind, std::int64_t rows, std::int64_t cols, std::string variant = "",
                    std::string label = "") {
  SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(cols));
  ExpectCheckPasses(CaseOf(kind, RowsShape{rows, cols}, std::move(variant), 2, std::move(label)));
}

TEST(ConversionWorkloads, CastOneByOneTwentyEight) {
  ExpectRowsPass(OpKind::kCastFp8, 1, 128);
  ExpectRowsPass(OpKind::kCastFp8, 9, 640);
}

TEST(ConversionWorkloads, CastWhileTransposing) {
  ExpectRowsPass(OpKind::kCastTransposeFp8, 128, 64);
  ExpectRowsPass(OpKind::kCastTransposeFp8, 384, 192);
}

TEST(ConversionWorkloads, RequantiseGatheredRows) { ExpectRowsPass(OpKind::kRequantizeGather, 256, 384); }

TEST(ConversionWorkloads, TransposeWeightsOfOneAndOfSeveralExperts) {
  ExpectRowsPass(OpKind::kTransposeFp8, 128, 256);
  ExpectRowsPass(OpKind::kTransposeFp8, 4 * 256, 128, "", "expert weight transpose");
}

TEST(ConversionWorkloads, DequantiseRowsOfOddNumber) { ExpectRowsPass(OpKind::kDequantize, 7, 384); }

TEST(ConversionWorkloads, SaveAndRestoreInTwelveBits) {
  ExpectRowsPass(OpKind::kSaveE5M6, 8, 512);
  ExpectRowsPass(OpKind::kRestoreE5M6, 3, 4096);
}

TEST(ConversionWorkloads, SwiGluWithCast) {
  ExpectRowsPass(OpKind::kSwiGluCast, 1, 128);
  ExpectRowsPass(OpKind::kSwiGluCast, 9, 640);
}

TEST(NormWorkloads, AnyWidthUpToTheWidestRow) {
  for (const std::int64_t cols : {8, 264, 512, 1536, 4104, 7168, 8192}) {
    ExpectRowsPass(OpKind::kRmsNorm, 3, cols);
    ExpectRowsPass(OpKind::kLayerNorm, 2, cols);
  }
}

TEST(NormWorkloads, AddTheResidualFirst) { ExpectRowsPass(OpKind::kRmsNorm, 2, 7168, "residual"); }

TEST(NormWorkloads, BackwardWithMoreAndWithFewerRowsThanBlocks) {
  for (const std::int64_t rows : {1, 3, 9}) ExpectRowsPass(OpKind::kRmsNormBackward, rows, 1536);
  ExpectRowsPass(OpKind::kRmsNormBackward, 5, 7168);
}

TEST(ElementwiseWorkloads, SwiGluForwardAndBackward) {
  ExpectRowsPass(OpKind::kSwiGlu, 3, 264);
  ExpectRowsPass(OpKind::kSwiGluForwardBackward, 3, 2056);
}

TEST(ElementwiseWorkloads, RotateAssembleAndAdd) {
  ExpectRowsPass(OpKind::kRope, 3, 128 * 64);
  ExpectRowsPass(OpKind::kCopy, 2, 128 * 320, "", "assemble k and v");
  ExpectRowsPass(OpKind::kResidualAdd, 3, 264);
}

TEST(RowMoveWorkloads, PermuteUnpermuteAndEmbed) {
  ExpectRowsPass(OpKind::kPermute, 40, 128);
  ExpectRowsPass(OpKind::kUnpermute, 30510, 8);
  ExpectRowsPass(OpKind::kEmbedding, 5, 8);
}

TEST(TrainingWorkloads, CrossEntropyAndAdamW) {
  ExpectRowsPass(OpKind::kCrossEntropy, 3, 9000);
  ExpectRowsPass(OpKind::kAdamW, 1, 65536 + 8);
}

TEST(RouterWorkloads, ChooseExpertsAndNumberTheirRows) {
  ExpectRowsPass(OpKind::kTopK, 261, 256);
  ExpectRowsPass(OpKind::kRouterMisc, 100, 8);
}

TEST(CopyWorkloads, CopyOnAFewMultiprocessors) { ExpectRowsPass(OpKind::kCopy, 9, 4104, "", "device copy"); }

}  // namespace
}  // namespace orrery::profiler
