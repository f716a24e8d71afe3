// Robust statistics for kernel times. Times have a hard floor and a long tail, drift with temperature and
// differ more between processes than within one; so: medians of launches, medians of processes, logarithms
// of ratios, and a spread between processes pooled over the cases of a run. Launches of one process are never
// counted as independent values.
#pragma once

#include <limits>
#include <vector>

namespace orrery::profiler {

/// Median; the mean of the middle two for an even count. Aborts on none.
double Median(std::vector<double> values);
/// Linear interpolation between order statistics, q in [0, 1] (type 7 of Hyndman & Fan 1996).
double Quantile(std::vector<double> values, double q);
/// Median absolute deviation from the median, times 1.4826 and a factor for small samples: estimates sigma
/// for normal noise.
double ScaledMad(const std::vector<double>& values);

/// Unbiased variance (divided by n - 1); 0 of fewer than two values.
double Variance(const std::vector<double>& values);
/// Variance of the median of n values of a normal distribution of variance 1.
double MedianVariance(int n);

/// An estimate of one variance that several cases share, and the degrees of freedom it is worth.
struct PooledVariance {
  double variance = 0;
  double degrees = 0;  ///< 0: nothing is known
};
/// From each case's variance over `n` values: the median of the variances, each divided by the median of its
/// chi-squared distribution, so that a few noisier cases do not move it. Cases with n < 2 say nothing.
struct CaseVariance {
  double variance = 0;
  int n = 0;
};
PooledVariance PoolVariances(const std::vector<CaseVariance>& cases);

inline constexpr double kKnownVariance =
    std::numeric_limits<double>::infinity();  ///< degrees of a known variance

/// Two-sided p of a Student-t statistic; `degrees` kKnownVariance is the normal distribution.
double StudentP(double t, double degrees);
/// The t whose two-sided p it is.
double StudentQuantile(double p, double degrees);

/// Benjamini-Hochberg: p values adjusted so that rejecting those below q keeps the false-discovery rate at q.
std::vector<double> AdjustFalseDiscovery(const std::vector<double>& p);

}  // namespace orrery::profiler
