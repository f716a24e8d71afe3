// How colours look to eyes that lack one kind of cone, and how far apart they are: for tests of palettes.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "gui/geometry/colour_scale.h"

namespace orrery::gui {

using Matrix3 = std::array<std::array<double, 3>, 3>;

/// Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency"
/// (2009), severity 1, on linear sRGB: full colour vision, then protanopia, deuteranopia and tritanopia.
inline constexpr std::array<Matrix3, 4> kEyes = {{
    {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
    {{{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}},
    {{{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}},
    {{{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}}},
}};

/// CIE L*a*b* (D65) of a colour as an eye sees it.
inline std::array<double, 3> LabOf(Rgb colour, const Matrix3& eye) {
  const auto linear = [](std::uint8_t level) {
    const double share = level / 255.0;
    return share <= 0.04045 ? share / 12.92 : std::pow((share + 0.055) / 1.055, 2.4);
  };
  const std::array<double, 3> rgb = {linear(colour.r), linear(colour.g), linear(colour.b)};
  const auto times = [](const Matrix3& matrix, const std::array<double, 3>& in) {
    std::array<double, 3> out{};
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 3; ++j) out[i] += matrix[i][j] * in[j];
    return out;
  };
  std::array<double, 3> seen = times(eye, rgb);
  for (double& level : seen) level = std::clamp(level, 0.0, 1.0);
  constexpr Matrix3 kToXyz = {{{0.4124564, 0.3575761, 0.1804375},
                               {0.2126729, 0.7151522, 0.0721750},
                               {0.0193339, 0.1191920, 0.9503041}}};
  const std::array<double, 3> xyz = times(kToXyz, seen);
  const auto curve = [](double t) {
    return t > 216.0 / 24389 ? std::cbrt(t) : (24389.0 / 27 * t + 16) / 116;
  };
  const double x = curve(xyz[0] / 0.95047), y = curve(xyz[1]), z = curve(xyz[2] / 1.08883);
  return {116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

/// The distance of two colours (CIE 1976) for the eye that tells them apart worst.
inline double WorstDistance(Rgb a, Rgb b) {
  double worst = 1e9;
  for (const Matrix3& eye : kEyes) {
    const auto first = LabOf(a, eye), second = LabOf(b, eye);
    worst = std::min(worst, std::hypot(first[0] - second[0], first[1] - second[1], first[2] - second[2]));
  }
  return worst;
}

}  // namespace orrery::gui
