// Robust statistics for kernel times. Times have a hard floor and a long tail, drift with temperature and
// differ more between processes than within one; so: medians and median absolute deviations, ranks, and
// logarithms of ratios. No mean, no standard deviation.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace orrery::profiler {

/// Median; the mean of the middle two for an even count. Aborts on none.
double Median(std::vector<double> values);
/// Linear interpolation between order statistics, q in [0, 1] (type 7 of Hyndman & Fan 1996).
double Quantile(std::vector<double> values, double q);
/// Median absolute deviation from the median, times 1.4826 and a factor for small samples: estimates sigma
/// for normal noise.
double ScaledMad(const std::vector<double>& values);

/// Two-sided p of the Mann-Whitney U test that a and b come from one distribution: normal approximation with
/// ties and continuity corrected. 1 if all values are equal. Good from about 8 values a side.
double MannWhitneyP(std::span<const double> a, std::span<const double> b);

/// Ratio by which b is larger than a, with a confidence interval.
struct RatioEstimate {
  double ratio = 1, low = 1, high = 1;
};
/// Hodges-Lehmann estimate on logarithms: the median of all ratios b/a, and the interval that the
/// Mann-Whitney test at level 1 - confidence does not reject. Values must be positive.
RatioEstimate HodgesLehmannRatio(std::span<const double> a, std::span<const double> b, double confidence);

/// Benjamini-Hochberg: p values adjusted so that rejecting those below q keeps the false-discovery rate at q.
std::vector<double> AdjustFalseDiscovery(const std::vector<double>& p);

}  // namespace orrery::profiler
