// DeepSeek's published training trace against its analysis (reference/train-trace/ANALYSIS.md), figure by
// figure.
#include <filesystem>
#include <map>
#include <numeric>

#include <gmock/gmock.h>

#include "profiler/measurement/calibration_file.h"
#include "profiler/trace/kineto.h"
#include "profiler/trace/trace_report.h"
#include "tests/profiler/trace/matched_trace.h"

namespace orrery::profiler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class TrainingTrace : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const auto file = std::filesystem::path(ORRERY_SOURCE_DIR) / "../shared/reference/train-trace/train.json";
    std::error_code error;
    if (std::filesystem::exists(file, error))
      analysed_ = new AnalysedTrace(AnalyseMatched(ReadKinetoTrace(file)));
  }
  static void TearDownTestSuite() { delete analysed_; }
  void SetUp() override {
    if (analysed_ == nullptr) GTEST_SKIP() << "the trace is not beside the project";
  }

  static const TraceSummary& summary() { return analysed_->summary; }
  static const Phase& phase(const std::string& name) {
    for (const Phase& p : summary().phases) {
      if (p.name == name) return p;
    }
    ADD_FAILURE() << name;
    return summary().phases.front();
  }
  static std::vector<double> Ms(const std::vector<std::int64_t>& ns) {
    std::vector<double> ms;
    for (const std::int64_t value : ns) ms.push_back(static_cast<double>(value) * 1e-6);
    return ms;
  }
  static void ExpectMs(const std::vector<std::int64_t>& ns, std::vector<double> expected) {
    ASSERT_EQ(ns.size(), expected.size());
    for (std::size_t i = 0; i < ns.size(); ++i) EXPECT_NEAR(Ms(ns)[i], expected[i], 0.0051) << i;
  }

  static AnalysedTrace* analysed_;
};
AnalysedTrace* TrainingTrace::analysed_ = nullptr;

TEST_F(TrainingTrace, HasItsEvents) {
  EXPECT_EQ(analysed_->trace.info.events_read, 14240u);
  EXPECT_EQ(summary().kernels, 963);
  EXPECT_EQ(summary().copies, 8);
  EXPECT_EQ(summary().memsets, 12);
  EXPECT_EQ(analysed_->trace.info.device.name, "NVIDIA H800");
  EXPECT_EQ(analysed_->trace.info.world_size, 64);
  EXPECT_EQ(analysed_->trace.info.device.memory_bytes, 84943110144);
}

TEST_F(TrainingTrace, TakesAsLongAsTheAnalysisSays) {
  EXPECT_NEAR(static_cast<double>(summary().wall_ns) * 1e-6, 129.0, 0.05);
  // The analysis counts what runs on the compute streams, 124.3; casts and layouts that run on the
  // communication stream and beside nothing are 0.07 ms more.
  EXPECT_NEAR(static_cast<double>(summary().compute_busy_ns) * 1e-6, 124.37, 0.005);
  EXPECT_EQ(summary().layers, 4);
  ExpectMs(summary().layer_period_ns, {31.82, 31.31, 32.57, 32.85});
}

TEST_F(TrainingTrace, OverlapsCommunicationAsTheAnalysisSays) {
  EXPECT_NEAR(static_cast<double>(summary().payload.busy_ns) * 1e-6, 80.45, 0.005);
  EXPECT_NEAR(static_cast<double>(summary().payload.overlapped_ns) * 1e-6, 77.51, 0.005);
  EXPECT_NEAR(static_cast<double>(summary().payload.exposed_ns()) * 1e-6, 2.94, 0.005);
  EXPECT_NEAR(static_cast<double>(summary().sync.busy_ns) * 1e-6, 32.6, 0.05);
  EXPECT_NEAR(static_cast<double>(summary().sync.exposed_ns()) * 1e-6, 1.2, 0.05);
}

TEST_F(TrainingTrace, HasLaunchGapsOfTwoMicroseconds) {
  ASSERT_EQ(summary().streams.size(), 3u);
  const StreamTotal& compute = summary().streams[0];
  EXPECT_EQ(compute.stream, 7);
  EXPECT_FALSE(compute.communication);
  EXPECT_EQ(compute.gaps, 909);
  EXPECT_EQ(compute.gap_median_ns, 2000);
  EXPECT_NEAR(static_cast<double>(compute.gap_total_ns) * 1e-6, 1.95, 0.01);
  EXPECT_EQ(summary().streams[2].stream, 27);
  EXPECT_TRUE(summary().streams[2].communication);
  EXPECT_NEAR(static_cast<double>(summary().streams[2].busy_ns) * 1e-6, 114.5, 0.05);
}

TEST_F(TrainingTrace, HasTheBlockTimesOfTheAnalysis) {
  ExpectMs(phase("attn(F)").span_ns, {4.83, 4.39, 4.57, 4.60});
  ExpectMs(phase("mlp(B)").span_ns, {5.75, 5.47, 5.47, 4.77});
  ExpectMs(phase("mlp(W)").span_ns, {5.33, 5.06, 5.26, 4.64});
  ExpectMs(phase("mlp(F)").span_ns, {4.29, 4.42, 5.21, 4.64});
  ExpectMs(phase("attn(B)").span_ns, {9.22, 9.56, 9.65, 9.74});
  ExpectMs(phase("attn(W)").span_ns, {2.38, 2.39, 2.40, 2.41});
}

TEST_F(TrainingTrace, HasTheTransfersOfTheAnalysis) {
  ExpectMs(phase("combine(B)").payload_ns, {3.32, 3.58, 3.61, 3.11});
  ExpectMs(phase("dispatch(F)").payload_ns, {4.60, 4.15, 4.44, 4.19});
  ExpectMs(phase("dispatch(B)").payload_ns, {6.55, 6.54, 5.89, 6.49});
  ExpectMs(phase("combine(F)").payload_ns, {6.00, 6.07, 5.85, 6.05});
  for (const char* name : {"combine(B)", "dispatch(F)", "dispatch(B)", "combine(F)"})
    EXPECT_TRUE(phase(name).communication) << name;
}

TEST_F(TrainingTrace, HasTheRowsOfTheAnalysis) {
  const LayerOps& layers = analysed_->layers;
  EXPECT_EQ(layers.not_recognised, "");
  EXPECT_EQ(layers.tokens, 4096);
  const auto column = [&](std::int64_t LayerRows::*member) {
    std::vector<std::int64_t> values;
    for (const LayerRows& rows : layers.rows) values.push_back(rows.*member);
    return values;
  };
  EXPECT_THAT(column(&LayerRows::forward_m), ElementsAre(31104, 30976, 36864, 31104));
  EXPECT_THAT(column(&LayerRows::forward_u), ElementsAre(28984, 28856, 34144, 29128));
  EXPECT_THAT(column(&LayerRows::backward_m), ElementsAre(34688, 32512, 32896, 28416));
  EXPECT_THAT(column(&LayerRows::backward_u), ElementsAre(32120, 30048, 30584, 26592));
}

TEST_F(TrainingTrace, DoesTheWorkOfTheAnalysis) {
  const double tflop = analysed_->layers.tensor_flops.count * 1e-12;
  EXPECT_NEAR(tflop, 68.68, 0.005);
  EXPECT_NEAR(tflop / static_cast<double>(summary().wall_ns) * 1e9, 532, 0.5);
}

TEST_F(TrainingTrace, HasTheKernelTimesOfTheAnalysis) {
  const std::map<std::string, double> expected_us = {{"q_a fprop", 104},
                                                     {"kv_a fprop", 53},
                                                     {"q_b fprop", 372},
                                                     {"kv_b fprop", 244},
                                                     {"o fprop", 901},
                                                     {"router fprop", 46},
                                                     {"attention forward", 1237},
                                                     {"shared down dgrad", 126},
                                                     {"expert down dgrad", 864},
                                                     {"expert gate_up dgrad", 1969},
                                                     {"shared gate_up dgrad", 240},
                                                     {"shared down wgrad", 181},
                                                     {"expert down wgrad", 448},
                                                     {"expert gate_up wgrad", 864},
                                                     {"shared gate_up wgrad", 370},
                                                     {"shared gate_up fprop", 259},
                                                     {"expert gate_up fprop", 1862},
                                                     {"expert down fprop", 1035},
                                                     {"shared down fprop", 138},
                                                     {"o dgrad", 927},
                                                     {"attention backward", 3779},
                                                     {"q_b dgrad", 332},
                                                     {"kv_b dgrad", 220},
                                                     {"kv_a dgrad", 65},
                                                     {"q_a dgrad", 111},
                                                     {"o wgrad", 1499},
                                                     {"kv_b wgrad", 222},
                                                     {"q_b wgrad", 462},
                                                     {"kv_a wgrad", 70},
                                                     {"q_a wgrad", 136}};
  std::map<std::string, std::vector<double>> durations;
  for (const RecognisedOp& op : analysed_->layers.ops) {
    auto& all = durations[op.label];
    all.insert(all.end(), op.durations_us.begin(), op.durations_us.end());
  }
  for (const auto& [label, us] : expected_us) {
    const auto& all = durations[label];
    ASSERT_FALSE(all.empty()) << label;
    EXPECT_NEAR(std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size()), us, 0.6)
        << label;
  }
}

TEST_F(TrainingTrace, KnowsEveryKernelsClass) {
  for (const KernelTotal& k : summary().kernels_by_time) {
    EXPECT_NE(k.klass.library, "unknown") << analysed_->trace.name(k.name);
  }
}

TEST_F(TrainingTrace, BecomesAMeasurementAndATable) {
  const MeasurementRun run = TraceMeasurement(*analysed_);
  EXPECT_EQ(run.date_utc.substr(0, 10), "2025-02-25");
  EXPECT_EQ(ParseMeasurement(MeasurementJson(run), "x").samples.size(), run.samples.size());
  const CalibrationText table = CalibrationYaml(run, DevicePresetName(run.device));
  EXPECT_THAT(table.yaml, HasSubstr("device: h800-sxm"));
  EXPECT_THAT(table.yaml, HasSubstr("- [4096, 1536, 7168, 1, 104.000, 4, 101.000, 105.000]"));
  EXPECT_THAT(table.yaml, HasSubstr("sms: 112"));
  EXPECT_THAT(table.left_out, testing::Contains(HasSubstr("two at a time")));
}

TEST_F(TrainingTrace, PricesMemoryBoundKernelsWhoseShapesAreKnown) {
  const std::string table = CalibrationYaml(TraceMeasurement(*analysed_), "h800-sxm").yaml;
  using K = OpKind;
  for (const OpKind kind : {K::kCastFp8,
                            K::kCastTransposeFp8,
                            K::kRequantizeTranspose,
                            K::kRequantizeGather,
                            K::kTransposeFp8,
                            K::kDequantize,
                            K::kSaveE5M6,
                            K::kRestoreE5M6,
                            K::kSwiGluCast,
                            K::kSwiGluCastTranspose,
                            K::kSwiGluBackward,
                            K::kSwiGluForwardBackward,
                            K::kRouterWeightGrad,
                            K::kRmsNorm,
                            K::kRmsNormBackward,
                            K::kRope,
                            K::kResidualAdd,
                            K::kPermute,
                            K::kUnpermute,
                            K::kAttentionPreprocess,
                            K::kAttentionPostprocess}) {
    EXPECT_THAT(table, HasSubstr("op: " + std::string(Name(kind)) + "\n"));
  }
  EXPECT_THAT(table, HasSubstr("- [4096, 32768, 406847488, 208")) << "the cast before kv_b's gradient";
  EXPECT_THAT(table, HasSubstr("- [4096, 576, 7151616, ")) << "the one before kv_a's";
  EXPECT_THAT(table, HasSubstr("- [7168, 16384, 234881024, 83")) << "o's weight";
  EXPECT_THAT(table, HasSubstr("- [34688, 7168, 493844736, 183")) << "34688 + 32120 rows of 7392 B";
}

TEST_F(TrainingTrace, MovesMemoryBoundBytesNoFasterThanTheMemory) {
  constexpr double kMemoryBytesPerUs = 3.35e6;  // HBM3 of an H800 SXM, data sheet
  constexpr double kCachedBytes = 50e6;         // the L2 may serve what is smaller
  for (const RecognisedOp& op : analysed_->layers.ops) {
    if (!std::holds_alternative<RowsShape>(op.shape)) continue;
    ASSERT_GT(op.bytes.count, 0) << op.label;
    const auto bytes = static_cast<double>(op.bytes.count);
    for (const double us : op.durations_us) {
      if (bytes < kCachedBytes) continue;
      EXPECT_LT(bytes / us, kMemoryBytesPerUs) << op.phase << " " << op.label << " " << ShapeText(op.shape);
      EXPECT_GT(bytes / us, 0.2 * kMemoryBytesPerUs)
          << op.phase << " " << op.label << " " << ShapeText(op.shape);
    }
  }
}

TEST_F(TrainingTrace, PrintsTheSummary) {
  const std::string text = TraceText(*analysed_);
  EXPECT_THAT(text, HasSubstr("963 kernels, 8 copies, 12 memsets in 129.01 ms"));
  EXPECT_THAT(text, HasSubstr("4.60 (4.83 4.39 4.57 4.60)"));
  EXPECT_THAT(text, HasSubstr("68.68 TFLOP of tensor-core work, 532 TFLOPS sustained"));
  EXPECT_THAT(TraceJson(*analysed_), HasSubstr("\"tensor_flops\""));
}

}  // namespace
}  // namespace orrery::profiler
