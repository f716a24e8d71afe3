// Is the new build slower? Case by case, with the rule that docs/profiling.md explains; its rates of false
// alarms and of what it finds are measured by tests/profiler/gate/comparison_rates_test.cc.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "profiler/measurement/measurement.h"

namespace orrery::profiler {

enum class Verdict {
  kSame,
  kFaster,
  kSlower,
  kBelowFloor,  ///< changed beyond doubt and in percent, but by less than the floor in us
  kUnclear,
  kInexact,     ///< its reference error grew so much that it no longer computes the same
  kImpossible,  ///< faster than the device can do the work
  kMissing,
  kAdded
};
inline constexpr std::array kVerdicts = {Verdict::kSame,    Verdict::kFaster,     Verdict::kSlower,
                                         Verdict::kInexact, Verdict::kImpossible, Verdict::kMissing,
                                         Verdict::kUnclear, Verdict::kBelowFloor, Verdict::kAdded};
std::string_view Name(Verdict verdict);

/// Launches of both runs below which a case is unclear: a median of fewer says little, and a ninth decile
/// nothing.
inline constexpr int kMinLaunches = 8;

struct ComparisonOptions {
  double min_ratio = 0.03;    ///< smaller relative changes do not count
  double min_delta_us = 2.0;  ///< smaller absolute changes are below the floor
  /// Spread assumed where the baseline is one process: 4 % was seen between processes (kekzl/imp #1214).
  double unknown_spread = 0.04;
  double alpha = 0.01;  ///< false-discovery rate over all cases, processes being the independent values
  /// A case of which changes up to this cannot be told is not the same but unclear: the widest gate found in
  /// use (ROCm FlyDSL #924).
  double resolution = 0.20;
  bool force = false;  ///< compare in spite of another device, driver or CUDA
};

/// One case of the suite in both runs. Times of a case in one run alone are 0 in the other.
struct CaseComparison {
  std::string key;    ///< CaseKey
  std::string label;  ///< op_label
  Verdict verdict{};
  std::string reason;              ///< why it is unclear, or a remark; "" if there is none
  double base_us = 0, new_us = 0;  ///< median over processes of the median over launches
  int base_processes = 0, new_processes = 0;
  double ratio = 1;                   ///< new_us / base_us
  double low = 1, high = 1;           ///< 99 % interval of the ratio
  std::optional<double> cycle_ratio;  ///< the ratio in SM cycles, where the clock was recorded
  double tail_ratio = 1;              ///< of the ninth deciles of the launches
  double base_spread = 0;             ///< relative, between processes: what the verdict assumes of both runs
  double new_spread = 0;              ///< relative, between the new run's processes of this case
  double resolution = 0;              ///< smallest relative change that could be told were it the only one
  double counts_from = 0;             ///< the same, but at least both minima
  double p = 1, p_adjusted = 1;       ///< of no change; adjusted over all cases
  std::optional<double> base_error, new_error;  ///< reference errors
};

/// What fails a run.
struct GatePolicy {
  bool strict = false;         ///< unclear cases fail
  bool allow_missing = false;  ///< missing cases do not
};

struct Comparison {
  std::string base_name, new_name;
  std::string device;
  std::vector<std::string> warnings;  ///< what may explain a change: a forced comparison, clocks, libraries
  std::vector<CaseComparison> cases;  ///< in the order of the base run, then what was added
  GatePolicy policy;
  int Count(Verdict verdict) const;
};

/// InputError if the runs come from different devices, drivers or CUDA versions (unless forced), or share no
/// case.
Comparison Compare(const MeasurementRun& base, const MeasurementRun& next, const ComparisonOptions& options);

/// A change must repeat: a case stays slower (or faster) only if it is so in `again`, a second measurement of
/// the new build, too. Slower and then the same is the same; unclear and then the same as well; slower and
/// then not measured stays slower. Warnings of `again` are kept.
void ConfirmWith(const Comparison& again, Comparison* comparison);

/// Whether this verdict fails the run.
bool Fails(Verdict verdict, const GatePolicy& policy);
/// Why the run fails, e.g. "2 slower"; empty if it passes. A run in which nothing could be judged fails.
std::vector<std::string> GateFailures(const Comparison& comparison);

}  // namespace orrery::profiler
