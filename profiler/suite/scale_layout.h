// Where the FP32 scales of DeepSeek-V3's FP8 recipe lie in memory, for the project's kernels and for
// cuBLASLt.
#pragma once

#include <cstddef>

#include "profiler/suite/tile_schedule.h"

namespace orrery::profiler {

/// 1x128 scales of a [rows, k] operand: [ceil(k / 128)][stride], the row contiguous (CUBLASLT VEC128_32F: ceil(k/128) x
/// outer, outer contiguous; the project's kernels copy 512 bytes per tile, hence a stride of whole tiles).
struct RowScales {
  int rows = 0;
  int k = 0;
  int stride = 0;

  static constexpr RowScales ForKernels(int rows, int k) { return {rows, k, PadTo(rows, kTileM)}; }
  /// cuBLASLt takes the stride from the operand, padded to 4 (TransformerEngine pads alike).
  static constexpr RowScales ForCublas(int rows, int k) { return {rows, k, PadTo(rows, 4)}; }

  ORRERY_HOST_DEVICE constexpr std::size_t Index(int row, int column) const {
    return static_cast<std::size_t>(column / kBlockK) * static_cast<std::size_t>(stride) +
           static_cast<std::size_t>(row);
  }
  constexpr std::size_t Count() const {
    return static_cast<std::size_t>(TilesIn(k, kBlockK)) * static_cast<std::size_t>(stride);
  }
};

/// 128x128 scales of a [n, k] weight: [ceil(n / 128)][stride] with k blocks contiguous.
struct BlockScales {
  int n = 0;
  int k = 0;
  int stride = 0;

  static constexpr BlockScales ForKernels(int n, int k) { return {n, k, TilesIn(k, kBlockK)}; }
  /// CUBLASLT BLK128x128_32F: roundup(ceil(k / 128), 4) x ceil(n / 128).
  static constexpr BlockScales ForCublas(int n, int k) { return {n, k, PadTo(TilesIn(k, kBlockK), 4)}; }

  ORRERY_HOST_DEVICE constexpr std::size_t Index(int row, int column) const {
    return static_cast<std::size_t>(row / kBlockK) * static_cast<std::size_t>(stride) +
           static_cast<std::size_t>(column / kBlockK);
  }
  constexpr std::size_t Count() const {
    return static_cast<std::size_t>(TilesIn(n, kBlockK)) * static_cast<std::size_t>(stride);
  }
};

}  // namespace orrery::profiler
