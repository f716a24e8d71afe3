// What a CostModel holds, shared between it and its perturbed copies.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/op/op_traits.h"
#include "hw/cost/cost_model.h"
#include "hw/cost/efficiency.h"

namespace orrery::hw::internal {

/// A row and the point made of it.
struct PlacedRow {
  KernelRow row;
  std::size_t point = 0;  ///< in the map of its kind
  bool borrowed = false;  ///< measured on another device, or on this one under another sheet
};

struct CostData;

/// Another device that lends rows, with all its rows, and the kinds it lends.
struct Lender {
  std::shared_ptr<const CostData> data;
  std::vector<OpKind> kinds;
};

struct CostData {
  Device device;
  std::array<LabelledMaps, kOpKindCount> maps;  ///< by PricedWith(kind)
  std::vector<PlacedRow> rows;
  std::vector<std::string> sources;
  Time launch_gap{};  ///< on a stream; in a graph see GraphLaunchGap
  Provenance launch_gap_provenance = Provenance::kScaled;
  Efficiency streaming;          ///< of memory-bound kinds without any point
  bool streaming_known = false;  ///< from rows; else the data sheet's rate
  std::vector<Lender> lenders;
  std::array<bool, kOpKindCount> own_kinds{};  ///< by PricedWith(kind): whether there are rows of this device

  LabelledMaps& MapsOf(OpKind kind) { return maps[static_cast<std::size_t>(PricedWith(kind))]; }
  const EfficiencyMap& map(OpKind kind) const {
    return maps[static_cast<std::size_t>(PricedWith(kind))].general;
  }
  const EfficiencyMap& map(const Op& op) const {
    return maps[static_cast<std::size_t>(PricedWith(op.kind))].For(op.label);
  }
};

/// Gap between two kernels of one CUDA graph: no longer than on a stream.
Time GraphLaunchGap(const CostData& data);

/// Tables in order of date; those of another device are scaled. `unlent`: further tables of devices that lend
/// rows, which price nothing here but tell how well the lenders' rows price one another.
std::shared_ptr<const CostData> BuildCostData(const Device& device, const std::vector<KernelTable>& tables,
                                              const std::vector<KernelTable>& unlent = {});

/// Price before perturbation, in seconds, as if point `without` of the kind's map were not there.
struct RawPrice {
  double seconds = 0, beside = 0;
  Provenance provenance = Provenance::kAnalytic;
  int table = kNoTable;
};
RawPrice PriceRaw(const CostData& data, const Op& op, int sms, std::size_t without = EfficiencyMap::kNone);

/// The kind whose rows on the same device tell more of this one than another device's rows of it do.
constexpr std::optional<OpKind> StandsIn(OpKind kind) {
  return kind == OpKind::kGemmBf16 ? std::optional(OpKind::kGemmFp8) : std::nullopt;
}

/// Whether rows of this device tell of the kind: its own, or those of a kind that stands in for it.
bool Tells(const CostData& data, OpKind kind);

/// Which of `lenders` a price of this kind rests on where the device has no row: the one that lends the kind,
/// else one that lends the kind that stands in, or streaming kernels; -1: there are none.
int LenderOf(const CostData& data, OpKind kind);

/// What a price of this provenance rests on.
Basis BasisOf(const CostData& data, const Op& op, int sms, Provenance provenance);

}  // namespace orrery::hw::internal
