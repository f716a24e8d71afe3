// What each pipeline rank holds, and what has to shrink where it does not fit.
#pragma once

#include <memory>

#include "gui/itemmodels/result_models.h"
#include "gui/pages/page.h"

namespace orrery::gui {

class MemoryPage : public Page {
  Q_OBJECT

 public:
  MemoryPage(Session* session, QWidget* parent);
  QString KeysHelp() const override;
  void Refresh() override;

 private:
  void SelectRank(int rank);

  Panel* ranks_;
  Panel* against_;
  std::shared_ptr<MemoryModel> table_ = std::make_shared<MemoryModel>();
  std::shared_ptr<MemoryModel> against_table_ = std::make_shared<MemoryModel>();
};

}  // namespace orrery::gui
