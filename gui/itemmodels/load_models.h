// The tables of the Experts page: twins of its heat map, margins, strips and costs.
#pragma once

#include <string>
#include <vector>

#include "gui/itemmodels/table_model.h"
#include "gui/session/expert_view.h"

namespace orrery::gui {

/// Loads over the mean: a row a layer, a column an EP rank, expert, place in the order or slot. Rank loads and
/// expert loads are two requests of one view.
class LoadsModel : public TableModel {
  Q_OBJECT

 public:
  explicit LoadsModel(QObject* parent = nullptr);
  /// `layers`: names as MoeLayerNames; further layers go by number.
  void Show(const LoadView& view, const std::vector<std::string>& layers);
};

/// What stands in the margin: the hottest rank of each layer, and measures of its balance.
class LayersModel : public TableModel {
  Q_OBJECT

 public:
  explicit LayersModel(QObject* parent = nullptr);
  void Show(const LoadView& view, const std::vector<std::string>& layers);
};

/// One layer's ranks under each placement: a row a rank, a column a placement.
class StripsModel : public TableModel {
  Q_OBJECT

 public:
  explicit StripsModel(QObject* parent = nullptr);
  void Show(const std::vector<RankStrip>& strips, int layer);
};

/// What waiting for each layer's fullest rank costs.
class WaitsModel : public TableModel {
  Q_OBJECT

 public:
  explicit WaitsModel(QObject* parent = nullptr);
  void Show(const scenarios::WaitSums& waits, double step_s, double dollars_per_trillion,
            const std::vector<std::string>& layers);
};

/// "in order", "the scenario's placement", "EPLB, 320 slots", "best plan".
QString StripName(const RankStrip& strip);

}  // namespace orrery::gui
