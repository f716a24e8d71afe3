// The tile walk of the persistent GEMM: every tile once, none twice, whatever the grid.
#include "profiler/suite/tile_schedule.h"

#include <map>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace orrery::profiler {
namespace {

using TileKey = std::tuple<int, int, int>;  // group, row block, column block

struct Grid {
  int row_blocks, groups, columns, cluster, ctas;
};

std::map<TileKey, int> Visits(const Grid& g, const int* group_of_block, const int* masked_rows) {
  std::map<TileKey, int> visits;
  for (int cta = 0; cta < g.ctas; ++cta) {
    TileWalk walk(g.row_blocks, g.groups, g.columns, g.cluster, cta / g.cluster, g.ctas / g.cluster,
                  cta % g.cluster, group_of_block, masked_rows);
    for (Tile t = walk.Next(); t.valid; t = walk.Next()) ++visits[{t.group, t.row_block, t.column_block}];
  }
  return visits;
}

class TileWalkOverGrids : public testing::TestWithParam<Grid> {};

TEST_P(TileWalkOverGrids, VisitsEveryTileOfOneGroupOnce) {
  const Grid g = GetParam();
  const auto visits = Visits(g, nullptr, nullptr);
  const int column_blocks = PadTo(TilesIn(g.columns, kTileN), g.cluster);
  EXPECT_EQ(static_cast<int>(visits.size()), g.row_blocks * column_blocks);
  for (const auto& [key, count] : visits) {
    EXPECT_EQ(count, 1);
    EXPECT_LT(std::get<1>(key), g.row_blocks);
    EXPECT_LT(std::get<2>(key), column_blocks);
  }
}

INSTANTIATE_TEST_SUITE_P(Grids, TileWalkOverGrids,
                         testing::Values(Grid{32, 1, 7168, 2, 132}, Grid{32, 1, 7168, 1, 112},
                                         Grid{1, 1, 2112, 2, 132}, Grid{17, 1, 576, 2, 132},
                                         Grid{33, 1, 128, 1, 1}, Grid{256, 1, 4096, 2, 112}));

TEST(TileWalk, GivesEachRowBlockOfTheContiguousLayoutToItsExpertAndSkipsPadding) {
  const std::vector<int> group_of_block = {0, 0, 1, -1, 2, 2};
  const auto visits = Visits({6, 3, 256, 1, 4}, group_of_block.data(), nullptr);
  EXPECT_EQ(visits.size(), 5u * 2u);
  for (const auto& [key, count] : visits) {
    EXPECT_EQ(std::get<0>(key), group_of_block[static_cast<std::size_t>(std::get<1>(key))]);
    EXPECT_EQ(count, 1);
  }
}

TEST(TileWalk, CoversTheRowsInUseOfEveryMaskedGroupAndNoOther) {
  const std::vector<int> rows = {0, 1, 128, 300, 0, 64};
  const auto visits = Visits({0, 6, 512, 2, 8}, nullptr, rows.data());
  std::map<TileKey, int> expected;
  for (int g = 0; g < 6; ++g) {
    for (int r = 0; r < TilesIn(rows[static_cast<std::size_t>(g)], kTileM); ++r) {
      for (int c = 0; c < 4; ++c) expected[{g, r, c}] = 1;
    }
  }
  EXPECT_EQ(visits, expected);
}

TEST(TileWalk, GivesTheTwoCtasOfAClusterTheSameRowsAndNeighbouringColumns) {
  TileWalk left(8, 1, 2048, 2, 3, 66, 0, nullptr, nullptr);
  TileWalk right(8, 1, 2048, 2, 3, 66, 1, nullptr, nullptr);
  for (Tile a = left.Next(), b = right.Next(); a.valid || b.valid; a = left.Next(), b = right.Next()) {
    ASSERT_EQ(a.valid, b.valid);
    EXPECT_EQ(a.row_block, b.row_block);
    EXPECT_EQ(a.column_block + 1, b.column_block);
  }
}

TEST(RasterTile, KeepsABandOfRowsTogetherSoThatWeightsAreReadOncePerBand) {
  const int column_sets = 5;
  for (int i = 0; i < kRasterRows * column_sets; ++i)
    EXPECT_LT(RasterTile(i, 40, column_sets, 1, 0).row_block, kRasterRows);
  EXPECT_EQ(RasterTile(kRasterRows * column_sets, 40, column_sets, 1, 0).row_block, kRasterRows);
  EXPECT_FALSE(RasterTile(40 * column_sets, 40, column_sets, 1, 0).valid);
}

}  // namespace
}  // namespace orrery::profiler
