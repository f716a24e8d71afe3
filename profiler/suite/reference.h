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
