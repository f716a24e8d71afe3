// How the key-value blocks of a decode batch are divided among the persistent CTAs of the attention kernel.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace orrery::profiler {

/// Tokens in one page and in one tile of the decode kernels.
inline constexpr int kKvTile = 64;

/// One unit of work of a CTA: tiles [tile_begin, tile_end) of sequence `batch`. `slot` is its row of the partial
/// results, or -1 when the whole sequence is in this item and the output is written directly.
struct DecodeItem {
  std::int32_t batch = 0;
  std::int32_t tile_begin = 0;
  std::int32_t tile_end = 0;
  std::int32_t slot = -1;
};

/// A decode batch split over `parts` CTAs (per block of 64 query rows).
struct SplitKvPlan {
  std::vector<DecodeItem> items;
  /// items[part_begin[p]] .. items[part_begin[p + 1]] belong to part p; size parts + 1.
  std::vector<std::int32_t> part_begin;
  /// Slots slot_begin[b] .. slot_begin[b + 1] hold the partial results of sequence b (none if not split);
  /// size B + 1.
  std::vector<std::int32_t> slot_begin;

  int slots() const { return slot_begin.empty() ? 0 : slot_begin.back(); }
};

/// Divides the tiles of all sequences evenly (in pairs, the unit of the kernel's pipeline) over `parts` parts in order,
/// so that a part covers the end of one sequence and the beginning of the next. Each item costs `fixed_tiles` more, for
/// its prologue and its write of partial results.
/// Throws std::invalid_argument when a length or `parts` is not positive.
SplitKvPlan PlanSplitKv(std::span<const std::int32_t> lengths, int parts, int fixed_tiles = 2);

/// Equal splits per sequence for the kernels without a persistent grid: the smallest count that gives at least
/// `wanted_ctas` CTAs, at most one per `min_tiles` tiles of KV.
int UniformSplits(int sequences_times_heads, int tiles, int wanted_ctas, int min_tiles = 4);

}  // namespace orrery::profiler
