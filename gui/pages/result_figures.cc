#include "gui/pages/result_figures.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gui/geometry/ticks.h"
#include "gui/session/text.h"
#include "scenarios/validation/published.h"

namespace orrery::gui {
namespace {

QString Number(double value, int decimals) { return Text(Fixed(value, decimals)); }

/// "351 k$", "5.22 M$".
QString Dollars(double dollars) {
  if (dollars >= 1e6) return Number(dollars * 1e-6, 2) + " M$";
  return Number(dollars * 1e-3, 0) + " k$";
}

const scenarios::TrainingResult* ResultOf(const AnswerPtr& answer) {
  return answer ? answer->result.get() : nullptr;
}

Phase PhaseOf(const char* name, double seconds, int category) {
  return {name, Text(Seconds(seconds)), seconds, category, Texture::kSolid};
}

PhaseStrip StripOf(const QString& label, const scenarios::Phases& p, double step_s) {
  PhaseStrip strip{label, {}, Number(step_s > 0 ? step_s : p.Sum(), 2) + " s"};
  strip.phases = {PhaseOf("1F", p.forward, 0),
                  PhaseOf("bubble", p.bubble, BarPart::kPlain),
                  PhaseOf("1B", p.backward_input, 1),
                  PhaseOf("1W", p.backward_weight, 2),
                  PhaseOf("1F1B", p.forward_backward, 3),
                  PhaseOf("optimizer", p.optimizer, 5)};
  if (p.rebalancing > 0) strip.phases.push_back(PhaseOf("moving experts", p.rebalancing, 4));
  return strip;
}

/// A row for each named part of ours, the other variant's beside it.
struct NamedValue {
  QString name;
  double value = 0;
};

void AddRows(BarsFigure* figure, const std::vector<NamedValue>& ours, const std::vector<NamedValue>& theirs,
             double least, Sureness kind) {
  std::map<QString, double> other;
  for (const NamedValue& value : theirs) other[value.name] = value.value;
  for (const NamedValue& value : ours) {
    if (value.value < least) continue;
    BarRow row;
    row.label = value.name;
    row.parts = {{value.value, Texture::kSolid, 0}};
    row.value = Number(value.value, value.value < 0.1 ? 3 : 2) + " s";
    if (const auto found = other.find(value.name); found != other.end()) {
      row.reference = found->second;
      row.difference = DifferenceText(found->second, value.value, kind);
    }
    figure->rows.push_back(std::move(row));
  }
}

void NameTheOther(BarsFigure* figure, const ShownAnswers& shown) {
  if (!shown.against) return;
  figure->reference_name = shown.against_name;
  figure->difference_title = "against";
}

std::vector<NamedValue> OpClassValues(const scenarios::TrainingResult* r) {
  std::vector<NamedValue> values;
  if (r == nullptr) return values;
  for (const scenarios::OpClassReport& c : r->op_classes) values.push_back({Text(c.name), c.seconds});
  return values;
}

std::vector<NamedValue> PathValues(const scenarios::TrainingResult* r) {
  std::vector<NamedValue> values;
  if (r == nullptr) return values;
  for (const scenarios::CriticalPathShare& c : r->critical_path) values.push_back({Text(c.name), c.seconds});
  return values;
}

std::vector<NamedValue> CommunicationValues(const scenarios::TrainingResult* r) {
  if (r == nullptr) return {};
  const scenarios::CommunicationReport& c = r->communication;
  return {{"exchanges, hidden", c.exchange_s - c.exposed_s},
          {"exchanges, exposed", c.exposed_s},
          {"waiting for stragglers", c.straggler_s},
          {"waiting for pipeline neighbours", c.pipeline_wait_s},
          {"messages between pipeline ranks", c.messages_s}};
}

/// Named seconds of `ours`, those of the variant beside it as ticks; parts below `least_share` of the step left out.
BarsFigure ComparedBars(const char* title, const char* axis_title, const ShownAnswers& shown,
                        const AnswerPtr& ours,
                        std::vector<NamedValue> (*values)(const scenarios::TrainingResult*),
                        double least_share) {
  BarsFigure figure;
  figure.title = title;
  figure.axis_title = axis_title;
  figure.pale = shown.pale();
  NameTheOther(&figure, shown);
  if (ours)
    AddRows(&figure, values(ResultOf(ours)), values(ResultOf(shown.against)),
            least_share * ours->result->step_s, ours->kind);
  return figure;
}

}  // namespace

ShownAnswers AnswersOf(const Session& session) {
  ShownAnswers shown;
  const VariantPtr variant = session.Shown(), other = session.Against();
  if (!variant) return shown;
  shown.name = QString::fromStdString(variant->name);
  shown.scenario = variant->plan->training();
  shown.answer = session.Latest(variant->id);
  if (!shown.answer) shown.answer = session.Best(variant->id);  // folded: a direction, until there is more
  if (shown.answer && !shown.answer->result) shown.answer = nullptr;  // of another kind of scenario
  shown.best = shown.answer;
  shown.stale = shown.answer && !session.IsCurrent(*shown.answer);
  if (!other || shown.stale) return shown;
  shown.against_name = QString::fromStdString(other->name);
  if (const auto pair = session.CommonAnswers(other->id, variant->id)) {
    shown.answer = pair->other;
    shown.against = pair->base;
  }
  return shown;
}

QString DifferenceText(double from, double to, Sureness kind) {
  if (!(from > 0)) return {};
  const double share = to / from - 1;
  if (kind == Sureness::kFolded) return QString("about ") + Text(SignedPercent(share, 0));
  return Text(SignedPercent(share, 1));
}

TilesFigure HeadlineOf(const ShownAnswers& shown, const scenarios::RunReport& run,
                       const std::optional<scenarios::RunReport>& against_run) {
  TilesFigure figure;
  const scenarios::TrainingResult* r = ResultOf(shown.answer);
  if (r == nullptr) return figure;
  figure.pale = shown.pale();
  const Sureness kind = shown.answer->kind;
  if (kind == Sureness::kFolded) {
    figure.tiles = {{"about " + Number(r->step_s, 0) + " s " + Text(Mark(kind)),
                     "an optimizer step",
                     "blind to imbalance: wait for ●",
                     {},
                     false}};
    return figure;
  }
  const scenarios::TrainingResult* other = ResultOf(shown.against);
  const auto change = [&](double from, double to) {
    return other ? DifferenceText(from, to, kind) : QString();
  };
  std::int64_t worst = 0;
  for (const scenarios::PipelineRankReport& rank : r->ranks)
    worst = std::max(worst, rank.memory.Total().count);
  const QString interval = r->interval.high_s > 0 ? Number(r->interval.low_s, 2) + " to " +
                                                        Number(r->interval.high_s, 2) + " s (90 %)"
                                                  : QString("interval not known yet");
  figure.tiles = {
      {Number(r->step_s, 2) + " s " + Text(Mark(kind)), "an optimizer step", interval,
       change(other ? other->step_s : 0, r->step_s), false},
      {Number(r->tokens_per_day * 1e-9, 1) + " B", "tokens a day",
       Number(r->tokens_per_second_per_gpu, 0) + " a GPU and second",
       change(other ? other->tokens_per_day : 0, r->tokens_per_day), false},
      {Dollars(run.dollars_per_trillion), "a trillion tokens",
       Number(run.gpu_hours_per_trillion * 1e-3, 1) + " k GPU hours",
       against_run ? change(against_run->dollars_per_trillion, run.dollars_per_trillion) : QString(), false}};
  if (run.days > 0)
    figure.tiles.push_back(
        {Number(run.days, 1) + " days", QString("the run of ") + Number(run.tokens * 1e-12, 1) + " T tokens",
         Dollars(run.dollars), against_run ? change(against_run->days, run.days) : QString(), false});
  figure.tiles.push_back({Number(100 * r->mfu_causal, 1) + " %",
                          "MFU, causal",
                          Number(r->tflops_causal, 0) + " TFLOPS a GPU",
                          {},
                          false});
  figure.tiles.push_back({Number(static_cast<double>(worst) * 1e-9, 1) + " GB",
                          "memory of the worst rank",
                          (r->fits ? QString("of ") : QString("DOES NOT FIT in ")) +
                              Number(static_cast<double>(r->device_memory) * 1e-9, 1) + " GB",
                          {},
                          !r->fits});
  return figure;
}

PhasesFigure PhasesOf(const ShownAnswers& shown) {
  PhasesFigure figure;
  figure.title = "Where the step goes (pipeline rank 0)";
  figure.axis_title = "seconds";
  figure.pale = shown.pale();
  if (const auto* r = ResultOf(shown.answer); r && shown.answer->kind == Sureness::kFolded) {
    PhaseStrip strip = StripOf("folded", r->phases, r->step_s);
    for (Phase& phase : strip.phases) phase.value.clear();
    strip.total = "about " + Number(r->step_s, 0) + " s";
    figure.strips.push_back(std::move(strip));
    return figure;
  }
  if (const auto* r = ResultOf(shown.answer))
    figure.strips.push_back(StripOf(shown.against ? shown.name : "ours", r->phases, r->step_s));
  if (const auto* r = ResultOf(shown.against)) {
    figure.strips.push_back(StripOf(shown.against_name, r->phases, r->step_s));
  } else if (shown.scenario != nullptr) {
    if (const auto published = scenarios::PublishedPhasesFor(*shown.scenario)) {
      figure.strips.push_back(StripOf("published", published->phases, published->step_s));
      figure.caption = "Published: " + Text(published->source);
    }
  }
  return figure;
}

BarsFigure HelpsOf(const ShownAnswers& shown) {
  BarsFigure figure;
  figure.title = "What would help most (gains do not add up)";
  figure.axis_title = "share of the step that is saved";
  figure.percent_axis = true;
  figure.value_title = "step";
  figure.difference_title = "gain";
  figure.pale = shown.pale();
  if (const auto* r = ResultOf(shown.best)) {
    for (const scenarios::WhatIf& what : r->what_ifs) {
      BarRow row;
      row.label = Text(what.name);
      row.parts = {{std::max(0.0, what.gain), Texture::kSolid, 0}};
      row.value = Number(what.step_s, 2) + " s";
      row.difference = Text(SignedPercent(-what.gain, 1));
      figure.rows.push_back(std::move(row));
    }
  }
  return figure;
}

BarsFigure OpClassesOf(const ShownAnswers& shown) {
  BarsFigure figure = ComparedBars("What runs", "seconds a GPU and step (they overlap)", shown, shown.answer,
                                   &OpClassValues, 0.0005);
  if (const auto* r = ResultOf(shown.answer)) {
    figure.caption = QString(
                         "Of kernel and transfer time %1 % is measured, %2 % derived, %3 % scaled from "
                         "another device, %4 % analytic.")
                         .arg(100 * r->measured, 0, 'f', 1)
                         .arg(100 * r->derived, 0, 'f', 1)
                         .arg(100 * r->scaled, 0, 'f', 1)
                         .arg(100 * r->analytic, 0, 'f', 1);
  }
  return figure;
}

BarsFigure CommunicationOf(const ShownAnswers& shown) {
  BarsFigure figure =
      ComparedBars("Communication", "seconds a GPU and step", shown, shown.answer, &CommunicationValues, 0);
  for (BarRow& row : figure.rows)
    if (row.label.contains("exposed") || row.label.contains("waiting"))
      row.parts.front().category = BarPart::kHot;
  return figure;
}

BarsFigure CriticalPathOf(const ShownAnswers& shown) {
  return ComparedBars("The critical path (parts of at least 0.5 % of the step)", "seconds of the step", shown,
                      shown.best, &PathValues, 0.005);
}

StacksFigure MemoryOf(const ShownAnswers& shown) {
  StacksFigure figure;
  figure.title = "Memory of each pipeline rank";
  figure.axis_title = "GB";
  figure.column_title = "pipeline rank";
  figure.pale = shown.pale();
  const auto* r = ResultOf(shown.answer);
  if (r == nullptr) return figure;
  const std::vector<std::pair<const char*, orrery::Bytes models::RankMemory::*>> parts = {
      {"weights", &models::RankMemory::weights},
      {"gradients", &models::RankMemory::gradients},
      {"optimizer", &models::RankMemory::optimizer},
      {"activations", &models::RankMemory::activations},
      {"deferred weight passes", &models::RankMemory::deferred_weights},
      {"workspace", &models::RankMemory::workspace},
      {"logits", &models::RankMemory::logits},
      {"exchange buffers", &models::RankMemory::communication},
      {"reserve", &models::RankMemory::reserve}};
  std::vector<bool> used(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i)
    for (const auto& rank : r->ranks) used[i] = used[i] || (rank.memory.*parts[i].second).count > 0;
  int index = 0;
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (used[i]) figure.parts.push_back(PartOf(index++, parts[i].first));
  const scenarios::PipelineRankReport* least_spare = nullptr;
  for (const auto& rank : r->ranks) {
    StackColumn column{QString::number(rank.rank), {}};
    for (std::size_t i = 0; i < parts.size(); ++i)
      if (used[i]) column.parts.push_back(static_cast<double>((rank.memory.*parts[i].second).count) * 1e-9);
    figure.columns.push_back(std::move(column));
    if (least_spare == nullptr || rank.memory.Total().count > least_spare->memory.Total().count)
      least_spare = &rank;
  }
  figure.limit = static_cast<double>(r->device_memory) * 1e-9;
  figure.limit_text = Number(*figure.limit, 1) + " GB of the device";
  if (least_spare != nullptr) {
    const double spare = *figure.limit - static_cast<double>(least_spare->memory.Total().count) * 1e-9;
    figure.caption = QString(spare >= 0 ? "Spare %1 GB on rank %2, the fullest, which holds %3."
                                        : "Rank %2 lacks %1 GB; it holds %3.")
                         .arg(std::abs(spare), 0, 'f', 1)
                         .arg(least_spare->rank)
                         .arg(Text(least_spare->holds));
  }
  return figure;
}

}  // namespace orrery::gui
