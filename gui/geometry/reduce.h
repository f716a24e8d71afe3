// Dense curves with as few points as pixels can show.
#pragma once

#include <span>
#include <vector>

namespace orrery::gui {

struct CurvePoint {
  double x = 0, y = 0;
  bool operator==(const CurvePoint&) const = default;
};

/// Of points with ascending x, in each of `columns` equal columns from `from` to `to` (of log x where `logarithmic`)
/// the first, the lowest, the highest and the last, in their order: a line through them covers the same pixels.
/// Points outside are dropped but for the nearest at each side. Up to four times `columns` points are left as they are.
std::vector<CurvePoint> MinMaxPerColumn(std::span<const CurvePoint> points, double from, double to,
                                        int columns, bool logarithmic = false);

}  // namespace orrery::gui
