#include "models/routing/sources/recorded_loads.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "models/routing/balance/balance_stats.h"
#include "models/routing/balance/equilibrium.h"

namespace orrery::models {
namespace {

constexpr std::size_t kMostBytes = std::size_t{256} << 20;

constexpr int kMeasuredDocuments = 32;

/// A report says how far the imitation is from the record where that is more than this.
constexpr double kUnlike = 0.05;

/// The router that imitates recorded loads: without preferences of its own, so that biases alone set its
/// loads.
AffinityParameters PlainRouter(int domains) {
  AffinityParameters p;
  p.offset = 0, p.expert = 0, p.domain = 0, p.domains = domains;
  return p;
}

/// What the imitating router selects in one layer, domain after domain.
struct Imitation {
  std::vector<std::uint16_t> selected;
  double distance = 0;  ///< from the recorded loads (mean 1), as root mean square; the worst domain's
};

Imitation Imitate(const LoadShape& shape, const ExpertLoads& loads, int layer, std::uint64_t seed,
                  const RunControl& control) {
  const AffinityParameters p = PlainRouter(static_cast<int>(loads.domains.size()));
  const GateShape gate{loads.experts, shape.top_k, shape.groups, shape.top_groups};
  const RouterLayer router = DrawRouterLayer(p, loads.experts, seed, layer);
  const RoutedText text(router, gate, p.domains, kMeasuredDocuments,
                        seed + static_cast<std::uint64_t>(layer));
  Imitation all;
  for (int d = 0; d < p.domains; ++d) {
    const auto& load = loads.load[static_cast<std::size_t>(layer)][static_cast<std::size_t>(d)];
    const ConvergedBiases found = BiasesOfLoads(text, d, Relative(load), control);
    const std::vector<std::uint16_t> selected = text.RouteDomain(d, found.bias);
    all.selected.insert(all.selected.end(), selected.begin(), selected.end());
    all.distance = std::max(all.distance, found.distance);
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

ExpertLoads ReadExpertLoads(const std::filesystem::path& file, const RunControl& control) {
  const std::string extension = file.extension().string();
  if (extension == ".csv") return ParseLoadsCsv(ReadTextFile(file, kMostBytes), file.string(), control);
  if (extension == ".json") return ParseLoadsJson(ReadTextFile(file, kMostBytes), file.string(), control);
  if (extension == ".pt" || extension == ".pth")
    throw InputError(fmt::format(
        "'{}': expected a .csv or .json file of expert loads; in Python, json.dump({{'logical_count': "
        "torch.load(FILE)['logical_count'].tolist()}}, ...) makes one of what SGLang's recorder writes",
        file.string()));
  throw InputError(fmt::format("'{}': expected a .csv or .json file of expert loads", file.string()));
}

namespace {

/// InputError unless the layers without load are the model's dense ones, which come first.
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

ExpertLoads ReadExpertLoads(const std::filesystem::path& file, int experts, int dense_layers,
                            const RunControl& control) {
  ExpertLoads loads = ReadExpertLoads(file, control);
  CheckDenseLayers(loads, dense_layers);
  if (!loads.open_ended || loads.experts >= experts) return loads;
  loads.never_named = experts - loads.experts;
  loads.experts = experts;
  for (auto& layer : loads.load)
    for (auto& domain : layer) domain.resize(static_cast<std::size_t>(experts));
  return loads;
}

namespace {

/// Relative error that loads written with four digits may have.
constexpr double kRounding = 1e-3;

/// InputError where the loads cannot be those of a model of this shape: a token chooses top_k different
/// experts, so none gets more than one row in top_k.
void CheckAgainst(const LoadShape& shape, const ExpertLoads& loads) {
  if (loads.experts != shape.experts) {
    throw InputError(fmt::format("{}: loads of {} experts, the model has {}{}", loads.origin, loads.experts,
                                 shape.experts, loads.highest.empty() ? "" : ": " + loads.highest));
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
                             std::uint64_t seed, const RunControl& control)
    : TableLoads(shape, std::move(mix), seed),
      origin_(loads.origin),
      recorded_layers_(loads.layers()),
      dense_layers_(static_cast<int>(loads.without_load.size())),
      moe_layers_(moe_layers),
      never_named_(loads.never_named) {
  CheckShape(shape);
  CheckAgainst(shape, loads);
  const int layers = std::min(moe_layers, loads.layers());
  for (int l = 0; l < layers; ++l) {
    control.Tell(static_cast<double>(l) / layers);
    Imitation routed = Imitate(shape, loads, l, seed, control);
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
  // So far off are only loads that no choice within the gate's groups gives.
  if (distance_ > kUnlike)
    text += fmt::format("; the imitating router comes only within {:.2g} of them (root mean square, mean 1)",
                        distance_);
  return text;
}

}  // namespace orrery::models
