#include "profiler/gate/run_conditions.h"

#include <cmath>
#include <set>

#include <fmt/format.h>

#include "core/base/error.h"
#include "profiler/gate/clock_effect.h"

namespace orrery::profiler {
namespace {

using Warnings = std::vector<std::string>;

Warnings Mismatches(const MeasurementRun& base, const MeasurementRun& next) {
  Warnings found;
  const auto check = [&](std::string_view what, const std::string& a, const std::string& b) {
    if (a != b) found.push_back(fmt::format("{}: '{}' against '{}'", what, a, b));
  };
  check("device", base.device.name, next.device.name);
  check("SMs", std::to_string(base.device.sms), std::to_string(next.device.sms));
  check("driver", base.driver, next.driver);
  check("CUDA runtime", base.cuda_runtime, next.cuda_runtime);
  check("suite", base.suite, next.suite);
  return found;
}

std::string VersionOf(const MeasurementRun& run, const std::string& library) {
  const auto it = run.libraries.find(library);
  return it == run.libraries.end() ? "absent" : it->second;
}

/// Kernels of a library may differ with its version: a regression, but not of this project's.
void WarnOfLibraries(const MeasurementRun& base, const MeasurementRun& next, Warnings* warnings) {
  std::set<std::string> names;
  for (const auto& run : {&base, &next}) {
    for (const auto& [name, version] : run->libraries) names.insert(name);
  }
  for (const std::string& name : names) {
    const std::string before = VersionOf(base, name), after = VersionOf(next, name);
    if (before != after) warnings->push_back(fmt::format("library {}: {} against {}", name, before, after));
  }
  if (base.cupti != next.cupti) {
    const auto source = [](const std::string& cupti) { return cupti.empty() ? "CUDA events" : cupti; };
    warnings->push_back(
        fmt::format("times come from another CUPTI: {} against {}", source(base.cupti), source(next.cupti)));
  }
}

void WarnOfClock(std::string_view what, double base, double next, Warnings* warnings) {
  if (base <= 0 || next <= 0 || std::abs(next / base - 1) <= kClockDifference) return;
  warnings->push_back(fmt::format("{} clock: {:.0f} MHz against {:.0f} MHz ({:+.1f} %)", what, base, next,
                                  100 * (next / base - 1)));
}

bool Throttled(const Clocks& clocks) {
  return !clocks.throttling.empty() && clocks.throttling != "none" && clocks.throttling != "not reported";
}

/// That of the run, or else the median of its samples'; 0 if neither was recorded.
double SmClock(const MeasurementRun& run) {
  if (run.clocks.sm_mhz > 0) return run.clocks.sm_mhz;
  std::vector<double> clocks;
  for (const KernelSample& sample : run.samples) {
    if (sample.sm_clock_mhz) clocks.push_back(*sample.sm_clock_mhz);
  }
  return clocks.empty() ? 0 : Median(std::move(clocks));
}

void WarnOfThrottling(const Clocks& base, const Clocks& next, Warnings* warnings) {
  const auto reason = [](const Clocks& c) { return c.throttling.empty() ? "unknown" : c.throttling; };
  if (base.throttling == next.throttling || (!Throttled(base) && !Throttled(next))) return;
  warnings->push_back(fmt::format("throttling: {} against {}", reason(base), reason(next)));
}

}  // namespace

Warnings ConditionWarnings(const MeasurementRun& base, const MeasurementRun& next, bool force) {
  Warnings warnings;
  for (const std::string& mismatch : Mismatches(base, next)) {
    if (!force) {
      throw InputError("the runs cannot be compared: " + mismatch +
                       "; record a new baseline, or --force to compare anyway");
    }
    warnings.push_back("forced comparison: " + mismatch);
  }
  WarnOfLibraries(base, next, &warnings);
  WarnOfClock("SM", SmClock(base), SmClock(next), &warnings);
  WarnOfClock("memory", base.clocks.memory_mhz, next.clocks.memory_mhz, &warnings);
  WarnOfThrottling(base.clocks, next.clocks, &warnings);
  return warnings;
}

}  // namespace orrery::profiler
