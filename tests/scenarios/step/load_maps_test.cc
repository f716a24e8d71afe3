// Heat maps and traffic of loads that are given.
#include "scenarios/step/load_maps.h"

#include <gtest/gtest.h>

namespace orrery::scenarios {
namespace {

/// Two ranks of two experts; what it samples follows from the place.
class GivenLoads : public models::LoadSource {
 public:
  GivenLoads() {
    shape_.experts = 4;
    shape_.ranks = 2;
    shape_.ranks_per_node = 1;
  }
  const models::LoadShape& shape() const override { return shape_; }
  void Draw(const models::LoadShape&, int layer, int micro_batch, int group,
            models::ExchangeLoad* load) const override {
    const int hot = 100 * group + 10 * layer + micro_batch;
    load->expert_rows = {10, 20, 30, hot};
    load->unique_rows = {0, 0};
    load->scale_out_sent = {1, 2};
    load->scale_out_received = {2, 1};
    load->scale_up_sent = {3, 0};
    load->scale_up_received = {0, 4};
  }
  std::string Describe() const override { return "given"; }

 private:
  models::LoadShape shape_;
};

TEST(ExpertLoads, AreRowsOverTheMeanOfTheLayer) {
  const HeatMap map = ExpertLoads(GivenLoads(), 2, 2);
  ASSERT_EQ(map.rows, 2);
  ASSERT_EQ(map.columns, 4);
  // Of layer 1: 20, 40, 60 and 10 + 11 rows in two micro-batches, 141 in all.
  EXPECT_DOUBLE_EQ(map.At(1, 0), 20 / (141 / 4.0));
  EXPECT_DOUBLE_EQ(map.At(1, 3), 21 / (141 / 4.0));
  for (int layer = 0; layer < 2; ++layer) {
    double sum = 0;
    for (int e = 0; e < 4; ++e) sum += map.At(layer, e);
    EXPECT_DOUBLE_EQ(sum, 4) << layer;
  }
}

TEST(RankLoads, AreRowsOverTheMeanOfTheMicroBatch) {
  const HeatMap map = RankLoads(GivenLoads(), 3, 5, 1);
  ASSERT_EQ(map.rows, 2);
  ASSERT_EQ(map.columns, 5);
  EXPECT_DOUBLE_EQ(map.At(0, 4), 30 / ((30 + 30 + 134) / 2.0));
  EXPECT_DOUBLE_EQ(map.At(1, 4), 2 - map.At(0, 4));
}

TEST(ExpertLoads, StopWhereTheyAreAskedTo) {
  std::stop_source stop;
  stop.request_stop();
  const RunControl control({}, stop.get_token());
  EXPECT_THROW(ExpertLoads(GivenLoads(), 1, 1, 0, control), Stopped);
  EXPECT_THROW(StepTraffic(GivenLoads(), 1, 1, 0, {}, control), Stopped);
}

TEST(Traffic, GoesOutWithDispatchesAndBackWithCombines) {
  PairBytesByKind pairs{};
  pairs[static_cast<std::size_t>(hw::ExchangeKind::kDispatch)].wire = Bytes{10};
  pairs[static_cast<std::size_t>(hw::ExchangeKind::kDispatchCached)].wire = Bytes{20};
  pairs[static_cast<std::size_t>(hw::ExchangeKind::kCombine)].wire = Bytes{100};
  const std::vector<PortBytes> ports = ExchangeTraffic(GivenLoads(), 0, 0, 0, pairs);
  ASSERT_EQ(ports.size(), 2u);
  EXPECT_DOUBLE_EQ(ports[0].scale_out_sent, 1 * 30 + 2 * 100);
  EXPECT_DOUBLE_EQ(ports[0].scale_out_received, 2 * 30 + 1 * 100);
  EXPECT_DOUBLE_EQ(ports[0].scale_up_sent, 3 * 30);
  EXPECT_DOUBLE_EQ(ports[1].scale_up_sent, 4 * 100);
  EXPECT_DOUBLE_EQ(ports[1].scale_up_received, 4 * 30);
  double sent = 0, received = 0;
  for (const PortBytes& port : ports) sent += port.scale_out_sent, received += port.scale_out_received;
  EXPECT_DOUBLE_EQ(sent, received) << "what leaves a NIC arrives at another";
}

TEST(Traffic, OfAStepIsThatOfAllItsExchanges) {
  const PairBytesByKind pairs = NormalPairs(7168, 8, true);
  const PortBytes one = ExchangeTraffic(GivenLoads(), 0, 0, 0, pairs)[1];
  const PortBytes all = StepTraffic(GivenLoads(), 3, 4, 0, pairs)[1];
  EXPECT_DOUBLE_EQ(all.scale_out_sent, 12 * one.scale_out_sent);
  EXPECT_DOUBLE_EQ(all.scale_up_received, 12 * one.scale_up_received);
  EXPECT_GT(one.scale_out_sent, 7168) << "bytes of whole tokens";
}

}  // namespace
}  // namespace orrery::scenarios
