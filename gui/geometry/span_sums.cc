#include "gui/geometry/span_sums.h"

#include <algorithm>

#include "core/base/error.h"
#include "gui/geometry/levels.h"

namespace orrery::gui {
namespace {

constexpr std::size_t kCategories = LaneSpan::kCategories;
static_assert(kCategories == 8, "two vectors hold the categories");

/// Time of each category in a pixel.
struct Sums {
  Levels low = {}, high = {};
};

/// The lanes of each row, in order.
std::vector<std::vector<int>> LanesOfRows(std::span<const int> row_of_lane, int rows) {
  std::vector<std::vector<int>> lanes(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < row_of_lane.size(); ++i)
    if (row_of_lane[i] >= 0) lanes[static_cast<std::size_t>(row_of_lane[i])].push_back(static_cast<int>(i));
  return lanes;
}

/// Adds each span's time to the bins that it lies in.
void AddLane(std::span<const LaneSpan> lane, std::int64_t from, std::int64_t bin,
             std::vector<std::uint64_t>* bins) {
  const double per_time = 1 / static_cast<double>(bin);
  for (const LaneSpan& span : lane) {
    const std::int64_t start = span.start() - from, end = span.end() - from;
    auto at = static_cast<std::int64_t>(static_cast<double>(start) * per_time);
    at += start >= (at + 1) * bin ? 1 : 0;  // where the product was rounded over an edge
    at -= start < at * bin ? 1 : 0;
    std::uint64_t* sum = &(*bins)[static_cast<std::size_t>(at) * kCategories + span.category()];
    std::int64_t until = start;
    for (std::int64_t edge = (at + 1) * bin; end > edge; edge += bin, sum += kCategories) {
      *sum += static_cast<std::uint64_t>(edge - until);
      until = edge;
    }
    *sum += static_cast<std::uint64_t>(end - until);
  }
}

class Mixer {
 public:
  explicit Mixer(const LaneColours& colours) : background_(LevelsOf(colours.background)) {
    for (std::size_t i = 0; i < kCategories; ++i) {
      const bool pale = (colours.pale >> i & 1U) != 0;
      levels_[i] =
          LevelsOf(pale ? Mixed(colours.categories[i], colours.background, 0.75) : colours.categories[i]);
    }
  }

  /// `sums` over `whole`: shares of a pixel; more than all of it (lanes at work at once) is all of it.
  std::uint32_t operator()(const Sums& sums, float whole) const {
    Levels mixed = {};
    for (std::size_t i = 0; i < 4; ++i) mixed += levels_[i] * sums.low[i] + levels_[i + 4] * sums.high[i];
    const float busy = mixed[3];  // covered by any colour
    return Packed((mixed + background_ * std::max(whole - busy, 0.0F)) / std::max(whole, busy));
  }

 private:
  std::array<Levels, kCategories> levels_{};
  Levels background_;
};

/// Where the edge of a pixel lies between two moments.
struct Edge {
  std::size_t bin = 0;
  float share = 0;  ///< of the way to the next moment
};

std::vector<Edge> EdgesOf(const SpanSums& sums, const TimeAxis& axis, int width) {
  std::vector<Edge> edges(static_cast<std::size_t>(width) + 1);
  for (std::size_t x = 0; x < edges.size(); ++x) {
    const double at =
        (static_cast<double>(axis.from() - sums.from()) + static_cast<double>(x) * axis.per_pixel()) /
        static_cast<double>(sums.bin());
    const double clamped = std::clamp(at, 0.0, static_cast<double>(SpanSums::kBins));
    edges[x].bin = std::min(static_cast<std::size_t>(clamped), SpanSums::kBins - 1);
    edges[x].share = static_cast<float>(clamped - static_cast<double>(edges[x].bin));
  }
  return edges;
}

/// Of a row the time in each pixel, in units.
void AddFromSums(const SpanSums& sums, int row, const std::vector<Edge>& edges, std::vector<Sums>* pixels) {
  struct Until {
    Counts low, high;
    Sums part;
  };
  const auto at = [&](const Edge& edge) {
    const std::uint32_t* below = sums.Until(row, edge.bin);
    const Counts low = CountsAt(below), high = CountsAt(below + 4);
    const Counts next_low = CountsAt(below + kCategories), next_high = CountsAt(below + kCategories + 4);
    return Until{low, high, {AsLevels(next_low - low) * edge.share, AsLevels(next_high - high) * edge.share}};
  };
  Until from = at(edges[0]);
  for (std::size_t x = 0; x < pixels->size(); ++x) {
    const Until to = at(edges[x + 1]);
    Sums& pixel = (*pixels)[x];
    pixel.low += AsLevels(to.low - from.low) + to.part.low - from.part.low;
    pixel.high += AsLevels(to.high - from.high) + to.part.high - from.part.high;
    from = to;
  }
}

/// The same from the spans, in pixels.
void AddFromSpans(std::span<const LaneSpan> lane, const TimeAxis& axis, std::vector<Sums>* pixels) {
  static constexpr std::array<Levels, 4> kUnit = {Levels{1, 0, 0, 0}, Levels{0, 1, 0, 0}, Levels{0, 0, 1, 0},
                                                  Levels{0, 0, 0, 1}};
  const auto [first, last] = InView(lane, axis.from(), axis.to());
  const double scale = 1 / axis.per_pixel(), width = static_cast<double>(pixels->size());
  for (std::size_t i = first; i < last; ++i) {
    const double left = std::max(0.0, static_cast<double>(lane[i].start() - axis.from()) * scale);
    const double right = std::min(width, static_cast<double>(lane[i].end() - axis.from()) * scale);
    if (right <= left) continue;
    const Levels one = kUnit[lane[i].category() % 4];
    Levels Sums::*const half = lane[i].category() < 4 ? &Sums::low : &Sums::high;
    const auto from = static_cast<std::size_t>(left),
               to = std::min(static_cast<std::size_t>(right), pixels->size() - 1);
    if (from == to) {
      (*pixels)[from].*half += one * static_cast<float>(right - left);
      continue;
    }
    (*pixels)[from].*half += one * static_cast<float>(static_cast<double>(from + 1) - left);
    for (std::size_t x = from + 1; x < to; ++x) (*pixels)[x].*half += one;
    (*pixels)[to].*half += one * static_cast<float>(right - static_cast<double>(to));
  }
}

}  // namespace

SpanSums::SpanSums(const SpanLanes& lanes, std::span<const int> row_of_lane) {
  ORRERY_CHECK(row_of_lane.size() == static_cast<std::size_t>(lanes.lanes()), "each lane wants a row");
  for (const int row : row_of_lane) rows_ = std::max(rows_, row + 1);
  const auto [from, to] = lanes.Limits();
  from_ = from;
  bin_ = (to - from + static_cast<std::int64_t>(kBins) - 1) / static_cast<std::int64_t>(kBins);
  const auto members = LanesOfRows(row_of_lane, rows_);
  // Signed differences of 32 bits are what the picture subtracts.
  std::size_t most_lanes = 1;
  for (const std::vector<int>& row : members) most_lanes = std::max(most_lanes, row.size());
  int shift = 0;
  while ((static_cast<std::uint64_t>(to - from) * most_lanes >> shift) > 0x7fffffffU) ++shift;
  unit_ = std::int64_t{1} << shift;
  sums_.resize(static_cast<std::size_t>(rows_) * (kBins + 1) * kCategories);
  std::vector<std::uint64_t> bins((kBins + 1) * kCategories);
  std::uint32_t* out = sums_.data();
  for (const std::vector<int>& row : members) {
    std::fill(bins.begin(), bins.end(), 0);
    for (const int lane : row) AddLane(lanes.Lane(lane), from_, bin_, &bins);
    std::array<std::uint64_t, kCategories> until{};
    for (std::size_t edge = 0; edge <= kBins; ++edge)
      for (std::size_t c = 0; c < kCategories; ++c) {
        *out++ = static_cast<std::uint32_t>(until[c] >> shift);
        until[c] += bins[edge * kCategories + c];
      }
  }
}

std::array<std::int64_t, LaneSpan::kCategories> SpanSums::Between(int row, std::size_t first,
                                                                  std::size_t last) const {
  std::array<std::int64_t, LaneSpan::kCategories> sums;
  for (std::size_t c = 0; c < sums.size(); ++c)
    sums[c] = static_cast<std::int64_t>(Until(row, last)[c] - Until(row, first)[c]) * unit_;
  return sums;
}

void DrawOverview(const SpanLanes& lanes, std::span<const int> row_of_lane, const SpanSums& sums,
                  const TimeAxis& axis, const LaneColours& colours, int width, int height,
                  std::span<std::uint32_t> pixels) {
  ORRERY_CHECK(pixels.size() == static_cast<std::size_t>(width) * static_cast<std::size_t>(height),
               "a picture of another size");
  const Mixer mix(colours);
  const TimeAxis fine = axis.Scaled(width / axis.width());
  const bool from_spans = fine.per_pixel() < static_cast<double>(sums.bin()) / 8;
  const auto members = from_spans ? LanesOfRows(row_of_lane, sums.rows()) : std::vector<std::vector<int>>();
  const auto edges = EdgesOf(sums, fine, width);
  const double pixel_in_sums = from_spans ? 1.0 : fine.per_pixel() / static_cast<double>(sums.unit());
  std::vector<Sums> line(static_cast<std::size_t>(width));
  int drawn = -1;  // the row that `line` holds
  for (int y = 0; y < height; ++y) {
    const int first = static_cast<int>(static_cast<std::int64_t>(y) * sums.rows() / height);
    const int last =
        std::max(first + 1, static_cast<int>(static_cast<std::int64_t>(y + 1) * sums.rows() / height));
    const auto out = pixels.subspan(static_cast<std::size_t>(y) * static_cast<std::size_t>(width),
                                    static_cast<std::size_t>(width));
    if (drawn == first && last == first + 1) {  // rows taller than a pixel
      std::copy_n(out.data() - width, width, out.data());
      continue;
    }
    std::fill(line.begin(), line.end(), Sums{});
    for (int row = first; row < last; ++row) {
      if (from_spans)
        for (const int lane : members[static_cast<std::size_t>(row)])
          AddFromSpans(lanes.Lane(lane), fine, &line);
      else
        AddFromSums(sums, row, edges, &line);
    }
    const auto whole = static_cast<float>(pixel_in_sums * (last - first));
    for (std::size_t x = 0; x < line.size(); ++x) out[x] = mix(line[x], whole);
    drawn = last == first + 1 ? first : -1;
  }
}

}  // namespace orrery::gui
