// Lanes of spans with lengths over five orders of magnitude: for tests and benchmarks of the timeline.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "gui/geometry/lanes.h"

namespace orrery::gui {

/// `lanes` of `spans` each within [0, total), in order, some touching, some after a wait; `spans` * 2 < `total`.
inline SpanLanes RandomLanes(int lanes, int spans, std::int64_t total, std::mt19937_64* random) {
  SpanLanes result;
  result.Reserve(static_cast<std::size_t>(lanes),
                 static_cast<std::size_t>(lanes) * static_cast<std::size_t>(spans));
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<double> lengths(2UL * static_cast<std::size_t>(spans));
  for (int lane = 0; lane < lanes; ++lane) {
    double sum = 0;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      const bool gap = i % 2 == 0;
      lengths[i] = gap && uniform(*random) < 0.6 ? 0 : std::pow(10, 5 * uniform(*random)) * (gap ? 0.3 : 1);
      sum += lengths[i];
    }
    result.BeginLane();
    double at = 0;
    std::int64_t until = 0;
    for (std::size_t i = 0; i < lengths.size(); i += 2) {
      at += lengths[i];
      const auto start = static_cast<std::int64_t>(at / sum * static_cast<double>(total - 1));
      at += lengths[i + 1];
      const auto end = static_cast<std::int64_t>(at / sum * static_cast<double>(total - 1));
      const bool waited = uniform(*random) < 0.3;
      result.Add(LaneSpan::Of(waited ? until + (start - until) / 2 : start, start, end,
                              static_cast<std::uint32_t>((*random)() % 16),
                              static_cast<unsigned>((*random)() % 6)));
      until = end;
    }
  }
  return result;
}

}  // namespace orrery::gui
