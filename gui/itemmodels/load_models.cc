#include "gui/itemmodels/load_models.h"

#include <algorithm>
#include <utility>

namespace orrery::gui {
namespace {

QString LayerName(const std::vector<std::string>& names, int layer) {
  const auto place = static_cast<std::size_t>(layer);
  return place < names.size() ? QString::fromStdString(names[place]) : QString::number(layer);
}

QString ColumnName(const LoadView& view, int column) {
  switch (view.request.columns) {
    case LoadColumns::kRanks:
      return QString("EP rank %1").arg(column);
    case LoadColumns::kExperts:
      return QString("expert %1").arg(column);
    case LoadColumns::kSorted:
      return QString("place %1").arg(column + 1);
    case LoadColumns::kSlots:
      return QString("slot %1").arg(column);
  }
  return {};
}

TableColumn Number(const QString& title, const char* unit, const char* help = "") {
  return {title, unit, true, help};
}

Selection LayerSelection(int layer) {
  Selection selection;
  selection.layer = layer;
  return selection;
}

}  // namespace

LoadsModel::LoadsModel(QObject* parent) : TableModel({{"layer", {}, false, {}}}, parent) {}

void LoadsModel::Show(const LoadView& view, const std::vector<std::string>& layers) {
  std::vector<TableColumn> columns = {{"layer", {}, false, {}}};
  for (int c = 0; c < view.columns; ++c)
    columns.push_back(Number(ColumnName(view, c), "", "rows over the mean of the layer"));
  std::vector<TableRow> rows;
  for (int l = 0; l < view.layers; ++l) {
    TableRow row{{TextCell(LayerName(layers, l))}, LayerSelection(l), {}};
    for (int c = 0; c < view.columns; ++c) row.cells.push_back(NumberCell(view.At(l, c), 3));
    rows.push_back(std::move(row));
  }
  SetTable(std::move(columns), std::move(rows));
}

LayersModel::LayersModel(QObject* parent)
    : TableModel({{"layer", {}, false, {}},
                  Number("hottest EP rank", ""),
                  Number("its rows", "%", "over the mean of the ranks"),
                  Number("fullest rank", "%",
                         "over the mean, of each micro-batch, mean: what every exchange waits for"),
                  Number("MaxVio", "", "(max - mean) / mean over experts"),
                  Number("CV", "", "standard deviation / mean over experts"),
                  Number("Gini", "", "0 where all experts have the same rows, 1 where one has all"),
                  Number("dead", "", "experts below 0.04 of the mean"),
                  Number("above twice the mean", "", "experts")},
                 parent) {}

void LayersModel::Show(const LoadView& view, const std::vector<std::string>& layers) {
  std::vector<TableRow> rows;
  for (int l = 0; l < view.layers; ++l) {
    const LayerLoad& load = view.rows[static_cast<std::size_t>(l)];
    const bool ranks = load.hottest_rank >= 0;
    TableRow row{{TextCell(LayerName(layers, l)), ranks ? WholeCell(load.hottest_rank) : TableCell{},
                  ranks ? SignedCell(100 * load.hottest_excess, 1) : TableCell{},
                  ranks ? SignedCell(100 * load.mean_excess, 1) : TableCell{},
                  NumberCell(load.balance.max_vio, 3), NumberCell(load.balance.cv, 3),
                  NumberCell(load.balance.gini, 3), WholeCell(load.dead), WholeCell(load.above_two)},
                 LayerSelection(l),
                 {}};
    rows.push_back(std::move(row));
  }
  SetRows(std::move(rows));
}

StripsModel::StripsModel(QObject* parent) : TableModel({Number("EP rank", "")}, parent) {}

QString StripName(const RankStrip& strip) {
  switch (strip.kind) {
    case RankStrip::Kind::kInOrder:
      return "in order";
    case RankStrip::Kind::kScenario:
      return "the scenario's placement";
    case RankStrip::Kind::kPlanned:
      return QString("EPLB, %1 slots").arg(strip.slots);
    case RankStrip::Kind::kBest:
      return "best plan";
  }
  return {};
}

void StripsModel::Show(const std::vector<RankStrip>& strips, int layer) {
  std::vector<TableColumn> columns = {Number("EP rank", "")};
  std::size_t ranks = 0;
  for (const RankStrip& strip : strips) {
    if (!strip.why_not.empty()) continue;
    columns.push_back(Number(StripName(strip), "", "rows over the mean of the ranks"));
    ranks = std::max(ranks, strip.ranks.size());
  }
  std::vector<TableRow> rows;
  for (std::size_t r = 0; r < ranks; ++r) {
    TableRow row{{WholeCell(static_cast<qint64>(r))}, LayerSelection(layer), {}};
    row.selects.ep_rank = static_cast<int>(r);
    for (const RankStrip& strip : strips) {
      if (strip.why_not.empty())
        row.cells.push_back(NumberCell(strip.ranks[r], 3, static_cast<int>(r) == strip.hottest));
    }
    rows.push_back(std::move(row));
  }
  SetTable(std::move(columns), std::move(rows));
}

WaitsModel::WaitsModel(QObject* parent)
    : TableModel({{"layer", {}, false, {}},
                  Number("waited", "GPU s",
                         "by all ranks of the first exchange group, hidden behind compute or not"),
                  Number("share", "%", "of the GPU time of a step"),
                  Number("of a step", "s"),
                  Number("a trillion tokens", "$", "were all groups like the first")},
                 parent) {}

void WaitsModel::Show(const scenarios::WaitSums& waits, double step_s, double dollars_per_trillion,
                      const std::vector<std::string>& layers) {
  std::vector<TableRow> rows;
  for (int l = 0; l < static_cast<int>(waits.by_layer.size()); ++l) {
    const Lateness late = LatenessOfLayer(waits, l, step_s, dollars_per_trillion);
    rows.push_back(
        {{TextCell(LayerName(layers, l)), NumberCell(late.waited_s, 3), NumberCell(100 * late.share, 2),
          NumberCell(late.step_s, 3), NumberCell(late.dollars_per_trillion, 0)},
         LayerSelection(l),
         {}});
  }
  SetRows(std::move(rows));
}

}  // namespace orrery::gui
