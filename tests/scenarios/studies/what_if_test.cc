#include "scenarios/studies/what_if.h"

#include <gtest/gtest.h>

#include "tests/scenarios/studies/fake_step.h"

namespace orrery::scenarios {
namespace {

TEST(EvenStep, AsksForEvenLoadsOfAllGroups) {
  const FakeStep step([](const Conditions& c) { return c.even_loads ? 8 - c.dropped_share : 10; });
  EXPECT_DOUBLE_EQ(EvenStep(step), 8);
  EXPECT_DOUBLE_EQ(EvenStep(step, 0.25), 7.75);
  ASSERT_EQ(step.asked().size(), 2u);
  EXPECT_EQ(step.asked()[0], (Conditions{.even_loads = true})) << "and nothing else is changed";
}

TEST(CostOfImbalance, IsTheStepLessTheEvenOne) {
  const FakeStep step([](const Conditions&) { return 8; });
  const ImbalanceCost cost = CostOfImbalance(step, 10, 0, 8);
  EXPECT_DOUBLE_EQ(cost.even_s, 8);
  EXPECT_DOUBLE_EQ(cost.step_s, 2);
  EXPECT_DOUBLE_EQ(cost.step_share, 0.2);
  EXPECT_EQ(cost.undone_s, 0);
  EXPECT_TRUE(step.asked().empty()) << "the even step is known already";
}

TEST(CostOfImbalance, WorkThatIsNotDoneIsNoGainOfBalance) {
  const FakeStep step([](const Conditions& c) { return 8 * (1 - c.dropped_share); });
  const ImbalanceCost cost = CostOfImbalance(step, 7, 0.25, 8);
  EXPECT_DOUBLE_EQ(cost.even_s, 6) << "evenly spread, three quarters of the rows";
  EXPECT_DOUBLE_EQ(cost.undone_s, 2);
  EXPECT_DOUBLE_EQ(cost.step_s, 1);
}

TEST(TrainingQuestions, EachChangesSomethingElse) {
  const auto questions = TrainingQuestions();
  for (std::size_t i = 0; i < questions.size(); ++i) {
    EXPECT_NE(questions[i].conditions, Conditions{}) << questions[i].name;
    for (std::size_t j = 0; j < i; ++j)
      EXPECT_NE(questions[i].conditions, questions[j].conditions) << questions[i].name;
  }
}

}  // namespace
}  // namespace orrery::scenarios
