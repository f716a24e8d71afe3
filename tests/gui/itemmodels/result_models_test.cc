#include "gui/itemmodels/result_models.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>

#include <gmock/gmock.h>

#include "gui/itemmodels/csv.h"
#include "scenarios/run.h"
#include "tests/gui/session/small_scenario.h"

namespace orrery::gui {
namespace {

using scenarios::TrainingResult;
using testing::HasSubstr;

const TrainingResult& Analysed() {
  static const TrainingResult result = [] {
    scenarios::RunOptions options;
    options.resamples = 4, options.seeds = 2;
    return scenarios::RunTraining(*SmallPlan()->training(), options);
  }();
  return result;
}

/// Fails the test at once where a model breaks Qt's rules.
template <class Model>
struct Checked {
  Model model;
  QAbstractItemModelTester tester{&model, QAbstractItemModelTester::FailureReportingMode::Fatal};
};

double Raw(const TableModel& model, int row, int column) {
  return model.index(row, column).data(TableModel::kRawRole).toDouble();
}
std::string Text(const TableModel& model, int row, int column) {
  return model.index(row, column).data().toString().toStdString();
}
int RowNamed(const TableModel& model, const char* name) {
  for (int r = 0; r < model.rowCount(); ++r)
    if (Text(model, r, 0) == name) return r;
  ADD_FAILURE() << name;
  return -1;
}

TEST(SummaryModel, HasTheFiguresOfTheResult) {
  Checked<SummaryModel> summary;
  const TrainingResult& r = Analysed();
  summary.model.Show(r, r.run);
  EXPECT_EQ(Raw(summary.model, 0, 1), r.step_s);
  EXPECT_EQ(Text(summary.model, 0, 2), "s");
  EXPECT_EQ(Raw(summary.model, RowNamed(summary.model, "step, 90 % interval from"), 1), r.interval.low_s);
  EXPECT_EQ(Raw(summary.model, RowNamed(summary.model, "MFU (BF16 peak), causal"), 1), 100 * r.mfu_causal);
  const int memory = RowNamed(summary.model, "memory of the fullest pipeline rank");
  double most = 0;
  for (const auto& rank : r.ranks)
    most = std::max(most, static_cast<double>(rank.memory.Total().count) * 1e-9);
  EXPECT_EQ(Raw(summary.model, memory, 1), most);
  EXPECT_TRUE(summary.model.SelectionOf(memory).pipeline_rank);
  EXPECT_EQ(Raw(summary.model, RowNamed(summary.model, "imbalance costs"), 1), r.imbalance.cost->step_s);
}

TEST(SummaryModel, AnnouncesOnlyWhatChanged) {
  Checked<SummaryModel> summary;
  TrainingResult r = Analysed();
  summary.model.Show(r, r.run);
  QSignalSpy changed(&summary.model, &QAbstractItemModel::dataChanged);
  QSignalSpy reset(&summary.model, &QAbstractItemModel::modelReset);
  summary.model.Show(r, r.run);
  EXPECT_EQ(changed.count(), 0);
  scenarios::RunReport dearer = r.run;
  dearer.dollars *= 2;
  summary.model.Show(r, dearer);
  EXPECT_EQ(changed.count(), 1);
  EXPECT_EQ(reset.count(), 0);
  r.interval = {};
  summary.model.Show(r, dearer);
  EXPECT_EQ(reset.count(), 1) << "without an interval there are fewer rows";
}

TEST(PublishedModel, StandsOnlyBesideThePublishedConfiguration) {
  Checked<PublishedModel> published;
  published.model.Show(*SmallPlan()->training(), Analysed());
  EXPECT_EQ(published.model.rowCount(), 0);
  const auto v3 = Plan::Load("deepseek-v3-pretraining");
  TrainingResult ours;
  ours.step_s = 19.397;
  published.model.Show(*v3->training(), ours);
  ASSERT_GT(published.model.rowCount(), 5);
  EXPECT_EQ(Raw(published.model, 0, 2), 19.926);
  EXPECT_NEAR(Raw(published.model, 0, 4), 100 * (19.397 / 19.926 - 1), 1e-9);
  EXPECT_FALSE(published.model.index(0, 4).data(TableModel::kWarnsRole).toBool());
  EXPECT_TRUE(published.model.index(1, 4).data(TableModel::kWarnsRole).toBool())
      << "no tokens a day: outside";
  EXPECT_THAT(Text(published.model, 0, 6), HasSubstr("Table 4"));
}

TEST(PhasesModel, SumToTheStep) {
  Checked<PhasesModel> phases;
  const TrainingResult& r = Analysed();
  phases.model.Show(*SmallPlan()->training(), r);
  double seconds = 0, share = 0;
  for (int row = 0; row < phases.model.rowCount(); ++row)
    seconds += Raw(phases.model, row, 1), share += Raw(phases.model, row, 2);
  EXPECT_NEAR(seconds, r.step_s, 1e-9 * r.step_s);
  EXPECT_NEAR(share, 100, 1e-6);
  EXPECT_EQ(Raw(phases.model, RowNamed(phases.model, "bubble"), 1), r.phases.bubble);
}

TEST(OpClassesModel, SaysWhatEachPriceRestsOn) {
  Checked<OpClassesModel> classes;
  const TrainingResult& r = Analysed();
  classes.model.Show(r);
  ASSERT_EQ(classes.model.rowCount(), static_cast<int>(r.op_classes.size()));
  double all = 0, measured = 0;
  for (int row = 0; row < classes.model.rowCount(); ++row) {
    double by = 0;
    for (int c = 3; c < 7; ++c) by += Raw(classes.model, row, c);
    EXPECT_NEAR(by, Raw(classes.model, row, 1), 1e-12);
    all += by, measured += Raw(classes.model, row, 3);
    EXPECT_EQ(classes.model.SelectionOf(row).op_class, r.op_classes[static_cast<std::size_t>(row)].name);
  }
  EXPECT_NEAR(measured / all, r.measured, 1e-9);
  Selection selection;
  selection.op_class = r.op_classes[1].name, selection.layer = 4;
  EXPECT_EQ(classes.model.RowOf(selection), 1) << "facets that the table does not know are ignored";
  EXPECT_EQ(classes.model.RowOf({}), -1);
}

TEST(CommunicationModel, HiddenAndExposedAddUp) {
  Checked<CommunicationModel> communication;
  const TrainingResult& r = Analysed();
  communication.model.Show(r);
  EXPECT_EQ(Raw(communication.model, 0, 1), r.communication.exchange_s);
  EXPECT_NEAR(Raw(communication.model, 1, 1) + Raw(communication.model, 2, 1), r.communication.exchange_s,
              1e-12);
  EXPECT_NEAR(Raw(communication.model, 2, 2), 100 * r.communication.exposed_s / r.step_s, 1e-9);
}

TEST(AnalysisModels, ShowTheStudiesOrNothing) {
  Checked<WhatIfModel> what_if;
  Checked<CriticalPathModel> path;
  const TrainingResult& r = Analysed();
  what_if.model.Show(r);
  path.model.Show(r);
  ASSERT_EQ(what_if.model.rowCount(), static_cast<int>(r.what_ifs.size()));
  EXPECT_EQ(Raw(what_if.model, 0, 1), r.what_ifs[0].step_s);
  EXPECT_EQ(Raw(what_if.model, 0, 2), -100 * r.what_ifs[0].gain);
  EXPECT_THAT(Text(what_if.model, 0, 2), HasSubstr("−")) << "a gain makes the step shorter";
  ASSERT_EQ(path.model.rowCount(), static_cast<int>(r.critical_path.size()));
  EXPECT_EQ(Raw(path.model, 0, 1), r.critical_path[0].seconds);
  TrainingResult bare;
  what_if.model.Show(bare);
  path.model.Show(bare);
  EXPECT_EQ(what_if.model.rowCount() + path.model.rowCount(), 0);
}

TEST(MemoryModel, PartsAddUpToTheTotal) {
  Checked<MemoryModel> memory;
  TrainingResult r = Analysed();
  r.ranks[1].fits = false;
  memory.model.Show(r);
  ASSERT_EQ(memory.model.rowCount(), 4);
  for (int row = 0; row < 4; ++row) {
    double parts = 0;
    for (int c = 1; c < 10; ++c) parts += Raw(memory.model, row, c);
    EXPECT_NEAR(parts, Raw(memory.model, row, 10), 1e-9);
    EXPECT_NEAR(Raw(memory.model, row, 10) + Raw(memory.model, row, 11),
                static_cast<double>(r.device_memory) * 1e-9, 1e-9);
    EXPECT_EQ(memory.model.index(row, 10).data(TableModel::kWarnsRole).toBool(), row == 1);
  }
  Selection rank;
  rank.pipeline_rank = 2;
  EXPECT_EQ(memory.model.RowOf(rank), 2);
}

TEST(NotesModel, HidesNone) {
  Checked<NotesModel> notes;
  notes.model.Show(Analysed());
  ASSERT_EQ(notes.model.rowCount(), static_cast<int>(Analysed().notes.size()));
  EXPECT_EQ(Text(notes.model, 0, 0), Analysed().notes[0]);
}

TEST(TableModel, NumbersStandRightUnderHeadersWithUnits) {
  Checked<CriticalPathModel> path;
  path.model.Show(Analysed());
  EXPECT_EQ(path.model.headerData(1, Qt::Horizontal).toString(), "time [s]");
  EXPECT_EQ(path.model.headerData(1, Qt::Horizontal, TableModel::kRawRole).toString(), "time");
  const auto alignment = [&](int column) {
    return path.model.index(0, column).data(Qt::TextAlignmentRole).value<Qt::Alignment>();
  };
  EXPECT_TRUE(alignment(1) & Qt::AlignRight);
  EXPECT_TRUE(alignment(0) & Qt::AlignLeft);
}

TEST(Csv, HasNumbersInFullAndQuotesWhatNeedsIt) {
  CriticalPathModel path;
  TrainingResult r;
  r.critical_path = {{"dense layers: mlp, \"F\"", 1.0 / 3, 0.25}};
  path.Show(r);
  const std::string csv = CsvText(path).toStdString();
  EXPECT_THAT(csv, HasSubstr("step,time [s],share [%]\n"));
  EXPECT_THAT(csv, HasSubstr("\"dense layers: mlp, \"\"F\"\"\",0.3333333333333333,25\n"));
  EXPECT_EQ(TabbedText({path.index(0, 1), path.index(0, 2)}).toStdString(), "0.3333333333333333\t25");
}

}  // namespace
}  // namespace orrery::gui
