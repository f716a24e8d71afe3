#include "gui/itemmodels/variants_model.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>

#include <gmock/gmock.h>

#include "tests/gui/session/small_scenario.h"

namespace orrery::gui {
namespace {

using testing::HasSubstr;

class VariantsModelTest : public testing::Test {
 protected:
  VariantsModelTest() {
    base_ = session_.Add(SmallPlan(), "base").id;
    other_ = session_.Pin(base_, "EP8").id;
    session_.Edit(other_, {"parallelism.expert=8"});
  }

  void Answer(int id, Sureness kind, double step_s, bool fits = true) {
    const VariantPtr variant = session_.Find(id);
    auto result = std::make_shared<scenarios::TrainingResult>();
    result->step_s = step_s, result->gpus = 32, result->tokens_per_step = 131072, result->fits = fits;
    result->tokens_per_day = result->tokens_per_step * 86400 / step_s;
    result->run = {1e12, 100, 1000, 2000, 10, 50, 100 * step_s};
    result->ranks.resize(1);
    result->ranks[0].memory.weights = Bytes{66'000'000'000};
    auto answer = std::make_shared<gui::Answer>();
    answer->variant = id, answer->generation = variant->generation, answer->kind = kind;
    answer->result = result;
    session_.TakeAnswer(answer);
  }
  std::string Text(int row, int column) const {
    return model_.index(row, column).data().toString().toStdString();
  }
  double Raw(int row, int column) const {
    return model_.index(row, column).data(TableModel::kRawRole).toDouble();
  }

  Session session_{{{}, false}};
  int base_, other_;
  VariantsModel model_{&session_};
  QAbstractItemModelTester tester_{&model_, QAbstractItemModelTester::FailureReportingMode::Fatal};
};

TEST_F(VariantsModelTest, ShowsWhatDiffersBeforeAnythingIsAnswered) {
  ASSERT_EQ(model_.rowCount(), 2);
  EXPECT_EQ(Text(1, VariantsModel::kName), "EP8");
  EXPECT_EQ(Text(1, VariantsModel::kChanged), "parallelism.expert=8");
  EXPECT_EQ(Text(0, VariantsModel::kChanged), "");
  EXPECT_EQ(Text(1, VariantsModel::kStep), "");
}

TEST_F(VariantsModelTest, FoldedAnswersTellTheDirectionAlone) {
  Answer(base_, Sureness::kFolded, 2.0);
  Answer(other_, Sureness::kFolded, 1.9612);
  EXPECT_EQ(Text(1, VariantsModel::kMark), "○");
  EXPECT_EQ(Text(1, VariantsModel::kStep), "") << "never a figure";
  EXPECT_EQ(Text(1, VariantsModel::kStepChange), "about −2 %");
  EXPECT_FALSE(model_.index(1, VariantsModel::kStepChange).data(TableModel::kRawRole).isValid());
}

TEST_F(VariantsModelTest, DifferencesAreBetweenAnswersOfOneKind) {
  Answer(base_, Sureness::kEveryGpu, 2.0);
  Answer(other_, Sureness::kOneGroup, 1.9);
  EXPECT_EQ(Text(1, VariantsModel::kStep), "1.900");
  EXPECT_EQ(Text(1, VariantsModel::kStepChange), "");
  Answer(other_, Sureness::kEveryGpu, 1.94);
  EXPECT_EQ(Text(1, VariantsModel::kMark), "●");
  EXPECT_EQ(Text(1, VariantsModel::kStepChange), "−3.0 %");
  EXPECT_NEAR(Raw(1, VariantsModel::kStepChange), -3, 1e-9);
  EXPECT_NEAR(Raw(1, VariantsModel::kTokensChange), 100 * (2.0 / 1.94 - 1), 1e-9);
  EXPECT_NEAR(Raw(1, VariantsModel::kDollarsChange), -3, 1e-9);
  EXPECT_NEAR(Raw(1, VariantsModel::kMemory), 66, 1e-9);
}

TEST_F(VariantsModelTest, SaysWhereTwoAreNotToldApart) {
  Answer(base_, Sureness::kEveryGpu, 2.0);
  Answer(other_, Sureness::kEveryGpu, 1.94);
  Difference difference{session_.Find(base_)->generation, session_.Find(other_)->generation, {}};
  difference.step.ratio = 0.97, difference.step.low = 0.96, difference.step.high = 0.98;
  session_.TakeDifference(difference);
  EXPECT_EQ(Text(1, VariantsModel::kStepChange), "−3.0 % (−4.0 to −2.0)");
  difference.step.high = 1.01;
  session_.TakeDifference(difference);
  EXPECT_THAT(Text(1, VariantsModel::kStepChange), HasSubstr("(−4.0 to +1.0), not told apart"));
  EXPECT_TRUE(model_.index(1, VariantsModel::kStepChange).data(TableModel::kWarnsRole).toBool());
}

TEST_F(VariantsModelTest, MarksWhatDoesNotFit) {
  Answer(other_, Sureness::kEveryGpu, 1.9, false);
  EXPECT_TRUE(model_.index(1, VariantsModel::kMemory).data(TableModel::kWarnsRole).toBool());
}

TEST_F(VariantsModelTest, NamesAndPricesAreEditedAndUndone) {
  Answer(other_, Sureness::kEveryGpu, 1.9);
  const auto edit = [&](int column, const QVariant& value) {
    return model_.setData(model_.index(1, column), value);
  };
  EXPECT_TRUE(edit(VariantsModel::kName, "eight"));
  EXPECT_EQ(session_.Find(other_)->name, "eight");
  EXPECT_FALSE(edit(VariantsModel::kName, "  "));
  EXPECT_TRUE(edit(VariantsModel::kPrice, "3.5"));
  EXPECT_EQ(session_.Find(other_)->prices.dollars_per_gpu_hour, 3.5);
  EXPECT_EQ(Raw(1, VariantsModel::kPrice), 3.5);
  EXPECT_FALSE(edit(VariantsModel::kPrice, "dear"));
  EXPECT_FALSE(edit(VariantsModel::kPrice, -1));
  EXPECT_FALSE(edit(VariantsModel::kStep, 1));
  EXPECT_TRUE(edit(VariantsModel::kRunTokens, 2));
  EXPECT_EQ(session_.Find(other_)->prices.run_tokens, 2e12);
  EXPECT_EQ(Raw(1, VariantsModel::kRunTokens), 2);
  EXPECT_TRUE(edit(VariantsModel::kPrice, ""));
  EXPECT_FALSE(session_.Find(other_)->prices.dollars_per_gpu_hour) << "back to the device's";
  session_.Undo();
  EXPECT_EQ(Raw(1, VariantsModel::kPrice), 3.5);
  EXPECT_TRUE(model_.flags(model_.index(1, VariantsModel::kPrice)) & Qt::ItemIsEditable);
  EXPECT_FALSE(model_.flags(model_.index(1, VariantsModel::kStep)) & Qt::ItemIsEditable);
}

TEST_F(VariantsModelTest, FollowsTheSession) {
  QSignalSpy reset(&model_, &QAbstractItemModel::modelReset);
  const int third = session_.Pin(other_, "third").id;
  EXPECT_EQ(model_.rowCount(), 3);
  EXPECT_EQ(model_.RowOfId(third), 2);
  session_.Move(third, 0);
  EXPECT_EQ(Text(0, VariantsModel::kName), "third");
  EXPECT_EQ(model_.IdOf(0), third);
  session_.Remove(third);
  EXPECT_EQ(model_.rowCount(), 2);
  EXPECT_EQ(reset.count(), 2) << "rows that moved are only other contents";
}

TEST(ChangesBetween, NamesKeysAndValuesOfBoth) {
  const auto a = SmallPlan(), b = SmallPlan({"parallelism.expert=8", "precision=bf16"});
  const std::vector<KeyChange> changes = ChangesBetween(*a, *b);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0], (KeyChange{"parallelism.expert", "4", "8"}));
  EXPECT_EQ(changes[1].to, "bf16");
  EXPECT_TRUE(ChangesBetween(*a, *a).empty());
}

}  // namespace
}  // namespace orrery::gui
