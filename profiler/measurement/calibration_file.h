// From a measurement to the kernel table that `hw` prices from (schema: docs/calibration.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "profiler/measurement/measurement.h"

namespace orrery::profiler {

/// The preset in hw/data/ of a device by the whole name its driver gives, e.g. "NVIDIA H100 80GB HBM3" ->
/// "h100-sxm"; absent if none is known.
std::optional<std::string> FindDevicePresetName(std::string_view device_name);
/// The same; InputError if none is known, or if it has another number of SMs than the device.
std::string DevicePresetName(const DeviceDescription& device);

struct CalibrationText {
  std::string yaml;
  int rows = 0;
  /// What is not in the table and why: experiments (variants), cases that cannot be a row, times that the
  /// device cannot reach.
  std::vector<std::string> left_out;
  /// Rows that several kernels were measured for, with the launches and median of each.
  std::vector<std::string> merged;
  /// Rows that are in the table and too slow to be believed (profiler/measurement/too_slow.h).
  std::vector<std::string> doubted;
};

/// One row per kind, shape and SM count: the median over processes, weighted by their launches, of the median
/// over launches, alone and beside a copy. Labels and kernels of one shape are pooled, since a price knows
/// neither: what most launches took counts, and a few of another kernel do not. The row stands under the
/// kernel of most launches. The launch gap is the median gap on a stream, taken likewise, if it was measured.
/// `device` is a preset; InputError if it is none, or if no case makes a row.
CalibrationText CalibrationYaml(const MeasurementRun& run, const std::string& device);

}  // namespace orrery::profiler
