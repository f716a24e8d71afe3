// What passes a gate and what does not.
#include <gmock/gmock.h>

#include "profiler/gate/comparison.h"
#include "profiler/gate/comparison_report.h"

namespace orrery::profiler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// One case for each verdict, named "0", "1", ...
Comparison With(const std::vector<Verdict>& verdicts) {
  Comparison comparison;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    CaseComparison c;
    c.key = c.label = std::to_string(i);
    c.verdict = verdicts[i];
    comparison.cases.push_back(c);
  }
  return comparison;
}

Verdict Retried(Verdict first, Verdict second) {
  Comparison comparison = With({first});
  ConfirmWith(With({second}), &comparison);
  return comparison.cases[0].verdict;
}

TEST(Gate, FailsWhatIsSlowerInexactOrMissing) {
  EXPECT_THAT(GateFailures(With({Verdict::kSame, Verdict::kFaster, Verdict::kBelowFloor, Verdict::kAdded,
                                 Verdict::kUnclear})),
              IsEmpty());
  EXPECT_THAT(GateFailures(With({Verdict::kSlower, Verdict::kMissing, Verdict::kInexact, Verdict::kSlower})),
              ElementsAre("2 slower", "1 inexact", "1 missing"));
}

TEST(Gate, StrictFailsTheUnclearAndMissingCanBeAllowed) {
  Comparison c = With({Verdict::kSame, Verdict::kUnclear, Verdict::kMissing});
  c.policy = {.strict = true, .allow_missing = true};
  EXPECT_THAT(GateFailures(c), ElementsAre("1 unclear"));
  c.policy = {.strict = false, .allow_missing = true};
  EXPECT_THAT(GateFailures(c), IsEmpty());
}

TEST(Gate, FailsWhereNothingCouldBeJudged) {
  Comparison c = With({Verdict::kUnclear, Verdict::kMissing, Verdict::kAdded});
  c.policy.allow_missing = true;
  EXPECT_THAT(GateFailures(c), ElementsAre("no case could be judged"));
  EXPECT_THAT(ComparisonJUnit(c), HasSubstr("tests=\"4\" failures=\"1\" skipped=\"3\""));
  EXPECT_THAT(ComparisonGithub(c),
              HasSubstr("::error title=orrery profile::failed: no case could be judged"));
}

TEST(Gate, AChangeMustRepeat) {
  EXPECT_EQ(Retried(Verdict::kSlower, Verdict::kSlower), Verdict::kSlower);
  EXPECT_EQ(Retried(Verdict::kFaster, Verdict::kFaster), Verdict::kFaster);
  EXPECT_EQ(Retried(Verdict::kSlower, Verdict::kSame), Verdict::kSame);
  EXPECT_EQ(Retried(Verdict::kSlower, Verdict::kUnclear), Verdict::kUnclear);
  EXPECT_EQ(Retried(Verdict::kSlower, Verdict::kFaster), Verdict::kUnclear);
}

TEST(Gate, ASecondMeasurementSettlesWhatWasUnclearButAccusesNothing) {
  EXPECT_EQ(Retried(Verdict::kUnclear, Verdict::kSame), Verdict::kSame);
  EXPECT_EQ(Retried(Verdict::kUnclear, Verdict::kSlower), Verdict::kUnclear);
  EXPECT_EQ(Retried(Verdict::kSame, Verdict::kSlower), Verdict::kSame)
      << "only what was found is asked again";
  EXPECT_EQ(Retried(Verdict::kSlower, Verdict::kInexact), Verdict::kInexact);
  EXPECT_EQ(Retried(Verdict::kFaster, Verdict::kImpossible), Verdict::kImpossible);
  EXPECT_EQ(Retried(Verdict::kImpossible, Verdict::kSame), Verdict::kImpossible);
  EXPECT_EQ(Retried(Verdict::kInexact, Verdict::kSame), Verdict::kInexact);
}

TEST(Gate, ACaseThatTheSecondMeasurementSettlesShowsItsNumbers) {
  Comparison first = With({Verdict::kSlower}), second = With({Verdict::kSame});
  first.cases[0].ratio = 1.2;
  second.cases[0].ratio = 0.99;
  ConfirmWith(second, &first);
  EXPECT_EQ(first.cases[0].ratio, 0.99);
  EXPECT_EQ(first.cases[0].reason, "slower at first (+20.0 %)");
  EXPECT_THAT(ComparisonText(first), HasSubstr("[slower at first (+20.0 %)]")) << "it is listed";
  EXPECT_THAT(ComparisonGithub(first), IsEmpty()) << "but nothing to annotate";
}

TEST(Gate, WhatWasNotMeasuredAgainStands) {
  EXPECT_EQ(Retried(Verdict::kSlower, Verdict::kMissing), Verdict::kSlower);
  EXPECT_EQ(Retried(Verdict::kMissing, Verdict::kSame), Verdict::kMissing);
  Comparison c = With({Verdict::kSame, Verdict::kSlower});
  ConfirmWith(With({Verdict::kSame}), &c);
  EXPECT_EQ(c.cases[1].verdict, Verdict::kSlower);
  EXPECT_THAT(c.cases[1].reason, HasSubstr("not measured again"));
}

TEST(Gate, WarningsOfTheSecondMeasurementAreKeptOnce) {
  Comparison first = With({Verdict::kSame}), second = first;
  first.warnings = {"a"};
  second.warnings = {"a", "b"};
  ConfirmWith(second, &first);
  EXPECT_THAT(first.warnings, ElementsAre("a", "measured again: b"));
}

}  // namespace
}  // namespace orrery::profiler
