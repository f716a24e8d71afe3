// The memory-bound workloads of the suite, run by the emulator against their own references, at shapes of
// which every row is compared.
#include <cctype>
#include <ostream>
#include <string>
#include <vector>

#include "tests/device/workload_run.h"

namespace orrery::profiler {
namespace {

struct Rows {
  OpKind kind;
  std::int64_t rows, cols;
  const char* variant = "";
  const char* label = "";
};

/// All that tells cases apart.
std::string TestName(const testing::TestParamInfo<Rows>& info) {
  const Rows& r = info.param;
  std::string name = std::string(Name(r.kind)) + "_" + std::to_string(r.rows) + "x" + std::to_string(r.cols);
  for (const std::string part : {r.variant, r.label}) name += part.empty() ? "" : "_" + part;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

void PrintTo(const Rows& r, std::ostream* out) { *out << r.rows << " x " << r.cols; }

class RowWorkloads : public testing::TestWithParam<Rows> {};

TEST_P(RowWorkloads, PassTheirOwnCheck) {
  const Rows& r = GetParam();
  ExpectCheckPasses(CaseOf(r.kind, RowsShape{r.rows, r.cols}, r.variant, 2, r.label));
}

INSTANTIATE_TEST_SUITE_P(Conversions, RowWorkloads,
                         testing::ValuesIn(std::vector<Rows>{
                             {OpKind::kCastFp8, 1, 128},
                             {OpKind::kCastFp8, 9, 640},
                             {OpKind::kCastTransposeFp8, 128, 64},
                             {OpKind::kCastTransposeFp8, 384, 192},
                             {OpKind::kRequantizeGather, 256, 384},
                             {OpKind::kTransposeFp8, 128, 256},
                             {OpKind::kTransposeFp8, 4 * 256, 128, "", "expert weight transpose"},
                             {OpKind::kDequantize, 7, 384},
                             {OpKind::kSaveE5M6, 8, 512},
                             {OpKind::kRestoreE5M6, 3, 4096},
                             {OpKind::kSwiGluCast, 1, 128},
                             {OpKind::kSwiGluCast, 9, 640}}),
                         TestName);

std::vector<Rows> NormsOfAnyWidth() {
  std::vector<Rows> norms;
  for (const std::int64_t cols : {8, 264, 512, 1536, 4104, 7168, 8192}) {
    norms.push_back({OpKind::kRmsNorm, 3, cols});
    norms.push_back({OpKind::kLayerNorm, 2, cols});
  }
  return norms;
}
INSTANTIATE_TEST_SUITE_P(Norms, RowWorkloads, testing::ValuesIn(NormsOfAnyWidth()), TestName);

// Backward with more and with fewer rows than blocks.
INSTANTIATE_TEST_SUITE_P(NormVariants, RowWorkloads,
                         testing::ValuesIn(std::vector<Rows>{{OpKind::kRmsNorm, 2, 7168, "residual"},
                                                             {OpKind::kRmsNormBackward, 1, 1536},
                                                             {OpKind::kRmsNormBackward, 3, 1536},
                                                             {OpKind::kRmsNormBackward, 9, 1536},
                                                             {OpKind::kRmsNormBackward, 5, 7168}}),
                         TestName);

INSTANTIATE_TEST_SUITE_P(Elementwise, RowWorkloads,
                         testing::ValuesIn(std::vector<Rows>{
                             {OpKind::kSwiGlu, 3, 264},
                             {OpKind::kSwiGluForwardBackward, 3, 2056},
                             {OpKind::kRope, 3, 128 * 64},
                             {OpKind::kCopy, 2, 128 * 320, "", "assemble k and v"},
                             {OpKind::kCopy, 9, 4104, "", "device copy"},
                             {OpKind::kResidualAdd, 3, 264}}),
                         TestName);

INSTANTIATE_TEST_SUITE_P(MovedRows, RowWorkloads,
                         testing::ValuesIn(std::vector<Rows>{{OpKind::kPermute, 40, 128},
                                                             {OpKind::kUnpermute, 30510, 8},
                                                             {OpKind::kEmbedding, 5, 8}}),
                         TestName);

INSTANTIATE_TEST_SUITE_P(RouterAndTraining, RowWorkloads,
                         testing::ValuesIn(std::vector<Rows>{{OpKind::kTopK, 261, 256},
                                                             {OpKind::kRouterMisc, 100, 8},
                                                             {OpKind::kCrossEntropy, 3, 9000},
                                                             {OpKind::kAdamW, 1, 65536 + 8}}),
                         TestName);

}  // namespace
}  // namespace orrery::profiler
