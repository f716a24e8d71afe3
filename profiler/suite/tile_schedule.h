// Which output tile a CTA of a persistent grouped GEMM computes at each step. Pure integer arithmetic, the same on the
// host (tests) and on the device (kernels).
#pragma once

#ifdef __CUDACC__
#define ORRERY_HOST_DEVICE __host__ __device__
#else
#define ORRERY_HOST_DEVICE
#endif

namespace orrery::profiler {

inline constexpr int kTileM = 128;
inline constexpr int kTileN = 128;
/// The scaling block of DeepSeek-V3's FP8 recipe along K (arXiv:2412.19437, section 3.3.2); also the
/// promotion interval.
inline constexpr int kBlockK = 128;
/// Row blocks that share one pass over the weight tiles, so that both stay in L2.
inline constexpr int kRasterRows = 16;

/// Tiles of `divisor` that cover `value`; value padded up to a multiple. (core/base/units.h has the 64-bit,
/// host-only pair.)
ORRERY_HOST_DEVICE constexpr int TilesIn(int value, int divisor) { return (value + divisor - 1) / divisor; }
ORRERY_HOST_DEVICE constexpr int PadTo(int value, int multiple) {
  return TilesIn(value, multiple) * multiple;
}

/// One output tile: `row_block` counts 128-row blocks of the whole output (contiguous) or of its group
/// (masked).
struct Tile {
  int group = 0;
  int row_block = 0;
  int column_block = 0;
  bool valid = false;
};

/// Step `index` of a raster over `row_blocks` x `column_sets`, where a set is the `cluster` neighbouring column blocks
/// of one cluster: bands of kRasterRows row blocks, all columns of a band before the next, rows innermost.
ORRERY_HOST_DEVICE constexpr Tile RasterTile(int index, int row_blocks, int column_sets, int cluster,
                                             int rank) {
  Tile tile;
  if (index >= row_blocks * column_sets) return tile;
  const int band_tiles = kRasterRows * column_sets;
  const int band = index / band_tiles;
  const int first_row = band * kRasterRows;
  const int rows = row_blocks - first_row < kRasterRows ? row_blocks - first_row : kRasterRows;
  const int within = index - band * band_tiles;
  tile.row_block = first_row + within % rows;
  tile.column_block = within / rows * cluster + rank;
  tile.valid = true;
  return tile;
}

/// Walks the tiles of one CTA. `masked_rows` is null for the contiguous layout, where `group_of_row_block` names the
/// expert of every 128-row block (null: one group); otherwise it holds each group's row count and groups follow one
/// another.
class TileWalk {
 public:
  ORRERY_HOST_DEVICE constexpr TileWalk(int row_blocks, int groups, int columns, int cluster, int cluster_id,
                                        int clusters, int rank, const int* group_of_row_block,
                                        const int* masked_rows)
      : row_blocks_(row_blocks),
        groups_(groups),
        column_sets_(TilesIn(TilesIn(columns, kTileN), cluster)),
        cluster_(cluster),
        stride_(clusters),
        rank_(rank),
        index_(cluster_id),
        group_of_row_block_(group_of_row_block),
        masked_rows_(masked_rows) {}

  /// The next tile; `valid` is false past the end.
  ORRERY_HOST_DEVICE constexpr Tile Next() {
    return masked_rows_ == nullptr ? NextContiguous() : NextMasked();
  }

 private:
  ORRERY_HOST_DEVICE constexpr Tile NextContiguous() {
    while (true) {
      Tile tile = RasterTile(index_, row_blocks_, column_sets_, cluster_, rank_);
      index_ += stride_;
      if (!tile.valid) return tile;
      if (group_of_row_block_ == nullptr) return tile;
      tile.group = group_of_row_block_[tile.row_block];
      if (tile.group >= 0) return tile;  // a negative group is padding only
    }
  }

  ORRERY_HOST_DEVICE constexpr Tile NextMasked() {
    Tile tile;
    while (group_ < groups_) {
      const int rows = TilesIn(masked_rows_[group_], kTileM);
      tile = RasterTile(index_ - group_start_, rows, column_sets_, cluster_, rank_);
      if (tile.valid) {
        tile.group = group_;
        index_ += stride_;
        return tile;
      }
      group_start_ += rows * column_sets_;
      ++group_;
    }
    return tile;
  }

  int row_blocks_;
  int groups_;
  int column_sets_;
  int cluster_;
  int stride_;
  int rank_;
  int index_;
  const int* group_of_row_block_;
  const int* masked_rows_;
  int group_ = 0;
  int group_start_ = 0;
};

}  // namespace orrery::profiler
