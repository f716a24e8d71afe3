// A heat map of any load source: how many rows each expert slot and each rank gets, layer by layer and
// micro-batch by micro-batch, with experts in their own order and as they are placed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/run_control.h"
#include "models/routing/load_source.h"

namespace orrery::models {

/// Rows under one placement. Layers and micro-batches are counted as places in LoadMap's lists.
struct PlacedRows {
  int slots = 0, ranks = 0, micro_batches = 0;
  std::vector<std::int32_t> slot_rows;  ///< [layers][micro_batches][slots] (token, expert) rows
  std::vector<std::int32_t> rank_rows;  ///< [layers][micro_batches][ranks]: of the rank's slots together
  std::vector<int> expert_of;           ///< [layers][micro_batches][slots] the expert that stands in each

  /// [slots] of one micro-batch.
  std::span<const std::int32_t> SlotRows(int layer, int micro_batch) const;
  std::span<const int> ExpertOf(int layer, int micro_batch) const;
  /// [ranks] of one micro-batch.
  std::span<const std::int32_t> RankRows(int layer, int micro_batch) const;
  /// [experts] rows of an expert, all its slots together, over all micro-batches of a layer.
  std::vector<std::int64_t> ExpertRows(int layer, int experts) const;
  /// Rows of the fullest rank over the mean, minus 1: the mean over micro-batches of a layer. 0 without rows.
  double HottestRank(int layer) const;
};

struct LoadMap {
  std::vector<int> layers, micro_batches;  ///< by number, those sampled
  int experts = 0;                         ///< routed ones
  int shared_experts = 0;                  ///< placed like routed ones; numbered after them
  PlacedRows before;                       ///< expert e in slot e
  PlacedRows after;                        ///< as the source places experts; no slots where it does not
};

/// Samples a source for the map, each layer and micro-batch once before and once after placement; both draw
/// the same text. Before placement a source whose ranks do not divide the experts stands on fewer ranks that
/// do. InputError where a list is empty or names a layer below 0.
LoadMap MapLoads(const LoadSource& source, std::span<const int> layers, std::span<const int> micro_batches,
                 int group = 0, const RunControl& control = {});

}  // namespace orrery::models
