#include "scenarios/step/loads.h"

#include <cmath>

#include <gmock/gmock.h>

namespace orrery::scenarios {
namespace {

/// Two nodes of two ranks, one expert each; every count is given, none sampled.
class KnownLoads : public models::LoadSource {
 public:
  KnownLoads() {
    shape_.experts = 4, shape_.ranks = 4, shape_.ranks_per_node = 2;
    shape_.tokens_per_rank = 8, shape_.top_k = 1;
    load_.expert_rows = {10, 0, 3, 19};
    load_.unique_rows = {10, 0, 3, 19};
    load_.scale_out_sent = {1, 2, 7, 4};
    load_.scale_out_received = {3, 9, 1, 1};
    load_.scale_up_sent = {5, 6, 0, 2};
    load_.scale_up_received = {8, 1, 1, 0};
  }
  const models::LoadShape& shape() const override { return shape_; }
  void Draw(const models::LoadShape&, int layer, int micro_batch, int,
            models::ExchangeLoad* load) const override {
    *load = load_;
    load->expert_rows[0] += 100 * layer + 10 * micro_batch;  // tells instances apart
  }
  std::string Describe() const override { return "known"; }

  models::LoadShape shape_;
  models::ExchangeLoad load_;
};

TEST(StepLoads, ARankWaitsForTheBusiestSenderOfAllAndTheBusiestPortsOfItsNode) {
  const StepLoads loads(KnownLoads(), 1, 1, 1, 1);
  EXPECT_EQ(loads.At(0, 0, 0).scale_out, 9) << "rank 1 of its node receives 9";
  EXPECT_EQ(loads.At(0, 0, 1).scale_out, 9);
  EXPECT_EQ(loads.At(0, 0, 2).scale_out, 7) << "its node receives 1, but rank 2 of all sends 7";
  EXPECT_EQ(loads.At(0, 0, 0).scale_up, 8) << "its own arrivals";
  EXPECT_EQ(loads.At(0, 0, 1).scale_up, 6) << "the forwarders of its node send up to 6";
  EXPECT_EQ(loads.At(0, 0, 3).scale_up, 2);
}

TEST(StepLoads, RowsArePaddedToTheTileAndUniqueTokensAreNot) {
  const StepLoads loads(KnownLoads(), 1, 1, 1, 8);
  const std::vector<int> rows = {16, 0, 8, 24}, unique = {10, 0, 3, 19};
  for (int r = 0; r < 4; ++r) {
    EXPECT_EQ(loads.At(0, 0, r).rows, rows[static_cast<std::size_t>(r)]);
    EXPECT_EQ(loads.At(0, 0, r).unique, unique[static_cast<std::size_t>(r)]);
  }
  EXPECT_EQ(loads.max_rows(), 24);
}

TEST(StepLoads, SeveralExpertsOfARankArePaddedEach) {
  KnownLoads source;
  source.shape_.ranks = 2, source.shape_.ranks_per_node = 1;
  const StepLoads loads(source, 1, 1, 1, 8);
  EXPECT_EQ(loads.At(0, 0, 0).rows, 16);
  EXPECT_EQ(loads.At(0, 0, 1).rows, 8 + 24);
}

TEST(StepLoads, InstancesAreFoundByLayerAndMicroBatch) {
  constexpr int kLayers = 3, kMicroBatches = 4;
  const StepLoads loads(KnownLoads(), kLayers, kMicroBatches, 2, 1);
  for (int layer = 0; layer < kLayers; ++layer) {
    for (int mb = 0; mb < kMicroBatches; ++mb) {
      const auto instance = static_cast<std::uint32_t>(layer * kMicroBatches + mb);
      for (int group = 0; group < 2; ++group) {
        EXPECT_EQ(loads.At(instance, group, 0).rows, 10 + 100 * layer + 10 * mb);
      }
    }
  }
}

TEST(StepLoads, SummariesAreOfAllExchanges) {
  // Two exchanges: 1 and 3 rows, then 4 and 4.
  const StepLoads loads(1, 2, {{1, 1, 2, 0}, {3, 1, 2, 0}, {4, 1, 2, 0}, {4, 1, 2, 8}});
  EXPECT_EQ(loads.mean().rows, 3);
  EXPECT_EQ(loads.mean().unique, 1);
  EXPECT_EQ(loads.mean().scale_out, 2);
  EXPECT_EQ(loads.mean().scale_up, 2);
  EXPECT_DOUBLE_EQ(loads.hottest_excess(), (0.5 + 0.0) / 2) << "3 over a mean of 2, 4 over 4";
  EXPECT_NEAR(loads.row_deviation(), std::sqrt(1.5) / 3, 1e-12);
}

TEST(StepLoads, NoExchangesAreNoLoads) {
  const StepLoads none;
  EXPECT_EQ(none.max_rows(), 0);
  EXPECT_EQ(none.mean().rows, 0);
  EXPECT_EQ(none.hottest_excess(), 0);
}

TEST(WithoutRows, TakesATokensRowsOffIndependently) {
  // 1000 rows of 800 tokens: 200 second rows. A quarter dropped leaves 750; of the 200 pairs 0.75^2 stay
  // whole.
  const RankLoad load = WithoutRows({1000, 800, 600, 400}, 0.25, 2);
  EXPECT_EQ(load.rows, 750);
  EXPECT_EQ(load.unique, 638) << "200 * 0.5625 = 112.5 rows go where the token already goes";
  EXPECT_EQ(load.scale_up, 319) << "400 * 637.5 / 800 = 318.75";
  EXPECT_EQ(load.scale_out, 563) << "600 * (1 - 0.25^2) = 562.5";
}

TEST(WithoutRows, ChangesNothingWhereNothingIsDroppedAndLeavesNothingOfNothing) {
  const RankLoad load = WithoutRows({1000, 800, 600, 400}, 0, 2.3), none = WithoutRows({}, 0.1, 2);
  EXPECT_EQ(load.rows, 1000);
  EXPECT_EQ(load.unique, 800);
  EXPECT_EQ(load.scale_out, 600);
  EXPECT_EQ(load.scale_up, 400);
  EXPECT_EQ(none.rows + none.unique + none.scale_out + none.scale_up, 0);
}

TEST(StepLoads, OneEvenLoadIsThatOfEveryRankAndExchange) {
  const StepLoads loads = StepLoads::Even({256, 200, 30, 40});
  EXPECT_TRUE(loads.even());
  EXPECT_EQ(loads.At(12345, 3, 17), (RankLoad{256, 200, 30, 40}));
  EXPECT_EQ(loads.mean(), (RankLoad{256, 200, 30, 40}));
  EXPECT_EQ(loads.max_rows(), 256);
  EXPECT_EQ(loads.hottest_excess(), 0);
  EXPECT_EQ(loads.row_deviation(), 0);
  EXPECT_FALSE(StepLoads(KnownLoads(), 1, 1, 1, 1).even());
}

}  // namespace
}  // namespace orrery::scenarios
