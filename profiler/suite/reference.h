// References in double precision for what is checked row by row on the host.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace orrery::profiler {

using Doubles = std::vector<double>;

/// softmax(scale * q . keys) values over `length` rows; keys and values row-major with the given row lengths,
/// of which q.size() and value_width columns count.
Doubles AttendRow(std::span<const double> q, std::span<const double> keys, std::size_t key_row,
                  std::span<const double> values, std::size_t value_row, std::size_t value_width,
                  std::size_t length, double scale);

/// One head of one sequence of causal self-attention, row-major: q and k [length, d_qk], v, out and d_out
/// [length, d_v], stats [length] the logarithm of each row's sum of exponentials.
struct CausalHead {
  std::size_t length = 0, d_qk = 0, d_v = 0;
  double scale = 1;
  Doubles q, k, v, out, stats, d_out;
};
/// Output and statistic of query `row`, from q, k and v.
Doubles CausalOut(const CausalHead& head, std::size_t row);
double CausalStats(const CausalHead& head, std::size_t row);
/// Gradients of row `row` of q, k and v by FlashAttention's backward rule, which takes out and stats as
/// given: P = exp(scale q k - stats), dS = P (dO v - dO out), dQ = scale dS k, dK = scale dS^T q, dV = P^T
/// dO.
Doubles CausalQueryGradient(const CausalHead& head, std::size_t row);
Doubles CausalKeyGradient(const CausalHead& head, std::size_t row);
Doubles CausalValueGradient(const CausalHead& head, std::size_t row);

double Silu(double x);
/// silu(gate) up weight.
Doubles SwiGluRow(std::span<const double> gate, std::span<const double> up, double weight);
/// Gradients of the above.
struct SwiGluGradient {
  Doubles d_gate, d_up;
  double d_weight = 0;
};
SwiGluGradient SwiGluBackwardRow(std::span<const double> gate, std::span<const double> up, double weight,
                                 std::span<const double> d_out);

Doubles RmsNormRow(std::span<const double> x, std::span<const double> gain, double epsilon);
Doubles LayerNormRow(std::span<const double> x, std::span<const double> gain, std::span<const double> bias,
                     double epsilon);
/// Gradient of the input of RmsNormRow.
Doubles RmsNormBackwardRow(std::span<const double> x, std::span<const double> gain,
                           std::span<const double> d_y, double epsilon);

/// The gate of DeepSeek-V3 (arXiv:2412.19437, section 2.1.2): best `keep` of `groups` groups by the sum of
/// their two best biased scores, then the best `choices` experts; weights are unbiased scores, normalised,
/// times factor.
struct GateChoice {
  std::vector<int> experts;  ///< best first
  Doubles weights;
};
GateChoice GroupTopK(std::span<const double> logits, std::span<const double> bias, int groups, int keep,
                     int choices, double factor);

/// (softmax - onehot) / rows of one row, and its loss.
struct CrossEntropyRow {
  Doubles gradient;
  double loss = 0;
};
CrossEntropyRow CrossEntropy(std::span<const double> logits, int target, int rows);

}  // namespace orrery::profiler
