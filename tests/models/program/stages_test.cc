#include "models/program/stages.h"

#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>

#include "tests/models/program/specs.h"

namespace orrery::models {
namespace {

std::vector<int> Counts(const StageLayout& layout) {
  std::vector<int> counts;
  for (const Stage& stage : layout.stages) counts.push_back(static_cast<int>(stage.layers.size()));
  return counts;
}

StageLayout Read(const std::string& parallelism, const ModelSpec& spec, int stages) {
  return ReadStageLayout(Document::Parse(parallelism, "case.yaml").root(), spec, stages, 4096);
}

std::string Refusal(const std::string& parallelism, const ModelSpec& spec, int stages) {
  try {
    Read(parallelism, spec, stages);
  } catch (const InputError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(StageLayout, DeepSeekV3OnSixteenStagesLeavesTheLastOneForTheHeads) {
  const StageLayout layout = BalancedStageLayout(ModelPreset("deepseek-v3"), 16, 4096);
  EXPECT_THAT(Counts(layout), testing::ElementsAre(4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 1));
  EXPECT_TRUE(layout.stages.front().has_embedding);
  EXPECT_FALSE(layout.stages.front().has_head);
  EXPECT_TRUE(layout.stages.back().has_head);
  EXPECT_TRUE(layout.stages.back().has_mtp);
}

TEST(StageLayout, EveryLayerLiesOnOneStageInOrder) {
  for (const ModelSpec& spec : AllKinds()) {
    for (int stages = 1; stages <= spec.layers; stages += 3) {
      std::vector<int> all;
      for (const Stage& stage : BalancedStageLayout(spec, stages, 2048).stages) {
        EXPECT_FALSE(stage.layers.empty());
        all.insert(all.end(), stage.layers.begin(), stage.layers.end());
      }
      std::vector<int> expected(static_cast<std::size_t>(spec.layers));
      std::iota(expected.begin(), expected.end(), 0);
      EXPECT_EQ(all, expected) << spec.name << " on " << stages;
    }
  }
}

TEST(StageLayout, NoOtherSplitHasACheaperDearestStage) {
  const ModelSpec spec = MlaNoQueryCompression();
  const std::vector<double> balanced = StageForwardFlops(spec, BalancedStageLayout(spec, 3, 2048), 2048);
  const double best = *std::max_element(balanced.begin(), balanced.end());
  for (int a = 1; a <= spec.layers - 2; ++a) {
    for (int b = 1; a + b <= spec.layers - 1; ++b) {
      const std::vector<double> other =
          StageForwardFlops(spec, MakeStageLayout(spec, {a, b, spec.layers - a - b}), 2048);
      // Costs are rounded to a millionth of the model.
      EXPECT_GE(*std::max_element(other.begin(), other.end()), best * (1 - 1e-4)) << a << " " << b;
    }
  }
}

TEST(StageLayout, AnExplicitListIsTakenAsItIs) {
  EXPECT_THAT(Counts(Read("layers_per_stage: [1, 2, 5]", GqaDense(), 3)), testing::ElementsAre(1, 2, 5));
}

TEST(StageLayout, ListsThatDoNotFitAreRefusedWithPlaceAndExpectation) {
  const ModelSpec spec = GqaDense();  // 8 layers
  EXPECT_THAT(Refusal("layers_per_stage: [4, 5]", spec, 2),
              testing::AllOf(testing::HasSubstr("case.yaml:1"), testing::HasSubstr("layers_per_stage"),
                             testing::HasSubstr("sum to the 8 layers"), testing::HasSubstr("not 9")));
  EXPECT_THAT(Refusal("layers_per_stage: [4, 4]", spec, 3), testing::HasSubstr("expected 3 numbers"));
  EXPECT_THAT(Refusal("layers_per_stage: [0, 8]", spec, 2), testing::HasSubstr("layers_per_stage"));
  EXPECT_THAT(Refusal("layers_per_stage: [x, 8]", spec, 2), testing::HasSubstr("layers_per_stage"));
  EXPECT_NE(Refusal("layers_per_stage: 8", spec, 1), "accepted");
}

TEST(StageLayout, FewerLayersThanStagesAreRefusedAtThePipelineKey) {
  EXPECT_THAT(Refusal("pipeline: 9", GqaDense(), 9),
              testing::AllOf(testing::HasSubstr("case.yaml:1"), testing::HasSubstr("pipeline"),
                             testing::HasSubstr("9 pipeline stages")));
}

TEST(StageLayout, DualPipeRanksHoldTheMirroredStageToo) {
  EXPECT_THAT(StagesOfRank(0, 16, true), testing::ElementsAre(0, 15));
  EXPECT_THAT(StagesOfRank(9, 16, true), testing::ElementsAre(9, 6));
  EXPECT_THAT(StagesOfRank(1, 3, true), testing::ElementsAre(1));
  EXPECT_THAT(StagesOfRank(9, 16, false), testing::ElementsAre(9));
}

TEST(StageLayout, TheSameInputGivesTheSameSplit) {
  const ModelSpec spec = GqaDense();
  EXPECT_EQ(Counts(BalancedStageLayout(spec, 5, 2048)), Counts(BalancedStageLayout(spec, 5, 2048)));
}

}  // namespace
}  // namespace orrery::models
