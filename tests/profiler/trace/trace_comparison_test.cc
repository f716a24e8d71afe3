#include "profiler/trace/trace_comparison.h"

#include <gmock/gmock.h>

#include "tests/profiler/trace/synthetic_trace.h"

namespace orrery::profiler {
namespace {

using testing::HasSubstr;

AnalysedTrace TraceOf(const std::vector<std::pair<const char*, int>>& kernels) {
  TraceBuilder builder;
  std::int64_t at = 0;
  for (const auto& [name, us] : kernels) {
    AddLaunchedKernel(&builder, name, at, us * 1000, 1, at);
    at += us * 1000;
  }
  return Analyse(builder.Finish());
}

std::vector<AnalysedTrace> One(AnalysedTrace trace) {
  std::vector<AnalysedTrace> traces;
  traces.push_back(std::move(trace));
  return traces;
}

TEST(TraceComparison, PutsKernelsOfOneNameSideBySide) {
  const TraceComparison c =
      CompareTraces(One(TraceOf({{"nvjet_tst_a", 100}, {"nvjet_tst_a", 100}, {"old_kernel", 30}})),
                    One(TraceOf({{"nvjet_tst_a", 150}, {"new_kernel", 20}})));
  ASSERT_EQ(c.kernels.size(), 3u);
  EXPECT_EQ(c.kernels[0].name, "nvjet_tst_a") << "the largest change first";
  EXPECT_EQ(c.kernels[0].base_count, 2);
  EXPECT_EQ(c.kernels[0].new_count, 1);
  EXPECT_EQ(c.kernels[0].change_ns(), -50'000);
  EXPECT_EQ(c.kernels[1].name, "old_kernel");
  EXPECT_EQ(c.base_wall_ns, 230'000);
  EXPECT_EQ(c.new_busy_ns, 170'000);
  const std::string text = TraceComparisonText(c, 2);
  EXPECT_THAT(text,
              testing::ContainsRegex("2 +1 +0.20 +0.15 +100.0 +150.0 +-0.05 +-25.0 %  GEMM +nvjet_tst_a"));
  EXPECT_THAT(text, testing::ContainsRegex("gone +unknown +old_kernel"));
  EXPECT_THAT(text, HasSubstr("... and 1 more"));
  EXPECT_THAT(TraceComparisonJson(c), HasSubstr("\"change_us\": -50.0"));
}

TEST(TraceComparison, OfATraceWithItselfChangesNothing) {
  const auto traces = One(Analyse(SyntheticTrace().Build(2)));
  const TraceComparison c = CompareTraces(traces, traces);
  for (const TraceChange& change : c.kernels) {
    EXPECT_EQ(change.change_ns(), 0);
    EXPECT_EQ(change.base_count, change.new_count);
  }
  EXPECT_FALSE(c.kernels.empty());
}

}  // namespace
}  // namespace orrery::profiler
