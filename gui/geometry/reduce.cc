#include "gui/geometry/reduce.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace orrery::gui {

std::vector<CurvePoint> MinMaxPerColumn(std::span<const CurvePoint> points, double from, double to,
                                        int columns, bool logarithmic) {
  // One more point at each side: the line enters and leaves there.
  const auto begin =
      std::partition_point(points.begin(), points.end(), [&](const CurvePoint& p) { return p.x < from; });
  const auto end = std::partition_point(begin, points.end(), [&](const CurvePoint& p) { return p.x <= to; });
  const auto first = begin == points.begin() ? begin : begin - 1;
  const auto last = end == points.end() ? end : end + 1;
  const std::span<const CurvePoint> seen(first, last);
  if (seen.size() <= 4 * static_cast<std::size_t>(std::max(columns, 1))) return {seen.begin(), seen.end()};

  const auto place = [logarithmic](double x) { return logarithmic ? std::log(x) : x; };
  const double low = place(from), width = (place(to) - low) / columns;
  const auto column = [&](double x) {
    return std::clamp(std::floor((place(x) - low) / width), -1.0, static_cast<double>(columns));
  };
  std::vector<CurvePoint> kept;
  for (std::size_t i = 0; i < seen.size();) {
    const double here = column(seen[i].x);
    std::array<std::size_t, 4> picks = {i, i, i, i};  // first, lowest, highest, last
    std::size_t j = i;
    for (; j < seen.size() && column(seen[j].x) == here; ++j) {
      if (seen[j].y < seen[picks[1]].y) picks[1] = j;
      if (seen[j].y > seen[picks[2]].y) picks[2] = j;
    }
    picks[3] = j - 1;
    std::sort(picks.begin(), picks.end());
    for (std::size_t k = 0; k < picks.size(); ++k)
      if (k == 0 || picks[k] != picks[k - 1]) kept.push_back(seen[picks[k]]);
    i = j;
  }
  return kept;
}

}  // namespace orrery::gui
