// How fast, how large, how dear, how sure: the first page of a scenario.
#pragma once

#include <memory>

#include "gui/itemmodels/load_models.h"
#include "gui/itemmodels/result_models.h"
#include "gui/pages/page.h"
#include "gui/pages/result_figures.h"

class QLabel;

namespace orrery::gui {

class OverviewPage : public Page {
  Q_OBJECT

 public:
  OverviewPage(Session* session, QWidget* parent);
  QString KeysHelp() const override;
  void Refresh() override;

 private:
  PanelContent LoadsContent(const ShownAnswers& shown, bool sure);

  Panel* headline_;
  Panel* phases_;
  Panel* helps_;
  Panel* memory_;
  Panel* loads_;
  QLabel* notes_;
  std::shared_ptr<SummaryModel> summary_table_ = std::make_shared<SummaryModel>();
  std::shared_ptr<PhasesModel> phases_table_ = std::make_shared<PhasesModel>();
  std::shared_ptr<WhatIfModel> helps_table_ = std::make_shared<WhatIfModel>();
  std::shared_ptr<MemoryModel> memory_table_ = std::make_shared<MemoryModel>();
  std::shared_ptr<LoadsModel> loads_table_ = std::make_shared<LoadsModel>();
};

}  // namespace orrery::gui
