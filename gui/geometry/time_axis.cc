#include "gui/geometry/time_axis.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/base/error.h"
#include "gui/geometry/ticks.h"

namespace orrery::gui {
namespace {

constexpr double kLeastView = 1000;  // picoseconds
constexpr std::int64_t kMillisecond = 1'000'000'000;

std::int64_t RoundStep(double least) {
  std::int64_t power = 1;
  for (;; power *= 10)
    for (const std::int64_t digit : {1, 2, 5})
      if (static_cast<double>(digit * power) >= least) return digit * power;
}

std::int64_t FloorTo(std::int64_t time, std::int64_t step) {
  const std::int64_t rest = time % step;
  return time - (rest < 0 ? rest + step : rest);
}

/// Digits behind the point so that multiples of `step` differ, in units of `unit`; both in picoseconds.
int Decimals(std::int64_t step, std::int64_t unit) {
  int decimals = 0;
  for (std::int64_t size = unit; size > 1 && step % size != 0; size /= 10) ++decimals;
  return decimals;
}

std::string In(std::int64_t time, std::int64_t step, std::int64_t unit, const char* name) {
  return fmt::format(
      "{} {}", Fixed(static_cast<double>(time) / static_cast<double>(unit), Decimals(step, unit)), name);
}

std::string TextOf(std::int64_t time, std::int64_t step, std::int64_t span) {
  if (span >= 1000 * kMillisecond) return In(time, step, 1000 * kMillisecond, "s");
  return In(time, step, kMillisecond, "ms");
}

std::string OffsetOf(std::int64_t time, std::int64_t step) {
  if (time == 0) return "+0";
  return "+" + (step >= 100'000 ? In(time, step, 1'000'000, "us") : In(time, step, 1000, "ns"));
}

}  // namespace

TimeAxis::TimeAxis(std::int64_t from, std::int64_t to, double width)
    : first_(from),
      last_(to),
      from_(from),
      per_pixel_(static_cast<double>(to - from) / width),
      width_(width) {
  ORRERY_CHECK(from < to && width > 0, "an axis of no time or no pixels");
}

std::int64_t TimeAxis::Time(double pixel) const {
  return from_ + static_cast<std::int64_t>(std::floor(pixel * per_pixel_));
}

void TimeAxis::Clamp() {
  const double whole = static_cast<double>(last_ - first_);
  per_pixel_ = std::clamp(per_pixel_, std::min(kLeastView, whole) / width_, whole / width_);
  const auto view = static_cast<std::int64_t>(std::llround(per_pixel_ * width_));
  from_ = std::clamp(from_, first_, std::max(first_, last_ - view));
}

void TimeAxis::Zoom(double pixel, double factor) {
  const double at = static_cast<double>(from_ - first_) + pixel * per_pixel_;
  per_pixel_ /= factor;
  const double whole = static_cast<double>(last_ - first_);
  per_pixel_ = std::clamp(per_pixel_, std::min(kLeastView, whole) / width_, whole / width_);
  from_ = first_ + static_cast<std::int64_t>(std::llround(at - pixel * per_pixel_));
  Clamp();
}

void TimeAxis::Pan(double pixels) {
  from_ += static_cast<std::int64_t>(std::llround(pixels * per_pixel_));
  Clamp();
}

void TimeAxis::Show(std::int64_t from, std::int64_t to) {
  per_pixel_ = static_cast<double>(std::max<std::int64_t>(to - from, 1)) / width_;
  from_ = from;
  Clamp();
}

void TimeAxis::Resize(double width) {
  ORRERY_CHECK(width > 0, "an axis of no pixels");
  per_pixel_ *= width_ / width;
  width_ = width;
  Clamp();
}

TimeAxis TimeAxis::Scaled(double scale) const {
  TimeAxis scaled = *this;
  scaled.per_pixel_ /= scale;
  scaled.width_ *= scale;
  return scaled;
}

TimeTicks TicksOf(const TimeAxis& axis, int most) {
  const std::int64_t from = axis.from(), to = axis.to();
  std::int64_t step = RoundStep(static_cast<double>(to - from) / std::max(1, most));
  while ((FloorTo(to, step) - FloorTo(from - 1, step)) / step > std::max(1, most))
    step = RoundStep(static_cast<double>(step) * 1.5);
  TimeTicks result;
  const bool offsets = step < kMillisecond / 100;
  const std::int64_t base = FloorTo(from, kMillisecond);
  if (offsets) result.base_text = TextOf(base, kMillisecond, std::max(base, kMillisecond));
  for (std::int64_t time = FloorTo(from + step - 1, step); time <= to; time += step)
    result.ticks.push_back({time, offsets ? OffsetOf(time - base, step) : TextOf(time, step, axis.last())});
  return result;
}

}  // namespace orrery::gui
