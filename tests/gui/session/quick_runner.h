// A runner that does not wait for a hand to rest.
#pragma once

#include <chrono>

#include "gui/session/runner.h"

namespace orrery::gui {

inline RunnerOptions Quick() {
  RunnerOptions options;
  options.rest = std::chrono::milliseconds(1);
  options.analyse = std::chrono::milliseconds(5);
  options.answering.resamples = 4, options.answering.seeds = 2;
  return options;
}

}  // namespace orrery::gui
