#include "profiler/measurement/calibration_file.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/config/document.h"
#include "hw/cost/kernel_table.h"
#include "tests/core/input_error.h"
#include "tests/profiler/measurement/synthetic_run.h"

namespace orrery::profiler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

KernelSample Sample(OpKind kind, OpShape shape, std::vector<double> us) {
  KernelSample s;
  s.kernel = "nvjet_qq";
  s.library = "cublasLt";
  s.op_label = "some op";
  s.kind = kind;
  s.shape = shape;
  s.sms = 132;
  s.bytes = {1000};
  s.reference_error = 2e-3;
  s.durations_us = std::move(us);
  return s;
}

MeasurementRun RunOf(std::vector<KernelSample> samples) {
  MeasurementRun run = SyntheticRun(1, 1, 1, 5, {});
  run.device.name = "NVIDIA H100 80GB HBM3";
  run.clocks = {1755, 2619, 1980, 2619, "none", 600};
  run.samples = std::move(samples);
  return run;
}

constexpr GemmShape kGemm{4096, 1536, 7168, 1};

TEST(CalibrationFile, IsStrictYamlWithProvenance) {
  const CalibrationText table =
      CalibrationYaml(RunOf({Sample(OpKind::kGemmFp8, kGemm, {100, 102, 101})}), "h100-sxm");
  const Document document = Document::Parse(table.yaml, "table.yaml");
  const Value& root = document.root();
  EXPECT_EQ(root.At("schema_version").AsInt(1, 1), 1);
  EXPECT_EQ(root.At("device").AsString(), "h100-sxm");
  EXPECT_EQ(root.At("date").AsString(), "2026-01-31");
  EXPECT_EQ(root.At("driver").AsString(), "580.00");
  EXPECT_EQ(root.At("libraries").AsString(), "CUDA 13.0, cublasLt 13.1.0.3");
  EXPECT_EQ(root.At("clocks").AsString(), "SM 1755 of 1980 MHz, memory 2619 of 2619 MHz, throttling: none");
  const Value& section = root.At("tables").items().at(0);
  EXPECT_EQ(section.At("op").AsString(), "gemm_fp8");
  EXPECT_EQ(section.At("kernel").AsString(), "nvjet_qq");
  EXPECT_THAT(table.yaml, HasSubstr("- [4096, 1536, 7168, 1, 101.000, 3, 100.000, 102.000]"));
  EXPECT_THAT(table.yaml, HasSubstr("largest relative error against the reference: 0.002"));
  EXPECT_EQ(table.rows, 1);
}

TEST(CalibrationFile, IsReadByTheCostModel) {
  KernelSample norm = Sample(OpKind::kRmsNorm, RowsShape{4096, 7168}, {50}), beside = norm;
  beside.beside_copy = true;
  beside.durations_us = {60};
  const KernelSample decode =
      Sample(OpKind::kAttentionDecode, AttentionShape{128, 128, 1, 1, 4096, 576, 512, false}, {220});
  const CalibrationText text =
      CalibrationYaml(RunOf({Sample(OpKind::kGemmFp8, kGemm, {100}), norm, beside, decode}), "h100-sxm");
  const hw::KernelTable table = hw::ParseKernelTable(Document::Parse(text.yaml, "table.yaml").root());
  EXPECT_EQ(table.device, "h100-sxm");
  ASSERT_EQ(table.rows.size(), 3u);
  EXPECT_EQ(table.rows[0].op.shape, OpShape(kGemm));
  EXPECT_EQ(table.rows[0].time, FromMicroseconds(100));
  EXPECT_EQ(table.rows[1].op.shape, decode.shape);
  EXPECT_EQ(table.rows[2].beside, FromMicroseconds(60));
}

TEST(CalibrationFile, TakesTheMedianOfProcessMedians) {
  KernelSample first = Sample(OpKind::kGemmFp8, kGemm, {100, 100}), second = first, third = first;
  second.process = 1;
  second.durations_us = {110, 110};
  EXPECT_THAT(CalibrationYaml(RunOf({first, second}), "h100-sxm").yaml,
              HasSubstr("1, 105.000, 4, 100.000, 110.000]"));
  third.process = 2;
  third.durations_us = {107, 107};
  EXPECT_THAT(CalibrationYaml(RunOf({first, second, third}), "h100-sxm").yaml,
              HasSubstr("1, 107.000, 6, 100.000, 110.000]"));
}

TEST(CalibrationFile, AProcessThatLaunchedOnceIsOneLaunch) {
  KernelSample many = Sample(OpKind::kGemmFp8, kGemm, std::vector<double>(40, 100)), once = many;
  once.process = 1;
  once.durations_us = {900};
  EXPECT_THAT(CalibrationYaml(RunOf({many, once}), "h100-sxm").yaml,
              HasSubstr("1, 100.000, 41, 100.000, 900.000]"));
}

TEST(CalibrationFile, PoolsKernelsOfOneShapeSoThatOneOutlierDoublesNothing) {
  KernelSample usual = Sample(OpKind::kGemmFp8, kGemm, std::vector<double>(40, 100)), first = usual;
  first.kernel = "a_first_launch_by_another_kernel";
  first.op_label = "some op (2)";
  first.durations_us = {900};
  for (const auto& samples : {std::vector{usual, first}, std::vector{first, usual}}) {
    const CalibrationText table = CalibrationYaml(RunOf(samples), "h100-sxm");
    EXPECT_EQ(table.rows, 1);
    EXPECT_THAT(table.yaml, HasSubstr("kernel: \"nvjet_qq\""));
    EXPECT_THAT(table.yaml,
                HasSubstr("# several kernels: a_first_launch_by_another_kernel 1 of 900.0 us, nvjet_qq 40 of "
                          "100.0 us\n      - [4096, 1536, 7168, 1, 100.000, 41, 100.000, 900.000]"));
    EXPECT_THAT(table.merged, ElementsAre(HasSubstr("gemm_fp8 M=4096 N=1536 K=7168 @132: a_first_launch")));
    EXPECT_EQ(hw::ParseKernelTable(Document::Parse(table.yaml, "t").root()).rows.size(), 1u);
  }
}

TEST(CalibrationFile, NoTableItWritesHoldsACaseTwice) {
  RandomStream random(3, "cases");
  const auto any = [&](int below) { return static_cast<int>(random.Uniform() * below); };
  std::vector<KernelSample> samples;
  for (int i = 0; i < 200; ++i) {
    KernelSample s = Sample(OpKind::kGemmFp8, GemmShape{64 * (1 + any(3)), 1536, 7168, 1}, {100.0 + any(50)});
    s.kernel = "k" + std::to_string(any(4));
    s.op_label = "op" + std::to_string(any(4));
    s.sms = 131 + any(2);
    s.process = any(3);
    s.beside_copy = any(4) == 0;
    samples.push_back(s);
  }
  const CalibrationText table = CalibrationYaml(RunOf(samples), "h100-sxm");
  EXPECT_EQ(table.rows, 6);
  EXPECT_EQ(hw::ParseKernelTable(Document::Parse(table.yaml, "t").root()).rows.size(), 6u);
}

TEST(CalibrationFile, TimesThatTheDeviceCannotReachStayOutAndAreNamed) {
  const CalibrationText table =
      CalibrationYaml(RunOf({Sample(OpKind::kGemmFp8, kGemm, {100}),
                             Sample(OpKind::kGemmFp8, {GemmShape{4096, 7168, 2048, 1}}, {7})}),
                      "h100-sxm");
  EXPECT_EQ(table.rows, 1);
  EXPECT_THAT(table.left_out,
              ElementsAre("gemm_fp8 M=4096 N=7168 K=2048 @132: 17180 TFLOPS, over 1.25 times the "
                          "1978 TFLOPS of 132 SMs of h100-sxm"));
  KernelSample wide = Sample(OpKind::kGemmFp8, kGemm, {100});
  wide.sms = 144;
  EXPECT_THAT(ErrorOf([&] { CalibrationYaml(RunOf({wide}), "h100-sxm"); }),
              HasSubstr("left out: gemm_fp8 M=4096 N=1536 K=7168 @144: 144 SMs, and h100-sxm has 132"));
}

TEST(CalibrationFile, ATimeBesideACopyAloneIsNoRow) {
  KernelSample beside = Sample(OpKind::kRmsNorm, RowsShape{4096, 7168}, {60});
  beside.beside_copy = true;
  const CalibrationText table =
      CalibrationYaml(RunOf({beside, Sample(OpKind::kGemmFp8, kGemm, {100})}), "h100-sxm");
  EXPECT_THAT(table.left_out, ElementsAre("rms_norm 4096x7168 @132: measured beside a copy alone"));
}

TEST(CalibrationFile, ADateThatNobodyRecordedIsNone) {
  MeasurementRun run = RunOf({Sample(OpKind::kGemmFp8, kGemm, {100})});
  run.date_utc = "not recorded";
  const CalibrationText table = CalibrationYaml(run, "h100-sxm");
  EXPECT_THAT(table.yaml, HasSubstr("\ndate: not recorded\n"));
  EXPECT_EQ(hw::ParseKernelTable(Document::Parse(table.yaml, "t").root()).date, "");
}

TEST(CalibrationFile, JoinsTimesBesideACopyWithTimesAlone) {
  KernelSample alone = Sample(OpKind::kRmsNorm, RowsShape{4096, 7168}, {50}), beside = alone;
  beside.beside_copy = true;
  beside.durations_us = {60};
  const std::string yaml = CalibrationYaml(RunOf({alone, beside}), "h100-sxm").yaml;
  EXPECT_THAT(yaml, HasSubstr("columns: [rows, cols, bytes, time_us, beside_us, count, min_us, max_us]"));
  EXPECT_THAT(yaml, HasSubstr("- [4096, 7168, 1000, 50.000, 60.000, 1, 50.000, 50.000]"));
}

TEST(CalibrationFile, PoolsTwoLabelsOfOneShapeAndKeepsSmCountsApart) {
  KernelSample forward = Sample(OpKind::kGemmFp8, kGemm, {100}), recompute = forward, fewer = forward;
  recompute.op_label = "recompute";
  fewer.sms = 112;
  const CalibrationText table = CalibrationYaml(RunOf({forward, recompute, fewer}), "h100-sxm");
  EXPECT_EQ(table.rows, 2);
  EXPECT_THAT(table.yaml, HasSubstr("sms: 112"));
}

TEST(CalibrationFile, ExperimentsAndIncompleteCasesStayOutAndAreNamed) {
  KernelSample skewed = Sample(OpKind::kGroupedGemmFp8, kGemm, {100});
  skewed.variant = "skew-4x";
  KernelSample empty = Sample(OpKind::kMemset, RowsShape{0, 0}, {1});
  const CalibrationText table =
      CalibrationYaml(RunOf({skewed, empty, Sample(OpKind::kGemmFp8, kGemm, {100})}), "h100-sxm");
  EXPECT_THAT(table.left_out,
              ElementsAre("1 samples, variant 'skew-4x'", "1 samples, which shape or bytes are incomplete"));
  EXPECT_THROW(CalibrationYaml(RunOf({skewed}), "h100-sxm"), InputError)
      << "a table without rows is no table";
}

TEST(CalibrationFile, TheLaunchGapIsTheMedianOfProcessesOnAStream) {
  MeasurementRun run = RunOf({Sample(OpKind::kGemmFp8, kGemm, {100})});
  EXPECT_THAT(CalibrationYaml(run, "h100-sxm").yaml, Not(HasSubstr("launch_gap")));
  run.launch_gaps = {{"stream", 0, {1.1, 1.2, 1.3}},
                     {"graph", 0, {0.5}},
                     {"stream", 1, {1.4, 1.4, 1.4}},
                     {"stream", 2, {1.9, 1.9, 1.9}}};
  const CalibrationText table = CalibrationYaml(run, "h100-sxm");
  EXPECT_THAT(table.yaml, HasSubstr("launch_gap: 1.400 us\n"));
  EXPECT_THAT(table.left_out, ElementsAre("launch gaps of a CUDA graph"));
  EXPECT_EQ(hw::ParseKernelTable(Document::Parse(table.yaml, "t").root()).launch_gap, FromMicroseconds(1.4));
}

TEST(CalibrationFile, KnowsDevicesByTheirDriversNames) {
  EXPECT_EQ(FindDevicePresetName("NVIDIA H100 80GB HBM3"), "h100-sxm");
  EXPECT_EQ(FindDevicePresetName("NVIDIA H800"), "h800-sxm");
  EXPECT_EQ(FindDevicePresetName("NVIDIA H200"), "h200-sxm");
  EXPECT_EQ(FindDevicePresetName("NVIDIA H20"), "h20");
  EXPECT_EQ(FindDevicePresetName("A100-SXM4-80GB"), "a100-sxm") << "as drivers before 470 call it";
  for (const char* other :
       {"NVIDIA H100 PCIe", "NVIDIA H800 PCIe", "NVIDIA GH200 480GB", "NVIDIA H200 NVL", "NVIDIA H20-3e",
        "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA A100-SXM4-40GB", "NVIDIA ", ""})
    EXPECT_EQ(FindDevicePresetName(other), std::nullopt) << other;
}

TEST(CalibrationFile, ADeviceOfAnotherNumberOfSmsIsNoPreset) {
  EXPECT_EQ(DevicePresetName({"NVIDIA H800", "9.0", 132, {}}), "h800-sxm");
  EXPECT_THAT(
      ErrorOf([] {
        DevicePresetName({"NVIDIA H800", "9.0", 114, {}});
      }),
      HasSubstr("'NVIDIA H800' is h800-sxm, which has 132 SMs, and the times are of 114 SMs: name the "
                "device with --device"));
  EXPECT_THAT(ErrorOf([] {
                DevicePresetName({"NVIDIA H800 PCIe", "9.0", 114, {}});
              }),
              HasSubstr("no device preset is known for 'NVIDIA H800 PCIe': name one with --device"));
}

TEST(CalibrationFile, TellsTheClocksThatAreKnown) {
  MeasurementRun run = RunOf({Sample(OpKind::kGemmFp8, kGemm, {100})});
  const auto clocks = [&](Clocks c) {
    run.clocks = c;
    const std::string yaml = CalibrationYaml(run, "h100-sxm").yaml;
    return Document::Parse(yaml, "t").root().At("clocks").AsString();
  };
  EXPECT_EQ(clocks({1755, 2619, 0, 0, "", 0}), "SM 1755 MHz, memory 2619 MHz");
  EXPECT_EQ(clocks({0, 0, 1980, 2619, "power cap", 0}), "throttling: power cap");
  EXPECT_EQ(clocks({0, 0, 1980, 2619, "", 0}), "not recorded");
}

}  // namespace
}  // namespace orrery::profiler
