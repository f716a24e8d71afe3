#include "models/parallel/stage_split.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include <gmock/gmock.h>

#include "core/base/random.h"
#include "models/schedule/schedule_timing.h"
#include "tests/models/layers/specs.h"

namespace orrery::models {
namespace {

using testing::Each;
using testing::ElementsAre;

std::vector<int> Counts(const StageLayout& layout) {
  std::vector<int> counts;
  for (const Stage& stage : layout.stages) counts.push_back(static_cast<int>(stage.layers.size()));
  return counts;
}

Schedule ScheduleOf(ScheduleKind kind, int ranks, int virtual_stages = 1) {
  return MakeSchedule({kind, ranks, 4 * ranks, virtual_stages});
}

std::vector<Schedule> Schedules(int ranks) {
  std::vector<Schedule> schedules = {
      ScheduleOf(ScheduleKind::k1F1B, ranks), ScheduleOf(ScheduleKind::kZb1p, ranks),
      ScheduleOf(ScheduleKind::kInterleaved1F1B, ranks, 2), ScheduleOf(ScheduleKind::kDualPipeV, ranks)};
  if (ranks % 2 == 0) schedules.push_back(ScheduleOf(ScheduleKind::kDualPipe, ranks));
  return schedules;
}

double Dearest(const ModelSpec& spec, const Schedule& schedule, const StageLayout& layout,
               const PartCosts& costs) {
  const std::vector<double> ranks = RankCosts(spec, schedule, layout, costs);
  return *std::max_element(ranks.begin(), ranks.end());
}

/// Calls `visit` with every way to lay the model out, the chain's end uncut.
void ForEachLayout(const ModelSpec& spec, int stages, const std::function<void(const StageLayout&)>& visit) {
  std::vector<int> counts(static_cast<std::size_t>(stages), 0);
  const std::function<void(std::size_t, int)> place = [&](std::size_t stage, int left) {
    if (stage + 1 == counts.size()) {
      counts[stage] = left;
      visit(MakeStageLayout(spec, counts));
      return;
    }
    for (counts[stage] = 0; counts[stage] <= left; ++counts[stage]) place(stage + 1, left - counts[stage]);
  };
  place(0, spec.layers);
}

TEST(StageSplit, DeepSeekV3OnSixteenRanksLeavesTheLastOneForTheHeads) {
  const StageLayout layout = EvenStages(ModelPreset("deepseek-v3"), 16, 4096);
  EXPECT_THAT(Counts(layout), ElementsAre(4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 1));
  EXPECT_TRUE(layout.stages.front().has_embedding);
  EXPECT_FALSE(layout.stages.front().has_head);
  EXPECT_EQ(layout.stages.back().Heads(), 2);
  EXPECT_EQ(layout.stages.back().MtpLayers(), 1);
}

TEST(StageSplit, EveryCandidateHoldsEveryPartOnceAndInOrder) {
  for (const ModelSpec& spec : AllKinds()) {
    for (const int ranks : {1, 2, 5, 8}) {
      for (const Schedule& schedule : Schedules(ranks)) {
        if (schedule.stages > MostStages(spec)) continue;
        for (const StageLayout& layout : StageLayoutCandidates(spec, schedule, FlopCosts(spec, 2048))) {
          ASSERT_EQ(layout.size(), schedule.stages);
          std::vector<int> all;
          int heads = 0, mtp_layers = 0;
          for (const Stage& stage : layout.stages) {
            all.insert(all.end(), stage.layers.begin(), stage.layers.end());
            heads += stage.Heads();
            mtp_layers += stage.MtpLayers();
          }
          std::vector<int> expected(static_cast<std::size_t>(spec.layers));
          std::iota(expected.begin(), expected.end(), 0);
          ASSERT_EQ(all, expected) << spec.name << " on " << ranks;
          ASSERT_EQ(heads, 1 + spec.mtp_modules);
          ASSERT_EQ(mtp_layers, spec.mtp_modules);
        }
      }
    }
  }
}

TEST(StageSplit, NoSplitHasACheaperDearestRank) {
  RandomStream random(1, "stage split");
  ModelSpec spec = MlaNoQueryCompression();  // one dense layer, then experts
  for (int trial = 0; trial < 40; ++trial) {
    PartCosts costs;
    costs.embedding = random.Uniform();
    costs.dense_layer = 1 + random.Uniform();
    costs.moe_layer = 1 + 2 * random.Uniform();
    costs.head = 6 * random.Uniform();
    const int ranks = 2 + trial % 2;
    for (const Schedule& schedule : Schedules(ranks)) {
      double least = 1e9;
      ForEachLayout(spec, schedule.stages, [&](const StageLayout& layout) {
        least = std::min(least, Dearest(spec, schedule, layout, costs));
      });
      const StageLayout balanced = BalancedStageLayout(spec, schedule, costs);
      EXPECT_LE(Dearest(spec, schedule, balanced, costs), least * (1 + 1e-6))
          << Name(schedule.spec.kind) << " on " << ranks << ", trial " << trial;
    }
  }
}

TEST(StageSplit, EqualWorkThatDividesIsDividedAlike) {
  ModelSpec spec = GqaDense();
  PartCosts costs;
  costs.dense_layer = 1;
  costs.head = 1e-6;  // far less than a layer
  for (const int ranks : {2, 4, 6}) {
    for (const Schedule& schedule : Schedules(ranks)) {
      spec.layers = 3 * schedule.stages;
      const std::vector<int> counts = Counts(BalancedStageLayout(spec, schedule, costs));
      EXPECT_THAT(counts, Each(3)) << Name(schedule.spec.kind) << " on " << ranks;
    }
  }
}

// A head of three layers' work on four ranks: what a rank holds is even although its stages are not.
TEST(StageSplit, AHeavyHeadIsMadeUpForByTheOtherStageOfItsRank) {
  ModelSpec spec = GqaDense();
  spec.layers = 13;
  PartCosts costs;
  costs.dense_layer = 1;
  costs.head = 3;
  for (const Schedule& schedule :
       {ScheduleOf(ScheduleKind::kDualPipeV, 4), ScheduleOf(ScheduleKind::kInterleaved1F1B, 4, 2)}) {
    const StageLayout layout = BalancedStageLayout(spec, schedule, costs);
    EXPECT_THAT(RankCosts(spec, schedule, layout, costs), Each(4)) << Name(schedule.spec.kind);
  }
}

TEST(StageSplit, HeadAndMtpModulesAreCutApartWhereTheyWouldHoldUpTheRest) {
  ModelSpec spec = GqaDense();
  spec.mtp_modules = 1;
  PartCosts costs;
  costs.dense_layer = costs.head = costs.mtp_layer = 1;
  const auto balanced = [&](int ranks) {
    const Schedule schedule = ScheduleOf(ScheduleKind::k1F1B, ranks);
    const StageLayout layout = BalancedStageLayout(spec, schedule, costs);
    return std::pair(Dearest(spec, schedule, layout, costs), TableCopies(spec, schedule, layout));
  };
  EXPECT_EQ(balanced(2), std::pair(6.0, 1)) << "kept together: the MTP module's copy of the embedding alone";
  EXPECT_EQ(balanced(11), std::pair(1.0, 2)) << "each on its own: a copy of the head, too";
  costs.head = 0.004;
  EXPECT_EQ(balanced(9), std::pair(1.008, 1)) << "less than a hundredth is no reason for a copy";
}

TEST(StageSplit, AsManyStagesAsPartsAreFilledEach) {
  ModelSpec spec = GqaDense();
  spec.mtp_modules = 1;
  EXPECT_EQ(MostStages(spec), 1 + 8 + 3);
  const StageLayout layout =
      BalancedStageLayout(spec, ScheduleOf(ScheduleKind::k1F1B, 12), FlopCosts(spec, 1024));
  EXPECT_THAT(Counts(layout), ElementsAre(0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0));
}

TEST(StageSplit, NeighboursDifferByOneLayer) {
  const ModelSpec spec = GqaDense();
  const Schedule schedule = ScheduleOf(ScheduleKind::k1F1B, 3);
  std::vector<std::vector<int>> counts;
  for (const StageLayout& layout :
       NeighbouringLayouts(spec, schedule, MakeStageLayout(spec, std::vector<int>{6, 1, 1})))
    counts.push_back(Counts(layout));
  EXPECT_THAT(counts, testing::UnorderedElementsAre(ElementsAre(5, 2, 1), ElementsAre(5, 1, 2),
                                                    ElementsAre(6, 2, 0), ElementsAre(7, 1, 0)));
}

TEST(StageSplit, TheSameInputGivesTheSameSplit) {
  const ModelSpec spec = ModelPreset("deepseek-v3");
  const Schedule schedule = ScheduleOf(ScheduleKind::kDualPipeV, 16);
  EXPECT_EQ(Counts(BalancedStageLayout(spec, schedule, FlopCosts(spec, 4096))),
            Counts(BalancedStageLayout(spec, schedule, FlopCosts(spec, 4096))));
}

TEST(StageSplitDeathTest, MoreStagesThanPartsAreABug) {
  const ModelSpec spec = GqaDense();
  EXPECT_DEATH(BalancedStageLayout(spec, ScheduleOf(ScheduleKind::k1F1B, 11), FlopCosts(spec, 1024)),
               "11 stages for 8 layers");
}

}  // namespace
}  // namespace orrery::models
