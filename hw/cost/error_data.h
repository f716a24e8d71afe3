// How far off prices are that no table of their device decides, as measured between devices:
// hw/data/price-errors.yaml, written by scripts/measure_price_errors. An error is ln(measured / priced).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/document.h"

namespace orrery::hw {

/// How near the device that lends a row is to the one that borrows it.
enum class Relation : std::uint8_t { kSameChip, kSameArchitecture, kOtherArchitecture };
constexpr int kRelations = 3;

/// Of a class of kernels priced from another device's rows.
struct CarriedError {
  double bias = 0;     ///< standard deviation of what all its kernels share
  double scatter = 0;  ///< from shape to shape about it
};

/// Of a class of kernels priced from the data sheet, or from another kind's rows.
struct DirectedError {
  double bias = 0;     ///< mean over devices, with its sign: kernels are slower than the data sheet
  double between = 0;  ///< standard deviation from device to device
  double scatter = 0;  ///< from shape to shape
};

struct ErrorData {
  /// Indexed by relation; classes as CostModel::ResidualClasses.
  struct Carried {
    double shared = 0;  ///< standard deviation of what all classes share
    std::vector<CarriedError> classes;
  };
  std::array<Carried, kRelations> carried;
  std::vector<DirectedError> from_data_sheet;          ///< by class
  std::vector<std::optional<DirectedError>> stand_in;  ///< by class, where it was measured
  std::array<double, kRelations> normal_exchange{};    ///< of DeepEP's tables carried over, rms
  std::array<double, kRelations> low_latency_exchange{};
  /// By class: of rows that a launch or another kernel was taken off, beside the same kernel timed alone.
  std::vector<CarriedError> derived;
  double launch_gap = 0;  ///< standard deviation
  std::vector<int> kin;   ///< by class: the one whose errors stand in for too few of its own; -1 for none
  std::vector<std::vector<std::string>> chips, architectures;

  Relation Between(const std::string& lender, const std::string& borrower) const;
  const Carried& Of(Relation relation) const { return carried[static_cast<std::size_t>(relation)]; }
};

/// The shipped file. InputError with place where a class or a relation is missing, unknown or twice there.
ErrorData LoadErrorData();
ErrorData ReadErrorData(const Value& root);

}  // namespace orrery::hw
