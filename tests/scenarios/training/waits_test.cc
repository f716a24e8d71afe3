// Who waits for whom, on timelines written by hand. Times are picoseconds.
#include "scenarios/training/waits.h"

#include <gtest/gtest.h>

namespace orrery::scenarios {
namespace {

using models::Part;
using models::UnitKind;

constexpr int kMicroBatches = 4;

ProgramStep Exchange(Part part, int layer, int micro_batch) {
  ProgramStep step;
  step.type = StepType::kExchange;
  step.price = models::PriceKey(UnitKind::kMoeLayer, part);
  step.instance = models::LoadInstance(layer, micro_batch, kMicroBatches);
  return step;
}

/// Two pipeline ranks, groups of three; `ready` of the ranks of an exchange that takes 5.
void Record(TimelineRecorder* recorder, int pipeline_rank, const ProgramStep& step,
            const std::array<std::int64_t, 3>& ready) {
  const std::int64_t start = *std::max_element(ready.begin(), ready.end());
  for (int place = 0; place < 3; ++place) {
    const int rank = pipeline_rank * 3 + place;
    recorder->OnStart(rank, 1, step, ready[static_cast<std::size_t>(place)], start);
    recorder->OnEnd(rank, 1, step, start, start + 5);
  }
}

Timeline Recorded() {
  TimelineRecorder recorder(6, 2);
  Record(&recorder, 0, Exchange(Part::kDispatch, 1, 2), {10, 40, 20});
  Record(&recorder, 0, Exchange(Part::kCombine, 1, 2), {60, 50, 60});
  Record(&recorder, 1, Exchange(Part::kDispatch, 0, 3), {7, 8, 9});
  return recorder.Take();
}

TEST(ExchangeWaits, NameTheExchangeAndWhoCameLast) {
  const std::vector<ExchangeWait> waits = ExchangeWaits(Recorded(), 2, kMicroBatches);
  ASSERT_EQ(waits.size(), 3u);
  EXPECT_EQ(waits[0].part, Part::kDispatch);
  EXPECT_EQ(waits[0].unit, UnitKind::kMoeLayer);
  EXPECT_EQ(waits[0].moe_layer, 1);
  EXPECT_EQ(waits[0].micro_batch, 2);
  EXPECT_EQ(waits[0].last, 1);
  EXPECT_EQ(waits[0].start, 40);
  EXPECT_EQ(waits[0].waited, 30 + 0 + 20);
  EXPECT_EQ(waits[0].longest, 30);
  EXPECT_EQ(waits[1].last, 0) << "of two the first";
  EXPECT_EQ(waits[2].pipeline_rank, 1);
  EXPECT_EQ(waits[2].waited, 2 + 1);
}

TEST(ExchangeWaits, AddUpByLayerMicroBatchAndRank) {
  const auto waits = ExchangeWaits(Recorded(), 2, kMicroBatches);
  const WaitSums sums = SumWaits(waits, 2, 3, 2, kMicroBatches);
  EXPECT_DOUBLE_EQ(sums.by_layer[1], 60e-12);
  EXPECT_DOUBLE_EQ(sums.by_layer[0], 3e-12);
  EXPECT_DOUBLE_EQ(sums.by_micro_batch[2], 60e-12);
  EXPECT_DOUBLE_EQ(sums.by_micro_batch[1], 0);
  EXPECT_DOUBLE_EQ(sums.by_last[0][1], 50e-12);
  EXPECT_DOUBLE_EQ(sums.by_last[1][2], 3e-12);
  EXPECT_EQ(sums.times_last[0], (std::vector<int>{1, 1, 0}));
}

}  // namespace
}  // namespace orrery::scenarios
