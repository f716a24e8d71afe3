#include "gui/itemmodels/load_models.h"

#include <QAbstractItemModelTester>

#include <gmock/gmock.h>

#include "scenarios/run.h"
#include "tests/gui/session/small_scenario.h"

namespace orrery::gui {
namespace {

template <class Model>
struct Checked {
  Model model;
  QAbstractItemModelTester tester{&model, QAbstractItemModelTester::FailureReportingMode::Fatal};
};

double Raw(const TableModel& model, int row, int column) {
  return model.index(row, column).data(TableModel::kRawRole).toDouble();
}

std::shared_ptr<const models::LoadSource> Source() {
  static const auto source = scenarios::MakeScenarioLoads(*SmallPlan()->training());
  return source;
}

LoadView View(LoadColumns columns) {
  LoadRequest request;
  request.columns = columns;
  return ViewLoads(*Source(), 5, request);
}

std::vector<std::string> Names() { return MoeLayerNames(SmallPlan()->training()->model); }

TEST(LoadsModel, IsTheMapCellByCell) {
  Checked<LoadsModel> loads;
  for (const LoadColumns columns : {LoadColumns::kRanks, LoadColumns::kExperts, LoadColumns::kSorted}) {
    const LoadView view = View(columns);
    loads.model.Show(view, Names());
    ASSERT_EQ(loads.model.rowCount(), 5);
    ASSERT_EQ(loads.model.columnCount(), view.columns + 1);
    for (int c = 0; c < view.columns; ++c) EXPECT_EQ(Raw(loads.model, 2, c + 1), view.At(2, c));
  }
  EXPECT_EQ(loads.model.index(0, 0).data().toString(), "3") << "the model's first layer with experts";
  loads.model.Show(View(LoadColumns::kRanks), Names());
  EXPECT_EQ(loads.model.headerData(4, Qt::Horizontal).toString(), "EP rank 3");
  Selection layer;
  layer.layer = 4;
  EXPECT_EQ(loads.model.RowOf(layer), 4);
}

TEST(LayersModel, HasTheMarginsFigures) {
  Checked<LayersModel> layers;
  const LoadView view = View(LoadColumns::kRanks);
  layers.model.Show(view, Names());
  for (int l = 0; l < 5; ++l) {
    const LayerLoad& load = view.rows[static_cast<std::size_t>(l)];
    EXPECT_EQ(Raw(layers.model, l, 1), load.hottest_rank);
    EXPECT_EQ(Raw(layers.model, l, 2), 100 * load.hottest_excess);
    EXPECT_EQ(Raw(layers.model, l, 4), load.balance.max_vio);
    EXPECT_EQ(Raw(layers.model, l, 6), load.balance.gini);
    EXPECT_EQ(Raw(layers.model, l, 8), load.above_two);
  }
}

TEST(StripsModel, HasAColumnForEveryPlanThatThereIs) {
  Checked<StripsModel> strips;
  StripRequest request;
  request.layer = 1, request.redundant = 8;
  const std::vector<RankStrip> all = StripsOf(*Source(), request);
  strips.model.Show(all, request.layer);
  ASSERT_EQ(strips.model.columnCount(), 4) << "the scenario places nothing";
  EXPECT_EQ(strips.model.headerData(2, Qt::Horizontal).toString(), "EPLB, 72 slots");
  for (int r = 0; r < 4; ++r) {
    EXPECT_EQ(Raw(strips.model, r, 3), all[3].ranks[static_cast<std::size_t>(r)]);
    EXPECT_EQ(strips.model.index(r, 1).data(TableModel::kWarnsRole).toBool(), r == all[0].hottest);
    EXPECT_EQ(strips.model.SelectionOf(r).ep_rank, r);
  }
}

TEST(WaitsModel, SharesAreOfTheStep) {
  Checked<WaitsModel> waits;
  scenarios::WaitSums sums;
  sums.by_layer = {1.0, 3.0};
  sums.by_last = {{1, 1}, {1, 1}};
  sums.times_last = {{1, 1}, {1, 1}};
  waits.model.Show(sums, 10, 1000, {"3", "4"});
  ASSERT_EQ(waits.model.rowCount(), 2);
  EXPECT_EQ(Raw(waits.model, 1, 1), 3);
  EXPECT_DOUBLE_EQ(Raw(waits.model, 1, 2), 100 * 3.0 / (4 * 10));
  EXPECT_DOUBLE_EQ(Raw(waits.model, 1, 3), 0.75);
  EXPECT_DOUBLE_EQ(Raw(waits.model, 1, 4), 75);
}

}  // namespace
}  // namespace orrery::gui
