#include "gui/pages/memory_page.h"

#include <QVBoxLayout>
#include <utility>

#include "gui/pages/content.h"
#include "gui/pages/result_figures.h"

namespace orrery::gui {

MemoryPage::MemoryPage(Session* session, QWidget* parent)
    : Page("memory", "5 Memory", session, parent), ranks_(AddPanel("ranks")), against_(AddPanel("against")) {
  auto* column = new QVBoxLayout(this);
  column->addWidget(ranks_, 1);
  column->addWidget(against_, 1);
  for (const auto signal : {&Session::SelectionChanged, &Session::ShownChanged, &Session::VariantsChanged})
    connect(session, signal, this, &MemoryPage::RefreshSoon);
  connect(session, &Session::AnswerChanged, this, &MemoryPage::RefreshSoon);
  connect(session, &Session::VariantEdited, this, &MemoryPage::RefreshSoon);
  connect(ranks_, &Panel::Pressed, this, [this](const PanelPoint& point) {
    const auto hit = HitStacks(point.canvas, theme(), MemoryOf(AnswersOf(this->session())), point.at);
    SelectRank(hit ? hit->column : -1);
  });
  connect(ranks_, &Panel::Stepped, this, [this](int columns, int) {
    SelectRank(this->session().selection().pipeline_rank.value_or(-1) + columns);
  });
}

QString MemoryPage::KeysHelp() const {
  return Page::KeysHelp() + "\nLeft, Right: the pipeline rank that is selected";
}

void MemoryPage::SelectRank(int rank) {
  const ShownAnswers shown = AnswersOf(session());
  const int ranks =
      shown.answer && shown.answer->result ? static_cast<int>(shown.answer->result->ranks.size()) : 0;
  Selection selection = session().selection();
  selection.pipeline_rank.reset();
  if (rank >= 0 && rank < ranks) selection.pipeline_rank = rank;
  session().Select(selection);
}

void MemoryPage::Refresh() {
  const ShownAnswers shown = AnswersOf(session());
  const bool any = shown.answer && shown.answer->result;
  if (any) table_->Show(*shown.answer->result);
  if (shown.against) against_table_->Show(*shown.against->result);
  StacksFigure figure = MemoryOf(shown);
  figure.selected = session().selection().pipeline_rank.value_or(-1);
  const QString description = figure.caption;
  ranks_->SetContent(
      ContentOf(std::move(figure), &PaintStacks, any, "Working on the first answer…", description, table_));
  against_->setVisible(shown.against != nullptr);
  if (shown.against) {
    ShownAnswers other = shown;
    std::swap(other.answer, other.against);
    StacksFigure beside = MemoryOf(other);
    beside.title = "The same of " + shown.against_name;
    beside.selected = session().selection().pipeline_rank.value_or(-1);
    const QString caption = beside.caption;
    against_->SetContent(ContentOf(std::move(beside), &PaintStacks, true, {}, caption, against_table_));
  } else {
    against_->SetContent({});
  }
  for (Panel* panel : panels()) panel->SetStale(shown.stale ? "of the previous edit" : "");
}

}  // namespace orrery::gui
