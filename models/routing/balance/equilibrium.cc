#include "models/routing/balance/equilibrium.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "models/routing/balance/bias_step.h"
#include "models/routing/balance/margins.h"

namespace orrery::models {
namespace {

/// How the solver goes about one kind of equilibrium. First it takes steps whose slope is only roughly known
/// (bias_step.h); where those end outside the tolerance, it moves each expert to where its condition would
/// hold if the others stood still (margins.h).
struct Pace {
  int coarse_steps = 0;          ///< of the rough steps, on a quarter of the text
  int steps = 0;                 ///< on all of it, at most
  double shrink = 1, grow = 1;   ///< of an expert's steps that overshoot or fall short (Gain)
  bool damped = false;           ///< every step is a part of itself, smaller from step to step
  double settled = 0;            ///< e-folds of load: rough steps end when none is longer
  bool compared = false;         ///< biases are compared after every rough step, not after the last alone
  bool until_converged = false;  ///< rough steps end within the tolerance
  int moves = 0, patience = 0;   ///< exact moves of a round, at most, and those that may bring nothing
  bool quarter_first = false;    ///< a round on a quarter of the text comes first
  double least_damping = 1;      ///< rounds go on with half the damping of the one before, down to this
};

/// One bias an expert for all domains. ln(load) answers a bias about alike wherever experts are many, so full
/// steps settle soon, and a quarter of the text is enough for the first of them.
constexpr Pace kCommonPace{10, 20, 0.5, 1.5, false, 0.035, false, false, 40, 12, true, 1};

/// Common and own biases. Several terms answer the same excess at once, and a whole group moves more than its
/// experts alone: steps start small and shrink, so that every term settles. The parts upset each other where
/// many tokens lie close to one edge of selection, so rounds of moves are damped more and more.
constexpr Pace kDomainPace{0, 48, 1, 1, true, 0, true, false, 60, 8, false, 1.0 / 32};

/// Recorded loads. Where tokens keep few groups a bias moves a whole group's chance as well as its expert's,
/// and there may be no equilibrium at all: full steps, tamed expert by expert, and the nearest biases on the
/// way.
constexpr Pace kRecordPace{0, 60, 0.5, 1.5, false, 0, true, true, 0, 0, false, 1};

double Damping(int step) { return 0.4 / (1 + step / 8.0); }

constexpr double kMoveShrink = 0.6, kMoveGrow = 1.2;  // of an expert's exact moves
constexpr double kGroupDamping = 0.1;                 // of the groups' part beside an exact move

/// Loads below these are taken for them in a step on ln(load): over a strategy's mix, and in a record.
constexpr double kLeastLogLoad = 0.02, kLeastRecorded = 1e-3;

/// How near to its condition an expert's relative load over the mix is that counts as converged: a share of
/// the mean, and beyond it some of the heaviest tokens, which change hands whole.
constexpr double kCloseLoad = 0.04, kCloseTokens = 2;
/// The same of one domain's experts, whose loads are 10 or 20 times as many and a few thousand tokens' each:
/// there whole groups change hands.
constexpr double kCloseDomain = 0.1;

/// Affinity that changes a load e-fold. The affinities of a softmax shrink with the number of experts, and
/// with them every step and every pull, which act on logits.
double AffinityPerLogLoad(const RoutedText& text) {
  return text.kind() == Affinity::kSigmoid ? kAffinityPerLogLoad : kLogitPerLogLoad * text.EdgeSlope();
}

/// `rule` with feedbacks in the affinities of `text`.
BalanceRule Scaled(BalanceRule rule, double affinity_per_log_load) {
  const double scale = affinity_per_log_load / kAffinityPerLogLoad;
  rule.feedback *= scale, rule.device_feedback *= scale, rule.communication_feedback *= scale;
  return rule;
}

/// Relative load of one token of a text's domain.
double LoadOfToken(const RoutedText& text) {
  return text.gate().experts /
         (double{1} * text.documents() * RoutedText::kDocumentTokens * text.gate().top_k);
}

double Mean(std::span<const double> x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

/// Loads of one domain or of the mix, 1 where balanced; or a part of the bias, by what its terms answer.
struct Terms {
  std::vector<double> expert;  ///< [experts]
  std::vector<double> device;  ///< [groups] mean load of a group
  std::vector<double> reach;   ///< [groups] tokens that reach a group
};

Terms LoadsOf(const GateShape& gate, std::span<const std::uint16_t> selected) {
  const auto groups = static_cast<std::size_t>(gate.groups), k = static_cast<std::size_t>(gate.top_k);
  const std::size_t size = static_cast<std::size_t>(gate.experts) / groups;
  const std::vector<double> one{1.0};
  Terms out{RelativeLoads(gate, selected, one), std::vector<double>(groups), std::vector<double>(groups)};
  for (std::size_t e = 0; e < out.expert.size(); ++e)
    out.device[e / size] += out.expert[e] / static_cast<double>(size);
  const double even = static_cast<double>(selected.size() / k) * gate.top_groups / gate.groups;
  VisitGroups(gate, selected, [&](std::size_t g) { out.reach[g] += 1 / even; });
  return out;
}

void AddScaledTerms(double a, const Terms& x, Terms* sum) {
  for (auto [to, from] :
       {std::pair{&sum->expert, &x.expert}, {&sum->device, &x.device}, {&sum->reach, &x.reach}})
    for (std::size_t i = 0; i < from->size(); ++i) (*to)[i] += a * (*from)[i];
}

class Solver {
 public:
  /// Of a strategy.
  Solver(const RoutedText& text, std::span<const double> share, const BalanceRule& sigmoid_rule,
         const RunControl& control)
      : text_(text),
        control_(control),
        share_(share.begin(), share.end()),
        pace_(PullsDomains(sigmoid_rule.strategy) ? kDomainPace : kCommonPace),
        per_log_load_(AffinityPerLogLoad(text)),
        rule_(Scaled(sigmoid_rule, per_log_load_)) {
    const bool loss_free = rule_.strategy == Strategy::kLossFree || rule_.strategy == Strategy::kLossFreePlus;
    if (loss_free && rule_.updated) target_.assign(experts_, 1.0);
    least_load_ = kLeastLogLoad;
    Begin(PullsDomains(rule_.strategy) ? share_.size() : 0);
  }

  /// Of loads recorded in one domain, whose affinities' slope is measured on the text itself.
  Solver(const RoutedText& text, int domain, std::vector<double> load, const RunControl& control)
      : text_(text),
        control_(control),
        domain_(domain),
        share_{1.0},
        pace_(kRecordPace),
        per_log_load_(kLogitPerLogLoad * text.EdgeSlope()),
        target_(std::move(load)),
        least_load_(kLeastRecorded) {
    Begin(0);
  }

  ConvergedBiases Solve() {
    TakeRoughSteps();
    MoveExactly();
    return nearest_;
  }

 private:
  /// `own` domains have biases of their own.
  void Begin(std::size_t own) {
    common_ = own;
    part_.assign(own + 1, Zero());
    load_ = part_;
    bias_.resize(std::max<std::size_t>(own, 1) * experts_);
    gain_.assign(own + 1, std::vector<Gain>(experts_, Gain(pace_.shrink, pace_.grow)));
  }

  bool alone() const { return common_ == 0; }  ///< the common part is all there is
  std::size_t GroupOf(std::size_t e) const { return e * groups_ / experts_; }
  bool HasTarget(std::size_t part) const { return part == common_ && !target_.empty(); }
  bool HasGroupLosses() const { return rule_.device_feedback > 0 || rule_.communication_feedback > 0; }
  /// Share of what a loss counts that belongs to a part.
  double Counted(std::size_t part) const {
    if (alone()) return 1;
    return part == common_ ? 1 - 1 / rule_.documents : 1 / rule_.documents;
  }
  int QuarterOfText() const { return std::max(1, text_.documents() / 4); }

  Terms Zero() const {
    return {std::vector<double>(experts_), std::vector<double>(groups_), std::vector<double>(groups_)};
  }

  /// A bias that is the common part alone stays the float that the gate takes.
  void Add(double x, double* part) const {
    *part = alone() ? double{static_cast<float>(*part) + static_cast<float>(x)} : *part + x;
  }

  /// Adds up the biases and counts what they make of `documents` documents of each domain, and of the mix.
  void Count(int documents) {
    control_.Check();
    SumBiases();
    if (alone()) {
      const std::vector<std::uint16_t> selected =
          domain_ >= 0 ? text_.RouteDomain(domain_, bias_) : text_.Route(bias_, documents);
      load_[common_].expert = RelativeLoads(text_.gate(), selected, share_);
      return;
    }
    load_[common_] = Zero();
    for (std::size_t d = 0; d < common_; ++d) {
      control_.Check();
      const auto own = std::span(bias_).subspan(d * experts_, experts_);
      load_[d] = LoadsOf(text_.gate(), text_.RouteDomain(static_cast<int>(d), own));
      AddScaledTerms(share_[d], load_[d], &load_[common_]);
    }
  }

  void SumBiases() {
    const Terms& all = part_[common_];
    for (std::size_t i = 0; i < bias_.size(); ++i) {
      const std::size_t e = i % experts_, g = GroupOf(e);
      double sum = all.expert[e] + all.device[g] + all.reach[g];
      if (!alone()) {
        const Terms& own = part_[i / experts_];
        sum = sum + own.expert[e] + own.device[g] + own.reach[g];
      }
      bias_[i] = static_cast<float>(sum);
    }
  }

  void TakeRoughSteps() {
    for (int i = 0; i < pace_.coarse_steps + pace_.steps; ++i) {
      const bool coarse = i < pace_.coarse_steps;
      Count(coarse ? QuarterOfText() : text_.documents());
      if (pace_.compared) KeepNearest();
      if (pace_.until_converged && nearest_.converged()) return;
      if (i == pace_.coarse_steps) ResetGains(pace_.shrink, pace_.grow);
      const double longest = TakeRoughStep(pace_.damped ? Damping(i) : 1);
      if (!coarse && longest < pace_.settled * per_log_load_) break;
    }
    Count(text_.documents());
    KeepNearest();
  }

  void ResetGains(double shrink, double grow) {
    for (std::vector<Gain>& of_part : gain_) of_part.assign(experts_, Gain(shrink, grow));
  }

  /// Returns the longest step of an expert.
  double TakeRoughStep(double damping) {
    double longest = 0;
    for (std::size_t part = 0; part <= common_; ++part) {
      for (std::size_t e = 0; e < experts_; ++e) {
        const double step = RoughStep(part, e);
        Add(damping * gain_[part][e].Of(step), &part_[part].expert[e]);
        longest = std::max(longest, std::abs(step));
      }
      StepGroups(part, damping);
    }
    return longest;
  }

  /// A Newton step towards an expert's condition: of ln(load) towards a target, else of a loss's pull.
  double RoughStep(std::size_t part, std::size_t e) const {
    const double load = load_[part].expert[e];
    if (HasTarget(part)) return per_log_load_ * std::log(target_[e] / std::max(load, least_load_));
    return ImplicitStep(part_[part].expert[e] + Counted(part) * rule_.feedback * (load - 1), rule_.feedback,
                        load, per_log_load_);
  }

  void StepGroups(std::size_t part, double damping) {
    if (!HasGroupLosses()) return;
    StepGroups(rule_.device_feedback, part, damping, load_[part].device, &part_[part].device);
    StepGroups(rule_.communication_feedback, part, damping, load_[part].reach, &part_[part].reach);
  }

  void StepGroups(double feedback, std::size_t part, double damping, const std::vector<double>& load,
                  std::vector<double>* pull) const {
    for (std::size_t g = 0; g < load.size(); ++g) {
      const double residual = (*pull)[g] + Counted(part) * feedback * (load[g] - 1);
      (*pull)[g] += damping * ImplicitStep(residual, feedback, load[g], per_log_load_);
    }
  }

  /// What the losses make of an expert's bias in one part, by the loads there.
  double LossBias(std::size_t part, std::size_t e) const {
    const Terms& f = load_[part];
    const std::size_t g = GroupOf(e);
    return -Counted(part) * (rule_.feedback * (f.expert[e] - 1) + rule_.device_feedback * (f.device[g] - 1) +
                             rule_.communication_feedback * (f.reach[g] - 1));
  }

  /// Keeps the biases, just counted, where they are nearer to the equilibrium than the nearest so far, by the
  /// distance over what counts as converged.
  bool KeepNearest() {
    ConvergedBiases now = domain_ >= 0 ? DistanceOfRecord() : alone() ? DistanceOfMix() : DistanceOfDomains();
    if (!nearest_.bias.empty() && now.distance / now.tolerance >= nearest_.distance / nearest_.tolerance)
      return false;
    nearest_ = std::move(now);
    nearest_.bias = bias_;
    nearest_part_ = part_;
    return true;
  }

  /// Root mean square of loads over the record; one selection an expert of the text counts as none.
  ConvergedBiases DistanceOfRecord() const {
    double sum = 0;
    for (std::size_t e = 0; e < experts_; ++e) {
      const double apart = load_[common_].expert[e] - target_[e];
      sum += apart * apart;
    }
    return {{}, std::sqrt(sum / static_cast<double>(experts_)), LoadOfToken(text_)};
  }

  /// The largest distance of an expert's load over the mix. Where a loss holds it, what its condition lacks
  /// is divided by how strongly that answers a load: a weak loss asks little of a load. A bias that all
  /// experts share selects nothing and is left out; in equilibrium it is 0, as loads are 1 in the mean.
  ConvergedBiases DistanceOfMix() const {
    const double close =
        kCloseLoad + kCloseTokens * LoadOfToken(text_) * *std::max_element(share_.begin(), share_.end());
    const std::vector<double>& load = load_[common_].expert;
    const double shared = Mean(part_[common_].expert);
    double most = 0;
    for (std::size_t e = 0; e < experts_; ++e) {
      const double lacking = part_[common_].expert[e] - shared + rule_.feedback * (load[e] - 1);
      most = std::max(most, HasTarget(common_) ? std::abs(load[e] - target_[e])
                                               : std::abs(lacking) / (rule_.feedback + per_log_load_));
    }
    return {{}, most, close};
  }

  /// The largest distance within a domain, or that of the mix where loss-free biases hold it and it is larger
  /// by what counts as converged.
  ConvergedBiases DistanceOfDomains() const {
    ConvergedBiases now{{}, 0, kCloseDomain + kCloseTokens * LoadOfToken(text_)};
    for (std::size_t d = 0; d < common_; ++d)
      now.distance = std::max(now.distance, DistanceWithin(ResidualsOf(d)));
    if (!HasTarget(common_)) return now;
    ConvergedBiases mix = DistanceOfMix();
    return mix.distance / mix.tolerance > now.distance / now.tolerance ? mix : now;
  }

  /// A domain's biases [experts] over what their conditions make of them.
  std::vector<double> ResidualsOf(std::size_t d) const {
    std::vector<double> residual(experts_);
    for (std::size_t e = 0; e < experts_; ++e) {
      const double mix = HasTarget(common_) ? part_[common_].expert[e] : LossBias(common_, e);
      residual[e] = double{bias_[d * experts_ + e]} - LossBias(d, e) - mix;
    }
    return residual;
  }

  /// In loads. All losses answer the residual of a whole group, the loss over experts alone that of an expert
  /// within its group. What all experts of the domain share selects nothing and is left out.
  double DistanceWithin(const std::vector<double>& residual) const {
    const double answer =
        rule_.feedback + per_log_load_ + rule_.device_feedback + rule_.communication_feedback;
    const std::size_t size = experts_ / groups_;
    const double all = Mean(residual);
    double most = 0;
    for (const double x : DistancesInGroups(residual)) most = std::max(most, x);
    for (std::size_t e = 0; e < experts_; e += size)
      most = std::max(most, std::abs(Mean(std::span(residual).subspan(e, size)) - all) / answer);
    return most;
  }

  /// The same of each expert within its group.
  std::vector<double> DistancesInGroups(const std::vector<double>& residual) const {
    const std::size_t size = experts_ / groups_;
    std::vector<double> distance(residual), of_group(groups_);
    for (std::size_t e = 0; e < experts_; ++e)
      of_group[GroupOf(e)] += residual[e] / static_cast<double>(size);
    for (std::size_t e = 0; e < experts_; ++e)
      distance[e] = std::abs(residual[e] - of_group[GroupOf(e)]) / (rule_.feedback + per_log_load_);
    return distance;
  }

  void MoveExactly() {
    if (pace_.moves == 0) return;
    if (pace_.quarter_first) MoveFromNearest(QuarterOfText(), 1);
    for (double damping = 1; damping >= pace_.least_damping; damping /= 2)
      MoveFromNearest(text_.documents(), damping);
  }

  /// A round of moves from the nearest biases so far: of the common part, and where domains have their own,
  /// of those in turn with it.
  void MoveFromNearest(int documents, double damping) {
    if (nearest_.converged()) return;
    Margins margins(text_, documents);
    ResetGains(kMoveShrink, kMoveGrow);
    part_ = nearest_part_;
    Count(text_.documents());
    for (int i = 0, idle = 0; i < pace_.moves && idle < pace_.patience && !nearest_.converged(); ++i) {
      margins.Set(bias_, control_);
      if (alone() || i % 2 == 0) {
        MovePart(margins, common_, damping, std::vector<bool>(experts_, true));
      } else {
        for (std::size_t d = 0; d < common_; ++d) MovePart(margins, d, damping, MovingIn(d, damping));
      }
      Count(text_.documents());
      idle = KeepNearest() ? 0 : idle + 1;
    }
  }

  /// The experts of a domain that move in a round: all in the first, and in later ones those that are more
  /// than half as far off as counts as converged.
  std::vector<bool> MovingIn(std::size_t d, double damping) const {
    if (damping == 1) return std::vector<bool>(experts_, true);
    std::vector<bool> moving;
    for (const double x : DistancesInGroups(ResidualsOf(d))) moving.push_back(x >= nearest_.tolerance / 2);
    return moving;
  }

  /// Moves each of the experts in `moving` to where its condition would hold if the others stood still. What
  /// moves all domains, the common part and the groups, is damped.
  void MovePart(const Margins& margins, std::size_t part, double damping, const std::vector<bool>& moving) {
    std::vector<double> share = share_;
    if (part != common_) share.assign(share.size(), 0.0), share[part] = 1;
    std::vector<double>& bias = part_[part].expert;
    const double feedback = Counted(part) * rule_.feedback, damped = part == common_ ? damping : 1;
    for (std::size_t e = 0; e < experts_; ++e) {
      if (!moving[e]) continue;
      control_.Check();
      const double move = margins.MoveOf(e, share, [&](double by, double load) {
        return HasTarget(part) ? load - target_[e] : bias[e] + by + feedback * (load - 1);
      });
      Add(damped * gain_[part][e].Of(move), &bias[e]);
    }
    const double shared = Mean(bias);
    for (double& b : bias) Add(-shared, &b);
    StepGroups(part, damping * kGroupDamping);
  }

  const RoutedText& text_;
  const RunControl& control_;
  int domain_ = -1;  ///< whose record is imitated; -1: a strategy's mix
  std::vector<double> share_;
  Pace pace_;
  double per_log_load_;
  BalanceRule rule_ = {Strategy::kNone};
  std::size_t experts_ = static_cast<std::size_t>(text_.gate().experts);
  std::size_t groups_ = static_cast<std::size_t>(text_.gate().groups);
  std::vector<double> target_;  ///< [experts] of the common part; empty: losses hold it
  double least_load_ = 0;
  std::size_t common_ = 0;                  ///< index of the common part, after the domains' own
  std::vector<Terms> part_, nearest_part_;  ///< [own parts + 1] the bias
  std::vector<Terms> load_;                 ///< [own parts + 1]
  std::vector<std::vector<Gain>> gain_;     ///< [own parts + 1][experts]
  std::vector<float> bias_;                 ///< [experts], or [domains][experts]
  ConvergedBiases nearest_;
};

}  // namespace

ConvergedBiases ConvergedBias(const RoutedText& text, std::span<const double> share, const BalanceRule& rule,
                              const RunControl& control) {
  const bool still = rule.strategy == Strategy::kLossFree && !rule.updated;
  if (still || rule.strategy == Strategy::kNone || rule.strategy == Strategy::kBalanced)
    return {std::vector<float>(static_cast<std::size_t>(text.gate().experts)), 0, 0};
  return Solver(text, share, rule, control).Solve();
}

ConvergedBiases BiasesOfLoads(const RoutedText& text, int domain, std::span<const double> load,
                              const RunControl& control) {
  // No expert is in every token's selection, and none in no token's, at any bias.
  const double most = static_cast<double>(text.gate().experts) / text.gate().top_k * 0.999;
  std::vector<double> target;
  for (const double x : load) target.push_back(std::clamp(x, kLeastRecorded, most));
  return Solver(text, domain, std::move(target), control).Solve();
}

}  // namespace orrery::models
