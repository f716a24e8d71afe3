// Expert load: who is overloaded, in which layer, what a strategy or a placement changes, and what it costs.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gui/itemmodels/load_models.h"
#include "gui/pages/background.h"
#include "gui/pages/page.h"
#include "gui/paint/heat_map.h"
#include "gui/session/expert_view.h"

class QCheckBox;
class QComboBox;
class QHBoxLayout;
class QLabel;
class QPushButton;
class QSlider;
class QSpinBox;
class QTimer;

namespace orrery::gui {

class ExpertsPage : public Page {
  Q_OBJECT

 public:
  static constexpr int kMostMaps = 4;  ///< strategies side by side

  ExpertsPage(Session* session, QWidget* parent);
  ~ExpertsPage() override;
  QString KeysHelp() const override;
  void Refresh() override;
  void Settle() override;
  /// Draws recorded loads of a file instead of a variant's; what is wrong with it, or empty.
  QString ShowRecorded(const std::filesystem::path& file);
  bool shows_recorded() const { return recorded_.has_value(); }
  /// Adds a variant with another routing strategy beside those that are shown; what is wrong, or empty.
  QString AddStrategy(const QString& strategy);
  void SetPlaying(bool playing);
  bool playing() const;

 private:
  /// What one map is of.
  struct Source {
    int variant = -1;  ///< -1: the recorded file
    QString name;
    std::shared_ptr<const scenarios::Run> run;  ///< holds the loads
    const models::LoadSource* loads = nullptr;
    int layers = 0;
    std::vector<std::string> layer_names;
    LoadView view;
    QString why_not;  ///< there is no map; empty: there is
  };

  QWidget* MakeControls();
  void Connect();
  LoadRequest RequestNow() const;
  Source SourceOf(const VariantPtr& variant) const;
  Source RecordedSource() const;
  std::vector<Source> WantedSources() const;
  void View(Source* source, const LoadRequest& request);
  void RefreshControls();
  void RefreshMaps();
  void DrawMaps();
  void RefreshStrips();
  void RefreshCost();
  void PressMap(int map, const PanelPoint& point);
  void HoverMap(int map, const std::optional<PanelPoint>& point);
  void Step(int columns, int rows);
  Selection SelectionAt(const Source& source, HeatMapCell cell) const;
  HeatMapCell CellOf(const Source& source, const Selection& selection) const;
  HeatMapFigure FigureOf(const Source& source) const;
  /// The layer whose strips are shown: the selected one, else that with the hottest rank.
  int LayerShown() const;
  void SimulateRecorded();

  Panel* maps_[kMostMaps];
  Panel* difference_;
  Panel* strips_;
  Panel* cost_;
  QComboBox* count_ = nullptr;
  QComboBox* columns_ = nullptr;
  QComboBox* domain_ = nullptr;
  QSpinBox* group_ = nullptr;
  QSlider* micro_batch_ = nullptr;
  QLabel* micro_batch_text_ = nullptr;
  QPushButton* play_ = nullptr;
  QPushButton* add_ = nullptr;
  QPushButton* simulate_ = nullptr;
  QPushButton* drop_recorded_ = nullptr;
  QSpinBox* redundant_ = nullptr;
  QSpinBox* planned_from_ = nullptr;
  QComboBox* ranks_ = nullptr;
  QTimer* player_ = nullptr;
  Background* step_means_;
  std::vector<Source> sources_;
  std::vector<int> beside_;  ///< variants added for comparison
  std::optional<models::ExpertLoads> recorded_;
  std::filesystem::path recorded_file_;
  QString failed_;
  bool ranks_chosen_ = false;  ///< by hand; else they are the variant's
  std::vector<std::shared_ptr<LoadsModel>> map_tables_;
  std::shared_ptr<StripsModel> strips_table_ = std::make_shared<StripsModel>();
  std::shared_ptr<WaitsModel> waits_table_ = std::make_shared<WaitsModel>();
};

}  // namespace orrery::gui
