// The reported scenario's step, figure by figure. A change that is meant to move it runs
// scripts/update_golden.
#include <cmath>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/config/resources.h"
#include "scenarios/report/training_report.h"
#include "scenarios/run.h"

namespace orrery::scenarios {
namespace {

using Json = nlohmann::ordered_json;

/// Fails where the two differ: numbers by more than 1e-9 of themselves (libm differs between machines).
void ExpectAlike(const Json& expected, const Json& actual, const std::string& path) {
  if (expected.is_number() && actual.is_number()) {
    const double a = expected, b = actual;
    EXPECT_LE(std::abs(a - b), 1e-9 * std::max(std::abs(a), std::abs(b)))
        << path << ": " << a << " became " << b;
  } else if (expected.is_structured() && expected.type() == actual.type()) {
    const Json before = expected.flatten(), after = actual.flatten();
    ASSERT_EQ(before.size(), after.size()) << path;
    for (const auto& [key, value] : before.items()) {
      ASSERT_TRUE(after.contains(key)) << path << key;
      if (!value.is_structured()) ExpectAlike(value, after[key], path + key);
    }
  } else {
    EXPECT_EQ(expected, actual) << path;
  }
}

TEST(Golden, TheReportedStepHasNotMoved) {
  std::ifstream file(ResourceRoot() / "tests/golden/deepseek-v3-quick.json");
  ASSERT_TRUE(file.good());
  const Scenario scenario =
      ReadTrainingScenario(LoadScenarioDocument("deepseek-v3-pretraining", {}), "deepseek-v3-pretraining");
  Json actual = Json::parse(TrainingJson(StepOnly(scenario)));
  actual.erase("simulator");
  ExpectAlike(Json::parse(file), actual, "");
}

}  // namespace
}  // namespace orrery::scenarios
