// The 8-bit and 16-bit floating-point formats on the host, for references in double precision.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace orrery::profiler {

/// e4m3 (OCP FP8, "fn": no infinity; 0x7F and 0xFF are NaN).
inline double DecodeE4m3(std::uint8_t bits) {
  const int exponent = bits >> 3 & 15;
  const int mantissa = bits & 7;
  if (exponent == 15 && mantissa == 7) return std::nan("");
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
  return (bits & 0x80) != 0 ? -magnitude : magnitude;
}

/// Nearest e4m3, ties to even, saturating at 448.
inline std::uint8_t EncodeE4m3(double value) {
  if (std::isnan(value)) return 0x7F;
  const std::uint8_t sign = std::signbit(value) ? 0x80 : 0;
  const double magnitude = std::fabs(value);
  if (magnitude >= 448.0) return static_cast<std::uint8_t>(sign | 0x7E);
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  const int step = exponent - 4 < -9 ? -9 : exponent - 4;  // weight of the last mantissa bit
  const double rounded = std::ldexp(std::nearbyint(std::ldexp(magnitude, -step)), step);
  if (rounded == 0.0) return sign;
  std::frexp(rounded, &exponent);
  if (exponent < -5) return static_cast<std::uint8_t>(sign | static_cast<int>(std::ldexp(rounded, 9)));
  const int mantissa = static_cast<int>(std::ldexp(rounded, 4 - exponent)) - 8;
  return static_cast<std::uint8_t>(sign | (exponent + 6) << 3 | mantissa);
}

inline double DecodeBf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// Nearest bf16, ties to even. Finite values only.
inline std::uint16_t EncodeBf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

}  // namespace orrery::profiler
