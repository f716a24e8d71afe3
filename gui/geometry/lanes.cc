#include "gui/geometry/lanes.h"

#include <algorithm>
#include <cstddef>

#include "gui/geometry/levels.h"

namespace orrery::gui {
namespace {

/// Colour that has been laid over a row of pixels so far, and how much of each pixel it covers.
class PixelRow {
 public:
  explicit PixelRow(std::size_t width) : pixels_(width) {}

  void Add(double from, double to, Levels colour) {
    const auto width = static_cast<double>(pixels_.size());
    from = std::max(from, 0.0);
    to = std::min(to, width);
    if (from >= width || to <= 0) return;
    // What is shorter than its rounding still leaves a trace in its pixel.
    if (to - from < kTrace) to = std::min(width, from + kTrace);
    const auto first = static_cast<std::size_t>(from),
               last = std::min(static_cast<std::size_t>(to), pixels_.size() - 1);
    if (first == last) {
      pixels_[first] += colour * static_cast<float>(to - from);
      return;
    }
    pixels_[first] += colour * static_cast<float>(static_cast<double>(first + 1) - from);
    std::fill(pixels_.begin() + static_cast<std::ptrdiff_t>(first) + 1,
              pixels_.begin() + static_cast<std::ptrdiff_t>(last), colour);
    pixels_[last] += colour * static_cast<float>(to - static_cast<double>(last));
  }

  /// A thin notch of background at the left of what is wide: where it begins.
  void Notch(double at) {
    const auto pixel = static_cast<std::size_t>(std::max(0.0, at));
    if (at >= 0 && pixel < pixels_.size()) pixels_[pixel] *= kNotch;
  }

  void Write(Levels background, std::span<std::uint32_t> row) const {
    const std::uint32_t empty = Packed(background);
    for (std::size_t i = 0; i < pixels_.size(); ++i) {
      const float covered = pixels_[i][3];
      if (covered <= 0) {
        row[i] = empty;
        continue;
      }
      // Little in an idle pixel is drawn stronger than it is, or nobody sees it.
      const float share = std::clamp(covered, kLeastSeen, 1.0F);
      row[i] = Packed(pixels_[i] * (share / covered) + background * (1 - share));
    }
  }

 private:
  static constexpr float kLeastSeen = 0.3F, kNotch = 0.45F;
  static constexpr double kTrace = 1e-3;

  std::vector<Levels> pixels_;
};

}  // namespace

void SpanLanes::Reserve(std::size_t lanes, std::size_t spans) {
  first_.reserve(lanes + 1);
  spans_.reserve(spans);
}

std::pair<std::int64_t, std::int64_t> SpanLanes::Limits() const {
  if (spans_.empty()) return {0, 1};
  std::int64_t from = spans_.front().start(), to = spans_.front().end();
  for (int i = 0; i < lanes(); ++i) {
    const std::span<const LaneSpan> lane = Lane(i);
    if (lane.empty()) continue;
    from = std::min(from, lane.front().start());
    to = std::max(to, lane.back().end());
  }
  return {from, std::max(to, from + 1)};
}

std::pair<std::size_t, std::size_t> InView(std::span<const LaneSpan> lane, std::int64_t from,
                                           std::int64_t to) {
  const auto first = std::partition_point(lane.begin(), lane.end(),
                                          [&](const LaneSpan& span) { return span.end() <= from; });
  const auto last =
      std::partition_point(first, lane.end(), [&](const LaneSpan& span) { return span.start() < to; });
  return {static_cast<std::size_t>(first - lane.begin()), static_cast<std::size_t>(last - lane.begin())};
}

std::optional<std::uint32_t> SpanAt(std::span<const LaneSpan> lane, std::int64_t time, std::int64_t slack) {
  const auto after = static_cast<std::size_t>(
      std::partition_point(lane.begin(), lane.end(),
                           [&](const LaneSpan& span) { return span.end() <= time; }) -
      lane.begin());
  std::optional<std::uint32_t> best;
  std::int64_t nearest = slack;
  const auto try_span = [&](std::size_t i) {
    const std::int64_t away = std::max({lane[i].start() - time, time - (lane[i].end() - 1), std::int64_t{0}});
    if (away > nearest || (best && away == nearest)) return;
    nearest = away;
    best = static_cast<std::uint32_t>(i);
  };
  if (after < lane.size()) try_span(after);
  if (after > 0) try_span(after - 1);
  return best;
}

std::array<std::int64_t, LaneSpan::kCategories> TimeIn(std::span<const LaneSpan> lane, std::int64_t from,
                                                       std::int64_t to) {
  std::array<std::int64_t, LaneSpan::kCategories> sums{};
  const auto [first, last] = InView(lane, from, to);
  for (const LaneSpan& span : lane.subspan(first, last - first))
    sums[span.category()] += std::min(span.end(), to) - std::max(span.start(), from);
  return sums;
}

void DrawLane(std::span<const LaneSpan> lane, const TimeAxis& axis, const LaneColours& colours,
              std::span<std::uint32_t> row, double least_wide,
              const std::function<void(std::uint32_t)>& wide) {
  constexpr double kNotched = 4;
  std::array<Levels, LaneSpan::kCategories> levels;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const bool pale = (colours.pale >> i & 1U) != 0;
    levels[i] =
        LevelsOf(pale ? Mixed(colours.categories[i], colours.background, 0.75) : colours.categories[i]);
  }
  const Levels wait = LevelsOf(colours.wait);
  PixelRow pixels(row.size());
  const double per_pixel = axis.per_pixel(), scale = 1 / per_pixel;
  const std::int64_t from = axis.from(), to = axis.to();
  const auto pixel = [&](std::int64_t time) { return static_cast<double>(time - from) * scale; };
  // One more at the right: its wait may reach into view.
  auto [first, last] = InView(lane, from, to);
  last = std::min(last + 1, lane.size());
  for (std::size_t i = first; i < last; ++i) {
    const LaneSpan& span = lane[i];
    const double left = pixel(span.start()), right = pixel(span.end());
    const double ready = left - static_cast<double>(span.start() - span.ready()) * scale;
    if (ready < left) pixels.Add(std::max(ready, i > 0 ? pixel(lane[i - 1].end()) : ready), left, wait);
    if (left < static_cast<double>(row.size())) pixels.Add(left, right, levels[span.category()]);
    if (right - left >= kNotched) pixels.Notch(left);
    if (right - left >= least_wide || left - ready >= least_wide) wide(static_cast<std::uint32_t>(i));
  }
  pixels.Write(LevelsOf(colours.background), row);
}

}  // namespace orrery::gui
