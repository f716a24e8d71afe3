// Where the time of a step goes and what would help.
#pragma once

#include <memory>

#include "gui/itemmodels/result_models.h"
#include "gui/pages/page.h"

namespace orrery::gui {

class TimePage : public Page {
  Q_OBJECT

 public:
  TimePage(Session* session, QWidget* parent);
  QString KeysHelp() const override;
  void Refresh() override;

 private:
  /// Makes the operator class of a row of "What runs" the selection; -1: none.
  void SelectClass(int row);

  Panel* phases_;
  Panel* classes_;
  Panel* communication_;
  Panel* path_;
  Panel* helps_;
  std::shared_ptr<PhasesModel> phases_table_ = std::make_shared<PhasesModel>();
  std::shared_ptr<OpClassesModel> classes_table_ = std::make_shared<OpClassesModel>();
  std::shared_ptr<CommunicationModel> communication_table_ = std::make_shared<CommunicationModel>();
  std::shared_ptr<CriticalPathModel> path_table_ = std::make_shared<CriticalPathModel>();
  std::shared_ptr<WhatIfModel> helps_table_ = std::make_shared<WhatIfModel>();
};

}  // namespace orrery::gui
