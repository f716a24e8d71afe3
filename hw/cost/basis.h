// What a price rests on, which decides how far off it may be (hw/cost/price_error.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/op/op_traits.h"

namespace orrery::hw {

enum class Basis : std::uint8_t {
  kRows,         ///< rows of this kind and device, one of them near
  kDerivedRows,  ///< the same, where what was timed along with the kernel was taken off the row that counts most
  kFarRows,      ///< rows of this kind and device, none near
  kStandIn,      ///< rows of another kind of this device
  kLentRows,     ///< as above, of another device
  kLentDerivedRows,
  kLentFarRows,
  kLentStandIn,
  kDataSheet,  ///< no row at all
};
constexpr int kBases = static_cast<int>(Basis::kDataSheet) + 1;

/// Bases on a device's own rows, each of which has its like on lent ones.
constexpr int kOwnBases = static_cast<int>(Basis::kLentRows);

/// The basis on the device that a row is lent from, as it is on the one that borrows it.
constexpr Basis Lent(Basis basis) {
  return basis < Basis::kLentRows ? static_cast<Basis>(static_cast<int>(basis) + kOwnBases) : basis;
}
/// The inverse: what the lender's price rests on.
constexpr Basis AtHome(Basis basis) {
  return basis >= Basis::kLentRows && basis < Basis::kDataSheet
             ? static_cast<Basis>(static_cast<int>(basis) - kOwnBases)
             : basis;
}

/// true / priced of every price of a cost model: one draw, or a supposition.
struct PriceFactors {
  PriceFactors() { factors.fill(1); }

  std::array<double, static_cast<std::size_t>(kOpKindCount) * kBases> factors{};
  double launch_gap = 1;

  /// Kinds that are priced from the same rows are off alike.
  double& At(OpKind kind, Basis basis) { return factors[Index(kind, basis)]; }
  double At(OpKind kind, Basis basis) const { return factors[Index(kind, basis)]; }

 private:
  static constexpr std::size_t Index(OpKind kind, Basis basis) {
    return static_cast<std::size_t>(PricedWith(kind)) * kBases + static_cast<std::size_t>(basis);
  }
};

}  // namespace orrery::hw
