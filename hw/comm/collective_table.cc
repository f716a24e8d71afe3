#include "hw/comm/collective_table.h"

#include <algorithm>
#include <cmath>

#include "core/config/resources.h"

namespace orrery::hw {
namespace {

constexpr const char* kFile = "collectives";
const std::vector<std::string> kNames = {"reduce_scatter", "all_gather", "all_reduce"};

CollectiveRows ReadRows(const Value& v) {
  v.AllowKeys({"op", "gpus", "rows"});
  CollectiveRows rows;
  rows.collective = static_cast<Collective>(v.At("op").AsChoice(kNames));
  rows.gpus = static_cast<int>(v.At("gpus").AsInt(2, 1024));
  for (const Value& row : v.At("rows").items()) {
    if (row.items().size() != 2) throw row.Error("expected [bytes, microseconds]");
    const auto bytes = static_cast<double>(row.items()[0].AsInt(1, std::int64_t{1} << 40));
    const double us = row.items()[1].AsDouble(1e-3, 1e9);
    if (!rows.seconds_of_bytes.empty() && bytes <= rows.seconds_of_bytes.back().first)
      throw row.Error("expected more bytes than in the row before");
    rows.seconds_of_bytes.emplace_back(bytes, us * 1e-6);
  }
  if (rows.seconds_of_bytes.size() < 2) throw v.At("rows").Error("expected two rows or more");
  return rows;
}

}  // namespace

double CollectiveRows::Seconds(double bytes, double slower) const {
  const double least = seconds_of_bytes.front().second;
  if (slower != 1) return least + std::max(0.0, Seconds(bytes) - least) * slower;
  const auto above = std::lower_bound(seconds_of_bytes.begin(), seconds_of_bytes.end(), bytes,
                                      [](const auto& row, double b) { return row.first < b; });
  if (above == seconds_of_bytes.begin()) return above->second;
  const auto& [low_bytes, low_s] = *std::prev(above);
  if (above == seconds_of_bytes.end()) return low_s * bytes / low_bytes;
  const double t = std::log(bytes / low_bytes) / std::log(above->first / low_bytes);
  return low_s * std::pow(above->second / low_s, t);
}

double CollectiveRows::BusRate() const {
  const auto& [bytes, seconds] = seconds_of_bytes.back();
  const int steps = collective == Collective::kAllReduce ? 2 * (gpus - 1) : gpus - 1;
  return bytes * steps / gpus / seconds;
}

const CollectiveRows* CollectiveTable::Find(Collective collective, int gpus) const {
  const auto it = std::find_if(tables.begin(), tables.end(), [&](const CollectiveRows& rows) {
    return rows.collective == collective && rows.gpus == gpus;
  });
  return it != tables.end() ? &*it : nullptr;
}

CollectiveTable ReadCollectiveTable(const Value& root) {
  root.AllowKeys({"schema_version", "device", "date", "source", "library", "measured_on", "tables"});
  root.At("schema_version").AsInt(1, 1);
  CollectiveTable table;
  table.device = root.At("device").AsString();
  table.source = root.At("source").AsString();
  table.measured_on = ReadMeasuredOn(root.At("measured_on"));
  for (const Value& entry : root.At("tables").items()) {
    table.tables.push_back(ReadRows(entry));
    const CollectiveRows& last = table.tables.back();
    if (table.Find(last.collective, last.gpus) != &last)
      throw entry.Error("a second table of this collective among as many GPUs; expected one");
  }
  if (table.tables.empty()) throw root.At("tables").Error("expected at least one table");
  return table;
}

std::optional<CollectiveTable> FindCollectiveTable(const Device& device) {
  const std::vector<std::string> files = ResourceNames("hw/data/" + device.name, "yaml");
  if (std::find(files.begin(), files.end(), kFile) == files.end()) return std::nullopt;
  const std::filesystem::path path =
      ResourceRoot() / "hw" / "data" / device.name / (std::string(kFile) + ".yaml");
  return ReadCollectiveTable(Document::Load(path).root());
}

}  // namespace orrery::hw
