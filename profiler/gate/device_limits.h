// What the data sheet says of a measured kernel: whether the tensor cores or the memory bound it, and which
// times no device of that name can reach.
#pragma once

#include <optional>
#include <string>

#include "hw/device.h"
#include "profiler/measurement/measurement.h"

namespace orrery::profiler {

/// By the preset that the device's name is known for, if it has as many SMs. Of a device without one no time
/// is impossible, and what has tensor-core operations counts as bound by them.
class DeviceLimits {
 public:
  explicit DeviceLimits(const DeviceDescription& device);
  /// Whether the tensor cores need longer for it than the memory does, at the rates that kernels reach; such
  /// a time follows the SM clock.
  bool ComputeBound(const KernelSample& sample) const;
  /// Why `us` microseconds are too short to have done the work (hw::WhyImpossible); absent if they are not.
  std::optional<std::string> WhyImpossible(const KernelSample& sample, double us) const;

 private:
  bool Knows(const KernelSample& sample) const;
  std::optional<hw::Device> preset_;
};

}  // namespace orrery::profiler
