#include "profiler/gate/device_limits.h"

#include "core/op/op_traits.h"
#include "core/op/op_work.h"
#include "hw/cost/plausible.h"
#include "hw/cost/roofline.h"
#include "profiler/measurement/calibration_file.h"

namespace orrery::profiler {
namespace {

// What the best kernels reach of the data sheet: 660 of 989 TFLOPS, 3000 of 3350 GB/s (deepseek-ai/FlashMLA
// README, 2025-04-22, H800).
constexpr double kTensorShare = 660.0 / 989, kMemoryShare = 3000.0 / 3350;

Op OpOf(const KernelSample& s) { return {s.kind, WithBytes(s.kind, s.shape, s.bytes), ""}; }

}  // namespace

DeviceLimits::DeviceLimits(const DeviceDescription& device) {
  if (const auto name = FindDevicePresetName(device.name)) preset_ = hw::DevicePreset(*name);
  if (preset_ && preset_->sms != device.sms) preset_.reset();  // another board of that name
}

/// A device without FP8 that ran FP8 did so in a way no data sheet tells of.
bool DeviceLimits::Knows(const KernelSample& sample) const {
  return preset_ && (preset_->fp8.value > 0 || !IsFp8(sample.kind));
}

bool DeviceLimits::ComputeBound(const KernelSample& sample) const {
  if (!Knows(sample)) return sample.flops.count > 0;
  const Work work = WorkOf(OpOf(sample));
  if (work.flops <= 0) return false;
  const double peak = hw::PeakFlops(sample.kind, *preset_) * sample.sms / preset_->sms;
  return work.flops / (kTensorShare * peak) > work.bytes / (kMemoryShare * preset_->memory_rate.value);
}

std::optional<std::string> DeviceLimits::WhyImpossible(const KernelSample& sample, double us) const {
  if (!Knows(sample)) return std::nullopt;
  return hw::WhyImpossible(OpOf(sample), *preset_, sample.sms, FromMicroseconds(us));
}

}  // namespace orrery::profiler
