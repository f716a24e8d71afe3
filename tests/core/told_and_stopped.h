// What every long work with a run control is held to.
#pragma once

#include <algorithm>
#include <cstddef>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/run_control.h"

namespace orrery {

/// `run(control)` tells of so many parts, never less than before and all of it at the end; asked to stop in any of them it
/// stops.
template <class Work>
void ExpectToldAndStoppedInEveryPart(std::size_t count, const Work& run) {
  std::vector<double> told;
  std::set<std::string> parts;
  run(RunControl([&](double share, std::string_view what) {
    told.push_back(share);
    parts.emplace(what);
  }));
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back(), 1);
  EXPECT_EQ(parts.size(), count);
  for (const std::string& part : parts) {
    std::stop_source stop;
    const RunControl control(
        [&](double, std::string_view what) {
          if (what == part) stop.request_stop();
        },
        stop.get_token());
    EXPECT_THROW(run(control), Stopped) << part;
  }
}

}  // namespace orrery
