// The split-KV plan: all tiles, in order, evenly.
#include "profiler/suite/split_kv.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/random.h"

namespace orrery::profiler {
namespace {

int TilesOf(int length) { return (length + kKvTile - 1) / kKvTile; }

// Laws any plan keeps.
void ExpectWhole(const SplitKvPlan& plan, const std::vector<std::int32_t>& lengths, int parts) {
  ASSERT_EQ(plan.part_begin.size(), static_cast<std::size_t>(parts) + 1);
  ASSERT_EQ(plan.slot_begin.size(), lengths.size() + 1);
  EXPECT_EQ(plan.part_begin.front(), 0);
  EXPECT_EQ(plan.part_begin.back(), static_cast<int>(plan.items.size()));
  EXPECT_TRUE(std::is_sorted(plan.part_begin.begin(), plan.part_begin.end()));
  std::vector<int> next(lengths.size(), 0);
  std::vector<int> slots_used(static_cast<std::size_t>(plan.slots()), 0);
  for (const DecodeItem& item : plan.items) {
    const auto b = static_cast<std::size_t>(item.batch);
    EXPECT_EQ(item.tile_begin, next[b]);
    EXPECT_LT(item.tile_begin, item.tile_end);
    EXPECT_EQ(item.tile_begin % 2, 0) << "the kernel works on pairs of tiles";
    next[b] = item.tile_end;
    if (item.slot < 0) continue;
    EXPECT_GE(item.slot, plan.slot_begin[b]);
    EXPECT_LT(item.slot, plan.slot_begin[b + 1]);
    ++slots_used[static_cast<std::size_t>(item.slot)];
  }
  for (std::size_t b = 0; b < lengths.size(); ++b)
    EXPECT_EQ(next[b], TilesOf(lengths[b])) << "sequence " << b;
  for (const int used : slots_used) EXPECT_EQ(used, 1);
}

TEST(SplitKvPlan, KeepsItsLawsForRandomBatches) {
  RandomStream random(7, "split-kv");
  for (int round = 0; round < 200; ++round) {
    std::vector<std::int32_t> lengths(1 + random.Below(40));
    for (std::int32_t& length : lengths) length = 1 + static_cast<std::int32_t>(random.Below(9000));
    const int parts = 1 + static_cast<int>(random.Below(132));
    ExpectWhole(PlanSplitKv(lengths, parts), lengths, parts);
  }
}

TEST(SplitKvPlan, WritesASequenceThatIsNotSplitDirectly) {
  const std::vector<std::int32_t> lengths = {4096};
  const SplitKvPlan plan = PlanSplitKv(lengths, 1);
  ASSERT_EQ(plan.items.size(), 1u);
  EXPECT_EQ(plan.items[0].slot, -1);
  EXPECT_EQ(plan.slots(), 0);
}

TEST(SplitKvPlan, LoadsNoPartMuchAboveTheMean) {
  const std::vector<std::int32_t> lengths(128, 4096);
  const int parts = 66;
  const SplitKvPlan plan = PlanSplitKv(lengths, parts);
  int most = 0;
  for (int p = 0; p < parts; ++p) {
    int tiles = 0;
    for (int i = plan.part_begin[static_cast<std::size_t>(p)];
         i < plan.part_begin[static_cast<std::size_t>(p) + 1]; ++i) {
      tiles += plan.items[static_cast<std::size_t>(i)].tile_end -
               plan.items[static_cast<std::size_t>(i)].tile_begin;
    }
    most = std::max(most, tiles);
  }
  EXPECT_LE(most, 1.06 * 128 * 64 / parts);
}

TEST(SplitKvPlan, SpreadsOneLongSequenceOverAllParts) {
  const std::vector<std::int32_t> lengths = {131072};
  const SplitKvPlan plan = PlanSplitKv(lengths, 66);
  // 1024 pairs of tiles over 66 parts are 15.5 each: 16 in 64 parts is the shortest, the last two parts stay
  // idle.
  EXPECT_EQ(plan.items.size(), 64u);
  EXPECT_EQ(plan.slots(), 64);
}

TEST(SplitKvPlan, RefusesALengthOrAPartCountThatIsNotPositive) {
  const std::vector<std::int32_t> empty_sequence = {128, 0};
  const std::vector<std::int32_t> good = {128};
  EXPECT_THROW(PlanSplitKv(empty_sequence, 4), std::invalid_argument);
  EXPECT_THROW(PlanSplitKv(good, 0), std::invalid_argument);
}

TEST(UniformSplits, FillsTheDeviceButLeavesEachPieceSomeTiles) {
  EXPECT_EQ(UniformSplits(32 * 128, 64, 264), 1);
  EXPECT_EQ(UniformSplits(32, 64, 264), 9);
  EXPECT_EQ(UniformSplits(1, 64, 264), 16);
  EXPECT_EQ(UniformSplits(1, 2, 264), 1);
}

}  // namespace
}  // namespace orrery::profiler
