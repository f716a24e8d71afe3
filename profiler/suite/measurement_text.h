// The measurement file written with the standard library alone: the device half is built on GPU machines that
// have little else.
#pragma once

#include <string>

#include "profiler/measurement/measurement.h"

namespace orrery::profiler {

/// The same document as MeasurementJson (profiler/measurement/measurement.h); a test reads it back through
/// ParseMeasurement.
std::string MeasurementText(const MeasurementRun& run);

}  // namespace orrery::profiler
