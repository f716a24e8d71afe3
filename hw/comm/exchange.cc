#include "hw/comm/exchange.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hw/comm/node_exchange.h"
#include "hw/cost/error_data.h"

namespace orrery::hw {
namespace {

/// Published rows are off by a tenth of the fit at most; one that is off by more than this factor was written
/// by mistake, and would draw the rates away from the others.
constexpr double kMaxRowFactor = 2;

double CarriedOver(const std::string& measured, const Device& device) {
  const ErrorData data = LoadErrorData();
  return data.normal_exchange[static_cast<std::size_t>(data.Between(measured, device.name))];
}

/// The two rates of a table. InputError for a row that contradicts the others.
ExchangeRates FitTable(const DeepEpTable& table, const Device& measured) {
  const std::vector<ExchangeSample> samples = NormalSamples(table);
  const ExchangeRates rates = FitExchangeRates(samples, measured.scale_out, measured.scale_up);
  const auto log_factor = [&](const ExchangeSample& s) {
    return std::log(s.seconds / TwoResourceSeconds(rates, s.scale_out_bytes, s.scale_up_bytes));
  };
  const auto worst =
      std::max_element(samples.begin(), samples.end(), [&](const ExchangeSample& a, const ExchangeSample& b) {
        return std::abs(log_factor(a)) < std::abs(log_factor(b));
      });
  if (std::abs(log_factor(*worst)) < std::log(kMaxRowFactor)) return rates;
  const auto row = static_cast<std::size_t>(worst - samples.begin()) / 2;  // a dispatch and a combine each
  throw InputError(table.normal[row].place,
                   fmt::format("{} {}: {:.3g} times as long as the two rates that fit all rows say; expected "
                               "rows that agree within a factor of {:.0f}",
                               worst->id, Name(worst->kind), std::exp(log_factor(*worst)), kMaxRowFactor));
}

/// Time beside compute over the time alone. An exchange is not faster for having compute beside it: where a
/// row says so by no more than the fit is off, it is taken as not slowed down; by more, the rows contradict
/// one another and one of them was written by mistake.
double SlowDownOf(const BesideRow& row, double alone, const ExchangeRates& rates) {
  const double ratio = Seconds(row.time) / alone;
  if (ratio * std::exp(rates.max_error) >= 1) return std::max(1.0, ratio);
  throw InputError(row.place,
                   fmt::format("{}: {:.3g} ms beside compute, but by the rows of 'normal' it takes {:.3g} ms "
                               "alone; expected a row there or here that is not so slow or so fast",
                               Name(row.kind), Seconds(row.time) * 1e3, alone * 1e3));
}

}  // namespace

std::vector<std::string> ExchangeModel::Versions() { return DeepEpVersions(kReferenceDevice); }

void ExchangeModel::TakeSlowDown(const DeepEpTable& table, const ExchangeRates& rates) {
  ORRERY_CHECK(table.beside.has_value(), "a table whose slow-down is carried over must hold one");
  for (const BesideRow& row : table.beside->rows) {
    const PairBytes pair = NormalPairBytes(row.kind, table.hidden, table.top_k);
    const ExchangeSample mean = MeanExchange(row.kind, pair, table.beside->fan_out, table.beside->tokens);
    const double alone = TwoResourceSeconds(rates, mean.scale_out_bytes, mean.scale_up_bytes);
    const auto i = static_cast<std::size_t>(row.kind);
    slow_down_[i] = SlowDownOf(row, alone, rates);
    uncertainty_[i] = 0.5 * Seconds(row.greatest - row.least) / Seconds(row.time);
  }
}

ExchangeModel ExchangeModel::Load(const Device& device, const std::string& version) {
  const ExchangeSource source = FindExchangeSource(device, version);
  const auto& [table, measured, own] = source;
  ExchangeModel model;
  model.rates_ = FitTable(table, measured);
  if (table.beside) {
    model.TakeSlowDown(table, model.rates_);
  } else {
    const DeepEpTable earlier = LoadDeepEpTable(table.device, table.beside_from);
    if (!earlier.beside)
      throw InputError("deepep-" + table.beside_from + ": expected its own beside_compute rows");
    model.TakeSlowDown(earlier, FitTable(earlier, earlier.measured_on.Apply(measured)));
  }
  model.alone_provenance_ = own ? Provenance::kMeasured : Provenance::kScaled;
  model.beside_provenance_ = own && table.beside ? Provenance::kMeasured : Provenance::kScaled;
  model.deviation_ =
      std::hypot(LeaveOneRowOutError(NormalSamples(table), measured.scale_out, measured.scale_up),
                 *std::max_element(model.uncertainty_.begin(), model.uncertainty_.end()),
                 own ? 0 : CarriedOver(measured.name, device));
  model.source_ = SourceText(source, device);
  model.rates_.scale_out *= device.scale_out.value / measured.scale_out.value;
  model.rates_.scale_up *= device.scale_up.value / measured.scale_up.value;
  if (const auto node = FindNodeExchangeTable(device); node && !own) {
    const BytesPerSecond nominal = node->measured_on.Apply(device).scale_up;
    model.rates_.scale_up = FitNormal(*node, nominal).scale_up * device.scale_up.value / nominal.value;
    model.source_ += "; within a node " + node->source;
  }
  model.picoseconds_per_byte_out_ = 1e12 / model.rates_.scale_out;
  model.picoseconds_per_byte_up_ = 1e12 / model.rates_.scale_up;
  return model;
}

}  // namespace orrery::hw
