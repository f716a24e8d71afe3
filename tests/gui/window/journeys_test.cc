// The window as a user clicks through it, on a training scenario that simulates in a moment.
#include <QComboBox>
#include <QCoreApplication>
#include <QElapsedTimer>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSlider>
#include <QTableView>
#include <QTest>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <unistd.h>

#include "core/base/error.h"
#include "gui/pages/experts_page.h"
#include "gui/pages/timeline_page.h"
#include "gui/pages/what_if_page.h"
#include "gui/paint/heat_map.h"
#include "gui/window/drawn.h"
#include "gui/window/main_window.h"
#include "models/routing/load_map.h"
#include "tests/gui/session/quick_runner.h"
#include "tests/gui/session/small_scenario.h"
#include "tests/gui/session/until.h"

namespace orrery::gui {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

const fs::path kSource = ORRERY_SOURCE_DIR;

class Journey : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    std::ofstream(folder_ / "small.yaml") << SmallPlan()->TextFor(folder_);
    window_.show();
    window_.resize(1440, 900);
  }
  void TearDown() override { fs::remove_all(folder_); }

  QString File(const char* name) const { return QString::fromStdString((folder_ / name).string()); }
  void Open() {
    ASSERT_EQ(window_.OpenFiles({File("small.yaml")}), "");
    ASSERT_TRUE(Until([&] { return session_.AnswerOf(session_.shown(), Sureness::kAnalysed) != nullptr; }));
  }
  template <class PageType>
  PageType* Show(const char* id) {
    window_.ShowPage(id);
    QCoreApplication::processEvents();
    auto* page = dynamic_cast<PageType*>(window_.FindPage(id));
    if (page != nullptr) page->Settle();
    QCoreApplication::processEvents();
    return page;
  }
  static Panel* Find(const Page& page, const char* id) {
    for (Panel* panel : page.panels())
      if (panel->id() == id) return panel;
    return nullptr;
  }
  static std::string DescriptionOf(const Page& page, const char* id) {
    return Find(page, id)->content().description.toStdString();
  }

  fs::path folder_ = fs::temp_directory_path() / ("orrery_journey_" + std::to_string(getpid()));
  Session session_{SessionOptions{{}, false}};
  Runner runner_{&session_, Quick()};
  MainWindow window_{&session_, &runner_};
};

TEST_F(Journey, AScenarioIsOpenedAndItsFiguresAreTheResults) {
  Open();
  const Page* overview = Show<Page>("overview");
  const scenarios::TrainingResult& r = *session_.Best(session_.shown())->result;
  const std::string headline = DescriptionOf(*overview, "overview-headline");
  EXPECT_THAT(headline, HasSubstr(QString("%1 s ◉").arg(r.step_s, 0, 'f', 2).toStdString()));
  EXPECT_THAT(headline, HasSubstr(QString("%1 to %2 s (90 %)")
                                      .arg(r.interval.low_s, 0, 'f', 2)
                                      .arg(r.interval.high_s, 0, 'f', 2)
                                      .toStdString()));
  for (const Panel* panel : overview->panels())
    EXPECT_TRUE(panel->content().paint) << panel->id().toStdString();
  EXPECT_TRUE(window_.windowTitle().contains("small"));
}

TEST_F(Journey, EveryPageHasATableTwinOfEveryPictureWithFigures) {
  Open();
  for (Page* page : window_.pages()) {
    Show<Page>(page->id().toUtf8().constData());
    QTest::keyClick(&window_, Qt::Key_T);
    EXPECT_TRUE(page->ShowsTables()) << page->id().toStdString();
    int tables = 0;
    for (const Panel* panel : page->panels())
      tables += panel->ShowsTable() && panel->content().table->rowCount() > 0;
    EXPECT_GT(tables, 0) << page->id().toStdString();
    QTest::keyClick(&window_, Qt::Key_T);
    EXPECT_FALSE(page->ShowsTables());
  }
}

TEST_F(Journey, AClickOnTheMapSelectsLayerAndRankEverywhere) {
  Open();
  auto* experts = Show<ExpertsPage>("experts");
  Panel* map = Find(*experts, "experts-ranks");
  ASSERT_TRUE(map->content().paint);
  QTest::mouseClick(map->canvas(), Qt::LeftButton, {}, map->canvas()->rect().center());
  ASSERT_TRUE(session_.selection().layer.has_value());
  ASSERT_TRUE(session_.selection().ep_rank.has_value());
  const int layer = *session_.selection().layer, rank = *session_.selection().ep_rank;
  QTest::keyClick(map->canvas(), Qt::Key_Up);
  EXPECT_EQ(*session_.selection().layer, std::max(0, layer - 1));
  QTest::keyClick(map->canvas(), Qt::Key_Left);
  EXPECT_EQ(*session_.selection().ep_rank, std::max(0, rank - 1));
  // The strips are of the layer that is selected, and their figures those of the load map.
  const models::LoadSource& loads = *session_.Best(session_.shown())->run->model->loads();
  const std::vector<int> layers = {*session_.selection().layer}, micro_batches = {0};
  const models::LoadMap truth = models::MapLoads(loads, layers, micro_batches);
  const std::string excess =
      QString("at +%1 %").arg(100 * truth.before.HottestRank(0), 0, 'f', 1).toStdString();
  EXPECT_THAT(DescriptionOf(*experts, "experts-layer"), HasSubstr(excess));
  session_.GoBack();
  EXPECT_EQ(*session_.selection().ep_rank, rank);
}

TEST_F(Journey, MicroBatchesPlayAndStop) {
  Open();
  auto* experts = Show<ExpertsPage>("experts");
  auto* slider = experts->findChild<QSlider*>("micro-batch");
  ASSERT_GT(slider->maximum(), 2);
  experts->SetPlaying(true);
  EXPECT_TRUE(Until([&] { return slider->value() >= 2; }));
  experts->SetPlaying(false);
  const int at = slider->value();
  QTest::qWait(250);
  EXPECT_EQ(slider->value(), at);
}

TEST_F(Journey, StrategiesStandSideBySideOnOneScale) {
  Open();
  auto* experts = Show<ExpertsPage>("experts");
  ASSERT_EQ(experts->AddStrategy("none"), "");
  ASSERT_EQ(session_.variants().size(), 2u);
  EXPECT_EQ(session_.shown(), session_.variants().front()->id);
  ASSERT_TRUE(Until(
      [&] { return session_.AnswerOf(session_.variants().back()->id, Sureness::kEveryGpu) != nullptr; }));
  experts->Refresh();
  EXPECT_TRUE(Find(*experts, "experts-beside-1")->content().paint);
  EXPECT_THAT(Find(*experts, "experts-beside-1")->content().description.toStdString(),
              HasSubstr("none: step"));
  EXPECT_TRUE(Find(*experts, "experts-difference")->content().paint);
  EXPECT_THAT(experts->AddStrategy("no such").toStdString(), HasSubstr("expected one of"));
  EXPECT_EQ(session_.variants().size(), 2u) << "what was refused left nothing behind";
}

TEST_F(Journey, RecordedLoadsAreDrawnAndSayWhyTheyCannotBeSimulated) {
  Open();
  ASSERT_EQ(
      window_.OpenFiles({QString::fromStdString((kSource / "docs/examples/expert-loads.csv").string())}), "");
  auto* experts = Show<ExpertsPage>("experts");
  EXPECT_TRUE(experts->shows_recorded());
  EXPECT_TRUE(Find(*experts, "experts-ranks")->content().paint);
  QPushButton* simulate = nullptr;
  for (auto* button : experts->findChildren<QPushButton*>())
    if (button->text() == "Simulate a step with these") simulate = button;
  ASSERT_NE(simulate, nullptr);
  EXPECT_TRUE(simulate->isVisible());
}

TEST_F(Journey, WhatIsNoneOfTheKindsIsSaidAndNothingChanges) {
  Open();
  std::ofstream(folder_ / "odd.txt") << "hello";
  std::ofstream(folder_ / "bad.yaml") << "workload: {kind: pretraining}\n";
  EXPECT_THAT(window_.OpenFiles({File("odd.txt")}).toStdString(), HasSubstr("odd.txt: "));
  EXPECT_THAT(window_.message().toStdString(), HasSubstr("odd.txt: "));
  EXPECT_THAT(window_.OpenFiles({File("bad.yaml")}).toStdString(), HasSubstr("missing key"));
  EXPECT_THAT(window_.OpenFiles({File("absent.yaml")}).toStdString(), HasSubstr("absent.yaml"));
  EXPECT_EQ(session_.variants().size(), 1u);
}

TEST_F(Journey, APlanIsChangedRefusedPinnedAndUndone) {
  Open();
  auto* page = Show<WhatIfPage>("what-if");
  const int base = session_.shown();
  page->Edit({"parallelism.expert=3"}, {});
  EXPECT_THAT(page->findChild<QLabel*>("refused")->text().toStdString(), HasSubstr("parallelism.expert"));
  EXPECT_EQ(session_.variants().size(), 1u);
  page->Edit({"parallelism.expert=8"}, {});
  EXPECT_EQ(page->findChild<QLabel*>("refused")->text(), "");
  ASSERT_EQ(session_.variants().size(), 2u) << "the base stays as it is";
  EXPECT_EQ(session_.against(), base);
  const int now = session_.shown();
  ASSERT_TRUE(Until([&] { return session_.DifferenceOf(base, now) != nullptr; }));
  page->Refresh();
  EXPECT_THAT(DescriptionOf(*page, "what-if-differences"), HasSubstr("now"));
  EXPECT_TRUE(Find(*page, "what-if-days-and-dollars")->content().paint);
  page->Pin();
  ASSERT_EQ(session_.variants().size(), 3u);
  EXPECT_EQ(session_.variants()[1]->name, "expert 8");
  while (session_.CanUndo() && session_.variants().size() > 1) session_.Undo();
  EXPECT_EQ(session_.variants().size(), 1u);
}

TEST_F(Journey, ASliderIsTheSameEdit) {
  Open();
  auto* page = Show<WhatIfPage>("what-if");
  auto* slider = page->findChild<QSlider*>("expert parallel");
  ASSERT_NE(slider, nullptr);
  slider->setValue(slider->value() > 0 ? slider->value() - 1 : slider->value() + 1);
  ASSERT_EQ(session_.variants().size(), 2u);
  EXPECT_NE(session_.Shown()->plan->training()->parallelism.expert,
            session_.variants()[0]->plan->training()->parallelism.expert);
}

TEST_F(Journey, ASpanLeadsToWhatMadeItStart) {
  Open();
  auto* page = Show<TimelinePage>("timeline");
  ASSERT_NE(page->data(), nullptr);
  const TimelineData& data = *page->data();
  EXPECT_EQ(data.lanes.spans(), data.timeline().spans()) << "no span is lost";
  const SpanRef last = data.timeline().Last();
  page->GoTo(last);
  EXPECT_EQ(session_.selection().span, last);
  EXPECT_EQ(session_.selection().pipeline_rank, last.rank / data.group);
  QTest::keyClick(page, Qt::Key_Return);
  EXPECT_EQ(session_.selection().span, data.timeline().At(last).cause());
  QTest::keyClick(page, Qt::Key_Return, Qt::ShiftModifier);
  EXPECT_EQ(data.timeline().At(*session_.selection().span).cause(), data.timeline().At(last).cause());
  EXPECT_EQ(data.chain.front(), last);
  const std::int64_t before = page->axis().to() - page->axis().from();
  QTest::keyClick(page, Qt::Key_W);
  EXPECT_LT(page->axis().to() - page->axis().from(), before);
  QTest::keyClick(page, Qt::Key_F);
  EXPECT_NEAR(static_cast<double>(page->axis().to() - page->axis().from()), static_cast<double>(before), 2);
}

TEST_F(Journey, TheSpansOfARankFillItsRowExactly) {
  Open();
  auto* page = Show<TimelinePage>("timeline");
  ASSERT_NE(page->data(), nullptr);
  const TimelineData& data = *page->data();
  const auto [from, to] = data.rows.Limits();
  std::int64_t computed = 0;
  for (const Span& span : data.timeline().Lane(0, 0)) computed += span.end() - span.start();
  const RangeTotals totals = TotalsIn(data, {0}, from, to);
  double busy = 0;
  for (std::size_t c = 0; c < totals.seconds.size(); ++c)
    if (c != static_cast<std::size_t>(StepCategory::kExposedExchange)) busy += totals.seconds[c];
  EXPECT_NEAR(busy, static_cast<double>(computed) * 1e-12, 1e-12);
  EXPECT_GE(totals.idle_s, 0);
}

TEST_F(Journey, PagesAreDrawnAgainstAVariantInBothThemes) {
  Open();
  const Change other = session_.Pin(session_.shown(), "other");
  ASSERT_TRUE(session_.Edit(other.id, {"parallelism.expert=8"}).ok());
  session_.ShowAgainst(other.id);
  ASSERT_TRUE(Until([&] { return session_.AnswerOf(other.id, Sureness::kEveryGpu) != nullptr; }));
  for (const auto looks : {MainWindow::Looks::kDark, MainWindow::Looks::kLight}) {
    window_.SetLooks(looks);
    for (Page* page : window_.pages()) {
      Show<Page>(page->id().toUtf8().constData());
      EXPECT_FALSE(window_.grab().isNull());
    }
  }
  EXPECT_TRUE(Find(*window_.FindPage("memory"), "memory-against")->content().paint);
  EXPECT_TRUE(Find(*window_.FindPage("timeline"), "timeline-against")->content().paint);
  EXPECT_THAT(DescriptionOf(*window_.FindPage("overview"), "overview-headline"),
              testing::AnyOf(HasSubstr("◉"), HasSubstr("●")));
}

TEST_F(Journey, TheSecondFileIsShownAgainstTheFirst) {
  std::ofstream(folder_ / "other.yaml") << SmallPlan({"parallelism.expert=8"})->TextFor(folder_);
  ASSERT_EQ(window_.OpenFiles({File("small.yaml"), File("other.yaml")}), "");
  ASSERT_EQ(session_.variants().size(), 2u);
  EXPECT_EQ(session_.shown(), session_.variants()[1]->id);
  EXPECT_EQ(session_.against(), session_.variants()[0]->id);
}

TEST_F(Journey, WhatHasNoPageYetIsSaidAndEveryPageStays) {
  EXPECT_THAT(window_.OpenFiles({"attention-designs"}).toStdString(), HasSubstr("has no page yet"));
  EXPECT_TRUE(session_.variants().empty());
  Open();
  ASSERT_GE(session_.Add(Plan::Load("attention-designs")).id, 0);
  session_.Show(session_.variants().back()->id);
  for (Page* page : window_.pages()) Show<Page>(page->id().toUtf8().constData());
}

TEST_F(Journey, APlanThatComesBackHasItsLoadsAndItsTimelineAgain) {
  Open();
  const int first = session_.shown();
  for (int expert : {1, 2, 8}) {
    const Change copy = session_.Pin(first, "copy");
    ASSERT_TRUE(session_.Edit(copy.id, {"parallelism.expert=" + std::to_string(expert)}).ok());
    session_.Show(copy.id);
    ASSERT_TRUE(Until([&] { return session_.AnswerOf(copy.id, Sureness::kAnalysed) != nullptr; }));
  }
  session_.Show(first);
  ASSERT_TRUE(Until([&] {
    const AnswerPtr best = session_.Best(first);
    return best && best->run && best->kind == Sureness::kAnalysed;
  }));
  auto* experts = Show<ExpertsPage>("experts");
  EXPECT_TRUE(Find(*experts, "experts-ranks")->content().paint);
  EXPECT_NE(Show<TimelinePage>("timeline")->data(), nullptr);
}

class DrawnTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    std::ofstream(folder_ / "small.yaml") << SmallPlan()->TextFor(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string Text(const fs::path& file) const {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  fs::path folder_ = fs::temp_directory_path() / ("orrery_drawn_" + std::to_string(getpid()));
};

TEST_F(DrawnTest, DrawsEveryPageAndTheSameBytesAgain) {
  DrawnOptions options;
  options.formats = {"png", "svg", "csv"};
  options.folder = folder_ / "one";
  DrawPages((folder_ / "small.yaml").string(), options);
  options.folder = folder_ / "two";
  DrawPages((folder_ / "small.yaml").string(), options);
  for (const char* name :
       {"overview-headline.png", "experts-ranks.png", "experts-ranks.svg", "experts-ranks.csv",
        "timeline-all-gpus.png", "time-classes.csv", "memory-ranks.png", "what-if-plans.csv"}) {
    ASSERT_TRUE(fs::exists(folder_ / "one" / name)) << name;
    EXPECT_EQ(Text(folder_ / "one" / name), Text(folder_ / "two" / name)) << name;
  }
  EXPECT_THAT(Text(folder_ / "one" / "index.html"), HasSubstr("experts-ranks.png"));
}

TEST_F(DrawnTest, WhatIsWrongIsSaidAndNothingIsWritten) {
  DrawnOptions options;
  options.folder = folder_ / "none";
  const std::string file = (folder_ / "small.yaml").string();
  const auto error = [&] {
    try {
      DrawPages(file, options);
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  options.pages = {"experts", "cooking"};
  EXPECT_THAT(error(), HasSubstr("--pages cooking: expected some of overview, experts"));
  options.pages = {};
  options.size = "10x10";
  EXPECT_THAT(error(), HasSubstr("--size 10x10"));
  options.size = "1440x900";
  options.select = {"layer=many"};
  EXPECT_THAT(error(), HasSubstr("--select layer=many"));
  options.select = {"layer=999"};
  EXPECT_THAT(error(), HasSubstr("--select layer=999: expected 0 to"));
  options.select = {};
  options.folder = folder_ / "small.yaml";
  EXPECT_THAT(error(), HasSubstr("is a file, expected a folder"));
  options.folder = folder_ / "none";
  options.against = "attention-designs";
  EXPECT_THAT(error(), HasSubstr("is an attention scenario"));
  EXPECT_FALSE(fs::exists(folder_ / "none"));
}

}  // namespace
}  // namespace orrery::gui
