// Time by category of many lanes, summed up so that any stretch of any row is answered in one subtraction: what the
// picture of all GPUs is made of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gui/geometry/lanes.h"
#include "gui/geometry/time_axis.h"

namespace orrery::gui {

/// For each row (lanes of one GPU, say) and category, the time until each of kBins + 1 equally distant moments. It
/// counts whole units of 2^n picoseconds: as small as 31 bits allow, one for up to 2.1 ms of all lanes of a row, 66 ns
/// for four lanes of 20 s. A sum over a stretch between moments is right to less than a unit, and sums over
/// neighbouring stretches add up without any error.
class SpanSums {
 public:
  static constexpr std::size_t kBins = 2048;

  /// `row_of_lane`: for each lane its row, -1 for none; lanes of one row need not follow one another, but it is faster.
  SpanSums(const SpanLanes& lanes, std::span<const int> row_of_lane);

  int rows() const { return rows_; }
  std::int64_t from() const { return from_; }
  std::int64_t bin() const { return bin_; }    ///< picoseconds
  std::int64_t unit() const { return unit_; }  ///< picoseconds
  std::int64_t Moment(std::size_t edge) const { return from_ + static_cast<std::int64_t>(edge) * bin_; }
  /// Of a row, between two moments: picoseconds by category.
  std::array<std::int64_t, LaneSpan::kCategories> Between(int row, std::size_t first, std::size_t last) const;
  /// The units until a moment, kCategories of them.
  const std::uint32_t* Until(int row, std::size_t edge) const {
    return &sums_[(static_cast<std::size_t>(row) * (kBins + 1) + edge) * LaneSpan::kCategories];
  }
  std::size_t bytes() const { return sums_.size() * sizeof(std::uint32_t); }

 private:
  int rows_ = 0;
  std::int64_t from_ = 0, bin_ = 1, unit_ = 1;
  std::vector<std::uint32_t> sums_;
};

/// A picture of all rows on `width` x `height` pixels (0xffRRGGBB), the first row at the top: each pixel mixes the
/// colours of what runs in its time on all of its rows by how long; of no row anything is left out. Where pixels are
/// much shorter than the bins, they are drawn from the spans themselves.
void DrawOverview(const SpanLanes& lanes, std::span<const int> row_of_lane, const SpanSums& sums,
                  const TimeAxis& axis, const LaneColours& colours, int width, int height,
                  std::span<std::uint32_t> pixels);

}  // namespace orrery::gui
