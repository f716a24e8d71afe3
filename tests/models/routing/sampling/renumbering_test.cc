#include "models/routing/sampling/renumbering.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/routing/sources/planned_loads.h"
#include "models/routing/sources/synthetic_loads.h"

namespace orrery::models {
namespace {

/// Experts, ranks, ranks a node, gate groups.
LoadShape Shape(int experts, int ranks, int ranks_per_node, int groups) {
  return {experts, ranks, ranks_per_node, 4096, 8, groups, std::max(1, groups / 2)};
}

/// Whether experts that share one of `parts` equal parts share one after the renumbering.
bool StaysWhole(const std::vector<std::uint16_t>& to, int parts) {
  const std::size_t each = to.size() / static_cast<std::size_t>(parts);
  std::map<std::size_t, std::set<std::size_t>> went;
  for (std::size_t e = 0; e < to.size(); ++e) went[e / each].insert(to[e] / each);
  return std::all_of(went.begin(), went.end(), [](const auto& part) { return part.second.size() == 1; });
}

TEST(ShuffleRanks, KeepsNodesRanksAndGateGroupsWholeWhateverTheirSizes) {
  for (const LoadShape& shape :
       {Shape(256, 64, 8, 8), Shape(256, 32, 8, 8), Shape(256, 32, 8, 4), Shape(256, 16, 8, 8),
        Shape(256, 64, 8, 2), Shape(256, 8, 8, 8), Shape(256, 128, 8, 8), Shape(160, 40, 8, 8),
        Shape(256, 64, 8, 1), Shape(96, 6, 3, 8), Shape(72, 12, 6, 9)}) {
    for (int layer = 12; layer < 16; ++layer) {
      const std::vector<std::uint16_t> to = ShuffleRanks(shape, 7, layer);
      std::vector<std::uint16_t> sorted = to;
      std::sort(sorted.begin(), sorted.end());
      EXPECT_EQ(sorted, KeepExperts(shape.experts)) << "every expert has its place";
      for (const int parts : {NodeCount(shape), shape.ranks, shape.groups})
        EXPECT_TRUE(StaysWhole(to, parts)) << shape.experts << " experts, " << shape.ranks << " ranks, "
                                           << shape.groups << " groups: " << parts << " parts";
    }
  }
}

TEST(ShuffleRanks, MovesNodesGroupsAndRanksWhereTheyNest) {
  const LoadShape shape = Shape(256, 32, 8, 8);  // two groups of four ranks on each of four nodes
  std::set<int> node_of_first, group_in_node, rank_in_group;
  for (int layer = 12; layer < 60; ++layer) {
    const int first = ShuffleRanks(shape, 7, layer).front();
    node_of_first.insert(first / 64);
    group_in_node.insert(first % 64 / 32);
    rank_in_group.insert(first % 32 / 8);
    EXPECT_EQ(first % 8, 0) << "experts keep their order inside a rank";
  }
  EXPECT_EQ(node_of_first.size(), 4u);
  EXPECT_EQ(group_in_node.size(), 2u);
  EXPECT_EQ(rank_in_group.size(), 4u);
}

TEST(ShuffleRanks, LeavesExpertsWhereGroupsAndNodesCross) {
  // Groups of 20 on nodes of 32: only the whole of 160 experts keeps both.
  EXPECT_EQ(ShuffleRanks(Shape(160, 40, 8, 8), 7, 13), KeepExperts(160));
}

TEST(ShuffleRanks, OfAPlannedLayerKeepsTheNodesThatATokenReaches) {
  // V3's gate reaches at most 4 of 8 groups; on 4 nodes of two groups a token reaches 3.1 of them.
  const LoadShape shape{256, 32, 8, 4096, 8, 8, 4};
  constexpr int kLayers = 14;
  const PlannedLoads loads(std::make_unique<SyntheticLoads>(shape, SyntheticOptions{}, kLayers, 5),
                           {true, 32, 2, 0}, kLayers);
  const auto nodes = [&](int layer) {
    const std::vector<float>& mean = loads.Table(layer).nodes_mean;
    return std::inner_product(mean.begin(), mean.end(), loads.mix().share.begin(), 0.0);
  };
  for (const int layer : {12, 13}) EXPECT_NEAR(nodes(layer), nodes(layer - 12), 0.08) << layer;
}

}  // namespace
}  // namespace orrery::models
