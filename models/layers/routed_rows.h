// Rows that routing gives to the experts of one rank, and what a grouped kernel makes of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/units.h"

namespace orrery::models {

/// What routing gave to this rank in one layer: rows of each local expert, unpadded, and distinct tokens received.
struct RoutedRows {
  std::vector<std::int64_t> expert_rows;
  std::int64_t unique_rows = 0;
  bool operator==(const RoutedRows&) const = default;
};

/// The groups of a grouped kernel, each padded by itself to `alignment` rows.
struct GroupRows {
  std::int64_t rows = 0;    ///< of all groups, padding included
  std::int64_t groups = 1;  ///< with at least one row; 1 if none has any
  std::int64_t tiles_64 = 0, tiles_128 = 0;
};

inline GroupRows GroupsOf(std::span<const std::int64_t> expert_rows, std::int64_t alignment) {
  GroupRows g;
  g.groups = 0;
  for (const std::int64_t rows : expert_rows) {
    if (rows == 0) continue;
    const std::int64_t padded = RoundUp(rows, alignment);
    g.rows += padded;
    ++g.groups;
    g.tiles_64 += CeilDiv(padded, 64);
    g.tiles_128 += CeilDiv(padded, 128);
  }
  if (g.groups == 0) g.groups = 1;
  return g;
}

/// Rows after each expert's are padded to `alignment`.
inline std::int64_t PaddedRows(const RoutedRows& rows, std::int64_t alignment) {
  return GroupsOf(rows.expert_rows, alignment).rows;
}

/// `padded` rows over `experts` experts in whole tiles of `alignment`, as even as tiles allow, the last `idle` of
/// the experts without any; rows that fill no tile go to the last of the others. Padding them again adds less than
/// one tile.
inline std::vector<std::int64_t> EvenTiles(std::int64_t padded, int experts, int idle,
                                           std::int64_t alignment) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(experts));
  const std::int64_t busy = experts - idle, tiles = padded / alignment;
  for (std::int64_t e = 0; e < busy; ++e) {
    rows[static_cast<std::size_t>(e)] = alignment * (tiles * (e + 1) / busy - tiles * e / busy);
  }
  if (busy > 0) rows[static_cast<std::size_t>(busy - 1)] += padded % alignment;
  return rows;
}

}  // namespace orrery::models
