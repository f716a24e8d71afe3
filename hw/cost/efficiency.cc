#include "hw/cost/efficiency.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace orrery::hw {
namespace {

constexpr std::size_t kNearest = 6;
/// The weight of a point falls with the cube of its distance: nearer rows decide, as befits a ratio that the
/// analytic model has already made flat.
constexpr float kSharpness = 3;
/// A borrowed point counts as if one factor of e further away (added to the squared distance).
constexpr float kBorrowedPenalty = 1;
/// Beyond a factor of 8 from every row measured here a price is no longer called measured.
const float kNear = std::log(8.0F);
/// ln(132/112) = 0.16 becomes 1: a row for another share of the SMs ranks like one of another shape.
constexpr float kSmWeight = 6;

float Ln(std::int64_t v) { return std::log(static_cast<float>(std::max<std::int64_t>(v, 1))); }

struct ShapeFeatures {
  OpKind kind;
  float sm;
  Bytes bytes;

  Features operator()(const GemmShape& s) const {
    const bool ragged_m = kind == OpKind::kGroupedGemmFp8 || kind == OpKind::kGroupedGemmFp8Masked;
    const std::int64_t m = ragged_m ? CeilDiv(s.m, s.groups) : s.m;
    const std::int64_t k = kind == OpKind::kGroupedGemmFp8Wgrad ? CeilDiv(s.k, s.groups) : s.k;
    return {Ln(m), Ln(s.n), Ln(k), Ln(s.groups), sm};
  }
  Features operator()(const AttentionShape& s) const {
    return {Ln(s.batch), Ln(s.kv_len), Ln(s.q_len), Ln(s.heads / s.kv_heads), Ln(s.kv_heads), Ln(s.d_qk),
            s.causal ? 0.0F : 1.0F, sm};
  }
  Features operator()(const RowsShape& s) const { return {Ln(s.rows), Ln(s.cols), Ln(bytes.count)}; }
};

/// The nearest points of a query, nearest first.
struct Nearest {
  std::array<float, kNearest> squared{};
  std::array<std::size_t, kNearest> index{};
  std::size_t count = 0;

  void Offer(float distance, std::size_t i) {
    if (count == kNearest && distance >= squared[kNearest - 1]) return;
    std::size_t slot = count < kNearest ? count++ : kNearest - 1;
    for (; slot > 0 && squared[slot - 1] > distance; --slot) {
      squared[slot] = squared[slot - 1];
      index[slot] = index[slot - 1];
    }
    squared[slot] = distance;
    index[slot] = i;
  }
};

float SquaredDistance(const Features& a, const Features& b) {
  float sum = 0;
  for (std::size_t i = 0; i < kFeatures; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

}  // namespace

Features FeaturesOf(const Op& op, double sm_share) {
  return std::visit(ShapeFeatures{op.kind, kSmWeight * static_cast<float>(std::log(sm_share)), op.bytes}, op.shape);
}

void EfficiencyMap::Add(const EfficiencyPoint& point) {
  points_.push_back(point);
  if (point.borrowed) return;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    low_[i] = own_ ? std::min(low_[i], point.at[i]) : point.at[i];
    high_[i] = own_ ? std::max(high_[i], point.at[i]) : point.at[i];
  }
  own_ = true;
}

bool EfficiencyMap::InsideBox(const Features& at) const {
  constexpr float kSlack = 1e-4F;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    if (at[i] < low_[i] - kSlack || at[i] > high_[i] + kSlack) return false;
  }
  return own_;
}

Efficiency EfficiencyMap::At(const Features& at, std::size_t without) const {
  Nearest nearest;
  float own_squared = std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < points_.size(); ++i) {
    if (i == without) continue;
    const float squared = SquaredDistance(at, points_[i].at);
    if (!points_[i].borrowed) own_squared = std::min(own_squared, squared);
    nearest.Offer(squared + (own_ && points_[i].borrowed ? kBorrowedPenalty : 0), i);
  }
  Efficiency result;
  result.inside = own_squared <= kNear * kNear && InsideBox(at);
  double total = 0;
  for (std::size_t n = 0; n < nearest.count; ++n) {
    const EfficiencyPoint& point = points_[nearest.index[n]];
    if (nearest.squared[n] == 0) return {point.log_ratio, point.log_beside, result.inside};
    const double weight = std::pow(nearest.squared[n], -0.5 * kSharpness);
    total += weight;
    result.log_ratio += weight * point.log_ratio;
    result.log_beside += weight * point.log_beside;
  }
  result.log_ratio /= total;
  result.log_beside /= total;
  return result;
}

}  // namespace orrery::hw
