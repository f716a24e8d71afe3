#include "hw/comm/deepep_table.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/config/resources.h"

namespace orrery::hw {
namespace {

constexpr std::array<std::string_view, kExchangeKindCount> kKindNames = {"dispatch", "dispatch_cached",
                                                                         "combine_backward", "combine"};
constexpr std::string_view kFilePrefix = "deepep-";
constexpr std::int64_t kMaxTokens = 1 << 24;
/// Most experts a token chooses: a warp of 32 lanes holds one choice each (deepseek-ai/DeepEP csrc/kernels).
constexpr int kMaxTopK = 32;

/// A mean of distinct things that `choices` choices among `of` can reach: 1 to the fewer of both.
double ReadDistinct(const Value& v, int choices, int of, const std::string& what) {
  const double mean = v.AsDouble(1e-3, 65536);
  const int most = std::min(choices, of);
  if (mean > most || mean < 1) {
    throw v.Error(fmt::format("expected 1 to {}: a token's {} choices lie on {} {} at most", most, choices,
                              most, what));
  }
  return mean;
}

FanOut ReadFanOut(const Value& v, int top_k) {
  FanOut f;
  f.ranks = static_cast<int>(v.At("ranks").AsInt(1, 65536));
  if (f.ranks > kDeepEpRanksPerNode && f.ranks % kDeepEpRanksPerNode != 0) {
    throw v.At("ranks").Error("expected whole nodes of 8 ranks");
  }
  const int nodes = std::max(1, f.ranks / kDeepEpRanksPerNode);
  f.nodes_per_token = ReadDistinct(v.At("nodes_per_token"), top_k, nodes, fmt::format("of {} nodes", nodes));
  f.ranks_per_token =
      ReadDistinct(v.At("ranks_per_token"), top_k, f.ranks, fmt::format("of {} ranks", f.ranks));
  if (f.ranks_per_token < f.nodes_per_token) {
    throw v.At("ranks_per_token").Error("expected at least nodes_per_token: a node is reached by a rank");
  }
  if (f.ranks_per_token > kDeepEpRanksPerNode * f.nodes_per_token) {
    throw v.At("ranks_per_token").Error("expected at most 8 a node of nodes_per_token");
  }
  return f;
}

NormalRow ReadNormalRow(const Value& v, int top_k) {
  v.AllowKeys({"id", "ranks", "nodes_per_token", "ranks_per_token", "dispatch", "combine"});
  return {v.At("id").AsString(), ReadFanOut(v, top_k), v.At("dispatch").AsRate(), v.At("combine").AsRate(),
          v.place()};
}

Time ReadPositiveTime(const Value& v) {
  const Time t = v.AsTime();
  if (t <= kTimeZero) throw v.Error("expected a time above zero");
  return t;
}

BesideRow ReadBesideRow(const Value& v) {
  v.AllowKeys({"kind", "time", "least", "greatest"});
  const std::vector<std::string> names(kKindNames.begin(), kKindNames.end());
  const BesideRow row{static_cast<ExchangeKind>(v.At("kind").AsChoice(names)), v.place(),
                      ReadPositiveTime(v.At("time")), ReadPositiveTime(v.At("least")),
                      ReadPositiveTime(v.At("greatest"))};
  if (row.least > row.time || row.time > row.greatest) {
    throw v.At("time").Error("expected a time between least and greatest");
  }
  return row;
}

BesideTable ReadBeside(const Value& v, int top_k) {
  v.AllowKeys(
      {"source", "communication_sms", "tokens", "ranks", "nodes_per_token", "ranks_per_token", "rows"});
  BesideTable table;
  table.source = v.At("source").AsString();
  table.tokens = static_cast<int>(v.At("tokens").AsInt(1, kMaxTokens));
  table.fan_out = ReadFanOut(v, top_k);
  for (const Value& row : v.At("rows").items()) table.rows.push_back(ReadBesideRow(row));
  for (int kind = 0; kind < kExchangeKindCount; ++kind) {
    const auto is_kind = [kind](const BesideRow& r) { return r.kind == static_cast<ExchangeKind>(kind); };
    if (std::count_if(table.rows.begin(), table.rows.end(), is_kind) != 1) {
      const std::string_view name = Name(static_cast<ExchangeKind>(kind));
      throw v.At("rows").Error("expected one row of kind " + std::string(name));
    }
  }
  return table;
}

LowLatencyRow ReadLowLatencyRow(const Value& v) {
  v.AllowKeys({"id", "ranks", "dispatch", "combine", "held_out"});
  LowLatencyRow row{v.At("id").AsString(), static_cast<int>(v.At("ranks").AsInt(2, 65536)),
                    ReadPositiveTime(v.At("dispatch")), ReadPositiveTime(v.At("combine")), false};
  if (const Value* held_out = v.Find("held_out")) row.held_out = held_out->AsBool();
  return row;
}

void ReadNormal(const Value& v, DeepEpTable* table) {
  v.AllowKeys({"tokens", "rows"});
  table->normal_tokens = static_cast<int>(v.At("tokens").AsInt(1, kMaxTokens));
  for (const Value& row : v.At("rows").items()) table->normal.push_back(ReadNormalRow(row, table->top_k));
  if (table->normal.size() < 3) throw v.At("rows").Error("expected three rows or more to fit two rates");
}

void ReadLowLatency(const Value& v, DeepEpTable* table) {
  v.AllowKeys({"tokens", "scale_up", "rows"});
  table->low_latency_tokens = static_cast<int>(v.At("tokens").AsInt(1, kMaxTokens));
  table->low_latency_scale_up = v.At("scale_up").AsBool();
  for (const Value& row : v.At("rows").items()) table->low_latency.push_back(ReadLowLatencyRow(row));
  if (table->low_latency.size() < 3) throw v.At("rows").Error("expected three rows or more");
}

}  // namespace

std::string_view Name(ExchangeKind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

PairBytes NormalPairBytes(ExchangeKind kind, int hidden, int top_k, bool fp8_dispatch) {
  constexpr std::int64_t kSourceMeta = 8, kScaleBlock = 128, kWord = 4, kAlign = 16;
  const std::int64_t fp8 = hidden + hidden / kScaleBlock * kWord;  // one FP32 scale for 128 elements
  const std::int64_t payload = IsDispatch(kind) && fp8_dispatch ? fp8 : 2LL * hidden;
  // A dispatch carries expert index and weight of each choice; the cached one neither; a combine the weights.
  const std::int64_t words_per_choice = kind == ExchangeKind::kDispatch ? 2 : IsDispatch(kind) ? 0 : 1;
  return {{payload}, {RoundUp(payload + kSourceMeta + words_per_choice * kWord * top_k, kAlign)}};
}

Bytes LowLatencyPairBytes(ExchangeKind kind, int hidden) {
  return {IsDispatch(kind) ? hidden + hidden / 128 * 4 + 16 : 2LL * hidden};
}

double LogicalBytes(const PairBytes& pair, const FanOut& fan_out, int tokens) {
  const double fan = fan_out.ranks <= kDeepEpRanksPerNode ? fan_out.ranks_per_token : fan_out.nodes_per_token;
  return static_cast<double>(pair.payload.count) * fan * tokens;
}

DeepEpTable ReadDeepEpTable(const Value& root) {
  root.AllowKeys({"library", "version", "source", "hidden", "top_k", "communication_sms", "measured_on",
                  "normal", "beside_compute", "low_latency"});
  DeepEpTable table;
  table.version = root.At("version").AsString();
  table.source = root.At("source").AsString();
  table.hidden = static_cast<int>(root.At("hidden").AsInt(128, 1 << 20));
  table.top_k = static_cast<int>(root.At("top_k").AsInt(1, kMaxTopK));
  if (const Value* on = root.Find("measured_on")) table.measured_on = ReadMeasuredOn(*on);
  ReadNormal(root.At("normal"), &table);
  const Value& beside = root.At("beside_compute");
  if (const Value* from = beside.Find("from")) {
    beside.AllowKeys({"from"});
    table.beside_from = from->AsString();
    if (!table.beside_from.starts_with(kFilePrefix)) throw from->Error("expected 'deepep-<version>'");
    table.beside_from.erase(0, kFilePrefix.size());
  } else {
    table.beside = ReadBeside(beside, table.top_k);
  }
  ReadLowLatency(root.At("low_latency"), &table);
  return table;
}

std::vector<std::string> DeepEpVersions(const std::string& device) {
  std::vector<std::string> versions;
  for (const std::string& name : ResourceNames("hw/data/" + device, "yaml")) {
    if (name.starts_with(kFilePrefix)) versions.push_back(name.substr(kFilePrefix.size()));
  }
  return versions;
}

DeepEpTable LoadDeepEpTable(const std::string& device, const std::string& version) {
  const std::vector<std::string> known = DeepEpVersions(device);
  if (std::find(known.begin(), known.end(), version) == known.end()) {
    std::string all;
    for (const std::string& k : known) all += (all.empty() ? "" : ", ") + k;
    throw InputError("DeepEP version '" + version + "' of device '" + device +
                     "': unknown; expected one of: " + (all.empty() ? "(none measured)" : all) +
                     DidYouMean(version, known));
  }
  const std::string file = std::string(kFilePrefix) + version + ".yaml";
  DeepEpTable table = ReadDeepEpTable(Document::Load(ResourceRoot() / "hw" / "data" / device / file).root());
  table.device = device;
  return table;
}

ExchangeSource FindExchangeSource(const Device& device, const std::string& version) {
  ExchangeSource source;
  const bool own = !DeepEpVersions(device.name).empty();
  source.table = LoadDeepEpTable(own ? device.name : kReferenceDevice, version);
  source.measured = source.table.measured_on.Apply(DevicePreset(source.table.device));
  source.own = own && SameLinks(device, source.measured);
  return source;
}

std::string SourceText(const ExchangeSource& source, const Device& device) {
  const DeepEpTable& table = source.table;
  std::string text = "DeepEP " + table.version + " on " + table.device + ": " + table.source;
  if (table.device == device.name && !source.own) {
    const auto gb = [](BytesPerSecond rate) { return rate.value * 1e-9; };
    text += fmt::format(", scaled from links of {:.4g} (scale-up) and {:.4g} GB/s (scale-out)",
                        gb(source.measured.scale_up), gb(source.measured.scale_out));
  }
  return text;
}

}  // namespace orrery::hw
