#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "scenarios/validation/validation.h"

namespace orrery::scenarios {

std::vector<ValidationCase> NetworkCases();

namespace {

TEST(NetworkCases, HaveDistinctNamesAndSources) {
  std::set<std::string> ids;
  for (const ValidationCase& c : NetworkCases()) {
    EXPECT_TRUE(ids.insert(c.id).second) << c.id;
    EXPECT_FALSE(c.source.empty()) << c.id;
    EXPECT_TRUE(std::isfinite(c.simulated)) << c.id;
  }
}

TEST(NetworkCases, WhatIsOffHasADeclaredReason) {
  for (const ValidationCase& c : NetworkCases()) EXPECT_TRUE(c.Passes() || !c.residual.empty()) << c.id;
}

TEST(NetworkCases, DeepEpRowsOfAprilAreWithinTenPercentEvenWhenLeftOut) {
  int found = 0;
  for (const ValidationCase& c : NetworkCases()) {
    for (const char* id : {"DS-J01", "DS-J02", "DS-J03", "DS-J04"}) {
      if (!c.id.starts_with(id)) continue;
      ++found;
      EXPECT_LT(std::abs(c.simulated / c.published - 1), 0.10) << c.id;
    }
  }
  EXPECT_EQ(found, 4 * 2 * 2);  // dispatch and combine, fitted and left out
}

TEST(NetworkCases, MoreJudgeThanCalibrate) {
  const std::vector<ValidationCase> cases = NetworkCases();
  const auto judges = std::count_if(cases.begin(), cases.end(),
                                    [](const ValidationCase& c) { return c.role == CaseRole::kJudges; });
  EXPECT_GT(judges, static_cast<std::ptrdiff_t>(cases.size()) / 2);
}

/// The value column of a row of published.csv; ids carry no commas, values no quotes unless quoted whole.
std::string PublishedValue(const std::string& text, const std::string& id) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(id + ",")) return line;
  }
  return "";
}

TEST(NetworkCases, PublishedColumnIsThatOfTheReference) {
  const std::filesystem::path file =
      std::filesystem::path(ORRERY_SOURCE_DIR) / ".." / "shared" / "reference" / "published.csv";
  std::ifstream in(file);
  if (!in) GTEST_SKIP() << file << " is absent";
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  int compared = 0;
  for (const ValidationCase& c : NetworkCases()) {
    if (!c.id.starts_with("DS-J") || c.id.size() != 7) continue;  // DS-Jnn and a or b
    const std::string row = PublishedValue(text, c.id.substr(0, 6));
    ASSERT_FALSE(row.empty()) << c.id;
    std::ostringstream value;
    value << std::round(c.published * 100) / 100;
    EXPECT_NE(row.find(value.str()), std::string::npos) << c.id << ": " << value.str() << " in " << row;
    ++compared;
  }
  EXPECT_GT(compared, 30);
}

}  // namespace
}  // namespace orrery::scenarios
