#include "gui/pages/time_page.h"

#include <QGridLayout>
#include <optional>

#include "gui/pages/content.h"
#include "gui/pages/result_figures.h"

namespace orrery::gui {
namespace {

/// The row of a class; -1 where it is not there.
int RowOf(const BarsFigure& figure, const std::optional<std::string>& name) {
  if (!name) return -1;
  for (std::size_t i = 0; i < figure.rows.size(); ++i)
    if (figure.rows[i].label == QString::fromStdString(*name)) return static_cast<int>(i);
  return -1;
}

}  // namespace

TimePage::TimePage(Session* session, QWidget* parent)
    : Page("time", "4 Time", session, parent),
      phases_(AddPanel("phases")),
      classes_(AddPanel("classes")),
      communication_(AddPanel("communication")),
      path_(AddPanel("critical-path")),
      helps_(AddPanel("what-would-help")) {
  auto* grid = new QGridLayout(this);
  grid->addWidget(phases_, 0, 0, 1, 2);
  grid->addWidget(classes_, 1, 0, 2, 1);
  grid->addWidget(communication_, 1, 1);
  grid->addWidget(path_, 2, 1);
  grid->addWidget(helps_, 3, 0, 1, 2);
  phases_->setFixedHeight(160);
  communication_->setFixedHeight(150);
  grid->setRowStretch(2, 4);
  grid->setRowStretch(3, 3);
  grid->setColumnStretch(0, 1);
  grid->setColumnStretch(1, 1);
  for (const auto signal : {&Session::SelectionChanged, &Session::ShownChanged, &Session::VariantsChanged})
    connect(session, signal, this, &TimePage::RefreshSoon);
  connect(session, &Session::AnswerChanged, this, &TimePage::RefreshSoon);
  connect(session, &Session::VariantEdited, this, &TimePage::RefreshSoon);
  connect(classes_, &Panel::Pressed, this, [this](const PanelPoint& point) {
    const BarsFigure figure = OpClassesOf(AnswersOf(this->session()));
    SelectClass(HitBars(point.canvas, theme(), figure, point.at).value_or(-1));
  });
  connect(classes_, &Panel::Stepped, this, [this](int, int rows) {
    const BarsFigure figure = OpClassesOf(AnswersOf(this->session()));
    const int row = RowOf(figure, this->session().selection().op_class) + rows;
    if (row >= 0 && row < static_cast<int>(figure.rows.size())) SelectClass(row);
  });
}

QString TimePage::KeysHelp() const {
  return Page::KeysHelp() + "\nUp, Down in What runs: the class that is selected";
}

void TimePage::SelectClass(int row) {
  const BarsFigure figure = OpClassesOf(AnswersOf(session()));
  Selection selection = session().selection();
  selection.op_class.reset();
  if (row >= 0) selection.op_class = figure.rows[static_cast<std::size_t>(row)].label.toStdString();
  session().Select(selection);
}

void TimePage::Refresh() {
  const ShownAnswers shown = AnswersOf(session());
  const bool any = shown.answer && shown.answer->result;
  if (any) {
    if (const scenarios::Scenario* scenario = session().Shown()->plan->training())
      phases_table_->Show(*scenario, *shown.answer->result);
    classes_table_->Show(*shown.answer->result);
    communication_table_->Show(*shown.answer->result);
    path_table_->Show(*shown.answer->result);
    helps_table_->Show(*shown.answer->result);
  }
  const QString later = "Working on the first answer…";
  phases_->SetContent(
      ContentOf(PhasesOf(shown), &PaintPhases, any, later, "phases of the step", phases_table_));
  BarsFigure classes = OpClassesOf(shown);
  classes.selected = RowOf(classes, session().selection().op_class);
  for (std::size_t i = 0; i < classes.rows.size() && classes.selected >= 0; ++i)
    classes.rows[i].dimmed = static_cast<int>(i) != classes.selected;
  classes_->SetContent(ContentOf(std::move(classes), &PaintBars, any, later,
                                 "seconds of each class of kernels", classes_table_));
  communication_->SetContent(ContentOf(CommunicationOf(shown), &PaintBars, any, later,
                                       "seconds of communication", communication_table_));
  BarsFigure path = CriticalPathOf(shown);
  const bool analysed = !path.rows.empty();
  path_->SetContent(ContentOf(std::move(path), &PaintBars, analysed,
                              "The critical path comes with the analysis (Run)",
                              "seconds of the critical path", analysed ? path_table_ : nullptr));
  helps_->SetContent(
      ContentOf(HelpsOf(shown), &PaintBars, analysed, "What would help comes with the analysis (Run)",
                "what making each resource free would save", analysed ? helps_table_ : nullptr));
  for (Panel* panel : panels()) panel->SetStale(shown.stale ? "of the previous edit" : "");
}

}  // namespace orrery::gui
