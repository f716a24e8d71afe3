#include "scenarios/studies/uncertainty.h"

#include <gtest/gtest.h>

#include "tests/scenarios/studies/fake_step.h"

namespace orrery::scenarios {
namespace {

TEST(StepsOfSeeds, DrawsTheSeedsAfterTheFirstOnOneGroup) {
  const FakeStep step([](const Conditions& c) { return static_cast<double>(*c.seed); });
  EXPECT_EQ(StepsOfSeeds(step, 7, 3), (std::vector<double>{8, 9, 10})) << "in order, whatever the threads";
  for (const Conditions& conditions : step.asked()) EXPECT_EQ(conditions.groups, 1);
}

TEST(StepsOfSeeds, TellsHowFarItIsAndStops) {
  std::stop_source stop;
  double told = 0;
  const RunControl control(
      [&](double share, std::string_view) {
        told = share;
        if (share >= 0.5) stop.request_stop();
      },
      stop.get_token());
  const FakeStep step([](const Conditions&) { return 1; });
  EXPECT_THROW(StepsOfSeeds(step, 1, 1000, control), Stopped);
  EXPECT_GE(told, 0.5);
}

}  // namespace
}  // namespace orrery::scenarios
