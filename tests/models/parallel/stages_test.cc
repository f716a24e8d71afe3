#include "models/parallel/stages.h"

#include <gmock/gmock.h>

#include "core/config/key_error.h"
#include "models/parallel/training_program.h"
#include "tests/core/input_error.h"
#include "tests/models/layers/specs.h"

namespace orrery::models {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<int> Counts(const StageLayout& layout) {
  std::vector<int> counts;
  for (const Stage& stage : layout.stages) counts.push_back(static_cast<int>(stage.layers.size()));
  return counts;
}

Schedule OneStageARank(int stages) { return MakeSchedule({ScheduleKind::k1F1B, stages, 1}); }

StageLayout Read(const std::string& list, const ModelSpec& spec, const Schedule& schedule) {
  const Document document = Document::Parse("parallelism: {layers_per_stage: " + list + "}", "case.yaml");
  std::vector<std::string> entries;
  for (const Value& item : document.root().At("parallelism").At("layers_per_stage").items())
    entries.push_back(item.AsString());
  return WithPlaces(document.root(), [&] { return StageLayoutOf(entries, spec, schedule); });
}

std::string Refusal(const std::string& list, const ModelSpec& spec, const Schedule& schedule) {
  return ErrorOf([&] { Read(list, spec, schedule); });
}
std::string Refusal(const std::string& list, const ModelSpec& spec, int stages) {
  return Refusal(list, spec, OneStageARank(stages));
}

/// Eight dense layers and MTP modules.
ModelSpec WithMtp(int modules) {
  ModelSpec spec = GqaDense();
  spec.mtp_modules = modules;
  return spec;
}

std::vector<std::string> Descriptions(const ModelSpec& spec, const StageLayout& layout) {
  std::vector<std::string> texts;
  for (const Stage& stage : layout.stages) texts.push_back(Describe(spec, stage));
  return texts;
}

TEST(StageLayout, AListOfNumbersPutsHeadAndMtpModulesOnTheLastStage) {
  EXPECT_THAT(Counts(Read("[1, 2, 5]", GqaDense(), OneStageARank(3))), ElementsAre(1, 2, 5));
  EXPECT_THAT(Descriptions(WithMtp(1), Read("[3, 4, 1]", WithMtp(1), OneStageARank(3))),
              ElementsAre("embedding + 3 dense", "4 dense", "1 dense + head + MTP"));
}

TEST(StageLayout, FirstAndLastStageMayHaveNoLayers) {
  EXPECT_THAT(Descriptions(GqaDense(), Read("[0, 8, 0]", GqaDense(), OneStageARank(3))),
              ElementsAre("embedding", "8 dense", "head"));
}

TEST(StageLayout, HeadAndMtpModulesCanBeStagesOfTheirOwn) {
  EXPECT_THAT(Descriptions(WithMtp(1), Read("[4, 4 + head, mtp]", WithMtp(1), OneStageARank(3))),
              ElementsAre("embedding + 4 dense", "4 dense + head", "MTP"));
  EXPECT_THAT(
      Descriptions(WithMtp(1), Read("[4, 4, head, mtp-layer, mtp-head]", WithMtp(1), OneStageARank(5))),
      ElementsAre("embedding + 4 dense", "4 dense", "head", "MTP layer", "MTP head"));
  EXPECT_THAT(
      Descriptions(WithMtp(2), Read("[8, head + mtp + mtp-layer, mtp-head]", WithMtp(2), OneStageARank(3))),
      ElementsAre("embedding + 8 dense", "head + 1 MTP + MTP layer", "MTP head"));
  EXPECT_THAT(
      Descriptions(WithMtp(2), Read("[8 + head + mtp-layer, mtp-head+mtp]", WithMtp(2), OneStageARank(2))),
      ElementsAre("embedding + 8 dense + head + MTP layer", "MTP head + 1 MTP"));
}

TEST(StageLayout, UnitsOfAllStagesAreTheModelInOrderHoweverItIsCut) {
  ModelSpec spec = ModelPreset("deepseek-v3");
  spec.mtp_modules = 2;
  const auto units = [&](const std::string& list, int stages) {
    std::vector<std::pair<UnitKind, int>> all;
    for (const Stage& stage : Read(list, spec, OneStageARank(stages)).stages)
      for (const Unit& unit : UnitsOf(spec, stage)) all.emplace_back(unit.kind, unit.moe_layer);
    return all;
  };
  const auto whole = units("[61]", 1);
  ASSERT_EQ(whole.size(), 1u + 61 + 5);
  EXPECT_EQ(units("[61, head, mtp-layer, mtp-head, mtp]", 5), whole);
  EXPECT_EQ(units("[0, 30, 31 + head + mtp-layer, mtp-head + mtp-layer, mtp-head]", 5), whole);
}

TEST(StageLayout, ARankOfSeveralStagesMayHaveAnEmptyOne) {
  const Schedule folded = MakeSchedule({ScheduleKind::kDualPipeV, 2, 4});
  EXPECT_THAT(Descriptions(GqaDense(), Read("[4, 0, 4, 0]", GqaDense(), folded)),
              ElementsAre("embedding + 4 dense", "nothing", "4 dense", "head"));
  EXPECT_THAT(Refusal("[4, 0, 0, 4]", GqaDense(), folded),
              AllOf(HasSubstr("case.yaml:1"), HasSubstr("layers_per_stage[1]"), HasSubstr("'0'"),
                    HasSubstr("leaves pipeline rank 1 with nothing to hold")));
  EXPECT_THAT(Refusal("[4, 0, 4]", GqaDense(), 3), HasSubstr("leaves pipeline rank 1"));
}

TEST(StageLayout, ListsThatDoNotFitAreRefusedWithPlaceAndExpectation) {
  const ModelSpec spec = GqaDense();  // 8 layers
  EXPECT_THAT(Refusal("[4, 5]", spec, 2), AllOf(HasSubstr("case.yaml:1"), HasSubstr("layers_per_stage"),
                                                HasSubstr("sum to the 8 layers"), HasSubstr("not 9")));
  EXPECT_THAT(Refusal("[4, 4]", spec, 3), HasSubstr("expected 3 numbers"));
  EXPECT_THAT(Refusal("[-1, 9]", spec, 2), HasSubstr("expected a whole number from 0 to 8"));
  EXPECT_THAT(Refusal("[9, 0]", spec, 2), HasSubstr("expected a whole number from 0 to 8"));
  EXPECT_THAT(Refusal("[4.0, 4]", spec, 2), HasSubstr("expected a whole number"));
  EXPECT_NE(Refusal("8", spec, 1), "");
  EXPECT_NE(Refusal("[[8]]", spec, 1), "");
}

TEST(StageLayout, WordsThatDoNotFitAreRefusedWithTheirPlace) {
  const auto refused = [](const std::string& list, const char* item, const char* why, int modules = 1,
                          int stages = 2) {
    EXPECT_THAT(Refusal(list, WithMtp(modules), stages), AllOf(HasSubstr(item), HasSubstr(why))) << list;
  };
  refused("[8, tail]", "layers_per_stage[1]: 'tail'", "expected a number of layers, or parts joined by '+'");
  refused("[8, head +]", "layers_per_stage[1]", "expected a number of layers, or parts");
  refused("[8, head + 1]", "layers_per_stage[1]", "expected a number of layers, or parts");
  refused("[8, '']", "layers_per_stage[1]", "expected a number of layers, or parts");
  refused("[8 + mtp, head]", "layers_per_stage[0]", "mtp-layer out of order: expected head first");
  refused("[8 + head, mtp-head]", "layers_per_stage[1]", "mtp-head out of order: expected mtp-layer first");
  refused("[8 + head, mtp + mtp]", "layers_per_stage[1]",
          "after the last part of gqa-dense, which has 1 MTP");
  refused("[8 + head, head]", "layers_per_stage[1]", "out of order: expected mtp-layer first");
  refused("[4 + head, 4 + mtp]", "layers_per_stage[1]", "layers after the head");
  refused("[4, 4 + head]", "layers_per_stage:", "mtp-layer is on no stage");
  refused("[8 + head, mtp-layer]", "layers_per_stage", "mtp-head is on no stage");
  refused("[8 + head, mtp]", "layers_per_stage[1]", "after the last part", 0);
  refused("[99999999999 + head, mtp]", "layers_per_stage[0]", "expected a number of layers, or parts");
  refused("[2000000000 + head, mtp]", "layers_per_stage", "sum to the 8 layers");
}

TEST(StageLayoutDeathTest, SharesOfAnotherModelAreABug) {
  EXPECT_DEATH(MakeStageLayout(GqaDense(), std::vector<int>{4, 5}), "9 layers");
  EXPECT_DEATH(MakeStageLayout(GqaDense(), {{4, 1}, {4, 0}}), "stage 1 of 4 layers");
}

}  // namespace
}  // namespace orrery::models
