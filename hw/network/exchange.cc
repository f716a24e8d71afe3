#include "hw/network/exchange.h"

#include <algorithm>
#include <cmath>

#include "hw/cost/error_data.h"

namespace orrery::hw {
namespace {

/// The one device with published tables.
const char* const kMeasuredDevice = "h800-sxm";

double CarriedOver(const Device& device) {
  const ErrorData data = LoadErrorData();
  return data.normal_exchange[static_cast<std::size_t>(data.Between(kMeasuredDevice, device.name))];
}

ExchangeRates FitTable(const DeepEpTable& table, const Device& measured) {
  return FitExchangeRates(NormalSamples(table), measured.scale_out, measured.scale_up);
}

}  // namespace

std::vector<std::string> ExchangeModel::Versions() { return DeepEpVersions(kMeasuredDevice); }

void ExchangeModel::TakeSlowDown(const DeepEpTable& table, const ExchangeRates& rates) {
  ORRERY_CHECK(table.beside.has_value(), "a table whose slow-down is carried over must hold one");
  for (const BesideRow& row : table.beside->rows) {
    const PairBytes pair = NormalPairBytes(row.kind, table.hidden, table.top_k);
    const ExchangeSample mean = MeanExchange(row.kind, pair, table.beside->fan_out, table.beside->tokens);
    const double alone = TwoResourceSeconds(rates, mean.scale_out_bytes, mean.scale_up_bytes);
    const auto i = static_cast<std::size_t>(row.kind);
    slow_down_[i] = Seconds(row.time) / alone;
    uncertainty_[i] = 0.5 * Seconds(row.greatest - row.least) / Seconds(row.time);
  }
}

ExchangeModel ExchangeModel::Load(const Device& device, const std::string& version) {
  const bool own = !DeepEpVersions(device.name).empty();
  const Device measured = own ? device : DevicePreset(kMeasuredDevice);
  const DeepEpTable table = LoadDeepEpTable(measured.name, version);
  ExchangeModel model;
  model.rates_ = FitTable(table, measured);
  if (table.beside) {
    model.TakeSlowDown(table, model.rates_);
  } else {
    const DeepEpTable earlier = LoadDeepEpTable(measured.name, table.beside_from);
    if (!earlier.beside)
      throw InputError("deepep-" + table.beside_from + ": expected its own beside_compute rows");
    model.TakeSlowDown(earlier, FitTable(earlier, measured));
  }
  model.alone_provenance_ = own ? Provenance::kMeasured : Provenance::kScaled;
  model.beside_provenance_ = own && table.beside ? Provenance::kMeasured : Provenance::kScaled;
  model.deviation_ = std::hypot(
      LeaveOneRowOutError(NormalSamples(table), measured.scale_out, measured.scale_up),
      *std::max_element(model.uncertainty_.begin(), model.uncertainty_.end()), own ? 0 : CarriedOver(device));
  model.source_ = "DeepEP " + version + " on " + measured.name + ": " + table.source;
  model.rates_.scale_out *= device.scale_out.value / measured.scale_out.value;
  model.rates_.scale_up *= device.scale_up.value / measured.scale_up.value;
  model.picoseconds_per_byte_out_ = 1e12 / model.rates_.scale_out;
  model.picoseconds_per_byte_up_ = 1e12 / model.rates_.scale_up;
  return model;
}

}  // namespace orrery::hw
