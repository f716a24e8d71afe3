#include "models/routing/strategy.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace orrery::models {
namespace {

// Newton steps on ln(load): an affinity step of 0.1 changes a load about e-fold, because the k-th of many
// experts sits where the normal tail falls e-fold in about 0.5 sd of logits and the sigmoid's slope is 0.15
// to 0.25.
constexpr double kAffinityPerLogLoad = 0.07;
constexpr double kLogitPerLogLoad = 0.5;
/// The same of the text's own router. A softmax's affinities shrink with the number of experts, and with them
/// every step and every pull, which act on logits.
double AffinityPerLogLoad(const RoutedText& text) {
  return text.kind() == Affinity::kSigmoid ? kAffinityPerLogLoad : kLogitPerLogLoad * text.EdgeSlope();
}

/// `rule` with pulls in the affinities of `text`.
BalanceRule Scaled(BalanceRule rule, double affinity_per_log_load) {
  const double scale = affinity_per_log_load / kAffinityPerLogLoad;
  rule.feedback *= scale, rule.device_feedback *= scale, rule.communication_feedback *= scale;
  return rule;
}

constexpr int kCoarseSteps = 10;  // on a quarter of the text
constexpr int kFineSteps = 20;    // on all of it, at most
constexpr double kSettledLogLoad = 0.035;

/// Tames Newton steps whose slope is only roughly known: they are halved where they overshoot, and recover
/// where they fall short.
class Gain {
 public:
  double Of(double step) {
    if (step * last_ < 0) gain_ *= 0.5;
    if (step * last_ > 0) gain_ = std::min(1.0, gain_ * 1.5);
    last_ = step;
    return gain_ * step;
  }

 private:
  double gain_ = 1, last_ = 0;
};

double Step(const BalanceRule& rule, double affinity_per_log_load, double load, double bias) {
  if (rule.strategy == Strategy::kLossFree) return -affinity_per_log_load * std::log(std::max(load, 0.02));
  const double residual = bias + rule.feedback * (load - 1);
  return -residual / (1 + rule.feedback * std::max(load, 0.1) / affinity_per_log_load);
}

constexpr int kDomainSteps = 48;
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
  for (std::size_t t = 0; t < selected.size(); t += k) {
    std::size_t last = groups;  // choices ascend, so a group's stand together
    for (std::size_t i = t; i < t + k; ++i) {
      const std::size_t g = selected[i] / size;
      if (g != last) out.reach[g] += 1 / even;
      last = g;
    }
  }
  return out;
}

void AddTo(std::vector<double>* sum, double a, const std::vector<double>& x) {
  for (std::size_t i = 0; i < x.size(); ++i) (*sum)[i] += a * x[i];
}

Loads Blend(const Loads& a, double wa, const Loads& b, double wb) {
  Loads out = a;
  for (auto [to, from] :
       {std::pair{&out.expert, &b.expert}, {&out.device, &b.device}, {&out.reach, &b.reach}}) {
    for (double& x : *to) x *= wa;
    AddTo(to, wb, *from);
  }
  return out;
}

/// A damped Newton step of pull = -feedback * (load - 1).
void Pull(double feedback, double affinity_per_log_load, double damping, const std::vector<double>& load,
          std::vector<double>* pull) {
  for (std::size_t i = 0; i < load.size(); ++i) {
    const double residual = (*pull)[i] + feedback * (load[i] - 1);
    (*pull)[i] -= damping * residual / (1 + feedback * std::max(load[i], 0.1) / affinity_per_log_load);
  }
}

}  // namespace

bool PullsDomains(Strategy s) {
  return s == Strategy::kLossFreePlus || s == Strategy::kMicroBatchLoss || s == Strategy::kV2Losses;
}

std::vector<float> ConvergedDomainBias(const RoutedText& text, std::span<const double> share,
                                       const BalanceRule& sigmoid_rule) {
  const double per_log_load = AffinityPerLogLoad(text);
  const BalanceRule rule = Scaled(sigmoid_rule, per_log_load);
  const GateShape& gate = text.gate();
  const std::size_t experts = static_cast<std::size_t>(gate.experts),
                    groups = static_cast<std::size_t>(gate.groups);
  const Loads zero{std::vector<double>(experts), std::vector<double>(groups), std::vector<double>(groups)};
  std::vector<Loads> pull(share.size(), zero);
  std::vector<double> common(experts);
  std::vector<float> bias(share.size() * experts);
  for (int step = 0; step < kDomainSteps; ++step) {
    const double damping = Damping(step);
    std::vector<Loads> load;
    Loads mix = zero;
    for (std::size_t d = 0; d < share.size(); ++d) {
      const auto mine = std::span(bias).subspan(d * experts, experts);
      load.push_back(LoadsOf(gate, text.RouteDomain(static_cast<int>(d), mine)));
      mix = Blend(mix, 1, load.back(), share[d]);
    }
    for (std::size_t e = 0; rule.strategy == Strategy::kLossFreePlus && e < experts; ++e)
      common[e] -= damping * per_log_load * std::log(std::max(mix.expert[e], 0.02));
    for (std::size_t d = 0; d < share.size(); ++d) {
      const Loads counted = Blend(load[d], 1 / rule.documents, mix, 1 - 1 / rule.documents);
      Pull(rule.feedback, per_log_load, damping, counted.expert, &pull[d].expert);
      Pull(rule.device_feedback, per_log_load, damping, counted.device, &pull[d].device);
      Pull(rule.communication_feedback, per_log_load, damping, counted.reach, &pull[d].reach);
      for (std::size_t e = 0; e < experts; ++e) {
        const std::size_t g = e * groups / experts;
        bias[d * experts + e] =
            static_cast<float>(common[e] + pull[d].expert[e] + pull[d].device[g] + pull[d].reach[g]);
      }
    }
  }
  return bias;
}

const std::vector<std::string>& StrategyNames() {
  static const std::vector<std::string> names{"balanced",
                                              "auxiliary-loss-free",
                                              "auxiliary-loss",
                                              "batch-auxiliary-loss",
                                              "none",
                                              "auxiliary-loss-free-plus",
                                              "micro-batch-auxiliary-loss",
                                              "v2-auxiliary-losses",
                                              "expert-choice"};
  return names;
}

std::string StrategyName(Strategy s) { return StrategyNames()[static_cast<std::size_t>(s)]; }

Strategy ReadStrategy(const Value& value) { return static_cast<Strategy>(value.AsChoice(StrategyNames())); }

std::vector<float> ConvergedBias(const RoutedText& text, std::span<const double> share,
                                 const BalanceRule& sigmoid_rule) {
  const double per_log_load = AffinityPerLogLoad(text);
  const BalanceRule rule = Scaled(sigmoid_rule, per_log_load);
  std::vector<float> bias(static_cast<std::size_t>(text.gate().experts));
  if (rule.strategy == Strategy::kNone || rule.strategy == Strategy::kBalanced) return bias;
  std::vector<Gain> gain(bias.size());
  for (int i = 0; i < kCoarseSteps + kFineSteps; ++i) {
    if (i == kCoarseSteps) gain.assign(bias.size(), {});
    const int documents = i < kCoarseSteps ? std::max(1, text.documents() / 4) : text.documents();
    const std::vector<double> load = RelativeLoads(text.gate(), text.Route(bias, documents), share);
    double largest = 0;
    for (std::size_t e = 0; e < bias.size(); ++e) {
      const double step = Step(rule, per_log_load, load[e], double{bias[e]});
      bias[e] += static_cast<float>(gain[e].Of(step));
      largest = std::max(largest, std::abs(step));
    }
    if (i >= kCoarseSteps && largest < kSettledLogLoad * per_log_load) break;
  }
  return bias;
}

}  // namespace orrery::models
