// Under which conditions two runs were measured: what forbids a comparison, and what may explain a change.
#pragma once

#include <string>
#include <vector>

#include "profiler/measurement/measurement.h"

namespace orrery::profiler {

/// Differences of device, driver, CUDA or suite: an InputError, or a warning each if `force`. Warnings of
/// other libraries, of clocks that differ by more than 2 % and of throttling.
std::vector<std::string> ConditionWarnings(const MeasurementRun& base, const MeasurementRun& next,
                                           bool force);

}  // namespace orrery::profiler
