// The suite: what it contains, and its operations and bytes against an independently computed table.
#include "profiler/suite/suite.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "core/base/random.h"
#include "core/op/op_traits.h"
#include "profiler/measurement/measurement.h"
#include "profiler/suite/cost.h"
#include "profiler/suite/sample.h"

namespace orrery::profiler {
namespace {

std::string KeyOf(const SuiteCase& c) { return CaseKey(SampleOf(c)); }

TEST(DeepSeekV3Suite, NamesEveryCaseOnce) {
  std::set<std::string> keys;
  for (const SuiteCase& c : DeepSeekV3Suite()) EXPECT_TRUE(keys.insert(KeyOf(c)).second) << KeyOf(c);
}

TEST(DeepSeekV3Suite, MeasuresBothPartitionsAloneAndBesideACopy) {
  const auto suite = DeepSeekV3Suite();
  for (const int sms : {kAllSms, kComputeSms}) {
    for (const bool beside : {false, true}) {
      const auto found = std::count_if(suite.begin(), suite.end(), [&](const SuiteCase& c) {
        return c.kind == OpKind::kGroupedGemmFp8 && c.sms == sms && c.beside_copy == beside;
      });
      EXPECT_GE(found, 2) << sms << " SMs, beside a copy: " << beside;
    }
  }
}

TEST(DeepSeekV3Suite, ComparesAttentionKindsAtEqualBatchAndContext) {
  std::set<std::int64_t> kv_heads;
  for (const SuiteCase& c : DeepSeekV3Suite()) {
    const auto* a = std::get_if<AttentionShape>(&c.shape);
    if (a == nullptr || c.kind != OpKind::kAttentionDecode || c.priority > 1) continue;
    if (a->batch == 128 && a->kv_len == 4096 && a->q_len == 1 && a->d_qk == 128) kv_heads.insert(a->kv_heads);
  }
  EXPECT_EQ(kv_heads, (std::set<std::int64_t>{1, 8, 128}));
}

TEST(SkewedRows, KeepsTheTotalAndTheTilesAndRaisesOneExpert) {
  for (const double ratio : {1.0, 2.0, 4.0, 6.0}) {
    const auto rows = SkewedRows(8 * 4096, 8, ratio);
    EXPECT_EQ(std::accumulate(rows.begin(), rows.end(), 0), 8 * 4096);
    EXPECT_NEAR(rows[0], ratio * 4096, 128);
    for (const auto r : rows) EXPECT_EQ(r % 128, 0);
  }
  EXPECT_THROW(SkewedRows(1000, 8, 2.0), std::invalid_argument);
}

TEST(SkewOf, ReadsTheVariant) {
  EXPECT_EQ(SkewOf("skew-4x"), 4.0);
  EXPECT_EQ(SkewOf("own"), 1.0);
}

// A row of the table this test compares with: shape text as in "M=4096 N=1536 K=7168".
struct TableRow {
  std::string group, op, dtype, shape;
  double gflop = 0, mbytes = 0;
};

std::vector<std::string> SplitCsv(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      fields.emplace_back();
    else
      fields.back() += c;
  }
  return fields;
}

std::vector<TableRow> ReadTable() {
  std::vector<TableRow> rows;
  std::ifstream file(std::filesystem::path(ORRERY_SOURCE_DIR) /
                     "../shared/reference/kernels/dsv3_kernel_matrix.csv");
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    const auto f = SplitCsv(line);
    if (f.size() >= 7 && f[0] == "1")
      rows.push_back({f[1], f[2], f[3], f[4], std::stod(f[5]), std::stod(f[6])});
  }
  return rows;
}

std::int64_t Find(const std::string& text, const std::string& pattern) {
  std::smatch match;
  return std::regex_search(text, match, std::regex(pattern)) ? std::stoll(match[1]) : 0;
}

// Kind and shape a row of the table means; absent for what is compared elsewhere or left out.
std::optional<std::pair<OpKind, OpShape>> Meaning(const TableRow& row) {
  const std::int64_t m = Find(row.shape, "\\bM=(\\d+)"), n = Find(row.shape, "\\bN=(\\d+)"),
                     k = Find(row.shape, "\\bK=(\\d+)");
  const std::int64_t g = Find(row.shape, "G=(\\d+)"), each = Find(row.shape, "/expert=(\\d+)");
  const std::int64_t b = Find(row.shape, "\\bB=(\\d+)"), s = Find(row.shape, "\\bS=(\\d+)"),
                     kv = Find(row.shape, "KV=(\\d+)");
  if (row.group == "routed experts grouped") {
    if (row.op.find("wgrad") != std::string::npos)
      return std::pair{OpKind::kGroupedGemmFp8Wgrad, OpShape{GemmShape{m, n, g * each, g}}};
    const bool masked = row.shape.find("masked") != std::string::npos;
    return std::pair{masked ? OpKind::kGroupedGemmFp8Masked : OpKind::kGroupedGemmFp8,
                     OpShape{GemmShape{g * each, n, k, g}}};
  }
  if (row.group == "mla absorbed") return std::pair{OpKind::kGemmBf16, OpShape{GemmShape{m, n, k, 128}}};
  if (row.group == "core attn prefill") {
    const bool forward = row.op.substr(0, 3) == "fwd";
    return std::pair{forward ? OpKind::kAttentionForward : OpKind::kAttentionBackward,
                     OpShape{AttentionShape{b, 128, 128, s, s, 192, 128, true}}};
  }
  if (row.group.substr(0, 16) == "core attn decode") {
    const std::int64_t q = Find(row.shape, "sq=(\\d+)");
    return std::pair{OpKind::kAttentionDecode, OpShape{AttentionShape{b, 128, 1, q, kv, 576, 512, q > 1}}};
  }
  if (row.dtype == "fp8->f32acc") return std::pair{OpKind::kGemmFp8Wgrad, OpShape{GemmShape{m, n, k}}};
  if (row.dtype == "fp8->bf16") return std::pair{OpKind::kGemmFp8, OpShape{GemmShape{m, n, k}}};
  if (row.op.substr(0, 7) == "lm_head") return std::pair{OpKind::kGemmBf16, OpShape{GemmShape{m, n, k}}};
  return std::nullopt;
}

TEST(DeepSeekV3Suite, HasEveryTensorCoreRowOfTheKernelTableWithItsOperationsAndBytes) {
  const auto table = ReadTable();
  if (table.empty()) GTEST_SKIP() << "the kernel table is not on this machine";
  const auto suite = DeepSeekV3Suite();
  int compared = 0;
  for (const TableRow& row : table) {
    const auto meaning = Meaning(row);
    if (!meaning) continue;
    const auto found = std::find_if(suite.begin(), suite.end(), [&](const SuiteCase& c) {
      return c.kind == meaning->first && c.shape == meaning->second && c.priority == 1 && c.variant.empty();
    });
    ASSERT_NE(found, suite.end()) << row.group << " " << row.op << " " << row.shape;
    EXPECT_NEAR(found->flops * 1e-9, row.gflop, 1e-3 * row.gflop + 1e-3) << row.op << " " << row.shape;
    // The table counts the scales of FP8 operands, 1/32 of an activation.
    EXPECT_NEAR(static_cast<double>(found->bytes) * 1e-6, row.mbytes, row.mbytes / 32)
        << row.op << " " << row.shape;
    ++compared;
  }
  EXPECT_EQ(compared, 121 - 4 + 2);  // all but the four of the router, and two of the head
}

/// The rest of the table: memory-bound kernels and the router, by a part of their name.
struct RowsMeaning {
  const char* op;
  OpKind kind;
  const char* shape;  ///< "" for any
  std::int64_t rows, cols;
  const char* variant = "";
};
constexpr RowsMeaning kRowsMeanings[] = {
    {"gate logits", OpKind::kGemmBf16, "M=128", 0, 0},
    {"gate logits", OpKind::kGemmBf16, "M=4096", 0, 0},
    {"sigmoid+bias+group", OpKind::kTopK, "", 4096, 256},
    {"expert count + map build", OpKind::kRouterMisc, "", 4096, 8},
    {"RMSNorm fwd (no residual)", OpKind::kRmsNorm, "", 4096, 7168},
    {"RMSNorm+residual fwd", OpKind::kRmsNorm, "", 4096, 7168, "residual"},
    {"RMSNorm fwd", OpKind::kRmsNorm, "4096x1536", 4096, 1536},
    {"RMSNorm fwd", OpKind::kRmsNorm, "4096x512", 4096, 512},
    {"RMSNorm bwd", OpKind::kRmsNormBackward, "", 4096, 7168},
    {"cast bf16->fp8", OpKind::kCastFp8, "4096x7168", 4096, 7168},
    {"cast bf16->fp8", OpKind::kCastFp8, "4096x1536", 4096, 1536},
    {"cast bf16->fp8", OpKind::kCastFp8, "4096x512", 4096, 512},
    {"cast bf16->fp8", OpKind::kCastFp8, "4096x16384", 4096, 16384},
    {"cast bf16->fp8", OpKind::kCastFp8, "4096x24576", 4096, 24576},
    {"cast bf16->fp8", OpKind::kCastFp8, "4096x32768", 4096, 32768},
    {"cast bf16->fp8", OpKind::kCastFp8, "32768x4096", 32768, 4096},
    {"cast 128x1", OpKind::kCastTransposeFp8, "4096x7168", 4096, 7168},
    {"cast 128x1", OpKind::kCastTransposeFp8, "4096x16384", 4096, 16384},
    {"cast 128x1", OpKind::kCastTransposeFp8, "4096x24576", 4096, 24576},
    {"cast 128x1", OpKind::kCastTransposeFp8, "4096x32768", 4096, 32768},
    {"cast 128x1", OpKind::kCastTransposeFp8, "4096x4096", 4096, 4096},
    {"cast 128x1", OpKind::kCastTransposeFp8, "32768x4096", 32768, 4096},
    {"re-cast fp8", OpKind::kRequantizeGather, "", 32768, 7168},
    {"fp8 weight transpose", OpKind::kTransposeFp8, "7168x16384", 7168, 16384},
    {"fp8 weight transpose", OpKind::kTransposeFp8, "4x4096x7168", 16384, 7168},
    {"dequant", OpKind::kDequantize, "4096x7168", 4096, 7168},
    {"dequant", OpKind::kDequantize, "32768x4096", 32768, 4096},
    {"SwiGLU(+weight)+cast", OpKind::kSwiGluCast, "", 32768, 2048},
    {"SwiGLU fwd recompute", OpKind::kSwiGluForwardBackward, "", 32768, 2048},
    {"permute/expand", OpKind::kPermute, "U=30.5k -> M", 32768, 7168},
    {"unpermute/reduce", OpKind::kUnpermute, "", 32768, 7168},
    {"RoPE q", OpKind::kRope, "", 4096, 8192},
    {"k_rope broadcast", OpKind::kCopy, "", 4096, 128 * (128 + 64 + 128)},
    {"residual add", OpKind::kResidualAdd, "", 4096, 7168},
    {"attn out save/restore", OpKind::kSaveE5M6, "", 4096, 16384},
    {"softmax cross-entropy", OpKind::kCrossEntropy, "", 4096, 129280},
    {"embedding gather", OpKind::kEmbedding, "", 4096, 7168},
    {"AdamW", OpKind::kAdamW, "P=16777216", 1, 16777216},
    {"AdamW", OpKind::kAdamW, "P=268435456", 1, 268435456},
    {"D2D copy", OpKind::kCopy, "", 32768, 4096},
};

const RowsMeaning* RowsMeaningOf(const TableRow& row) {
  for (const RowsMeaning& m : kRowsMeanings) {
    if (row.op.substr(0, std::string(m.op).size()) != m.op) continue;
    if (row.shape.substr(0, std::string(m.shape).size()) == m.shape) return &m;
  }
  return nullptr;
}

bool Runs(const SuiteCase& c, const RowsMeaning& m, const TableRow& row) {
  if (c.kind != m.kind || c.variant != m.variant) return false;
  if (const auto* gemm = std::get_if<GemmShape>(&c.shape))
    return gemm->m == Find(row.shape, "\\bM=(\\d+)") && gemm->n == Find(row.shape, "\\bN=(\\d+)");
  const auto* rows = std::get_if<RowsShape>(&c.shape);
  return rows != nullptr && rows->rows == m.rows && rows->cols == m.cols;
}

TEST(DeepSeekV3Suite, RunsEveryFirstPriorityRowOfTheKernelTable) {
  const auto table = ReadTable();
  if (table.empty()) GTEST_SKIP() << "the kernel table is not on this machine";
  ASSERT_EQ(table.size(), 159u);
  const auto suite = DeepSeekV3Suite();
  std::map<std::string, int> by_library;
  for (const TableRow& row : table) {
    const auto meaning = Meaning(row);
    const RowsMeaning* rows = meaning ? nullptr : RowsMeaningOf(row);
    ASSERT_TRUE(meaning || rows) << row.group << " | " << row.op << " | " << row.shape;
    const auto found = std::find_if(suite.begin(), suite.end(), [&](const SuiteCase& c) {
      if (c.priority != 1) return false;
      if (rows != nullptr) return Runs(c, *rows, row);
      return c.variant.empty() && c.kind == meaning->first && c.shape == meaning->second;
    });
    ASSERT_NE(found, suite.end()) << row.group << " | " << row.op << " | " << row.shape;
    ++by_library[found->library];
  }
  // As docs/profiling.md has it.
  EXPECT_EQ(by_library,
            (std::map<std::string, int>{{"cublas", 16}, {"cublasLt", 48}, {"cudnn", 11}, {"orrery", 84}}));
}

struct RowsExpectation {
  const char* label;
  std::int64_t rows, cols;
  double mbytes;
};

// Bytes per element of the memory-bound rows, as the kernel table gives them (in MB).
TEST(DeepSeekV3Suite, CountsTheBytesOfMemoryBoundKernelsAsTheKernelTableDoes) {
  const RowsExpectation expectations[] = {{"RMSNorm", 4096, 7168, 117.4405},
                                          {"RMSNorm backward", 4096, 7168, 176.1608},
                                          {"cast 1x128", 4096, 16384, 203.4237},
                                          {"weight transpose", 7168, 16384, 234.881},
                                          {"residual add", 4096, 7168, 176.1608},
                                          {"permute rows", 32768, 7168, 467.6771},
                                          {"unpermute rows", 32768, 7168, 907.01},
                                          {"cross-entropy forward and backward", 4096, 129280, 3177.1853},
                                          {"AdamW", 1, 268435456, 5905.58},
                                          {"RoPE of q", 4096, 8192, 134.2177},
                                          {"device copy", 32768, 4096, 536.8709}};
  const auto suite = DeepSeekV3Suite();
  for (const RowsExpectation& e : expectations) {
    const auto found = std::find_if(suite.begin(), suite.end(), [&](const SuiteCase& c) {
      return c.label == e.label && c.shape == OpShape{RowsShape{e.rows, e.cols}};
    });
    ASSERT_NE(found, suite.end()) << e.label;
    EXPECT_NEAR(static_cast<double>(found->bytes) * 1e-6, e.mbytes, 1e-3 * e.mbytes) << e.label;
  }
}

TEST(CostOf, IsAbsentWhereBytesDoNotFit) {
  const std::int64_t big = std::int64_t{1} << 40;
  EXPECT_FALSE(FindCost(OpKind::kGemmBf16, GemmShape{big, big, big, big}));
  EXPECT_FALSE(FindCost(OpKind::kGroupedGemmFp8, GemmShape{big, big, 1 << 20, 1 << 20}));
  EXPECT_FALSE(FindCost(OpKind::kAttentionForward, AttentionShape{big, big, big, big, big, big, big, true}));
  EXPECT_FALSE(FindCost(OpKind::kRmsNorm, RowsShape{big, big}));
  EXPECT_THROW(CostOf(OpKind::kRmsNorm, RowsShape{big, big}), std::invalid_argument);
  EXPECT_EQ(FindCost(OpKind::kGemmBf16, GemmShape{big, 1 << 17, 1, 1})->bytes,
            2 * (big + (1 << 17) + big * (1 << 17)));
}

TEST(CostOf, NeverOverflows) {
  RandomStream random(5, "shapes");
  const auto any = [&] { return std::int64_t{1} << static_cast<int>(random.Uniform() * 41); };
  for (int i = 0; i < 20000; ++i) {
    const auto kind = static_cast<OpKind>(i % kOpKindCount);
    OpShape shape = RowsShape{any(), any()};
    if (Traits(kind).shape == ShapeKind::kGemm) shape = GemmShape{any(), any(), any(), any()};
    if (Traits(kind).shape == ShapeKind::kAttention)
      shape = AttentionShape{any(), any(), any(), any(), any(), any(), any(), i % 2 == 0};
    const auto cost = FindCost(kind, shape);
    if (!cost) continue;
    EXPECT_GE(cost->bytes, 0) << Name(kind) << " " << ShapeText(shape);
    EXPECT_GE(cost->flops, 0);
  }
}

TEST(CostOf, RefusesAKindTheSuiteHasNot) {
  EXPECT_THROW(CostOf(OpKind::kHostCopy, RowsShape{1, 1}), std::invalid_argument);
}

}  // namespace
}  // namespace orrery::profiler
