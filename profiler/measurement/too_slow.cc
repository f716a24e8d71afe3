#include "profiler/measurement/too_slow.h"

#include <fmt/format.h>

#include "core/op/op_traits.h"
#include "hw/cost/roofline.h"

namespace orrery::profiler {

std::optional<std::string> WhyTooSlow(const Op& op, const hw::Device& device, int sms, double us) {
  if (IsFp8(op.kind) && device.fp8.value <= 0) return std::nullopt;
  const double needed_us = hw::Analytic(op, device, sms).Seconds(0) * 1e6;
  if (!(needed_us > 0) || us < kTooSlow * needed_us) return std::nullopt;
  return fmt::format("{:.0f} us, {:.0f} times what {} needs ({:.3g} us): are its times in another unit?", us,
                     us / needed_us, device.name, needed_us);
}

}  // namespace orrery::profiler
