#include "hw/cost/plausible.h"

#include <algorithm>
#include <cstdio>

#include "core/op/op_traits.h"
#include "hw/cost/roofline.h"

namespace orrery::hw {
namespace {

std::string Text(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), value < 1000 ? "%.4g" : "%.0f", value);
  return text;
}

/// Least seconds for `bytes`: all from the caches, and what they cannot hold from the memory.
double LeastMemorySeconds(double bytes, double rate) {
  return std::max(bytes / (kCacheRateFactor * rate), (bytes - kCacheBytes) / rate) / kPeakMargin;
}

}  // namespace

std::optional<std::string> WhyImpossible(const Op& op, const Device& device, int sms, Time time) {
  if (IsFp8(op.kind) && device.fp8.value <= 0) return device.name + " has no FP8";
  const Work work = WorkOf(op);
  const double seconds = std::max(Seconds(time), 1e-12);
  const double peak = work.flops > 0 ? PeakFlops(op.kind, device) * sms / device.sms : 0;
  if (work.flops > kPeakMargin * peak * seconds) {
    return Text(work.flops / seconds * 1e-12) + " TFLOPS, over " + Text(kPeakMargin) + " times the " +
           Text(peak * 1e-12) + " TFLOPS of " + std::to_string(sms) + " SMs of " + device.name;
  }
  const double rate =
      Traits(op.kind).bound == Bound::kHostLink ? device.host.value : device.memory_rate.value;
  if (seconds < LeastMemorySeconds(work.bytes, rate)) {
    return Text(work.bytes / seconds * 1e-9) + " GB/s, more than " + device.name + " can move (memory " +
           Text(rate * 1e-9) + " GB/s, " + Text(kCacheRateFactor) + " times that from caches, each times " +
           Text(kPeakMargin) + ")";
  }
  return std::nullopt;
}

std::optional<std::string> WhyTooSlow(const Op& op, const Device& device, int sms, Time time) {
  const double least = RooflineSeconds(op, device, sms);
  if (Seconds(time) <= kSlowestFactor * least + kSlowestSeconds) return std::nullopt;
  return Text(Microseconds(time)) + " us, over " + Text(kSlowestFactor) + " times the " + Text(least * 1e6) +
         " us that the data sheet of " + device.name + " gives it, and 1 ms more";
}

}  // namespace orrery::hw
