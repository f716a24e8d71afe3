#include "models/routing/balance/converged_bias.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/routing/balance/fixed_point.h"
#include "models/routing/balance/margins.h"

namespace orrery::models {
namespace {

/// Biases that are the same in every domain.
class CommonBias {
 public:
  CommonBias(const RoutedText& text, std::span<const double> share, const BalanceRule& sigmoid_rule)
      : text_(text),
        share_(share),
        per_log_load_(AffinityPerLogLoad(text)),
        rule_(Scaled(sigmoid_rule, per_log_load_)),
        bias_(static_cast<std::size_t>(text.gate().experts)) {}

  ConvergedBiases Solve() {
    TakeRoughSteps();
    Note();
    if (best_.off <= Tolerance()) return Best();
    for (const int documents : {std::max(1, text_.documents() / 4), text_.documents()})
      MoveExactly(documents);
    return Best();
  }

 private:
  static constexpr int kCoarseSteps = 10;  // on a quarter of the text
  static constexpr int kFineSteps = 20;    // on all of it, at most
  static constexpr double kSettledLogLoad = 0.035;
  static constexpr int kMoves = 40;     // at most, of every expert at once
  static constexpr int kPatience = 12;  // moves that bring nothing
  static constexpr double kShrink = 0.6, kGrow = 1.2;

  bool loss_free() const { return rule_.strategy == Strategy::kLossFree; }
  double Tolerance() const { return Closeness(text_, share_); }

  std::vector<double> Loads(int documents) const {
    return RelativeLoads(text_.gate(), text_.Route(bias_, documents), share_);
  }

  double Step(double load, double bias) const {
    if (loss_free()) return -per_log_load_ * std::log(std::max(load, kLeastLogLoad));
    return ImplicitStep(bias + rule_.feedback * (load - 1), rule_.feedback, load, per_log_load_);
  }

  /// Newton steps on ln(load), whose slope is about the same wherever experts are many.
  void TakeRoughSteps() {
    std::vector<Gain> gain(bias_.size());
    for (int i = 0; i < kCoarseSteps + kFineSteps; ++i) {
      if (i == kCoarseSteps) gain.assign(bias_.size(), Gain());
      const std::vector<double> load =
          Loads(i < kCoarseSteps ? std::max(1, text_.documents() / 4) : text_.documents());
      double largest = 0;
      for (std::size_t e = 0; e < bias_.size(); ++e) {
        const double step = Step(load[e], double{bias_[e]});
        bias_[e] += static_cast<float>(gain[e].Of(step));
        largest = std::max(largest, std::abs(step));
      }
      if (i >= kCoarseSteps && largest < kSettledLogLoad * per_log_load_) break;
    }
  }

  /// What an expert's bias and load leave of the fixed point, in loads. A weak loss asks for a load little:
  /// the load answers only a part of what is missing.
  double Off(double load, double bias) const {
    if (loss_free()) return std::abs(load - 1);
    return std::abs(bias + rule_.feedback * (load - 1)) / (rule_.feedback + per_log_load_);
  }

  void Note() {
    const std::vector<double> load = Loads(text_.documents());
    const double mean = Mean();
    double off = 0;
    for (std::size_t e = 0; e < load.size(); ++e) off = std::max(off, Off(load[e], double{bias_[e]} - mean));
    if (best_.bias.empty() || off < best_.off) best_.bias = bias_, best_.off = off;
  }

  /// What all have in common no selection feels; at the fixed point it is 0, as loads are 1 in the mean.
  double Mean() const {
    return std::accumulate(bias_.begin(), bias_.end(), 0.0) / static_cast<double>(bias_.size());
  }

  ConvergedBiases Best() {
    best_.tolerance = Tolerance();
    return best_;
  }

  /// Moves every expert to where its load would be right if the others stood still.
  void MoveExactly(int documents) {
    Margins margins(text_, documents);
    std::vector<Gain> gain(bias_.size(), Gain(kShrink, kGrow));
    bias_ = best_.bias;
    double best = best_.off;
    for (int i = 0, idle = 0; i < kMoves && idle < kPatience && best_.off > Tolerance(); ++i) {
      margins.Set(bias_);
      for (std::size_t e = 0; e < bias_.size(); ++e) {
        const double move = margins.MoveOf(e, share_, [&, now = double{bias_[e]}](double by, double load) {
          return loss_free() ? load - 1 : now + by + rule_.feedback * (load - 1);
        });
        bias_[e] += static_cast<float>(gain[e].Of(move));
      }
      const double mean = Mean();
      for (float& b : bias_) b -= static_cast<float>(mean);
      Note();
      idle = best_.off < best ? 0 : idle + 1;
      best = best_.off;
    }
  }

  const RoutedText& text_;
  std::span<const double> share_;
  double per_log_load_;
  BalanceRule rule_;
  std::vector<float> bias_;
  ConvergedBiases best_;
};

}  // namespace

ConvergedBiases ConvergedBias(const RoutedText& text, std::span<const double> share,
                              const BalanceRule& rule) {
  const bool still = rule.strategy == Strategy::kLossFree && !rule.updated;
  if (still || rule.strategy == Strategy::kNone || rule.strategy == Strategy::kBalanced)
    return {std::vector<float>(static_cast<std::size_t>(text.gate().experts)), 0, 0};
  if (PullsDomains(rule.strategy)) return ConvergedDomainBias(text, share, rule);
  return CommonBias(text, share, rule).Solve();
}

}  // namespace orrery::models
