// From a measurement to the kernel table that `hw` prices from (schema: docs/calibration.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "profiler/measurement.h"

namespace orrery::profiler {

/// The preset in hw/data/ of a device by the name its driver gives, e.g. "NVIDIA H100 80GB HBM3" ->
/// "h100-sxm". InputError if none is known.
std::string DevicePresetName(const std::string& device_name);
/// The same; absent if none is known.
std::optional<std::string> FindDevicePresetName(const std::string& device_name);

struct CalibrationText {
  std::string yaml;
  int rows = 0;
  /// What is not in the table and why: experiments (variants), cases that cannot be a row.
  std::vector<std::string> left_out;
};

/// One row per kernel, shape and SM count: the median over processes of the median over launches, alone and
/// beside a copy; two labels of one shape are pooled. The launch gap is the median over processes of
/// the median gap on a stream, if it was measured.
CalibrationText CalibrationYaml(const MeasurementRun& run, const std::string& device);

}  // namespace orrery::profiler
