#include "gui/window/inspector.h"

#include <QLabel>
#include <QScrollArea>
#include <QVBoxLayout>
#include <cmath>
#include <exception>
#include <filesystem>
#include <string>
#include <system_error>

#include "gui/session/expert_view.h"
#include "gui/session/text.h"

namespace orrery::gui {
namespace {

/// A label whose text can be copied, below a heading.
QLabel* AddPart(QVBoxLayout* column, const QString& heading, QWidget* parent) {
  auto* head = new QLabel("<b>" + heading + "</b>", parent);
  auto* body = new QLabel(parent);
  body->setWordWrap(true);
  body->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  body->setAccessibleName(heading);
  body->setTextFormat(Qt::PlainText);
  column->addWidget(head);
  column->addWidget(body);
  return body;
}

QString ShareLine(const char* what, double share) {
  return share < 0.0005 ? QString() : QString("  %1 %2 %\n").arg(what).arg(100 * share, 0, 'f', 1);
}

/// The command that prints the plan's figures: its file, with what was changed since it was read.
QString CommandOf(const Plan& plan) {
  if (plan.file().empty()) return "save the plan (Ctrl+S), then: orrery run FILE";
  std::error_code error;
  std::string file = std::filesystem::proximate(plan.file(), error).string();  // as one would type it here
  if (error || file.starts_with("..")) file = plan.file();
  QString command = "orrery run " + QString::fromStdString(file);
  try {
    for (const KeyChange& change : ChangesBetween(*Plan::Load(plan.file()), plan)) {
      if (change.to.empty()) return "save the plan (Ctrl+S), then: orrery run FILE";
      command += " --set '" + QString::fromStdString(change.key + "=" + change.to) + "'";
    }
  } catch (const std::exception&) {  // the file is gone, or another one by now
    return "save the plan (Ctrl+S), then: orrery run FILE";
  }
  return command;
}

}  // namespace

QString SelectionText(const Selection& selection, const Session& session) {
  const VariantPtr variant = session.Shown();
  const scenarios::Scenario* scenario = variant ? variant->plan->training() : nullptr;
  QString text;
  const auto line = [&](const char* what, const std::optional<int>& number) {
    if (number) text += QString("%1 %2\n").arg(what).arg(*number);
  };
  if (selection.layer) {
    const std::vector<std::string> names =
        scenario ? MoeLayerNames(scenario->model) : std::vector<std::string>();
    const auto layer = static_cast<std::size_t>(*selection.layer);
    text +=
        "layer " +
        (layer < names.size() ? QString::fromStdString(names[layer]) : QString::number(*selection.layer)) +
        "\n";
  }
  line("expert", selection.expert);
  line("slot", selection.slot);
  line("EP rank", selection.ep_rank);
  line("pipeline rank", selection.pipeline_rank);
  line("GPU", selection.gpu);
  line("node", selection.node);
  line("micro-batch", selection.micro_batch);
  line("training step", selection.training_step);
  line("domain", selection.domain);
  if (selection.time)
    text += QString("from %1 to %2 s\n")
                .arg(selection.time->from_s, 0, 'f', 4)
                .arg(selection.time->to_s, 0, 'f', 4);
  if (selection.op_class) text += QString::fromStdString(*selection.op_class) + "\n";
  if (selection.kernel) text += QString::fromStdString(*selection.kernel) + "\n";
  return text.trimmed();
}

QString WhyText(const Session& session) {
  const AnswerPtr answer = session.Best(session.shown());
  if (!answer || !answer->result) return "There is no answer yet.";
  const scenarios::TrainingResult& r = *answer->result;
  QString text = QString("%1 %2\n").arg(Text(Mark(answer->kind)), Text(Words(answer->kind)));
  if (answer->kind == Sureness::kFolded)
    return text + "Folded answers give a direction only; nothing else is read off them.";
  if (r.interval.high_s > 0) {
    text += QString("90 % interval %1 to %2 s (standard deviations: calibration %3 %, seeds %4 %)\n")
                .arg(r.interval.low_s, 0, 'f', 2)
                .arg(r.interval.high_s, 0, 'f', 2)
                .arg(100 * r.interval.calibration_sd, 0, 'f', 1)
                .arg(100 * r.interval.seed_sd, 0, 'f', 1);
  }
  text += "\nKernel and transfer time is\n" + ShareLine("measured", r.measured) +
          ShareLine("derived", r.derived) + ShareLine("scaled from another device", r.scaled) +
          ShareLine("analytic", r.analytic);
  text += "\nPriced from\n";
  for (std::size_t i = 0; i < r.calibration.size() && i < r.calibration_shares.size(); ++i)
    if (r.calibration_shares[i] >= 0.0005)
      text += QString("  %1 % %2\n")
                  .arg(100 * r.calibration_shares[i], 0, 'f', 1)
                  .arg(QString::fromStdString(r.calibration[i]));
  text += "\nLeft out: GPUs that differ for good, failures. A true step is longer, most on many GPUs.\n";
  const VariantPtr variant = session.Shown();
  return text + "\nThe same on the command line:\n  " + CommandOf(*variant->plan);
}

Inspector::Inspector(Session* session, QWidget* parent) : QWidget(parent), session_(session) {
  auto* outer = new QVBoxLayout(this);
  outer->setContentsMargins(0, 0, 0, 0);
  auto* area = new QScrollArea(this);
  area->setWidgetResizable(true);
  area->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  auto* inside = new QWidget(area);
  auto* column = new QVBoxLayout(inside);
  selected_ = AddPart(column, "Selected", inside);
  column->addSpacing(12);
  why_ = AddPart(column, "Why this number", inside);
  column->addStretch();
  area->setWidget(inside);
  outer->addWidget(area);
  setMinimumWidth(180);
  connect(session_, &Session::SelectionChanged, this, &Inspector::RefreshSelected);
  connect(session_, &Session::AnswerChanged, this, &Inspector::Refresh);
  connect(session_, &Session::ShownChanged, this, &Inspector::Refresh);
  connect(session_, &Session::VariantsChanged, this, &Inspector::Refresh);
  Refresh();
}

void Inspector::Refresh() {
  RefreshSelected();
  why_->setText(WhyText(*session_));
}

void Inspector::RefreshSelected() {
  const QString selected = SelectionText(session_->selection(), *session_);
  selected_->setText(selected.isEmpty() ? "Nothing. Click on a picture." : selected);
}

}  // namespace orrery::gui
