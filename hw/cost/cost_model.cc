#include "hw/cost/cost_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/config/resources.h"
#include "core/op/op_traits.h"
#include "hw/cost/cost_model_data.h"
#include "hw/cost/price_error.h"
#include "hw/cost/roofline.h"

namespace orrery::hw {

namespace internal {
namespace {

/// No rows for the kind at all: memory-bound kernels stream, the rest run at the data sheet's rates.
Efficiency Unmeasured(const CostData& data, OpKind kind) {
  return IsMemoryBound(kind) ? data.streaming : Efficiency{};
}

}  // namespace

RawPrice PriceRaw(const CostData& data, const Op& op, int sms, std::size_t without) {
  const EfficiencyMap& map = data.map(op);
  const AnalyticTime analytic = Analytic(op, data.device, sms);
  const bool known = map.size() > (without == EfficiencyMap::kNone ? 0U : 1U);
  const Efficiency efficiency =
      known ? map.At(FeaturesOf(op, static_cast<double>(sms) / data.device.sms), without)
            : Unmeasured(data, op.kind);
  RawPrice price;
  price.seconds = std::max(analytic.Seconds(efficiency.log_ratio), AttainableSeconds(op, data.device, sms));
  price.beside = price.seconds * std::exp(efficiency.log_beside);
  price.table = efficiency.table;
  const bool measured = efficiency.inside && !IsUnlikeItsShape(op);
  const Provenance here = efficiency.derived ? Provenance::kDerived : Provenance::kMeasured;
  if (known) price.provenance = measured ? here : Provenance::kScaled;
  return price;
}

namespace {

/// FP8 rows stand in for BF16 GEMMs of so many rows as hw/data/price-errors.yaml tells; below, floors decide.
constexpr std::int64_t kLargeGemm = 1024;

/// What the price of an op of this device rests on that no row near it tells: rows of its kind further off,
/// or points that another kind lent.
Basis BasisBeyond(const CostData& data, const Op& op) {
  const EfficiencyMap& map = data.map(op);
  const auto* gemm = std::get_if<GemmShape>(&op.shape);
  if (op.kind == OpKind::kGemmBf16 && gemm->m < kLargeGemm) return Basis::kFarRows;
  for (std::size_t i = 0; i < map.size(); ++i) {
    if (map.point(i).borrowed) return Basis::kStandIn;
  }
  return map.empty() ? Basis::kStandIn : Basis::kFarRows;
}

bool HasRows(const CostData& data, OpKind kind) {
  return data.own_kinds[static_cast<std::size_t>(PricedWith(kind))];
}

bool Lends(const Lender& lender, OpKind kind) {
  return std::find(lender.kinds.begin(), lender.kinds.end(), PricedWith(kind)) != lender.kinds.end();
}

}  // namespace

bool Tells(const CostData& data, OpKind kind) {
  const auto has = [&data](const std::optional<OpKind>& k) { return k && HasRows(data, *k); };
  if (has(kind) || has(StandsIn(kind))) return true;
  const bool lent = std::any_of(data.lenders.begin(), data.lenders.end(),
                                [kind](const Lender& lender) { return Lends(lender, kind); });
  return !lent && has(Traits(kind).stand_in);
}

int LenderOf(const CostData& data, OpKind kind) {
  const auto first = [&](const auto& lends) {
    const auto it = std::find_if(data.lenders.begin(), data.lenders.end(), lends);
    return it != data.lenders.end() ? static_cast<int>(it - data.lenders.begin()) : -1;
  };
  int found = first([&](const Lender& lender) { return Lends(lender, kind); });
  for (const std::optional<OpKind>& other : {StandsIn(kind), Traits(kind).stand_in}) {
    if (found < 0 && other) found = first([&](const Lender& lender) { return Lends(lender, *other); });
  }
  if (found < 0 && IsMemoryBound(kind)) {
    found = first([](const Lender& lender) {
      return std::any_of(lender.kinds.begin(), lender.kinds.end(),
                         [](OpKind k) { return Traits(k).streams; });
    });
  }
  return found < 0 && !data.lenders.empty() ? 0 : found;
}

Basis BasisOf(const CostData& data, const Op& op, int sms, Provenance provenance) {
  if (provenance == Provenance::kMeasured) return Basis::kRows;
  if (provenance == Provenance::kDerived) return Basis::kDerivedRows;
  if (provenance == Provenance::kAnalytic && (!IsMemoryBound(op.kind) || !data.streaming_known))
    return Basis::kDataSheet;
  if (data.lenders.empty() || Tells(data, op.kind)) return BasisBeyond(data, op);
  const CostData& lender = *data.lenders[static_cast<std::size_t>(LenderOf(data, op.kind))].data;
  const int lender_sms = std::max(
      1, static_cast<int>(std::lround(static_cast<double>(sms) * lender.device.sms / data.device.sms)));
  const RawPrice there = PriceRaw(lender, op, lender_sms);
  return Lent(BasisOf(lender, op, lender_sms, there.provenance));
}

}  // namespace internal

namespace {

std::filesystem::path TableFolder(const std::string& device) {
  return std::filesystem::path("hw") / "data" / device / "kernels";
}

std::vector<std::string> TableNames(const std::string& device) {
  return ResourceNames(TableFolder(device).string(), "yaml");
}

std::filesystem::path TablePath(const std::string& device, const std::string& name) {
  return ResourceRoot() / TableFolder(device) / (name + ".yaml");
}

std::vector<KernelTable> TablesOf(const std::string& device) {
  std::vector<KernelTable> tables;
  for (const std::string& name : TableNames(device))
    tables.push_back(ReadKernelTable(TablePath(device, name)));
  return tables;
}

/// How unlike two devices are: data-sheet rates and their balance, in factors of e.
double Unlikeness(const Device& a, const Device& b) {
  return std::abs(std::log(a.bf16.value / b.bf16.value)) +
         std::abs(std::log(a.memory_rate.value / b.memory_rate.value)) +
         std::abs(std::log(static_cast<double>(a.sms) / b.sms));
}

/// The kinds that the shipped tables of a device have rows of, by their `op:` lines alone: to look for one kind
/// need not read the rows of every device.
std::set<OpKind> KindsOf(const std::string& device) {
  constexpr std::string_view kKey = "- op: ";
  constexpr std::size_t kMostTableBytes = std::size_t{1} << 26;
  std::set<OpKind> kinds;
  for (const std::string& name : TableNames(device)) {
    const std::string text = ReadTextFile(TablePath(device, name), kMostTableBytes);
    for (std::size_t at = text.find(kKey); at != std::string::npos; at = text.find(kKey, at + 1)) {
      const std::size_t from = at + kKey.size();
      OpKind kind{};
      if (ParseOpKind(text.substr(from, text.find_first_of(" \r\n", from) - from), &kind))
        kinds.insert(PricedWith(kind));
    }
  }
  return kinds;
}

/// The kinds that a device's own rows of `own` do not tell of.
std::set<OpKind> MissingKinds(const std::set<OpKind>& own) {
  std::set<OpKind> missing;
  for (const OpTraits& traits : AllOpTraits()) {
    const std::optional<OpKind> other = internal::StandsIn(traits.kind);
    if (!own.contains(PricedWith(traits.kind)) && !(other && own.contains(*other)))
      missing.insert(PricedWith(traits.kind));
  }
  return missing;
}

/// A device whose tables hold rows of kinds that another one lacks.
struct Candidate {
  std::string device;
  std::set<OpKind> kinds;
};

/// The candidates, nearest to `device` first: of one chip, of one architecture, then the rest, each by how unlike the
/// data sheets are. To a device that is no preset the reference device is nearest, since its sheet must not decide:
/// with a better one another device might lend, and a better device be slower.
std::vector<Candidate> NearestFirst(std::vector<Candidate> candidates, const Device& device) {
  if (candidates.size() < 2) return candidates;  // most often: no sheet need be read
  const ErrorData errors = LoadErrorData();
  const std::vector<std::string> known = DevicePresets();
  const bool preset = std::find(known.begin(), known.end(), device.name) != known.end();
  const Device sheet = preset ? DevicePreset(device.name) : device;
  std::vector<std::tuple<Relation, double, std::string, std::size_t>> order;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const std::string& name = candidates[i].device;
    const double unlike =
        preset ? Unlikeness(sheet, DevicePreset(name)) : (name == kReferenceDevice ? 0.0 : 1.0);
    order.emplace_back(errors.Between(name, device.name), unlike, name, i);
  }
  std::sort(order.begin(), order.end());
  std::vector<Candidate> sorted;
  for (const auto& [relation, unlike, name, i] : order) sorted.push_back(std::move(candidates[i]));
  return sorted;
}

/// The other devices that have rows of a kind of `missing`.
std::vector<Candidate> CandidatesFor(const std::set<OpKind>& missing, const Device& device) {
  std::vector<Candidate> candidates;
  for (const std::string& name : DevicePresets()) {
    if (name == device.name || missing.empty()) continue;
    Candidate candidate{name, {}};
    for (const OpKind kind : KindsOf(name)) {
      if (missing.contains(kind)) candidate.kinds.insert(kind);
    }
    if (!candidate.kinds.empty()) candidates.push_back(std::move(candidate));
  }
  return candidates;
}

/// Tables that price, and those that BuildCostData calls unlent.
struct Tables {
  std::vector<KernelTable> pricing, unlent;
};

/// The device's tables, unless they are to be left out, and of each kind that they do not tell of the rows of the
/// nearest device that has some.
Tables AutoTables(const Device& device, bool own = true) {
  Tables all;
  if (own) all.pricing = TablesOf(device.name);
  std::set<OpKind> missing = MissingKinds(own ? KindsOf(device.name) : std::set<OpKind>{});
  for (const Candidate& candidate : NearestFirst(CandidatesFor(missing, device), device)) {
    std::vector<OpKind> lent;
    for (const OpKind kind : candidate.kinds) {
      if (missing.erase(kind) > 0) lent.push_back(kind);
    }
    if (lent.empty()) continue;
    for (KernelTable& table : TablesOf(candidate.device)) {
      table.lent = lent;
      const bool prices = std::any_of(table.rows.begin(), table.rows.end(),
                                      [&](const KernelRow& row) { return table.Lends(row.op.kind); });
      (prices ? all.pricing : all.unlent).push_back(std::move(table));
    }
  }
  return all;
}

/// A table of another device needs a person who knows what that means.
void RequireDevice(const KernelTable& table, const Device& device) {
  if (table.device == device.name) return;
  const std::vector<std::string> known = DevicePresets();
  const bool preset = std::find(known.begin(), known.end(), table.device) != known.end();
  const std::string what = "device: '" + table.device + "': ";
  if (!preset) {
    throw InputError(table.device_place, what + "no such device is known; expected '" + device.name +
                                             "', the run's" + DidYouMean(table.device, known));
  }
  throw InputError(table.device_place, what + "this table was measured on another device than the run's, '" +
                                           device.name + "'; expected a table of '" + device.name +
                                           "' or 'auto'");
}

/// The file of a table that is named by its stem or by a path.
std::filesystem::path NamedPath(const Device& device, const std::string& asked) {
  const std::vector<std::string> known = TableNames(device.name);
  const bool preset = std::find(known.begin(), known.end(), asked) != known.end();
  std::error_code error;  // a name too long or a loop of links is no file either
  if (!preset && !std::filesystem::exists(asked, error)) {
    std::string all = "auto";
    for (const std::string& name : known) all += ", " + name;
    throw InputError("calibration '" + Clipped(asked) + "': no such file or table of " + device.name +
                     "; expected a file or one of: " + all + DidYouMean(asked, known));
  }
  return preset ? TablePath(device.name, asked) : std::filesystem::path(asked);
}

/// Where a row was read: tells whether two tables are one file.
std::string FileOf(const KernelTable& table) { return table.device_place.file; }

/// Adds a table asked for by name; one that is among "auto" moves, so that its rows are there once.
void AddNamed(const Device& device, const std::string& asked, bool forced, std::vector<KernelTable>* tables) {
  KernelTable table = ReadKernelTable(NamedPath(device, asked));
  if (!forced) RequireDevice(table, device);
  table.named = true;
  std::erase_if(*tables, [&](const KernelTable& t) {
    if (FileOf(t) != FileOf(table)) return false;
    if (t.named) throw InputError("calibration '" + asked + "': given twice");
    return true;
  });
  tables->push_back(std::move(table));
}

/// A device sheet with a rate out of all proportion shows in its first kernel.
void RequireSimulable(const Op& op, double seconds, const Device& device) {
  if (seconds <= kLongestSeconds) return;
  throw InputError("kernel " + std::string(Name(op.kind)) + (op.label.empty() ? "" : " '" + op.label + "'") +
                   " would take " + std::to_string(static_cast<std::int64_t>(seconds / 86400)) + " days on " +
                   device.name + ", more than can be simulated; expected a data sheet with other rates");
}

}  // namespace

CostModel::CostModel(std::shared_ptr<const internal::CostData> data) : data_(std::move(data)) {}

CostModel::CostModel(const Device& device, const std::vector<KernelTable>& tables)
    : CostModel(internal::BuildCostData(device, tables)) {}

CalibrationChoice CalibrationChoice::Of(std::vector<std::string> names) {
  if (names.empty()) throw InputError("calibration: expected at least one");
  if (std::count(names.begin(), names.end(), "auto") > 1) throw InputError("calibration 'auto': given twice");
  std::stable_partition(names.begin(), names.end(), [](const std::string& given) { return given == "auto"; });
  CalibrationChoice choice;
  choice.name = names.front();
  choice.further.assign(names.begin() + 1, names.end());
  return choice;
}

/// In order of the first kind of each; random draws are taken in this order.
const std::vector<std::string>& CostModel::ResidualClasses() {
  static const std::vector<std::string> classes = [] {
    std::vector<std::string> names;
    for (const OpTraits& traits : AllOpTraits()) {
      if (std::find(names.begin(), names.end(), traits.residual_class) == names.end())
        names.emplace_back(traits.residual_class);
    }
    return names;
  }();
  return classes;
}

int CostModel::ResidualClass(OpKind kind) {
  static const std::array<int, kOpKindCount> by_kind = [] {
    const std::vector<std::string>& names = ResidualClasses();
    std::array<int, kOpKindCount> indexes{};
    for (const OpTraits& traits : AllOpTraits()) {
      const auto name = std::find(names.begin(), names.end(), traits.residual_class);
      indexes[static_cast<std::size_t>(traits.kind)] = static_cast<int>(name - names.begin());
    }
    return indexes;
  }();
  return by_kind[static_cast<std::size_t>(kind)];
}

CostModel CostModel::Load(const Device& device, const CalibrationChoice& choice) {
  Tables tables;
  if (choice.name == "auto")
    tables = AutoTables(device);
  else
    AddNamed(device, choice.name, choice.forced, &tables.pricing);
  for (const std::string& name : choice.further) AddNamed(device, name, choice.forced, &tables.pricing);
  return CostModel(internal::BuildCostData(device, tables.pricing, tables.unlent));
}

CostModel CostModel::LoadLent(const Device& device) {
  const Tables tables = AutoTables(device, false);
  return CostModel(internal::BuildCostData(device, tables.pricing, tables.unlent));
}

std::string CostModel::LenderOf(OpKind kind) const {
  const int lender = internal::LenderOf(*data_, kind);
  if (lender < 0 || internal::Tells(*data_, kind)) return "";
  return data_->lenders[static_cast<std::size_t>(lender)].data->device.name;
}

Price CostModel::PriceOp(const Op& op, int sms) const {
  ORRERY_CHECK(sms >= 1 && sms <= data_->device.sms,
               "op '" + op.label + "' priced on " + std::to_string(sms) + " SMs");
  const internal::RawPrice raw = internal::PriceRaw(*data_, op, sms);
  Price price;
  price.provenance = raw.provenance;
  price.table = raw.table;
  price.basis = internal::BasisOf(*data_, op, sms, raw.provenance);
  double factor = 1;
  if (factors_ != nullptr) {
    const double least = std::min(1.0, Seconds(Roofline(op, data_->device, sms)) / raw.seconds);
    factor = std::max(factors_->At(op.kind, price.basis), least);
  }
  RequireSimulable(op, raw.beside * factor, data_->device);
  price.time = FromSeconds(raw.seconds * factor);
  price.beside = FromSeconds(raw.beside * factor);
  return price;
}

Time CostModel::launch_gap(Launching how) const {
  const Time gap = how == Launching::kGraph ? internal::GraphLaunchGap(*data_) : data_->launch_gap;
  return factors_ == nullptr ? gap : FromSeconds(Seconds(gap) * factors_->launch_gap);
}

Provenance CostModel::launch_gap_provenance() const { return data_->launch_gap_provenance; }

const Device& CostModel::device() const { return data_->device; }

std::vector<std::string> CostModel::sources() const { return data_->sources; }

std::vector<KernelRow> CostModel::rows() const {
  std::vector<KernelRow> rows;
  for (const bool borrowed : {false, true}) {
    for (const internal::PlacedRow& placed : data_->rows) {
      if (placed.borrowed == borrowed) rows.push_back(placed.row);
    }
  }
  return rows;
}

std::vector<CostModel::Residual> CostModel::LeaveOneOut() const {
  std::vector<Residual> residuals;
  for (const internal::PlacedRow& placed : data_->rows) {
    if (placed.borrowed || data_->map(placed.row.op).size() < 2) continue;
    const internal::RawPrice raw = internal::PriceRaw(*data_, placed.row.op, placed.row.sms, placed.point);
    const auto& op_class = ResidualClasses()[static_cast<std::size_t>(ResidualClass(placed.row.op.kind))];
    residuals.push_back({op_class, RowText(placed.row), std::log(raw.seconds / Seconds(placed.row.time))});
  }
  return residuals;
}

PriceErrors CostModel::Errors() const { return PriceErrors(*data_); }

CostModel CostModel::Perturbed(const PriceFactors& factors) const {
  CostModel copy = *this;
  copy.factors_ = std::make_shared<const PriceFactors>(factors);
  return copy;
}

}  // namespace orrery::hw
