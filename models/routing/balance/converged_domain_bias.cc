#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "models/routing/balance/fixed_point.h"
#include "models/routing/balance/margins.h"

namespace orrery::models {
namespace {

/// Several terms answer the same excess at once, and a whole group moves more than its experts alone: steps
/// start small and shrink, so that every term settles.
double Damping(int step) { return 0.4 / (1 + step / 8.0); }

/// What one domain's tokens do, and the whole mix's; then what the loss counts of both, 1 where balanced.
struct Loads {
  std::vector<double> expert, device, reach;  ///< [experts], [groups], [groups]
};

Loads LoadsOf(const GateShape& gate, std::span<const std::uint16_t> selected) {
  const auto groups = static_cast<std::size_t>(gate.groups), k = static_cast<std::size_t>(gate.top_k);
  const std::size_t size = static_cast<std::size_t>(gate.experts) / groups;
  const std::vector<double> one{1.0};
  Loads out{RelativeLoads(gate, selected, one), std::vector<double>(groups), std::vector<double>(groups)};
  for (std::size_t e = 0; e < out.expert.size(); ++e)
    out.device[e / size] += out.expert[e] / static_cast<double>(size);
  const double even = static_cast<double>(selected.size() / k) * gate.top_groups / gate.groups;
  VisitGroups(gate, selected, [&](std::size_t g) { out.reach[g] += 1 / even; });
  return out;
}

void AddTo(Loads* sum, double a, const Loads& x) {
  for (auto [to, from] :
       {std::pair{&sum->expert, &x.expert}, {&sum->device, &x.device}, {&sum->reach, &x.reach}})
    for (std::size_t i = 0; i < from->size(); ++i) (*to)[i] += a * (*from)[i];
}

/// The biases of every domain. What a loss counts is 1 / documents of the token's own domain and the mix for
/// the rest, so its pull is a part that each domain has of its own and one they have in common; the latter is
/// the mix's loss-free bias where there is one, which leaves a loss nothing of the mix to pull at.
class DomainBias {
 public:
  DomainBias(const RoutedText& text, std::span<const double> share, const BalanceRule& sigmoid_rule)
      : text_(text),
        share_(share),
        per_log_load_(AffinityPerLogLoad(text)),
        rule_(Scaled(sigmoid_rule, per_log_load_)),
        experts_(static_cast<std::size_t>(text.gate().experts)),
        groups_(static_cast<std::size_t>(text.gate().groups)),
        pull_(share.size() + 1, Zero()),
        load_(share.size() + 1),
        bias_(share.size() * experts_) {}

  ConvergedBiases Solve() {
    for (int step = 0; step < kRoughSteps; ++step) {
      Count();
      Note();
      TakeRoughStep(Damping(step));
    }
    Count();
    Note();
    if (!best_.converged()) MoveExactly();
    return best_;
  }

 private:
  static constexpr int kRoughSteps = 48;
  static constexpr int kMoves = 60, kPatience = 8;  // as in converged_bias.cc, a round
  static constexpr double kLeastDamping = 0.02;     // of a round
  static constexpr double kShrink = 0.6, kGrow = 1.2;
  static constexpr double kGroupDamping = 0.1;

  /// Of one domain's experts, whose loads are 10 or 20 times as many and a few thousand tokens' each: there
  /// whole groups change hands.
  static constexpr double kCloseDomain = 0.1;

  std::size_t common() const { return share_.size(); }  ///< index of what domains have in common
  std::size_t GroupOf(std::size_t e) const { return e * groups_ / experts_; }
  bool LossFree(std::size_t part) const {
    return part == common() && rule_.strategy == Strategy::kLossFreePlus && rule_.updated;
  }
  /// Share of a loss's feedback that acts on a part's load.
  double Counted(std::size_t part) const {
    return part == common() ? 1 - 1 / rule_.documents : 1 / rule_.documents;
  }

  Loads Zero() const {
    return {std::vector<double>(experts_), std::vector<double>(groups_), std::vector<double>(groups_)};
  }

  /// Sums up the biases and counts what they make of each domain and of the mix.
  void Count() {
    const Loads& all = pull_[common()];
    for (std::size_t i = 0; i < bias_.size(); ++i) {
      const std::size_t e = i % experts_, g = GroupOf(e);
      const Loads& own = pull_[i / experts_];
      bias_[i] = static_cast<float>(all.expert[e] + all.device[g] + all.reach[g] + own.expert[e] +
                                    own.device[g] + own.reach[g]);
    }
    load_[common()] = Zero();
    for (std::size_t d = 0; d < common(); ++d) {
      const auto mine = std::span(bias_).subspan(d * experts_, experts_);
      load_[d] = LoadsOf(text_.gate(), text_.RouteDomain(static_cast<int>(d), mine));
      AddTo(&load_[common()], share_[d], load_[d]);
    }
  }

  /// A damped step of pull = -part of the feedback * (load - 1).
  void Pull(double feedback, std::size_t part, double damping, const std::vector<double>& load,
            std::vector<double>* pull) const {
    for (std::size_t i = 0; i < load.size(); ++i) {
      const double residual = (*pull)[i] + Counted(part) * feedback * (load[i] - 1);
      (*pull)[i] += damping * ImplicitStep(residual, feedback, load[i], per_log_load_);
    }
  }

  void PullGroups(std::size_t part, double damping) {
    Pull(rule_.device_feedback, part, damping, load_[part].device, &pull_[part].device);
    Pull(rule_.communication_feedback, part, damping, load_[part].reach, &pull_[part].reach);
  }

  void TakeRoughStep(double damping) {
    for (std::size_t part = 0; part <= common(); ++part) {
      if (LossFree(part)) {
        for (std::size_t e = 0; e < experts_; ++e)
          pull_[part].expert[e] -=
              damping * per_log_load_ * std::log(std::max(load_[part].expert[e], kLeastLogLoad));
      } else {
        Pull(rule_.feedback, part, damping, load_[part].expert, &pull_[part].expert);
      }
      PullGroups(part, damping);
    }
  }

  /// What the losses ask of an expert's bias in one part for what they count there.
  double Asked(std::size_t part, std::size_t e) const {
    const Loads& c = load_[part];
    const std::size_t g = GroupOf(e);
    return -Counted(part) * (rule_.feedback * (c.expert[e] - 1) + rule_.device_feedback * (c.device[g] - 1) +
                             rule_.communication_feedback * (c.reach[g] - 1));
  }

  /// Takes the biases where they are nearer to the fixed point than the best so far: in loads, relative to
  /// what counts as converged. A shift of a whole domain's biases is no distance.
  bool Note() {
    ConvergedBiases now{{}, 0, kCloseDomain + kCloseTokens * LoadOfToken(text_)};
    for (std::size_t d = 0; d < common(); ++d) now.off = std::max(now.off, DomainOff(Left(d)));
    if (LossFree(common())) {
      double off = 0;
      for (const double x : load_[common()].expert) off = std::max(off, std::abs(x - 1));
      if (const double close = Closeness(text_, share_); off / close > now.off / now.tolerance)
        now.off = off, now.tolerance = close;
    }
    if (!best_.bias.empty() && now.off / now.tolerance >= best_.off / best_.tolerance) return false;
    best_ = std::move(now);
    best_.bias = bias_;
    best_pull_ = pull_;
    return true;
  }

  /// In loads: what is left of whole groups answers all the losses, of an expert within its group the expert
  /// level's alone.
  double DomainOff(const std::vector<double>& left) const {
    const double group =
        rule_.feedback + per_log_load_ + rule_.device_feedback + rule_.communication_feedback;
    const auto mean = [&](std::size_t first, std::size_t count) {
      const auto from = left.begin() + static_cast<std::ptrdiff_t>(first);
      return std::accumulate(from, from + static_cast<std::ptrdiff_t>(count), 0.0) /
             static_cast<double>(count);
    };
    const std::size_t size = experts_ / groups_;
    const double all = mean(0, experts_);
    double off = 0;
    for (const double x : OffInGroups(left)) off = std::max(off, x);
    for (std::size_t e = 0; e < experts_; e += size)
      off = std::max(off, std::abs(mean(e, size) - all) / group);
    return off;
  }

  /// The same of each expert within its group.
  std::vector<double> OffInGroups(const std::vector<double>& left) const {
    const std::size_t size = experts_ / groups_;
    std::vector<double> off(left), of_group(groups_);
    for (std::size_t e = 0; e < experts_; ++e) of_group[GroupOf(e)] += left[e] / static_cast<double>(size);
    for (std::size_t e = 0; e < experts_; ++e)
      off[e] = std::abs(left[e] - of_group[GroupOf(e)]) / (rule_.feedback + per_log_load_);
    return off;
  }

  /// What a domain's biases [experts] are over what is asked of them.
  std::vector<double> Left(std::size_t d) const {
    std::vector<double> left(experts_);
    for (std::size_t e = 0; e < experts_; ++e) {
      const double mix = LossFree(common()) ? pull_[common()].expert[e] : Asked(common(), e);
      left[e] = double{bias_[d * experts_ + e]} - Asked(d, e) - mix;
    }
    return left;
  }

  /// Moves in rounds from the best biases so far. The parts a domain's biases are made of upset each other
  /// where many tokens lie close to one edge of selection, so after the first round only experts that are off
  /// move in their domain, and what moves all of them, groups and the common part, moves less and less.
  void MoveExactly() {
    Margins margins(text_, text_.documents());
    for (double damping = 1; damping > kLeastDamping && !best_.converged(); damping /= 2)
      MoveFromBest(damping, &margins);
  }

  /// Moves what the domains have in common, then what they have of their own, and so on.
  void MoveFromBest(double damping, Margins* margins) {
    std::vector<std::vector<Gain>> gain(pull_.size(), std::vector<Gain>(experts_, Gain(kShrink, kGrow)));
    pull_ = best_pull_;
    Count();
    for (int i = 0, idle = 0; i < kMoves && idle < kPatience && !best_.converged(); ++i) {
      margins->Set(bias_);
      if (i % 2 == 0) {
        MovePart(*margins, common(), damping, std::vector<bool>(experts_, true), &gain[common()]);
      } else {
        for (std::size_t d = 0; d < common(); ++d)
          MovePart(*margins, d, damping, damping < 1 ? ExpertsOff(d) : std::vector<bool>(experts_, true),
                   &gain[d]);
      }
      Count();
      idle = Note() ? 0 : idle + 1;
    }
  }

  /// Those that are more than half as far off as counts as converged.
  std::vector<bool> ExpertsOff(std::size_t d) const {
    std::vector<bool> off;
    for (const double x : OffInGroups(Left(d))) off.push_back(x >= best_.tolerance / 2);
    return off;
  }

  /// Moves each of the experts in `moving` to where it would be right if the others stood still.
  void MovePart(const Margins& margins, std::size_t part, double damping, const std::vector<bool>& moving,
                std::vector<Gain>* gain) {
    std::vector<double> share(share_.begin(), share_.end());
    if (part != common()) share.assign(share.size(), 0.0), share[part] = 1;
    std::vector<double>& pull = pull_[part].expert;
    const double feedback = Counted(part) * rule_.feedback, step = part == common() ? damping : 1;
    for (std::size_t e = 0; e < experts_; ++e) {
      if (!moving[e]) continue;
      const double move = margins.MoveOf(e, share, [&](double by, double load) {
        return LossFree(part) ? load - 1 : pull[e] + by + feedback * (load - 1);
      });
      pull[e] += step * (*gain)[e].Of(move);
    }
    const double mean = std::accumulate(pull.begin(), pull.end(), 0.0) / static_cast<double>(experts_);
    for (double& p : pull) p -= mean;
    PullGroups(part, damping * kGroupDamping);
  }

  const RoutedText& text_;
  std::span<const double> share_;
  double per_log_load_;
  BalanceRule rule_;
  std::size_t experts_, groups_;
  std::vector<Loads> pull_, load_, best_pull_;  ///< [domains + 1]
  std::vector<float> bias_;                     ///< [domains][experts]
  ConvergedBiases best_;
};

}  // namespace

ConvergedBiases ConvergedDomainBias(const RoutedText& text, std::span<const double> share,
                                    const BalanceRule& rule) {
  return DomainBias(text, share, rule).Solve();
}

}  // namespace orrery::models
