// Colours as four levels that are mixed at once: blue, green, red, and how much is covered. A vector type of GCC and
// clang, because pictures of two million pixels are drawn between two frames.
#pragma once

#include <cstdint>
#include <cstring>

#include "gui/geometry/colour_scale.h"

namespace orrery::gui {

using Levels = float __attribute__((vector_size(16)));
using Counts = std::int32_t __attribute__((vector_size(16)));

/// Fully covered by a colour.
inline Levels LevelsOf(Rgb colour) {
  return Levels{static_cast<float>(colour.b), static_cast<float>(colour.g), static_cast<float>(colour.r), 1};
}

/// 0xffRRGGBB. Levels are 0 to 255.
inline std::uint32_t Packed(Levels levels) {
  const Counts whole = __builtin_convertvector(levels + 0.5F, Counts);
  return 0xff000000U | static_cast<std::uint32_t>(whole[2]) << 16 |
         static_cast<std::uint32_t>(whole[1]) << 8 | static_cast<std::uint32_t>(whole[0]);
}

inline Counts CountsAt(const std::uint32_t* values) {
  Counts counts;
  std::memcpy(&counts, values, sizeof(counts));
  return counts;
}

inline Levels AsLevels(Counts counts) { return __builtin_convertvector(counts, Levels); }

}  // namespace orrery::gui
