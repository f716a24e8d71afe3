// Plans changed by hand and compared: levers at the left, every plan with its differences at the right.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gui/charts/chart_panel.h"
#include "gui/itemmodels/variants_model.h"
#include "gui/pages/page.h"
#include "gui/session/levers.h"
#include "gui/session/runner.h"

class QFormLayout;
class QLabel;
class QLineEdit;
class QPushButton;

namespace orrery::gui {

class WhatIfPage : public Page {
  Q_OBJECT

 public:
  WhatIfPage(Session* session, Runner* runner, QWidget* parent);
  ~WhatIfPage() override;
  QString KeysHelp() const override;
  void SetTheme(const Theme& theme) override;
  void Refresh() override;
  /// Changes keys of the plan that is worked on, as of --set. The first plan is the base of all differences and stays
  /// as it is: a change of it makes a second one. What is refused is said below the controls, and nothing changes.
  void Edit(const std::vector<std::string>& overrides, const QString& merge);
  /// Keeps the plan as it is now under its own name, and goes on with a copy.
  void Pin();

 Q_SIGNALS:
  void SaveAsked();

 private:
  QWidget* MakeControls();
  void RefreshLevers();
  void AddLever(const Lever& lever);
  void EditTyped();
  void RefreshDifferences();
  void RefreshScatter();
  void AskForDifferences();

  Runner* runner_;
  Panel* table_;
  Panel* differences_;
  Panel* scatter_;
  std::shared_ptr<ChartPanel> chart_;  ///< draws the scatter; never shown itself
  std::vector<int> chart_ids_;         ///< of its points
  std::shared_ptr<VariantsModel> model_;
  QFormLayout* form_ = nullptr;
  QLineEdit* any_key_ = nullptr;
  QLabel* refused_ = nullptr;
  QPushButton* pin_ = nullptr;
  QPushButton* remove_ = nullptr;
  std::vector<Lever> levers_;
  std::string levers_of_;  ///< hash of the plan that they are of
};

}  // namespace orrery::gui
