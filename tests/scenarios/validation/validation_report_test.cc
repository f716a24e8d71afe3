#include "scenarios/validation/validation_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orrery::scenarios {
namespace {

using testing::HasSubstr;
using testing::Not;

ValidationCase Case(const std::string& id, double published, double simulated, double factor) {
  ValidationCase c;
  c.id = id;
  c.area = "area";
  c.what = "what of " + id;
  c.published = published;
  c.simulated = simulated;
  c.tolerance = 1;
  if (factor > 1) c.SetInterval(1 / factor, factor);
  return c;
}

std::vector<ValidationCase> Cases() {
  std::vector<ValidationCase> cases = {Case("inside", 10, 11, 1.2), Case("outside", 10, 20, 1.5),
                                       Case("edge", 10, 8, 1.25), Case("no-interval", 10, 11, 1)};
  cases.push_back(Case("fed", 10, 10, 1.1));
  cases.back().role = CaseRole::kCalibrates;
  return cases;
}

TEST(Coverage, CountsWhatJudgesAndHasAnInterval) {
  const Coverage coverage = CoverageOf(Cases());
  EXPECT_EQ(coverage.judged, 3);
  EXPECT_EQ(coverage.covered, 2);
  EXPECT_NEAR(coverage.median_half_width, (1.25 - 1 / 1.25) / 2, 1e-12);
  EXPECT_EQ(CoverageOf({}).judged, 0);
}

TEST(Coverage, OfARateTurnsTheFactorsOfATimeRound) {
  ValidationCase c = Case("rate", 10, 10, 1);
  c.SetInterval(0.9, 1.5, true);
  EXPECT_NEAR(c.interval->low, 10 / 1.5, 1e-12);
  EXPECT_NEAR(c.interval->high, 10 / 0.9, 1e-12);
}

TEST(ValidationText, SaysTheCoverageAndListsItWhenAsked) {
  const std::string text = ValidationText(Cases());
  EXPECT_THAT(text,
              HasSubstr("all that judge and have one: 2 of 3 published figures within the 90 % interval"));
  EXPECT_THAT(text, HasSubstr("median half-width 22.5 %"));
  EXPECT_THAT(text, Not(HasSubstr("8 to")));
  const std::string listed = ValidationText(Cases(), true);
  EXPECT_THAT(listed, testing::ContainsRegex("edge .* 6.4 to +10 .*within"));
  EXPECT_THAT(listed, testing::ContainsRegex("outside .* 13.33 to +30 .*outside"));
  EXPECT_THAT(ValidationText({Case("no-interval", 10, 11, 1)}), Not(HasSubstr("90 %")));
}

TEST(ValidationMarkdown, ListsEachIntervalByItsId) {
  const std::string text = ValidationMarkdown(Cases());
  EXPECT_THAT(text, HasSubstr("## 90 % intervals"));
  EXPECT_THAT(text, HasSubstr("| outside | what of outside | 10 | 20 | 13.33 | 30 |"));
  EXPECT_THAT(text, Not(HasSubstr("| fed | what of fed | 10 | 10 | 9")));
}

}  // namespace
}  // namespace orrery::scenarios
