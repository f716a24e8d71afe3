// What was measured once and counted more often, and what was measured less often than the rest.
#pragma once

#include <string>
#include <vector>

#include "profiler/measurement/measurement.h"

namespace orrery::profiler {

/// How many processes of `run` are processes of `other`: more than half of the cases they share have the same
/// launch times, in whatever order.
int RepeatedProcesses(const MeasurementRun& run, const MeasurementRun& other);

/// Of a new run that holds processes of the baseline, and of cases that were measured in fewer processes than
/// the rest of their run.
std::vector<std::string> RepeatWarnings(const MeasurementRun& base, const MeasurementRun& next);

}  // namespace orrery::profiler
