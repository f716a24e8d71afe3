#include "hw/comm/low_latency.h"

#include <algorithm>
#include <cmath>

namespace orrery::hw {
namespace {

/// A leg's bytes as the fit sees them: without scale-up all bytes leave by the NIC.
LowLatencySample ByRdmaAlone(LowLatencySample s) {
  s.scale_out_bytes += s.scale_up_bytes;
  s.scale_up_bytes = 0;
  return s;
}

struct Line {
  double latency = 0, seconds_per_byte = 0;
};

/// Relative least squares of t = latency + bytes * slope; through the origin if the latency came out
/// negative.
Line FitLine(const std::vector<LowLatencySample>& samples, double LowLatencySample::*bytes) {
  double w = 0, wx = 0, wxx = 0, wy = 0, wxy = 0;
  for (const LowLatencySample& s : samples) {
    const double weight = 1 / (s.seconds * s.seconds), x = s.*bytes;
    w += weight, wx += weight * x, wxx += weight * x * x;
    wy += weight * s.seconds, wxy += weight * x * s.seconds;
  }
  const double determinant = w * wxx - wx * wx;
  const double latency = determinant > 0 ? (wxx * wy - wx * wxy) / determinant : 0;
  if (latency <= 0) return {0, wxy / wxx};
  return {latency, (w * wxy - wx * wy) / determinant};
}

/// Slope of the scale-up leg given the latency, from rows that stay inside a node.
double FitScaleUp(const std::vector<LowLatencySample>& samples, double latency) {
  double xx = 0, xy = 0;
  for (const LowLatencySample& s : samples) {
    const double weight = 1 / (s.seconds * s.seconds);
    xx += weight * s.scale_up_bytes * s.scale_up_bytes;
    xy += weight * s.scale_up_bytes * (s.seconds - latency);
  }
  return xy / xx;
}

}  // namespace

std::vector<LowLatencySample> LowLatencySamples(const DeepEpTable& table) {
  std::vector<LowLatencySample> samples;
  for (const LowLatencyRow& row : table.low_latency) {
    for (ExchangeKind kind : {ExchangeKind::kDispatch, ExchangeKind::kCombine}) {
      // Random top-k: every rank is as likely as another, so own rank, own node and the rest share the pairs
      // evenly.
      const double pairs = static_cast<double>(table.low_latency_tokens) * table.top_k / row.ranks *
                           static_cast<double>(LowLatencyPairBytes(kind, table.hidden).count);
      const int in_node = std::min(row.ranks, kDeepEpRanksPerNode) - 1;
      samples.push_back({row.id, kind, row.ranks, row.held_out, pairs * (row.ranks - 1 - in_node),
                         pairs * in_node, Seconds(IsDispatch(kind) ? row.dispatch : row.combine)});
    }
  }
  return samples;
}

double LowLatencySeconds(const LowLatencyRates& rates, double scale_out_bytes, double scale_up_bytes) {
  const double up = rates.scale_up_latency_s + scale_up_bytes / rates.scale_up;
  return scale_out_bytes > 0 ? std::max(rates.latency_s + scale_out_bytes / rates.scale_out, up) : up;
}

LowLatencyRates FitLowLatency(const std::vector<LowLatencySample>& samples, bool uses_scale_up,
                              BytesPerSecond scale_out_nominal, BytesPerSecond scale_up_nominal) {
  std::vector<LowLatencySample> out, up;
  for (const LowLatencySample& s : samples) {
    if (s.held_out) continue;
    if (!uses_scale_up)
      out.push_back(ByRdmaAlone(s));
    else
      (s.scale_out_bytes > 0 ? out : up).push_back(s);
  }
  ORRERY_CHECK(out.size() >= 2 && (!uses_scale_up || !up.empty()), "too few low-latency rows to fit");
  const Line line = FitLine(out, &LowLatencySample::scale_out_bytes);
  LowLatencyRates rates;
  rates.latency_s = rates.scale_up_latency_s = line.latency;
  rates.scale_out = std::min(1 / line.seconds_per_byte, scale_out_nominal.value);
  rates.scale_up = rates.scale_out;
  if (uses_scale_up) rates.scale_up = std::min(1 / FitScaleUp(up, line.latency), scale_up_nominal.value);
  double squares = 0;
  for (const std::vector<LowLatencySample>* leg : {&out, &up}) {
    for (const LowLatencySample& s : *leg) {
      const double e = std::log(LowLatencySeconds(rates, s.scale_out_bytes, s.scale_up_bytes) / s.seconds);
      squares += e * e;
    }
  }
  rates.rms_error = std::sqrt(squares / static_cast<double>(out.size() + up.size()));
  return rates;
}

double LowLatencyLeaveOneRowOutError(const std::vector<LowLatencySample>& samples, bool uses_scale_up,
                                     BytesPerSecond scale_out_nominal, BytesPerSecond scale_up_nominal) {
  double squares = 0;
  int judged = 0;
  for (const LowLatencySample& left_out : samples) {
    const bool fixes_scale_up = uses_scale_up && left_out.scale_out_bytes == 0;
    if (left_out.held_out || fixes_scale_up) continue;
    std::vector<LowLatencySample> others = samples;
    std::erase_if(others, [&](const LowLatencySample& s) { return s.id == left_out.id; });
    const LowLatencyRates rates = FitLowLatency(others, uses_scale_up, scale_out_nominal, scale_up_nominal);
    const LowLatencySample s = uses_scale_up ? left_out : ByRdmaAlone(left_out);
    squares +=
        std::pow(std::log(s.seconds / LowLatencySeconds(rates, s.scale_out_bytes, s.scale_up_bytes)), 2);
    ++judged;
  }
  return judged > 0 ? std::sqrt(squares / judged) : 0;
}

LowLatencyModel LowLatencyModel::Load(const Device& device, const std::string& version) {
  const ExchangeSource source = FindExchangeSource(device, version);
  const auto& [table, measured, own] = source;
  LowLatencyModel model;
  model.uses_scale_up_ = table.low_latency_scale_up;
  model.rates_ =
      FitLowLatency(LowLatencySamples(table), model.uses_scale_up_, measured.scale_out, measured.scale_up);
  model.rates_.scale_out *= device.scale_out.value / measured.scale_out.value;
  model.rates_.scale_up *= model.uses_scale_up_ ? device.scale_up.value / measured.scale_up.value
                                                : device.scale_out.value / measured.scale_out.value;
  model.provenance_ = own ? Provenance::kMeasured : Provenance::kScaled;
  model.deviation_ = LowLatencyLeaveOneRowOutError(LowLatencySamples(table), model.uses_scale_up_,
                                                   measured.scale_out, measured.scale_up);
  if (!own) {
    const ErrorData errors = LoadErrorData();
    const auto relation = static_cast<std::size_t>(errors.Between(measured.name, device.name));
    model.deviation_ = std::hypot(model.deviation_, errors.low_latency_exchange[relation]);
  }
  model.source_ = SourceText(source, device);
  if (const auto node = FindNodeExchangeTable(device); node && !own && model.uses_scale_up_)
    model.TakeNode(*node, device);
  return model;
}

void LowLatencyModel::TakeNode(const NodeExchangeTable& node, const Device& device) {
  const BytesPerSecond nominal = node.measured_on.Apply(device).scale_up;
  const NodeRates rates = FitLowLatencyNode(node, nominal);
  rates_.scale_up_latency_s = rates.latency_s;
  rates_.scale_up = rates.scale_up * device.scale_up.value / nominal.value;
  source_ += "; within a node " + node.source;
}

Time LowLatencyModel::Price(Bytes scale_out, Bytes scale_up) const {
  const auto out = static_cast<double>(scale_out.count), up = static_cast<double>(scale_up.count);
  return FromSeconds(uses_scale_up_ ? LowLatencySeconds(rates_, out, up)
                                    : LowLatencySeconds(rates_, out + up, 0));
}

}  // namespace orrery::hw
