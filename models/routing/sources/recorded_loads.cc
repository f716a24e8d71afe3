#include "models/routing/sources/recorded_loads.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "models/routing/balance/balance_stats.h"
#include "models/routing/balance/bias_step.h"

namespace orrery::models {
namespace {

constexpr std::size_t kMostBytes = std::size_t{256} << 20;

constexpr int kTargetDocuments = 32;
constexpr int kTargetSteps = 60;  // at most

/// Newton steps in the slope of the text's own edge, tamed expert by expert: where tokens keep few groups, a
/// bias moves a whole group's chance as well as its expert's, so that full steps would swing for ever.
class BiasSearch {
 public:
  BiasSearch(std::span<const double> want, double affinity_per_log_load)
      : want_(want), slope_(affinity_per_log_load), bias_(want.size()), gain_(want.size()) {}
  const std::vector<float>& bias() const { return bias_; }

  void Step(std::span<const double> load) {
    for (std::size_t e = 0; e < bias_.size(); ++e) {
      const double step = slope_ * std::log(want_[e] / std::max(load[e], kLeastTarget));
      bias_[e] += static_cast<float>(gain_[e].Of(step));
    }
  }

  static constexpr double kLeastTarget = 1e-3;

 private:
  std::span<const double> want_;
  double slope_;
  std::vector<float> bias_;
  std::vector<Gain> gain_;
};

/// Root mean square of the difference.
double Distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

struct RoutedDomain {
  std::vector<std::uint16_t> selected;
  double distance = INFINITY;  ///< of the loads from those wanted, both 1 where even, as root mean square
};

/// The choices of one domain's text under biases that select experts as often as `target` (mean 1) says: to
/// within one selection an expert of the text, or as near as the search came. A target of 0 is never quite
/// reached.
RoutedDomain RouteToTarget(const RoutedText& text, int domain, std::span<const double> target,
                           double affinity_per_log_load) {
  const GateShape& gate = text.gate();
  const double most = static_cast<double>(gate.experts) / gate.top_k;
  std::vector<double> want;
  for (double x : target) want.push_back(std::clamp(x, BiasSearch::kLeastTarget, most * 0.999));
  const double one_selection = most / (double{1} * text.documents() * RoutedText::kDocumentTokens);
  BiasSearch search(want, affinity_per_log_load);
  RoutedDomain nearest;
  for (int i = 0; i <= kTargetSteps && nearest.distance > one_selection; ++i) {
    std::vector<std::uint16_t> selected = text.RouteDomain(domain, search.bias());
    const std::vector<double> load = RelativeLoads(gate, selected, std::vector<double>{1.0});
    if (const double d = Distance(load, want); d < nearest.distance) nearest = {std::move(selected), d};
    search.Step(load);
  }
  return nearest;
}

/// Distance from recorded loads that is said.
constexpr double kUnlike = 0.05;

/// The router recorded loads are imitated with.
AffinityParameters PlainRouter(int domains) {
  AffinityParameters p;
  p.offset = 0, p.expert = 0, p.domain = 0, p.domains = domains;
  return p;
}

/// All domains' choices in one layer, and the greatest of their distances.
RoutedDomain RouteRecorded(const LoadShape& shape, const ExpertLoads& loads, int layer, std::uint64_t seed) {
  const AffinityParameters p = PlainRouter(static_cast<int>(loads.domains.size()));
  const GateShape gate{loads.experts, shape.top_k, shape.groups, shape.top_groups};
  const RouterLayer router = DrawRouterLayer(p, loads.experts, seed, layer);
  const RoutedText text(router, gate, p.domains, kTargetDocuments, seed + static_cast<std::uint64_t>(layer));
  const double slope = kLogitPerLogLoad * text.EdgeSlope();
  RoutedDomain all{{}, 0};
  for (int d = 0; d < p.domains; ++d) {
    const auto& load = loads.load[static_cast<std::size_t>(layer)][static_cast<std::size_t>(d)];
    const RoutedDomain one = RouteToTarget(text, d, Relative(load), slope);
    all.selected.insert(all.selected.end(), one.selected.begin(), one.selected.end());
    all.distance = std::max(all.distance, one.distance);
  }
  return all;
}

}  // namespace

std::vector<double> ExpertLoads::Mix(int layer) const {
  std::vector<double> mix(static_cast<std::size_t>(experts));
  for (std::size_t d = 0; d < domains.size(); ++d) {
    const std::vector<double>& own = load[static_cast<std::size_t>(layer)][d];
    const std::vector<double> one = one_scale ? own : Relative(own);
    for (std::size_t e = 0; e < mix.size(); ++e) mix[e] += share[d] * one[e];
  }
  return mix;
}

ExpertLoads ReadExpertLoads(const std::filesystem::path& file) {
  const std::string extension = file.extension().string();
  if (extension == ".csv") return ParseLoadsCsv(ReadTextFile(file, kMostBytes), file.string());
  if (extension == ".json") return ParseLoadsJson(ReadTextFile(file, kMostBytes), file.string());
  if (extension == ".pt" || extension == ".pth")
    throw InputError(fmt::format(
        "'{}': expected a .csv or .json file of expert loads; in Python, json.dump({{'logical_count': "
        "torch.load(FILE)['logical_count'].tolist()}}, ...) makes one of what SGLang's recorder writes",
        file.string()));
  throw InputError(fmt::format("'{}': expected a .csv or .json file of expert loads", file.string()));
}

namespace {

/// InputError where layers without load are others than the model's dense ones, all of which come first.
void CheckDenseLayers(const ExpertLoads& loads, int dense_layers) {
  if (loads.without_load.empty()) return;
  std::vector<int> first(static_cast<std::size_t>(dense_layers));
  std::iota(first.begin(), first.end(), 0);
  if (loads.without_load == first) return;
  const std::string dense = dense_layers == 0 ? "the model has no dense layers"
                            : dense_layers == 1
                                ? "of the model only layer 0 is dense"
                                : fmt::format("of the model layers 0 to {} are dense", dense_layers - 1);
  throw InputError(Place{loads.origin}, fmt::format("no load in layer{} {} of the file, counted from 0; {}",
                                                    loads.without_load.size() == 1 ? "" : "s",
                                                    fmt::join(loads.without_load, ", "), dense));
}

}  // namespace

ExpertLoads ReadExpertLoads(const std::filesystem::path& file, int experts, int dense_layers) {
  ExpertLoads loads = ReadExpertLoads(file);
  CheckDenseLayers(loads, dense_layers);
  if (!loads.open_ended || loads.experts >= experts) return loads;
  loads.never_named = experts - loads.experts;
  loads.experts = experts;
  for (auto& layer : loads.load)
    for (auto& domain : layer) domain.resize(static_cast<std::size_t>(experts));
  return loads;
}

namespace {

/// What loads written with four digits may be off.
constexpr double kRounding = 1e-3;

/// InputError where the loads cannot be those of a model of this shape: a token chooses top_k different experts,
/// so none gets more than one row in top_k.
void CheckAgainst(const LoadShape& shape, const ExpertLoads& loads) {
  if (loads.experts != shape.experts) {
    throw InputError(
        fmt::format("{}: loads of {} experts, the model has {}", loads.origin, loads.experts, shape.experts));
  }
  if (loads.top_k != 0 && loads.top_k != shape.top_k) {
    throw InputError(
        fmt::format("{}: {} experts a token, the model has {}", loads.origin, loads.top_k, shape.top_k));
  }
  for (std::size_t layer = 0; layer < loads.load.size(); ++layer) {
    for (std::size_t domain = 0; domain < loads.load[layer].size(); ++domain) {
      const std::vector<double>& load = loads.load[layer][domain];
      const double sum = std::accumulate(load.begin(), load.end(), 0.0);
      const auto most = std::max_element(load.begin(), load.end());
      if (*most * shape.top_k <= sum * (1 + kRounding)) continue;
      throw InputError(
          fmt::format("{}: layer {} ({}): expert {} has {:.3f} % of all rows, expected at most {:.3f} %: a "
                      "token chooses {} different experts",
                      loads.origin, layer, loads.domains[domain], most - load.begin(), 100 * *most / sum,
                      100.0 / shape.top_k, shape.top_k));
    }
  }
}

}  // namespace

RecordedLoads::RecordedLoads(const LoadShape& shape, const ExpertLoads& loads, TextMix mix, int moe_layers,
                             std::uint64_t seed)
    : TableLoads(shape, std::move(mix), seed),
      origin_(loads.origin),
      recorded_layers_(loads.layers()),
      dense_layers_(static_cast<int>(loads.without_load.size())),
      moe_layers_(moe_layers),
      never_named_(loads.never_named) {
  CheckShape(shape);
  CheckAgainst(shape, loads);
  for (int l = 0; l < std::min(moe_layers, loads.layers()); ++l) {
    RoutedDomain routed = RouteRecorded(shape, loads, l, seed);
    selected_.push_back(std::move(routed.selected));
    distance_ = std::max(distance_, routed.distance);
    tables_.push_back(TableOn(l, shape, SlotMap::Contiguous(loads.experts)));
  }
}

LoadTable RecordedLoads::TableOn(int layer, const LoadShape& physical, const SlotMap& map) const {
  const AffinityParameters p = PlainRouter(static_cast<int>(mix().share.size()));
  return MeasureLoads(physical, map, {shape().experts, shape().top_k, shape().groups, shape().top_groups},
                      p.domains, selected_[static_cast<std::size_t>(layer) % selected_.size()], p.token,
                      p.document);
}

const LoadTable& RecordedLoads::Table(int layer) const {
  return tables_.at(static_cast<std::size_t>(layer) % tables_.size());
}

std::string RecordedLoads::Describe() const {
  const auto number = [](int n, const char* of) { return fmt::format("{} {}{}", n, of, n == 1 ? "" : "s"); };
  std::string layers = number(recorded_layers_, "layer");
  if (recorded_layers_ < moe_layers_)
    layers += fmt::format(" that start over in the model's {}", number(moe_layers_, "MoE layer"));
  if (recorded_layers_ > moe_layers_) layers = fmt::format("the first {} of {}", moe_layers_, layers);
  if (dense_layers_ > 0) layers += fmt::format(" beside {} without load, dense in the model", dense_layers_);
  std::string text = fmt::format("recorded loads of {}, {}, {}", origin_, layers,
                                 number(static_cast<int>(mix().share.size()), "domain"));
  if (never_named_ > 0)
    text += fmt::format("; its highest expert is {} of 0 to {}: those above are taken as never selected",
                        shape().experts - never_named_ - 1, shape().experts - 1);
  // More than what a search that ends early leaves: loads that no choice within the groups gives.
  if (distance_ > kUnlike)
    text += fmt::format("; the imitating router comes only within {:.2g} of them (root mean square, mean 1)",
                        distance_);
  return text;
}

}  // namespace orrery::models
