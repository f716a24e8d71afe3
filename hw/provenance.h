// Where a price comes from; every priced thing carries it, and reports state the share under each.
#pragma once

#include <cstdint>
#include <string_view>

namespace orrery::hw {

enum class Provenance : std::uint8_t {
  kMeasured,  ///< inside a table measured on this device
  kDerived,  ///< the same, but for rows that something was taken off: a launch or a kernel that was timed along
  kScaled,    ///< carried over from another device, version or condition
  kAnalytic,  ///< from data-sheet rates alone
};
constexpr int kProvenances = 4;
constexpr std::string_view Name(Provenance provenance) {
  constexpr std::string_view kNames[kProvenances] = {"measured", "derived", "scaled", "analytic"};
  return kNames[static_cast<int>(provenance)];
}

/// Whether rows of the device itself tell of the price.
constexpr bool IsOwn(Provenance provenance) { return provenance <= Provenance::kDerived; }

}  // namespace orrery::hw
