// From tables to points: later rows supersede earlier ones, missing contention is filled in, kinds and
// devices without rows borrow.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include "core/base/date.h"
#include "hw/cost/cost_model_data.h"
#include "hw/cost/plausible.h"
#include "hw/cost/roofline.h"

namespace orrery::hw::internal {
namespace {

/// Median gap between the 909 kernels of the compute stream of DeepSeek's training trace (deepseek-ai/profile-data):
/// what CUDA takes from one kernel to the next on any of these devices.
constexpr Time kTraceLaunchGap{2'000'000};  // ps
constexpr const char* kTraceDevice = kReferenceDevice;
/// The same inside a CUDA graph. DeepSeek's decode profile, drawn by LMSYS (blog of 2025-05-05, series
/// "DeepSeek Profile"), has 45 +- 5 us of gaps a layer for two micro-batches; each has 27 kernels: 22 compute
/// kernels told one by one, one of which stands for two, and the sending and the receiving kernel of dispatch
/// and combine. 54 gaps of 0.83 us. (Between kernels of a graph aiconfigurator's tables hold about 1 us.)
constexpr Time kGraphLaunchGap{833'000};  // ps

/// A row with the device it was measured on.
struct SourcedRow {
  KernelRow row;
  const Device* device = nullptr;
  bool elsewhere = false;  ///< another device, or this one under another sheet
  bool borrowed = false;   ///< another device, and this one has rows of the kind
  int table = kNoTable;
};

/// Rows of the last table of those that measured the same.
std::vector<SourcedRow> Supersede(std::vector<SourcedRow> rows) {
  std::map<std::string, std::vector<const KernelRow*>> by_text;
  std::vector<std::size_t> kept;
  for (std::size_t i = rows.size(); i-- > 0;) {
    auto& later = by_text[RowText(rows[i].row)];
    const bool known = std::any_of(later.begin(), later.end(),
                                   [&](const KernelRow* other) { return SameCase(*other, rows[i].row); });
    if (known) continue;
    later.push_back(&rows[i].row);
    kept.push_back(i);
  }
  std::vector<SourcedRow> result;
  for (auto it = kept.rbegin(); it != kept.rend(); ++it) result.push_back(std::move(rows[*it]));
  return result;
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
      by_kind_[PricedWith(r.row.op.kind)].push_back(log_ratio);
      by_shape_[r.row.op.shape.index()].push_back(log_ratio);
    }
  }
  double Of(const KernelRow& row) const {
    if (row.beside) return std::max(0.0, std::log(Seconds(*row.beside) / Seconds(row.time)));
    const auto kind = by_kind_.find(PricedWith(row.op.kind));
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
  point.scaled = r.elsewhere;
  point.derived = !r.row.derived.empty();
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
  point.borrowed = point.scaled = true;
  return point;
}

/// A time that the device cannot reach, or that no kernel takes, is a slip of a unit or a shape.
void RequirePossible(const KernelRow& row, const Device& device) {
  auto why = WhyImpossible(row.op, device, row.sms, row.time);
  if (!why) why = WhyTooSlow(row.op, device, row.sms, row.time);
  if (why) throw InputError(row.place, RowText(row) + ": the time cannot be: " + *why);
}

/// The device as it was when each table was measured.
std::vector<Device> MeasuredDevices(const Device& device, const std::vector<KernelTable>& tables) {
  const std::vector<std::string> known = DevicePresets();
  std::map<std::string, Device> sheets;  // a device has several tables
  std::vector<Device> devices;
  for (const KernelTable& table : tables) {
    const bool preset = std::find(known.begin(), known.end(), table.device) != known.end();
    const bool unknown = table.device == device.name && !preset;
    if (!sheets.contains(table.device))
      sheets.emplace(table.device, unknown ? device : DevicePreset(table.device));
    devices.push_back(table.measured_on.Apply(sheets.at(table.device)));
  }
  return devices;
}

/// Whether a table's rows are this device's own: measured on it, under the sheet it has now.
bool IsElsewhere(const KernelTable& table, const Device& measured_on, const Device& device) {
  return table.device != device.name || !SameKernelSheet(measured_on, device);
}

/// Rows of other devices count less where the device has rows of the kind. Where it has none, or only its
/// own under another sheet, rows weigh against one another as on the device that lends them, so that a better
/// sheet never changes which of them decide.
void MarkBorrowed(const Device& device, const std::vector<KernelTable>& tables,
                  std::vector<SourcedRow>* rows) {
  std::set<OpKind> own;
  for (const KernelTable& table : tables) {
    if (table.device != device.name) continue;
    for (const KernelRow& row : table.rows) own.insert(PricedWith(row.op.kind));
  }
  for (SourcedRow& r : *rows)
    r.borrowed = r.device->name != device.name && own.contains(PricedWith(r.row.op.kind));
}

/// The rows of all tables, each with its device: first of those that nobody named, then oldest table first.
std::vector<SourcedRow> Collect(const Device& device, const std::vector<KernelTable>& tables,
                                const std::vector<Device>& measured_on) {
  std::vector<std::size_t> by_date(tables.size());
  std::iota(by_date.begin(), by_date.end(), std::size_t{0});
  std::stable_sort(by_date.begin(), by_date.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(tables[a].named, tables[a].date) < std::tie(tables[b].named, tables[b].date);
  });
  std::vector<SourcedRow> rows;
  for (const std::size_t t : by_date) {
    const Device& on = measured_on[t];
    const bool elsewhere = IsElsewhere(tables[t], on, device);
    for (const KernelRow& row : tables[t].rows) {
      if (!tables[t].Lends(row.op.kind)) continue;
      if (row.sms > on.sms) {
        throw InputError(
            row.place, "sms " + std::to_string(row.sms) + ": " + on.name + " has " + std::to_string(on.sms));
      }
      RequirePossible(row, on);
      rows.push_back({row, &on, elsewhere, false, static_cast<int>(t)});
    }
  }
  rows = Supersede(std::move(rows));
  MarkBorrowed(device, tables, &rows);
  return rows;
}

/// Kinds without a point of their own take those of the kind that stands in.
void FillStandIns(CostData* data) {
  for (const OpTraits& traits : AllOpTraits()) {
    EfficiencyMap& map = data->MapsOf(traits.kind).general;
    if (!map.empty() || !traits.stand_in) continue;
    const EfficiencyMap& other = data->map(*traits.stand_in);
    for (std::size_t p = 0; p < other.size(); ++p) {
      EfficiencyPoint point = other.point(p);
      point.borrowed = point.scaled = true;
      map.Add(point);
    }
  }
}

/// What the streaming kernels with rows reach.
void SetStreaming(CostData* data) {
  std::vector<double> ratios, besides;
  for (const OpTraits& traits : AllOpTraits()) {
    if (!traits.streams) continue;
    const EfficiencyMap& map = data->map(traits.kind);
    for (std::size_t p = 0; p < map.size(); ++p) {
      ratios.push_back(map.point(p).log_ratio);
      besides.push_back(map.point(p).log_beside);
    }
  }
  data->streaming = {Median(ratios), Median(besides), false};
  data->streaming_known = !ratios.empty();
}

/// The devices that lend rows, each as it prices itself under the sheet that its rows were measured under:
/// how well its rows tell of each other is asked of these, and of all that it has.
std::vector<Lender> LendersOf(const Device& device, const std::vector<KernelTable>& tables,
                              const std::vector<Device>& measured_on,
                              const std::vector<KernelTable>& unlent) {
  struct Source {
    Device device;
    std::vector<KernelTable> tables;
    std::set<OpKind> kinds;
  };
  std::map<std::string, Source> by_name;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    if (!IsElsewhere(tables[t], measured_on[t], device)) continue;
    Source& source = by_name.try_emplace(tables[t].device, Source{measured_on[t], {}, {}}).first->second;
    if (!SameKernelSheet(source.device, measured_on[t])) continue;
    for (const KernelRow& row : tables[t].rows) {
      if (tables[t].Lends(row.op.kind)) source.kinds.insert(PricedWith(row.op.kind));
    }
    source.tables.push_back(tables[t]);
    source.tables.back().lent.reset();
  }
  const std::vector<Device> unlent_on = MeasuredDevices(device, unlent);
  for (std::size_t t = 0; t < unlent.size(); ++t) {
    const auto source = by_name.find(unlent[t].device);
    if (source != by_name.end() && SameKernelSheet(source->second.device, unlent_on[t]))
      source->second.tables.push_back(unlent[t]);
  }
  std::vector<Lender> lenders;
  for (const auto& [name, source] : by_name) {
    lenders.push_back({BuildCostData(source.device, source.tables),
                       std::vector<OpKind>(source.kinds.begin(), source.kinds.end())});
  }
  return lenders;
}

std::string SourceLine(const KernelTable& table, const Device& measured_on, const Device& device) {
  const auto used = std::count_if(table.rows.begin(), table.rows.end(),
                                  [&](const KernelRow& row) { return table.Lends(row.op.kind); });
  const std::string rows = std::to_string(used) + " rows";
  const bool sheet = table.device == device.name && IsElsewhere(table, measured_on, device);
  const std::string scaled = table.device != device.name ? ", scaled from " + table.device + " by roofline"
                             : sheet ? ", scaled by roofline from the data sheet they were measured under"
                                     : "";
  const std::string date = table.date.empty() ? "date not recorded" : table.date;
  const std::string late =
      table.date > CommitDate() ? ", WARNING: a day after that of this build's commit" : "";
  return table.source + " (" + date + late + ", " + rows + scaled + ")";
}

}  // namespace

Time GraphLaunchGap(const CostData& data) { return std::min(kGraphLaunchGap, data.launch_gap); }

std::shared_ptr<const CostData> BuildCostData(const Device& device, const std::vector<KernelTable>& tables,
                                              const std::vector<KernelTable>& unlent) {
  auto data = std::make_shared<CostData>();
  data->device = device;
  data->launch_gap = kTraceLaunchGap;
  if (device.name == kTraceDevice) data->launch_gap_provenance = Provenance::kMeasured;
  const std::vector<Device> measured_on = MeasuredDevices(device, tables);
  const std::vector<SourcedRow> rows = Collect(device, tables, measured_on);
  const Contention contention(rows);
  for (const SourcedRow& r : rows) {
    EfficiencyMap& map = data->MapsOf(r.row.op.kind).Of(r.row.op.label);
    data->rows.push_back({r.row, map.size(), r.elsewhere});
    if (!r.elsewhere) data->own_kinds[static_cast<std::size_t>(PricedWith(r.row.op.kind))] = true;
    map.Add(PointOf(r, contention));
  }
  for (const SourcedRow& r : rows) {
    if (r.row.op.kind != OpKind::kGemmFp8) continue;
    data->MapsOf(OpKind::kGemmBf16).general.Add(AsBf16(r, PointOf(r, contention)));
  }
  FillStandIns(data.get());
  SetStreaming(data.get());
  data->lenders = LendersOf(device, tables, measured_on, unlent);
  for (std::size_t t = 0; t < tables.size(); ++t) {
    const KernelTable& table = tables[t];
    data->sources.push_back(SourceLine(table, measured_on[t], device));
    if (!table.launch_gap || table.device != device.name) continue;
    data->launch_gap = *table.launch_gap;
    data->launch_gap_provenance = Provenance::kMeasured;
  }
  return data;
}

}  // namespace orrery::hw::internal
