#include "profiler/gate/comparison.h"

#include <cmath>

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "profiler/gate/comparison_report.h"
#include "tests/profiler/measurement/synthetic_run.h"

namespace orrery::profiler {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr Noise kQuiet{0.002, 0.003, 0, 0};

const CaseComparison& Case(const Comparison& comparison, const std::string& label) {
  for (const CaseComparison& c : comparison.cases) {
    if (c.label == label) return c;
  }
  ADD_FAILURE() << "no case " << label;
  return comparison.cases.front();
}

void Scale(MeasurementRun* run, const std::string& label, double factor) {
  for (KernelSample& s : run->samples) {
    if (s.op_label != label) continue;
    for (double& us : s.durations_us) us *= factor;
  }
}

/// The same run on a device whose limits are known.
MeasurementRun OnH100(MeasurementRun run) {
  run.device.name = "NVIDIA H100 80GB HBM3";
  return run;
}

std::string ErrorOf(const MeasurementRun& base, const MeasurementRun& next) {
  try {
    Compare(base, next, {});
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

TEST(Comparison, ARunAgainstItselfIsAllTheSame) {
  const MeasurementRun run = SyntheticRun(1, 40, 3, 30, {0.05, 0.1, 0.1, 0.1});
  const Comparison comparison = Compare(run, run, {});
  EXPECT_EQ(comparison.Count(Verdict::kSame), 40);
  EXPECT_THAT(comparison.warnings,
              testing::ElementsAre(HasSubstr("the new run holds 3 of the baseline's processes")));
}

TEST(Comparison, SaysWhichOneKernelBecameSlowerOrFaster) {
  const MeasurementRun base = SyntheticRun(1, 10, 3, 30, kQuiet);
  MeasurementRun next = SyntheticRun(2, 10, 3, 30, kQuiet);
  Scale(&next, "case 7", 1.2);
  Scale(&next, "case 5", 0.8);
  const Comparison c = Compare(base, next, {});
  EXPECT_EQ(Case(c, "case 7").verdict, Verdict::kSlower);
  EXPECT_NEAR(Case(c, "case 7").ratio, 1.2, 0.02);
  EXPECT_EQ(Case(c, "case 5").verdict, Verdict::kFaster);
  EXPECT_EQ(c.Count(Verdict::kSame), 8);
}

TEST(Comparison, AChangeBelowTheSmallestThatCountsIsTheSame) {
  const MeasurementRun base = SyntheticRun(1, 10, 3, 30, kQuiet);
  MeasurementRun next = base;
  Scale(&next, "case 9", 1.02);
  EXPECT_EQ(Case(Compare(base, next, {}), "case 9").verdict, Verdict::kSame);
  EXPECT_EQ(Case(Compare(base, next, {.min_ratio = 0.01}), "case 9").verdict, Verdict::kSlower);
}

TEST(Comparison, AChangeBelowTheFloorSaysSo) {
  const MeasurementRun base = SyntheticRun(1, 10, 3, 30, kQuiet);
  MeasurementRun next = base;
  Scale(&next, "case 0", 1.08);  // 1.6 us of 20
  const Comparison c = Compare(base, next, {});
  EXPECT_EQ(Case(c, "case 0").verdict, Verdict::kBelowFloor);
  EXPECT_THAT(Case(c, "case 0").reason, HasSubstr("+1.61 us, the floor is 2 us"));
  EXPECT_NEAR(Case(c, "case 0").counts_from, 0.1, 0.01) << "2 us of 20";
  EXPECT_TRUE(GateFailures(c).empty()) << "the floor is the user's";
  EXPECT_EQ(Case(Compare(base, next, {.min_delta_us = 0}), "case 0").verdict, Verdict::kSlower);
}

TEST(Comparison, ATailThatGrewIsNotTheSame) {
  const MeasurementRun base = SyntheticRun(1, 20, 3, 30, kQuiet);
  MeasurementRun next = SyntheticRun(2, 20, 3, 30, kQuiet);
  for (KernelSample& s : next.samples) {
    if (s.op_label != "case 15") continue;
    for (std::size_t i = 0; i < 6; ++i) s.durations_us[5 * i] *= 1.5;
  }
  const CaseComparison c = Case(Compare(base, next, {}), "case 15");
  EXPECT_EQ(c.verdict, Verdict::kUnclear);
  EXPECT_THAT(c.reason, HasSubstr("the slowest tenth of its launches from +49.9 %"));
  EXPECT_EQ(Compare(base, next, {}).Count(Verdict::kSame), 19);
}

void ScaleProcess(MeasurementRun* run, const std::string& label, int process, double factor) {
  for (KernelSample& s : run->samples) {
    if (s.op_label != label || s.process != process) continue;
    for (double& us : s.durations_us) us *= factor;
  }
}

TEST(Comparison, NoiseOfItsOwnDoesNotExcuseASlowerKernel) {
  const MeasurementRun base = SyntheticRun(1, 20, 3, 30, kQuiet);
  MeasurementRun next = SyntheticRun(2, 20, 3, 30, kQuiet);
  ScaleProcess(&next, "case 15", 1, 1.1);
  ScaleProcess(&next, "case 15", 2, 1.6);
  const CaseComparison c = Case(Compare(base, next, {}), "case 15");
  EXPECT_EQ(c.verdict, Verdict::kSlower);
  EXPECT_THAT(c.reason, HasSubstr("its processes differ by 2"));
}

TEST(Comparison, OneSlowProcessOfThreeIsNotTheSame) {
  const MeasurementRun base = SyntheticRun(1, 20, 3, 30, kQuiet);
  MeasurementRun next = SyntheticRun(2, 20, 3, 30, kQuiet);
  ScaleProcess(&next, "case 15", 1, 1.3);
  const CaseComparison c = Case(Compare(base, next, {}), "case 15");
  EXPECT_EQ(c.verdict, Verdict::kUnclear);
  EXPECT_THAT(c.reason, HasSubstr("one of the new run's 3 processes is +"));
}

TEST(Comparison, ARunNoisierThanTheBaselineIsSaidAndItsChangesAreUnclear) {
  const MeasurementRun base = SyntheticRun(1, 60, 5, 30, kQuiet);
  const Comparison c = Compare(base, SyntheticRun(2, 60, 3, 30, {.between_processes = 0.05}), {});
  EXPECT_THAT(c.warnings, testing::Contains(HasSubstr("the new run is noisier")));
  EXPECT_EQ(c.Count(Verdict::kSlower), 0);
  EXPECT_GT(c.Count(Verdict::kUnclear), 10);
  for (const CaseComparison& k : c.cases) {
    const bool moved = std::abs(k.ratio - 1) > 0.035 && std::abs(k.new_us - k.base_us) > 2;
    EXPECT_FALSE(moved && k.verdict == Verdict::kSame) << k.key << ": noise of the new run excuses nothing";
  }
}

TEST(Comparison, ABaselineTooNoisyToTellAnythingIsUnclear) {
  constexpr Noise kLoud{.between_processes = 0.2};
  const Comparison c = Compare(SyntheticRun(1, 20, 3, 30, kLoud), SyntheticRun(2, 20, 3, 30, kLoud), {});
  EXPECT_EQ(c.Count(Verdict::kSame), 0);
  EXPECT_THAT(c.cases[19].reason, HasSubstr("cannot be told"));
  EXPECT_THAT(GateFailures(c), testing::Contains("no case could be judged"));
}

TEST(Comparison, TwoProcessesOfOneErraticKernelTellNothingInFiniteNumbers) {
  MeasurementRun base = SyntheticRun(1, 1, 2, 30, kQuiet), next = SyntheticRun(2, 1, 2, 30, kQuiet);
  ScaleProcess(&base, "case 0", 1, 50);
  const CaseComparison c = Compare(base, next, {}).cases[0];
  EXPECT_EQ(c.verdict, Verdict::kUnclear);
  EXPECT_TRUE(std::isfinite(c.resolution) && std::isfinite(c.high));
}

TEST(Comparison, ACaseOfOneProcessAmongOthersHasTheirSpread) {
  MeasurementRun base = SyntheticRun(1, 20, 3, 30, kQuiet);
  std::erase_if(base.samples, [](const KernelSample& s) { return s.op_label == "case 15" && s.process > 0; });
  const Comparison c = Compare(base, SyntheticRun(2, 20, 3, 30, kQuiet), {});
  EXPECT_LT(Case(c, "case 15").base_spread, 0.01);
  EXPECT_THAT(c.warnings, testing::ElementsAre(
                              "the baseline measured 1 of its cases in some of its 3 processes only, e.g. " +
                              Case(c, "case 15").key + " in 1"));
}

TEST(Comparison, FewerLaunchesThanTheBaselinesAreNoisier) {
  constexpr Noise kLaunches{.between_processes = 0.001, .within = 0.2, .outlier_share = 0, .drift = 0};
  const MeasurementRun base = SyntheticRun(1, 30, 3, 100, kLaunches);
  const auto resolution = [&](int launches) {
    return Case(Compare(base, SyntheticRun(2, 30, 3, launches, kLaunches), {}), "case 15").resolution;
  };
  EXPECT_GT(resolution(10), 1.5 * resolution(100));
}

TEST(Comparison, ASingleCaseIsJudgedByFewDegreesOfFreedom) {
  const MeasurementRun base = SyntheticRun(1, 1, 3, 30, {}, 10);
  const CaseComparison alone = Compare(base, SyntheticRun(2, 1, 3, 30, {}, 10), {}).cases[0];
  EXPECT_GT(alone.resolution, 8 * alone.base_spread) << "three processes of one kernel say little";
}

TEST(Comparison, AClockThatFellIsNotARegression) {
  MeasurementRun base = SyntheticRun(1, 5, 3, 30, kQuiet), next = base;
  for (KernelSample& s : base.samples) s.sm_clock_mhz = 1800;
  for (KernelSample& s : next.samples) s.sm_clock_mhz = 1500;
  Scale(&next, "case 4", 1.2);
  const Comparison c = Compare(base, next, {});
  EXPECT_EQ(Case(c, "case 4").verdict, Verdict::kUnclear);
  EXPECT_THAT(Case(c, "case 4").reason, HasSubstr("SM cycles"));
}

TEST(Comparison, TooFewLaunchesAreUnclear) {
  const Comparison c = Compare(SyntheticRun(1, 3, 1, 5, kQuiet), SyntheticRun(2, 3, 1, 5, kQuiet, 2.0), {});
  EXPECT_EQ(c.Count(Verdict::kUnclear), 3);
  EXPECT_THAT(c.cases[0].reason, HasSubstr("fewer than 8 launches"));
}

TEST(Comparison, ABaselineOfOneProcessNeedsALargerChangeAndSaysSo) {
  const MeasurementRun base = SyntheticRun(1, 5, 1, 30, kQuiet);
  const Comparison c = Compare(base, SyntheticRun(2, 5, 1, 30, kQuiet, 1.12), {});
  EXPECT_EQ(c.Count(Verdict::kSlower), 0);
  EXPECT_THAT(c.warnings, testing::ElementsAre(HasSubstr("the baseline is one process")));
  EXPECT_GE(Compare(base, SyntheticRun(2, 5, 1, 30, kQuiet, 1.25), {}).Count(Verdict::kSlower), 4);
}

TEST(Comparison, AClockThatRoseHidesNothing) {
  MeasurementRun base = SyntheticRun(1, 5, 3, 30, kQuiet), next = SyntheticRun(2, 5, 3, 30, kQuiet);
  for (KernelSample& s : base.samples) s.sm_clock_mhz = 1500;
  for (KernelSample& s : next.samples) s.sm_clock_mhz = 1800;
  const Comparison c = Compare(base, next, {});
  EXPECT_EQ(Case(c, "case 4").verdict, Verdict::kUnclear);
  EXPECT_THAT(Case(c, "case 4").reason, HasSubstr("SM cycles"));
}

/// All times and the clock of every sample by a factor.
MeasurementRun AtClock(MeasurementRun run, double mhz, double time_factor) {
  for (KernelSample& s : run.samples) {
    s.sm_clock_mhz = mhz;
    for (double& us : s.durations_us) us *= time_factor;
  }
  return run;
}

/// Kernels that the memory bounds.
MeasurementRun MemoryBound(MeasurementRun run) {
  for (KernelSample& s : run.samples) {
    s.kind = OpKind::kRmsNorm;
    s.shape = RowsShape{4096, 7168};
    s.flops = {0};
  }
  return run;
}

std::vector<std::string> StrictFailures(Comparison comparison) {
  comparison.policy.strict = true;
  return GateFailures(comparison);
}

TEST(Comparison, AClockThatRoseExplainsFasterTimesOfTheSameCycles) {
  const MeasurementRun base = AtClock(SyntheticRun(1, 40, 5, 30, kQuiet), 1700, 1);
  const MeasurementRun next = AtClock(SyntheticRun(2, 40, 3, 30, kQuiet), 1700 * 1.05, 1 / 1.05);
  const Comparison c = Compare(base, next, {});
  EXPECT_THAT(StrictFailures(c), testing::IsEmpty());
  EXPECT_EQ(Case(c, "case 39").verdict, Verdict::kSame);
  EXPECT_THAT(Case(c, "case 39").reason, HasSubstr("in SM cycles")) << "it is listed";
}

TEST(Comparison, FewerCyclesInTheSameTimeHideNothing) {
  for (const double clock : {0.96, 0.975}) {
    const MeasurementRun base = AtClock(SyntheticRun(1, 40, 5, 30, kQuiet), 1700, 1);
    const MeasurementRun next = AtClock(SyntheticRun(2, 40, 3, 30, kQuiet), 1700 * clock, 1);
    EXPECT_THAT(StrictFailures(Compare(base, next, {})), testing::IsEmpty()) << clock;
    EXPECT_THAT(StrictFailures(Compare(MemoryBound(base), MemoryBound(next), {})), testing::IsEmpty());
  }
}

TEST(Comparison, AClockThatRoseHidesNothingOfAMemoryBoundKernel) {
  const MeasurementRun base = MemoryBound(AtClock(SyntheticRun(1, 40, 5, 30, kQuiet), 1700, 1));
  const MeasurementRun next = MemoryBound(AtClock(SyntheticRun(2, 40, 3, 30, kQuiet), 1700 * 1.08, 1));
  EXPECT_THAT(StrictFailures(Compare(base, next, {})), testing::IsEmpty());
}

TEST(Comparison, AClockThatFellExcusesNoKernelThatTheMemoryBounds) {
  const MeasurementRun base = MemoryBound(AtClock(SyntheticRun(1, 20, 5, 30, kQuiet), 1700, 1));
  MeasurementRun next = MemoryBound(AtClock(SyntheticRun(2, 20, 3, 30, kQuiet), 1700 * 0.934, 1));
  Scale(&next, "case 15", 1.09);
  const Comparison c = Compare(base, next, {});
  EXPECT_EQ(Case(c, "case 15").verdict, Verdict::kSlower);
  EXPECT_THAT(Case(c, "case 15").reason, HasSubstr("which the clock does not explain"));
  EXPECT_THAT(GateFailures(c), testing::ElementsAre("1 slower"));
  EXPECT_THAT(c.warnings, testing::Contains("SM clock: 1700 MHz against 1588 MHz (-6.6 %)"));
}

TEST(Comparison, AClockThatFellAndSlowedAllAlikeIsNoRegressionOfAny) {
  const MeasurementRun base = AtClock(SyntheticRun(1, 40, 5, 30, kQuiet), 1700, 1);
  MeasurementRun next = AtClock(SyntheticRun(2, 40, 3, 30, kQuiet), 1700 / 1.08, 1.08);
  for (const Comparison& c : {Compare(base, next, {}), Compare(MemoryBound(base), MemoryBound(next), {})}) {
    EXPECT_EQ(c.Count(Verdict::kSlower) + c.Count(Verdict::kUnclear), 0);
    EXPECT_EQ(Case(c, "case 39").verdict, Verdict::kSame);
    EXPECT_THAT(Case(c, "case 39").reason, HasSubstr("in SM cycles")) << "it is listed";
  }
  Scale(&next, "case 35", 1.1);
  EXPECT_EQ(Case(Compare(base, next, {}), "case 35").verdict, Verdict::kSlower) << "more than the others";
}

TEST(Comparison, AClockThatFellForOneKernelAloneLeavesItUnclear) {
  const MeasurementRun base = AtClock(SyntheticRun(1, 40, 5, 30, kQuiet), 1700, 1);
  MeasurementRun next = AtClock(SyntheticRun(2, 40, 3, 30, kQuiet), 1700, 1);
  for (KernelSample& s : next.samples) {
    if (s.op_label == "case 35") s.sm_clock_mhz = 1700 / 1.08;
  }
  Scale(&next, "case 35", 1.08);
  EXPECT_EQ(Case(Compare(base, next, {}), "case 35").verdict, Verdict::kUnclear) << "it may draw more power";
}

TEST(Comparison, AClockThatSlowedNoneOfTheOthersExcusesNone) {
  const MeasurementRun base = AtClock(SyntheticRun(1, 40, 5, 30, kQuiet), 1700, 1);
  MeasurementRun next = AtClock(SyntheticRun(2, 40, 3, 30, kQuiet), 1700 / 1.08, 1);
  Scale(&next, "case 35", 1.08);
  EXPECT_EQ(Case(Compare(base, next, {}), "case 35").verdict, Verdict::kSlower);
}

TEST(Comparison, ATailThatGrewBeyondTheClockIsUnclear) {
  const MeasurementRun base = AtClock(SyntheticRun(1, 40, 5, 30, kQuiet), 1700, 1);
  MeasurementRun next = AtClock(SyntheticRun(2, 40, 3, 30, kQuiet), 1700 / 1.08, 1.08);
  for (KernelSample& s : next.samples) {
    if (s.op_label != "case 35") continue;
    for (std::size_t i = 0; i < 6; ++i) s.durations_us[5 * i] *= 1.5;
  }
  const Comparison c = Compare(base, next, {});
  EXPECT_EQ(Case(c, "case 35").verdict, Verdict::kUnclear);
  EXPECT_THAT(Case(c, "case 35").reason, HasSubstr("the slowest tenth of its launches"));
}

TEST(Comparison, WhatBoundsAKernelIsTakenFromTheDataSheetWhereTheDeviceIsKnown) {
  MeasurementRun base = OnH100(AtClock(SyntheticRun(1, 20, 5, 30, kQuiet, 10), 1700, 1));
  MeasurementRun next = OnH100(AtClock(SyntheticRun(2, 20, 3, 30, kQuiet, 10), 1700 / 1.07, 1.07));
  for (MeasurementRun* run : {&base, &next}) {
    for (KernelSample& s : run->samples) {
      if (s.op_label == "case 15") s.shape = GemmShape{8, 7168, 4096, 1};  // a few tokens: reads its weights
    }
  }
  const Comparison c = Compare(base, next, {});
  EXPECT_EQ(Case(c, "case 15").verdict, Verdict::kSlower);
  EXPECT_EQ(Case(c, "case 17").verdict, Verdict::kSame);
}

TEST(Comparison, MissingAndAddedCasesAreListed) {
  MeasurementRun base = SyntheticRun(1, 3, 1, 10, kQuiet), next = base;
  std::erase_if(next.samples, [](const KernelSample& s) { return s.op_label == "case 1"; });
  KernelSample extra = next.samples[0];
  extra.op_label = "new kernel";
  next.samples.push_back(extra);
  const Comparison c = Compare(base, next, {});
  EXPECT_EQ(Case(c, "case 1").verdict, Verdict::kMissing);
  EXPECT_EQ(Case(c, "new kernel").verdict, Verdict::kAdded);
}

TEST(Comparison, RefusesOtherDevicesDriversAndCudaUnlessForced) {
  const MeasurementRun base = SyntheticRun(1, 2, 1, 10, kQuiet);
  MeasurementRun next = base;
  next.device.name = "NVIDIA Other";
  EXPECT_THAT(ErrorOf(base, next), HasSubstr("device: 'NVIDIA Test' against 'NVIDIA Other'"));
  next = base;
  next.driver = "590.1";
  EXPECT_THAT(ErrorOf(base, next), HasSubstr("driver: '580.00' against '590.1'"));
  next = base;
  next.cuda_runtime = "12.8";
  EXPECT_THAT(ErrorOf(base, next), HasSubstr("--force"));
  const Comparison forced = Compare(base, next, {.force = true});
  EXPECT_THAT(forced.warnings, testing::Contains(HasSubstr("forced comparison: CUDA runtime")));
}

TEST(Comparison, RunsWithoutASharedCaseCannotBeCompared) {
  MeasurementRun next = SyntheticRun(1, 1, 1, 10, kQuiet);
  next.samples[0].op_label = "another";
  EXPECT_THAT(ErrorOf(SyntheticRun(1, 1, 1, 10, kQuiet), next), HasSubstr("share no case"));
}

TEST(Comparison, WarnsWhenAKernelBecameLessExact) {
  const MeasurementRun base = SyntheticRun(1, 1, 1, 10, kQuiet);
  MeasurementRun next = base;
  next.samples[0].reference_error = 4e-3;
  EXPECT_THAT(Compare(base, next, {}).warnings, testing::Contains(HasSubstr("less exact: case 0")));
}

TEST(Comparison, AKernelNoLongerCheckedIsUnclearUnlessItFailsAnyhow) {
  const MeasurementRun base = SyntheticRun(1, 10, 3, 30, kQuiet);
  MeasurementRun next = SyntheticRun(2, 10, 3, 30, kQuiet);
  Scale(&next, "case 5", 0.1);
  Scale(&next, "case 7", 1.3);
  for (KernelSample& s : next.samples) {
    if (s.op_label != "case 9") s.reference_error.reset();
  }
  Comparison c = Compare(base, next, {});
  EXPECT_EQ(Case(c, "case 5").verdict, Verdict::kUnclear);
  EXPECT_EQ(Case(c, "case 5").reason, "no longer checked against a reference");
  EXPECT_EQ(Case(c, "case 7").verdict, Verdict::kSlower);
  EXPECT_EQ(Case(c, "case 9").verdict, Verdict::kSame);
  c.policy.strict = true;
  EXPECT_THAT(GateFailures(c), testing::ElementsAre("1 slower", "8 unclear"));
}

TEST(Comparison, ATimeThatTheDeviceCannotReachFails) {
  const MeasurementRun base = OnH100(SyntheticRun(1, 10, 3, 30, kQuiet, 10));
  MeasurementRun next = OnH100(SyntheticRun(2, 10, 3, 30, kQuiet, 10));
  Scale(&next, "case 5", 1e-5);
  const Comparison c = Compare(base, next, {});
  EXPECT_EQ(Case(c, "case 5").verdict, Verdict::kImpossible);
  EXPECT_THAT(Case(c, "case 5").reason, HasSubstr("over 1.25 times the 1978 TFLOPS of 132 SMs of h100-sxm"));
  EXPECT_THAT(GateFailures(c), testing::ElementsAre("1 impossible"));
  const Comparison back = Compare(next, base, {});
  EXPECT_EQ(Case(back, "case 5").verdict, Verdict::kUnclear) << "nothing is known of what it was";
  EXPECT_THAT(Case(back, "case 5").reason, HasSubstr("the baseline's time cannot be"));
  EXPECT_EQ(Compare(next, next, {}).Count(Verdict::kSame), 10);
  MeasurementRun sliced = base, sliced_next = next;
  sliced.device.sms = sliced_next.device.sms = 114;
  EXPECT_EQ(Compare(sliced, sliced_next, {}).Count(Verdict::kImpossible), 0) << "another board of that name";
}

TEST(Comparison, AKernelThatComputesSomethingElseFails) {
  const MeasurementRun base = SyntheticRun(1, 3, 3, 10, kQuiet);
  MeasurementRun next = base;
  next.samples[0].reference_error = 1e-1;
  const Comparison c = Compare(base, next, {});
  EXPECT_EQ(c.cases[0].verdict, Verdict::kInexact);
  EXPECT_THAT(GateFailures(c), testing::ElementsAre("1 inexact"));
}

TEST(Comparison, SaysWhatElseMayExplainAChange) {
  MeasurementRun base = SyntheticRun(1, 3, 3, 10, kQuiet);
  base.clocks = {1755, 2619, 1980, 2619, "none", 600};
  MeasurementRun next = SyntheticRun(2, 3, 3, 10, kQuiet);
  next.libraries = {{"cublasLt", "13.2.0.9"}, {"cudnn", "9.21"}};
  next.clocks = {1500, 1593, 1980, 2619, "software power cap", 700};
  next.cupti = "";
  EXPECT_THAT(Compare(base, next, {}).warnings,
              testing::ElementsAre("library cublasLt: 13.1.0.3 against 13.2.0.9",
                                   "library cudnn: absent against 9.21",
                                   "times come from another CUPTI: 130001 against CUDA events",
                                   "SM clock: 1755 MHz against 1500 MHz (-14.5 %)",
                                   "memory clock: 2619 MHz against 1593 MHz (-39.2 %)",
                                   "throttling: none against software power cap"));
}

/// One slower, one missing, one unclear, one same.
Comparison Mixed() {
  MeasurementRun base = SyntheticRun(1, 4, 3, 30, kQuiet), next = SyntheticRun(2, 4, 3, 30, kQuiet);
  for (KernelSample& s : base.samples) s.op_label += " <a|b> & \"c\"";
  for (KernelSample& s : next.samples) s.op_label += " <a|b> & \"c\"";
  Scale(&next, "case 3 <a|b> & \"c\"", 1.5);
  std::erase_if(next.samples, [](const KernelSample& s) { return s.op_label.starts_with("case 2"); });
  Comparison c = Compare(base, next, {});
  c.cases[0].verdict = Verdict::kUnclear;
  c.cases[0].reason = "clock: +5 %, say";
  return c;
}

TEST(ComparisonReport, TextShowsWhatChangedFirst) {
  const std::string text = ComparisonText(Mixed());
  EXPECT_LT(text.find("slower "), text.find("missing "));
  EXPECT_LT(text.find("missing "), text.find("unclear "));
  EXPECT_THAT(
      text,
      HasSubstr(
          "4 cases on NVIDIA Test: 1 same, 1 slower, 1 missing, 1 unclear\nfailed: 1 slower, 1 missing\n"));
  EXPECT_THAT(text, Not(HasSubstr("\nsame")));
  EXPECT_THAT(ComparisonText(Mixed(), {.all = true}), HasSubstr("\nsame"));
}

TEST(ComparisonReport, JUnitCountsAndEscapes) {
  const std::string xml = ComparisonJUnit(Mixed());
  EXPECT_THAT(xml, HasSubstr("tests=\"4\" failures=\"2\" skipped=\"1\""));
  EXPECT_THAT(xml, HasSubstr("case 3 &lt;a|b&gt; &amp; &quot;c&quot;"));
  EXPECT_THAT(xml, HasSubstr("<failure message=\"slower: "));
  EXPECT_THAT(xml, Not(HasSubstr("<a|b>")));
}

TEST(ComparisonReport, MarkdownShowsNamesAsTheyAre) {
  Comparison comparison = Mixed();
  const std::string markdown = ComparisonMarkdown(comparison);
  EXPECT_THAT(markdown, HasSubstr("### Kernel times: failed: 1 slower, 1 missing\n"));
  EXPECT_THAT(markdown, HasSubstr("\\<a\\|b\\> \\& \"c\""));
  comparison.cases[0].key = "![x](y) *a* _b_ `c` $d$ ~e~ <img>\n\n# f \xe2\x80\xaeg";
  EXPECT_THAT(ComparisonMarkdown(comparison),
              HasSubstr(R"(\!\[x\](y) \*a\* \_b\_ \`c\` \$d\$ \~e\~ \<img\>\\n\\n\# f \\u202eg)"));
}

TEST(ComparisonReport, ControlCharactersInLabelsAreEscapedEverywhere) {
  Comparison comparison = Mixed();
  for (CaseComparison& c : comparison.cases) c.key = c.label = "a\nb\x1b[2J\\|";
  comparison.warnings = {"x\ny"};
  for (const std::string& text : {ComparisonText(comparison), ComparisonMarkdown(comparison),
                                  ComparisonGithub(comparison), ComparisonJUnit(comparison)}) {
    EXPECT_THAT(text, Not(HasSubstr("a\nb")));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, Not(HasSubstr("x\ny")));
  }
  EXPECT_THAT(ComparisonText(comparison), HasSubstr("a\\nb\\x1b[2J"));
  EXPECT_THAT(ComparisonMarkdown(comparison), HasSubstr("a\\\\nb\\\\x1b\\[2J\\\\\\|"));
}

TEST(ComparisonReport, GithubAnnotationsEscapePercentAndColon) {
  const std::string text = ComparisonGithub(Mixed());
  EXPECT_THAT(text, testing::StartsWith("::error title=orrery profile::failed: 1 slower, 1 missing\n"));
  EXPECT_THAT(text, HasSubstr("::error title=slower%3A case 3"));
  EXPECT_THAT(text, HasSubstr("+5 %25, say"));
  EXPECT_THAT(text, HasSubstr("::error title=missing%3A case 2"));
}

TEST(ComparisonReport, JsonCarriesVerdictsAndUnits) {
  const std::string json = ComparisonJson(Mixed());
  EXPECT_THAT(json, HasSubstr("\"schema_version\": 2"));
  EXPECT_THAT(json, HasSubstr("\"passed\": false"));
  EXPECT_THAT(json, HasSubstr("\"slower\": 1"));
  EXPECT_THAT(json, HasSubstr("\"base_us\":"));
}

}  // namespace
}  // namespace orrery::profiler
