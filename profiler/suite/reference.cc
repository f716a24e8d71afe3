#include "profiler/suite/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace orrery::profiler {
namespace {

constexpr double kLowest = -std::numeric_limits<double>::infinity();

double Dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double Sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

// Indices in order of falling value, lower index first among equals.
std::vector<int> Ranking(std::span<const double> values) {
  std::vector<int> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return values[static_cast<std::size_t>(a)] > values[static_cast<std::size_t>(b)];
  });
  return order;
}

double SumOfBestTwo(std::span<const double> group) {
  double first = kLowest;
  double second = kLowest;
  for (const double v : group) {
    if (v > first)
      second = first, first = v;
    else
      second = std::max(second, v);
  }
  return first + second;
}

double InverseRms(std::span<const double> x, double epsilon) {
  return 1.0 / std::sqrt(Dot(x, x) / static_cast<double>(x.size()) + epsilon);
}

std::span<const double> RowOf(const Doubles& rows, std::size_t row, std::size_t width) {
  return std::span(rows).subspan(row * width, width);
}

void AddScaled(double factor, std::span<const double> x, Doubles* sum) {
  for (std::size_t i = 0; i < x.size(); ++i) (*sum)[i] += factor * x[i];
}

double Probability(const CausalHead& h, std::size_t query, std::size_t key) {
  const double logit = h.scale * Dot(RowOf(h.q, query, h.d_qk), RowOf(h.k, key, h.d_qk));
  return std::exp(logit - h.stats[query]);
}

/// Of the loss by the scaled logit of (query, key).
double ScoreGradient(const CausalHead& h, std::size_t query, std::size_t key) {
  const auto d_out = RowOf(h.d_out, query, h.d_v);
  return Probability(h, query, key) *
         (Dot(d_out, RowOf(h.v, key, h.d_v)) - Dot(d_out, RowOf(h.out, query, h.d_v)));
}

}  // namespace

Doubles AttendRow(std::span<const double> q, std::span<const double> keys, std::size_t key_row,
                  std::span<const double> values, std::size_t value_row, std::size_t value_width,
                  std::size_t length, double scale) {
  Doubles weights(length);
  for (std::size_t t = 0; t < length; ++t) weights[t] = scale * Dot(q, keys.subspan(t * key_row, q.size()));
  const double max = *std::max_element(weights.begin(), weights.end());
  double sum = 0;
  for (double& w : weights) sum += w = std::exp(w - max);
  Doubles out(value_width, 0.0);
  for (std::size_t t = 0; t < length; ++t) {
    for (std::size_t c = 0; c < value_width; ++c) out[c] += weights[t] / sum * values[t * value_row + c];
  }
  return out;
}

Doubles CausalOut(const CausalHead& h, std::size_t row) {
  return AttendRow(RowOf(h.q, row, h.d_qk), h.k, h.d_qk, h.v, h.d_v, h.d_v, row + 1, h.scale);
}

double CausalStats(const CausalHead& h, std::size_t row) {
  Doubles logits;
  for (std::size_t key = 0; key <= row; ++key)
    logits.push_back(h.scale * Dot(RowOf(h.q, row, h.d_qk), RowOf(h.k, key, h.d_qk)));
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit - max);
  return max + std::log(sum);
}

Doubles CausalQueryGradient(const CausalHead& h, std::size_t row) {
  Doubles gradient(h.d_qk);
  for (std::size_t key = 0; key <= row; ++key)
    AddScaled(h.scale * ScoreGradient(h, row, key), RowOf(h.k, key, h.d_qk), &gradient);
  return gradient;
}

Doubles CausalKeyGradient(const CausalHead& h, std::size_t row) {
  Doubles gradient(h.d_qk);
  for (std::size_t query = row; query < h.length; ++query)
    AddScaled(h.scale * ScoreGradient(h, query, row), RowOf(h.q, query, h.d_qk), &gradient);
  return gradient;
}

Doubles CausalValueGradient(const CausalHead& h, std::size_t row) {
  Doubles gradient(h.d_v);
  for (std::size_t query = row; query < h.length; ++query)
    AddScaled(Probability(h, query, row), RowOf(h.d_out, query, h.d_v), &gradient);
  return gradient;
}

double Silu(double x) { return x * Sigmoid(x); }

Doubles SwiGluRow(std::span<const double> gate, std::span<const double> up, double weight) {
  Doubles out(gate.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = Silu(gate[i]) * up[i] * weight;
  return out;
}

SwiGluGradient SwiGluBackwardRow(std::span<const double> gate, std::span<const double> up, double weight,
                                 std::span<const double> d_out) {
  SwiGluGradient g{Doubles(gate.size()), Doubles(gate.size()), 0.0};
  for (std::size_t i = 0; i < gate.size(); ++i) {
    const double s = Sigmoid(gate[i]);
    g.d_up[i] = d_out[i] * weight * gate[i] * s;
    g.d_gate[i] = d_out[i] * weight * up[i] * s * (1.0 + gate[i] * (1.0 - s));
    g.d_weight += d_out[i] * gate[i] * s * up[i];
  }
  return g;
}

Doubles RmsNormRow(std::span<const double> x, std::span<const double> gain, double epsilon) {
  const double scale = InverseRms(x, epsilon);
  Doubles y(x.size());
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = x[i] * scale * gain[i];
  return y;
}

Doubles LayerNormRow(std::span<const double> x, std::span<const double> gain, std::span<const double> bias,
                     double epsilon) {
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
  Doubles centred(x.begin(), x.end());
  for (double& v : centred) v -= mean;
  const double scale = InverseRms(centred, epsilon);
  for (std::size_t i = 0; i < x.size(); ++i) centred[i] = centred[i] * scale * gain[i] + bias[i];
  return centred;
}

Doubles RmsNormBackwardRow(std::span<const double> x, std::span<const double> gain,
                           std::span<const double> d_y, double epsilon) {
  const double scale = InverseRms(x, epsilon);
  double mean = 0;
  for (std::size_t i = 0; i < x.size(); ++i) mean += d_y[i] * gain[i] * x[i] * scale;
  mean /= static_cast<double>(x.size());
  Doubles d_x(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) d_x[i] = scale * (d_y[i] * gain[i] - x[i] * scale * mean);
  return d_x;
}

GateChoice GroupTopK(std::span<const double> logits, std::span<const double> bias, int groups, int keep,
                     int choices, double factor) {
  const std::size_t width = logits.size() / static_cast<std::size_t>(groups);
  Doubles biased(logits.size());
  for (std::size_t i = 0; i < biased.size(); ++i) biased[i] = Sigmoid(logits[i]) + bias[i];
  Doubles group_scores;
  for (std::size_t g = 0; g < static_cast<std::size_t>(groups); ++g)
    group_scores.push_back(SumOfBestTwo(std::span(biased).subspan(g * width, width)));
  const std::vector<int> group_order = Ranking(group_scores);
  for (std::size_t g = static_cast<std::size_t>(keep); g < group_order.size(); ++g) {
    std::fill_n(biased.begin() + static_cast<std::ptrdiff_t>(width) * group_order[g], width, kLowest);
  }
  GateChoice choice;
  choice.experts = Ranking(biased);
  choice.experts.resize(static_cast<std::size_t>(choices));
  double sum = 0;
  for (const int e : choice.experts) sum += Sigmoid(logits[static_cast<std::size_t>(e)]);
  for (const int e : choice.experts)
    choice.weights.push_back(Sigmoid(logits[static_cast<std::size_t>(e)]) / sum * factor);
  return choice;
}

CrossEntropyRow CrossEntropy(std::span<const double> logits, int target, int rows) {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const double v : logits) sum += std::exp(v - max);
  CrossEntropyRow row;
  for (const double v : logits) row.gradient.push_back(std::exp(v - max) / sum / rows);
  row.gradient[static_cast<std::size_t>(target)] -= 1.0 / rows;
  row.loss = std::log(sum) + max - logits[static_cast<std::size_t>(target)];
  return row;
}

}  // namespace orrery::profiler
