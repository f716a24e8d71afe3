#include "gui/pages/overview_page.h"

#include <QGridLayout>
#include <QLabel>
#include <optional>
#include <utility>

#include "gui/geometry/ticks.h"
#include "gui/pages/content.h"
#include "gui/pages/load_figures.h"
#include "gui/pages/result_figures.h"

namespace orrery::gui {

OverviewPage::OverviewPage(Session* session, QWidget* parent)
    : Page("overview", "1 Overview", session, parent),
      headline_(AddPanel("headline")),
      phases_(AddPanel("phases")),
      helps_(AddPanel("what-would-help")),
      memory_(AddPanel("memory")),
      loads_(AddPanel("expert-load")),
      notes_(new QLabel(this)) {
  auto* grid = new QGridLayout(this);
  grid->addWidget(headline_, 0, 0, 1, 2);
  grid->addWidget(phases_, 1, 0, 1, 2);
  grid->addWidget(helps_, 2, 0);
  grid->addWidget(loads_, 2, 1);
  grid->addWidget(memory_, 3, 0, 1, 2);
  grid->addWidget(notes_, 4, 0, 1, 2);
  headline_->setFixedHeight(84);
  phases_->setFixedHeight(150);
  grid->setRowStretch(2, 3);
  grid->setRowStretch(3, 2);
  notes_->setWordWrap(true);
  notes_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  connect(session, &Session::AnswerChanged, this, &OverviewPage::RefreshSoon);
  connect(session, &Session::ShownChanged, this, &OverviewPage::RefreshSoon);
  connect(session, &Session::VariantEdited, this, &OverviewPage::RefreshSoon);
  connect(session, &Session::VariantsChanged, this, &OverviewPage::RefreshSoon);
  connect(phases_, &Panel::DoubleClicked, this, [this] { Q_EMIT PageAsked("time"); });
  connect(helps_, &Panel::DoubleClicked, this, [this] { Q_EMIT PageAsked("time"); });
  connect(memory_, &Panel::DoubleClicked, this, [this] { Q_EMIT PageAsked("memory"); });
  connect(loads_, &Panel::DoubleClicked, this, [this] { Q_EMIT PageAsked("experts"); });
}

QString OverviewPage::KeysHelp() const {
  return Page::KeysHelp() + "\nA double click on a picture opens its page";
}

PanelContent OverviewPage::LoadsContent(const ShownAnswers& shown, bool sure) {
  PanelContent content;
  content.title = "Expert load";
  const models::LoadSource* loads = sure && shown.answer->run ? shown.answer->run->model->loads() : nullptr;
  content.absent = sure ? "This model has no routed experts" : "Comes with an answer that draws loads (●)";
  if (loads == nullptr) return content;
  const scenarios::TrainingModel& model = *shown.answer->run->model;
  const LoadView view = ViewLoads(*loads, model.MoeLayers(), {});
  const std::vector<std::string> names = MoeLayerNames(model.scenario().model);
  HeatMapFigure figure = LoadMapOf(view, names, theme().dark);
  loads_table_->Show(view, names);
  content.table = loads_table_;
  const scenarios::ImbalanceReport& imbalance = shown.answer->result->imbalance;
  figure.caption = QString("The fullest rank of an exchange has %1 rows on average")
                       .arg(QString::fromStdString(SignedPercent(imbalance.hottest_excess)));
  if (imbalance.cost)
    figure.caption += QString("; imbalance costs %1 s, %2 % of the step")
                          .arg(imbalance.cost->step_s, 0, 'f', 3)
                          .arg(100 * imbalance.cost->step_share, 0, 'f', 1);
  figure.caption += ".";
  content.description = figure.caption;
  figure.pale = shown.stale;
  content.paint = [figure = std::move(figure)](QPainter& painter, const QRectF& area, const Theme& theme) {
    PaintHeatMap(painter, area, theme, figure);
  };
  return content;
}

void OverviewPage::Refresh() {
  const ShownAnswers shown = AnswersOf(session());
  const bool any = shown.answer && shown.answer->result;
  const bool sure = any && shown.answer->kind != Sureness::kFolded;
  std::optional<scenarios::RunReport> against_run;
  if (shown.against) against_run = session().RunOf(session().against(), *shown.against);
  const scenarios::RunReport run =
      any ? session().RunOf(session().shown(), *shown.answer) : scenarios::RunReport{};
  if (any) {
    summary_table_->Show(*shown.answer->result, run);
    if (const scenarios::Scenario* scenario = session().Shown()->plan->training())
      phases_table_->Show(*scenario, *shown.answer->result);
    helps_table_->Show(*shown.answer->result);
    memory_table_->Show(*shown.answer->result);
  } else {
    for (TableModel* table :
         std::initializer_list<TableModel*>{summary_table_.get(), phases_table_.get(), helps_table_.get(),
                                            memory_table_.get(), loads_table_.get()})
      table->Clear();
  }
  TilesFigure tiles = HeadlineOf(shown, run, against_run);
  QStringList figures;
  for (const Tile& tile : tiles.tiles) figures += tile.caption + " " + tile.value + ", " + tile.detail;
  PanelContent headline;
  headline.title = "Headline";
  headline.description = figures.join("; ");
  headline.table = sure ? summary_table_ : nullptr;
  headline.absent = "Working on the first answer…";
  if (any)
    headline.paint = [tiles = std::move(tiles)](QPainter& painter, const QRectF& area, const Theme& theme) {
      PaintTiles(painter, area, theme, tiles);
    };
  headline_->SetContent(std::move(headline));
  const QString later = any ? "Comes with an answer of every GPU" : "Working on the first answer…";
  phases_->SetContent(ContentOf(PhasesOf(shown), &PaintPhases, any, later,
                                "phases of the step, ours and published", phases_table_));
  BarsFigure helps = HelpsOf(shown);
  const bool analysed = !helps.rows.empty();
  helps_->SetContent(
      ContentOf(std::move(helps), &PaintBars, analysed, "What would help comes with the analysis (Run)",
                "what making each resource free would save", analysed ? helps_table_ : nullptr));
  memory_->SetContent(
      ContentOf(MemoryOf(shown), &PaintStacks, any, later, "memory of each pipeline rank", memory_table_));
  loads_->SetContent(LoadsContent(shown, sure));
  QStringList lines;
  if (any)
    for (const std::string& note : shown.answer->result->notes) lines += "• " + QString::fromStdString(note);
  notes_->setText(lines.join("\n"));
  const QString stale = shown.stale ? "of the previous edit" : "";
  for (Panel* panel : panels()) panel->SetStale(stale);
}

}  // namespace orrery::gui
