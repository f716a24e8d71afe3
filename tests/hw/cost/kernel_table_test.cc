#include "hw/cost/kernel_table.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orrery::hw {
namespace {

using ::testing::HasSubstr;

constexpr const char* kHeader =
    "schema_version: 1\ndevice: h800-sxm\ndate: 2026-01-01\nsource: a test\ndriver: '580'\nlibraries: none\n"
    "clocks: 1755 MHz\n";

KernelTable Parse(const std::string& rest) {
  return ParseKernelTable(Document::Parse(kHeader + rest, "table.yaml").root());
}

std::string MessageOf(const std::string& rest) {
  try {
    Parse(rest);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

std::string GemmTable(const std::string& row, const std::string& columns = "[m, n, k, time_us]") {
  return "tables:\n  - op: gemm_fp8\n    kernel: a kernel\n    sms: 132\n    columns: " + columns +
         "\n    rows:\n      - " + row + "\n";
}

TEST(KernelTable, TellsTheSourceOfACastTransposeByItsBytes) {
  const auto read = [](const std::string& op, const std::string& bytes) {
    return Parse(
               "tables:\n  - op: " + op +
               "\n    kernel: a kernel\n    sms: 132\n    columns: [rows, cols, bytes, time_us]\n    rows:\n"
               "      - [4096, 7168, " +
               bytes + ", 40]\n")
        .rows.at(0)
        .op;
  };
  // Files from before the kind of an FP8 source; in thousands, as the shipped trace has them.
  EXPECT_EQ(read("cast_transpose_fp8", "58720000").kind, OpKind::kRequantizeTranspose);
  EXPECT_EQ(read("cast_transpose_fp8", "88080000").kind, OpKind::kCastTransposeFp8);
  EXPECT_EQ(read("requantize_transpose", "58720256").kind, OpKind::kRequantizeTranspose);
  EXPECT_EQ(read("requantize_transpose", "58720256").shape, OpShape(RowsShape{4096, 7168})) << "by formula";
  EXPECT_EQ(read("cast_transpose_fp8", "88080000").bytes().count, 88080000) << "as given";
}

TEST(KernelTable, ReadsAGemmRow) {
  const KernelTable table = Parse(GemmTable("[64, 7168, 2048, 6.5]"));
  ASSERT_EQ(table.rows.size(), 1U);
  const KernelRow& row = table.rows[0];
  EXPECT_EQ(std::get<GemmShape>(row.op.shape), (GemmShape{64, 7168, 2048, 1}));
  EXPECT_EQ(row.time, FromMicroseconds(6.5));
  EXPECT_EQ(row.sms, 132);
  EXPECT_EQ(row.source, "a test");
  EXPECT_FALSE(row.beside);
  EXPECT_EQ(RowText(row), "gemm_fp8 m=64 n=7168 k=2048 @132");
}

TEST(KernelTable, SharesAShapeBetweenRows) {
  const KernelTable table = Parse(
      "launch_gap: 3 us\ntables:\n  - op: attention_decode\n    kernel: FlashMLA\n    source: another test\n "
      "   sms: 132\n"
      "    shape: {heads: 128, kv_heads: 1, q_len: 1, d_qk: 576, d_v: 512, causal: true}\n"
      "    columns: [batch, kv_len, time_us, beside_us, count]\n    rows:\n      - [128, 4096, 292, 300.5, "
      "30]\n");
  const KernelRow& row = table.rows.at(0);
  EXPECT_EQ(std::get<AttentionShape>(row.op.shape), (AttentionShape{128, 128, 1, 1, 4096, 576, 512, true}));
  EXPECT_EQ(row.beside, FromMicroseconds(300.5));
  EXPECT_EQ(row.count, 30);
  EXPECT_EQ(row.source, "another test");
  EXPECT_EQ(table.launch_gap, FromMicroseconds(3));
}

TEST(KernelTable, ReadsLabelsAndBytesOfMemoryBoundRows) {
  const KernelTable table = Parse(
      "tables:\n  - op: top_k\n    kernel: a kernel\n    columns: [rows, cols, bytes, label, sms, time_us]\n"
      "    rows:\n      - [4096, 256, 4194304, group top-k, 132, 7]\n");
  EXPECT_EQ(table.rows.at(0).op.label, "group top-k");
  EXPECT_EQ(table.rows.at(0).op.bytes().count, 4194304);
}

struct BadTable {
  const char* what;
  std::string text;
  const char* message;
};

class BadTables : public ::testing::TestWithParam<BadTable> {};

TEST_P(BadTables, AreRefusedWithPlaceAndReason) {
  const std::string message = MessageOf(GetParam().text);
  EXPECT_THAT(message, HasSubstr("table.yaml:"));
  EXPECT_THAT(message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    KernelTable, BadTables,
    ::testing::Values(
        BadTable{"negative time", GemmTable("[64, 7168, 2048, -1]"), "-1"},
        BadTable{"zero time", GemmTable("[64, 7168, 2048, 0]"), "expected a time above 0 us"},
        BadTable{"zero dimension", GemmTable("[0, 7168, 2048, 1]"), "'0'"},
        BadTable{"short row", GemmTable("[64, 7168, 2048]"), "expected 4 cells"},
        BadTable{"missing shape", GemmTable("[64, 7168, 1]", "[m, n, time_us]"), "column 'k' is missing"},
        BadTable{"missing time", GemmTable("[64, 7168, 2048]", "[m, n, k]"), "column 'time_us' is missing"},
        BadTable{"unknown column", GemmTable("[1, 1, 1, 1]", "[m, n, q, time_us]"),
                 "unknown column for gemm_fp8"},
        BadTable{"column twice", GemmTable("[1, 1, 1, 1]", "[m, n, n, time_us]"), "column given twice"},
        BadTable{"unknown kind", "tables:\n  - {op: gemm_fp9, kernel: x, columns: [], rows: []}\n",
                 "unknown op kind (did you mean 'gemm_fp8'?)"},
        BadTable{"unknown key", "tables: []\nspeed: 3\n", "speed"},
        BadTable{
            "wrong shape key",
            "tables:\n  - {op: gemm_fp8, kernel: x, sms: 132, shape: {heads: 3}, columns: [], rows: []}\n",
            "heads"},
        BadTable{"no tables", "tables: []\n", "tables: expected at least one table"},
        BadTable{"no rows", "tables:\n  - {op: gemm_fp8, kernel: x, sms: 1, columns: [m], rows: []}\n",
                 "expected at least one row"},
        BadTable{"least over greatest",
                 GemmTable("[64, 7168, 2048, 6, 7, 5]", "[m, n, k, time_us, min_us, max_us]"),
                 ":14:29: tables[0].rows[0][4]: '7': expected no more than max_us, 5"},
        BadTable{"negative least", GemmTable("[64, 7168, 2048, 6, -7]", "[m, n, k, time_us, min_us]"), "-7"},
        BadTable{"a case twice", GemmTable("[64, 7168, 2048, 6]\n      - [64, 7168, 2048, 12]"),
                 ":15:9: gemm_fp8 m=64 n=7168 k=2048 @132: a second row of this case, the first at line 14"},
        BadTable{
            "a case twice over two kernels",
            GemmTable("[64, 7168, 2048, 6]") +
                "  - op: gemm_fp8\n    kernel: another\n    columns: [m, n, k, sms, time_us]\n    rows:\n"
                "      - [64, 7168, 2048, 132, 12]\n",
            ":19:9: gemm_fp8 m=64 n=7168 k=2048 @132: a second row of this case, the first at line 14"},
        BadTable{"an endless gap", "launch_gap: 2 s\n" + GemmTable("[64, 7168, 2048, 6]"), "at most 1 ms"},
        BadTable{"text for a number", GemmTable("[64, many, 2048, 1]"), "many"}),
    [](const auto& test) {
      std::string name = test.param.what;
      for (char& c : name) c = c == ' ' ? '_' : c;
      return name;
    });

std::string WithDate(const std::string& date) {
  std::string text = kHeader + GemmTable("[64, 7168, 2048, 6]");
  text.replace(text.find("2026-01-01"), 10, date);
  try {
    return "read as '" + ParseKernelTable(Document::Parse(text, "table.yaml").root()).date + "'";
  } catch (const InputError& error) {
    return error.what();
  }
}

TEST(KernelTable, ADateIsADayOrNotRecorded) {
  EXPECT_EQ(WithDate("2026-11-24"), "read as '2026-11-24'");
  EXPECT_EQ(WithDate("not recorded"), "read as ''");
  for (const char* date : {"2026-02-30", "24.11.2026", "yesterday", "2026", "2026-11-24T00:00:00Z"})
    EXPECT_THAT(WithDate(date), HasSubstr("table.yaml:3:7: date: '")) << date;
}

TEST(KernelTable, RowsThatDifferInLabelBytesOrSmsAreCasesOfTheirOwn) {
  const KernelTable table = Parse(
      "tables:\n  - op: top_k\n    kernel: k\n    columns: [rows, cols, bytes, label, sms, time_us]\n    "
      "rows:\n"
      "      - [64, 256, 4096, a, 132, 7]\n      - [64, 256, 4096, b, 132, 7]\n"
      "      - [64, 256, 8192, a, 132, 7]\n      - [64, 256, 4096, a, 112, 7]\n");
  EXPECT_EQ(table.rows.size(), 4U);
}

TEST(KernelTable, CutOffAnywhereItIsReadOrRefused) {
  const std::string whole = kHeader + std::string("launch_gap: 3 us\n") +
                            GemmTable("[64, 7168, 2048, 6, 5, 7]", "[m, n, k, time_us, min_us, max_us]");
  int refused = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    try {
      const KernelTable table = ParseKernelTable(Document::Parse(whole.substr(0, size), "table.yaml").root());
      EXPECT_EQ(table.rows.size(), 1U) << size;
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr("table.yaml")) << size;
      ++refused;
    }
  }
  EXPECT_GE(refused, static_cast<int>(whole.size()) - 2) << "all but the closing line's end";
}

TEST(KernelTable, RefusesAMissingFile) { EXPECT_THROW(ReadKernelTable("/nowhere/table.yaml"), InputError); }

TEST(KernelTable, SaysUnderWhichSheetItWasMeasured) {
  const KernelTable table =
      Parse("measured_on: {sms: 132, memory_rate: 3.35 TB/s}\n" + GemmTable("[64, 7168, 2048, 6.5]"));
  EXPECT_EQ(table.measured_on.sms, 132);
  EXPECT_EQ(table.measured_on.memory_rate, BytesPerSecond{3.35e12});
  EXPECT_FALSE(table.measured_on.bf16);
}

}  // namespace
}  // namespace orrery::hw
