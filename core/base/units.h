// Strong types for the quantities Orrery computes with.
//
// The simulated clock is integer picoseconds; byte counts are integers; rates and operation counts are
// doubles, one type per dimension. GB is 10^9 bytes, GiB is 2^30. Divide in double, round once.
#pragma once

#include <chrono>
#include <cmath>
#include <compare>
#include <cstdint>
#include <ratio>

namespace orrery {

/// Simulated time. One picosecond; 64 bits hold 106 days.
using Time = std::chrono::duration<std::int64_t, std::pico>;

constexpr Time kTimeZero{0};

/// Seconds as a double, for reports and arithmetic with rates.
constexpr double Seconds(Time t) { return static_cast<double>(t.count()) * 1e-12; }
constexpr double Microseconds(Time t) { return static_cast<double>(t.count()) * 1e-6; }
/// Most seconds that the clock is let run: a little less than it holds, so that sums are seen before they
/// overflow.
constexpr double kLongestSeconds = 9e6;
/// Throws InputError: "a time of 3e+08 s is more than can be simulated, ...".
[[noreturn]] void ThrowTooLong(double seconds);
/// Rounds once, to the nearest picosecond. InputError for more than kLongestSeconds, or no number: a rate or
/// a size of the input is out of all proportion.
inline Time FromSeconds(double s) {
  if (!(std::abs(s) <= kLongestSeconds)) ThrowTooLong(s);
  return Time{std::llround(s * 1e12)};
}
inline Time FromMicroseconds(double us) {
  if (!(std::abs(us) <= kLongestSeconds * 1e6)) ThrowTooLong(us * 1e-6);
  return Time{std::llround(us * 1e6)};
}

/// A number of bytes.
struct Bytes {
  std::int64_t count = 0;
  constexpr auto operator<=>(const Bytes&) const = default;
  constexpr Bytes& operator+=(Bytes o) {
    count += o.count;
    return *this;
  }
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return {a.count + b.count}; }
  friend constexpr Bytes operator-(Bytes a, Bytes b) { return {a.count - b.count}; }
  friend constexpr Bytes operator*(Bytes a, std::int64_t k) { return {a.count * k}; }
  friend constexpr Bytes operator*(std::int64_t k, Bytes a) { return {a.count * k}; }
};

/// A number of floating-point operations (a multiply-add counts two).
struct Flops {
  double count = 0;
  constexpr auto operator<=>(const Flops&) const = default;
  constexpr Flops& operator+=(Flops o) {
    count += o.count;
    return *this;
  }
  friend constexpr Flops operator+(Flops a, Flops b) { return {a.count + b.count}; }
  friend constexpr Flops operator*(Flops a, double k) { return {a.count * k}; }
};

struct BytesPerSecond {
  double value = 0;
  constexpr auto operator<=>(const BytesPerSecond&) const = default;
};

struct FlopsPerSecond {
  double value = 0;
  constexpr auto operator<=>(const FlopsPerSecond&) const = default;
};

inline Time operator/(Bytes b, BytesPerSecond r) {
  return FromSeconds(static_cast<double>(b.count) / r.value);
}
inline Time operator/(Flops f, FlopsPerSecond r) { return FromSeconds(f.count / r.value); }

/// Smallest multiple of `unit` that is at least `value` (both non-negative).
constexpr std::int64_t RoundUp(std::int64_t value, std::int64_t unit) {
  return (value + unit - 1) / unit * unit;
}
constexpr std::int64_t CeilDiv(std::int64_t value, std::int64_t unit) { return (value + unit - 1) / unit; }

}  // namespace orrery
