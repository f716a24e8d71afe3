// The chain of steps of a simulation that ends last: what would have to be faster for the step to be.
#pragma once

#include <vector>

#include "core/engine/timeline.h"
#include "scenarios/training/result.h"

namespace orrery::scenarios {

/// Of a training timeline, by kind of step, longest first. The shares add up to 1, the seconds to the time at
/// which the last step ends.
std::vector<CriticalPathShare> CriticalPath(const Timeline& timeline);

}  // namespace orrery::scenarios
