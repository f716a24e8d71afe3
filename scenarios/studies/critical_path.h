// The chain of steps of a simulation that ends last: what would have to be faster for the step to be.
#pragma once

#include <vector>

#include "core/engine/timeline.h"
#include "scenarios/training/result.h"

namespace orrery::scenarios {

/// The chain itself, from the span that ends last back to the one that nothing started. A span of it accounts for the
/// time from its start to the start of the one before it in this list (the first: to its end).
std::vector<SpanRef> CriticalChain(const Timeline& timeline);

/// Of a training timeline, by kind of step, longest first. The shares add up to 1, the seconds to the time at
/// which the last step ends.
std::vector<CriticalPathShare> CriticalPath(const Timeline& timeline);

}  // namespace orrery::scenarios
