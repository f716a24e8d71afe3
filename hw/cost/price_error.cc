#include "hw/cost/price_error.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <optional>

#include "core/base/error.h"
#include "hw/cost/cost_model_data.h"
#include "hw/cost/roofline.h"

namespace orrery::hw {
namespace {

using internal::CostData;
using internal::PlacedRow;

/// Fewer residuals than these say little of how far off a class may be.
constexpr std::size_t kLeastResiduals = 5;

/// The points of `map` that `keep` wants.
EfficiencyMap Part(const EfficiencyMap& map, const std::function<bool(const EfficiencyPoint&)>& keep) {
  EfficiencyMap part;
  for (std::size_t i = 0; i < map.size(); ++i) {
    if (keep(map.point(i))) part.Add(map.point(i));
  }
  return part;
}

Features FeaturesOf(const CostData& data, const KernelRow& row) {
  return hw::FeaturesOf(row.op, static_cast<double>(row.sms) / data.device.sms);
}

/// ln(measured / priced) of a row that takes the efficiency `log_ratio`.
double ErrorAt(const CostData& data, const KernelRow& row, double log_ratio) {
  const double seconds = std::max(Analytic(row.op, data.device, row.sms).Seconds(log_ratio),
                                  AttainableSeconds(row.op, data.device, row.sms));
  return std::log(Seconds(row.time) / seconds);
}

std::optional<double> WithoutRow(const CostData& data, const PlacedRow& placed) {
  if (data.map(placed.row.op).size() < 2) return std::nullopt;
  const double seconds = internal::PriceRaw(data, placed.row.op, placed.row.sms, placed.point).seconds;
  return std::log(Seconds(placed.row.time) / seconds);
}

std::optional<double> WithoutRowsNear(const CostData& data, const PlacedRow& placed) {
  const auto far = data.map(placed.row.op).AtFar(FeaturesOf(data, placed.row));
  if (!far) return std::nullopt;
  return ErrorAt(data, placed.row, far->log_ratio);
}

/// As if no row of the kind were there: points of the kind that stands in, else what streaming kernels reach.
std::optional<double> WithoutKind(const CostData& data, const PlacedRow& placed,
                                  const EfficiencyMap& others) {
  const OpKind kind = placed.row.op.kind;
  if (!others.empty()) return ErrorAt(data, placed.row, others.At(FeaturesOf(data, placed.row)).log_ratio);
  const bool streams = IsMemoryBound(kind) && !Traits(kind).streams;
  if (!streams || !data.streaming_known) return std::nullopt;
  return ErrorAt(data, placed.row, data.streaming.log_ratio);
}

/// The points that price a kind as if it had no rows: borrowed ones, else those of the kind that stands in.
EfficiencyMap OtherPoints(const CostData& data, OpKind kind) {
  EfficiencyMap others = Part(data.map(kind), [](const EfficiencyPoint& p) { return p.borrowed; });
  const std::optional<OpKind> other = Traits(kind).stand_in;
  if (others.empty() && other)
    others = Part(data.map(*other), [](const EfficiencyPoint& p) { return !p.borrowed; });
  return others;
}

OwnErrors ErrorsOf(const CostData& data) {
  const std::size_t classes = CostModel::ResidualClasses().size();
  OwnErrors errors;
  std::map<OpKind, EfficiencyMap> others;
  errors.rows.resize(classes), errors.far_rows.resize(classes), errors.stand_in.resize(classes);
  for (const PlacedRow& placed : data.rows) {
    if (placed.borrowed) continue;
    const auto c = static_cast<std::size_t>(CostModel::ResidualClass(placed.row.op.kind));
    if (const auto e = WithoutRow(data, placed)) errors.rows[c].push_back(*e);
    if (const auto e = WithoutRowsNear(data, placed)) errors.far_rows[c].push_back(*e);
    const OpKind kind = placed.row.op.kind;
    if (!others.contains(kind)) others.emplace(kind, OtherPoints(data, kind));
    if (const auto e = WithoutKind(data, placed, others.at(kind))) errors.stand_in[c].push_back(*e);
  }
  for (auto* pools : {&errors.rows, &errors.far_rows, &errors.stand_in}) {
    for (std::vector<double>& pool : *pools) std::sort(pool.begin(), pool.end());
  }
  return errors;
}

/// The value that a share `u` of the sorted pool lies below.
double At(const std::vector<double>& pool, double u) {
  return pool[std::min(pool.size() - 1, static_cast<std::size_t>(u * static_cast<double>(pool.size())))];
}

}  // namespace

Range90 LogNormal90(double mean, double sd) {
  return {std::min(1.0, std::exp(mean - kNormal90 * sd)), std::max(1.0, std::exp(mean + kNormal90 * sd))};
}

Range90 Quantiles90(std::vector<double> log_factors) {
  ORRERY_CHECK(!log_factors.empty(), "quantiles of nothing");
  std::sort(log_factors.begin(), log_factors.end());
  const double last = static_cast<double>(log_factors.size() - 1);
  const auto at = [&](double share) {
    const auto below = static_cast<std::size_t>(share * last);
    const double t = share * last - static_cast<double>(below);
    const double above = log_factors[std::min(below + 1, log_factors.size() - 1)];
    return log_factors[below] + t * (above - log_factors[below]);
  };
  return {std::min(1.0, std::exp(at(0.05))), std::max(1.0, std::exp(at(0.95)))};
}

PriceErrors::PriceErrors(const CostData& data) : data_(LoadErrorData()) {
  own_ = {ErrorsOf(data), true, Relation::kSameChip};
  for (const OpTraits& traits : AllOpTraits())
    lender_of_[static_cast<std::size_t>(traits.kind)] = internal::LenderOf(data, traits.kind);
  for (const auto& [lender, kinds] : data.lenders)
    lenders_.push_back({ErrorsOf(*lender), false, data_.Between(lender->device.name, data.device.name)});
}

const PriceErrors::Lender& PriceErrors::LenderOf(OpKind kind) const {
  const int of_kind = lender_of_[static_cast<std::size_t>(PricedWith(kind))];
  return of_kind >= 0 ? lenders_[static_cast<std::size_t>(of_kind)] : own_;
}

/// Errors of a class on a basis: its own where there are enough, else its kin's. Where no rows could be left
/// out as far as the basis asks, errors of the next nearer sort: it is off by those at least. Null where too
/// few rows tell; then a class is taken to scatter as it does about the roofline.
const std::vector<double>* PriceErrors::Pool(const OwnErrors& errors, int op_class, Basis basis) const {
  const std::array<const std::vector<std::vector<double>>*, 3> from_far_to_near = {
      &errors.stand_in, &errors.far_rows, &errors.rows};
  const std::size_t farthest = basis == Basis::kStandIn ? 0 : basis == Basis::kFarRows ? 1 : 2;
  for (std::size_t i = farthest; i < from_far_to_near.size(); ++i) {
    for (int c = op_class; c >= 0; c = data_.kin[static_cast<std::size_t>(c)]) {
      const std::vector<double>& pool = (*from_far_to_near[i])[static_cast<std::size_t>(c)];
      if (pool.size() >= kLeastResiduals) return &pool;
    }
  }
  return nullptr;
}

double PriceErrors::Error(OpKind kind, Basis basis, const CommonDraws& common, const KindDraws& own) const {
  const int op_class = CostModel::ResidualClass(kind);
  const auto c = static_cast<std::size_t>(op_class);
  const auto directed = [&](const DirectedError& e) {
    return e.bias + e.between * common.between[c] + e.scatter * own.normal;
  };
  if (basis == Basis::kDataSheet) return directed(data_.from_data_sheet[c]);
  const bool lent = basis != AtHome(basis);
  const Lender& lender = lent ? LenderOf(kind) : own_;
  double error = data_.from_data_sheet[c].scatter * own.normal;
  if (AtHome(basis) == Basis::kStandIn && data_.stand_in[c]) {
    error = directed(*data_.stand_in[c]);
  } else if (const auto* pool = Pool(lender.errors, op_class, AtHome(basis))) {
    error = At(*pool, own.share);
  }
  if (AtHome(basis) == Basis::kDerivedRows)
    error += data_.derived[c].bias * common.between[c] + data_.derived[c].scatter * own.normal;
  if (!lent || lender.self) return error;
  const ErrorData::Carried& carried = data_.Of(lender.relation);
  return error + carried.shared * common.shared + carried.classes[c].bias * common.bias[c] +
         carried.classes[c].scatter * common.scatter[c];
}

namespace {

/// Kinds of which nobody has rows are off as a kind like them is, by the same draw.
std::optional<OpKind> DrawnAs(OpKind kind) {
  if (kind == OpKind::kStateScan) return OpKind::kGemmBf16;
  if (kind == OpKind::kStateUpdate) return OpKind::kCopy;
  return std::nullopt;
}

}  // namespace

PriceFactors PriceErrors::Draw(RandomStream* random) const {
  CommonDraws common;
  common.shared = random->Normal();
  for (std::size_t c = 0; c < data_.from_data_sheet.size(); ++c) {
    for (auto* draws : {&common.bias, &common.scatter, &common.between}) draws->push_back(random->Normal());
  }
  PriceFactors factors;
  std::array<KindDraws, kOpKindCount> drawn{};
  for (const OpTraits& traits : AllOpTraits()) {
    if (traits.priced_with) continue;
    const auto like = DrawnAs(traits.kind);
    KindDraws& own = drawn[static_cast<std::size_t>(traits.kind)];
    own = like ? drawn[static_cast<std::size_t>(*like)] : KindDraws{random->Uniform(), random->Normal()};
    for (int b = 0; b < kBases; ++b) {
      const auto basis = static_cast<Basis>(b);
      factors.At(traits.kind, basis) = std::exp(Error(traits.kind, basis, common, own));
    }
  }
  factors.launch_gap = std::exp(data_.launch_gap * random->Normal());
  return factors;
}

std::vector<PriceFactors> PriceErrors::Draws(int count) const {
  std::vector<PriceFactors> draws;
  for (int i = 0; i < count; ++i) {
    RandomStream random(1, "price errors", {static_cast<std::uint64_t>(i)});
    draws.push_back(Draw(&random));
  }
  return draws;
}

}  // namespace orrery::hw
