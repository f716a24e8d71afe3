// Capacity with dropping, in every engine that counts rows.
#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/routing/exchange.h"
#include "models/routing/planned_loads.h"

namespace orrery::models {
namespace {

using testing::Each;

using testing::Le;

LoadShape WithCapacity(double factor) {
  LoadShape shape{256, 64, 8, 4096, 8, 8, 4};
  shape.capacity_factor = factor;
  return shape;
}

double Sum(const std::vector<std::int32_t>& v) { return std::accumulate(v.begin(), v.end(), 0.0); }

TEST(Capacity, IsTheEvenShareTimesTheFactorRoundedUp) {
  EXPECT_EQ(SlotCapacity(WithCapacity(1)), 8192);
  EXPECT_EQ(SlotCapacity(WithCapacity(1.25)), 10240);
  EXPECT_EQ(SlotCapacity(WithCapacity(0.10001)), 820);
  EXPECT_EQ(SlotCapacity(WithCapacity(0)), INT32_MAX);
}

TEST(Capacity, IsNeverExceededAndWhatIsOverItIsCounted) {
  for (double factor : {0.3, 1.0, 1.25}) {
    const LoadShape shape = WithCapacity(factor);
    const SyntheticLoads loads(shape, {}, 1, 5);
    const PlannedLoads planned(std::make_unique<SyntheticLoads>(WithCapacity(0), SyntheticOptions{}, 1, 5),
                               {true, 64, 4, 0}, 1, factor);
    for (const LoadSource* source :
         {static_cast<const LoadSource*>(&loads), static_cast<const LoadSource*>(&planned)}) {
      ExchangeLoad load;
      for (int m = 0; m < 5; ++m) {
        source->Sample(0, m, 0, &load);
        EXPECT_THAT(load.expert_rows, Each(Le(SlotCapacity(source->shape()))));
        EXPECT_EQ(Sum(load.expert_rows) + static_cast<double>(load.dropped_rows), 64.0 * 4096 * 8);
        EXPECT_EQ(Sum(load.scale_out_sent), Sum(load.scale_out_received));
        EXPECT_EQ(Sum(load.scale_up_sent), Sum(load.scale_up_received));
        EXPECT_GT(load.dropped_rows, 0);
      }
    }
  }
}

TEST(Capacity, ThatIsAmpleChangesNothing) {
  const SyntheticLoads without(WithCapacity(0), {}, 1, 5), ample(WithCapacity(30), {}, 1, 5);
  ExchangeLoad a, b;
  without.Sample(0, 1, 0, &a);
  ample.Sample(0, 1, 0, &b);
  EXPECT_EQ(b.dropped_rows, 0);
  EXPECT_EQ(a.expert_rows, b.expert_rows);
  EXPECT_EQ(a.unique_rows, b.unique_rows);
  EXPECT_EQ(a.scale_out_sent, b.scale_out_sent);
  EXPECT_EQ(a.scale_up_sent, b.scale_up_sent);
}

TEST(Capacity, SampledAgreesWithDroppingTokenByToken) {
  SyntheticOptions options;
  options.measured_documents = 64;
  for (double factor : {1.0, 1.25}) {
    const SyntheticLoads loads(WithCapacity(factor), options, 1, 5);
    double fast[4] = {}, exact[4] = {};
    ExchangeLoad load;
    const auto add = [&](double* to) {
      to[0] += static_cast<double>(load.dropped_rows);
      to[1] += Sum(load.unique_rows), to[2] += Sum(load.scale_out_sent), to[3] += Sum(load.scale_up_sent);
    };
    for (int m = 0; m < 4; ++m) {
      loads.Sample(0, m, 0, &load);
      add(fast);
      loads.SampleExactly(0, m, 0, &load);
      add(exact);
    }
    EXPECT_NEAR(fast[0], exact[0], 0.08 * exact[0]);
    for (int i = 1; i < 4; ++i) EXPECT_NEAR(fast[i], exact[i], 0.03 * exact[i]) << i << " at " << factor;
  }
}

TEST(Capacity, IsReadFromTheSection) {
  const Document doc =
      Document::Parse("routing: {capacity_factor: 1.25}\nbad: {capacity_factor: 0.9}", "s.yaml");
  const MoeSpec moe = ModelPreset("deepseek-v3").moe.value();
  const auto source = MakeLoadSource(doc.root().At("routing"), moe, WithCapacity(0), 1, 1);
  EXPECT_DOUBLE_EQ(source->shape().capacity_factor, 1.25);
  EXPECT_THROW(ReadRoutingSection(doc.root().At("bad"), moe), InputError);
}

}  // namespace
}  // namespace orrery::models
