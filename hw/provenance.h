// Where a price comes from; every priced thing carries it, and reports state the share under each.
#pragma once

#include <cstdint>

namespace orrery::hw {

enum class Provenance : std::uint8_t {
  kMeasured,  ///< inside a table measured on this device
  kScaled,    ///< carried over from another device, version or condition
  kAnalytic,  ///< from data-sheet rates alone
};

}  // namespace orrery::hw
