// Measures of how evenly load is spread.
#pragma once

#include <span>
#include <vector>

namespace orrery::models {

/// Of relative loads (1 is balanced).
struct BalanceStats {
  double max_vio = 0;  ///< (max - mean) / mean (arXiv 2408.15664 eq. 4)
  double cv = 0;       ///< standard deviation over mean
  double gini = 0;
  double dead = 0;      ///< share below 0.04: the finest step of the DeepSeek-V3 report's Fig. 10
  double hot = 0;       ///< share above 2
  double very_hot = 0;  ///< share above 4
  double least = 0;     ///< smallest relative load
};

/// Any non-negative loads with a positive sum; a zero sum gives all zeros.
BalanceStats Balance(std::span<const double> load);

/// Means over several layers' statistics.
BalanceStats MeanStats(std::span<const BalanceStats> stats);

/// `load` scaled to mean 1 (zeros stay).
std::vector<double> Relative(std::span<const double> load);

/// Pearson correlation of two loads.
double Correlation(std::span<const double> a, std::span<const double> b);

}  // namespace orrery::models
