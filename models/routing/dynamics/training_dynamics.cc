#include "models/routing/dynamics/training_dynamics.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <span>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/random.h"
#include "models/routing/balance/balance_stats.h"
#include "models/routing/balance/bias_step.h"
#include "models/routing/dynamics/anchored_field.h"
#include "models/routing/dynamics/loss_pull.h"
#include "models/routing/text/multinomial.h"

namespace orrery::models {
namespace {

constexpr double kLossMemory = 100;  // batches: a loss acts through the weights of the router, not at once
constexpr double kSigmoidEdgeSlope = kAffinityPerLogLoad / kLogitPerLogLoad;
constexpr double kUnsharpened = 0.05;  // deviations of a fresh router over those of a trained one
constexpr int kBlocksOfDocument = 8;   // documents of the exact engine have 64 tokens

std::vector<double> Shares(const TrainingOptions& o, int step) {
  std::vector<double> share = ZipfShares(o.affinity.domains);
  if (step < o.shift_step) return share;
  if (o.shift == DomainShift::kReversed)
    std::reverse(share.begin(), share.end());
  else
    share.assign(share.size(), 0.0), share.back() = 1;
  return share;
}

/// Shares of the domains in a sample of `documents`: the mix jitters, then the documents are drawn
/// (multinomially, in the Gaussian limit).
std::vector<double> SampleShares(const TrainingOptions& o, std::vector<double> share, double documents,
                                 FastNormal& normal) {
  double sum = 0;
  for (double& s : share) {
    s *= std::exp(o.mix_jitter * normal());
    sum += s;
  }
  double total = 0;
  for (double& s : share) {
    s /= sum;
    total += s = std::max(0.0, s + std::sqrt(s * (1 - s) / documents) * normal());
  }
  for (double& s : share) s /= total;
  return share;
}

/// The router of one layer in training: its factors, and the biases and pulls that have been learned to
/// balance it.
class Trainee {
 public:
  Trainee(const TrainingOptions& o, std::uint64_t seed, int layer)
      : o_(o),
        normal_(RandomStream(seed, "training", {static_cast<std::uint64_t>(layer)})),
        layer_(DrawRouterLayer(o.affinity, o.gate.experts, seed, layer)),
        field_(layer_, o.gate, o.affinity.domains, std::max(o.anchor_tokens, kLanes),
               RandomStream(seed, "anchors", {static_cast<std::uint64_t>(layer)})()),
        pull_(o.pull, o.gate, o.affinity.domains),
        edge_(o.affinity.kind, o.gate.experts, o.gate.top_k, o.affinity.domains) {
    const std::size_t n = static_cast<std::size_t>(o.gate.experts);
    preference_.resize(n);
    for (std::size_t i = 0; i < n * static_cast<std::size_t>(o.affinity.domains); ++i) {
      domain_.push_back(layer_.base[i] - static_cast<float>(o.affinity.offset));
    }
    SplitBase();
    bias_.assign(n, Neutral());
    loss_gain_.assign(n, Gain(kLossShrink, kLossGrow, kLossLeast));
    chance_.resize(domain_.size());
    document_sd_.resize(domain_.size());
    reach_.resize(static_cast<std::size_t>(o.affinity.domains * o.gate.groups));
    mean_.resize(n);
    selection_bias_.resize(n);
  }

  void Step(int step) {
    SetScale(step);
    Drift(step);
    if (o_.affinity.kind == Affinity::kSoftmax && step % TrainingTrace::kWindow == 0) SetSlope(step);
    std::vector<double> share = SampleShares(o_, Shares(o_, step), Documents(o_.batch_sequences), normal_);
    if (Anchored()) AnchorInTurn(step);
    o_.token_by_token ? RouteBatch(share) : SolveAll();
    const std::vector<double> load =
        o_.token_by_token ? counted_ : Loads(share, Documents(o_.batch_sequences));
    last_max_vio_ = *std::max_element(load.begin(), load.end()) - 1;
    Update(step, load);
    if (o_.pull.any()) pull_.Step(chance_, reach_, share, kLossMemory, slope_, scale_);
  }

  /// MaxVio over the validation set. The mix of the set is drawn once.
  double ValidationMaxVio(int step) {
    SolveAll();
    if (validation_.empty())
      validation_ = SampleShares(o_, Shares(o_, step), Documents(o_.validation_sequences), normal_);
    return Balance(Loads(validation_, Documents(o_.validation_sequences))).max_vio;
  }

  /// The same on a copy, so that the run goes on as if it had not been asked.
  double MaxVioNow(int step) const { return Trainee(*this).ValidationMaxVio(step); }

  /// The same of the router without any biases and pulls.
  double UnbalancedMaxVio(int step) const {
    Trainee bare(*this);
    bare.bias_.assign(bias_.size(), Neutral());
    bare.pull_ = LossPull(o_.pull, o_.gate, o_.affinity.domains);
    // The anchors were made under the learned biases. At step 0 every domain is anchored anew.
    if (bare.Anchored()) bare.AnchorInTurn(0);
    return bare.ValidationMaxVio(step);
  }

  double last_max_vio() const { return last_max_vio_; }
  /// [domains][experts]
  std::vector<float> domain_bias() const {
    const std::size_t n = bias_.size();
    std::vector<float> all(domain_.size());
    for (std::size_t d = 0; d < all.size() / n; ++d)
      pull_.AddTo(bias_, static_cast<int>(d), std::span(all).subspan(d * n, n));
    return all;
  }
  /// [experts] The mean over the mix.
  std::vector<float> bias(int step) const {
    if (!o_.pull.any()) return bias_;
    const std::vector<float> all = domain_bias();
    const std::vector<double> share = Shares(o_, step);
    std::vector<float> mix(bias_.size());
    for (std::size_t d = 0; d < share.size(); ++d)
      AddScaled(mix.data(), all.data() + d * mix.size(), static_cast<float>(share[d]), mix.size());
    return mix;
  }
  const std::vector<float>& chance() const { return chance_; }
  const std::vector<float>& document_sd() const { return document_sd_; }

 private:
  /// The bias that changes no selection.
  float Neutral() const { return o_.rule == UpdateRule::kMultiplicative ? 1.0f : 0.0f; }
  double Documents(int sequences) const { return double{1} * sequences * o_.documents_per_sequence; }

  /// Splits the logits of the drawn layer into the mean over domains, which is the experts' preference, and
  /// the difference of each domain from it.
  void SplitBase() {
    const std::size_t n = preference_.size(), domains = domain_.size() / n;
    for (std::size_t e = 0; e < n; ++e) {
      double mean = 0;
      for (std::size_t d = 0; d < domains; ++d) mean += domain_[d * n + e] / static_cast<double>(domains);
      preference_[e] = static_cast<float>(mean);
      for (std::size_t d = 0; d < domains; ++d) domain_[d * n + e] -= static_cast<float>(mean);
    }
  }

  void SetScale(int step) {
    scale_ = o_.warm_up > 0 ? std::min(1.0, kUnsharpened + (1 - kUnsharpened) * step / o_.warm_up) : 1.0;
  }

  /// Losses act on logits. The slope of a softmax at the edge of selection is a small part of the sigmoid's,
  /// so its affinities give way by that much less (BalanceRule::feedback).
  void SetSlope(int step) {
    const std::vector<float> none(preference_.size());
    const std::vector<double> share = Shares(o_, step);
    double slope = 0;
    for (std::size_t d = 0; d < share.size(); ++d) {
      Mean(d);
      const int domain = static_cast<int>(d);
      edge_.Solve(domain, mean_, scale_ * std::hypot(o_.affinity.token, o_.affinity.document),
                  MeanField::Bias::kAdded, none);
      slope += share[d] * edge_.threshold(domain) * (1 - edge_.threshold(domain));
    }
    slope_ = slope / kSigmoidEdgeSlope;
  }

  double LearningRate(int step) const {
    if (step < o_.warm_up) return static_cast<double>(step) / o_.warm_up;
    const double done = static_cast<double>(step - o_.warm_up) / std::max(1, o_.steps - o_.warm_up);
    return o_.final_learning_rate +
           (1 - o_.final_learning_rate) * 0.5 * (1 + std::cos(std::numbers::pi * done));
  }

  /// Ornstein-Uhlenbeck steps, which keep the variance of each factor. One domain takes a step at a time; its
  /// deviation is that of all the steps which the domain has skipped.
  void Drift(int step) {
    const double change = o_.drift * LearningRate(step);
    if (change <= 0) return;
    const std::size_t n = preference_.size(), domains = domain_.size() / n;
    const std::size_t turn = static_cast<std::size_t>(step) % (domains + 1);
    const double skipped = std::min(0.5, change * std::sqrt(static_cast<double>(domains + 1)));
    const auto keep = static_cast<float>(std::sqrt(1 - skipped * skipped));
    float* factor = turn == domains ? preference_.data() : domain_.data() + turn * n;
    const double sd = turn == domains ? o_.affinity.expert : o_.affinity.domain;
    const bool outliers = turn < domains && !layer_.deviation.empty();
    for (std::size_t e = 0; e < n; ++e) {
      const double own = outliers ? double{layer_.deviation[turn * n + e]} : sd;
      factor[e] = keep * factor[e] + static_cast<float>(skipped * own) * normal_();
    }
  }

  void Mean(std::size_t d) {
    const std::size_t n = preference_.size();
    const auto scale = static_cast<float>(scale_), offset = static_cast<float>(o_.affinity.offset);
    for (std::size_t e = 0; e < n; ++e) mean_[e] = offset + scale * (preference_[e] + domain_[d * n + e]);
  }

  MeanField::Bias How() const {
    return o_.rule == UpdateRule::kMultiplicative ? MeanField::Bias::kMultiplied : MeanField::Bias::kAdded;
  }

  /// Batches between anchors of a domain. The larger its share of the mix, the fewer.
  int AnchorInterval(double share, int step) const {
    const double every = step < o_.warm_up ? o_.anchor_every / 4.0 : o_.anchor_every;
    return std::max(1,
                    static_cast<int>(every / std::clamp(std::sqrt(share * o_.affinity.domains), 0.25, 4.0)));
  }

  bool Anchored() const { return !o_.token_by_token && o_.anchor_tokens > 0; }

  /// Domains are anchored one after another, so that no batch sees all of them corrected at once.
  void AnchorInTurn(int step) {
    const std::vector<double> share = Shares(o_, step);
    for (int d = 0; d < o_.affinity.domains; ++d) {
      const int every = AnchorInterval(share[static_cast<std::size_t>(d)], step);
      if (step != 0 && step % every != d * every / o_.affinity.domains) continue;
      Mean(static_cast<std::size_t>(d));
      field_.Anchor(d, mean_, scale_, How(), SelectionBias(d));
    }
  }

  void SolveAll() {
    const std::size_t n = preference_.size(), domains = domain_.size() / n;
    const auto groups = static_cast<std::ptrdiff_t>(o_.gate.groups);
    const auto response =
        static_cast<float>(o_.affinity.document / std::hypot(o_.affinity.token, o_.affinity.document));
    for (std::size_t d = 0; d < domains; ++d) {
      Mean(d);
      field_.Solve(static_cast<int>(d), mean_, scale_, How(), SelectionBias(static_cast<int>(d)));
      const auto at = static_cast<std::ptrdiff_t>(d);
      std::copy(field_.chance().begin(), field_.chance().end(),
                chance_.begin() + at * static_cast<std::ptrdiff_t>(n));
      std::copy(field_.reach().begin(), field_.reach().end(), reach_.begin() + at * groups);
      for (std::size_t e = 0; e < n; ++e) document_sd_[d * n + e] = response * field_.density()[e];
    }
  }

  std::vector<double> Loads(const std::vector<double>& share, double documents) {
    return SampleLoads(chance_, document_sd_, share, documents, normal_);
  }

  /// The exact engine: routes batch_tokens tokens, in documents of 64, and counts what they select.
  void RouteBatch(const std::vector<double>& share) {
    const auto n = static_cast<std::size_t>(o_.gate.experts), k = static_cast<std::size_t>(o_.gate.top_k);
    counted_.assign(n, 0);
    RouterLayer now = layer_;
    now.document *= scale_;
    for (float& w : now.weight) w *= static_cast<float>(scale_);
    std::vector<float> base(n), factor(static_cast<std::size_t>(now.rank) * kLanes), block(n * kLanes);
    std::vector<std::uint16_t> selected(k * kLanes);
    for (std::size_t d = 0; d < share.size(); ++d) {
      Mean(d);
      std::copy(mean_.begin(), mean_.end(), now.base.begin() + static_cast<std::ptrdiff_t>(d * n));
      SelectionBias(static_cast<int>(d));
      const long documents = std::lround(share[d] * o_.batch_tokens / (kBlocksOfDocument * kLanes));
      if (documents > 0) ClearCounts(d);
      for (int doc = 0; doc < documents; ++doc) {
        now.DocumentBase(static_cast<int>(d), normal_, base);
        TokenFactors factors(now.rank, now.correlation);
        for (int b = 0; b < kBlocksOfDocument; ++b) {
          factors.Next(normal_, factor);
          now.Block(base, factor, block);
          RouteScaled(block, selected);
          for (std::uint16_t e : selected) counted_[e] += 1;
          AddChances(d, selected, 1.0f / static_cast<float>(documents * kBlocksOfDocument * kLanes));
        }
      }
    }
    counted_ = Relative(counted_);
  }

  void ClearCounts(std::size_t d) {
    const std::size_t n = preference_.size(), groups = static_cast<std::size_t>(o_.gate.groups);
    std::fill_n(chance_.begin() + static_cast<std::ptrdiff_t>(d * n), n, 0.0f);
    std::fill_n(reach_.begin() + static_cast<std::ptrdiff_t>(d * groups), groups, 0.0f);
  }

  /// Adds `weight` to the chances of the experts that a token selects and of the groups that it reaches.
  void AddChances(std::size_t d, std::span<const std::uint16_t> selected, float weight) {
    const std::size_t n = preference_.size(), groups = static_cast<std::size_t>(o_.gate.groups);
    for (const std::uint16_t e : selected) chance_[d * n + e] += weight;
    VisitGroups(o_.gate, selected, [&](std::size_t g) { reach_[d * groups + g] += weight; });
  }

  void RouteScaled(std::vector<float>& block, std::span<std::uint16_t> selected) const {
    if (o_.rule != UpdateRule::kMultiplicative) return RouteBlocks(o_.gate, block, selection_bias_, selected);
    for (std::size_t i = 0; i < block.size(); ++i) block[i] *= selection_bias_[i / kLanes];
    RouteBlocks(o_.gate, block, {}, selected);
  }

  void Update(int step, const std::vector<double>& load) {
    const double u = step < o_.rate_until ? o_.rate : 0;
    for (std::size_t e = 0; e < load.size(); ++e) {
      const double short_of = 1 - load[e];
      double change = 0;
      switch (o_.rule) {
        case UpdateRule::kSign:
        case UpdateRule::kMultiplicative:
          change = short_of > 0 ? u : short_of < 0 ? -u : 0;
          break;
        case UpdateRule::kProportional:
          change = u * short_of;
          break;
        case UpdateRule::kAuxiliaryLoss:
          change = LossStep(e, load[e]);
          break;
        case UpdateRule::kNone:
          break;
      }
      bias_[e] += static_cast<float>(change);
    }
    if (u > 0 && o_.rule != UpdateRule::kMultiplicative) Centre();
  }

  /// How long the step of a strong loss may be depends on how the load answers it, which is only roughly
  /// known. So the part of the step that the answer sets, rather than the memory, shrinks where it
  /// overshoots.
  double LossStep(std::size_t e, double load) {
    const double residual = double{bias_[e]} + o_.feedback * slope_ * (load - 1),
                 per_log_load = kAffinityPerLogLoad * scale_,
                 step = ImplicitStep(residual, o_.feedback, load, per_log_load, kLossMemory);
    if (step == 0) return 0;
    const double remembered = step * kLossMemory / std::abs(residual / step);
    return remembered + loss_gain_[e].Of(step - remembered);
  }

  /// The signs do not sum to zero, so all biases drift together. That changes neither the top k nor the order
  /// of groups, but large biases cost precision of floats.
  void Centre() {
    const double mean = std::accumulate(bias_.begin(), bias_.end(), 0.0) / static_cast<double>(bias_.size());
    for (float& b : bias_) b -= static_cast<float>(mean);
  }

  /// The biases that selection uses in a domain. Added ones get the pulls of the losses; multiplied ones are
  /// divided by their mean, since a common factor selects nothing.
  const std::vector<float>& SelectionBias(int domain) {
    if (o_.rule != UpdateRule::kMultiplicative) {
      if (!o_.pull.any()) return selection_bias_ = bias_;
      pull_.AddTo(bias_, domain, selection_bias_);
      return selection_bias_;
    }
    const double mean = std::accumulate(bias_.begin(), bias_.end(), 0.0) / static_cast<double>(bias_.size());
    for (std::size_t e = 0; e < bias_.size(); ++e)
      selection_bias_[e] = static_cast<float>(bias_[e] / std::max(mean, 1e-6));
    return selection_bias_;
  }

 public:
  /// Relative loads of a sample of documents whose domains come in `share`: the mean over domains, plus the
  /// deviation that documents add.
  static std::vector<double> SampleLoads(const std::vector<float>& chance,
                                         const std::vector<float>& document_sd,
                                         const std::vector<double>& share, double documents,
                                         FastNormal& normal) {
    const std::size_t n = chance.size() / share.size();
    std::vector<float> load(n), variance(n);
    std::vector<double> out(n);
    for (std::size_t d = 0; d < share.size(); ++d) {
      const float* sd = document_sd.data() + d * n;
      const auto s = static_cast<float>(share[d]);
      AddScaled(load.data(), chance.data() + d * n, s, n);
      for (std::size_t e = 0; e < n; ++e) variance[e] += s * sd[e] * sd[e];
    }
    for (std::size_t e = 0; e < n; ++e)
      out[e] = std::max(0.0, load[e] + std::sqrt(double{variance[e]} / documents) * normal());
    return Relative(out);
  }

 private:
  TrainingOptions o_;
  FastNormal normal_;
  RouterLayer layer_;
  AnchoredField field_;
  LossPull pull_;
  MeanField edge_;
  std::vector<float> preference_, domain_, bias_, chance_, reach_, document_sd_, mean_, selection_bias_;
  std::vector<double> counted_, validation_;
  std::vector<Gain> loss_gain_;  ///< [experts]
  double scale_ = 1, slope_ = 1, last_max_vio_ = 0;
};

void CheckTraining(const TrainingOptions& o) {
  CheckGate(o.gate);
  CheckAffinity(o.affinity);
  const auto require = [](bool ok, std::string_view what) {
    if (!ok) throw InputError(fmt::format("routing: {}", what));
  };
  require(o.gate.top_k < o.gate.experts, "top_k must be below the experts");
  require(o.steps >= TrainingTrace::kWindow && o.steps <= 10'000'000, "steps, expected 100 to 10 million");
  require(std::isfinite(o.rate) && o.rate >= 0 && o.rate <= 1, "update rate, expected 0 to 1");
  require(o.feedback >= 0 && o.feedback <= 100, "feedback, expected 0 to 100");
  for (double feedback : {o.pull.expert, o.pull.device, o.pull.communication})
    require(feedback >= 0 && feedback <= 1000, "feedback of a loss, expected 0 to 1000");
  require(o.pull.documents >= 1, "a loss counts at least one document");
  require(!o.pull.any() || o.rule != UpdateRule::kMultiplicative, "multiplied biases go with no loss");
  require(o.anchor_tokens >= 0 && o.anchor_tokens % kLanes == 0, "anchor tokens, expected a multiple of 8");
  require(o.anchor_every >= 1, "batches between anchors, expected at least 1");
  require(o.shift_step >= o.steps || o.affinity.domains > 1, "text of one domain has nothing to shift to");
  require(o.batch_sequences >= 1 && o.documents_per_sequence >= 1, "a batch needs sequences and documents");
}

/// Median of the last quarter of windows, at least one.
double LastQuarter(std::span<const double> window) {
  std::vector<double> tail(window.end() - static_cast<std::ptrdiff_t>((window.size() + 3) / 4), window.end());
  std::nth_element(tail.begin(), tail.begin() + static_cast<std::ptrdiff_t>(tail.size() / 2), tail.end());
  return tail[tail.size() / 2];
}

constexpr std::size_t kFewestWindows = 4;  // fewer have no last quarter to be judged by

/// The range of what counts as alike to `level`: within a quarter, or within 0.02, which is the noise of few
/// batches.
constexpr double kQuarter = 1.25, kNoise = 0.02;
double HighestAlike(double level) { return std::max(kQuarter * level, level + kNoise); }
double LowestAlike(double level) { return std::min(level / kQuarter, level - kNoise); }

/// The first window from which on the trace is alike to the median of its last quarter; -1 where that is only
/// in the last quarter itself. A trace that still falls has not settled, nor has one that rises, as where
/// routers sharpen or drift away from biases that no longer follow.
int SettledWindow(std::span<const double> window) {
  const double level = LastQuarter(window);
  std::size_t first = window.size();
  while (first > 0 && window[first - 1] <= HighestAlike(level) && window[first - 1] >= LowestAlike(level))
    --first;
  return first >= window.size() - window.size() / 4 ? -1 : static_cast<int>(first);
}

/// Whether any rule moves biases or any loss pulls from `step` on.
bool Acts(const TrainingOptions& o, int step) {
  if (o.pull.any()) return true;
  if (o.rule == UpdateRule::kAuxiliaryLoss) return o.feedback > 0;
  return o.rule != UpdateRule::kNone && o.rate > 0 && o.rate_until > step;
}

/// A run whose imbalance at the end is more than this share of the unbalanced router's does not balance.
constexpr double kNoBetterShare = 0.9;

/// Windows that end before the text shifts; all of them where it does not.
int WindowsBefore(const TrainingOptions& o) {
  return std::min(o.steps, o.shift_step) / TrainingTrace::kWindow;
}

/// Sets how the run settled; before the shift where there is one.
void JudgeBefore(const TrainingOptions& o, std::span<const double> window, TrainingTrace* trace) {
  const double unbalanced =
      o.shift_step < o.steps ? trace->max_vio_unbalanced_before : trace->max_vio_unbalanced;
  if (!Acts(o, 0)) {
    trace->settling = Settling::kNothingActs;
  } else if (window.size() < kFewestWindows) {
    trace->settling = Settling::kTooShort;
  } else if (LastQuarter(window) > kNoBetterShare * unbalanced) {
    trace->settling = Settling::kNoBetter;
  } else if (const int first = SettledWindow(window); first >= 0) {
    trace->settling = Settling::kSettled, trace->settled = first * TrainingTrace::kWindow;
  }
}

/// Sets how the run settled after the shift. A run that stays about as uneven as the shift made it has not
/// settled.
void JudgeAfter(const TrainingOptions& o, std::span<const double> before, std::span<const double> after,
                TrainingTrace* trace) {
  const double as_before = before.empty() ? 0 : HighestAlike(LastQuarter(before));
  if (!Acts(o, o.shift_step)) {
    trace->resettling = Settling::kNothingActs;
  } else if (after.size() < kFewestWindows) {
    trace->resettling = Settling::kTooShort;
  } else if (LastQuarter(after) <= std::max(as_before, trace->max_vio_at_shift / 2)) {
    const int again = SettledWindow(after), from = static_cast<int>(before.size()) + again;
    if (again < 0) return;
    trace->resettling = Settling::kSettled;
    trace->resettled = std::max(0, from * TrainingTrace::kWindow - o.shift_step);
  }
}

void Judge(const TrainingOptions& o, TrainingTrace* trace) {
  const std::span<const double> windows(trace->max_vio);
  const auto before = static_cast<std::size_t>(WindowsBefore(o));
  JudgeBefore(o, windows.first(before), trace);
  if (o.shift_step < o.steps) JudgeAfter(o, windows.first(before), windows.subspan(before), trace);
}

void EndWindow(const std::vector<float>& b, double max_vio, TrainingTrace* trace) {
  const double mean = std::accumulate(b.begin(), b.end(), 0.0) / static_cast<double>(b.size());
  double spread = 0;
  for (float x : b) spread = std::max(spread, std::abs(x - mean));
  for (std::size_t i = 0; i < 4; ++i) trace->bias_path.push_back(b[i * b.size() / 4] - mean);
  trace->bias_spread.push_back(spread);
  trace->max_vio.push_back(max_vio / TrainingTrace::kWindow);
}

}  // namespace

std::string EngineName(const TrainingOptions& o) {
  if (o.token_by_token) return fmt::format("token by token, {} tokens a batch", o.batch_tokens);
  if (o.anchor_tokens == 0) return "mean field without groups";
  return fmt::format("mean field, held to {} routed tokens a domain every {} batches", o.anchor_tokens,
                     o.anchor_every);
}

std::string SettlingName(Settling settling) {
  switch (settling) {
    case Settling::kSettled:
      return "settled";
    case Settling::kTooShort:
      return "too-short";
    case Settling::kNothingActs:
      return "nothing-acts";
    case Settling::kUnsteady:
      return "unsteady";
    case Settling::kNoBetter:
      return "no-better-than-unbalanced";
  }
  return "";
}

TrainingTrace Train(const TrainingOptions& o, std::uint64_t seed, int layer, const RunControl& control) {
  CheckTraining(o);
  Trainee trainee(o, seed, layer);
  TrainingTrace trace;
  const int windows = o.steps / TrainingTrace::kWindow, before = WindowsBefore(o),
            judged = std::max(1, std::min(windows / 20, before < windows ? windows - before : windows));
  double sum = 0;
  for (int step = 0; step < windows * TrainingTrace::kWindow; ++step) {
    control.Check();
    trainee.Step(step);
    sum += trainee.last_max_vio();
    if (step >= o.shift_step && step < o.shift_step + TrainingTrace::kWindow)
      trace.max_vio_at_shift = std::max(trace.max_vio_at_shift, trainee.last_max_vio());
    if ((step + 1) % TrainingTrace::kWindow != 0) continue;
    control.Tell(static_cast<double>(step + 1) / o.steps);
    EndWindow(trainee.bias(step), sum, &trace);
    sum = 0;
    if (before < windows && step + 1 == before * TrainingTrace::kWindow) {
      trace.max_vio_global_before = trainee.MaxVioNow(step);
      trace.max_vio_unbalanced_before = trainee.UnbalancedMaxVio(step);
    }
    if (step / TrainingTrace::kWindow >= windows - judged)
      trace.max_vio_global += trainee.ValidationMaxVio(step) / judged;
  }
  trace.max_vio_unbalanced = trainee.UnbalancedMaxVio(o.steps - 1);
  Judge(o, &trace);
  trace.bias = trainee.bias(o.steps - 1), trace.domain_bias = trainee.domain_bias();
  trace.chance = trainee.chance(), trace.document_sd = trainee.document_sd();
  trace.share = Shares(o, o.steps - 1);
  return trace;
}

double ComputationBatchMaxVio(const TrainingOptions& o, const TrainingTrace& trace, int sequences,
                              int batches, std::uint64_t seed, const RunControl& control) {
  FastNormal normal(RandomStream(seed, "computation batch", {static_cast<std::uint64_t>(sequences)}));
  const auto documents = std::max<std::int64_t>(1, std::llround(sequences * o.documents_per_sequence));
  std::vector<std::int64_t> counts(trace.share.size());
  double mean = 0;
  for (int i = 0; i < batches; ++i) {
    control.Check();
    std::vector<double> share(trace.share.size());
    DrawMultinomial(documents, trace.share, normal.random(), counts);
    for (std::size_t d = 0; d < share.size(); ++d)
      share[d] = static_cast<double>(counts[d]) / static_cast<double>(documents);
    mean += Balance(Trainee::SampleLoads(trace.chance, trace.document_sd, share,
                                         static_cast<double>(documents), normal))
                .max_vio /
            batches;
  }
  return mean;
}

}  // namespace orrery::models
