#include "profiler/compare/statistics.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "core/error.h"

namespace orrery::profiler {
namespace {

constexpr double kMadToSigma = 1.4826;  // 1 / Phi^-1(3/4)
// The MAD of a few values is too small on average; factors for n = 2 to 9 of Croux & Rousseeuw,
// "Time-efficient algorithms for two highly robust estimators of scale" (1992), and n / (n - 0.8) above.
constexpr double kSmallSample[] = {1, 1, 1.196, 1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107};

/// Quantile of the standard normal by bisection of erfc; called once per case.
double NormalQuantile(double p) {
  double low = -40, high = 40;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

struct Ranked {
  double value;
  bool from_a;
};

/// Sum of the mid-ranks of a, and sum over ties of t^3 - t.
std::pair<double, double> RankSum(std::vector<Ranked> all) {
  std::sort(all.begin(), all.end(), [](const Ranked& x, const Ranked& y) { return x.value < y.value; });
  double rank_sum = 0, ties = 0;
  for (std::size_t i = 0; i < all.size();) {
    std::size_t j = i;
    while (j < all.size() && all[j].value == all[i].value) ++j;
    const double mid_rank = (static_cast<double>(i + 1) + static_cast<double>(j)) / 2;
    const auto tied = static_cast<double>(j - i);
    ties += tied * tied * tied - tied;
    for (; i < j; ++i) rank_sum += all[i].from_a ? mid_rank : 0;
  }
  return {rank_sum, ties};
}

}  // namespace

double Quantile(std::vector<double> values, double q) {
  ORRERY_CHECK(!values.empty(), "a quantile needs a value");
  const double position = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const auto at = [&](std::size_t i) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(i), values.end());
    return values[i];
  };
  const double low = at(below);
  if (below + 1 >= values.size()) return low;
  return low + (position - static_cast<double>(below)) * (at(below + 1) - low);
}

double Median(std::vector<double> values) { return Quantile(std::move(values), 0.5); }

double ScaledMad(const std::vector<double>& values) {
  const double centre = Median(values);
  std::vector<double> deviations;
  for (const double value : values) deviations.push_back(std::abs(value - centre));
  const std::size_t n = values.size();
  const double correction =
      n < std::size(kSmallSample) ? kSmallSample[n] : static_cast<double>(n) / (static_cast<double>(n) - 0.8);
  return correction * kMadToSigma * Median(std::move(deviations));
}

double MannWhitneyP(std::span<const double> a, std::span<const double> b) {
  std::vector<Ranked> all;
  for (const double value : a) all.push_back({value, true});
  for (const double value : b) all.push_back({value, false});
  const auto [rank_sum, ties] = RankSum(std::move(all));
  const auto n = static_cast<double>(a.size()), m = static_cast<double>(b.size()), total = n + m;
  const double u = rank_sum - n * (n + 1) / 2;
  const double variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)));
  if (!(variance > 0)) return 1;
  const double distance = std::max(0.0, std::abs(u - n * m / 2) - 0.5);
  return std::erfc(distance / std::sqrt(2 * variance));
}

RatioEstimate HodgesLehmannRatio(std::span<const double> a, std::span<const double> b, double confidence) {
  ORRERY_CHECK(!a.empty() && !b.empty(), "a ratio needs values on both sides");
  std::vector<double> ratios;
  ratios.reserve(a.size() * b.size());
  for (const double x : a) {
    for (const double y : b) ratios.push_back(std::log(y / x));
  }
  const auto n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  const double z = NormalQuantile(0.5 + confidence / 2);
  const double k = n * m / 2 - z * std::sqrt(n * m * (n + m + 1) / 12);
  const auto order = static_cast<std::size_t>(std::max(0.0, std::floor(k)));
  const auto at = [&](std::size_t i) {
    std::nth_element(ratios.begin(), ratios.begin() + static_cast<std::ptrdiff_t>(i), ratios.end());
    return std::exp(ratios[i]);
  };
  const double low = at(order), high = at(ratios.size() - 1 - order);
  return {std::exp(Median(std::move(ratios))), low, high};
}

std::vector<double> AdjustFalseDiscovery(const std::vector<double>& p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] > p[b]; });
  std::vector<double> adjusted(p.size());
  double smallest = 1;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto rank = static_cast<double>(p.size() - i);
    smallest = std::min(smallest, p[order[i]] * static_cast<double>(p.size()) / rank);
    adjusted[order[i]] = smallest;
  }
  return adjusted;
}

}  // namespace orrery::profiler
