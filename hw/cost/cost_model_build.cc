// From tables to points: later rows supersede earlier ones, missing contention is filled in, kinds and
// devices without rows borrow.
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "hw/cost/cost_model_data.h"
#include "hw/cost/op_class.h"
#include "hw/cost/plausible.h"
#include "hw/cost/roofline.h"

namespace orrery::hw::internal {
namespace {

/// Median gap between the 909 kernels of the compute stream of DeepSeek's training trace
/// (deepseek-ai/profile-data): what CUDA takes from one kernel to the next on any of these devices.
constexpr Time kTraceLaunchGap{2'000'000};  // ps
constexpr const char* kTraceDevice = "h800-sxm";

/// A row with the device it was measured on.
struct SourcedRow {
  KernelRow row;
  const Device* device = nullptr;
  bool borrowed = false;
  int table = kNoTable;
};

/// Rows of the last table of those that measured the same.
std::vector<SourcedRow> Supersede(std::vector<SourcedRow> rows) {
  std::vector<SourcedRow> kept;
  for (auto it = rows.rbegin(); it != rows.rend(); ++it) {
    const bool known =
        std::any_of(kept.begin(), kept.end(), [&](const SourcedRow& k) { return SameCase(k.row, it->row); });
    if (!known) kept.push_back(std::move(*it));
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

/// ln(beside / alone) of rows that do not have it: the median of its kind, else of its class of ops, else 0.
class Contention {
 public:
  explicit Contention(const std::vector<SourcedRow>& rows) {
    for (const SourcedRow& r : rows) {
      if (!r.row.beside) continue;
      const double log_ratio = std::max(0.0, std::log(Seconds(*r.row.beside) / Seconds(r.row.time)));
      by_kind_[r.row.op.kind].push_back(log_ratio);
      by_shape_[r.row.op.shape.index()].push_back(log_ratio);
    }
  }
  double Of(const KernelRow& row) const {
    if (row.beside) return std::max(0.0, std::log(Seconds(*row.beside) / Seconds(row.time)));
    const auto kind = by_kind_.find(row.op.kind);
    if (kind != by_kind_.end()) return Median(kind->second);
    const auto shape = by_shape_.find(row.op.shape.index());
    return shape != by_shape_.end() ? Median(shape->second) : 0;
  }

 private:
  std::map<OpKind, std::vector<double>> by_kind_;
  std::map<std::size_t, std::vector<double>> by_shape_;
};

EfficiencyPoint PointOf(const SourcedRow& r, const Contention& contention) {
  EfficiencyPoint point;
  point.at = FeaturesOf(r.row.op, static_cast<double>(r.row.sms) / r.device->sms);
  point.log_ratio =
      static_cast<float>(Analytic(r.row.op, *r.device, r.row.sms).LogRatio(Seconds(r.row.time)));
  point.log_beside = static_cast<float>(contention.Of(r.row));
  point.borrowed = r.borrowed;
  point.table = r.table;
  return point;
}

/// FP8 rows as BF16 ones of half the k: the same bytes and the same tensor-core cycles a tile.
EfficiencyPoint AsBf16(const SourcedRow& r, EfficiencyPoint point) {
  Op op = r.row.op;
  op.kind = OpKind::kGemmBf16;
  std::get<GemmShape>(op.shape).k = CeilDiv(std::get<GemmShape>(op.shape).k, 2);
  point.at = FeaturesOf(op, static_cast<double>(r.row.sms) / r.device->sms);
  point.log_ratio = static_cast<float>(Analytic(op, *r.device, r.row.sms).LogRatio(Seconds(r.row.time)));
  point.borrowed = true;
  return point;
}

/// A time that the device cannot reach is a slip of a unit or a shape, and would price as if it were the
/// roofline.
void RequirePossible(const KernelRow& row, const Device& device) {
  if (const auto why = WhyImpossible(row.op, device, row.sms, row.time))
    throw InputError(row.place, RowText(row) + ": the time cannot be: " + *why);
}

/// The rows of all tables, each with its device: first of those that nobody named, then oldest table first.
std::vector<SourcedRow> Collect(const Device& device, const std::vector<KernelTable>& tables,
                                const std::map<std::string, Device>& others) {
  std::vector<const KernelTable*> by_date;
  for (const KernelTable& table : tables) by_date.push_back(&table);
  std::stable_sort(by_date.begin(), by_date.end(), [](const KernelTable* a, const KernelTable* b) {
    return std::tie(a->named, a->date) < std::tie(b->named, b->date);
  });
  std::vector<SourcedRow> rows;
  for (const KernelTable* table : by_date) {
    const bool borrowed = table->device != device.name;
    const Device& measured_on = borrowed ? others.at(table->device) : device;
    for (const KernelRow& row : table->rows) {
      if (row.sms > measured_on.sms) {
        throw InputError(row.place, "sms " + std::to_string(row.sms) + ": " + measured_on.name + " has " +
                                        std::to_string(measured_on.sms));
      }
      RequirePossible(row, measured_on);
      rows.push_back({row, &measured_on, borrowed, static_cast<int>(table - tables.data())});
    }
  }
  return Supersede(std::move(rows));
}

std::map<std::string, Device> OtherDevices(const Device& device, const std::vector<KernelTable>& tables) {
  std::map<std::string, Device> others;
  for (const KernelTable& table : tables) {
    if (table.device != device.name) others.emplace(table.device, DevicePreset(table.device));
  }
  return others;
}

/// Kinds without a point of their own take those of the kind that stands in.
void FillStandIns(CostData* data) {
  for (int i = 0; i < kOpKindCount; ++i) {
    EfficiencyMap& map = data->maps[static_cast<std::size_t>(i)].general;
    const std::optional<OpKind> other = StandIn(static_cast<OpKind>(i));
    if (!map.empty() || !other) continue;
    for (std::size_t p = 0; p < data->map(*other).size(); ++p) {
      EfficiencyPoint point = data->map(*other).point(p);
      point.borrowed = true;
      map.Add(point);
    }
  }
}

Efficiency Streaming(const CostData& data) {
  std::vector<double> ratios, besides;
  for (int i = 0; i < kOpKindCount; ++i) {
    if (!IsStreaming(static_cast<OpKind>(i))) continue;
    const EfficiencyMap& map = data.map(static_cast<OpKind>(i));
    for (std::size_t p = 0; p < map.size(); ++p) {
      ratios.push_back(map.point(p).log_ratio);
      besides.push_back(map.point(p).log_beside);
    }
  }
  return {Median(ratios), Median(besides), false};
}

std::string SourceLine(const KernelTable& table, const Device& device) {
  const std::string rows = std::to_string(table.rows.size()) + " rows";
  const std::string scaled =
      table.device == device.name ? "" : ", scaled from " + table.device + " by roofline";
  return table.source + " (" + (table.date.empty() ? "date not recorded" : table.date) + ", " + rows +
         scaled + ")";
}

}  // namespace

std::shared_ptr<const CostData> BuildCostData(const Device& device, const std::vector<KernelTable>& tables) {
  auto data = std::make_shared<CostData>();
  data->device = device;
  data->launch_gap = kTraceLaunchGap;
  if (device.name == kTraceDevice) data->launch_gap_provenance = Provenance::kMeasured;
  const std::map<std::string, Device> others = OtherDevices(device, tables);
  const std::vector<SourcedRow> rows = Collect(device, tables, others);
  const Contention contention(rows);
  for (const SourcedRow& r : rows) {
    EfficiencyMap& map = data->maps[static_cast<std::size_t>(r.row.op.kind)].Of(r.row.op.label);
    data->rows.push_back({r.row, map.size(), r.borrowed});
    map.Add(PointOf(r, contention));
  }
  for (const SourcedRow& r : rows) {
    if (r.row.op.kind != OpKind::kGemmFp8) continue;
    data->maps[static_cast<std::size_t>(OpKind::kGemmBf16)].general.Add(AsBf16(r, PointOf(r, contention)));
  }
  FillStandIns(data.get());
  data->streaming = Streaming(*data);
  for (const KernelTable& table : tables) {
    data->sources.push_back(SourceLine(table, device));
    if (!table.launch_gap || table.device != device.name) continue;
    data->launch_gap = *table.launch_gap;
    data->launch_gap_provenance = Provenance::kMeasured;
  }
  return data;
}

}  // namespace orrery::hw::internal
