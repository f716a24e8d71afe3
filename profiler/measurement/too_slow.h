// Times that are no measurement because they are too long: those of another unit, most of all.
#pragma once

#include <optional>
#include <string>

#include "core/op/op.h"
#include "hw/device.h"

namespace orrery::profiler {

/// A thousand: nanoseconds read as microseconds. Kernels in use lie within some ten times of what tiles,
/// rates and launch allow (hw/cost/roofline.h, Analytic).
inline constexpr double kTooSlow = 1000;

/// "2150 times what h100-sxm needs (1.9 us): are its times in another unit?"; absent if it is not kTooSlow.
std::optional<std::string> WhyTooSlow(const Op& op, const hw::Device& device, int sms, double us);

}  // namespace orrery::profiler
