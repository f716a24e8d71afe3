// What two runs say of one case: how far it moved, and how far it would have moved by chance.
#pragma once

#include <string>
#include <vector>

#include "profiler/gate/comparison.h"
#include "profiler/gate/run_times.h"

namespace orrery::profiler {

/// A change of a logarithm and the standard error that chance gives it.
struct Change {
  double log_ratio = 0;
  double error = 0;                 ///< with the baseline's spread
  double error_both = 0;            ///< with that of the noisier run as a whole; never below `error`
  double degrees = kKnownVariance;  ///< that the spread was estimated with
  double P() const { return StudentP(log_ratio / error, degrees); }
  double PBoth() const { return StudentP(log_ratio / error_both, degrees); }
};

/// A case in both runs, before any verdict.
struct Evidence {
  Change median, decile;
  double slowest_log_ratio = 0;  ///< the new run's slowest process over the baseline's median
  double slowest_p = 1;          ///< of a process as slow as that, one-sided, among so many
  double spread = 0;             ///< the baseline's, of this case
  bool too_few = false;          ///< fewer than kMinLaunches
  bool identical = false;        ///< the same numbers in the same order
};

/// Both runs, and what is typical of each.
class Runs {
 public:
  Runs(const RunTimes& base, const RunTimes& next, const ComparisonOptions& options);
  /// Of a case that both runs hold.
  Evidence Of(const std::string& key) const;
  /// Of a baseline that is one process, and of a new run whose processes differ more than the baseline's.
  std::vector<std::string> Warnings() const;

 private:
  struct Noise {
    double own = 0, both = 0;  ///< standard deviation of one process
    double degrees = kKnownVariance;
  };
  /// One value per process: the median of the launches, or their ninth decile.
  struct Statistic {
    ProcessValues CaseTimes::*values;
    PooledVariance base;             ///< of the typical case
    std::vector<CaseVariance> next;  ///< of every case
  };
  static Statistic Describe(const RunTimes& base, const RunTimes& next, ProcessValues CaseTimes::*values);
  Noise NoiseOf(const std::string& key, const Statistic& statistic) const;
  Change ChangeOf(const std::string& key, const Statistic& statistic) const;
  void AddSlowest(const std::string& key, Evidence* evidence) const;

  const RunTimes& base_;
  const RunTimes& next_;
  const ComparisonOptions& options_;
  Statistic medians_, deciles_;
};

}  // namespace orrery::profiler
