#include "gui/pages/what_if_page.h"

#include <QComboBox>
#include <QCompleter>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QShortcut>
#include <QSignalBlocker>
#include <QSlider>
#include <QSplitter>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "core/config/fields.h"
#include "gui/pages/content.h"
#include "gui/paint/interval.h"
#include "scenarios/schema/kinds.h"

namespace orrery::gui {
namespace {

QStringList AllKeys() {
  QStringList keys;
  for (const scenarios::ScenarioKind& kind : scenarios::ScenarioKinds()) {
    if (kind.name != "pretraining") continue;
    for (const KeyLine& line : KeyLines(kind.fields, "")) keys += QString::fromStdString(line.path) + "=";
  }
  return keys;
}

/// "expert 32, micro_batch 2 sequences": the last word of each changed key with its value; "" where nothing differs.
QString ChangesText(const Plan& from, const Plan& to) {
  QStringList texts;
  for (const KeyChange& change : ChangesBetween(from, to)) {
    const std::string word = change.key.substr(change.key.rfind('.') + 1);
    texts += QString::fromStdString(word + " " + (change.to.empty() ? "as by default" : change.to));
  }
  return texts.join(", ");
}

}  // namespace

WhatIfPage::WhatIfPage(Session* session, Runner* runner, QWidget* parent)
    : Page("what-if", "7 What-if", session, parent),
      runner_(runner),
      table_(AddPanel("plans")),
      differences_(AddPanel("differences")),
      scatter_(AddPanel("days-and-dollars")),
      chart_(std::make_shared<ChartPanel>(theme())),
      model_(std::make_shared<VariantsModel>(session)) {
  auto* right = new QSplitter(Qt::Vertical, this);
  right->addWidget(table_);
  auto* pictures = new QSplitter(Qt::Horizontal, right);
  pictures->addWidget(differences_);
  pictures->addWidget(scatter_);
  right->addWidget(pictures);
  right->setStretchFactor(0, 1);
  right->setStretchFactor(1, 1);
  auto* line = new QHBoxLayout(this);
  line->addWidget(MakeControls());
  line->addWidget(right, 1);
  connect(session, &Session::AnswerChanged, this, &WhatIfPage::RefreshSoon);
  connect(session, &Session::DifferenceChanged, this, &WhatIfPage::RefreshSoon);
  connect(session, &Session::ShownChanged, this, &WhatIfPage::RefreshSoon);
  connect(session, &Session::VariantsChanged, this, &WhatIfPage::RefreshSoon);
  connect(session, &Session::VariantEdited, this, &WhatIfPage::RefreshSoon);
  connect(scatter_, &Panel::Pressed, this, [this](const PanelPoint& point) {
    for (std::size_t i = 0; i < chart_ids_.size(); ++i) {
      const AnswerPtr answer = this->session().Best(chart_ids_[i]);
      if (!answer) continue;
      const scenarios::RunReport run = this->session().RunOf(chart_ids_[i], *answer);
      const QPointF off = chart_->Place(run.days, run.dollars * 1e-6) - point.at;
      if (off.manhattanLength() < 16) return this->session().Show(chart_ids_[i]);
    }
  });
  connect(runner, &Runner::BecameIdle, this, &WhatIfPage::AskForDifferences);
  PanelContent plans;
  plans.title = "Plans, and how they differ from the first";
  plans.description = "one row a plan";
  plans.table = model_;
  table_->SetContent(std::move(plans));
  // What fits beside the controls: the rest is in the exported table.
  for (const int column : {VariantsModel::kTokensChange, VariantsModel::kDollarsChange})
    table_->table()->setColumnHidden(column, true);
  connect(table_->table(), &QTableView::clicked, this, [this](const QModelIndex& index) {
    if (index.column() != VariantsModel::kPrice && index.column() != VariantsModel::kRunTokens)
      this->session().Show(model_->IdOf(index.row()));
  });
  auto* pin = new QShortcut(QKeySequence("Ctrl+P"), this);
  connect(pin, &QShortcut::activated, this, &WhatIfPage::Pin);
}

WhatIfPage::~WhatIfPage() = default;

QString WhatIfPage::KeysHelp() const {
  return Page::KeysHelp() + "\nCtrl+P: keep the plan and go on with a copy";
}

QWidget* WhatIfPage::MakeControls() {
  auto* area = new QScrollArea(this);
  area->setWidgetResizable(true);
  area->setFrameShape(QFrame::NoFrame);
  area->setFixedWidth(330);
  auto* inside = new QWidget(area);
  auto* column = new QVBoxLayout(inside);
  form_ = new QFormLayout;
  column->addLayout(form_);
  any_key_ = new QLineEdit(inside);
  any_key_->setPlaceholderText("any key: parallelism.expert=32");
  any_key_->setAccessibleName("Any key of the scenario and its value");
  any_key_->setObjectName("any-key");
  auto* completer = new QCompleter(AllKeys(), any_key_);
  completer->setFilterMode(Qt::MatchContains);
  any_key_->setCompleter(completer);
  connect(any_key_, &QLineEdit::returnPressed, this, &WhatIfPage::EditTyped);
  column->addWidget(any_key_);
  refused_ = new QLabel(inside);
  refused_->setObjectName("refused");
  QFont bold = refused_->font();
  bold.setBold(true);
  refused_->setFont(bold);
  refused_->setWordWrap(true);
  refused_->setTextFormat(Qt::PlainText);
  refused_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  column->addWidget(refused_);
  auto* buttons = new QHBoxLayout;
  pin_ = new QPushButton("Pin", inside);
  pin_->setToolTip("Keep the plan as it is and go on with a copy (Ctrl+P)");
  remove_ = new QPushButton("Remove", inside);
  remove_->setToolTip("Remove the plan that is shown");
  auto* save = new QPushButton("Save as…", inside);
  for (QPushButton* button : {pin_, remove_, save}) buttons->addWidget(button);
  connect(pin_, &QPushButton::clicked, this, &WhatIfPage::Pin);
  connect(remove_, &QPushButton::clicked, this, [this] { session().Remove(session().shown()); });
  connect(save, &QPushButton::clicked, this, &WhatIfPage::SaveAsked);
  column->addLayout(buttons);
  column->addStretch();
  area->setWidget(inside);
  return area;
}

void WhatIfPage::Edit(const std::vector<std::string>& overrides, const QString& merge) {
  const VariantPtr shown = session().Shown();
  if (!shown) return;
  int id = shown->id;
  const bool of_base = session().variants().front()->id == id;
  if (of_base) {
    try {  // nothing is made for a change that is refused
      shown->plan->With(overrides);
    } catch (const std::exception& e) {
      refused_->setText(QString::fromStdString(e.what()));
      return;
    }
    id = session().Pin(id, "now").id;
  }
  const Change change = session().Edit(id, overrides, merge);
  refused_->setText(change.error);
  if (!change.ok() || !of_base) return;
  session().Show(id);
  session().ShowAgainst(shown->id);
}

void WhatIfPage::EditTyped() {
  const QString typed = any_key_->text().trimmed();
  if (typed.isEmpty()) return;
  Edit({typed.toStdString()}, {});
  if (refused_->text().isEmpty()) any_key_->clear();
}

void WhatIfPage::Pin() {
  const VariantPtr shown = session().Shown();
  if (!shown) return;
  const QString name = ChangesText(*session().variants().front()->plan, *shown->plan);
  const bool base = session().variants().front()->id == shown->id;
  if (!base) session().Rename(shown->id, name.isEmpty() ? "as the base" : name);
  const Change copy = session().Pin(shown->id, "now");
  refused_->clear();
  if (!copy.ok()) return;
  session().Show(copy.id);
  session().ShowAgainst(session().variants().front()->id);
}

void WhatIfPage::AddLever(const Lever& lever) {
  auto* holder = new QWidget(this);
  auto* column = new QVBoxLayout(holder);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  auto* also = new QLabel(holder);
  const auto choose = [this, lever, also](int index) {
    if (index < 0 || index >= static_cast<int>(lever.values.size())) return;
    const LeverValue& value = lever.values[static_cast<std::size_t>(index)];
    also->setText(QString::fromStdString(
        lever.ordered ? value.text + (value.also.empty() ? "" : ", " + value.also) : value.also));
    Edit(value.overrides, QString::fromStdString(lever.key));
  };
  if (lever.ordered) {
    auto* slider = new QSlider(Qt::Horizontal, holder);
    slider->setRange(0, static_cast<int>(lever.values.size()) - 1);
    slider->setPageStep(1);
    slider->setTickPosition(QSlider::TicksBelow);
    slider->setValue(std::max(0, lever.current));
    slider->setAccessibleName(QString::fromStdString(lever.label));
    slider->setObjectName(QString::fromStdString(lever.label));
    if (lever.current >= 0)
      also->setText(QString::fromStdString(lever.values[static_cast<std::size_t>(lever.current)].text));
    connect(slider, &QSlider::valueChanged, this, choose);
    column->addWidget(slider);
  } else {
    auto* box = new QComboBox(holder);
    for (const LeverValue& value : lever.values) box->addItem(QString::fromStdString(value.text));
    box->setCurrentIndex(lever.current);
    box->setAccessibleName(QString::fromStdString(lever.label));
    box->setObjectName(QString::fromStdString(lever.label));
    connect(box, &QComboBox::activated, this, choose);
    column->addWidget(box);
  }
  column->addWidget(also);
  form_->addRow(QString::fromStdString(lever.label), holder);
}

void WhatIfPage::RefreshLevers() {
  const VariantPtr shown = session().Shown();
  if (!shown || shown->plan->hash() == levers_of_) return;
  for (const QSlider* slider : findChildren<QSlider*>())
    if (slider->isSliderDown()) return;  // the hand is on it; the levers follow when it is let go
  levers_of_ = shown->plan->hash();
  while (form_->rowCount() > 0) form_->removeRow(0);
  for (const Lever& lever : LeversOf(*shown->plan)) AddLever(lever);
}

void WhatIfPage::AskForDifferences() {
  if (!isVisible() || session().variants().empty()) return;
  const int base = session().variants().front()->id;
  for (const VariantPtr& variant : session().variants()) {
    if (variant->id == base || session().DifferenceOf(base, variant->id)) continue;
    const auto pair = session().CommonAnswers(base, variant->id);
    if (pair && pair->kind() >= Sureness::kEveryGpu) return runner_->RequestDifference(base, variant->id);
  }
}

void WhatIfPage::RefreshDifferences() {
  IntervalsFigure figure;
  figure.title = "Step time against the first plan";
  figure.axis_title = "% of its step";
  figure.caption = "Bars: 90 % interval of the difference, both plans under the same draws.";
  figure.reference = 0;
  figure.reference_text = "as fast";
  figure.decimals = 1;
  QStringList words;
  for (const VariantPtr& variant : session().variants()) {
    const int base = session().variants().front()->id;
    if (variant->id == base) continue;
    const auto pair = session().CommonAnswers(base, variant->id);
    if (!pair || pair->kind() == Sureness::kFolded) continue;
    const double share = pair->other->result->step_s / pair->base->result->step_s - 1;
    IntervalRow row;
    row.label = QString::fromStdString(variant->name);
    row.value = 100 * share;
    row.text = ChangeText(1 + share, pair->kind());
    if (const auto difference = session().DifferenceOf(base, variant->id)) {
      row.low = 100 * (difference->step.low - 1);
      row.high = 100 * (difference->step.high - 1);
      if (!difference->step.ToldApart()) row.text += ", not told apart";
    }
    if (variant->id == session().shown()) figure.selected = static_cast<int>(figure.rows.size());
    words += row.label + " " + row.text;
    figure.rows.push_back(std::move(row));
  }
  const bool any = !figure.rows.empty();
  differences_->SetContent(ContentOf(std::move(figure), &PaintIntervals, any,
                                     "Move a control: the plan it makes is compared with the first one here",
                                     words.join("; "), any ? model_ : nullptr));
}

void WhatIfPage::SetTheme(const Theme& theme) {
  Page::SetTheme(theme);
  chart_->SetTheme(theme);
}

void WhatIfPage::RefreshScatter() {
  ScatterChart chart;
  chart.title = "Days of the run against its dollars";
  chart.x = {"days", false, {}, false};
  chart.y = {"million dollars", false, {}, false};
  chart_ids_.clear();
  int selected = -1;
  for (const VariantPtr& variant : session().variants()) {
    const AnswerPtr answer = session().Best(variant->id);
    if (!answer || !answer->result || answer->kind == Sureness::kFolded) continue;
    const scenarios::RunReport run = session().RunOf(variant->id, *answer);
    if (run.days <= 0) continue;
    ScatterPoint point{QString::fromStdString(variant->name),
                       run.days,
                       run.dollars * 1e-6,
                       {},
                       {},
                       0,
                       !answer->result->fits};
    const scenarios::Interval& interval = answer->result->interval;
    if (interval.high_s > 0) {
      const double step = answer->result->step_s;
      point.x_interval = {point.x * interval.low_s / step, point.x * interval.high_s / step};
      point.y_interval = {point.y * interval.low_s / step, point.y * interval.high_s / step};
    }
    if (variant->id == session().shown()) selected = static_cast<int>(chart.points.size());
    chart.points.push_back(std::move(point));
    chart_ids_.push_back(variant->id);
  }
  chart.caption = "Hollow: does not fit into memory. A click shows the plan.";
  const bool any = !chart.points.empty();
  QStringList words;
  for (const ScatterPoint& point : chart.points)
    words += QString("%1: %2 days, %3 M$").arg(point.name).arg(point.x, 0, 'f', 1).arg(point.y, 0, 'f', 2);
  PanelContent content;
  content.title = chart.title;
  content.description = words.join("; ");
  content.absent = "Days and dollars come with a simulated step";
  content.table = any ? model_ : nullptr;
  chart_->Show(chart);
  chart_->Select(0, selected);
  if (any) {
    content.paint = [chart = chart_](QPainter& painter, const QRectF& area, const Theme&) {
      chart->resize(area.size().toSize());
      chart->Paint(painter, area);
    };
  }
  scatter_->SetContent(std::move(content));
}

void WhatIfPage::Refresh() {
  RefreshLevers();
  RefreshDifferences();
  RefreshScatter();
  remove_->setEnabled(session().variants().size() > 1);
  if (runner_->Idle()) AskForDifferences();
}

}  // namespace orrery::gui
