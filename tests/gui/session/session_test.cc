#include "gui/session/session.h"

#include <QSignalSpy>
#include <QTemporaryDir>
#include <csignal>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/file.h"
#include "gui/session/session_file.h"
#include "tests/gui/session/small_scenario.h"

namespace orrery::gui {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SessionTest : public testing::Test {
 protected:
  SessionOptions Options() const { return {folder_.path() + "/state", true}; }
  std::string Path(const char* name) const { return (folder_.path() + "/" + name).toStdString(); }
  std::string Written(const char* name, const std::string& text) const {
    WriteOutput(Path(name), text);
    return Path(name);
  }

  QTemporaryDir folder_;
};

std::vector<int> Ids(const Session& session) {
  std::vector<int> ids;
  for (const VariantPtr& v : session.variants()) ids.push_back(v->id);
  return ids;
}

AnswerPtr AnswerFor(const VariantPtr& variant, Sureness kind, double step_s = 1) {
  auto answer = std::make_shared<Answer>();
  answer->variant = variant->id;
  answer->generation = variant->generation;
  answer->kind = kind;
  auto result = std::make_shared<scenarios::TrainingResult>();
  result->step_s = step_s;
  answer->result = result;
  return answer;
}

TEST_F(SessionTest, OpensAndShowsTheFirst) {
  Session session(Options());
  QSignalSpy edited(&session, &Session::VariantEdited), shown(&session, &Session::ShownChanged);
  const Change change = session.Add(SmallPlan());
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(session.shown(), change.id);
  EXPECT_EQ(session.Shown()->name, "small");
  EXPECT_EQ(edited.count(), 1);
  EXPECT_EQ(shown.count(), 1);
}

TEST_F(SessionTest, RefusesWhatIsNoScenarioInTheReadersWords) {
  Session session(Options());
  const Change change = session.Open("deepseek-v4-pretraining");
  EXPECT_THAT(change.error.toStdString(), HasSubstr("did you mean 'deepseek-v"));
  EXPECT_TRUE(session.variants().empty());
  EXPECT_FALSE(session.CanUndo());
}

TEST_F(SessionTest, AnEditMakesAnotherGenerationAndOneBackFindsTheFirstAgain) {
  Session session(Options());
  const int id = session.Add(SmallPlan()).id;
  const Generation first = session.Find(id)->generation;
  ASSERT_TRUE(session.Edit(id, {"parallelism.expert=8"}).ok());
  EXPECT_NE(session.Find(id)->generation, first);
  EXPECT_EQ(session.Find(id)->plan->training()->parallelism.expert, 8);
  ASSERT_TRUE(session.Edit(id, {"parallelism.expert=4"}).ok());
  EXPECT_EQ(session.Find(id)->generation, first) << "it asks what it asked";
}

TEST_F(SessionTest, ARefusedEditLeavesAllAsItIs) {
  Session session(Options());
  const int id = session.Add(SmallPlan()).id;
  const VariantPtr before = session.Find(id);
  const Change change = session.Edit(id, {"parallelism.expert=3"});
  EXPECT_THAT(change.error.toStdString(), HasSubstr("expected a divisor of data (8)"));
  EXPECT_THAT(change.error.toStdString(), HasSubstr("parallelism.expert"));
  EXPECT_EQ(change.key, "parallelism.expert");
  EXPECT_EQ(change.at_key, "expected a divisor of data (8)") << "what stands under the control";
  EXPECT_EQ(session.Edit(id, {"parallelism.zero=3"}).key, "parallelism.zero");
  EXPECT_EQ(session.Find(id), before);
}

TEST_F(SessionTest, UndoAndRedoAreExact) {
  Session session(Options());
  const int base = session.Add(SmallPlan()).id;
  std::vector<std::vector<VariantPtr>> states = {session.variants()};
  const auto note = [&] { states.push_back(session.variants()); };
  session.Edit(base, {"parallelism.expert=8"}), note();
  const int pin = session.Pin(base, "EP8").id;
  note();
  session.Rename(pin, "eight"), note();
  session.SetPrices(pin, {3.5, {}}), note();
  session.Move(pin, 0), note();
  session.Remove(base), note();
  for (std::size_t i = states.size() - 1; i-- > 0;) {
    session.Undo();
    EXPECT_EQ(session.variants(), states[i]) << "the very same variants, after " << i;
  }
  for (std::size_t i = 1; i < states.size(); ++i) {
    session.Redo();
    EXPECT_EQ(session.variants(), states[i]);
  }
  EXPECT_FALSE(session.CanRedo());
}

TEST_F(SessionTest, ADraggedSliderIsUndoneAsOne) {
  Session session(Options());
  const int id = session.Add(SmallPlan()).id;
  for (const char* expert : {"8", "2", "1"})
    session.Edit(id, {std::string("parallelism.expert=") + expert}, "parallelism.expert");
  session.Undo();
  EXPECT_EQ(session.Find(id)->plan->training()->parallelism.expert, 4);
  session.Redo();
  EXPECT_EQ(session.Find(id)->plan->training()->parallelism.expert, 1);
}

TEST_F(SessionTest, RemovingTheShownOneShowsItsNeighbour) {
  Session session(Options());
  const int a = session.Add(SmallPlan()).id, b = session.Pin(a, "b").id, c = session.Pin(b, "c").id;
  session.Show(b);
  session.ShowAgainst(c);
  session.Remove(b);
  EXPECT_EQ(session.shown(), c);
  EXPECT_EQ(session.against(), -1) << "none against itself";
  session.Undo();
  EXPECT_THAT(Ids(session), ElementsAre(a, b, c));
  EXPECT_EQ(session.shown(), c);
}

TEST_F(SessionTest, VariantsThatAskTheSameShareAnswers) {
  Session session(Options());
  const int a = session.Add(SmallPlan()).id, b = session.Pin(a, "b").id;
  QSignalSpy answered(&session, &Session::AnswerChanged);
  session.TakeAnswer(AnswerFor(session.Find(a), Sureness::kOneGroup));
  EXPECT_EQ(answered.count(), 2);
  EXPECT_EQ(session.Best(a), session.Best(b));
}

TEST_F(SessionTest, DropsAnswersOfAnEarlierEditAndShowsTheLastGoodOne) {
  Session session(Options());
  const int id = session.Add(SmallPlan()).id;
  const VariantPtr before = session.Find(id);
  session.TakeAnswer(AnswerFor(before, Sureness::kEveryGpu, 2));
  session.Edit(id, {"parallelism.expert=8"});
  EXPECT_EQ(session.Best(id), nullptr);
  ASSERT_NE(session.Latest(id), nullptr);
  EXPECT_FALSE(session.IsCurrent(*session.Latest(id)));
  QSignalSpy answered(&session, &Session::AnswerChanged);
  session.TakeAnswer(AnswerFor(before, Sureness::kAnalysed));
  EXPECT_EQ(answered.count(), 0);
  session.Undo();
  EXPECT_EQ(session.Best(id)->result->step_s, 2) << "undone, its answer is there at once";
}

TEST_F(SessionTest, ComparesOnlyAnswersOfOneKind) {
  Session session(Options());
  const int a = session.Add(SmallPlan()).id, b = session.Pin(a, "b").id;
  session.Edit(b, {"parallelism.expert=8"});
  EXPECT_FALSE(session.CommonAnswers(a, b));
  session.TakeAnswer(AnswerFor(session.Find(a), Sureness::kEveryGpu));
  session.TakeAnswer(AnswerFor(session.Find(b), Sureness::kFolded));
  EXPECT_FALSE(session.CommonAnswers(a, b)) << "of two kinds there is no difference";
  session.TakeAnswer(AnswerFor(session.Find(a), Sureness::kFolded));
  ASSERT_TRUE(session.CommonAnswers(a, b));
  EXPECT_EQ(session.CommonAnswers(a, b)->kind(), Sureness::kFolded);
  session.TakeAnswer(AnswerFor(session.Find(b), Sureness::kEveryGpu));
  EXPECT_EQ(session.CommonAnswers(a, b)->kind(), Sureness::kEveryGpu);
}

TEST_F(SessionTest, FoldedAnswersTellNothingOfRoutingOrSeed) {
  Session session(Options());
  const int a = session.Add(SmallPlan()).id, b = session.Pin(a, "b").id;
  for (const char* change : {"routing.strategy=none", "seed=7"}) {
    session.Edit(b, {change});
    EXPECT_TRUE(session.Find(b)->blind_edit) << change;
    for (const int id : {a, b}) session.TakeAnswer(AnswerFor(session.Find(id), Sureness::kFolded));
    EXPECT_FALSE(session.CommonAnswers(a, b)) << change;
    session.Undo();
  }
  session.Edit(b, {"parallelism.expert=8"});
  EXPECT_FALSE(session.Find(b)->blind_edit);
}

TEST_F(SessionTest, PricesNeedNoSimulation) {
  Session session(Options());
  const int id = session.Add(SmallPlan()).id;
  const VariantPtr variant = session.Find(id);
  auto answer = std::make_shared<Answer>(*AnswerFor(variant, Sureness::kEveryGpu, 2));
  auto result = std::make_shared<scenarios::TrainingResult>();
  result->step_s = 2, result->gpus = 32, result->tokens_per_step = 131072, result->micro_batch_s = 0.01;
  answer->result = result;
  session.SetPrices(id, {4.0, 1e12});
  EXPECT_EQ(session.Find(id)->generation, variant->generation);
  const scenarios::RunReport run = session.RunOf(id, *answer);
  EXPECT_NEAR(run.gpu_hours, 1e12 / 131072 * 2 / 3600 * 32, 1e-6 * run.gpu_hours);
  EXPECT_DOUBLE_EQ(run.dollars, 4 * run.gpu_hours);
}

TEST_F(SessionTest, SelectionHasAWayBack) {
  Session session(Options());
  QSignalSpy selected(&session, &Session::SelectionChanged), hovered(&session, &Session::HoverChanged);
  Selection layer, rank;
  layer.layer = 60;
  rank.ep_rank = 14;
  session.Select(layer);
  session.Select(Over(layer, rank));
  session.Select(Over(layer, rank));
  session.Hover(rank);
  EXPECT_EQ(selected.count(), 2);
  EXPECT_EQ(hovered.count(), 1);
  session.GoBack();
  EXPECT_EQ(session.selection(), layer);
  session.GoBack();
  EXPECT_TRUE(session.selection().Empty());
  EXPECT_FALSE(session.CanGoBack());
  session.GoForward();
  EXPECT_EQ(session.selection(), layer);
  EXPECT_EQ(*Over(layer, rank).layer, 60);
}

TEST_F(SessionTest, ASavedVariantReadsBackToTheSameHashAndKeepsComments) {
  const std::string text = ReadFile("scenarios/deepseek-v3-pretraining.yaml", 1 << 20);
  const std::string file = Written("plan.yaml", "# Mine.\n" + text);
  Session session(Options());
  const int id = session.Open(file).id;
  ASSERT_TRUE(session.Edit(id, {"parallelism.expert=32"}).ok());
  ASSERT_TRUE(session.SaveVariant(id, Path("saved.yaml")).ok());
  const std::string saved = ReadFile(Path("saved.yaml"), 1 << 20);
  EXPECT_THAT(saved, HasSubstr("# Mine.\n"));
  EXPECT_THAT(saved, HasSubstr("expert: 32"));
  EXPECT_EQ(Plan::Load(Path("saved.yaml"))->hash(), session.Find(id)->plan->hash());
}

TEST_F(SessionTest, ASavedSessionOpensWithTheSameHashes) {
  Session session(Options());
  const int a = session.Add(SmallPlan()).id, b = session.Pin(a, "EP8").id;
  session.Edit(b, {"parallelism.expert=8"});
  session.SetPrices(b, {2.5, 1e12});
  session.Show(b);
  session.ShowAgainst(a);
  session.SetPage("experts");
  ASSERT_TRUE(session.SaveAs(Path("plans.orrery.yaml")).ok());
  EXPECT_FALSE(session.modified());

  Session other(Options());
  const Change opened = other.OpenSession(Path("plans.orrery.yaml"));
  ASSERT_TRUE(opened.ok()) << opened.error.toStdString();
  ASSERT_EQ(other.variants().size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(other.variants()[i]->plan->hash(), session.variants()[i]->plan->hash());
    EXPECT_EQ(other.variants()[i]->name, session.variants()[i]->name);
    EXPECT_EQ(other.variants()[i]->prices, session.variants()[i]->prices);
  }
  EXPECT_EQ(other.Shown()->name, "EP8");
  EXPECT_EQ(other.Against()->name, "small");
  EXPECT_EQ(other.page(), "experts");
  EXPECT_TRUE(other.changed_files().empty());
}

TEST_F(SessionTest, SaysWhichFilesChangedSince) {
  std::string loads = "layer";
  for (int e = 0; e < 64; ++e) loads += ",e" + std::to_string(e);
  std::string rows = "\n0";
  for (int e = 0; e < 64; ++e) rows += "," + std::to_string(100 + e);
  const std::string recorded = Written("loads.csv", loads + rows + "\n");
  Session session(Options());
  const Change change = session.Add(SmallPlan({"routing={loads: " + recorded + "}"}));
  ASSERT_TRUE(change.ok()) << change.error.toStdString();
  session.SaveAs(Path("plans.orrery.yaml"));
  EXPECT_THAT(ReadFile(Path("plans.orrery.yaml"), 1 << 20), HasSubstr("loads: loads.csv"))
      << "relative, so that the folder can move";
  Session same(Options());
  ASSERT_TRUE(same.OpenSession(Path("plans.orrery.yaml")).ok());
  EXPECT_EQ(same.Shown()->plan->hash(), session.Shown()->plan->hash());
  EXPECT_TRUE(same.changed_files().empty());
  Written("loads.csv", loads + rows + "\n# more\n");
  Session other(Options());
  ASSERT_TRUE(other.OpenSession(Path("plans.orrery.yaml")).ok());
  EXPECT_THAT(other.changed_files(), testing::Contains(recorded));
}

TEST_F(SessionTest, RefusesASessionWithThePlaceOfWhatIsWrong) {
  Session session(Options());
  const std::string file = Written("bad.orrery.yaml", "orrery_session: 1\nvariant: []\n");
  EXPECT_THAT(session.OpenSession(file).error.toStdString(), HasSubstr("bad.orrery.yaml:2"));
}

TEST_F(SessionTest, LeavesNothingBehindWhenItEndsWell) {
  {
    Session session(Options());
    session.Add(SmallPlan());
    EXPECT_TRUE(session.LeftBehind().isEmpty()) << "its own is no one's left behind";
  }
  EXPECT_TRUE(Session(Options()).LeftBehind().isEmpty());
}

TEST_F(SessionTest, AKilledProgramOffersItsSession) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Session session(Options());
    const int id = session.Add(SmallPlan()).id;
    session.Edit(id, {"parallelism.expert=8"});
    raise(SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  Session session(Options());
  const QStringList left = session.LeftBehind();
  ASSERT_EQ(left.size(), 1);
  ASSERT_TRUE(session.Recover(left.front()).ok());
  EXPECT_EQ(session.Shown()->plan->training()->parallelism.expert, 8);
  EXPECT_TRUE(session.modified());
  EXPECT_TRUE(session.file().isEmpty());
  EXPECT_TRUE(Session(Options()).LeftBehind().isEmpty()) << "offered once";
}

TEST_F(SessionTest, AFolderThatCannotBeWrittenIsToldOnce) {
  Written("state", "a file where the folder would be");
  Session session(Options());
  QSignalSpy failed(&session, &Session::AutosaveFailed);
  const int id = session.Add(SmallPlan()).id;
  session.Rename(id, "other");
  EXPECT_EQ(failed.count(), 1);
}

TEST(Plan, TellsAKeysValueOrItsDefault) {
  const auto plan = SmallPlan();
  EXPECT_EQ(plan->ValueOf("parallelism.expert"), "4");
  EXPECT_EQ(plan->ValueOf("precision"), "fp8-mixed");
  EXPECT_EQ(plan->ValueOf("parallelism.zero"), "1") << "not given: the default";
  EXPECT_EQ(plan->ValueOf("no.such.key"), "");
}

TEST(Plan, OfAttentionHasAHashToo) {
  const auto a = Plan::Load("attention-designs"), b = a->With({"workload.query_length=2"});
  ASSERT_NE(a->attention(), nullptr);
  EXPECT_NE(a->hash(), b->hash());
}

}  // namespace
}  // namespace orrery::gui
