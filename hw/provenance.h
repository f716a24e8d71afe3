// Where a price comes from; every priced thing carries it, and reports state the share under each.
#pragma once

#include <cstdint>

namespace orrery::hw {

enum class Provenance : std::uint8_t {
  kMeasured,  ///< inside a table measured on this device
  kDerived,  ///< the same, but for rows that something was taken off: a launch or a kernel that was timed along
  kScaled,    ///< carried over from another device, version or condition
  kAnalytic,  ///< from data-sheet rates alone
};
constexpr int kProvenances = 4;

/// Whether rows of the device itself tell of the price.
constexpr bool IsOwn(Provenance provenance) { return provenance <= Provenance::kDerived; }

}  // namespace orrery::hw
