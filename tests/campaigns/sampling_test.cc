// The sampler of load tables against routing a million tokens one by one, in the size of DeepSeek-V3.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "models/routing/sources/synthetic_loads.h"
#include "tests/models/routing/sampled_summary.h"

namespace orrery::models {
namespace {

const LoadShape kV3{256, 64, 8, 4096, 8, 8, 4};

class DocumentsPerSequence : public testing::TestWithParam<int> {};

TEST_P(DocumentsPerSequence, SamplingAgreesWithRoutingEveryToken) {
  SyntheticOptions options;
  options.fewest_documents = options.most_documents = GetParam();
  options.measured_documents =
      128;  // biases as exact as the text allows: both sides then have the same router
  const SyntheticLoads loads(kV3, options, 4, 5);
  const Summary exact =
      Summarise(kV3, 4, 5, [&](int l, int m, ExchangeLoad* x) { loads.SampleExactly(l, m, 0, x); });
  const Summary fast = Summarise(kV3, 4, 5, [&](int l, int m, ExchangeLoad* x) { loads.Sample(l, m, 0, x); });
  EXPECT_NEAR(fast.excess, exact.excess, 0.15 * exact.excess);
  EXPECT_NEAR(fast.expert_cv, exact.expert_cv, 0.06 * exact.expert_cv);
  EXPECT_NEAR(fast.unique, exact.unique, 0.005 * exact.unique);
  EXPECT_NEAR(fast.hottest_unique, exact.hottest_unique, 0.03 * exact.hottest_unique);
  EXPECT_NEAR(fast.out, exact.out, 0.003 * exact.out);
  EXPECT_NEAR(fast.hottest_out, exact.hottest_out, 0.01 * exact.hottest_out);
  EXPECT_NEAR(fast.hottest_out_received, exact.hottest_out_received, 0.02 * exact.hottest_out_received);
  EXPECT_NEAR(fast.up, exact.up, 0.005 * exact.up);
  EXPECT_NEAR(fast.hottest_up, exact.hottest_up, 0.03 * exact.hottest_up);
  EXPECT_NEAR(fast.hottest_up_received, exact.hottest_up_received, 0.03 * exact.hottest_up_received);
}

INSTANTIATE_TEST_SUITE_P(OneAndFour, DocumentsPerSequence, testing::Values(1, 4));

TEST(SyntheticLoads, TheHottestRankIsAsFarAboveTheMeanAsTheReferencePrototypeSays) {
  // Reference section 7: about 0.23 with one domain a sequence, 0.117 with four documents a sequence.
  for (const auto& [documents, published] : {std::pair{1, 0.23}, std::pair{4, 0.117}}) {
    SyntheticOptions options;
    options.fewest_documents = options.most_documents = documents;
    const SyntheticLoads loads(kV3, options, 12, 1);
    const Summary s =
        Summarise(kV3, 12, 20, [&](int l, int m, ExchangeLoad* x) { loads.Sample(l, m, 0, x); });
    EXPECT_NEAR(s.excess, published, 0.25 * published);
  }
}

LoadShape WithCapacity(double factor) {
  LoadShape shape{256, 64, 8, 4096, 8, 8, 4};
  shape.capacity_factor = factor;
  return shape;
}

/// DeepSeek-V2's rule (report 2.2.4): a device's budget, a tenth of the sequences never dropped.
LoadShape PerDevice(double never_dropped, DropOrder drop = DropOrder::kLowestAffinity) {
  LoadShape shape = WithCapacity(1);
  shape.device_capacity = true;
  shape.drop = drop;
  shape.never_dropped = never_dropped;
  return shape;
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

TEST(DeviceCapacity, SampledAgreesWithDroppingTokenByTokenInEveryOrder) {
  SyntheticOptions options;
  options.measured_documents = 64;
  for (const DropOrder order : {DropOrder::kArrival, DropOrder::kRandom, DropOrder::kLowestAffinity}) {
    const SyntheticLoads loads(PerDevice(0.1, order), options, 1, 5);
    double fast[4] = {}, exact[4] = {};
    ExchangeLoad load;
    const auto add = [&](double* to) {
      to[0] += static_cast<double>(load.dropped_rows);
      to[1] += Sum(load.unique_rows), to[2] += Sum(load.scale_out_sent), to[3] += Sum(load.scale_up_sent);
    };
    for (int m = 0; m < 2; ++m) {
      loads.Sample(0, m, 0, &load);
      add(fast);
      loads.SampleExactly(0, m, 0, &load);
      add(exact);
      EXPECT_EQ(Sum(load.expert_rows) + static_cast<double>(load.dropped_rows), 64.0 * 4096 * 8);
    }
    EXPECT_NEAR(fast[0], exact[0], 0.1 * exact[0]);
    for (int i = 1; i < 4; ++i) EXPECT_NEAR(fast[i], exact[i], 0.03 * exact[i]) << i;
  }
}

}  // namespace
}  // namespace orrery::models
