#include "gui/itemmodels/result_models.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "gui/session/text.h"
#include "scenarios/validation/published.h"

namespace orrery::gui {
namespace {

using scenarios::TrainingResult;

TableColumn Words(const char* title, const char* help = "") { return {title, {}, false, help}; }
TableColumn Number(const char* title, const char* unit, const char* help = "") {
  return {title, unit, true, help};
}

/// A list of figures, each with its own unit.
std::vector<TableColumn> FigureColumns() { return {Words("figure"), Number("value", ""), Words("unit")}; }

TableRow Figure(const char* what, double value, int decimals, const char* unit, bool warns = false,
                const QString& help = {}) {
  return {{TextCell(what), NumberCell(value, decimals, warns), TextCell(unit)}, {}, help};
}

const scenarios::PipelineRankReport* FullestRank(const TrainingResult& r) {
  const auto it = std::max_element(r.ranks.begin(), r.ranks.end(), [](const auto& a, const auto& b) {
    return a.memory.Total().count < b.memory.Total().count;
  });
  return it == r.ranks.end() ? nullptr : &*it;
}

void AddStep(const TrainingResult& r, std::vector<TableRow>* rows) {
  rows->push_back(Figure("step", r.step_s, 3, "s"));
  if (r.interval.high_s > 0) {
    rows->push_back(Figure("step, 90 % interval from", r.interval.low_s, 2, "s"));
    rows->push_back(Figure("step, 90 % interval to", r.interval.high_s, 2, "s"));
  }
  rows->push_back(Figure("tokens", r.tokens_per_day * 1e-9, 2, "B a day"));
  rows->push_back(Figure("tokens", r.tokens_per_second_per_gpu, 1, "per GPU per second"));
  rows->push_back(Figure("achieved, causal", r.tflops_causal, 1, "TFLOPS a GPU"));
  rows->push_back(Figure("achieved, non-causal", r.tflops_noncausal, 1, "TFLOPS a GPU"));
  rows->push_back(Figure("MFU (BF16 peak), causal", 100 * r.mfu_causal, 2, "%"));
  rows->push_back(Figure("MFU (BF16 peak), non-causal", 100 * r.mfu_noncausal, 2, "%"));
  rows->push_back(Figure("parameters", static_cast<double>(r.parameters_total) * 1e-9, 1, "B"));
  rows->push_back(Figure("parameters, active", static_cast<double>(r.parameters_active) * 1e-9, 2, "B"));
}

void AddRun(const scenarios::RunReport& run, std::vector<TableRow>* rows) {
  rows->push_back(Figure("a trillion tokens", run.gpu_hours_per_trillion * 1e-3, 1, "k GPU hours"));
  rows->push_back(Figure("a trillion tokens", run.dollars_per_trillion * 1e-3, 1, "k$"));
  rows->push_back(Figure("the run", run.tokens * 1e-12, 2, "T tokens"));
  rows->push_back(Figure("the run", run.days, 1, "days"));
  rows->push_back(Figure("the run", run.gpu_hours * 1e-6, 3, "M GPU hours"));
  rows->push_back(Figure("the run", run.dollars * 1e-6, 3, "M$"));
}

void AddLoad(const TrainingResult& r, std::vector<TableRow>* rows) {
  const scenarios::ImbalanceReport& i = r.imbalance;
  if (r.folded || i.hottest_excess <= 0) return;
  rows->push_back(
      Figure("rows of the fullest rank of an exchange", 100 * i.hottest_excess, 1, "% over the mean"));
  if (!i.cost) return;
  rows->push_back(Figure("imbalance costs", i.cost->step_s, 3, "s a step"));
  rows->push_back(Figure("imbalance costs", 100 * i.cost->step_share, 1, "% of the step"));
  rows->push_back(
      Figure("imbalance costs", i.cost->dollars_per_trillion_tokens * 1e-3, 1, "k$ a trillion tokens"));
}

void AddSureness(const TrainingResult& r, std::vector<TableRow>* rows) {
  for (const auto& [what, share] : {std::pair{"time measured", r.measured},
                                    {"time derived", r.derived},
                                    {"time scaled", r.scaled},
                                    {"time analytic", r.analytic}}) {
    rows->push_back(Figure(what, 100 * share, 1, "% of kernel and transfer time"));
  }
}

/// Of one name: the published phase's id and ours.
struct PhaseRow {
  const char* name;
  const char* id;
  double scenarios::Phases::*seconds;
};
constexpr std::array<PhaseRow, 7> kPhases = {{
    {"forward alone (1F)", "DS-E03a", &scenarios::Phases::forward},
    {"bubble", "DS-E04a", &scenarios::Phases::bubble},
    {"backward for inputs (1B)", "DS-E05a", &scenarios::Phases::backward_input},
    {"backward for weights (1W)", "DS-E06a", &scenarios::Phases::backward_weight},
    {"forward and backward (1F1B)", "DS-E07a", &scenarios::Phases::forward_backward},
    {"optimizer", "DS-E08a", &scenarios::Phases::optimizer},
    {"moving experts to new plans", "", &scenarios::Phases::rebalancing},
}};

const scenarios::PublishedFigure* FindFigure(const std::vector<scenarios::PublishedFigure>& figures,
                                             std::string_view id) {
  for (const scenarios::PublishedFigure& figure : figures)
    if (!id.empty() && figure.id == id) return &figure;
  return nullptr;
}

TableCell ToleranceCell(const scenarios::PublishedFigure& f) {
  if (f.kind == scenarios::ToleranceKind::kAbsolute)
    return {QString("± %1 %2").arg(f.tolerance).arg(f.unit), f.tolerance, false};
  return {QString("± %1 %").arg(100 * f.tolerance), f.tolerance, false};
}

TableCell Gigabytes(std::int64_t bytes, bool warns = false) {
  return NumberCell(static_cast<double>(bytes) * 1e-9, 1, warns);
}

}  // namespace

SummaryModel::SummaryModel(QObject* parent) : TableModel(FigureColumns(), parent) {}

void SummaryModel::Show(const TrainingResult& r, const scenarios::RunReport& run) {
  std::vector<TableRow> rows;
  AddStep(r, &rows);
  AddRun(run, &rows);
  if (const scenarios::PipelineRankReport* rank = FullestRank(r)) {
    TableRow row = Figure("memory of the fullest pipeline rank",
                          static_cast<double>(rank->memory.Total().count) * 1e-9, 1, "GB", !r.fits);
    row.selects.pipeline_rank = rank->rank;
    rows.push_back(std::move(row));
    rows.push_back(Figure("memory of the device", static_cast<double>(r.device_memory) * 1e-9, 1, "GB"));
  }
  AddLoad(r, &rows);
  AddSureness(r, &rows);
  SetRows(std::move(rows));
}

PublishedModel::PublishedModel(QObject* parent)
    : TableModel({Words("figure"), Number("ours", ""), Number("published", ""), Words("unit"),
                  Number("difference", "%", "of ours to the published one; of percentages in points"),
                  Words("tolerance"), Words("source")},
                 parent) {}

void PublishedModel::Show(const scenarios::Scenario& scenario, const TrainingResult& r) {
  std::vector<TableRow> rows;
  for (const scenarios::PublishedFigure& f : scenarios::PublishedFor(scenario)) {
    const double ours = f.of(r);
    const bool absolute = f.kind == scenarios::ToleranceKind::kAbsolute;
    const double off = absolute ? ours - f.published : ours / f.published - 1;
    const bool outside = std::abs(off) > f.tolerance;
    rows.push_back(
        {{TextCell(f.what), NumberCell(ours, 2), NumberCell(f.published, 2), TextCell(f.unit),
          SignedCell(absolute ? off : 100 * off, 1, outside), ToleranceCell(f), TextCell(f.source)},
         {},
         {}});
  }
  SetRows(std::move(rows));
}

PhasesModel::PhasesModel(QObject* parent)
    : TableModel({Words("phase", "as pipeline rank 0 books it"), Number("time", "s"),
                  Number("share", "%", "of the step"), Number("published", "s"),
                  Number("difference", "%", "of ours to the published one")},
                 parent) {}

void PhasesModel::Show(const scenarios::Scenario& scenario, const TrainingResult& r) {
  const auto figures = scenarios::PublishedFor(scenario);
  std::vector<TableRow> rows;
  for (const PhaseRow& phase : kPhases) {
    const double seconds = r.phases.*phase.seconds;
    if (phase.seconds == &scenarios::Phases::rebalancing && seconds <= 0) continue;
    TableRow row{
        {TextCell(phase.name), NumberCell(seconds, 3), NumberCell(100 * seconds / r.step_s, 1), {}, {}},
        {},
        {}};
    if (const scenarios::PublishedFigure* f = FindFigure(figures, phase.id)) {
      const double off = seconds / f->published - 1;
      row.cells[3] = NumberCell(f->published, 2);
      row.cells[4] = SignedCell(100 * off, 1, std::abs(off) > f->tolerance);
      row.help = f->source;
    }
    row.selects.pipeline_rank = 0;
    rows.push_back(std::move(row));
  }
  SetRows(std::move(rows));
}

OpClassesModel::OpClassesModel(QObject* parent)
    : TableModel(
          {Words("class"), Number("time", "s", "per GPU and step, mean; compute and exchanges overlap"),
           Number("share", "%", "of all kernel and transfer time"),
           Number("measured", "s", "inside a table measured on this device"),
           Number("derived", "s", "the same, less a launch or a kernel that was timed along"),
           Number("scaled", "s", "carried over from another device, version or condition"),
           Number("analytic", "s", "from data-sheet rates alone")},
          parent) {}

void OpClassesModel::Show(const TrainingResult& r) {
  std::vector<TableRow> rows;
  for (const scenarios::OpClassReport& c : r.op_classes) {
    TableRow row{{TextCell(Text(c.name)), NumberCell(c.seconds, 3), NumberCell(100 * c.share, 1)}, {}, {}};
    for (const double seconds : {c.measured_s, c.derived_s, c.scaled_s, c.analytic_s})
      row.cells.push_back(NumberCell(seconds, 3));
    row.selects.op_class = c.name;
    rows.push_back(std::move(row));
  }
  SetRows(std::move(rows));
}

CommunicationModel::CommunicationModel(QObject* parent)
    : TableModel(
          {Words("what"), Number("time", "s", "per GPU and step, mean"), Number("share", "%", "of the step")},
          parent) {}

void CommunicationModel::Show(const TrainingResult& r) {
  const scenarios::CommunicationReport& c = r.communication;
  std::vector<TableRow> rows;
  for (const auto& [what, seconds] :
       {std::pair{"dispatch and combine", c.exchange_s},
        {"  hidden behind compute", c.exchange_s - c.exposed_s},
        {"  exposed: compute stood still", c.exposed_s},
        {"waiting for the slowest of a group, compute idle", c.straggler_s},
        {"waiting for the slowest of a group, exchange stream", c.notify_s},
        {"waiting for the pipeline", c.pipeline_wait_s},
        {"pipeline messages on the wire", c.messages_s},
        {"optimizer: gradients", r.optimizer.gradients_s},
        {"optimizer: norm", r.optimizer.norm_s},
        {"optimizer: parameters", r.optimizer.parameters_s},
        {"optimizer: update", r.optimizer.update_s},
        {"optimizer, beside the last tasks of other ranks", r.optimizer_hidden_s}}) {
    rows.push_back(
        {{TextCell(what), NumberCell(seconds, 3), NumberCell(100 * seconds / r.step_s, 1)}, {}, {}});
  }
  SetRows(std::move(rows));
}

WhatIfModel::WhatIfModel(QObject* parent)
    : TableModel({Words("were this so", "one thing changed at a time: gains do not add up"),
                  Number("step", "s", "on one exchange group a pipeline rank"),
                  Number("change", "%", "of the step")},
                 parent) {}

void WhatIfModel::Show(const TrainingResult& r) {
  std::vector<TableRow> rows;
  for (const scenarios::WhatIf& w : r.what_ifs)
    rows.push_back({{TextCell(Text(w.name)), NumberCell(w.step_s, 3), SignedCell(-100 * w.gain, 1)}, {}, {}});
  SetRows(std::move(rows));
}

CriticalPathModel::CriticalPathModel(QObject* parent)
    : TableModel({Words("step", "the chain of steps that ends last, without the optimizer"),
                  Number("time", "s"), Number("share", "%", "of the chain")},
                 parent) {}

void CriticalPathModel::Show(const TrainingResult& r) {
  std::vector<TableRow> rows;
  for (const scenarios::CriticalPathShare& s : r.critical_path)
    rows.push_back(
        {{TextCell(Text(s.name)), NumberCell(s.seconds, 3), NumberCell(100 * s.share, 1)}, {}, {}});
  SetRows(std::move(rows));
}

MemoryModel::MemoryModel(QObject* parent)
    : TableModel({Number("pipeline rank", ""), Number("weights", "GB"), Number("gradients", "GB"),
                  Number("optimizer", "GB"), Number("activations", "GB"),
                  Number("deferred", "GB", "operands of weight passes put off"), Number("workspace", "GB"),
                  Number("logits", "GB"), Number("communication", "GB"), Number("reserve", "GB"),
                  Number("total", "GB"), Number("spare", "GB"), Words("holds")},
                 parent) {}

void MemoryModel::Show(const TrainingResult& r) {
  std::vector<TableRow> rows;
  for (const scenarios::PipelineRankReport& rank : r.ranks) {
    const models::RankMemory& m = rank.memory;
    TableRow row{{WholeCell(rank.rank)}, {}, {}};
    for (const Bytes part : {m.weights, m.gradients, m.optimizer, m.activations, m.deferred_weights,
                             m.workspace, m.logits, m.communication, m.reserve}) {
      row.cells.push_back(Gigabytes(part.count));
    }
    row.cells.push_back(Gigabytes(m.Total().count, !rank.fits));
    row.cells.push_back(Gigabytes(r.device_memory - m.Total().count, !rank.fits));
    row.cells.push_back(TextCell(Text(rank.holds)));
    row.selects.pipeline_rank = rank.rank;
    if (!rank.fits) row.help = tr("does not fit in the device's memory");
    rows.push_back(std::move(row));
  }
  SetRows(std::move(rows));
}

NotesModel::NotesModel(QObject* parent) : TableModel({Words("note")}, parent) {}

void NotesModel::Show(const TrainingResult& r) {
  std::vector<TableRow> rows;
  for (const std::string& note : r.notes) rows.push_back({{TextCell(Text(note))}, {}, {}});
  SetRows(std::move(rows));
}

}  // namespace orrery::gui
