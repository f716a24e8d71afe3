// What a CostModel holds, shared between it and its perturbed copies.
#pragma once

#include <array>
#include <memory>
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

struct CostData {
  Device device;
  std::array<LabelledMaps, kOpKindCount> maps;  ///< by PricedWith(kind)
  std::vector<PlacedRow> rows;
  std::vector<std::string> sources;
  Time launch_gap{};  ///< on a stream; in a graph see GraphLaunchGap
  Provenance launch_gap_provenance = Provenance::kScaled;
  Efficiency streaming;          ///< of memory-bound kinds without any point
  bool streaming_known = false;  ///< from rows; else the data sheet's rate
  /// Each other device that lends rows, with the rows it lends.
  std::vector<std::shared_ptr<const CostData>> lenders;

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

/// Tables in order of date; those of another device are scaled.
std::shared_ptr<const CostData> BuildCostData(const Device& device, const std::vector<KernelTable>& tables);

/// Price before perturbation, in seconds, as if point `without` of the kind's map were not there.
struct RawPrice {
  double seconds = 0, beside = 0;
  Provenance provenance = Provenance::kAnalytic;
  int table = kNoTable;
};
RawPrice PriceRaw(const CostData& data, const Op& op, int sms, std::size_t without = EfficiencyMap::kNone);

/// What a price of this provenance rests on.
Basis BasisOf(const CostData& data, const Op& op, int sms, Provenance provenance);

}  // namespace orrery::hw::internal
