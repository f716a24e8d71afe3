#include "gui/session/levers.h"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>

namespace orrery::gui {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

const Lever* Find(const std::vector<Lever>& levers, const std::string& label) {
  for (const Lever& lever : levers)
    if (lever.label == label) return &lever;
  return nullptr;
}

std::vector<std::string> Texts(const Lever& lever) {
  std::vector<std::string> texts;
  for (const LeverValue& value : lever.values) texts.push_back(value.text);
  return texts;
}

TEST(Levers, OfferWhatTheReaderAcceptsAndNothingElse) {
  const auto plan = Plan::Load("deepseek-v3-pretraining");
  const std::vector<Lever> levers = LeversOf(*plan);
  const Lever* experts = Find(levers, "expert parallel");
  ASSERT_NE(experts, nullptr);
  EXPECT_EQ(experts->values[static_cast<std::size_t>(experts->current)].text, "64");
  EXPECT_THAT(Texts(*experts), Contains("32"));
  EXPECT_THAT(Texts(*experts), Not(Contains("72")));  // does not divide 128 copies
  for (const Lever& lever : levers)
    for (const LeverValue& value : lever.values)
      EXPECT_NO_THROW(plan->With(value.overrides)) << lever.label << " " << value.text;
}

TEST(Levers, WhereOneChangeForcesAnotherBothAreOneEdit) {
  const auto plan = Plan::Load("deepseek-v3-pretraining");
  const std::vector<Lever> levers = LeversOf(*plan);
  const Lever* pipeline = Find(levers, "pipeline ranks");
  ASSERT_NE(pipeline, nullptr);
  const auto eight = std::find_if(pipeline->values.begin(), pipeline->values.end(),
                                  [](const LeverValue& v) { return v.text == "8"; });
  ASSERT_NE(eight, pipeline->values.end());
  EXPECT_THAT(eight->overrides, ElementsAre("parallelism.pipeline=8", "parallelism.data=256"));
  EXPECT_EQ(eight->also, "with data 256");
  const Lever* gpus = Find(levers, "GPUs");
  ASSERT_NE(gpus, nullptr);
  EXPECT_THAT(Texts(*gpus), Contains("1024"));
  const Lever* kind = Find(levers, "kind of cluster");
  ASSERT_NE(kind, nullptr);
  EXPECT_THAT(Texts(*kind), testing::IsSupersetOf({"h100", "h200", "b200"}));
  EXPECT_GE(kind->current, 0);
}

TEST(Levers, OtherKindsOfPlanHaveNone) { EXPECT_TRUE(LeversOf(*Plan::Load("attention-designs")).empty()); }

}  // namespace
}  // namespace orrery::gui
