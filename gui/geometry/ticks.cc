#include "gui/geometry/ticks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "core/base/error.h"

namespace orrery::gui {
namespace {

/// 1, 2 or 5 times a power of ten: the first that is not below `least`. Its power, for the digits behind the point.
struct Step {
  double width;
  int power;
};

Step RoundStep(double least) {
  int power = static_cast<int>(std::floor(std::log10(least)));
  for (;; ++power)
    for (const double digit : {1.0, 2.0, 5.0})
      if (digit * std::pow(10, power) >= least * (1 - 1e-9)) return {digit * std::pow(10, power), power};
}

std::vector<Tick> Multiples(double low, double high, Step step) {
  const double slack = 1e-9 * step.width;
  const auto first = static_cast<long long>(std::ceil((low - slack) / step.width));
  const auto last = static_cast<long long>(std::floor((high + slack) / step.width));
  std::vector<Tick> ticks;
  for (long long i = first; i <= last; ++i) {
    const double value = static_cast<double>(i) * step.width;
    ticks.push_back({value, Fixed(value, std::max(0, -step.power))});
  }
  return ticks;
}

}  // namespace

std::vector<Tick> Ticks(double low, double high, int most) {
  ORRERY_CHECK(std::isfinite(low) && std::isfinite(high) && low <= high && most >= 1, "no axis to mark");
  if (low == high) return {{low, Short(low)}};
  Step step = RoundStep((high - low) / most);
  std::vector<Tick> ticks = Multiples(low, high, step);
  while (static_cast<int>(ticks.size()) > most) {
    step = RoundStep(step.width * 1.5);
    ticks = Multiples(low, high, step);
  }
  return ticks;
}

std::vector<Tick> LogTicks(double low, double high, int most) {
  ORRERY_CHECK(low > 0 && low <= high && most >= 1, "no logarithmic axis to mark");
  const auto within = [&](std::span<const double> digits, int every) {
    std::vector<Tick> ticks;
    for (int power = static_cast<int>(std::floor(std::log10(low)));
         power <= static_cast<int>(std::ceil(std::log10(high))); ++power) {
      if (power % every != 0) continue;
      for (const double digit : digits) {
        const double value = digit * std::pow(10, power);
        if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) ticks.push_back({value, Short(value)});
      }
    }
    return ticks;
  };
  constexpr std::array kFull = {1.0, 2.0, 5.0};
  constexpr std::array kHalf = {1.0, 3.0};
  const std::span<const double> half = kHalf;
  for (const std::span<const double> digits : {std::span<const double>(kFull), half.first(2), half.first(1)})
    if (auto ticks = within(digits, 1); static_cast<int>(ticks.size()) <= most && !ticks.empty())
      return ticks;
  for (int every = 2; every <= 600; ++every)
    if (auto ticks = within(half.first(1), every); static_cast<int>(ticks.size()) <= most) return ticks;
  return {};
}

std::vector<int> CountTicks(int count, int most, bool binary) {
  int step = 1;
  constexpr std::array kGrow = {2.0, 2.5, 2.0};
  for (std::size_t i = 0; step * std::max(1, most) < count; ++i)
    step = binary ? step * 2 : static_cast<int>(step * kGrow[i % kGrow.size()]);
  std::vector<int> ticks;
  for (int at = 0; at < count; at += step) ticks.push_back(at);
  return ticks;
}

double RoundLimit(double value) {
  if (value == 0) return 0;
  const double power = std::pow(10, std::floor(std::log10(std::abs(value))));
  for (const double digit : {1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0})
    if (digit * power >= std::abs(value) * (1 - 1e-9)) return std::copysign(digit * power, value);
  return std::copysign(10 * power, value);
}

std::string Fixed(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (text.front() == '-' && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);
  return text;
}

std::string Short(double value, int digits) {
  if (value == 0) return "0";
  const double size = std::abs(value);
  if (size >= 1e7 || size < 1e-4) return fmt::format("{:.{}g}", value, digits);
  const int before = static_cast<int>(std::floor(std::log10(size))) + 1;
  std::string text = Fixed(value, std::max(0, digits - before));
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text;
}

std::string SignedPercent(double share, int decimals) {
  const std::string text = Fixed(100 * share, decimals);
  const bool zero = text.find_first_not_of("0.") == std::string::npos;
  return (zero || text.front() == '-' ? "" : "+") + text + " %";
}

std::string Grouped(long long value) {
  std::string text = fmt::format("{}", value);
  const std::size_t first = value < 0 ? 1 : 0;
  for (std::size_t at = text.size(); at > first + 3;) text.insert(at -= 3, ",");
  return text;
}

std::string Seconds(double seconds, int digits) {
  struct Unit {
    double size;
    std::string_view name;
  };
  constexpr std::array kUnits = {Unit{1, "s"}, Unit{1e-3, "ms"}, Unit{1e-6, "us"}, Unit{1e-9, "ns"}};
  if (seconds == 0) return "0 s";
  for (const Unit& unit : kUnits) {
    if (std::abs(seconds) < 0.9995 * unit.size && unit.name != "ns") continue;
    const double value = seconds / unit.size;
    const int before = std::max(1, static_cast<int>(std::floor(std::log10(std::abs(value)))) + 1);
    return fmt::format("{} {}", Fixed(value, std::max(0, digits - before)), unit.name);
  }
  return "";
}

}  // namespace orrery::gui
