#include "hw/cost/efficiency.h"

#include <cmath>

#include <gtest/gtest.h>

namespace orrery::hw {
namespace {

EfficiencyPoint Point(float x, float across, float log_ratio, bool borrowed = false) {
  EfficiencyPoint point;
  point.at = {x, across};
  point.log_ratio = log_ratio;
  point.log_beside = log_ratio / 10;
  point.borrowed = borrowed;
  return point;
}

EfficiencyMap MapOf(const std::vector<EfficiencyPoint>& points) {
  EfficiencyMap map;
  for (const EfficiencyPoint& point : points) map.Add(point);
  return map;
}

double At(const EfficiencyMap& map, float x, float across) { return map.At({x, across}).log_ratio; }

TEST(EfficiencyMap, IsExactAtAPointAmongMany) {
  const EfficiencyMap map =
      MapOf({Point(1, 0, 0.5F), Point(2, 0, 0.3F), Point(1, 1, 0.9F), Point(2, 1, 0.7F)});
  for (std::size_t i = 0; i < map.size(); ++i) {
    const Efficiency e = map.At(map.point(i).at);
    EXPECT_FLOAT_EQ(static_cast<float>(e.log_ratio), map.point(i).log_ratio);
    EXPECT_FLOAT_EQ(static_cast<float>(e.log_beside), map.point(i).log_beside);
    EXPECT_TRUE(e.inside);
  }
}

TEST(EfficiencyMap, IsLinearAlongALineOfItsOwn) {
  const EfficiencyMap map = MapOf({Point(4, 0, 0.2F), Point(0, 0, 1.0F)});  // whatever the order
  EXPECT_NEAR(At(map, 1, 0), 0.8, 1e-6);
  EXPECT_NEAR(At(map, 3, 0), 0.4, 1e-6);
}

TEST(EfficiencyMap, HoldsTheEndOfALineBeyondIt) {
  const EfficiencyMap map = MapOf({Point(0, 0, 1.0F), Point(1, 0, 0.5F)});
  EXPECT_NEAR(At(map, 9, 0), 0.5, 1e-6);
  EXPECT_NEAR(At(map, -9, 0), 1.0, 1e-6);
}

TEST(EfficiencyMap, StaysWithinWhatWasMeasured) {
  const EfficiencyMap map =
      MapOf({Point(0, 0, 0.1F), Point(2, 0, 0.4F), Point(0, 2, 0.8F), Point(2, 2, 0.6F)});
  for (float x = -3; x < 6; x += 0.37F) {
    for (float across = -3; across < 6; across += 0.41F) {
      EXPECT_GE(At(map, x, across), 0.1 - 1e-6);
      EXPECT_LE(At(map, x, across), 0.8 + 1e-6);
    }
  }
}

TEST(EfficiencyMap, FollowsTheNearerLine) {
  const EfficiencyMap map = MapOf({Point(0, 0, 0.0F), Point(0, 1, 1.0F)});
  EXPECT_LT(At(map, 0, 0.25F), 0.1);
  EXPECT_GT(At(map, 0, 0.75F), 0.9);
  EXPECT_NEAR(At(map, 0, 0.5F), 0.5, 1e-5);
}

TEST(EfficiencyMap, PricesAsIfAPointWereAbsent) {
  const EfficiencyMap map = MapOf({Point(0, 0, 1.0F), Point(1, 0, 9.0F), Point(2, 0, 2.0F)});
  EXPECT_NEAR(map.At({1, 0}, 1).log_ratio, 1.5, 1e-6);
  EXPECT_NEAR(map.At({1, 0}, 0).log_ratio, 9.0, 1e-6);
}

TEST(EfficiencyMap, PrefersItsOwnPointsToBorrowedOnes) {
  const EfficiencyMap map = MapOf({Point(0, 0.5F, 0.0F), Point(0, 0, 1.0F, true)});
  EXPECT_LT(At(map, 0, 0), 0.2);  // the borrowed point is nearer by half a unit, and counts as one further
}

TEST(EfficiencyMap, IsExactAtBorrowedPointsWhereItHasNoOthers) {
  const EfficiencyMap map = MapOf({Point(0, 0, 0.3F, true), Point(1, 1, 0.9F, true)});
  EXPECT_NEAR(At(map, 0, 0), 0.3, 1e-6);
  EXPECT_FALSE(map.At({0, 0}).inside);
}

TEST(EfficiencyMap, IsInsideBetweenItsPointsAndNearOne) {
  const EfficiencyMap map = MapOf({Point(0, 0, 0.1F), Point(8, 0, 0.1F), Point(0, 1, 0.1F)});
  EXPECT_TRUE(map.At({1, 0.5F}).inside);
  EXPECT_FALSE(map.At({4, 0.5F}).inside) << "more than a factor of 8 from any point";
  EXPECT_FALSE(map.At({9, 0}).inside) << "past the largest";
}

TEST(LabelledMaps, PriceALabelByItsOwnPointsAndOthersByTheGeneralOnes) {
  LabelledMaps maps;
  maps.Of("").Add(Point(0, 0, 0.1F));
  maps.Of("scan").Add(Point(0, 0, 5.0F));
  EXPECT_NEAR(At(maps.For("scan"), 0, 0), 5.0, 1e-6);
  EXPECT_NEAR(At(maps.For("sum"), 0, 0), 0.1, 1e-6);
  EXPECT_NEAR(At(maps.For(""), 0, 0), 0.1, 1e-6);
}

Features OfGemm(OpKind kind, GemmShape shape) {
  return FeaturesOf({.kind = kind, .shape = shape, .label = {}}, 1);
}

TEST(Features, ScanRowsOfAnExpertAndItsReducedRowsForWeightGradients) {
  EXPECT_FLOAT_EQ(OfGemm(OpKind::kGroupedGemmFp8, {4096, 7168, 2048, 4})[0], std::log(1024.0F));
  EXPECT_FLOAT_EQ(OfGemm(OpKind::kGroupedGemmFp8Wgrad, {7168, 2048, 32768, 4})[0], std::log(8192.0F));
  EXPECT_FLOAT_EQ(OfGemm(OpKind::kGemmFp8, {4096, 7168, 2048, 1})[0], std::log(4096.0F));
}

TEST(Features, TellMemoryBoundFromComputeBoundDecode) {
  const auto intensity = [](std::int64_t heads, std::int64_t kv_heads, std::int64_t q_len) {
    return FeaturesOf({.kind = OpKind::kAttentionDecode,
                       .shape = AttentionShape{1, heads, kv_heads, q_len, 4096, 128, 128, true},
                       .label = {}},
                      1)[2];
  };
  EXPECT_FLOAT_EQ(intensity(64, 8, 1), intensity(32, 4, 1));  // the same query heads a key
  EXPECT_FLOAT_EQ(intensity(64, 8, 2), intensity(64, 4, 1));  // two queries a sequence do as twice the heads
  EXPECT_GT(intensity(128, 8, 1), intensity(64, 8, 1));
}

}  // namespace
}  // namespace orrery::hw
