#include "core/base/run_control.h"

#include <vector>

#include <gtest/gtest.h>

namespace orrery {
namespace {

TEST(RunControl, MapsPartsOntoTheWholeAndNeverGoesBack) {
  std::vector<double> told;
  const RunControl whole([&](double share, std::string_view) { told.push_back(share); });
  const RunControl second = whole.Part(0.5, 1.0);
  second.Tell(0.5, "second half");
  second.Part(0, 0.5).Tell(1);
  whole.Tell(0.1);
  EXPECT_EQ(told, (std::vector<double>{0.75, 0.75, 0.75}));
}

TEST(RunControl, StopsAtTheNextCheckAndSaysAtWhat) {
  std::stop_source stop;
  const RunControl control({}, stop.get_token());
  control.Tell(0.2, "resampling");
  stop.request_stop();
  try {
    control.Part(0, 0.1).Check();
    FAIL() << "not stopped";
  } catch (const Stopped& stopped) {
    EXPECT_STREQ(stopped.what(), "resampling");
  }
  EXPECT_THROW(control.Tell(0.3), Stopped);
}

TEST(RunControl, WithoutAListenerDoesNothing) {
  const RunControl control;
  control.Tell(0.5, "anything");
  control.Part(0, 1).Check();
}

}  // namespace
}  // namespace orrery
