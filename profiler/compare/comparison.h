// Is the new build slower? Case by case, with the rule that docs/profiling.md explains and whose false-alarm
// rate the tests measure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "profiler/compare/statistics.h"
#include "profiler/measurement.h"

namespace orrery::profiler {

enum class Verdict { kSame, kFaster, kSlower, kUnclear, kMissing, kAdded };
std::string_view Name(Verdict verdict);

struct ComparisonOptions {
  double min_ratio = 0.03;     ///< smaller relative changes do not count
  double min_delta_us = 2.0;   ///< smaller absolute changes do not count
  double spread_factor = 3.0;  ///< the change must exceed this many spreads between processes
  /// Spread assumed of each run where one process alone cannot tell: 4 % was seen between processes
  /// (kekzl/imp #1214).
  double unknown_spread = 0.04;
  double alpha = 0.01;       ///< false-discovery rate over all cases
  double confidence = 0.99;  ///< of the stated interval
  bool force = false;        ///< compare in spite of another device, driver or CUDA
};

/// One case of the suite in both runs.
struct CaseComparison {
  std::string key;    ///< CaseKey
  std::string label;  ///< op_label
  Verdict verdict{};
  std::string reason;              ///< why it is unclear; "" otherwise
  double base_us = 0, new_us = 0;  ///< median over processes of the median over launches
  int base_processes = 0, new_processes = 0;
  RatioEstimate launches;             ///< new / base over all launches
  double ratio = 1;                   ///< new_us / base_us
  std::optional<double> cycle_ratio;  ///< the same in SM cycles, where the clock was recorded
  double spread =
      0;  ///< relative, between processes: the largest of this case's in both runs and the typical one
  double threshold = 0;  ///< relative change that would count
  double p = 1, p_adjusted = 1;
  std::optional<double> base_error, new_error;  ///< reference errors
};

struct Comparison {
  std::string base_name, new_name;
  std::string device;
  std::vector<std::string> warnings;  ///< e.g. a forced comparison across drivers
  std::vector<CaseComparison> cases;  ///< in the order of the base run, then what was added
  int Count(Verdict verdict) const;
};

/// InputError if the runs come from different devices, drivers or CUDA versions (unless forced), or share no
/// case.
Comparison Compare(const MeasurementRun& base, const MeasurementRun& next, const ComparisonOptions& options);

/// A regression must repeat: a case stays slower (or faster) only if it is so in `again` too, else it is
/// unclear.
void ConfirmWith(const Comparison& again, Comparison* comparison);

}  // namespace orrery::profiler
