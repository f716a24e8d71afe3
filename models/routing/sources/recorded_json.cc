// Expert loads from JSON: what serving engines' recorders write.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/text.h"
#include "models/routing/sources/recorded_loads.h"

namespace orrery::models {
namespace {

using Json = nlohmann::ordered_json;
/// Numbers of one file: 2000 recorded steps of 61 layers of 256 experts. They take half a GB while they are
/// read.
constexpr std::size_t kMostNumbers = std::size_t{1} << 25;
constexpr std::size_t kValuesPerCheck = std::size_t{1} << 16;  // some 10 ms
using Table = std::vector<std::vector<double>>;

/// Of a list or map the kind, which may be all there is to say of a gigabyte.
std::string DumpOf(const Json& v) { return v.is_structured() ? v.type_name() : v.dump(); }

double JsonLoad(const Json& v, const std::string& where) {
  if (!v.is_number() || !IsLoad(v.get<double>())) {
    throw InputError(fmt::format("{}: '{}' is not a number from 0 to 1e15", where, Clipped(DumpOf(v))));
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
Table JsonTable(const Json& v, const std::string& where, const RunControl& control) {
  if (!v.is_array() || v.empty() || !v[0].is_array() || v[0].empty()) {
    throw InputError(fmt::format("{}: expected [layers][experts] or [steps][layers][experts]", where));
  }
  Table sum;
  if (v[0][0].is_array()) {
    for (std::size_t s = 0; s < v.size(); ++s) {
      const std::string step = fmt::format("{}[{}]", where, s);
      Table one = JsonTable(v[s], step, control);
      if (s == 0) sum = Table(one.size(), std::vector<double>(one[0].size()));
      if (one.size() != sum.size() || one[0].size() != sum[0].size())
        throw InputError(fmt::format("{}: its shape differs from the first step's", step));
      for (std::size_t l = 0; l < one.size(); ++l) {
        for (std::size_t e = 0; e < one[l].size(); ++e) sum[l][e] += one[l][e];
      }
    }
    return sum;
  }
  control.Check();
  for (std::size_t l = 0; l < v.size(); ++l) {
    sum.push_back(JsonRow(v[l], fmt::format("{}[{}]", where, l)));
    if (sum.back().size() != sum[0].size()) {
      throw InputError(fmt::format("{}[{}]: {} experts, the first layer has {}", where, l, sum.back().size(),
                                   sum[0].size()));
    }
  }
  return sum;
}

/// [layers][slots] of expert numbers. InputError where they are no whole numbers, or lists of steps, which
/// have no sum.
Table SlotMapOf(const Json& v, const std::string& where, const RunControl& control) {
  if (v.is_array() && !v.empty() && v[0].is_array() && !v[0].empty() && v[0][0].is_array())
    throw InputError(where + ": expected [layers][slots], without steps");
  Table map = JsonTable(v, where, control);
  for (std::size_t l = 0; l < map.size(); ++l)
    for (std::size_t s = 0; s < map[l].size(); ++s)
      if (map[l][s] != std::floor(map[l][s]) || map[l][s] > 4095)
        throw InputError(fmt::format("{}[{}][{}]: '{:g}', expected the number of an expert, at most 4095",
                                     where, l, s, map[l][s]));
  return map;
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
    logical.emplace_back(static_cast<std::size_t>(most) + 1);
    for (std::size_t s = 0; s < map[l].size(); ++s)
      logical.back()[static_cast<std::size_t>(map[l][s])] += physical[l][s];
  }
  return logical;
}

/// The known key of a table of loads that is there; InputError where none is, or more than one.
std::string TableKey(const Json& root, const std::string& name) {
  static const std::vector<std::string> keys{"logical_count", "expert_load", "expert_load_pass", "weight",
                                             "physical_count"};
  std::vector<std::string> found;
  for (const std::string& key : keys)
    if (root.is_object() && root.contains(key)) found.push_back(key);
  if (found.empty())
    throw InputError(fmt::format("{}: none of the keys {} is there", name, fmt::join(keys, ", ")));
  if (found.size() > 1)
    throw InputError(
        fmt::format("{}: expected one table of loads, found {}", name, fmt::join(found, " and ")));
  return found.front();
}

/// "physical_to_logical_map[3][17] names expert 70, counted from 0": the first of the highest.
std::string HighestOf(const Table& map, const std::string& key) {
  std::size_t layer = 0, slot = 0;
  for (std::size_t l = 0; l < map.size(); ++l)
    for (std::size_t s = 0; s < map[l].size(); ++s)
      if (map[l][s] > map[layer][slot]) layer = l, slot = s;
  return fmt::format("{}[{}][{}] names expert {}, counted from 0", key, layer, slot, map[layer][slot]);
}

/// The table under the known key, or the bare array. `highest`: what tells why it has so many experts.
Table FindTable(const Json& root, const std::string& name, std::string* highest, const RunControl& control) {
  if (root.is_array()) return JsonTable(root, name, control);
  const std::string key = TableKey(root, name), map = "physical_to_logical_map";
  Table table = JsonTable(root[key], name + ": " + key, control);
  if (key == "logical_count" || key == "weight") return table;
  if (!root.contains(map)) {
    // vLLM's loads are of experts as long as none is placed twice or moved; these are of slots in any case.
    if (key == "physical_count")
      throw InputError(
          fmt::format("{}: missing key '{}': which expert each slot of '{}' holds", name, map, key));
    *highest =
        fmt::format("where '{}' counts physical slots, '{}' must say which expert each holds", key, map);
    return table;
  }
  const Table experts = SlotMapOf(root[map], name + ": " + map, control);
  *highest = HighestOf(experts, map);
  return ToLogical(table, experts, name);
}

/// Parses, refusing what is nested too deep and keys that are there twice.
Json ParseStrictly(std::string_view text, const std::string& name, const RunControl& control) {
  std::vector<std::set<std::string>> keys;  // of the objects open
  std::size_t values = 0;
  const auto check = [&](int depth, Json::parse_event_t event, const Json& parsed) {
    if (depth > kMaxLevels) throw InputError(fmt::format("{}: nested more than {} deep", name, kMaxLevels));
    if (event == Json::parse_event_t::value && ++values % kValuesPerCheck == 1) control.Check();
    if (values > kMostNumbers) throw InputError(fmt::format("{}: more than {} values", name, kMostNumbers));
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      throw InputError(fmt::format("{}: key '{}' is there twice", name, Clipped(parsed.get<std::string>())));
    return true;
  };
  try {
    return Json::parse(text, check);
  } catch (const Json::exception& e) {
    throw InputError(fmt::format("{}: not JSON: {}", name, e.what()));
  }
}

}  // namespace

ExpertLoads ParseLoadsJson(std::string_view text, const std::string& name, const RunControl& control) {
  const Json root = ParseStrictly(text, name, control);
  std::string highest;
  const Table table = FindTable(root, name, &highest, control);
  ExpertLoads out{name, {"all"}, {1.0}, 0, 0, {}, false, false, {}};
  out.highest = std::move(highest);
  for (std::size_t l = 0; l < table.size(); ++l) {
    if (std::accumulate(table[l].begin(), table[l].end(), 0.0) <= 0) {
      out.without_load.push_back(static_cast<int>(l));
      continue;
    }
    if (out.experts == 0) out.experts = static_cast<int>(table[l].size());
    if (static_cast<int>(table[l].size()) != out.experts)
      throw InputError(fmt::format("{}: layer {} has {} experts, one before it {}", name, l, table[l].size(),
                                   out.experts));
    out.load.push_back({table[l]});
  }
  if (out.load.empty()) throw InputError(fmt::format("{}: layer 0: no load", name));
  return out;
}

}  // namespace orrery::models
