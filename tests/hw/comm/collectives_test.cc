#include "hw/comm/collectives.h"

#include <gtest/gtest.h>

namespace orrery::hw {
namespace {

CollectiveModel Model() {
  const Device h800 = DevicePreset("h800-sxm");
  return {h800, PointToPoint(h800, ExchangeModel::Load(h800, "2025-04"))};
}

double Milliseconds(Time t) { return Seconds(t) * 1e3; }

TEST(Collectives, DeepSeekV3OptimizerTrafficComesToTheIndependentEstimate) {
  // HARDWARE notes 3.3, from link rates alone (45 GB/s on the NIC; the fit's is 47): 41 ms NVLink + 19 ms IB + 90 ms
  // experts; 31 + 45 ms.
  const ZeroOneTime t = PriceZeroOne(Model(), {1'776'000'000, {8, 32, 2}}, {1'343'000'000, {1, 4, 2}});
  EXPECT_NEAR(Milliseconds(t.dense_gradients.scale_up), 41, 2);
  EXPECT_NEAR(Milliseconds(t.dense_gradients.scale_out), 19, 2);
  EXPECT_NEAR(Milliseconds(t.expert_gradients.scale_out), 90, 5);
  EXPECT_NEAR(Milliseconds(t.dense_parameters.Total()), 31, 2);
  EXPECT_NEAR(Milliseconds(t.expert_parameters.Total()), 45, 3);
  EXPECT_NEAR(Milliseconds(t.Total()), 226, 10);
  EXPECT_EQ(t.expert_gradients.scale_up, kTimeZero);  // copies of an expert never share a node
}

TEST(Collectives, SmallMessagesInANodeCostNcclsMeasuredLatency) {
  // Eight H100, NCCL 2.29.2: all-gather 12 us, reduce-scatter 11 us, all-reduce 17.5 us (HARDWARE notes 2.5).
  const CollectiveModel model = Model();
  EXPECT_NEAR(Microseconds(model.Price(Collective::kAllGather, {64}, {8, 1}).Total()), 12, 1.5);
  EXPECT_NEAR(Microseconds(model.Price(Collective::kReduceScatter, {64}, {8, 1}).Total()), 11, 1.5);
  EXPECT_NEAR(Microseconds(model.Price(Collective::kAllReduce, {64}, {8, 1}).Total()), 17.5, 3);
}

TEST(Collectives, LargeMessagesRunAtTheMeasuredShareOfNvlink) {
  const CollectiveModel model = Model();
  const Bytes bytes{512'000'000};
  const double seconds = Seconds(model.Price(Collective::kAllGather, bytes, {8, 1}).Total());
  const double bus = static_cast<double>(bytes.count) * 7 / 8 / seconds;
  EXPECT_NEAR(bus, 200e9 * 335 / 450, 0.02 * 149e9);
}

TEST(Collectives, AllReduceIsReduceScatterThenAllGather) {
  const CollectiveModel model = Model();
  const CollectiveGroup group{8, 16, 0};
  const Bytes bytes{4'000'000'000};
  const double both = Seconds(model.Price(Collective::kReduceScatter, bytes, group).Total() +
                              model.Price(Collective::kAllGather, bytes, group).Total());
  EXPECT_NEAR(Seconds(model.Price(Collective::kAllReduce, bytes, group).Total()), both, 0.001 * both);
}

TEST(Collectives, TimeGrowsWithBytesNodesSwitchesAndStretch) {
  const CollectiveModel model = Model();
  const auto price = [&](std::int64_t bytes, CollectiveGroup g) {
    return model.Price(Collective::kReduceScatter, {bytes}, g).Total();
  };
  EXPECT_LT(price(1 << 20, {8, 4}), price(1 << 21, {8, 4}));
  EXPECT_LT(price(1 << 20, {8, 4}), price(1 << 20, {8, 8}));
  EXPECT_LT(price(1 << 20, {8, 4}), price(1 << 20, {8, 4, 2}));
  EXPECT_LT(price(1 << 30, {8, 4}), price(1 << 30, {8, 4, 0, 1.5}));
}

TEST(Collectives, ASmallAllReduceClimbsATreeAndComesDownAgain) {
  const CollectiveModel model = Model();
  // NCCL's tuning.cc, tree with LL: 6.8 us, 0.6 us a GPU of a node, 5 us a level of nodes, up and down.
  EXPECT_NEAR(Microseconds(model.SmallAllReduce({8, 1})), 6.8 + 2 * 7 * 0.6, 1e-3);
  EXPECT_NEAR(Microseconds(model.SmallAllReduce({8, 1024})), 6.8 + 2 * (7 * 0.6 + 10 * 5), 1e-3);
  EXPECT_LT(model.SmallAllReduce({8, 1024}), model.Price(Collective::kAllReduce, {4}, {8, 1024}).Total())
      << "a ring's latency grows with the nodes, a tree's with their logarithm";
  EXPECT_LT(model.SmallAllReduce({8, 64}), model.SmallAllReduce({8, 64, 2}));
  EXPECT_EQ(model.SmallAllReduce({1, 1}), kTimeZero);
}

TEST(Collectives, OneRankAloneTakesNoTime) {
  EXPECT_EQ(Model().Price(Collective::kAllReduce, {1 << 30}, {1, 1}).Total(), kTimeZero);
}

}  // namespace
}  // namespace orrery::hw
