// Floats as integers in the same order, so that thresholds over them are found by halving the integers.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "models/routing/gate/gate.h"

namespace orrery::models {

inline std::int32_t KeyOf(float x) {
  const auto bits = std::bit_cast<std::int32_t>(x);
  return bits >= 0 ? bits : bits ^ 0x7fffffff;
}
inline float OfKey(std::int32_t key) { return std::bit_cast<float>(key >= 0 ? key : key ^ 0x7fffffff); }

/// Below and above every finite float's: those of the infinities.
constexpr std::int32_t kLowestKey = static_cast<std::int32_t>(0xff800000u ^ 0x7fffffffu),
                       kHighestKey = 0x7f800000;

/// The highest threshold in [low, high] that `reached(threshold)`, falling in it, brings to `wanted`; `low`
/// where none does.
template <class Reached, class Amount>
std::int32_t HighestReaching(std::int32_t low, std::int32_t high, Amount wanted, Reached reached) {
  while (low < high) {
    const auto middle = static_cast<std::int32_t>((std::int64_t{low} + high + 1) >> 1);
    if (reached(middle) >= wanted) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

/// One expert's keys over tokens whose values lie in blocks, [blocks][experts][kLanes].
inline void GatherKeys(std::span<const float> value, std::size_t experts, std::size_t expert,
                       std::span<std::int32_t> keys) {
  const float* block = value.data() + expert * kLanes;
  for (std::size_t t = 0; t < keys.size(); t += kLanes, block += experts * kLanes) {
    for (std::size_t i = 0; i < std::min<std::size_t>(kLanes, keys.size() - t); ++i)
      keys[t + i] = KeyOf(block[i]);
  }
}

}  // namespace orrery::models
