#include "profiler/gate/repeats.h"

#include <algorithm>

#include <gmock/gmock.h>

#include "tests/profiler/measurement/synthetic_run.h"

namespace orrery::profiler {
namespace {

TEST(Repeats, RunsMeasuredTwiceShareNothing) {
  EXPECT_EQ(RepeatedProcesses(SyntheticRun(1, 10, 3, 30, {}), SyntheticRun(2, 10, 3, 30, {})), 0);
}

TEST(Repeats, NeitherOrderNorNumberingNorASampleLeftOutMakesAMeasurement) {
  const MeasurementRun run = SyntheticRun(1, 10, 3, 30, {});
  MeasurementRun copy = run;
  std::reverse(copy.samples.begin(), copy.samples.end());
  copy.samples.pop_back();
  for (KernelSample& sample : copy.samples) {
    sample.process = 2 - sample.process;
    std::reverse(sample.durations_us.begin(), sample.durations_us.end());
  }
  EXPECT_EQ(RepeatedProcesses(copy, run), 3);
}

TEST(Repeats, OneProcessOfTheBaselineAmongNewOnesIsSeen) {
  const MeasurementRun base = SyntheticRun(1, 10, 3, 30, {});
  MeasurementRun next = SyntheticRun(2, 10, 3, 30, {});
  for (KernelSample sample : base.samples) {
    if (sample.process != 1) continue;
    sample.process = 7;
    next.samples.push_back(sample);
  }
  EXPECT_EQ(RepeatedProcesses(next, base), 1);
  EXPECT_THAT(RepeatWarnings(base, next),
              testing::ElementsAre(testing::HasSubstr("holds 1 of the baseline's")));
}

TEST(Repeats, FewEqualTimesAreChance) {
  const MeasurementRun base = SyntheticRun(1, 10, 1, 30, {});
  MeasurementRun next = SyntheticRun(2, 10, 1, 30, {});
  for (std::size_t i = 0; i < 4; ++i) next.samples[i].durations_us = base.samples[i].durations_us;
  EXPECT_EQ(RepeatedProcesses(next, base), 0)
      << "short kernels take a few ticks of the clock that times them";
}

TEST(Repeats, ACaseOfOneProcessOfThreeIsSaid) {
  const MeasurementRun base = SyntheticRun(1, 10, 3, 30, {});
  MeasurementRun next = SyntheticRun(2, 10, 3, 30, {});
  std::erase_if(next.samples, [](const auto& s) { return s.op_label == "case 4" && s.process > 0; });
  EXPECT_THAT(
      RepeatWarnings(base, next),
      testing::ElementsAre(testing::MatchesRegex(
          "the new run measured 1 of its cases in some of its 3 processes only, e.g. case 4.* in 1")));
}

}  // namespace
}  // namespace orrery::profiler
