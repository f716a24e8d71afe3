// Which measured times cannot be: those that would need more of a device than there is.
#pragma once

#include <optional>
#include <string>

#include "core/base/units.h"
#include "core/op/op.h"
#include "hw/device.h"

namespace orrery::hw {

/// How far a measured rate may lie over the data sheet's before it is no measurement. An SXM H100's data
/// sheet counts 989 TFLOPS at 1830 MHz (132 SMs x 4096 operations a cycle) and its clock goes to 1980
/// MHz, 1.08 times; the rest is room for devices whose clocks are published less clearly.
inline constexpr double kPeakMargin = 1.25;
/// Traffic that caches can serve, and how many times faster than the memory: the largest and the fastest of
/// the presets, MI300X's 256 MB at 17.2 of 5.3 TB/s (AMD CDNA 3 white paper).
inline constexpr double kCacheBytes = 256e6;
inline constexpr double kCacheRateFactor = 17.2 / 5.3;

/// Why no kernel on `sms` SMs of `device` can have done `op` in `time`: "17180 TFLOPS, over 1.25 times the
/// 839 TFLOPS of 112 SMs of h800-sxm"; absent if it can. Traffic is compulsory traffic; what fits the caches
/// may come from there.
std::optional<std::string> WhyImpossible(const Op& op, const Device& device, int sms, Time time);

/// How many times longer than its roofline a kernel may take, and how much longer at all, before the time is
/// a slip of a unit. The slowest of the shipped rows takes 250 times its roofline: bookkeeping by 16 thread
/// blocks, 0.15 ms. The rest is room for kernels that are written badly.
inline constexpr double kSlowestFactor = 1000;
inline constexpr double kSlowestSeconds = 1e-3;

/// Why no kernel on `sms` SMs of `device` takes `time` for `op`: "1000 s, over 1000 times the 51 us of the
/// data sheet"; absent if one may.
std::optional<std::string> WhyTooSlow(const Op& op, const Device& device, int sms, Time time);

}  // namespace orrery::hw
