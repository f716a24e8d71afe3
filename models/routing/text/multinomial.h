// Counts of many draws at once.
#pragma once

#include <cstdint>
#include <span>

#include "core/base/random.h"

namespace orrery::models {

/// Draws how many of `trials` succeed, with chance `p` each. Exact, by inversion from the mode outwards, so
/// that the time grows as the square root of the trials.
std::int64_t DrawBinomial(std::int64_t trials, double p, RandomStream& random);

/// Draws how many of `draws` fall on each item. An item is drawn with the chance in `share`, which sums to 1.
void DrawMultinomial(std::int64_t draws, std::span<const double> share, RandomStream& random,
                     std::span<std::int64_t> counts);

/// Draws one item and returns its index.
int DrawItem(std::span<const double> share, RandomStream& random);

}  // namespace orrery::models
