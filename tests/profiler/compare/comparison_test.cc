#include "profiler/compare/comparison.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "profiler/compare/comparison_report.h"
#include "tests/profiler/synthetic_run.h"

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
  EXPECT_TRUE(comparison.warnings.empty());
}

// The rates docs/profiling.md states. 2000 pairs of cases: two runs of one distribution with processes that
// differ by 1 %, a warm-up drift of 1 %, 2 % outliers and a floor with a tail.
TEST(Comparison, RarelyCallsTwoRunsOfOneBuildDifferent) {
  int alarms = 0, same = 0, cases = 0;
  for (std::uint64_t i = 0; i < 20; ++i) {
    const Comparison c =
        Compare(SyntheticRun(2 * i + 1, 100, 3, 30, {}), SyntheticRun(2 * i + 2, 100, 3, 30, {}), {});
    alarms += c.Count(Verdict::kSlower) + c.Count(Verdict::kFaster);
    same += c.Count(Verdict::kSame);
    cases += 100;
  }
  RecordProperty("alarms_per_2000", alarms);
  EXPECT_LE(alarms, cases / 200) << "at most 0.5 % of cases";
  EXPECT_GE(same, cases * 98 / 100);
}

TEST(Comparison, ARetryMakesFalseAlarmsVanish) {
  constexpr Noise kLoud{0.03, 0.02, 0.05, 0.02};
  int alarms = 0;
  for (std::uint64_t i = 0; i < 10; ++i) {
    const MeasurementRun base = SyntheticRun(3 * i + 1, 100, 3, 30, kLoud);
    Comparison c = Compare(base, SyntheticRun(3 * i + 2, 100, 3, 30, kLoud), {});
    ConfirmWith(Compare(base, SyntheticRun(3 * i + 3, 100, 3, 30, kLoud), {}), &c);
    alarms += c.Count(Verdict::kSlower) + c.Count(Verdict::kFaster);
  }
  EXPECT_LE(alarms, 2) << "of 1000 cases";
}

TEST(Comparison, FindsATenPercentSlowdownOfKernelsLongEnough) {
  int slower = 0;
  for (std::uint64_t i = 0; i < 5; ++i) {
    const Comparison c =
        Compare(SyntheticRun(2 * i + 1, 100, 3, 30, {}), SyntheticRun(2 * i + 2, 100, 3, 30, {}, 1.10), {});
    slower += c.Count(Verdict::kSlower);
    EXPECT_EQ(c.Count(Verdict::kFaster), 0);
  }
  EXPECT_GE(slower, 450) << "of 500";
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

TEST(Comparison, AChangeBelowTheMinimumIsTheSame) {
  const MeasurementRun base = SyntheticRun(1, 10, 3, 30, kQuiet);
  MeasurementRun next = base;
  Scale(&next, "case 9", 1.02);  // 2 % of a long kernel
  Scale(&next, "case 0", 1.08);  // 8 %, but 1.6 us, of a short one
  const Comparison c = Compare(base, next, {});
  EXPECT_EQ(Case(c, "case 9").verdict, Verdict::kSame);
  EXPECT_EQ(Case(c, "case 0").verdict, Verdict::kSame);
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

TEST(Comparison, OneProcessNeedsALargerChange) {
  const MeasurementRun base = SyntheticRun(1, 5, 1, 30, kQuiet);
  EXPECT_EQ(Compare(base, SyntheticRun(2, 5, 1, 30, kQuiet, 1.06), {}).Count(Verdict::kSlower), 0);
  EXPECT_GE(Compare(base, SyntheticRun(2, 5, 1, 30, kQuiet, 1.15), {}).Count(Verdict::kSlower), 4);
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
  EXPECT_THAT(forced.warnings, testing::ElementsAre(HasSubstr("forced comparison: CUDA runtime")));
}

TEST(Comparison, RunsWithoutASharedCaseCannotBeCompared) {
  MeasurementRun next = SyntheticRun(1, 1, 1, 10, kQuiet);
  next.samples[0].op_label = "another";
  EXPECT_THAT(ErrorOf(SyntheticRun(1, 1, 1, 10, kQuiet), next), HasSubstr("share no case"));
}

TEST(Comparison, WarnsWhenAKernelBecameLessExact) {
  const MeasurementRun base = SyntheticRun(1, 1, 1, 10, kQuiet);
  MeasurementRun next = base;
  next.samples[0].reference_error = 5e-2;
  EXPECT_THAT(Compare(base, next, {}).warnings, testing::ElementsAre(HasSubstr("less exact: case 0")));
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
  EXPECT_THAT(text, HasSubstr("4 cases on NVIDIA Test: 1 same, 1 slower, 1 unclear, 1 missing"));
  EXPECT_THAT(text, Not(HasSubstr("\nsame")));
  EXPECT_THAT(ComparisonText(Mixed(), {.all = true}), HasSubstr("\nsame"));
}

TEST(ComparisonReport, JUnitCountsAndEscapes) {
  const std::string xml = ComparisonJUnit(Mixed());
  EXPECT_THAT(xml, HasSubstr("tests=\"4\" failures=\"1\" skipped=\"2\""));
  EXPECT_THAT(xml, HasSubstr("case 3 &lt;a|b&gt; &amp; &quot;c&quot;"));
  EXPECT_THAT(xml, HasSubstr("<failure message=\"slower: "));
  EXPECT_THAT(xml, Not(HasSubstr("<a|b>")));
}

TEST(ComparisonReport, MarkdownEscapesTheBarsOfItsTable) {
  const std::string markdown = ComparisonMarkdown(Mixed());
  EXPECT_THAT(markdown, HasSubstr("### Kernel times: slower"));
  EXPECT_THAT(markdown, HasSubstr("<a\\|b>"));
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
  EXPECT_THAT(ComparisonMarkdown(comparison), HasSubstr("a\\\\nb\\\\x1b[2J\\\\\\|"));
}

TEST(ComparisonReport, GithubAnnotationsEscapePercentAndColon) {
  const std::string text = ComparisonGithub(Mixed());
  EXPECT_THAT(text, HasSubstr("::error title=slower%3A case 3"));
  EXPECT_THAT(text, HasSubstr("+5 %25, say"));
  EXPECT_THAT(text, HasSubstr("::warning title=missing%3A case 2"));
}

TEST(ComparisonReport, JsonCarriesVerdictsAndUnits) {
  const std::string json = ComparisonJson(Mixed());
  EXPECT_THAT(json, HasSubstr("\"schema_version\": 1"));
  EXPECT_THAT(json, HasSubstr("\"slower\": 1"));
  EXPECT_THAT(json, HasSubstr("\"base_us\":"));
}

}  // namespace
}  // namespace orrery::profiler
