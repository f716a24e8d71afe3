#include "models/routing/text/fast_normal.h"

#include <cmath>
#include <numbers>

namespace orrery::models {
namespace {

double Density(double x) { return std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi); }
double Below(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

/// Slice i holds the quantiles i/4096 to (i+1)/4096; its mean is 4096 times the difference of densities.
std::array<float, 4096> MakeTable() {
  std::array<double, 4097> edge_density{};
  double x = -3.5;
  for (int i = 1; i < 4096; ++i) {
    for (int step = 0; step < 8; ++step) x -= (Below(x) - i / 4096.0) / Density(x);
    edge_density[static_cast<std::size_t>(i)] = Density(x);
  }
  std::array<float, 4096> table{};
  double square = 0;
  for (std::size_t i = 0; i < 4096; ++i)
    square += std::pow(4096 * (edge_density[i] - edge_density[i + 1]), 2) / 4096;
  for (std::size_t i = 0; i < 4096; ++i) {
    table[i] = static_cast<float>(4096 * (edge_density[i] - edge_density[i + 1]) / std::sqrt(square));
  }
  return table;
}

}  // namespace

const std::array<float, 4096>& FastNormal::Table() {
  static const std::array<float, 4096> table = MakeTable();
  return table;
}

}  // namespace orrery::models
