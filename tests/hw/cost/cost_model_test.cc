#include "hw/cost/cost_model.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/config/resources.h"
#include "hw/cost/roofline.h"

namespace orrery::hw {
namespace {

using ::testing::HasSubstr;

const CostModel& H800() {
  static const CostModel model = CostModel::Load(DevicePreset("h800-sxm"), {});
  return model;
}

Op GemmOp(OpKind kind, GemmShape shape) { return {.kind = kind, .shape = shape, .label = {}}; }

/// Absorbed MLA decode: one shared latent head of 512 + 64.
Op MlaDecode(std::int64_t batch, std::int64_t kv_len, std::int64_t heads = 128, std::int64_t q_len = 1) {
  return {.kind = OpKind::kAttentionDecode,
          .shape = AttentionShape{batch, heads, 1, q_len, kv_len, 576, 512, true},
          .label = {}};
}

Op RowsOp(OpKind kind, std::int64_t rows, std::int64_t cols, std::int64_t bytes, std::string label = "") {
  return {.kind = kind, .shape = RowsShape{rows, cols, bytes}, .label = std::move(label)};
}

/// A table of one GEMM row for tests that need a small model.
KernelTable OneRow(const std::string& device, const std::string& date, GemmShape shape, double us) {
  KernelTable table;
  table.device = device;
  table.date = date;
  table.source = "a test";
  KernelRow row;
  row.op = GemmOp(OpKind::kGemmFp8, shape);
  row.sms = 132;
  row.time = FromMicroseconds(us);
  table.rows.push_back(row);
  return table;
}

std::string MessageOf(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(CostModel, IsExactAtEveryRow) {
  const std::vector<KernelRow> rows = H800().rows();
  ASSERT_GT(rows.size(), 700U);
  for (const KernelRow& row : rows) {
    const Price price = H800().PriceOp(row.op, row.sms);
    EXPECT_NEAR(Seconds(price.time), Seconds(row.time), 1e-5 * Seconds(row.time)) << RowText(row);
    EXPECT_EQ(price.provenance, Provenance::kMeasured) << RowText(row);
    if (row.beside) {
      EXPECT_NEAR(Seconds(price.beside), Seconds(*row.beside), 1e-5 * Seconds(*row.beside)) << RowText(row);
    }
  }
}

TEST(CostModel, KnowsWhetherItsLaunchGapIsTheDevicesOwn) {
  EXPECT_EQ(H800().launch_gap_provenance(), Provenance::kMeasured) << "the trace's device";
  const Device h100 = DevicePreset("h100-sxm");
  KernelTable table;
  table.device = "h800-sxm", table.launch_gap = FromMicroseconds(3);
  const CostModel borrowed(h100, {table});
  EXPECT_EQ(borrowed.launch_gap(), FromMicroseconds(2)) << "the trace's";
  EXPECT_EQ(borrowed.launch_gap_provenance(), Provenance::kScaled);
  table.device = "h100-sxm";
  const CostModel own(h100, {table});
  EXPECT_EQ(own.launch_gap(), FromMicroseconds(3));
  EXPECT_EQ(own.launch_gap_provenance(), Provenance::kMeasured);
}

TEST(CostModel, IsNeverFasterBesideCommunicationThanAlone) {
  for (const KernelRow& row : H800().rows()) {
    const Price price = H800().PriceOp(row.op, row.sms);
    EXPECT_GE(price.beside, price.time) << RowText(row);
  }
}

TEST(CostModel, IsNeverFasterThanTheDevice) {
  const Device& device = H800().device();
  for (const std::int64_t m : {1, 7, 64, 129, 1000, 5000, 40000, 300000}) {
    for (const std::int64_t n : {64, 576, 4096, 30000}) {
      for (const std::int64_t k : {64, 512, 7168, 65536}) {
        for (const int sms : {8, 66, 112, 132}) {
          for (const OpKind kind : {OpKind::kGemmFp8, OpKind::kGemmFp8Wgrad, OpKind::kGemmBf16,
                                    OpKind::kGroupedGemmFp8, OpKind::kGroupedGemmFp8Masked}) {
            const Op op = GemmOp(kind, {m, n, k, std::min<std::int64_t>(m, 4)});
            ASSERT_GE(H800().PriceOp(op, sms).time, Roofline(op, device, sms))
                << Name(kind) << " " << m << " " << n << " " << k << " on " << sms;
          }
        }
      }
    }
  }
}

// Between tiles a price may dip: whole tiles are added at one m and paid off at the next, and published rows
// scatter by some percent. Under 128 rows the tables themselves fall with m (DeepGEMM picks other tiles), so
// the law starts there.
TEST(CostModel, GrowsWithTheRowsOfAGemmWithinTileQuantisation) {
  for (const int sms : {112, 132}) {
    for (const auto& [n, k] :
         std::vector<std::pair<int, int>>{{7168, 2048}, {4096, 7168}, {1536, 7168}, {24576, 1536}}) {
      Time longest = kTimeZero;
      for (std::int64_t m = 128; m <= 32768; m += std::max<std::int64_t>(8, m / 16)) {
        const Time time = H800().PriceOp(GemmOp(OpKind::kGemmFp8, {m, n, k, 1}), sms).time;
        EXPECT_GT(Seconds(time), 0.8 * Seconds(longest)) << "m=" << m << " n=" << n << " k=" << k;
        longest = std::max(longest, time);
      }
    }
  }
}

// FlashMLA's own figures for its best kernel on this device (deepseek-ai/FlashMLA README, 2025-04-22).
TEST(CostModel, NeverPricesMlaDecodeFasterThanFlashMla) {
  for (const std::int64_t batch : {1, 3, 16, 50, 128, 256}) {
    for (std::int64_t kv = 1024; kv <= 65536; kv = kv * 3 / 2) {
      for (const std::int64_t heads : {16, 32, 64, 128}) {
        for (const std::int64_t q_len : {1, 2}) {
          const double seconds = Seconds(H800().PriceOp(MlaDecode(batch, kv, heads, q_len), 132).time);
          // A causal second query sees one token less than the first.
          const double scores = static_cast<double>(q_len * kv - (q_len - 1) * q_len / 2);
          const double flops = 2.0 * static_cast<double>(batch * heads) * scores * (576 + 512);
          const double cache_bytes = 2.0 * static_cast<double>(batch * kv) * 576;
          EXPECT_LT(flops / seconds, 661e12) << batch << " x " << kv << ", " << heads << " heads";
          EXPECT_LT(cache_bytes / seconds, 3000e9) << batch << " x " << kv << ", " << heads << " heads";
        }
      }
    }
  }
}

TEST(CostModel, PrefersRowsOfTheSameShareOfTheDevice) {
  const Op o_proj = GemmOp(OpKind::kGemmFp8, {4000, 7168, 16384, 1});
  const double at_112 = Microseconds(H800().PriceOp(o_proj, 112).time);
  const double at_132 = Microseconds(H800().PriceOp(o_proj, 132).time);
  EXPECT_NEAR(at_112, 885, 0.05 * 885);  // DeepSeek's training kernel, 4096 rows
  EXPECT_NEAR(at_132, 649, 0.05 * 649);  // InferSim's DeepGEMM, 4096 rows
}

TEST(CostModel, PricesAnOpByTheRowsOfItsLabel) {
  const auto price = [](const char* label) {
    return Microseconds(H800().PriceOp(RowsOp(OpKind::kRouterMisc, 4096, 8, 4096 * 64, label), 132).time);
  };
  EXPECT_NEAR(price("dispatch layout"), 97, 0.1);  // a scan of 16 thread blocks
  EXPECT_LT(price("gate weight normalise"), 4);    // an elementwise kernel of the same extent
}

TEST(CostModel, AccountsForKindsWithoutATableAsAnalytic) {
  const Op adamw = RowsOp(OpKind::kAdamW, 1 << 20, 1024, std::int64_t{28} << 30);
  const Price price = H800().PriceOp(adamw, 132);
  EXPECT_EQ(price.provenance, Provenance::kAnalytic);
  const double achieved = static_cast<double>(adamw.bytes().count) / Seconds(price.time);
  EXPECT_LT(achieved, H800().device().memory_rate.value);
  EXPECT_GT(achieved,
            0.8 * H800().device().memory_rate.value);  // streaming kernels of the trace reach 0.85 to 0.92
}

TEST(CostModel, CopiesToTheHostOverPcie) {
  const Price price = H800().PriceOp(RowsOp(OpKind::kHostCopy, 1, 1, 64'000'000'000), 132);
  EXPECT_NEAR(Seconds(price.time), 1.0, 0.001);
}

TEST(CostModel, CallsAShapeFarFromEveryRowScaled) {
  EXPECT_EQ(H800().PriceOp(GemmOp(OpKind::kGemmFp8, {2000, 4096, 7168, 1}), 132).provenance,
            Provenance::kMeasured);
  EXPECT_EQ(H800().PriceOp(GemmOp(OpKind::kGemmFp8, {4096, 500000, 7168, 1}), 132).provenance,
            Provenance::kScaled);
  EXPECT_EQ(H800().PriceOp(MlaDecode(4096, 1024), 132).provenance, Provenance::kScaled);
}

TEST(CostModel, TakesTheLaterOfTwoRowsForOneKernel) {
  const GemmShape shape{4096, 4096, 4096, 1};
  const CostModel model(DevicePreset("h800-sxm"), {OneRow("h800-sxm", "2026-01-01", shape, 100),
                                                   OneRow("h800-sxm", "2025-01-01", shape, 200)});
  EXPECT_NEAR(Microseconds(model.PriceOp(GemmOp(OpKind::kGemmFp8, shape), 132).time), 100, 0.01);
  EXPECT_EQ(model.rows().size(), 1U);
}

TEST(CostModel, PerturbsOneKindOfOpsAlone) {
  PriceFactors factors;
  const Op gemm = GemmOp(OpKind::kGemmFp8, {4096, 7168, 16384, 1});
  const Op decode = MlaDecode(128, 4096);
  const Price before = H800().PriceOp(gemm, 132);
  EXPECT_EQ(before.basis, Basis::kRows);
  factors.At(gemm.kind, before.basis) = 1.5;
  const CostModel perturbed = H800().Perturbed(factors);
  EXPECT_NEAR(Seconds(perturbed.PriceOp(gemm, 132).time), 1.5 * Seconds(before.time),
              1e-9 * Seconds(before.time) + 1e-12);
  EXPECT_EQ(perturbed.PriceOp(decode, 132).time, H800().PriceOp(decode, 132).time);
}

TEST(CostModel, KnowsTheLaunchGapOfTheTrace) { EXPECT_EQ(H800().launch_gap(), FromMicroseconds(2)); }

/// |ln(predicted / measured)| of a class, sorted; each row priced with that row left out.
std::map<std::string, std::vector<double>> LeaveOneOutErrors(const CostModel& model) {
  std::map<std::string, std::vector<double>> errors;
  for (const CostModel::Residual& r : model.LeaveOneOut())
    errors[r.op_class].push_back(std::abs(r.log_ratio));
  for (auto& [op_class, values] : errors) std::sort(values.begin(), values.end());
  return errors;
}

// Bounds are the errors found when the tables were added, with about half as much again for later tables.
TEST(CostModel, PredictsRowsItHasNotSeen) {
  const std::map<std::string, double> bound = {{"gemm_fp8", 0.05},
                                               {"gemm_fp8_wgrad", 0.07},
                                               {"grouped_gemm_fp8", 0.03},
                                               {"grouped_gemm_fp8_masked", 0.06},
                                               {"grouped_gemm_fp8_wgrad", 0.06},
                                               {"gemm_bf16", 0.07},
                                               {"attention_forward", 0.11},
                                               {"attention_decode", 0.02},
                                               {"memory_bound", 0.08},
                                               {"latency_bound", 0.13}};
  for (const auto& [op_class, errors] : LeaveOneOutErrors(H800())) {
    EXPECT_LT(errors[errors.size() / 2], bound.at(op_class)) << op_class;
  }
}

TEST(CostModel, PredictsMlaDecodeOfUnseenBatchesAndContextsWithinTenPercent) {
  std::vector<double> errors;
  for (const CostModel::Residual& r : H800().LeaveOneOut()) {
    if (r.row.find("heads=128/1 ") != std::string::npos) errors.push_back(std::abs(r.log_ratio));
  }
  ASSERT_EQ(errors.size(), 41U);
  std::sort(errors.begin(), errors.end());
  EXPECT_LT(errors[errors.size() / 2], 0.10);
  EXPECT_LT(errors[errors.size() * 9 / 10], 0.15);
}

// -------------------------------------------------------------------------------------- other devices

TEST(CostModel, ScalesADeviceWithoutTablesAndSaysSo) {
  Device twin = DevicePreset("h800-sxm");
  twin.name = "twin";
  twin.memory_rate = DevicePreset("h200-sxm").memory_rate;
  const CostModel h200 = CostModel::Load(twin, {});
  ASSERT_FALSE(h200.sources().empty());
  for (const std::string& source : h200.sources()) EXPECT_THAT(source, HasSubstr("scaled from h800-sxm"));
  const Op decode = MlaDecode(128, 16384, 16);
  const Price scaled = h200.PriceOp(decode, 132);
  EXPECT_EQ(scaled.provenance, Provenance::kScaled);
  // Memory-bound: about 4.8 / 3.35 times faster.
  EXPECT_NEAR(Seconds(H800().PriceOp(decode, 132).time) / Seconds(scaled.time), 4.8 / 3.35, 0.1);
  EXPECT_TRUE(h200.LeaveOneOut().empty());
}

TEST(CostModel, KeepsARowsTimeOnADeviceOfTheSameRates) {
  Device twin = DevicePreset("h800-sxm");
  twin.name = "twin";
  const GemmShape shape{4096, 4096, 4096, 1};
  const CostModel model(twin, {OneRow("h800-sxm", "2026-01-01", shape, 100)});
  const Price price = model.PriceOp(GemmOp(OpKind::kGemmFp8, shape), 132);
  EXPECT_NEAR(Microseconds(price.time), 100, 0.01);
  EXPECT_EQ(price.provenance, Provenance::kScaled);
}

TEST(CostModel, EveryDevicePricesWithinItsRoofline) {
  for (const std::string& name : DevicePresets()) {
    const Device device = DevicePreset(name);
    const CostModel model = CostModel::Load(device, {});
    const Op gemm = GemmOp(OpKind::kGemmBf16, {4096, 7168, 7168, 1});
    EXPECT_GE(model.PriceOp(gemm, device.sms).time, Roofline(gemm, device, device.sms)) << name;
    EXPECT_LT(Seconds(model.PriceOp(gemm, device.sms).time), 3 * Seconds(Roofline(gemm, device, device.sms)))
        << name;
  }
}

TEST(CostModel, RefusesFp8OnADeviceWithoutIt) {
  const CostModel a100 = CostModel::Load(DevicePreset("a100-sxm"), {});
  EXPECT_THAT(MessageOf([&] {
                a100.PriceOp(GemmOp(OpKind::kGemmFp8, {128, 128, 128, 1}), 108);
              }),
              HasSubstr("device 'a100-sxm' has no FP8"));
}

TEST(CostModel, RefusesATableOfAnotherDeviceUnlessForced) {
  const std::string path = std::string(ORRERY_SOURCE_DIR) + "/hw/data/h800-sxm/kernels/deepgemm-2025-04.yaml";
  const Device h200 = DevicePreset("h200-sxm");
  EXPECT_THAT(
      MessageOf([&] { CostModel::Load(h200, {.name = path, .forced = false}); }),
      HasSubstr("deepgemm-2025-04.yaml:4:9: device: 'h800-sxm': this table was measured on another device "
                "than the run's, 'h200-sxm'; expected a table of 'h200-sxm' or 'auto'"));
  const CostModel forced = CostModel::Load(h200, {.name = path, .forced = true});
  EXPECT_EQ(forced.PriceOp(GemmOp(OpKind::kGemmFp8, {4096, 7168, 2048, 1}), 132).provenance,
            Provenance::kScaled);
}

TEST(CostModel, RefusesATableOfADeviceThatNobodyKnows) {
  const std::string path =
      testing::TempDir() + "/orrery_unknown_device_" + std::to_string(getpid()) + ".yaml";
  std::ofstream(path)
      << "schema_version: 1\ndate: 2026-01-01\nsource: a test\ndriver: x\nlibraries: x\nclocks: x\n"
         "device: h800-smx\ntables:\n  - op: gemm_fp8\n    kernel: k\n    sms: 132\n"
         "    columns: [m, n, k, time_us]\n    rows:\n      - [4096, 4096, 4096, 100]\n";
  EXPECT_THAT(MessageOf([&] { CostModel::Load(DevicePreset("h800-sxm"), {.name = path, .forced = false}); }),
              HasSubstr(":7:9: device: 'h800-smx': no such device is known; expected 'h800-sxm', the run's "
                        "(did you mean 'h800-sxm'?)"));
  std::filesystem::remove(path);
}

TEST(CostModel, RefusesTimesThatTheDeviceCannotReach) {
  const Device h800 = DevicePreset("h800-sxm");
  const GemmShape shape{4096, 7168, 2048, 1};  // 120 GFLOP: 61 us at 1979 TFLOPS
  KernelTable table = OneRow("h800-sxm", "2026-01-01", shape, 7);
  table.rows[0].place = {"table.yaml", 12, 9};
  EXPECT_EQ(
      MessageOf([&] { CostModel(h800, {table}); }),
      "table.yaml:12:9: gemm_fp8 m=4096 n=7168 k=2048 @132: the time cannot be: 17180 TFLOPS, over 1.25 "
      "times the 1979 TFLOPS of 132 SMs of h800-sxm");
  table.rows[0].time = FromMicroseconds(55);
  EXPECT_EQ(MessageOf([&] { CostModel(h800, {table}); }), "accepted") << "a clock above the data sheet's";
  table.rows[0].sms = 66;
  EXPECT_THAT(MessageOf([&] { CostModel(h800, {table}); }), HasSubstr("of 66 SMs"));
}

/// Writes OneRow as a file.
std::string WriteTable(const std::string& name, const std::string& date, const std::string& row) {
  const std::string path = testing::TempDir() + "/orrery_" + name + "_" + std::to_string(getpid()) + ".yaml";
  std::ofstream(path) << "schema_version: 1\ndate: " << date << "\nsource: table " << name
                      << "\ndriver: x\nlibraries: x\nclocks: x\n"
                         "device: h800-sxm\ntables:\n  - op: gemm_fp8\n    kernel: k\n    sms: 112\n"
                         "    columns: [m, n, k, time_us]\n    rows:\n      - "
                      << row << "\n";
  return path;
}

double Us(const CostModel& model, GemmShape shape) {
  return Microseconds(model.PriceOp(GemmOp(OpKind::kGemmFp8, shape), 112).time);
}

TEST(Calibrations, ANamedTableCountsOverTheShippedOnesWhateverItsDate) {
  const GemmShape shipped{4096, 7168, 2048, 1}, far{65536, 512, 512, 1};
  const std::string old = WriteTable("old", "not recorded", "[4096, 7168, 2048, 155.5]");
  const Device h800 = DevicePreset("h800-sxm");
  const CostModel both = CostModel::Load(h800, CalibrationChoice::Of({old, "auto"}));
  EXPECT_NEAR(Us(both, shipped), 155.5, 0.01);
  EXPECT_GT(std::abs(Us(H800(), shipped) - 155.5), 1) << "the shipped tables say otherwise";
  EXPECT_NEAR(Us(both, far) / Us(H800(), far), 1, 0.01) << "where shipped rows are nearer they decide";
  EXPECT_EQ(both.sources().size(), H800().sources().size() + 1);
  EXPECT_THAT(both.sources(), testing::Contains(HasSubstr("table old (date not recorded, 1 rows")));
  const auto origin = [&](GemmShape shape) {
    return both.sources().at(
        static_cast<std::size_t>(both.PriceOp(GemmOp(OpKind::kGemmFp8, shape), 112).table));
  };
  EXPECT_THAT(origin(shipped), HasSubstr("table old"));
  EXPECT_THAT(origin(far), testing::Not(HasSubstr("table old")));
  std::filesystem::remove(old);
}

TEST(Calibrations, ANearerRowWinsThenTheNewer) {
  const std::string a = WriteTable("a", "2026-01-01", "[4096, 7168, 2048, 155]");
  const std::string b = WriteTable("b", "2026-02-01", "[4096, 7168, 2048, 165]");
  const std::string c = WriteTable("c", "2026-03-01", "[4224, 7168, 2048, 190]");
  const Device h800 = DevicePreset("h800-sxm");
  const auto price = [&](std::vector<std::string> names) {
    return Us(CostModel::Load(h800, CalibrationChoice::Of(std::move(names))), {4096, 7168, 2048, 1});
  };
  EXPECT_NEAR(price({a, b}), 165, 0.01);
  EXPECT_NEAR(price({b, a}), 165, 0.01) << "the order of the names says nothing";
  EXPECT_NEAR(price({a, c, "auto"}), 155, 0.01) << "the newer row is of another shape";
  for (const std::string& file : {a, b, c}) std::filesystem::remove(file);
}

TEST(Calibrations, ATableIsThereOnce) {
  const Device h800 = DevicePreset("h800-sxm");
  const CostModel again = CostModel::Load(h800, CalibrationChoice::Of({"auto", "deepgemm-2025-04"}));
  EXPECT_EQ(again.sources().size(), H800().sources().size());
  EXPECT_EQ(again.rows().size(), H800().rows().size());
  EXPECT_THAT(MessageOf([&] {
                CostModel::Load(h800, CalibrationChoice::Of({"deepgemm-2025-04", "deepgemm-2025-04"}));
              }),
              HasSubstr("calibration 'deepgemm-2025-04': given twice"));
  EXPECT_THAT(MessageOf([] {
                CalibrationChoice::Of({"auto", "x", "auto"});
              }),
              HasSubstr("'auto': given twice"));
  EXPECT_THAT(MessageOf([&] {
                CostModel::Load(h800, CalibrationChoice::Of({"auto", "nowhere.yaml"}));
              }),
              HasSubstr("calibration 'nowhere.yaml': no such file"));
}

TEST(CostModel, NamesTheTablesWhereOneIsUnknown) {
  const std::string message = MessageOf(
      [] { CostModel::Load(DevicePreset("h800-sxm"), {.name = "deepgemm-2025-05", .forced = false}); });
  EXPECT_THAT(message, HasSubstr("no such file or table of h800-sxm"));
  EXPECT_THAT(message, HasSubstr("did you mean 'deepgemm-2025-04'"));
}

/// h800-sxm with other figures in its sheet, as someone who edits device.yaml has it.
CostModel Edited(double memory, double peak) {
  Device device = DevicePreset("h800-sxm");
  device.memory_rate.value *= memory;
  device.bf16.value *= peak, device.fp8.value *= peak;
  return CostModel::Load(device, {});
}

TEST(CostModel, ScalesWhatWasMeasuredUnderAnotherSheetOfTheDevice) {
  const Op copy = RowsOp(OpKind::kCopy, 4096, 16384, 268435456);
  const Op gemm = GemmOp(OpKind::kGemmFp8, {4096, 7168, 16384, 1});
  const auto us = [](const CostModel& model, const Op& op) {
    return Microseconds(model.PriceOp(op, 132).time) - (op.kind == OpKind::kCopy ? 1 : 0);
  };
  EXPECT_NEAR(us(Edited(0.5, 1), copy), 2 * us(H800(), copy), 0.01 * us(H800(), copy));
  // Less than 4 times: at the full peak its tiles wait for their operands.
  EXPECT_NEAR(us(Edited(1, 0.25), gemm), 3.75 * us(H800(), gemm), 0.25 * us(H800(), gemm));
  EXPECT_EQ(Edited(0.5, 1).PriceOp(copy, 132).provenance, Provenance::kScaled);
  EXPECT_EQ(H800().PriceOp(copy, 132).provenance, Provenance::kMeasured);
  EXPECT_THAT(Edited(0.5, 1).sources().front(), HasSubstr("from the data sheet they were measured under"));
  EXPECT_THAT(H800().sources().front(), ::testing::Not(HasSubstr("scaled")));
}

TEST(CostModel, NamesTheKernelThatNoClockHolds) {
  const Op copy = RowsOp(OpKind::kCopy, 4096, 16384, 268435456, "head assembly");
  EXPECT_THAT(MessageOf([&] { Edited(1e-11, 1).PriceOp(copy, 132); }),
              ::testing::AllOf(HasSubstr("copy 'head assembly'"), HasSubstr("days on h800-sxm")));
}

TEST(CostModel, RefusesARowOfAThousandSeconds) {
  const KernelTable table = OneRow("h800-sxm", "2026-01-01", {4096, 4096, 4096, 1}, 1e9);
  EXPECT_THAT(MessageOf([&] { CostModel(DevicePreset("h800-sxm"), {table}); }),
              HasSubstr("the time cannot be: 1000000000 us, over 1000 times"));
}

TEST(CostModel, WarnsOfATableFromTheFuture) {
  const GemmShape shape{4096, 4096, 4096, 1};
  const auto source = [&](const char* date) {
    return CostModel(DevicePreset("h800-sxm"), {OneRow("h800-sxm", date, shape, 100)}).sources().at(0);
  };
  EXPECT_THAT(source("2999-12-31"), HasSubstr("2999-12-31, WARNING: a day after"));
  EXPECT_THAT(source("2026-01-01"), ::testing::Not(HasSubstr("WARNING")));
  EXPECT_THAT(source(""), ::testing::Not(HasSubstr("WARNING")));
}

// A kernel every 0.83 us in a graph, by DeepSeek's decode profile; no longer than the stream's own gap.
TEST(CostModel, LaunchesFasterFromAGraph) {
  EXPECT_NEAR(Microseconds(H800().launch_gap(Launching::kGraph)), 0.83, 0.01);
  KernelTable table = OneRow("h800-sxm", "2026-01-01", {4096, 4096, 4096, 1}, 100);
  table.launch_gap = FromMicroseconds(0.5);
  const CostModel own(DevicePreset("h800-sxm"), {table});
  EXPECT_EQ(own.launch_gap(Launching::kGraph), FromMicroseconds(0.5));
}

/// Data files in a folder of their own, where one of them may be spoilt.
class OwnData : public testing::Test {
 protected:
  OwnData() {
    namespace fs = std::filesystem;
    root_ = fs::path(testing::TempDir()) / ("orrery-data-" + std::to_string(getpid()));
    fs::create_directories(root_ / "hw");
    fs::copy(ResourceRoot() / "hw" / "data", root_ / "hw" / "data", fs::copy_options::recursive);
    fs::create_directories(root_ / "models" / "data");
    setenv("ORRERY_HOME", root_.c_str(), 1);
  }
  ~OwnData() override {
    unsetenv("ORRERY_HOME");
    std::filesystem::remove_all(root_);
  }
  void Spoil(const std::string& device) {
    std::ofstream(root_ / "hw" / "data" / device / "device.yaml") << "sms: none\n";
  }

  std::filesystem::path root_;
};

TEST_F(OwnData, OnlySheetsOfDevicesThatMightLendAreRead) {
  const std::vector<std::string> sources = H800().sources();
  const Device h800 = DevicePreset("h800-sxm"), h100 = DevicePreset("h100-sxm");
  Spoil("b300");
  EXPECT_EQ(CostModel::Load(h800, {}).sources(), sources) << "has rows of all that others have";
  EXPECT_THROW(CostModel::LoadLent(h800), InputError) << "asks who is nearest";
  Spoil("l40s-pcie");
  EXPECT_THROW(CostModel::Load(h100, {}), InputError) << "lacks casts, which an L40S has";
}

}  // namespace
}  // namespace orrery::hw
