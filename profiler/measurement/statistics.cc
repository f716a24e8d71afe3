#include "profiler/measurement/statistics.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <numeric>

#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/erf.hpp>

#include "core/base/error.h"

namespace orrery::profiler {
namespace {

constexpr double kMadToSigma = 1.4826;  // 1 / Phi^-1(3/4)
// The MAD of a few values is too small on average; factors for n = 2 to 9 of Croux & Rousseeuw,
// "Time-efficient algorithms for two highly robust estimators of scale" (1992), and n / (n - 0.8) above.
constexpr double kSmallSample[] = {1, 1, 1.196, 1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107};

/// Of what is no number (a ratio of two zeros) the answer is none either, and no exception.
using Policy =
    boost::math::policies::policy<boost::math::policies::domain_error<boost::math::policies::ignore_error>,
                                  boost::math::policies::overflow_error<boost::math::policies::ignore_error>>;
using ChiSquared = boost::math::chi_squared_distribution<double, Policy>;
using StudentT = boost::math::students_t_distribution<double, Policy>;

/// Of the variance of `degrees` degrees of freedom whose mean is 1.
double MedianOfVariance(int degrees) { return quantile(ChiSquared(degrees), 0.5) / degrees; }

// Variance of the median of n = 1 to 10 normal values, by integrating the density of the order statistics;
// the tests repeat it by sampling.
constexpr double kMedianVariance[] = {0,      1,      0.5,    0.4487, 0.2982, 0.2868,
                                      0.2148, 0.2104, 0.1682, 0.1661, 0.1384};

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

double Variance(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum / (n - 1);
}

double MedianVariance(int n) {
  ORRERY_CHECK(n > 0, "a median needs a value");
  if (n < static_cast<int>(std::size(kMedianVariance))) return kMedianVariance[n];
  return std::numbers::pi / (2 * n);  // the limit of many, which is a little too large
}

PooledVariance PoolVariances(const std::vector<CaseVariance>& cases) {
  std::vector<double> scaled;
  double degrees = 0;
  for (const CaseVariance& c : cases) {
    if (c.n < 2) continue;
    scaled.push_back(c.variance / MedianOfVariance(c.n - 1));
    degrees += c.n - 1;
  }
  if (scaled.empty()) return {};
  // The median of many is worth half of what their mean would be (for chi-squared of two degrees: 0.48).
  const auto count = static_cast<double>(scaled.size());
  return {Median(std::move(scaled)), degrees * (count + 1) / (2 * count)};
}

double StudentP(double t, double degrees) {
  if (degrees == kKnownVariance) return std::erfc(std::abs(t) / std::numbers::sqrt2);
  return 2 * cdf(complement(StudentT(degrees), std::abs(t)));
}

double StudentQuantile(double p, double degrees) {
  if (degrees == kKnownVariance) return std::numbers::sqrt2 * boost::math::erfc_inv(p, Policy());
  return quantile(complement(StudentT(degrees), p / 2));
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
