#include "models/routing/balance/margins.h"

#include <algorithm>
#include <cmath>

#include "models/routing/gate/ordered_floats.h"

namespace orrery::models {
namespace {

constexpr float kFar = 1e30f;  // a margin that no bias closes
constexpr int kHalvings = 16;  // of the way from the token that decides
constexpr double kNearer = 2;  // times what is left next to it

/// The three best scores of a group. The score of the group is the sum of the first two, or the first where
/// the group has one expert.
struct GroupBest {
  float first = -kFar, second = -kFar, third = -kFar;
  bool single = false;

  void Add(float x) {
    third = std::max(third, std::min(second, x));
    second = std::max(second, std::min(first, x));
    first = std::max(first, x);
  }
  float score() const { return single ? first : first + second; }
  /// How far a member of `x` may fall until the group's score is `edge`.
  float Fall(float x, float edge) const {
    const float to = score() - edge;
    if (single) return to;
    return x >= second && to <= x - third ? to : kFar;
  }
  /// How far a member of `x` must rise until the group's score is `edge`.
  float Rise(float x, float edge) const { return edge - x - (single ? 0 : x >= first ? second : first); }
};

/// The scores at which the selection of one token changes, of groups and of experts.
class TokenEdge {
 public:
  explicit TokenEdge(const GateShape& gate)
      : gate_(gate),
        size_(static_cast<std::size_t>(gate.experts / gate.groups)),
        group_(static_cast<std::size_t>(gate.groups)) {}

  void Set(std::span<const float> score) {
    SetGroups(score);
    kept_.clear();
    for (std::size_t e = 0; e < score.size(); ++e)
      if (group_[e / size_].score() >= last_kept_) kept_.push_back(score[e]);
    const auto k = static_cast<std::ptrdiff_t>(gate_.top_k);
    std::nth_element(kept_.begin(), kept_.begin() + k - 1, kept_.end(), std::greater<>());
    selected_ = kept_[static_cast<std::size_t>(k - 1)];
    next_ = kept_.begin() + k < kept_.end() ? *std::max_element(kept_.begin() + k, kept_.end()) : -kFar;
  }

  float Margin(std::size_t expert, float score) const {
    const GroupBest& group = group_[expert / size_];
    if (group.score() < last_kept_) return -std::max(group.Rise(score, last_kept_), selected_ - score);
    if (score < selected_) return score - selected_;
    return std::min(score - next_, group.Fall(score, first_left_));
  }

 private:
  void SetGroups(std::span<const float> score) {
    for (std::size_t g = 0; g < group_.size(); ++g) {
      group_[g] = {};
      group_[g].single = size_ == 1;
      for (std::size_t e = g * size_; e < (g + 1) * size_; ++e) group_[g].Add(score[e]);
    }
    order_.clear();
    for (const GroupBest& g : group_) order_.push_back(g.score());
    std::sort(order_.begin(), order_.end(), std::greater<>());
    const auto kept = static_cast<std::size_t>(gate_.top_groups);
    last_kept_ = order_[kept - 1];
    first_left_ = kept < order_.size() ? order_[kept] : -kFar;
  }

  GateShape gate_;
  std::size_t size_;
  std::vector<GroupBest> group_;
  std::vector<float> order_, kept_;
  float last_kept_ = 0, first_left_ = 0;  ///< scores of groups
  float selected_ = 0, next_ = 0;         ///< the k-th score of the kept groups, and the one after it
};

/// The value half way from `key` to the next token's key below or above it, where a token has this key; else
/// its value.
float HalfWay(std::span<const std::int32_t> keys, std::int32_t key, bool below) {
  if (std::find(keys.begin(), keys.end(), key) == keys.end()) return OfKey(key);
  std::int32_t next = below ? kLowestKey : kHighestKey;
  for (const std::int32_t k : keys) {
    if (below && k < key) next = std::max(next, k);
    if (!below && k > key) next = std::min(next, k);
  }
  const float x = OfKey(key), y = OfKey(next);
  return std::abs(y) < kFar ? x + (y - x) / 2 : x;
}

}  // namespace

Margins::Margins(const RoutedText& text, int documents)
    : text_(text),
      domains_(static_cast<std::size_t>(text.domains())),
      tokens_(static_cast<std::size_t>(documents) * RoutedText::kDocumentTokens) {}

void Margins::Set(std::span<const float> bias, const RunControl& control) {
  const auto n = static_cast<std::size_t>(text_.gate().experts);
  margin_.resize(domains_ * tokens_ * n);
  TokenEdge edge(text_.gate());
  std::vector<float> score(n);
  for (std::size_t d = 0; d < domains_; ++d) {
    control.Check();
    const std::span<const float> affinity = text_.affinity(static_cast<int>(d));
    const float* b = bias.data() + (bias.size() > n ? d * n : 0);
    float* out = margin_.data() + d * tokens_ * n;
    for (std::size_t t = 0; t < tokens_; ++t) {
      const std::size_t at = t / kLanes * n * kLanes + t % kLanes;
      for (std::size_t e = 0; e < n; ++e) score[e] = affinity[at + e * kLanes] + b[e];
      edge.Set(score);
      for (std::size_t e = 0; e < n; ++e) out[at + e * kLanes] = edge.Margin(e, score[e]);
    }
  }
}

double Margins::MoveOf(std::size_t expert, std::span<const double> share,
                       const std::function<double(double, double)>& excess) const {
  const auto n = static_cast<std::size_t>(text_.gate().experts);
  const double even = static_cast<double>(tokens_) * text_.gate().top_k / text_.gate().experts;
  std::vector<std::int32_t> keys;
  std::vector<double> weight;
  for (std::size_t d = 0; d < domains_; ++d) {
    if (share[d] <= 0) continue;
    weight.push_back(share[d] / even);
    keys.resize(keys.size() + tokens_);
    GatherKeys(std::span(margin_).subspan(d * tokens_ * n, tokens_ * n), n, expert,
               std::span(keys).last(tokens_));
  }
  const auto at = [&](std::int32_t threshold) {
    double load = 0;
    for (std::size_t i = 0; i < weight.size(); ++i)
      load += weight[i] * CountReaching(std::span(keys).subspan(i * tokens_, tokens_), threshold);
    return excess(-double{OfKey(threshold)}, load);
  };
  const std::int32_t edge = HighestReaching(KeyOf(-kFar), KeyOf(kFar), 0.0, at);
  const bool take = std::abs(at(edge)) <= std::abs(at(edge + 1));
  // Under a loss the excess grows with the move itself too. Where the gap to the next token is wide, half of
  // it may be too far from the edge, so the way there is halved until the excess is about as small as next to
  // the edge.
  const auto excess_at = [&](float threshold) { return std::abs(at(KeyOf(threshold))); };
  const double least = std::min(std::abs(at(edge)), std::abs(at(edge + 1)));
  float threshold = HalfWay(keys, edge, take);
  for (int i = 0; i < kHalvings && threshold != OfKey(edge) && excess_at(threshold) > kNearer * least; ++i)
    threshold = OfKey(edge) + (threshold - OfKey(edge)) / 2;
  const double move = -double{threshold};
  return std::abs(move) < double{kFar} / 4 ? move : 0.0;
}

}  // namespace orrery::models
