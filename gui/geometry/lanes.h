// Spans of time on lanes, in the order they ran: what the timeline draws, millions of them, without Qt.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "gui/geometry/colour_scale.h"
#include "gui/geometry/time_axis.h"

namespace orrery::gui {

/// One span, in 24 bytes. Times are picoseconds; lengths and waits up to 17.6 s are kept.
struct LaneSpan {
  static constexpr std::uint64_t kMostTime = (std::uint64_t{1} << 44) - 1;
  static constexpr std::uint32_t kMostName = (1U << 20) - 1;
  static constexpr unsigned kCategories = 8;

  /// `ready` <= `start` <= `end`; `name` is an index into a table of the figure's, `category` is below kCategories.
  static LaneSpan Of(std::int64_t ready, std::int64_t start, std::int64_t end, std::uint32_t name,
                     unsigned category) {
    LaneSpan span;
    span.start_ = start;
    span.length_ = static_cast<std::uint64_t>(end - start) & kMostTime;
    span.category_ = category & 7U;
    span.wait_ = static_cast<std::uint64_t>(start - ready) & kMostTime;
    span.name_ = name & kMostName;
    return span;
  }

  std::int64_t ready() const { return start_ - static_cast<std::int64_t>(wait_); }
  std::int64_t start() const { return start_; }
  std::int64_t end() const { return start_ + static_cast<std::int64_t>(length_); }
  std::uint32_t name() const { return static_cast<std::uint32_t>(name_); }
  unsigned category() const { return static_cast<unsigned>(category_); }

 private:
  std::int64_t start_ = 0;
  std::uint64_t length_ : 44 = 0, category_ : 20 = 0;
  std::uint64_t wait_ : 44 = 0, name_ : 20 = 0;
};
static_assert(sizeof(LaneSpan) == 24);

/// Names a span.
struct LaneSpanRef {
  std::int32_t lane = 0;
  std::uint32_t index = 0;
  bool operator==(const LaneSpanRef&) const = default;
};

/// All lanes, one after the other. The spans of a lane are in order of time and do not overlap.
class SpanLanes {
 public:
  void Reserve(std::size_t lanes, std::size_t spans);
  /// Adds a lane; the spans that follow by Add are its own.
  void BeginLane() { first_.push_back(spans_.size()); }
  void Add(const LaneSpan& span) {
    spans_.push_back(span);
    first_.back() = spans_.size();
  }

  int lanes() const { return static_cast<int>(first_.size()) - 1; }
  std::size_t spans() const { return spans_.size(); }
  std::span<const LaneSpan> Lane(int lane) const {
    const auto at = static_cast<std::size_t>(lane);
    return {spans_.data() + first_[at], first_[at + 1] - first_[at]};
  }
  const LaneSpan& At(const LaneSpanRef& ref) const { return Lane(ref.lane)[ref.index]; }
  /// From the first time to the last of all lanes; an empty one has {0, 1}.
  std::pair<std::int64_t, std::int64_t> Limits() const;

 private:
  std::vector<LaneSpan> spans_;
  std::vector<std::size_t> first_ = {0};
};

/// The spans of a lane that lie in [from, to) with some part, waits not counted: the first, and one past the last.
std::pair<std::size_t, std::size_t> InView(std::span<const LaneSpan> lane, std::int64_t from,
                                           std::int64_t to);

/// The span that covers a time; else the nearest that begins or ends within `slack` of it.
std::optional<std::uint32_t> SpanAt(std::span<const LaneSpan> lane, std::int64_t time, std::int64_t slack);

/// Time of each category in [from, to), exactly.
std::array<std::int64_t, LaneSpan::kCategories> TimeIn(std::span<const LaneSpan> lane, std::int64_t from,
                                                       std::int64_t to);

/// What a lane looks like on pixels.
struct LaneColours {
  std::array<Rgb, LaneSpan::kCategories> categories{};
  Rgb background, wait;
  std::uint32_t pale = 0;  ///< bits of the categories that are dimmed
};

/// Draws a lane as one row of pixels (0xffRRGGBB) for `axis`, whose width is `row`'s: each pixel mixes what runs in its
/// time by how long; one in which anything runs shows it, however short. Calls `wide` for each span, or wait before
/// one, of at least `least_wide` pixels: there is room for text or hatching.
void DrawLane(std::span<const LaneSpan> lane, const TimeAxis& axis, const LaneColours& colours,
              std::span<std::uint32_t> row, double least_wide,
              const std::function<void(std::uint32_t)>& wide);

}  // namespace orrery::gui
