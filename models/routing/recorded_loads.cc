#include "models/routing/recorded_loads.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "models/routing/balance_stats.h"

namespace orrery::models {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kMaxJsonDepth = 64;
using Table = std::vector<std::vector<double>>;

constexpr std::size_t kMostBytes = std::size_t{256} << 20;

std::string ReadWhole(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) throw InputError(fmt::format("cannot read '{}'", file.string()));
  if (size > kMostBytes)
    throw InputError(fmt::format("'{}' has {} bytes, expected at most 256 MiB", file.string(), size));
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw InputError(fmt::format("cannot read '{}'", file.string()));
  return text.str();
}

double JsonLoad(const Json& v, const std::string& where) {
  if (!v.is_number() || !std::isfinite(v.get<double>()) || v.get<double>() < 0) {
    throw InputError(fmt::format("{}: '{}' is not a finite number of at least 0", where, v.dump()));
  }
  return v.get<double>();
}

std::vector<double> JsonRow(const Json& v, const std::string& where) {
  if (!v.is_array() || v.empty())
    throw InputError(fmt::format("{}: expected a list of numbers, one an expert", where));
  std::vector<double> row;
  for (std::size_t e = 0; e < v.size(); ++e) row.push_back(JsonLoad(v[e], fmt::format("{}[{}]", where, e)));
  return row;
}

/// [layers][experts], or [steps][layers][experts] summed over steps.
Table JsonTable(const Json& v, const std::string& where) {
  if (!v.is_array() || v.empty() || !v[0].is_array() || v[0].empty()) {
    throw InputError(fmt::format("{}: expected [layers][experts] or [steps][layers][experts]", where));
  }
  Table sum;
  if (v[0][0].is_array()) {
    for (std::size_t s = 0; s < v.size(); ++s) {
      const std::string step = fmt::format("{}[{}]", where, s);
      Table one = JsonTable(v[s], step);
      if (s == 0) sum = Table(one.size(), std::vector<double>(one[0].size()));
      if (one.size() != sum.size() || one[0].size() != sum[0].size())
        throw InputError(fmt::format("{}: its shape differs from the first step's", step));
      for (std::size_t l = 0; l < one.size(); ++l) {
        for (std::size_t e = 0; e < one[l].size(); ++e) sum[l][e] += one[l][e];
      }
    }
    return sum;
  }
  for (std::size_t l = 0; l < v.size(); ++l) {
    sum.push_back(JsonRow(v[l], fmt::format("{}[{}]", where, l)));
    if (sum.back().size() != sum[0].size()) {
      throw InputError(fmt::format("{}[{}]: {} experts, the first layer has {}", where, l, sum.back().size(),
                                   sum[0].size()));
    }
  }
  return sum;
}

/// Physical slots' counts folded onto their logical experts.
Table ToLogical(const Table& physical, const Table& map, const std::string& name) {
  if (map.size() != physical.size())
    throw InputError(fmt::format("{}: physical_to_logical_map has {} layers, the counts {}", name, map.size(),
                                 physical.size()));
  Table logical;
  for (std::size_t l = 0; l < physical.size(); ++l) {
    if (map[l].size() != physical[l].size())
      throw InputError(fmt::format("{}: physical_to_logical_map[{}] has {} slots, the counts {}", name, l,
                                   map[l].size(), physical[l].size()));
    const double most = *std::max_element(map[l].begin(), map[l].end());
    if (most > 4095)
      throw InputError(
          fmt::format("{}: physical_to_logical_map[{}]: expert {}, expected at most 4095", name, l, most));
    logical.emplace_back(static_cast<std::size_t>(most) + 1);
    for (std::size_t s = 0; s < map[l].size(); ++s)
      logical.back()[static_cast<std::size_t>(map[l][s])] += physical[l][s];
  }
  return logical;
}

/// The table under the first known key, or the bare array.
Table FindTable(const Json& root, const std::string& name) {
  if (root.is_array()) return JsonTable(root, name);
  static const std::vector<std::string> keys{"logical_count", "expert_load", "expert_load_pass", "weight",
                                             "physical_count"};
  for (const std::string& key : keys) {
    if (!root.is_object() || !root.contains(key)) continue;
    Table table = JsonTable(root[key], name + ": " + key);
    const bool physical =
        key != "logical_count" && key != "weight" && root.contains("physical_to_logical_map");
    return physical
               ? ToLogical(table,
                           JsonTable(root["physical_to_logical_map"], name + ": physical_to_logical_map"),
                           name)
               : table;
  }
  throw InputError(fmt::format("{}: none of the keys {} is there", name, fmt::join(keys, ", ")));
}

// Steps on ln(load) towards recorded shares; as in strategy.cc, but unbalanced loads need more of them.
constexpr int kTargetSteps = 25;
constexpr double kAffinityPerLogLoad = 0.05;
constexpr int kTargetDocuments = 32;

/// Selects experts as often as `target` [domains][experts] (mean 1) says; a target of 0 is never quite
/// reached.
std::vector<std::uint16_t> RouteToTargets(const RoutedText& text,
                                          const std::vector<std::vector<double>>& target) {
  const GateShape& gate = text.gate();
  const double most = static_cast<double>(gate.experts) / gate.top_k;
  std::vector<std::uint16_t> all;
  const std::vector<double> one{1.0};
  for (std::size_t d = 0; d < target.size(); ++d) {
    std::vector<float> bias(target[d].size());
    std::vector<std::uint16_t> selected;
    for (int i = 0; i <= kTargetSteps; ++i) {
      selected = text.RouteDomain(static_cast<int>(d), bias);
      const std::vector<double> load = RelativeLoads(gate, selected, one);
      for (std::size_t e = 0; e < bias.size(); ++e) {
        const double want = std::clamp(target[d][e], 1e-3, most * 0.999);
        bias[e] += static_cast<float>(kAffinityPerLogLoad * std::log(want / std::max(load[e], 1e-3)));
      }
    }
    all.insert(all.end(), selected.begin(), selected.end());
  }
  return all;
}

/// The router recorded loads are imitated with.
AffinityParameters PlainRouter(int domains) {
  AffinityParameters p;
  p.offset = 0, p.expert = 0, p.domain = 0, p.domains = domains;
  return p;
}

std::vector<std::uint16_t> RouteRecorded(const LoadShape& shape, const ExpertLoads& loads, int layer,
                                         std::uint64_t seed) {
  const AffinityParameters p = PlainRouter(static_cast<int>(loads.domains.size()));
  const GateShape gate{loads.experts, shape.top_k, shape.groups, shape.top_groups};
  const RouterLayer router = DrawRouterLayer(p, loads.experts, seed, layer);
  const RoutedText text(router, gate, p.domains, kTargetDocuments, seed + static_cast<std::uint64_t>(layer));
  std::vector<std::vector<double>> target;
  for (const auto& load : loads.load[static_cast<std::size_t>(layer)]) target.push_back(Relative(load));
  return RouteToTargets(text, target);
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

ExpertLoads ParseLoadsJson(std::string_view text, const std::string& name) {
  Json root;
  try {
    root = Json::parse(text, [&name](int depth, Json::parse_event_t, const Json&) {
      if (depth > kMaxJsonDepth)
        throw InputError(fmt::format("{}: nested more than {} deep", name, kMaxJsonDepth));
      return true;
    });
  } catch (const Json::exception& e) {
    throw InputError(fmt::format("{}: not JSON: {}", name, e.what()));
  }
  const Table table = FindTable(root, name);
  ExpertLoads out{name, {"all"}, {1.0}, static_cast<int>(table[0].size()), 0, {}, false};
  for (std::size_t l = 0; l < table.size(); ++l) {
    if (table[l].size() != table[0].size())
      throw InputError(fmt::format("{}: layer {} has {} experts, the first {}", name, l, table[l].size(),
                                   table[0].size()));
    if (std::accumulate(table[l].begin(), table[l].end(), 0.0) <= 0)
      throw InputError(fmt::format("{}: layer {}: no load", name, l));
    out.load.push_back({table[l]});
  }
  return out;
}

ExpertLoads ReadExpertLoads(const std::filesystem::path& file) {
  const std::string extension = file.extension().string();
  if (extension == ".csv") return ParseLoadsCsv(ReadWhole(file), file.string());
  if (extension == ".json") return ParseLoadsJson(ReadWhole(file), file.string());
  throw InputError(fmt::format("'{}': expected a .csv or .json file of expert loads", file.string()));
}

namespace {

/// InputError where the loads cannot be those of a model of this shape: a token chooses top_k different
/// experts, so none gets more than one row in top_k.
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
      if (*most * shape.top_k <= sum * (1 + 1e-9)) continue;
      throw InputError(
          fmt::format("{}: layer {} ({}): expert {} has {:.1f} % of all rows, expected at most {:.1f} %: a "
                      "token chooses {} "
                      "different experts",
                      loads.origin, layer, loads.domains[domain], most - load.begin(), 100 * *most / sum,
                      100.0 / shape.top_k, shape.top_k));
    }
  }
}

}  // namespace

RecordedLoads::RecordedLoads(const LoadShape& shape, const ExpertLoads& loads, TextMix mix, int moe_layers,
                             std::uint64_t seed)
    : TableLoads(shape, std::move(mix), seed), origin_(loads.origin) {
  CheckShape(shape);
  CheckAgainst(shape, loads);
  for (int l = 0; l < std::min(moe_layers, loads.layers()); ++l) {
    selected_.push_back(RouteRecorded(shape, loads, l, seed));
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
  return fmt::format("recorded loads of {}, {} layers, {} domains", origin_, tables_.size(),
                     mix().share.size());
}

}  // namespace orrery::models
