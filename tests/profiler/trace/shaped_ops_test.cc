// Shapes that a program gave in its ranges, led to kernels made by hand.
#include "profiler/trace/shaped_ops.h"

#include <sstream>

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "profiler/measurement/calibration_file.h"
#include "profiler/trace/kernel_log.h"
#include "profiler/trace/kineto.h"
#include "profiler/trace/trace_report.h"
#include "tests/core/input_error.h"
#include "tests/profiler/trace/synthetic_trace.h"

namespace orrery::profiler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr const char* kFp8 = "nvjet_qqtst_128x128_128x6_1x2_h_bz_coopA_TNT";
constexpr const char* kBf16 = "nvjet_tst_128x256_64x4_2x1_v_bz_TNN";
constexpr const char* kReduce = "void cublasLt::splitKreduce_kernel<32, 16>";
constexpr const char* kNorm = "void vllm::rms_norm_kernel<c10::BFloat16>";
constexpr const char* kFloatNorm = "void vllm::rms_norm_kernel<float>";

/// Ranges open and close on a thread; kernels are launched where the code stands.
class Program {
 public:
  void Open(const std::string& text, std::int64_t thread = 1) { open_.push_back({text, thread, ++cpu_ns_}); }
  void Close() {
    builder_.trace().annotations.push_back({open_.back().thread, open_.back().start,
                                            ++cpu_ns_ - open_.back().start,
                                            builder_.Intern(open_.back().text), 0});
    open_.pop_back();
  }
  void Kernel(const char* name, std::int64_t us, std::int64_t thread = 1, std::int64_t overlap_us = 0) {
    GpuEvent& e =
        AddLaunchedKernel(&builder_, name, gpu_ns_ - overlap_us * 1000, us * 1000, thread, ++cpu_ns_);
    e.grid = {132, 1, 1};
    gpu_ns_ = e.end_ns() + 2000;
  }
  void In(const std::string& text, const char* kernel, std::int64_t us) {
    Open(text);
    Kernel(kernel, us);
    Close();
  }
  AnalysedTrace Run() {
    builder_.trace().info.devices = {{0, "NVIDIA H100 80GB HBM3", "9.0", 132, 0}};
    return Analyse(builder_.Finish());
  }

 private:
  struct OpenRange {
    std::string text;
    std::int64_t thread, start;
  };
  TraceBuilder builder_;
  std::vector<OpenRange> open_;
  std::int64_t cpu_ns_ = 1000, gpu_ns_ = 1'000'000;
};

TEST(ShapedOps, ARangeGivesItsKernelsKindAndShape) {
  Program p;
  for (const std::int64_t us : {100, 110, 105})
    p.In("orrery:gemm_fp8 m=4096 n=7168 k=2048 label=o", "my_own_kernel", us);
  p.Kernel("my_own_kernel", 5);  // outside
  const ShapedOps shaped = p.Run().shaped;
  ASSERT_EQ(shaped.ops.size(), 1u);
  EXPECT_EQ(shaped.ops[0].shape, OpShape(GemmShape{4096, 7168, 2048, 1}));
  EXPECT_EQ(shaped.ops[0].label, "o");
  EXPECT_THAT(shaped.ops[0].durations_us, ElementsAre(100, 110, 105));
  EXPECT_DOUBLE_EQ(shaped.ops[0].flops.count, 2.0 * 4096 * 7168 * 2048);
}

TEST(ShapedOps, SeveralKernelsOfOneRangeAreOneOperation) {
  Program p;
  p.Open("aten::mm, op_id = 5, sizes = [[64, 7168], [7168, 256]]");
  p.Kernel(kBf16, 30);
  p.Kernel(kReduce, 4);
  p.Close();
  const ShapedOps shaped = p.Run().shaped;
  ASSERT_EQ(shaped.ops.size(), 1u);
  EXPECT_EQ(shaped.ops[0].kind, OpKind::kGemmBf16);
  EXPECT_EQ(shaped.ops[0].kernels, std::string(kBf16) + " + " + kReduce);
  EXPECT_EQ(shaped.ops[0].library, "cuBLAS");
  EXPECT_THAT(shaped.ops[0].durations_us, ElementsAre(34));
}

TEST(ShapedOps, AnOrreryRangeCountsBeforeTheOperatorsInside) {
  Program p;
  p.Open("orrery:gemm_bf16 m=8 n=16 k=32");
  p.In("aten::mm, sizes = [[1, 2], [2, 3]]", kBf16, 7);
  p.Close();
  const ShapedOps shaped = p.Run().shaped;
  ASSERT_EQ(shaped.ops.size(), 1u);
  EXPECT_EQ(shaped.ops[0].shape, OpShape(GemmShape{8, 16, 32, 1}));
}

TEST(ShapedOps, AnInnerOperatorTakesItsKernelsFromTheOuter) {
  Program p;
  p.Open("aten::linear, sizes = [[4, 16], [8, 16], []]");
  p.In("aten::copy_, sizes = [[4, 16], [4, 16], []]", "copy_kernel", 3);
  p.In("aten::addmm, sizes = [[8], [4, 16], [16, 8], [], []]", kBf16, 9);
  p.Close();
  const ShapedOps shaped = p.Run().shaped;
  ASSERT_EQ(shaped.ops.size(), 1u);
  EXPECT_EQ(shaped.ops[0].label, "aten::addmm");
  EXPECT_THAT(shaped.ops[0].durations_us, ElementsAre(9));
}

TEST(ShapedOps, RangesWithoutAShapeDoNotHideTheOneAround) {
  Program p;
  p.Open("orrery:gemm_bf16 m=8 n=16 k=32");
  p.In("attention", kBf16, 7);
  p.Close();
  p.Open("aten::mm, sizes = [[64, 128], [128, 256]]");
  p.Open("forward");
  p.In("orrery:gemm_bf16 m=8 n=16 k=x", kBf16, 9);
  p.Close();
  p.Close();
  const ShapedOps shaped = p.Run().shaped;
  ASSERT_EQ(shaped.ops.size(), 2u);
  EXPECT_THAT(shaped.ops[0].durations_us, ElementsAre(7));
  EXPECT_EQ(shaped.ops[1].shape, OpShape(GemmShape{64, 256, 128, 1}));
  EXPECT_EQ(shaped.bad_texts, 1) << "what cannot be read has no shape";
}

TEST(ShapedOps, AnOperatorWithoutSizesKeepsItsKernelsFromTheOneAround) {
  Program p;
  p.Open("aten::linear, sizes = [[4, 16], [8, 16], []]");
  p.In("aten::copy_, op_id = 4", "copy_kernel", 3);
  p.Kernel(kBf16, 9);
  p.Close();
  const ShapedOps shaped = p.Run().shaped;
  ASSERT_EQ(shaped.ops.size(), 1u);
  EXPECT_EQ(shaped.ops[0].kernels, kBf16);
  EXPECT_THAT(shaped.ops[0].durations_us, ElementsAre(9));
}

TEST(ShapedOps, OfNestedRangesOfOursTheInnermostCountsAndTheOthersAreLeftOut) {
  Program p;
  for (int i = 0; i < 2; ++i) {
    p.Open("orrery:attention_forward batch=1 heads=8 kv_heads=8 q_len=64 kv_len=64 d_qk=64 d_v=64");
    p.Kernel("flash_a", 20);
    p.Open("a layer");
    if (i == 0) p.In("orrery:gemm_bf16 m=8 n=16 k=32", kBf16, 7);
    p.Close();
    p.Close();
  }
  const ShapedOps shaped = p.Run().shaped;
  ASSERT_EQ(shaped.ops.size(), 2u) << "the second attention has nothing of another's inside";
  EXPECT_EQ(shaped.ops[0].kind, OpKind::kGemmBf16);
  EXPECT_EQ(shaped.ops[1].kind, OpKind::kAttentionForward);
  EXPECT_THAT(shaped.ops[1].durations_us, ElementsAre(20));
  EXPECT_THAT(shaped.left_out, ElementsAre(Pair("'orrery:' ranges with another of them inside", 1)));
}

TEST(ShapedOps, TheInnermostOfRangesThatStartTogetherIsTheShortest) {
  for (const bool inner_first : {false, true}) {
    TraceBuilder builder;
    AddLaunchedKernel(&builder, kBf16, 1000, 5000, 1, 150);
    const Range outer{1, 100, 900, builder.Intern("orrery:gemm_bf16 m=1 n=1 k=1"), 0},
        inner{1, 100, 100, builder.Intern("orrery:gemm_bf16 m=8 n=16 k=32"), 0};
    for (const Range& range : inner_first ? std::vector{inner, outer} : std::vector{outer, inner})
      builder.trace().annotations.push_back(range);
    const ShapedOps shaped = Analyse(builder.Finish()).shaped;
    ASSERT_EQ(shaped.ops.size(), 1u);
    EXPECT_EQ(shaped.ops[0].shape, OpShape(GemmShape{8, 16, 32, 1}));
  }
}

TEST(ShapedOps, StandInOrderOfTheirFirstKernel) {
  std::istringstream trace(
      R"({"traceEvents":[
{"ph":"X","cat":"cpu_op","name":"aten::mm","ts":10,"dur":20,"tid":1,"args":{"Input Dims":[[64,128],[128,256]]}},
{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","ts":15,"dur":2,"tid":1,"args":{"correlation":3}},
{"ph":"X","cat":"user_annotation","name":"orrery:gemm_bf16 m=8 n=16 k=32","ts":40,"dur":20,"tid":1},
{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","ts":45,"dur":2,"tid":1,"args":{"correlation":4}},
{"ph":"X","cat":"kernel","name":"nvjet_tst_a","ts":100,"dur":5,"tid":7,"args":{"stream":7,"correlation":3}},
{"ph":"X","cat":"kernel","name":"nvjet_tst_a","ts":200,"dur":5,"tid":7,"args":{"stream":7,"correlation":4}}]})");
  const ShapedOps shaped = Analyse(ReadKinetoTrace(trace, "t")).shaped;
  ASSERT_EQ(shaped.ops.size(), 2u);
  EXPECT_EQ(shaped.ops[0].label, "aten::mm");
}

TEST(ShapedOps, OfSizesBeyondAnyMemoryAreLeftOut) {
  Program p;
  p.In("aten::mm, sizes = [[1099511627776, 1099511627776], [1099511627776, 1099511627776]]", kBf16, 7);
  p.In("orrery:gemm_bf16 m=1099511627776 n=1099511627776 k=1099511627776", kBf16, 7);
  const ShapedOps shaped = p.Run().shaped;
  EXPECT_TRUE(shaped.ops.empty());
  EXPECT_THAT(shaped.left_out, ElementsAre(Pair("sizes beyond any memory", 1)));
  EXPECT_THAT(shaped.first_bad, HasSubstr("more bytes than any memory has"));
}

TEST(ShapedOps, ARangeOfAnotherThreadDoesNotCount) {
  Program p;
  p.Open("orrery:gemm_bf16 m=8 n=16 k=32", 2);
  p.Kernel(kBf16, 7, /*thread=*/1);
  p.Close();
  EXPECT_TRUE(p.Run().shaped.ops.empty());
}

TEST(ShapedOps, BadTextsAreCountedAndTheRestGoesOn) {
  Program p;
  p.In("orrery:gemm_bf16 m=8 n=16 k=x", kBf16, 7);
  p.In("orrery:nothing", kBf16, 7);
  p.In("aten::mm, sizes = [[1, 2", kBf16, 7);
  p.In("orrery:gemm_bf16 m=8 n=16 k=32", kBf16, 7);
  p.In("a range of the program", kBf16, 7);
  const AnalysedTrace a = p.Run();
  EXPECT_EQ(a.shaped.ops.size(), 1u);
  EXPECT_EQ(a.shaped.bad_texts, 3);
  EXPECT_THAT(TraceText(a), HasSubstr("3 ranges with a shape that cannot be read were ignored, the first "
                                      "'orrery:gemm_bf16 m=8 n=16 k=x'"));
}

TEST(ShapedOps, WhatIsNoOperationOfOursIsLeftOutWithTheReason) {
  Program p;
  const char* mm = "aten::mm, sizes = [[64, 128], [128, 256]]";
  p.In(mm, "some_kernel_of_another", 7);
  p.In(mm, "fused_moe_kernel", 7);
  p.In(mm, "void cutlass::Kernel2<cutlass_80_tensorop_s1688gemm>", 7);
  p.In(mm, "void cutlass::Kernel2<cutlass_80_tensorop_f16_s16816gemm_f16>", 7);
  p.Open(mm);
  p.Kernel(kBf16, 5);
  p.Kernel(kBf16, 5);
  p.Close();
  p.Open("orrery:gemm_bf16 m=8 n=16 k=32");
  p.Kernel(kBf16, 50);
  p.Kernel(kBf16, 50, 1, 20);
  p.Close();
  p.In("aten::_scaled_mm, sizes = [[64, 128], [128, 256], [], []]", kFp8, 7);
  p.In("_C::rms_norm, sizes = [[64, 128], [64, 128], [128], []]", kFloatNorm, 7);
  p.In("aten::mm, sizes = [[64, 128], [129, 256]]", kBf16, 7);
  const ShapedOps shaped = p.Run().shaped;
  EXPECT_TRUE(shaped.ops.empty());
  EXPECT_EQ(shaped.bad_texts, 0);
  EXPECT_THAT(shaped.left_out,
              testing::IsSupersetOf({Pair("several GEMMs in one operator", 1),
                                     Pair("GEMMs whose kernel's name does not tell the type", 1),
                                     Pair("GEMMs of another type than BF16 and FP8: TF32", 1),
                                     Pair("GEMMs of another type than BF16 and FP8: FP16", 1),
                                     Pair("kernels of one range overlap", 1),
                                     Pair("FP8 GEMMs without a scale per row and 128 of k", 1),
                                     Pair("memory-bound kernels whose names do not say BF16", 1),
                                     Pair("sizes of another form than the operator's table has", 1),
                                     Pair("matrix products by no GEMM kernel we know", 1)}));
}

TEST(ShapedOps, ARangeWhoseKernelMultipliesAnotherTypeIsLeftOut) {
  Program p;
  p.In("orrery:gemm_bf16 m=8 n=16 k=32", "nvjet_sss_tf32_128x256_64x4_2x1_v_bz_TNT", 7);
  p.In("orrery:gemm_fp8 m=8 n=16 k=32", kBf16, 7);
  p.In("orrery:gemm_bf16 m=8 n=16 k=32", "fused_moe_kernel", 7);  // which does not tell
  const ShapedOps shaped = p.Run().shaped;
  EXPECT_EQ(shaped.ops.size(), 1u);
  EXPECT_THAT(shaped.left_out, testing::UnorderedElementsAre(
                                   Pair("'orrery:' ranges of gemm_bf16 whose kernel multiplies TF32", 1),
                                   Pair("'orrery:' ranges of gemm_fp8 whose kernel multiplies BF16", 1)));
}

TEST(ShapedOps, BecomeRowsOfATable) {
  Program p;
  p.In("aten::_scaled_mm, sizes = [[256, 512], [512, 128], [256, 4], [4, 1]]", kFp8, 20);
  p.In("_C::rms_norm, sizes = [[64, 7168], [64, 7168], [7168], []]", kNorm, 3);
  p.In("orrery:permute rows=64 cols=7168 bytes=946176", "mine", 5);
  const CalibrationText table = CalibrationYaml(TraceMeasurement(p.Run()), "h100-sxm");
  EXPECT_EQ(table.rows, 3);
  EXPECT_THAT(table.yaml, HasSubstr("- [256, 128, 512, 1, 20.000, 1, 20.000, 20.000]"));
  EXPECT_THAT(table.yaml, HasSubstr("- [64, 7168, 1835008, 3.000, 1, 3.000, 3.000]"));
  EXPECT_THAT(table.yaml, HasSubstr("- [64, 7168, 946176, 5.000, 1, 5.000, 5.000]"));
}

TEST(ShapedOps, OfAKernelLogComeFromItsRangesOnTheLaunchingThread) {
  std::istringstream log(
      R"({"schema":"orrery-kernel-log","schema_version":1,"pid":1,"rank":-1,"world_size":0,"program":"p","device":"NVIDIA H100 80GB HBM3","compute_capability":"9.0","sms":132}
["name",1,"nvjet_qqtst_a"]
["name",2,"orrery:gemm_fp8 m=64 n=128 k=256"]
["range",2,9,1000,2000]
["launch",5,9,1500]
["launch",6,8,1500]
["kernel",1,10000,14000,0,7,5,[132,1,1],[128,1,1],0,0]
["kernel",1,20000,26000,0,7,6,[132,1,1],[128,1,1],0,0]
{"end":true,"dropped":0,"untimed":0,"undecoded":0}
)");
  const AnalysedTrace a = Analyse(ReadKernelLog(log, "log"));
  ASSERT_EQ(a.shaped.ops.size(), 1u);
  EXPECT_THAT(a.shaped.ops[0].durations_us, ElementsAre(4));
}

TEST(ShapedOps, OfAKinetoTraceComeFromInputDims) {
  std::istringstream trace(
      R"({"traceEvents":[
{"ph":"X","cat":"cpu_op","name":"aten::mm","ts":10,"dur":20,"tid":1,"args":{"Input Dims":[[64,128],[128,256]]}},
{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","ts":15,"dur":2,"tid":1,"args":{"correlation":3}},
{"ph":"X","cat":"kernel","name":"nvjet_tst_a","ts":100,"dur":5,"tid":7,"args":{"stream":7,"correlation":3,"grid":[8,1,1]}}]})");
  const AnalysedTrace a = Analyse(ReadKinetoTrace(trace, "t"));
  ASSERT_EQ(a.shaped.ops.size(), 1u);
  EXPECT_EQ(a.shaped.ops[0].shape, OpShape(GemmShape{64, 256, 128, 1}));
  EXPECT_THAT(TraceJson(a), HasSubstr("\"shape\": \"M=64 N=256 K=128\""));
  EXPECT_THAT(
      orrery::ErrorOf([&] { TraceMeasurement(a); }),
      HasSubstr(
          "t: does not say how many SMs its GPU has (in 'deviceProperties'): name the device with --device"));
  const MeasurementRun run = TraceMeasurement(a, 132);
  EXPECT_EQ(run.samples[0].sms, 132);
  EXPECT_EQ(run.device.sms, 132);
  EXPECT_EQ(run.date_utc, "not recorded") << "times count from somewhere";
}

}  // namespace
}  // namespace orrery::profiler
