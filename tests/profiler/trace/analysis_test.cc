// What a trace says of overlap, steps, phases and types, on traces written by hand.
#include "profiler/trace/analysis.h"

#include <gmock/gmock.h>

#include "profiler/trace/remarks.h"
#include "profiler/trace/trace_report.h"
#include "tests/profiler/trace/synthetic_trace.h"

namespace orrery::profiler {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kGemm = "nvjet_tst_128x128_64x4_2x1_v_bz_TNT";
constexpr const char* kAllReduce =
    "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)";

/// Kernels and annotations in microseconds.
class Builder {
 public:
  Builder& Kernel(const char* name, int start_us, int us, std::uint64_t stream = 7, int cpu_us = -1,
                  int thread = 1) {
    GpuEvent& e = AddLaunchedKernel(&builder_, name, start_us * 1000, us * 1000, thread,
                                    (cpu_us < 0 ? start_us : cpu_us) * 1000);
    e.stream = stream;
    return *this;
  }
  Builder& Annotation(const char* name, int start_us, int us, int thread = 1) {
    builder_.trace().annotations.push_back({thread, start_us * 1000, us * 1000, builder_.Intern(name), 0});
    return *this;
  }
  Builder& Device(const char* name) {
    builder_.trace().info.devices = {{0, name, "9.0", 132, 0}};
    return *this;
  }
  AnalysedTrace Analysed() { return Analyse(builder_.Finish()); }
  TraceSummary Summary() { return Analysed().summary; }

 private:
  TraceBuilder builder_;
};

TEST(Overlap, CommunicationOnAComputeStreamHidesNothingOfItself) {
  const TraceSummary s =
      Builder().Kernel(kGemm, 0, 100).Kernel(kAllReduce, 100, 60).Kernel(kGemm, 160, 100).Summary();
  EXPECT_EQ(s.compute_busy_ns, 200'000);
  EXPECT_EQ(s.payload.busy_ns, 60'000);
  EXPECT_EQ(s.payload.exposed_ns(), 60'000);
  EXPECT_EQ(s.idle_ns, 0) << "communicating is not idling";
}

TEST(Overlap, ComputeOnACommunicationStreamIsCompute) {
  const TraceSummary s = Builder()
                             .Kernel(kAllReduce, 0, 100, 27)
                             .Kernel("void vllm::rms_norm_kernel<c10::BFloat16>(int)", 100, 10, 27)
                             .Kernel(kAllReduce, 90, 50, 30)
                             .Summary();
  EXPECT_EQ(s.compute_busy_ns, 10'000);
  EXPECT_EQ(s.payload.overlapped_ns, 10'000) << "beside the norm";
}

TEST(Overlap, CopiesOverTheBusHideNothingAndCopiesBetweenGpusAreCommunication) {
  const TraceSummary s = Builder()
                             .Kernel(kAllReduce, 0, 100)
                             .Kernel("Memcpy DtoH (Device -> Pinned)", 0, 100, 30)
                             .Kernel("Memcpy PtoP (Device -> Device)", 200, 50, 31)
                             .Kernel(kGemm, 220, 100)
                             .Summary();
  EXPECT_EQ(s.compute_busy_ns, 100'000);
  EXPECT_EQ(s.payload.busy_ns, 150'000);
  EXPECT_EQ(s.payload.exposed_ns(), 120'000);
  EXPECT_EQ(s.idle_ns, 100'000);
}

TEST(Streams, HandlesOf64BitsAreStreamsOfTheirOwn) {
  const std::uint64_t a = 0x7f0000001000, b = 0x7f0000002000, c = ~std::uint64_t{0} - 5;
  const TraceSummary s =
      Builder().Kernel(kGemm, 0, 10, a).Kernel(kGemm, 0, 10, b).Kernel(kGemm, 0, 10, c).Summary();
  ASSERT_EQ(s.streams.size(), 3u);
  EXPECT_EQ(s.streams[0].stream, a);
  EXPECT_EQ(s.streams[1].stream, b);
  EXPECT_EQ(s.streams[2].stream, c);
}

TEST(Phases, HaveTheTimeInWhichTheyWorkedBesideTheirSpan) {
  const TraceSummary s = Builder()
                             .Annotation("decode_step", 0, 10'000)
                             .Kernel(kGemm, 10, 100)
                             .Kernel(kGemm, 8000, 100)
                             .Summary();
  ASSERT_EQ(s.phases.size(), 1u);
  EXPECT_THAT(s.phases[0].work_ns, ElementsAre(200'000));
  EXPECT_THAT(s.phases[0].span_ns, ElementsAre(8'090'000));
}

TEST(Phases, HoldWhatAnnotationsInsideThemLaunched) {
  const TraceSummary s = Builder()
                             .Annotation("forward", 0, 100)
                             .Annotation("attn", 10, 30)
                             .Annotation("mlp", 50, 30)
                             .Kernel(kGemm, 200, 20, 7, 15)
                             .Kernel(kGemm, 230, 30, 7, 55)
                             .Kernel(kGemm, 270, 5, 7, 90)
                             .Summary();
  ASSERT_EQ(s.phases.size(), 3u);
  EXPECT_EQ(s.phases[0].name, "forward");
  EXPECT_TRUE(s.phases[0].outer);
  EXPECT_THAT(s.phases[0].work_ns, ElementsAre(55'000));
  EXPECT_EQ(s.phases[1].name, "attn");
  EXPECT_THAT(s.phases[1].work_ns, ElementsAre(20'000));
  EXPECT_FALSE(s.phases[1].outer);
}

TEST(Phases, ThatAreNumberedAreOccurrencesOfOne) {
  const TraceSummary s = Builder()
                             .Annotation("decode #1", 0, 10)
                             .Annotation("decode #2", 20, 10)
                             .Kernel(kGemm, 1, 5)
                             .Kernel(kGemm, 21, 7)
                             .Summary();
  ASSERT_EQ(s.phases.size(), 1u);
  EXPECT_EQ(s.phases[0].name, "decode");
  EXPECT_THAT(s.phases[0].work_ns, ElementsAre(5'000, 7'000));
}

TEST(Phases, ThatDifferAtTheirEndsAreToldApart) {
  Builder b;
  b.Annotation("execute_context_0(0)_generation_8(8)", 0, 10).Kernel(kGemm, 1, 5);
  b.Annotation("execute_context_0(0)_generation_16(16)", 20, 10).Kernel(kGemm, 21, 7);
  b.Annotation(std::string(5000, 'x').c_str(), 40, 10).Kernel(kGemm, 41, 7);
  const std::string text = TraceText(b.Analysed());
  EXPECT_THAT(text, HasSubstr("\nexecute_context_0(0)_generation_8(8) "));
  EXPECT_THAT(text, HasSubstr("\nexecute_context_0(0)_generation_16(16) "));
  EXPECT_THAT(text, HasSubstr("xxx... (5000 bytes) "));
}

Builder ThreeSteps() {
  Builder b;
  for (int step = 0; step < 3; ++step) {
    const int at = 3000 * step;
    b.Annotation(step == 0   ? "ProfilerStep#7"
                 : step == 1 ? "ProfilerStep#8"
                             : "ProfilerStep#9",
                 at, 2900)
        .Annotation("forward", at + 100, 1000)
        .Kernel(kGemm, at + 200, 500, 7, at + 150)
        .Kernel(kGemm, at + 800, 600, 7, at + 1500, /*thread=*/9)  // backward, from autograd's thread
        .Kernel(kAllReduce, at + 1300, 400, 27, at + 1600, 9);
  }
  return b;
}

TEST(Steps, AreOccurrencesWithAllThatWasLaunchedInTheirTime) {
  const TraceSummary s = ThreeSteps().Kernel(kGemm, 9000, 10, 7, 8950).Summary();
  ASSERT_TRUE(s.steps);
  EXPECT_EQ(s.steps->name, "ProfilerStep");
  EXPECT_THAT(s.steps->PeriodsNs(), ElementsAre(3'000'000, 3'000'000));
  EXPECT_THAT(s.steps->compute_ns, ElementsAre(1'100'000, 1'100'000, 1'100'000));
  EXPECT_THAT(s.steps->communication_ns, ElementsAre(400'000, 400'000, 400'000));
  EXPECT_THAT(s.steps->work_ns, ElementsAre(1'400'000, 1'400'000, 1'400'000));
  EXPECT_EQ(s.steps->outside, 1) << "launched behind the last";
  EXPECT_FALSE(s.layers) << "what comes once a step is no layer";
  for (const Phase& phase : s.phases) EXPECT_THAT(phase.name, testing::Not(HasSubstr("ProfilerStep")));
}

TEST(Steps, ArePrintedWithTheirPeriod) {
  const std::string text = TraceText(ThreeSteps().Analysed());
  EXPECT_THAT(text, HasSubstr("3 steps (ProfilerStep), 3.00 ms from start to start (median)"));
  EXPECT_THAT(text, HasSubstr("1.40 (1.40 1.40 1.40) ms a step"));
  EXPECT_THAT(TraceJson(ThreeSteps().Analysed()), HasSubstr("\"period_median_us\": 3000.0"));
}

TEST(Steps, OfOneThereIsNoPeriod) {
  const AnalysedTrace a = Builder().Annotation("ProfilerStep#1", 0, 100).Kernel(kGemm, 10, 5).Analysed();
  ASSERT_TRUE(a.summary.steps);
  EXPECT_THAT(a.summary.steps->PeriodsNs(), IsEmpty());
  EXPECT_THAT(TraceText(a), testing::Not(HasSubstr("from start to start")));
}

TEST(Types, OfTensorCoreKernelsAreCountedUnknownOnesToo) {
  const AnalysedTrace a = Builder()
                              .Kernel(kGemm, 0, 100)
                              .Kernel("ampere_sgemm_128x64_tn", 100, 50)
                              .Kernel("fused_moe_kernel", 150, 30)
                              .Kernel("fused_moe_kernel", 180, 30)
                              .Analysed();
  ASSERT_EQ(a.summary.types.size(), 3u);
  EXPECT_EQ(a.summary.types[0].type, ElementType::kBf16);
  EXPECT_EQ(a.summary.types[1].type, ElementType::kUnknown);
  EXPECT_EQ(a.summary.types[1].count, 2);
  EXPECT_EQ(a.summary.types[2].type, ElementType::kFp32);
  EXPECT_THAT(TraceText(a), testing::ContainsRegex("GEMM +unknown +2 +0.06"));
}

TEST(RemarksOfATrace, NameUnknownKernelsAndTheirShare) {
  const AnalysedTrace a =
      Builder().Kernel(kGemm, 0, 80).Kernel("void lib::mystery<int>(int)", 80, 20).Analysed();
  EXPECT_THAT(Remarks(a), ElementsAre(testing::AllOf(HasSubstr("1 of 2 kernel names are in no row"),
                                                     HasSubstr("20.0 % of GPU time: lib::mystery"))));
  EXPECT_THAT(TraceText(a), testing::ContainsRegex("unknown +1 +0.02 +20.0 %"));
}

TEST(RemarksOfATrace, SayWhatIsThereTwice) {
  Builder b;
  for (int i = 0; i < 3; ++i)
    b.Kernel(kGemm, 100 * i, 50).Kernel(kGemm, 100 * i, 50).Kernel(kGemm, 100 * i, 60);
  EXPECT_THAT(Remarks(b.Analysed()), Contains(HasSubstr("3 GPU events are there twice")));
  EXPECT_THAT(Remarks(Builder().Kernel(kGemm, 0, 50, 7).Kernel(kGemm, 0, 50, 8).Analysed()), IsEmpty());
}

TEST(RemarksOfATrace, SayWhatIsFasterThanTheDevice) {
  const auto with = [](int us) {
    return Remarks(Builder()
                       .Device("NVIDIA H100 80GB HBM3")
                       .Annotation("orrery:gemm_bf16 m=4096 n=4096 k=4096", 0, 10)
                       .Kernel(kGemm, 5, us)
                       .Analysed());
  };
  EXPECT_THAT(with(150), IsEmpty()) << "916 of 989 TFLOPS";
  EXPECT_THAT(with(8),
              ElementsAre(testing::AllOf(HasSubstr("would run at 17180 TFLOPS, over 1.25 times the 989"),
                                         testing::Not(HasSubstr("operations are")))));
}

TEST(RemarksOfATrace, SayWhatIsAThousandTimesTooSlow) {
  const auto with = [](int us) {
    return Remarks(Builder()
                       .Device("NVIDIA H100 80GB HBM3")
                       .Annotation("orrery:gemm_bf16 m=4096 n=4096 k=4096", 0, 10)
                       .Kernel(kGemm, 5, us)
                       .Analysed());
  };
  EXPECT_THAT(with(200), IsEmpty());
  EXPECT_THAT(with(20'000), IsEmpty()) << "slow, and possible";
  EXPECT_THAT(with(250'000), ElementsAre(HasSubstr("are its times in another unit?")));
  Builder nanoseconds;
  for (int i = 0; i < 100; ++i) nanoseconds.Kernel(kGemm, 5000 * i, 2000 + i);
  EXPECT_THAT(Remarks(nanoseconds.Analysed()),
              ElementsAre(HasSubstr("the shortest of 100 kernels takes 2.00 ms")));
}

}  // namespace
}  // namespace orrery::profiler
