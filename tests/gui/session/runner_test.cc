#include "gui/session/runner.h"

#include <QSignalSpy>

#include <gmock/gmock.h>

#include "scenarios/report/training_report.h"
#include "tests/gui/session/quick_runner.h"
#include "tests/gui/session/small_scenario.h"
#include "tests/gui/session/until.h"

namespace orrery::gui {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Never by itself.
RunnerOptions OnRequest() {
  RunnerOptions options = Quick();
  options.by_itself = false;
  return options;
}

SessionOptions Unsaved() { return {{}, false}; }

TEST(Runner, AnswersInOrderOfSureness) {
  Session session(Unsaved());
  Runner runner(&session, Quick());
  QSignalSpy answered(&runner, &Runner::Answered);
  const int id = session.Add(SmallPlan()).id;
  ASSERT_TRUE(Until([&] { return session.AnswerOf(id, Sureness::kAnalysed) != nullptr; }));
  ASSERT_EQ(answered.count(), 4);
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(answered[i][1].value<Sureness>(), kSurenesses[static_cast<std::size_t>(i)]);
  const AnswerPtr whole = session.AnswerOf(id, Sureness::kEveryGpu), analysed = session.Best(id);
  EXPECT_EQ(analysed->run, whole->run) << "the studies are of the step that was simulated";
  EXPECT_EQ(analysed->result->step_s, whole->result->step_s);
  EXPECT_LT(analysed->result->interval.low_s, analysed->result->step_s);
  EXPECT_FALSE(analysed->result->critical_path.empty());
  EXPECT_NE(whole->waits, nullptr);
  EXPECT_EQ(session.AnswerOf(id, Sureness::kOneGroup)->run, nullptr) << "let go for the surer one";
}

TEST(Runner, HasTheFiguresOfTheCommandLine) {
  const std::vector<std::vector<std::string>> variants = {
      {},
      {"parallelism.expert=8"},
      {"parallelism.expert=1"},
      {"parallelism.schedule=1f1b"},
      {"parallelism.schedule=zb1p"},
      {"routing.strategy=none"},
      {"routing={placement: eplb, redundant_experts: 8}"},
      {"precision=bf16"},
      {"seed=5"},
      {"model=deepseek-67b", "parallelism.expert=1", "routing=null"}};
  Session session(Unsaved());
  Runner runner(&session, OnRequest());
  for (const auto& overrides : variants) {
    const Change change = session.Add(SmallPlan(overrides));
    ASSERT_TRUE(change.ok()) << change.error.toStdString();
    runner.Request(change.id, Sureness::kEveryGpu);
    ASSERT_TRUE(Until([&] { return session.Best(change.id) != nullptr; }));
    scenarios::TrainingResult ours = *session.Best(change.id)->result;
    scenarios::TrainingResult theirs =
        scenarios::RunTraining(*session.Find(change.id)->plan->training(), {.analyse = false});
    ours.simulator = theirs.simulator = {};
    EXPECT_EQ(scenarios::TrainingJson(ours), scenarios::TrainingJson(theirs))
        << testing::PrintToString(overrides);
  }
}

TEST(Runner, ShowsNoFoldedAnswerForWhatItDoesNotSee) {
  Session session(Unsaved());
  Runner runner(&session, Quick());
  const int id = session.Add(SmallPlan()).id;
  ASSERT_TRUE(Until([&] { return session.AnswerOf(id, Sureness::kEveryGpu) != nullptr; }));
  session.Edit(id, {"routing.strategy=none"});
  ASSERT_TRUE(Until([&] { return session.AnswerOf(id, Sureness::kEveryGpu) != nullptr; }));
  EXPECT_EQ(session.AnswerOf(id, Sureness::kFolded), nullptr);
}

TEST(Runner, DropsWhatAnEditMadeStale) {
  Session session(Unsaved());
  Runner runner(&session, Quick());
  const int id = session.Add(SmallPlan()).id;
  const Generation first = session.Find(id)->generation;
  ASSERT_TRUE(Until([&] { return session.AnswerOf(id, Sureness::kFolded) != nullptr; }));
  for (const char* expert : {"8", "2", "1"})
    ASSERT_TRUE(session.Edit(id, {std::string("parallelism.expert=") + expert}).ok());
  QSignalSpy answered(&session, &Session::AnswerChanged);
  ASSERT_TRUE(Until([&] { return session.AnswerOf(id, Sureness::kEveryGpu) != nullptr; }));
  EXPECT_NE(session.Best(id)->generation, first);
  EXPECT_EQ(session.Best(id)->run ? session.Best(id)->run->model->scenario().parallelism.expert : 1, 1);
  for (const auto& arguments : answered) EXPECT_EQ(arguments[0].toInt(), id);
}

TEST(Runner, TellsWhyAScenarioCannotBeSimulated) {
  Session session(Unsaved());
  Runner runner(&session, Quick());
  QSignalSpy failed(&runner, &Runner::Failed);
  const Change change = session.Add(SmallPlan({"parallelism={pipeline: 16, expert: 2}"}));
  ASSERT_TRUE(change.ok());
  ASSERT_TRUE(Until([&] { return failed.count() >= 2 && runner.Idle(); }));
  EXPECT_THAT(failed[0][2].toString().toStdString(),
              HasSubstr("parallelism.pipeline: gives 16 pipeline stages"));
  EXPECT_EQ(failed[0][3].toString(), "parallelism.pipeline");
  const auto before = failed.count();
  runner.Request(change.id, Sureness::kEveryGpu);
  EXPECT_TRUE(Until([&] { return failed.count() > before; })) << "asked again, it tries again";
}

TEST(Runner, StopsAndMakesItOnRequest) {
  Session session(Unsaved());
  Runner runner(&session, Quick());
  const int id = session.Add(SmallPlan()).id;
  runner.Stop();
  EXPECT_TRUE(Until([&] { return runner.Idle(); }));
  EXPECT_EQ(session.AnswerOf(id, Sureness::kEveryGpu), nullptr);
  runner.Request(id, Sureness::kEveryGpu);
  EXPECT_TRUE(Until([&] { return session.AnswerOf(id, Sureness::kEveryGpu) != nullptr; }));
}

TEST(Runner, EndsWithWorkUnderWay) {
  Session session(Unsaved());
  session.Add(SmallPlan());
  for (int delay = 0; delay < 60; delay += 12) {
    Runner runner(&session, Quick());
    Until([&, left = delay]() mutable { return left-- <= 0; });
  }
  SUCCEED();
}

TEST(Runner, ComparesTwoVariantsUnderTheSameDraws) {
  Session session(Unsaved());
  Runner runner(&session, OnRequest());
  const int a = session.Add(SmallPlan()).id, b = session.Pin(a, "b").id;
  ASSERT_TRUE(session.Edit(b, {"parallelism.schedule=1f1b"}).ok());
  runner.RequestDifference(a, b);
  ASSERT_TRUE(Until([&] { return session.DifferenceOf(a, b) != nullptr; }));
  const scenarios::PairedDifference& step = session.DifferenceOf(a, b)->step;
  EXPECT_NE(step.ratio, 1);
  EXPECT_LE(step.low, step.ratio);
  EXPECT_GE(step.high, step.ratio);
}

TEST(Runner, AnswersAComparisonOfAttentionDesigns) {
  Session session(Unsaved());
  Runner runner(&session, Quick());
  const int id = session.Add(Plan::Load("attention-designs")).id;
  ASSERT_TRUE(Until([&] { return session.Best(id) != nullptr; }));
  EXPECT_EQ(session.Best(id)->kind, Sureness::kEveryGpu);
  EXPECT_FALSE(session.Best(id)->attention->models.empty());
}

}  // namespace
}  // namespace orrery::gui
