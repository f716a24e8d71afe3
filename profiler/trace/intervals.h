// Sets of time: what "busy", "overlapped" and "exposed" mean.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace orrery::profiler {

/// Half-open [first, second) nanoseconds.
using Interval = std::pair<std::int64_t, std::int64_t>;

/// The union as disjoint intervals in order; empty intervals vanish.
std::vector<Interval> Union(std::vector<Interval> intervals);
/// Length of a union.
std::int64_t Length(const std::vector<Interval>& disjoint);
/// Length of what two unions share. Linear in their sizes.
std::int64_t OverlapLength(const std::vector<Interval>& a, const std::vector<Interval>& b);

}  // namespace orrery::profiler
