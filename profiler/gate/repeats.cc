#include "profiler/gate/repeats.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

namespace orrery::profiler {
namespace {

using LaunchTimes = std::map<std::string, std::vector<double>>;  ///< by case, in order of size

std::map<int, LaunchTimes> ByProcess(const MeasurementRun& run) {
  std::map<int, LaunchTimes> processes;
  for (const KernelSample& sample : run.samples) {
    std::vector<double>& times = processes[sample.process][CaseKey(sample)];
    times.insert(times.end(), sample.durations_us.begin(), sample.durations_us.end());
  }
  for (auto& [process, cases] : processes) {
    for (auto& [key, times] : cases) std::sort(times.begin(), times.end());
  }
  return processes;
}

bool IsTheSameProcess(const LaunchTimes& a, const LaunchTimes& b) {
  int shared = 0, equal = 0;
  for (const auto& [key, times] : a) {
    const auto it = b.find(key);
    if (it == b.end()) continue;
    ++shared;
    equal += times == it->second;
  }
  return 2 * equal > shared;
}

void WarnOfPartialCases(const char* which, const MeasurementRun& run, std::vector<std::string>* warnings) {
  std::set<int> all;
  std::map<std::string, std::set<int>> processes;
  for (const KernelSample& sample : run.samples) {
    all.insert(sample.process);
    processes[CaseKey(sample)].insert(sample.process);
  }
  std::erase_if(processes, [&](const auto& of_case) { return of_case.second.size() == all.size(); });
  if (processes.empty()) return;
  const auto& [key, some] = *processes.begin();
  warnings->push_back(
      fmt::format("{} measured {} of its cases in some of its {} processes only, e.g. {} in {}", which,
                  processes.size(), all.size(), key, some.size()));
}

}  // namespace

int RepeatedProcesses(const MeasurementRun& run, const MeasurementRun& other) {
  const std::map<int, LaunchTimes> known = ByProcess(other), asked = ByProcess(run);
  return static_cast<int>(std::count_if(asked.begin(), asked.end(), [&](const auto& process) {
    return std::any_of(known.begin(), known.end(),
                       [&](const auto& one) { return IsTheSameProcess(process.second, one.second); });
  }));
}

std::vector<std::string> RepeatWarnings(const MeasurementRun& base, const MeasurementRun& next) {
  std::vector<std::string> warnings;
  if (const int repeated = RepeatedProcesses(next, base); repeated > 0) {
    warnings.push_back(fmt::format(
        "the new run holds {} of the baseline's processes: what is measured once is always the same",
        repeated));
  }
  WarnOfPartialCases("the baseline", base, &warnings);
  WarnOfPartialCases("the new run", next, &warnings);
  return warnings;
}

}  // namespace orrery::profiler
