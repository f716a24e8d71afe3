// Capacity with dropping, in every engine that counts rows.
#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "models/routing/sampling/exchange.h"
#include "models/routing/sources/planned_loads.h"
#include "models/routing/sources/synthetic_loads.h"
#include "tests/models/routing/section.h"

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
  LoadShape shape{64, 16, 8, 1024, 6, 4, 2};
  shape.capacity_factor = 1;
  SyntheticOptions options;
  options.affinity.domains = 4, options.measured_documents = 128;
  const SyntheticLoads loads(shape, options, 1, 5);
  double fast[4] = {}, exact[4] = {};
  ExchangeLoad load;
  const auto add = [&](double* to) {
    to[0] += static_cast<double>(load.dropped_rows);
    to[1] += Sum(load.unique_rows), to[2] += Sum(load.scale_out_sent), to[3] += Sum(load.scale_up_sent);
  };
  for (int m = 0; m < 8; ++m) {
    loads.Sample(0, m, 0, &load);
    add(fast);
    loads.SampleExactly(0, m, 0, &load);
    add(exact);
  }
  EXPECT_NEAR(fast[0], exact[0], 0.15 * exact[0]);
  for (int i = 1; i < 4; ++i) EXPECT_NEAR(fast[i], exact[i], 0.04 * exact[i]) << i;
}

TEST(Capacity, IsReadFromTheSection) {
  const Document doc = Document::Parse("routing: {capacity_factor: 1.25}", "s.yaml"),
                 bad = Document::Parse("routing: {capacity_factor: 0.9}", "s.yaml");
  const MoeSpec moe = ModelPreset("deepseek-v3").moe.value();
  const auto source = MakeSource(doc, moe, WithCapacity(0), 1, 1);
  EXPECT_DOUBLE_EQ(source->shape().capacity_factor, 1.25);
  EXPECT_THROW(ReadSection(bad, moe), InputError);
}

/// DeepSeek-V2's rule (report 2.2.4): a device's budget, a tenth of the sequences never dropped.
LoadShape PerDevice(double never_dropped, DropOrder drop = DropOrder::kLowestAffinity) {
  LoadShape shape = WithCapacity(1);
  shape.device_capacity = true;
  shape.drop = drop;
  shape.never_dropped = never_dropped;
  return shape;
}

std::vector<std::int64_t> RankRows(const LoadShape& shape, const ExchangeLoad& load) {
  std::vector<std::int64_t> rank(static_cast<std::size_t>(shape.ranks));
  for (std::size_t s = 0; s < load.expert_rows.size(); ++s)
    rank[s * rank.size() / load.expert_rows.size()] += load.expert_rows[s];
  return rank;
}

TEST(DeviceCapacity, BoundsRanksNotExpertsAndConservesEveryRow) {
  const LoadShape shape = PerDevice(0);
  EXPECT_EQ(SharedCapacity(shape), 4096 * 8);
  const SyntheticLoads loads(shape, {}, 1, 5);
  ExchangeLoad load;
  for (int m = 0; m < 3; ++m) {
    loads.Sample(0, m, 0, &load);
    EXPECT_THAT(RankRows(shape, load), Each(Le(4096 * 8)));
    EXPECT_GT(*std::max_element(load.expert_rows.begin(), load.expert_rows.end()), 8192);
    EXPECT_EQ(Sum(load.expert_rows) + static_cast<double>(load.dropped_rows), 64.0 * 4096 * 8);
  }
}

TEST(Capacity, DropsNothingWhereNoSequenceIsEverDropped) {
  for (const bool device : {false, true}) {
    LoadShape shape = WithCapacity(1);
    shape.device_capacity = device, shape.never_dropped = 1;
    const SyntheticLoads loads(shape, {}, 1, 5);
    ExchangeLoad load;
    for (int m = 0; m < 3; ++m) {
      loads.Sample(0, m, 0, &load);
      EXPECT_EQ(load.dropped_rows, 0) << "micro-batch " << m;
      EXPECT_EQ(Sum(load.expert_rows), 64.0 * 4096 * 8);
    }
  }
}

TEST(DeviceCapacity, DropsLessThanOneForEachExpert) {
  const SyntheticLoads device(PerDevice(0), {}, 1, 5), expert(WithCapacity(1), {}, 1, 5);
  ExchangeLoad a, b;
  device.Sample(0, 1, 0, &a);
  expert.Sample(0, 1, 0, &b);
  EXPECT_LT(a.dropped_rows, b.dropped_rows);
}

TEST(KeptRows, KeepTheHighestAffinitiesAndEveryProtectedSequence) {
  LoadShape shape{2, 1, 1, 2, 2, 1, 1};
  shape.device_capacity = true, shape.drop = DropOrder::kLowestAffinity, shape.capacity_factor = 0.75;
  ASSERT_EQ(SharedCapacity(shape), 3);
  const std::vector<SelectedRow> rows{
      {0, 0, false, 0.9f, 0}, {0, 1, false, 0.2f, 0}, {1, 0, false, 0.3f, 0}, {1, 1, false, 0.8f, 0}};
  EXPECT_EQ(KeptRows(shape, rows, 1), (std::vector<bool>{true, false, true, true}));
  std::vector<SelectedRow> safe = rows;
  safe[1].kept = true;
  EXPECT_EQ(KeptRows(shape, safe, 1), (std::vector<bool>{true, true, false, true}));
  for (SelectedRow& row : safe) row.kept = true;
  EXPECT_THAT(KeptRows(shape, safe, 1), Each(true));
  shape.drop = DropOrder::kArrival;
  EXPECT_EQ(KeptRows(shape, rows, 1), (std::vector<bool>{true, true, true, false}));
  shape.drop = DropOrder::kRandom;
  const std::vector<bool> random = KeptRows(shape, rows, 1);
  EXPECT_EQ(std::count(random.begin(), random.end(), true), 3);
}

TEST(DeviceCapacity, LosesLessGateWeightByLowestAffinityThanByLot) {
  LoadShape shape = PerDevice(0), lot = PerDevice(0, DropOrder::kRandom);
  shape.tokens_per_rank = lot.tokens_per_rank = 1024;
  ExchangeLoad a, b;
  SyntheticLoads(shape, {}, 1, 5).SampleExactly(0, 0, 0, &a);
  SyntheticLoads(lot, {}, 1, 5).SampleExactly(0, 0, 0, &b);
  EXPECT_EQ(a.dropped_rows, b.dropped_rows);
  EXPECT_LT(a.dropped_weight, b.dropped_weight);
  EXPECT_GT(a.dropped_weight, 0);
}

TEST(DeviceCapacity, IsReadFromTheSection) {
  const MoeSpec moe = ModelPreset("deepseek-v2").moe.value();
  const auto read = [&](const std::string& yaml) {
    return ReadSection(Document::Parse("routing: " + yaml, "s.yaml"), moe);
  };
  const RoutingSection v2 = read("{capacity_factor: 1, capacity_per: device, never_dropped: 0.1}");
  EXPECT_TRUE(v2.device_capacity);
  EXPECT_EQ(v2.drop, DropOrder::kLowestAffinity);
  EXPECT_DOUBLE_EQ(v2.never_dropped, 0.1);
  EXPECT_EQ(read("{capacity_factor: 1, drop: random}").drop, DropOrder::kRandom);
  EXPECT_THROW(read("{drop: random}"), InputError);
  EXPECT_THROW(read("{capacity_factor: 1, never_dropped: 2}"), InputError);
  EXPECT_THROW(read("{capacity_factor: 1, drop: best}"), InputError);
}

}  // namespace
}  // namespace orrery::models
