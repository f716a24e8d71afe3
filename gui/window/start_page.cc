#include "gui/window/start_page.h"

#include <QCommandLinkButton>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>
#include <exception>
#include <string>

#include "scenarios/schema/kinds.h"
#include "scenarios/schema/scenario_file.h"

namespace orrery::gui {
namespace {

/// What a scenario asks, in a sentence.
QString QuestionOf(const scenarios::AnyScenario& any) {
  const auto* training = std::get_if<scenarios::Scenario>(&any);
  if (training == nullptr)
    return "How large are the caches of attention designs, and how fast do they decode?";
  return QString(
             "How long does a step of %1 take on %2 GPUs, where does the time go, and which expert ranks are "
             "hot?")
      .arg(QString::fromStdString(training->model.name))
      .arg(training->Gpus());
}

}  // namespace

StartPage::StartPage(QWidget* parent) : QWidget(parent), offers_(new QWidget(this)) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(48, 32, 48, 32);
  auto* heading = new QLabel("What do you want to look at?", this);
  QFont font = heading->font();
  font.setPointSizeF(font.pointSizeF() * 1.6);
  heading->setFont(font);
  column->addWidget(heading);
  column->addWidget(offers_);
  offers_->setLayout(new QVBoxLayout);
  offers_->layout()->setContentsMargins(0, 0, 0, 0);
  for (const std::string& name : scenarios::ScenarioNames()) {
    const scenarios::AnyScenario any =
        scenarios::ReadScenario(scenarios::LoadScenarioDocument(name, {}), name);
    if (!std::holds_alternative<scenarios::Scenario>(any)) continue;  // its page comes with slice 3
    const QString title = QString::fromStdString(std::get<scenarios::Scenario>(any).name);
    auto* button = new QCommandLinkButton(title, QuestionOf(any), this);
    button->setObjectName(QString::fromStdString(name));
    connect(button, &QAbstractButton::clicked, this,
            [this, name] { Q_EMIT OpenAsked(QString::fromStdString(name)); });
    column->addWidget(button);
  }
  auto* choose = new QCommandLinkButton("Open a file…",
                                        "A scenario (YAML), a saved session, or recorded expert loads", this);
  choose->setObjectName("choose");
  connect(choose, &QAbstractButton::clicked, this, &StartPage::ChooseAsked);
  column->addWidget(choose);
  auto* drop = new QLabel(
      "Or drop files here: scenarios (.yaml), sessions (.orrery.yaml), expert loads as CSV or JSON from "
      "SGLang, vLLM or "
      "EPLB. Two scenarios are shown one against the other.",
      this);
  drop->setWordWrap(true);
  drop->setFrameShape(QFrame::StyledPanel);
  drop->setMargin(16);
  drop->setAlignment(Qt::AlignCenter);
  column->addWidget(drop);
  column->addStretch();
}

void StartPage::Offer(const QStringList& left_behind) {
  while (QLayoutItem* item = offers_->layout()->takeAt(0)) {
    delete item->widget();
    delete item;
  }
  for (const QString& file : left_behind) {
    auto* row = new QFrame(offers_);
    row->setFrameShape(QFrame::StyledPanel);
    auto* line = new QHBoxLayout(row);
    line->addWidget(new QLabel(QString("A session of %1 was not closed.")
                                   .arg(QFileInfo(file).lastModified().toString("yyyy-MM-dd hh:mm")),
                               row),
                    1);
    auto* recover = new QPushButton("Open it again", row);
    auto* forget = new QPushButton("Forget it", row);
    recover->setObjectName("recover");
    forget->setObjectName("forget");
    connect(recover, &QPushButton::clicked, this, [this, file] { Q_EMIT RecoverAsked(file); });
    connect(forget, &QPushButton::clicked, this, [this, file] { Q_EMIT ForgetAsked(file); });
    line->addWidget(recover);
    line->addWidget(forget);
    offers_->layout()->addWidget(row);
  }
}

}  // namespace orrery::gui
