#include "hw/comm/exchange_fit.h"

#include <algorithm>
#include <cmath>

namespace orrery::hw {
namespace {

/// Normal equations of the log residuals in (log r_out, log r_up), one Gauss-Newton step.
void GaussNewtonStep(const std::vector<ExchangeSample>& samples, ExchangeRates* rates) {
  double aa = 1e-12, ab = 0, bb = 1e-12, ga = 0, gb = 0;  // the tiny ridge leaves a rate no sample speaks of
  for (const ExchangeSample& s : samples) {
    const double t = TwoResourceSeconds(*rates, s.scale_out_bytes, s.scale_up_bytes);
    const double a = -std::pow(s.scale_out_bytes / rates->scale_out / t, 4);
    const double b = -std::pow(s.scale_up_bytes / rates->scale_up / t, 4);
    const double residual = std::log(t / s.seconds);
    aa += a * a, ab += a * b, bb += b * b;
    ga += a * residual, gb += b * residual;
  }
  const double determinant = aa * bb - ab * ab;
  const auto step = [](double log_change) { return std::exp(std::clamp(log_change, -0.5, 0.5)); };
  rates->scale_out *= step(-(bb * ga - ab * gb) / determinant);
  rates->scale_up *= step(-(aa * gb - ab * ga) / determinant);
}

void MeasureErrors(const std::vector<ExchangeSample>& samples, ExchangeRates* rates) {
  double squares = 0;
  for (const ExchangeSample& s : samples) {
    const double e = std::log(TwoResourceSeconds(*rates, s.scale_out_bytes, s.scale_up_bytes) / s.seconds);
    squares += e * e;
    rates->max_error = std::max(rates->max_error, std::abs(e));
  }
  rates->rms_error = std::sqrt(squares / static_cast<double>(samples.size()));
}

}  // namespace

ExchangeSample MeanExchange(ExchangeKind kind, const PairBytes& pair, const FanOut& fan_out, int tokens) {
  const int nodes = std::max(1, fan_out.ranks / kDeepEpRanksPerNode);
  const double gpus = std::min(fan_out.ranks, kDeepEpRanksPerNode);
  const double wire = static_cast<double>(pair.wire.count) * tokens;
  ExchangeSample sample;
  sample.kind = kind;
  sample.ranks = fan_out.ranks;
  sample.scale_out_bytes = wire * fan_out.nodes_per_token * (nodes - 1) / nodes;
  sample.scale_up_bytes = wire * fan_out.ranks_per_token * (gpus - 1) / gpus;
  return sample;
}

std::vector<ExchangeSample> NormalSamples(const DeepEpTable& table) {
  std::vector<ExchangeSample> samples;
  for (const NormalRow& row : table.normal) {
    for (ExchangeKind kind : {ExchangeKind::kDispatch, ExchangeKind::kCombine}) {
      const PairBytes pair = NormalPairBytes(kind, table.hidden, table.top_k);
      ExchangeSample sample = MeanExchange(kind, pair, row.fan_out, table.normal_tokens);
      sample.id = row.id;
      const BytesPerSecond logical = IsDispatch(kind) ? row.dispatch : row.combine;
      sample.seconds = LogicalBytes(pair, row.fan_out, table.normal_tokens) / logical.value;
      samples.push_back(sample);
    }
  }
  return samples;
}

double TwoResourceSeconds(const ExchangeRates& rates, double scale_out_bytes, double scale_up_bytes) {
  const double out = scale_out_bytes / rates.scale_out, up = scale_up_bytes / rates.scale_up;
  const double out2 = out * out, up2 = up * up;
  return std::sqrt(std::sqrt(out2 * out2 + up2 * up2));
}

ExchangeRates FitExchangeRates(const std::vector<ExchangeSample>& samples, BytesPerSecond scale_out_nominal,
                               BytesPerSecond scale_up_nominal) {
  ORRERY_CHECK(samples.size() >= 2, "two rates need two samples");
  ExchangeRates rates;
  rates.scale_out = scale_out_nominal.value;
  rates.scale_up = scale_up_nominal.value;
  constexpr int kSteps = 60;  // converges in about 10
  for (int i = 0; i < kSteps; ++i) {
    GaussNewtonStep(samples, &rates);
    rates.scale_out_bound = rates.scale_out >= scale_out_nominal.value;
    rates.scale_up_bound = rates.scale_up >= scale_up_nominal.value;
    rates.scale_out = std::min(rates.scale_out, scale_out_nominal.value);
    rates.scale_up = std::min(rates.scale_up, scale_up_nominal.value);
  }
  MeasureErrors(samples, &rates);
  return rates;
}

double LeaveOneRowOutError(const std::vector<ExchangeSample>& samples, BytesPerSecond scale_out_nominal,
                           BytesPerSecond scale_up_nominal) {
  double squares = 0;
  for (const ExchangeSample& left_out : samples) {
    std::vector<ExchangeSample> others = samples;
    std::erase_if(others, [&](const ExchangeSample& s) { return s.id == left_out.id; });
    if (others.size() < 2) return 0;
    const ExchangeRates rates = FitExchangeRates(others, scale_out_nominal, scale_up_nominal);
    const double t = TwoResourceSeconds(rates, left_out.scale_out_bytes, left_out.scale_up_bytes);
    squares += std::pow(std::log(left_out.seconds / t), 2);
  }
  return std::sqrt(squares / static_cast<double>(samples.size()));
}

}  // namespace orrery::hw
