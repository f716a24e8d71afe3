// Counts of many draws at once.
#pragma once

#include <cstdint>
#include <span>

#include "core/base/random.h"

namespace orrery::models {

/// Successes of `trials` with chance `p` each: exact, by inversion from the mode outwards, so that it takes a
/// time that grows as the square root of the trials.
std::int64_t DrawBinomial(std::int64_t trials, double p, RandomStream& random);

/// How many of `draws` fall on each item, which come in `share` (sum 1).
void DrawMultinomial(std::int64_t draws, std::span<const double> share, RandomStream& random,
                     std::span<std::int64_t> counts);

/// The item of one draw.
int DrawItem(std::span<const double> share, RandomStream& random);

}  // namespace orrery::models
