#include "hw/comm/node_exchange.h"

#include <algorithm>
#include <cmath>

#include "core/config/resources.h"

namespace orrery::hw {
namespace {

constexpr const char* kFile = "exchanges-one-node";
/// Below, latency and the kernels' own work decide, which the normal kernels' model leaves out.
constexpr int kLeastTokens = 1024;

std::vector<NodeExchangeRow> ReadRows(const Value& list) {
  std::vector<NodeExchangeRow> rows;
  for (const Value& row : list.items()) {
    if (row.items().size() != 3) throw row.Error("expected [tokens, dispatch in us, combine in us]");
    const auto us = [&row](std::size_t i) { return FromMicroseconds(row.items()[i].AsDouble(1e-3, 1e9)); };
    rows.push_back({static_cast<int>(row.items()[0].AsInt(1, 1 << 24)), us(1), us(2)});
  }
  return rows;
}

struct Sample {
  double bytes = 0, seconds = 0;
};

/// Relative least squares of t = latency + bytes / rate, the latency not negative and the rate at most `most`.
NodeRates Fit(const std::vector<Sample>& samples, bool latency, double most) {
  double w = 0, wx = 0, wxx = 0, wy = 0, wxy = 0;
  for (const Sample& s : samples) {
    const double weight = 1 / (s.seconds * s.seconds);
    w += weight, wx += weight * s.bytes, wxx += weight * s.bytes * s.bytes;
    wy += weight * s.seconds, wxy += weight * s.bytes * s.seconds;
  }
  const double determinant = w * wxx - wx * wx;
  NodeRates rates;
  if (latency && determinant > 0) rates.latency_s = std::max(0.0, (wxx * wy - wx * wxy) / determinant);
  rates.scale_up = std::min(most, wxx / (wxy - rates.latency_s * wx));
  double squares = 0;
  for (const Sample& s : samples)
    squares += std::pow(std::log(s.seconds / (rates.latency_s + s.bytes / rates.scale_up)), 2);
  rates.rms_error = std::sqrt(squares / static_cast<double>(samples.size()));
  return rates;
}

}  // namespace

double RanksPerToken(int ranks, int top_k, int experts) {
  const int each = experts / ranks;
  double missed = 1;  // chance that none of the choices lies on a given rank
  for (int i = 0; i < top_k; ++i)
    missed *= std::max(0.0, static_cast<double>(experts - each - i) / (experts - i));
  return ranks * (1 - missed);
}

NodeExchangeTable ReadNodeExchangeTable(const Value& root) {
  root.AllowKeys({"schema_version", "device", "date", "source", "library", "measured_on", "communication_sms",
                  "ranks", "hidden", "top_k", "experts", "normal", "low_latency"});
  root.At("schema_version").AsInt(1, 1);
  NodeExchangeTable table;
  table.device = root.At("device").AsString();
  table.source = root.At("source").AsString();
  table.measured_on = ReadMeasuredOn(root.At("measured_on"));
  table.ranks = static_cast<int>(root.At("ranks").AsInt(2, 1024));
  table.hidden = static_cast<int>(root.At("hidden").AsInt(128, 1 << 20));
  table.top_k = static_cast<int>(root.At("top_k").AsInt(1, 32));
  table.experts = static_cast<int>(root.At("experts").AsInt(std::max(table.ranks, table.top_k), 1 << 16));
  table.normal = ReadRows(root.At("normal"));
  table.low_latency = ReadRows(root.At("low_latency"));
  const auto large = [](const NodeExchangeRow& r) { return r.tokens >= kLeastTokens; };
  if (!std::any_of(table.normal.begin(), table.normal.end(), large))
    throw root.At("normal").Error("expected a row of 1024 tokens or more");
  if (table.low_latency.size() < 2) throw root.At("low_latency").Error("expected two rows or more");
  return table;
}

std::optional<NodeExchangeTable> FindNodeExchangeTable(const Device& device) {
  const std::vector<std::string> files = ResourceNames("hw/data/" + device.name, "yaml");
  if (std::find(files.begin(), files.end(), kFile) == files.end()) return std::nullopt;
  const std::filesystem::path path =
      ResourceRoot() / "hw" / "data" / device.name / (std::string(kFile) + ".yaml");
  return ReadNodeExchangeTable(Document::Load(path).root());
}

NodeRates FitNormal(const NodeExchangeTable& table, BytesPerSecond nominal) {
  const double others =
      RanksPerToken(table.ranks, table.top_k, table.experts) * (table.ranks - 1) / table.ranks;
  std::vector<Sample> samples;
  for (const NodeExchangeRow& row : table.normal) {
    if (row.tokens < kLeastTokens) continue;
    for (const ExchangeKind kind : {ExchangeKind::kDispatch, ExchangeKind::kCombine}) {
      const auto wire = static_cast<double>(NormalPairBytes(kind, table.hidden, table.top_k).wire.count);
      samples.push_back({wire * row.tokens * others, Seconds(IsDispatch(kind) ? row.dispatch : row.combine)});
    }
  }
  return Fit(samples, false, nominal.value);
}

NodeRates FitLowLatencyNode(const NodeExchangeTable& table, BytesPerSecond nominal) {
  std::vector<Sample> samples;
  for (const NodeExchangeRow& row : table.low_latency) {
    const double pairs = static_cast<double>(row.tokens) * table.top_k * (table.ranks - 1) / table.ranks;
    for (const ExchangeKind kind : {ExchangeKind::kDispatch, ExchangeKind::kCombine}) {
      const auto pair = static_cast<double>(LowLatencyPairBytes(kind, table.hidden).count);
      samples.push_back({pairs * pair, Seconds(IsDispatch(kind) ? row.dispatch : row.combine)});
    }
  }
  return Fit(samples, true, nominal.value);
}

}  // namespace orrery::hw
