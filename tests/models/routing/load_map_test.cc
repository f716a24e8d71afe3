#include "models/routing/load_map.h"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "models/routing/sources/planned_loads.h"
#include "models/routing/sources/synthetic_loads.h"

namespace orrery::models {
namespace {

using testing::ElementsAre;

/// Two ranks of two experts; row counts that tell layer, micro-batch and slot apart.
class KnownLoads : public LoadSource {
 public:
  const LoadShape& shape() const override { return shape_; }
  std::string Describe() const override { return "known"; }

 private:
  void Draw(const LoadShape&, int layer, int micro_batch, int, ExchangeLoad* load) const override {
    load->expert_rows = {1, 2, 3, 4};
    load->expert_rows[static_cast<std::size_t>(layer)] += 100 * micro_batch;
  }
  LoadShape shape_{4, 2, 8, 8, 1, 1, 1};
};

TEST(LoadMap, HoldsTheRowsOfEverySlotAndOfEveryRank) {
  const LoadMap map = MapLoads(KnownLoads(), std::vector<int>{0, 3}, std::vector<int>{0, 2});
  EXPECT_EQ(map.experts, 4);
  EXPECT_THAT(map.before.SlotRows(0, 0), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(map.before.SlotRows(0, 1), ElementsAre(201, 2, 3, 4));
  EXPECT_THAT(map.before.SlotRows(1, 1), ElementsAre(1, 2, 3, 204));
  EXPECT_THAT(map.before.RankRows(1, 1), ElementsAre(3, 207));
  EXPECT_THAT(map.before.ExpertOf(1, 0), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(map.before.ExpertRows(1, 4), ElementsAre(2, 4, 6, 208));
  EXPECT_DOUBLE_EQ(map.before.HottestRank(0), ((7 / 5.0 - 1) + (203 / 105.0 - 1)) / 2);
  EXPECT_EQ(map.after.slots, 0) << "nothing is placed";
}

TEST(LoadMap, ShowsWhatAPlanMakesOfTheSameRows) {
  SyntheticOptions hot = DefaultOptions(Strategy::kNone, 0);
  hot.affinity.expert = 1;
  const LoadShape shape{64, 16, 8, 512, 6, 1, 1};
  const PlannedLoads source(std::make_unique<SyntheticLoads>(shape, hot, 2, 1), {true, 16, 16, 0}, 2);
  const std::vector<int> layers{0, 1}, micro_batches{0, 1, 2, 3};
  const LoadMap map = MapLoads(source, layers, micro_batches);
  EXPECT_EQ(map.before.slots, 64);
  EXPECT_EQ(map.after.slots, 80);
  for (const int layer : layers) {
    const auto before = map.before.ExpertRows(layer, 64), after = map.after.ExpertRows(layer, 64);
    for (std::size_t e = 0; e < 64; ++e)  // the same documents, other noise
      EXPECT_NEAR(static_cast<double>(after[e]), static_cast<double>(before[e]),
                  0.1 * static_cast<double>(before[e]) + 60);
    EXPECT_EQ(std::accumulate(after.begin(), after.end(), 0L), 4 * 16 * 512 * 6);
    EXPECT_LT(map.after.HottestRank(layer), 0.5 * map.before.HottestRank(layer));
    const ExpertPlacement plan = source.PlacementAt(layer, 2);
    EXPECT_THAT(map.after.ExpertOf(layer, 2), testing::ElementsAreArray(plan.expert_of));
  }
}

TEST(LoadMap, IsStoppedBetweenMicroBatches) {
  std::stop_source stop;
  stop.request_stop();
  const RunControl control({}, stop.get_token());
  EXPECT_THROW(MapLoads(KnownLoads(), std::vector<int>{0}, std::vector<int>{0}, 0, control), Stopped);
}

TEST(LoadMap, RefusesWhatNoSourceHas) {
  EXPECT_THROW(MapLoads(KnownLoads(), {}, std::vector<int>{0}), InputError);
  EXPECT_THROW(MapLoads(KnownLoads(), std::vector<int>{0}, {}), InputError);
  EXPECT_THROW(MapLoads(KnownLoads(), std::vector<int>{-1}, std::vector<int>{0}), InputError);
}

}  // namespace
}  // namespace orrery::models
