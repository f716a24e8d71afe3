// The times of one run by case and process, as logarithms, and how much its processes differ.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "profiler/measurement/measurement.h"
#include "profiler/measurement/statistics.h"

namespace orrery::profiler {

/// A statistic of the launches, one value per process, of one case: logarithms of us.
struct ProcessValues {
  std::vector<double> values;  ///< in the order of the processes
  double Location() const { return Median(values); }
  CaseVariance Spread() const { return {Variance(values), static_cast<int>(values.size())}; }
};

/// One case of one run.
struct CaseTimes {
  const KernelSample* first = nullptr;              ///< into the run; never null
  std::map<int, std::vector<double>> durations_us;  ///< by process
  std::vector<double> clocks_mhz;                   ///< of the samples that say it
  std::optional<double> error;                      ///< largest reference error
  ProcessValues medians, deciles;                   ///< of the launches: median, ninth decile
  double within = 0;                                ///< relative spread of launches in a process
  std::size_t index = 0;                            ///< in the order of the file
  int launches = 0;                                 ///< of all processes
  int Processes() const { return static_cast<int>(durations_us.size()); }
};

/// A run by case, and the cases in the order of the file. Refers to the run.
struct RunTimes {
  std::map<std::string, CaseTimes> cases;
  std::vector<std::string> order;
};
RunTimes Collect(const MeasurementRun& run);

/// How much the processes of a run differ, case by case in the order of the file.
std::vector<CaseVariance> Spreads(const RunTimes& run, ProcessValues CaseTimes::*statistic);

}  // namespace orrery::profiler
