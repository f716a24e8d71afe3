#include "scenarios/validation/published.h"

#include <gmock/gmock.h>

namespace orrery::scenarios {
namespace {

Scenario V3(const std::vector<std::string>& overrides = {}) {
  return ReadTrainingScenario(LoadScenarioDocument("deepseek-v3-pretraining", overrides), "");
}

TEST(Published, OfTheVeryConfiguration) {
  const std::vector<PublishedFigure> figures = PublishedFor(V3());
  ASSERT_FALSE(figures.empty());
  EXPECT_STREQ(figures.front().id, "DS-E02a");
  EXPECT_EQ(figures.front().published, 19.926);
  TrainingResult ours;
  ours.step_s = 19;
  EXPECT_EQ(figures.front().of(ours), 19);
}

TEST(Published, WhateverItIsCalledDrawnFromOrPricedBy) {
  EXPECT_EQ(PublishedFor(V3({"seed=9", "name=mine", "calibration=deepgemm-2025-04"})).size(),
            PublishedFor(V3()).size());
}

TEST(Published, OfNothingElse) {
  for (const char* change : {"parallelism.expert=32", "parallelism.schedule=1f1b", "cluster=h100-2048",
                             "routing.strategy=none", "workload.sequence_length=2048", "precision=bf16"}) {
    EXPECT_TRUE(PublishedFor(V3({change})).empty()) << change;
  }
}

TEST(Published, OfEveryConfigurationThatIsListed) {
  for (const PublishedConfiguration& c : PublishedConfigurations()) {
    const std::vector<PublishedFigure> figures = PublishedFor(ScenarioOf(c));
    ASSERT_EQ(figures.size(), c.figures.size()) << c.scenario;
    EXPECT_STREQ(figures.front().id, c.figures.front().id);
  }
}

}  // namespace
}  // namespace orrery::scenarios
