#include <set>

#include <gtest/gtest.h>

#include "scenarios/validation/validation.h"

namespace orrery::scenarios {

std::vector<ValidationCase> ModelCases();

namespace {

TEST(ModelCases, EveryPublishedSizeAndCountIsMetOrItsResidualIsDeclared) {
  const std::vector<ValidationCase> cases = ModelCases();
  EXPECT_EQ(cases.size(), 8u);
  for (const ValidationCase& c : cases) {
    EXPECT_TRUE(c.Passes() || !c.residual.empty())
        << c.id << " " << c.what << ": " << c.simulated << " for " << c.published;
  }
}

TEST(ModelCases, EachHasItsOwnIdASourceAndAUnit) {
  std::set<std::string> ids;
  for (const ValidationCase& c : ModelCases()) {
    EXPECT_TRUE(ids.insert(c.id).second) << c.id;
    EXPECT_FALSE(c.source.empty()) << c.id;
    EXPECT_FALSE(c.unit.empty()) << c.id;
  }
}

TEST(ModelCases, AreInTheRegistry) {
  bool found = false;
  for (const ValidationGroup& group : ValidationGroups()) found = found || group.name == "model";
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace orrery::scenarios
