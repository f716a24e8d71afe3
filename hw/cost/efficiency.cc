#include "hw/cost/efficiency.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/op/op_traits.h"
#include "hw/cost/roofline.h"

namespace orrery::hw {
namespace {

constexpr std::size_t kNearest = 6;
/// Between lines the weight falls with the cube of the distance: nearer shapes decide, as befits a ratio that
/// the analytic model has already made flat. A query between two points of a line is this share of its
/// distance to the nearer one away from the line, so that a sparse line does not silence a dense one beside
/// it. Chosen, as the weights here are, by leave-one-out error over the H800 tables.
constexpr float kSparse = 0.25F;
/// A borrowed line counts as if one factor of e further away (added to the squared distance).
constexpr float kBorrowedPenalty = 1;
/// ln(132/112) = 0.16 becomes 1: a row for another share of the SMs ranks like one of another shape.
constexpr float kSmWeight = 6;
/// Where the share of the SMs stands. Rows on all of a device's SMs also tell of a kernel that leaves 20 of 132
/// to an exchange, by the waves that the analytic model counts on both: such a price is derived. What it is off by,
/// the H800's rows on 112 and on 132 SMs tell (`derived` of hw/data/price-errors.yaml).
constexpr std::size_t kSmFeature = kFeatures - 1;

/// Whether decode attention is bound by memory or by tensor cores decides its efficiency (0.93 and 0.56 of
/// the data sheet in the H800 tables), so a factor in operations per byte of cache counts twice.
constexpr float kIntensityWeight = 2;

float Ln(std::int64_t v) { return std::log(static_cast<float>(std::max<std::int64_t>(v, 1))); }

/// ln(operations per cached element): query rows that share a key, times the widths of key and value over
/// what is stored.
float LogIntensity(const AttentionShape& s) {
  return Ln(s.heads / s.kv_heads) + Ln(s.q_len) + (IsLatent(s) ? Ln(s.d_qk + s.d_v) - Ln(s.d_qk) : 0.0F);
}

/// A latent without a part for the rotation takes the efficiency of the measured kernels, which have one (d_c
/// / 8, as in every published MLA).
AttentionShape AsMeasured(AttentionShape s) {
  if (s.latent && s.d_qk == s.d_v) s.d_qk += s.d_v / 8;
  return s;
}

struct ShapeFeatures {
  OpKind kind;
  float sm;

  Features operator()(const GemmShape& s) const {
    const Ragged ragged = Traits(kind).ragged;
    if (ragged == Ragged::kK) {
      return {Ln(CeilDiv(s.k, s.groups)), Ln(s.m), Ln(s.n), Ln(s.groups), 0, 0, 0, sm};
    }
    const bool total = ragged != Ragged::kNone;
    return {Ln(total ? CeilDiv(s.m, s.groups) : s.m), Ln(s.n), Ln(s.k), Ln(s.groups), 0, 0, 0, sm};
  }
  Features operator()(const AttentionShape& own) const {
    const AttentionShape s = AsMeasured(own);
    const float kv = Ln(s.kv_len), q = Ln(s.q_len), wide = s.causal ? 0.0F : 1.0F;
    if (kind == OpKind::kAttentionDecode) {
      return {kv,
              Ln(s.batch),
              kIntensityWeight * LogIntensity(s),
              0.5F * Ln(s.kv_heads),
              0.5F * Ln(s.d_qk),
              IsLatent(s) ? 1.0F : 0.0F,
              0,
              sm};
    }
    return {q, Ln(s.batch), kv - q, Ln(s.heads / s.kv_heads), Ln(s.kv_heads), Ln(s.d_qk), wide, sm};
  }
  Features operator()(const RowsShape& s) const {
    const Bytes bytes = Op{kind, s, {}}.bytes();
    return {Ln(s.rows), Ln(s.cols), Ln(bytes.count) - Ln(s.rows) - Ln(s.cols)};
  }
};

/// The lines nearest to a query, nearest first.
struct Nearest {
  struct Entry {
    float squared = 0, log_ratio = 0, log_beside = 0;
    int table = kNoTable;
    bool derived = false;
  };
  std::array<Entry, kNearest> entries{};
  std::size_t count = 0;

  void Offer(const Entry& entry) {
    if (count == kNearest && entry.squared >= entries[kNearest - 1].squared) return;
    std::size_t slot = count < kNearest ? count++ : kNearest - 1;
    for (; slot > 0 && entries[slot - 1].squared > entry.squared; --slot) entries[slot] = entries[slot - 1];
    entries[slot] = entry;
  }

  Efficiency Mean() const {
    Efficiency mean;
    mean.table = count > 0 ? entries[0].table : kNoTable;
    mean.derived = count > 0 && entries[0].derived;
    double total = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const Entry& e = entries[i];
      if (e.squared == 0) return {e.log_ratio, e.log_beside, false, e.derived, e.table};
      const double weight = 1 / (static_cast<double>(e.squared) * std::sqrt(e.squared));
      total += weight;
      mean.log_ratio += weight * e.log_ratio;
      mean.log_beside += weight * e.log_beside;
    }
    mean.log_ratio /= total;
    mean.log_beside /= total;
    return mean;
  }
};

/// Squared distance in all coordinates but the first.
float SquaredDistance(const Features& a, const Features& b) {
  float sum = 0;
  for (std::size_t i = 1; i < kFeatures; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

}  // namespace

double Distance(const Features& a, const Features& b) {
  double squares = 0;
  for (std::size_t i = 0; i < kFeatures; ++i) squares += std::pow(double{a[i]} - double{b[i]}, 2);
  return std::sqrt(squares);
}

Features FeaturesOf(const Op& op, double sm_share) {
  return std::visit(ShapeFeatures{op.kind, kSmWeight * static_cast<float>(std::log(sm_share))}, op.shape);
}

void EfficiencyMap::Add(const EfficiencyPoint& point) {
  const std::size_t index = points_.size();
  points_.push_back(point);
  const bool scaled = point.scaled || point.borrowed;
  auto line = std::find_if(lines_.begin(), lines_.end(), [&](const Line& l) {
    return l.borrowed == point.borrowed && l.scaled == scaled && SquaredDistance(l.at, point.at) < 1e-8F;
  });
  if (line == lines_.end()) {
    line = lines_.insert(lines_.end(), Line{point.at, point.borrowed, scaled, {}});
    line->at[0] = 0;
  }
  const auto place =
      std::upper_bound(line->points.begin(), line->points.end(), index,
                       [&](std::size_t a, std::size_t b) { return points_[a].at[0] < points_[b].at[0]; });
  line->points.insert(place, index);
  own_ = own_ || !point.borrowed;
  if (scaled) return;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    low_[i] = here_ ? std::min(low_[i], point.at[i]) : point.at[i];
    high_[i] = here_ ? std::max(high_[i], point.at[i]) : point.at[i];
  }
  here_ = true;
}

template <class Skips>
EfficiencyMap::Reading EfficiencyMap::Read(const Line& line, float x, const Skips& skips) const {
  const EfficiencyPoint* below = nullptr;
  const EfficiencyPoint* above = nullptr;
  for (const std::size_t i : line.points) {
    if (skips(i)) continue;
    const EfficiencyPoint& point = points_[i];
    if (point.at[0] <= x) below = &point;
    if (point.at[0] >= x) {
      above = &point;
      break;
    }
  }
  if (below == nullptr && above == nullptr) return {};
  if (below == nullptr || above == nullptr) {
    const EfficiencyPoint& end = below != nullptr ? *below : *above;
    const float distance = std::abs(x - end.at[0]);
    return {end.log_ratio, end.log_beside, distance, distance, end.table, end.derived, true};
  }
  const float gap = above->at[0] - below->at[0];
  const float t = gap > 0 ? (x - below->at[0]) / gap : 0;
  return {below->log_ratio + t * (above->log_ratio - below->log_ratio),
          below->log_beside + t * (above->log_beside - below->log_beside),
          0,
          std::min(t, 1 - t) * gap,
          (t < 0.5F ? below : above)->table,
          (t < 0.5F ? below : above)->derived,
          true};
}

EfficiencyMap::Place EfficiencyMap::PlaceOf(const Features& at) const {
  constexpr float kSlack = 1e-4F;
  Place place = here_ ? Place::kInside : Place::kOutside;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    const bool below = at[i] < low_[i] - kSlack;
    if (below && i == kSmFeature) {
      place = std::max(place, Place::kOnFewerSms);
    } else if (below || at[i] > high_[i] + kSlack) {
      return Place::kOutside;
    }
  }
  return place;
}

template <class Lines, class Skips>
std::optional<Efficiency> EfficiencyMap::Interpolate(const Features& at, const Lines& lines,
                                                     const Skips& skips) const {
  Nearest nearest;
  float own_squared = std::numeric_limits<float>::infinity();
  for (const Line& line : lines) {
    const Reading reading = Read(line, at[0], skips);
    if (!reading.any) continue;
    const float across = SquaredDistance(at, line.at);
    const float sparse = kSparse * reading.nearest;
    const float penalty = own_ && line.borrowed ? kBorrowedPenalty : 0;
    if (!line.scaled) own_squared = std::min(own_squared, across + reading.nearest * reading.nearest);
    nearest.Offer({across + reading.beyond * reading.beyond + sparse * sparse + penalty, reading.log_ratio,
                   reading.log_beside, reading.table, reading.derived});
  }
  if (nearest.count == 0) return std::nullopt;
  Efficiency result = nearest.Mean();
  const Place place = PlaceOf(at);
  result.inside = own_squared <= kNear * kNear && place != Place::kOutside;
  result.derived = result.derived || place == Place::kOnFewerSms;
  return result;
}

Efficiency EfficiencyMap::At(const Features& at, std::size_t without) const {
  return *Interpolate(at, lines_, [without](std::size_t i) { return i == without; });
}

std::optional<Efficiency> EfficiencyMap::AtFar(const Features& at) const {
  const auto skips = [&](std::size_t i) {
    return points_[i].borrowed || Distance(points_[i].at, at) <= double{kNear};
  };
  // As a map of the other points alone would have them: in the order of their first points, and lying where those do.
  std::vector<std::pair<std::size_t, Line>> by_first;
  for (const Line& line : lines_) {
    std::size_t first = kNone;
    for (const std::size_t i : line.points) {
      if (i < first && !skips(i)) first = i;
    }
    if (first == kNone) continue;
    by_first.emplace_back(first, line);
    by_first.back().second.at = points_[first].at;
    by_first.back().second.at[0] = 0;
  }
  std::sort(by_first.begin(), by_first.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Line> lines;
  for (auto& [first, line] : by_first) lines.push_back(std::move(line));
  return Interpolate(at, lines, skips);
}

}  // namespace orrery::hw
