// A training scenario that simulates in a moment, as a session opens it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gui/session/variant.h"
#include "tests/scenarios/small_training.h"

namespace orrery::gui {

inline std::shared_ptr<const Plan> SmallPlan(const std::vector<std::string>& more = {}) {
  std::vector<std::string> overrides = scenarios::SmallOverrides(more);
  overrides.insert(overrides.begin(), "name=small");
  return Plan::Load("deepseek-v3-pretraining", overrides);
}

}  // namespace orrery::gui
