// The kernels on the tensor cores, run by the emulator against their own references.
#include "tests/device/workload_run.h"

namespace orrery::profiler {
namespace {

SuiteCase Dense(std::int64_t m, std::int64_t n, std::int64_t k, std::string variant = "", int sms = 4) {
  return CaseOf(OpKind::kGroupedGemmFp8, GemmShape{m, n, k}, std::move(variant), sms);
}

TEST(DenseGemm, MatchesTheProductInDoublePrecisionAtOddShapes) {
  ExpectCheckPasses(Dense(1, 128, 128));
  ExpectCheckPasses(Dense(129, 264, 896));
  ExpectCheckPasses(Dense(64, 384, 1024, "no-promotion"));
  ExpectCheckPasses(Dense(130, 136, 256, "no-multicast"));
}

TEST(DenseGemm, WalksMoreTilesThanItHasMultiprocessors) {
  ExpectCheckPasses(Dense(300, 640, 256));
  ExpectCheckPasses(Dense(300, 640, 256, "no-multicast", 3));
}

TEST(GroupedGemm, KeepsGroupsOfDifferentSizesApart) {
  const GemmShape shape{4 * 256, 256, 384, 4};
  for (const char* variant : {"", "skew-2x", "no-promotion", "no-multicast"})
    ExpectCheckPasses(CaseOf(OpKind::kGroupedGemmFp8, shape, variant));
}

TEST(GroupedGemm, SkipsExpertsWithoutRows) {
  ExpectCheckPasses(CaseOf(OpKind::kGroupedGemmFp8, GemmShape{4 * 128, 136, 256, 4}, "skew-4x"));
}

TEST(GroupedGemm, ComputesOnlyTheRowsInUseWhenMasked) {
  for (const std::int64_t rows : {1, 64, 200}) {
    for (const char* variant : {"", "no-multicast"})
      ExpectCheckPasses(CaseOf(OpKind::kGroupedGemmFp8Masked, GemmShape{3 * rows, 264, 256, 3}, variant));
  }
}

TEST(GroupedGemm, StaysInItsToleranceWithTheShortAccumulatorOfHopper) {
  emulator::settings().short_accumulator = true;
  ExpectCheckPasses(Dense(128, 256, 1024));
  ExpectCheckPasses(Dense(128, 256, 1024, "no-promotion"));
  emulator::settings().short_accumulator = false;
}

SuiteCase Mla(std::int64_t batch, std::int64_t heads, std::int64_t q, std::int64_t kv, int sms) {
  return CaseOf(OpKind::kAttentionDecode, AttentionShape{batch, heads, 1, q, kv, 576, 512, q > 1}, "", sms);
}

TEST(MlaDecode, MatchesAttentionInDoublePrecisionAtAnyLength) {
  for (const std::int64_t kv : {2, 63, 64, 65, 128, 130, 300}) ExpectCheckPasses(Mla(2, 64, 1, kv, 1));
}

TEST(MlaDecode, MergesSequencesThatSeveralPartsShare) {
  ExpectCheckPasses(Mla(2, 64, 1, 700, 3));
  ExpectCheckPasses(Mla(3, 128, 1, 450, 10));
}

TEST(MlaDecode, HidesLaterTokensFromEarlierQueries) {
  for (const std::int64_t kv : {2, 64, 65, 129, 193}) ExpectCheckPasses(Mla(2, 64, 2, kv, 4));
}

SuiteCase Heads(std::int64_t batch, std::int64_t heads, std::int64_t kv_heads, std::int64_t kv, int sms) {
  return CaseOf(OpKind::kAttentionDecode, AttentionShape{batch, heads, kv_heads, 1, kv, 128, 128, false}, "",
                sms);
}

TEST(HeadDecode, MatchesAttentionForEveryGroupSize) {
  for (const std::int64_t kv_heads : {16, 4, 1}) ExpectCheckPasses(Heads(2, 16, kv_heads, 200, 1));
  ExpectCheckPasses(Heads(2, 128, 1, 130, 1));
  ExpectCheckPasses(Heads(1, 256, 1, 65, 1));
}

TEST(HeadDecode, MatchesAttentionAtAnyLength) {
  for (const std::int64_t kv : {1, 16, 63, 64, 65, 257}) ExpectCheckPasses(Heads(2, 8, 2, kv, 1));
}

TEST(HeadDecode, MergesItsSplits) {
  ExpectCheckPasses(Heads(1, 8, 1, 1030, 2));
  ExpectCheckPasses(Heads(1, 128, 1, 700, 2));
}

}  // namespace
}  // namespace orrery::profiler
