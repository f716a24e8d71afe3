#include "models/routing/balance/balance_stats.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace orrery::models {

std::vector<double> Relative(std::span<const double> load) {
  std::vector<double> out(load.begin(), load.end());
  const double sum = std::accumulate(out.begin(), out.end(), 0.0);
  if (sum > 0) {
    for (double& x : out) x *= static_cast<double>(out.size()) / sum;
  }
  return out;
}

BalanceStats Balance(std::span<const double> load) {
  BalanceStats s;
  std::vector<double> x = Relative(load);
  if (x.empty() || std::accumulate(x.begin(), x.end(), 0.0) <= 0) return s;
  std::sort(x.begin(), x.end());
  const double n = static_cast<double>(x.size());
  double square = 0, ranked = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    square += (x[i] - 1) * (x[i] - 1);
    ranked += (2 * static_cast<double>(i + 1) - n - 1) * x[i];
    s.dead += (x[i] < 0.04) / n;
    s.hot += (x[i] > 2) / n;
    s.very_hot += (x[i] > 4) / n;
  }
  s.max_vio = x.back() - 1;
  s.least = x.front();
  s.cv = std::sqrt(square / n);
  s.gini = ranked / (n * n);
  return s;
}

BalanceStats MeanStats(std::span<const BalanceStats> stats) {
  BalanceStats mean;
  const double n = static_cast<double>(stats.size());
  for (const BalanceStats& s : stats) {
    mean.max_vio += s.max_vio / n, mean.cv += s.cv / n, mean.gini += s.gini / n, mean.dead += s.dead / n;
    mean.hot += s.hot / n, mean.very_hot += s.very_hot / n, mean.least += s.least / n;
  }
  return mean;
}

double Correlation(std::span<const double> a, std::span<const double> b) {
  const double n = static_cast<double>(a.size());
  const double ma = std::accumulate(a.begin(), a.end(), 0.0) / n,
               mb = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - ma) * (b[i] - mb), aa += (a[i] - ma) * (a[i] - ma), bb += (b[i] - mb) * (b[i] - mb);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

}  // namespace orrery::models
