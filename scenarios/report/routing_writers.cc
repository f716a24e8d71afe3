// Writers of routing reports: text, JSON, CSV.
#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/json_text.h"
#include "scenarios/studies/routing_report.h"

namespace orrery::scenarios {
namespace {

using Json = nlohmann::ordered_json;
using models::BalanceStats;

std::string Optional(const std::optional<double>& x) { return x ? fmt::format("{:.3f}", *x) : "-"; }
Json Number(const std::optional<double>& x) { return x ? Json(*x) : Json(nullptr); }

std::string Percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string StatsLine(const std::string& name, const BalanceStats& s) {
  return fmt::format("  {:<26} {:>7.3f} {:>7.3f} {:>7.3f} {:>8} {:>8} {:>8}\n", name, s.max_vio, s.cv, s.gini,
                     Percent(s.dead), Percent(s.hot), Percent(s.very_hot));
}

/// MaxVio over a validation set as published (arXiv 2408.15664 Tables 2 and 3): loss-free at most 0.044, an
/// auxiliary loss 0.52 (3B) to 0.72 (1B).
constexpr double kLossFreeMaxVio = 0.044, kLeastAuxiliaryMaxVio = 0.52, kMostAuxiliaryMaxVio = 0.72;

/// How even the mix is, beside what is published.
std::string Evenness(double max_vio) {
  if (max_vio <= kLossFreeMaxVio) return "as even as loss-free balancing keeps it";
  if (max_vio < kLeastAuxiliaryMaxVio) return "between loss-free balancing and an auxiliary loss";
  if (max_vio <= kMostAuxiliaryMaxVio) return "as uneven as an auxiliary loss leaves it";
  return "more uneven than an auxiliary loss leaves it";
}

/// The statistics in words: the mix, then the domain whose busiest expert is the busiest.
std::string VerdictOf(const RoutingReport& r) {
  std::string text = fmt::format(
      "over the mix the busiest expert has {:.2f} times the mean, {} (MaxVio 0.04, and 0.52 to 0.72: arXiv "
      "2408.15664)",
      1 + r.global.max_vio, Evenness(r.global.max_vio));
  const auto worst =
      std::max_element(r.by_domain.begin(), r.by_domain.end(),
                       [](const BalanceStats& a, const BalanceStats& b) { return a.max_vio < b.max_vio; });
  const bool domains = r.by_domain.size() > 1;
  if (domains) {
    const std::string& name = r.loads.domains[static_cast<std::size_t>(worst - r.by_domain.begin())];
    text += fmt::format("; of {} alone {:.2f} times", name, 1 + worst->max_vio);
  }
  const BalanceStats& shown = domains ? *worst : r.global;
  return text + fmt::format(
                    "; with an expert a GPU the mean one would then work {} of the time; {} of the "
                    "experts are next to idle",
                    Percent(1 / (1 + shown.max_vio)), Percent(shown.dead));
}

constexpr const char* kStatistics =
    "  MaxVio: load of the busiest expert over the mean, minus 1; CV: standard deviation over the mean;\n"
    "  Gini: 0 where all have the same, near 1 where one has all; < 0.04, > 2, > 4: share of experts with "
    "less or "
    "more\n  than so many times the mean\n";

std::string LoadsText(const RoutingReport& r) {
  std::string layers = fmt::format("{} layer{}", r.by_layer.size(), r.by_layer.size() == 1 ? "" : "s");
  if (r.recorded_layers > 0 && r.recorded_layers != r.moe_layers)
    layers += fmt::format(" (the file has {}, the model {} MoE layers)", r.recorded_layers, r.moe_layers);
  std::string out =
      fmt::format("Expert load (1 = balanced), mean over {}\n  {:<26} {:>7} {:>7} {:>7} {:>8} {:>8} {:>8}\n",
                  layers, "", "MaxVio", "CV", "Gini", "< 0.04", "> 2", "> 4");
  out += StatsLine("global (whole mix)", r.global);
  if (r.not_converged)
    out += fmt::format(
        "  WARNING: no biases found that balance it so: an expert's load is {:.2g} off what {} asks for\n",
        *r.not_converged, r.strategy);
  const std::size_t most = 8;
  for (std::size_t d = 0; d < std::min(most, r.by_domain.size()); ++d) {
    out += StatsLine(fmt::format("{} ({} of mix)", r.loads.domains[d], Percent(r.loads.share[d])),
                     r.by_domain[d]);
  }
  if (r.by_domain.size() > most)
    out += fmt::format("  ... {} more domains in --json and --csv\n", r.by_domain.size() - most);
  std::string words = VerdictOf(r);
  for (std::size_t at = 0; (at = words.find("; ", at)) != std::string::npos; at += 4)
    words.replace(at, 2, ";\n  ");
  return out + fmt::format("  In words: {}.\n", words) + kStatistics;
}

std::string MicroBatchText(const RoutingReport& r) {
  if (!r.micro_batch) return "";
  const MicroBatchBalance& m = *r.micro_batch;
  const std::string slot =
      m.hottest_slot ? fmt::format(", hottest slot {:+.1f} %", 100 * *m.hottest_slot) : "";
  std::string out = fmt::format(
      "Training micro-batch at EP{}\n  hottest rank {:+.1f} % of the mean, hottest expert {:+.1f} %{}\n"
      "  {:.2f} nodes and {:.2f} GPUs a token\n",
      r.training_ranks, 100 * m.hottest_rank, 100 * m.max_vio, slot, m.nodes_per_token, m.gpus_per_token);
  if (m.lost) {
    const std::string weight =
        m.lost_weight ? fmt::format(" (with {} of all gate values)", Percent(*m.lost_weight)) : "";
    return out + fmt::format("  {} of all selections dropped over capacity{}\n", Percent(*m.lost), weight);
  }
  out += "  a capacity factor would drop";
  for (std::size_t i = 0; i < m.dropped.size(); ++i) {
    out += fmt::format("{} {} at {:g}", i == 0 ? "" : ",", Percent(m.dropped[i].second), m.dropped[i].first);
  }
  return out + "\n";
}

/// Smallest number of experts that a share `quantile` of tokens do not exceed.
std::size_t ExpertsAt(const ChoiceBalance& c, double quantile) {
  double sum = 0;
  for (std::size_t j = 0; j < c.experts_share.size(); ++j) {
    sum += c.experts_share[j];
    if (sum >= quantile) return j;
  }
  return c.experts_share.empty() ? 0 : c.experts_share.size() - 1;
}

std::string ChoiceText(const RoutingReport& r) {
  if (!r.choice) return "";
  const ChoiceBalance& c = *r.choice;
  return fmt::format(
      "Experts of a token\n  mean {:.2f}, standard deviation {:.2f}; {} of tokens have none and pass "
      "unserved\n"
      "  median {}, 90 % at most {}, 99 % at most {}, none over {}\n"
      "  WARNING: a token's experts depend on later tokens: no causal model can be served so, and training "
      "leaks at\n  least {:.1f} bits a token and layer, {:.0f} over its {} MoE layers (arXiv 2408.15664)\n\n",
      c.mean, c.deviation, Percent(c.experts_share.front()), ExpertsAt(c, 0.5), ExpertsAt(c, 0.9),
      ExpertsAt(c, 0.99), c.experts_share.size() - 1, c.leak_bits_per_token_layer, c.leak_bits_per_token,
      r.moe_layers);
}

std::string RanksText(const RoutingReport& r) {
  std::string out = "Hottest rank over the mean, minus 1, one domain served at a time";
  out += r.placed_shared_experts > 0 ? ", shared experts among the slots\n" : "\n";
  out += fmt::format("  {:>6} {:>11} {:>8} {:>8} {:>10} {:>16}\n", "ranks", "contiguous", "EPLB", "slots",
                     "EPLB+red.", "planned for mix");
  for (const RankBalance& b : r.ranks) {
    out += fmt::format("  {:>6} {:>11} {:>8} {:>8} {:>10} {:>16}\n", fmt::format("EP{}", b.ranks),
                       Optional(b.contiguous), Optional(b.eplb), b.slots, Optional(b.redundant),
                       Optional(b.stale));
  }
  return out;
}

std::string ResettledText(const models::TrainingTrace& t) {
  const std::string again = t.settling == models::Settling::kSettled ? " again" : "";
  switch (t.resettling) {
    case models::Settling::kSettled:
      return fmt::format("; settled{} {} steps later", again, t.resettled);
    case models::Settling::kTooShort:
      return "; too short a run after it to tell whether it settles" + again;
    case models::Settling::kNothingActs:  // of a run in which nothing ever does, it is said already
      return t.settling == models::Settling::kNothingActs ? "" : "; nothing moves its biases any more";
    case models::Settling::kUnsteady:
    case models::Settling::kNoBetter:
      break;
  }
  return "; not settled" + again;
}

/// What a shift of the text did to the training run.
std::string ShiftText(const RoutingReport& r) {
  if (!r.shift_step) return "";
  const models::TrainingTrace& t = *r.training;
  const auto at = static_cast<std::size_t>(*r.shift_step / models::TrainingTrace::kWindow);
  const std::string before = at > 0 ? fmt::format("{:.3f} before, ", t.max_vio[at - 1]) : "";
  return fmt::format(
      "  text shifts at step {}: MaxVio a batch {}{:.3f} at the end (means of {} steps), {:.3f} in the worst "
      "batch of the first{}\n",
      *r.shift_step, before, t.max_vio.back(), models::TrainingTrace::kWindow, t.max_vio_at_shift,
      ResettledText(t));
}

/// The run's MaxVio over the validation set, of the text that all other figures are of: before a shift.
double TrainedMaxVio(const RoutingReport& r) {
  return r.shift_step ? r.training->max_vio_global_before : r.training->max_vio_global;
}

std::string SettledText(const models::TrainingTrace& t) {
  switch (t.settling) {
    case models::Settling::kSettled:
      return fmt::format("settled after {} steps", t.settled);
    case models::Settling::kTooShort:
      return "too short a run to tell whether it settles";
    case models::Settling::kNothingActs:
      return "nothing moves its biases, so nothing settles";
    case models::Settling::kUnsteady:
      return "not settled";
    case models::Settling::kNoBetter:
      break;
  }
  return fmt::format("not settled: no better than without balancing, MaxVio global {:.3f}",
                     t.max_vio_unbalanced_before > 0 ? t.max_vio_unbalanced_before : t.max_vio_unbalanced);
}

/// Whether the training run ends about as even as the converged router that all other figures are of: they
/// differ by drift, by batches and by the validation set, and an update that is too fast or slow never
/// converges.
bool EndsConverged(const RoutingReport& r) {
  const bool unknown = r.shift_step && r.training->max_vio_unbalanced_before == 0;
  if (unknown || r.training->settling == models::Settling::kTooShort) return true;  // says so itself
  const double converged = r.by_layer.front().max_vio, trained = TrainedMaxVio(r);
  constexpr double kTimes = 2, kNoise = 0.1;
  return std::max(converged, trained) <= kTimes * std::min(converged, trained) + kNoise;
}

std::string TrainingText(const RoutingReport& r) {
  if (!r.training && r.shift_step)
    return fmt::format("No training run (0 steps): what the shift at step {} does is not shown\n",
                       *r.shift_step);
  if (!r.training) return "";
  const models::TrainingTrace& t = *r.training;
  std::string out = fmt::format("Settling, layer 1 over {} steps ({})\n  MaxVio a batch:",
                                t.max_vio.size() * models::TrainingTrace::kWindow, r.engine);
  for (std::size_t i = 0; i < 8; ++i) {
    const std::size_t window = (t.max_vio.size() - 1) * i / 7;
    out += fmt::format(" {:.3f}", t.max_vio[window]);
  }
  out += fmt::format("\n  {}; MaxVio global {:.3f}, largest bias {:.3f}\n", SettledText(t), t.max_vio_global,
                     t.bias_spread.back());
  if (!EndsConverged(r))
    out += fmt::format(
        "  WARNING: the run does not {}, whose layer 1 has {:.3f}\n",
        r.shift_step ? fmt::format("get as even before the shift, {:.3f}, as the converged router above",
                                   TrainedMaxVio(r))
                     : "end as even as the converged router above",
        r.by_layer.front().max_vio);
  out += ShiftText(r);
  out += "  MaxVio of a computation batch:";
  for (const auto& [sequences, vio] : r.computation) out += fmt::format(" {:.2f} ({} seq)", vio, sequences);
  return out + "\n";
}

Json StatsJson(const BalanceStats& s) {
  return {{"max_vio", s.max_vio}, {"cv", s.cv},         {"gini", s.gini},
          {"dead_share", s.dead}, {"hot_share", s.hot}, {"very_hot_share", s.very_hot}};
}

Json RanksJson(const RoutingReport& r) {
  Json out = Json::array();
  for (const RankBalance& b : r.ranks) {
    out.push_back({{"ranks", b.ranks},
                   {"slots", b.slots},
                   {"contiguous_excess", Number(b.contiguous)},
                   {"eplb_excess", Number(b.eplb)},
                   {"eplb_redundant_excess", Number(b.redundant)},
                   {"eplb_planned_for_mix_excess", Number(b.stale)}});
  }
  return out;
}

Json MicroBatchJson(const MicroBatchBalance& m) {
  Json dropped = Json::array();
  for (const auto& [factor, share] : m.dropped)
    dropped.push_back({{"capacity_factor", factor}, {"dropped_share", share}});
  return {{"hottest_rank_excess", m.hottest_rank},
          {"max_vio", m.max_vio},
          {"hottest_slot_excess", Number(m.hottest_slot)},
          {"nodes_per_token", m.nodes_per_token},
          {"gpus_per_token", m.gpus_per_token},
          {"dropped_share", Number(m.lost)},
          {"dropped_gate_share", Number(m.lost_weight)},
          {"dropped", dropped}};
}

/// Null where the text shifts within the first window.
Json Before(const models::TrainingTrace& t, double x) {
  return t.max_vio_unbalanced_before > 0 ? Json(x) : Json(nullptr);
}

Json TrainingJson(const RoutingReport& r) {
  const models::TrainingTrace& t = *r.training;
  Json computation = Json::array();
  for (const auto& [sequences, vio] : r.computation)
    computation.push_back({{"sequences", sequences}, {"max_vio", vio}});
  Json out = {{"engine", r.engine},
              {"window_steps", models::TrainingTrace::kWindow},
              {"max_vio_batch", t.max_vio},
              {"bias_spread", t.bias_spread},
              {"bias_of_four_experts", t.bias_path},
              {"settling", models::SettlingName(t.settling)},
              {"settled_step", t.settled < 0 ? Json(nullptr) : Json(t.settled)},
              {"max_vio_global", t.max_vio_global},
              {"max_vio_global_unbalanced", t.max_vio_unbalanced},
              {"max_vio_global_converged", r.by_layer.front().max_vio},
              {"computation_batches", computation}};
  if (r.shift_step) {
    out["shift_step"] = *r.shift_step;
    out["max_vio_global_before_shift"] = Before(t, t.max_vio_global_before);
    out["max_vio_global_unbalanced_before_shift"] = Before(t, t.max_vio_unbalanced_before);
    out["max_vio_at_shift"] = t.max_vio_at_shift;
    out["resettling"] = models::SettlingName(t.resettling);
    out["resettled_steps"] = t.resettled < 0 ? Json(nullptr) : Json(t.resettled);
  }
  return out;
}

Json ChoiceJson(const ChoiceBalance& c) {
  return {{"experts_per_token", c.mean},
          {"experts_per_token_sd", c.deviation},
          {"unserved_share", c.experts_share.front()},
          {"share_by_experts", c.experts_share},
          {"leak_bits_per_token_layer", c.leak_bits_per_token_layer},
          {"leak_bits_per_token", c.leak_bits_per_token}};
}

Json ReportJson(const RoutingReport& r) {
  Json domains = Json::array(), layers = Json::array();
  for (std::size_t d = 0; d < r.by_domain.size(); ++d) {
    Json one = {{"domain", r.loads.domains[d]}, {"share", r.loads.share[d]}};
    one.update(StatsJson(r.by_domain[d]));
    domains.push_back(one);
  }
  for (const BalanceStats& s : r.by_layer) layers.push_back(StatsJson(s));
  Json out = {{"schema_version", 1}, {"model", r.model},           {"strategy", r.strategy},
              {"source", r.source},  {"experts", r.experts},       {"top_k", r.top_k},
              {"groups", r.groups},  {"top_groups", r.top_groups}, {"global", StatsJson(r.global)},
              {"layers", layers},    {"domains", domains},         {"ranks", RanksJson(r)}};
  out["verdict"] = VerdictOf(r);
  if (!r.model_notes.empty()) out["model_notes"] = r.model_notes;
  if (r.recorded_layers > 0) out["recorded_layers"] = r.recorded_layers;
  if (!r.left_out.empty()) out["keys_left_out"] = r.left_out;
  out["not_converged_excess"] = Number(r.not_converged);
  if (r.micro_batch) out["micro_batch"] = MicroBatchJson(*r.micro_batch);
  if (r.micro_batch) out["micro_batch"]["ranks"] = r.training_ranks;
  if (r.choice) out["expert_choice"] = ChoiceJson(*r.choice);
  if (r.training) out["training"] = TrainingJson(r);
  if (r.step) {
    out["step_time_s"] = r.step->step_s;
    out["tokens_per_second"] = r.step->tokens_per_s;
    out["cost_usd_per_trillion_tokens"] = r.step->dollars_per_trillion;
    out["imbalance_share_of_step"] = r.step->imbalance_share;
    out["rebalancing_s"] = r.step->rebalancing_s;
    out["work_not_done_s"] = r.step->undone_s;
    out["fits"] = r.step->fits;
  }
  return out;
}

bool AnyStep(const std::vector<RoutingReport>& reports) {
  for (const RoutingReport& r : reports)
    if (r.step) return true;
  return false;
}

double DomainCv(const RoutingReport& r) {
  double cv = 0;
  for (std::size_t d = 0; d < r.by_domain.size(); ++d) cv += r.loads.share[d] * r.by_domain[d].cv;
  return cv;
}

std::string SettledCell(const RoutingReport& r) {
  if (!r.training || r.training->settling == models::Settling::kNothingActs) return "-";
  if (r.training->settling == models::Settling::kTooShort) return "?";
  return r.training->settled < 0 ? "never" : fmt::format("{}", r.training->settled);
}

bool AnyLost(const std::vector<RoutingReport>& reports) {
  return std::any_of(reports.begin(), reports.end(),
                     [](const RoutingReport& r) { return r.micro_batch && r.micro_batch->lost; });
}

/// Share of selections dropped: what is, where a capacity is set (`lost`), else what a factor of 1.25 would.
std::string DroppedCell(const RoutingReport& r, bool lost) {
  if (!r.micro_batch) return "-";
  const MicroBatchBalance& m = *r.micro_batch;
  if (lost) return m.lost ? fmt::format("{:.4f}", *m.lost) : "-";
  return m.dropped.size() > 1 ? fmt::format("{:.4f}", m.dropped[1].second) : "-";
}

/// A column of the comparison: its name in CSV, its two lines of heading and width in text, and what stands
/// in it.
struct Column {
  std::string name, over, under;
  int width;
  std::function<std::string(const RoutingReport&)> cell;
};

/// "-" where the report has no `part`.
template <class Part, class Figure>
std::function<std::string(const RoutingReport&)> Cell(std::optional<Part> RoutingReport::*part,
                                                      const char* format, Figure figure) {
  return [=](const RoutingReport& r) {
    return r.*part ? fmt::format(fmt::runtime(format), figure(*(r.*part))) : std::string("-");
  };
}

void AddStepColumns(std::vector<Column>* columns) {
  const auto step = [](const char* format, double StepFigures::*figure) {
    return Cell(&RoutingReport::step, format, [=](const StepFigures& s) { return s.*figure; });
  };
  columns->push_back({"step_time_s", "step", "time (s)", 9, step("{:.4f}", &StepFigures::step_s)});
  columns->push_back(
      {"tokens_per_second", "tokens", "/second", 10, step("{:.0f}", &StepFigures::tokens_per_s)});
  columns->push_back({"cost_usd_per_trillion_tokens", "$ a tril.", "tokens", 10,
                      step("{:.0f}", &StepFigures::dollars_per_trillion)});
  columns->push_back(
      {"imbalance_share_of_step", "imbalance", "/step", 10, step("{:.4f}", &StepFigures::imbalance_share)});
}

std::vector<Column> Columns(const std::vector<RoutingReport>& reports) {
  const bool lost = AnyLost(reports);
  const auto balance = [](const char* format, double MicroBatchBalance::*figure) {
    return Cell(&RoutingReport::micro_batch, format, [=](const MicroBatchBalance& m) { return m.*figure; });
  };
  std::vector<Column> columns = {
      {"max_vio_global", "MaxVio", "global", 8,
       [](const RoutingReport& r) { return fmt::format("{:.3f}", r.global.max_vio); }},
      {"domain_cv", "CV of a", "domain", 9,
       [](const RoutingReport& r) { return fmt::format("{:.3f}", DomainCv(r)); }},
      {"max_vio_micro_batch", "MaxVio of a", "micro-batch", 12,
       balance("{:.3f}", &MicroBatchBalance::max_vio)},
      {"hottest_rank_excess", "hottest", "rank excess", 12,
       balance("{:.3f}", &MicroBatchBalance::hottest_rank)},
      {"nodes_per_token", "nodes", "/token", 7, balance("{:.2f}", &MicroBatchBalance::nodes_per_token)},
      {lost ? "dropped_share" : "dropped_share_at_1.25", "dropped", lost ? "of rows" : "at 1.25", 9,
       [lost](const RoutingReport& r) { return DroppedCell(r, lost); }},
      {"settled_step", "settled", "steps", 9, SettledCell}};
  if (AnyStep(reports)) AddStepColumns(&columns);
  return columns;
}

/// What a line of figures does not say.
std::string Remarks(const std::vector<RoutingReport>& reports) {
  std::string out;
  // The same model throughout.
  if (!reports.empty())
    for (const std::string& note : reports.front().model_notes) out += "\nmodel: " + note;
  for (const RoutingReport& r : reports) {
    if (r.choice)
      out += fmt::format(
          "\n{}: {} of tokens have no expert; leaks at least {:.1f} bits a token and layer of later tokens: "
          "no "
          "causal model can be served so",
          r.strategy, Percent(r.choice->experts_share.front()), r.choice->leak_bits_per_token_layer);
    if (!r.left_out.empty())
      out += fmt::format("\n{}: left out, meaning nothing to it: routing.{}", r.strategy,
                         fmt::join(r.left_out, ", routing."));
    if (r.not_converged)
      out += fmt::format("\n{}: NOT CONVERGED: an expert's load is {:.2g} off what it asks for", r.strategy,
                         *r.not_converged);
    if (r.shift_step && !r.training)
      out += fmt::format("\n{}: 0 training steps do not show what the shift does", r.strategy);
    if (r.training && r.training->settling != models::Settling::kNothingActs && !EndsConverged(r))
      out += fmt::format("\n{}: its training run {} MaxVio global {:.3f}, the converged layer has {:.3f}",
                         r.strategy, r.shift_step ? "has before the shift" : "ends at", TrainedMaxVio(r),
                         r.by_layer.front().max_vio);
    if (r.step && !r.step->fits) out += fmt::format("\n{}: DOES NOT FIT the device's memory", r.strategy);
  }
  return out.empty() ? out : out + "\n";
}

}  // namespace

std::string RoutingText(const RoutingReport& r) {
  std::string out = fmt::format("{}: {} routed experts, top-{}", r.model, r.experts, r.top_k);
  if (r.groups > 1) out += fmt::format(", at most {} of {} groups", r.top_groups, r.groups);
  if (!r.left_out.empty())
    out += fmt::format("\nleft out, meaning nothing to {}: routing.{}", r.strategy,
                       fmt::join(r.left_out, ", routing."));
  for (const std::string& note : r.model_notes) out += "\nmodel: " + note;
  out += fmt::format("\n{}\n\n{}\n{}\n{}{}", r.source, LoadsText(r), MicroBatchText(r), ChoiceText(r),
                     RanksText(r));
  if (r.training || r.shift_step) out += "\n" + TrainingText(r);
  if (r.step) {
    out += fmt::format(
        "\nStep time {:.4f} s, of which imbalance {}; {:.2f} M tokens a second, {:.0f} $ a trillion\n",
        r.step->step_s, Percent(r.step->imbalance_share), 1e-6 * r.step->tokens_per_s,
        r.step->dollars_per_trillion);
    if (r.step->rebalancing_s > 0)
      out += fmt::format("  moving experts to new plans {:.3f} s of it, unhidden\n", r.step->rebalancing_s);
    if (r.step->undone_s != 0)
      out += fmt::format("  the rows dropped are {:.3f} s of work not done\n", r.step->undone_s);
    if (!r.step->fits) out += "  DOES NOT FIT the device's memory\n";
  }
  return out;
}

std::string RoutingJson(const RoutingReport& r) {
  Json out = ReportJson(r);
  Json heat = Json::array();
  for (const auto& layer : r.loads.load) {
    for (std::size_t d = 0; d < layer.size(); ++d) {
      heat.push_back({{"layer", heat.size() / layer.size()},
                      {"domain", r.loads.domains[d]},
                      {"relative_load", models::Relative(layer[d])}});
    }
  }
  out["heat_map"] = heat;
  return JsonText(out);
}

std::string RoutingCsv(const RoutingReport& r) {
  std::string out = "layer,domain,share";
  for (int e = 0; e < r.loads.experts; ++e) out += fmt::format(",e{}", e);
  out += "\n";
  for (int l = 0; l < r.loads.layers(); ++l) {
    const auto& layer = r.loads.load[static_cast<std::size_t>(l)];
    for (std::size_t d = 0; d < layer.size(); ++d) {
      out += fmt::format("{},{},{:.8g}", l, r.loads.domains[d], r.loads.share[d]);
      for (double x : models::Relative(layer[d])) out += fmt::format(",{:.7g}", x);
      out += "\n";
    }
  }
  return out;
}

std::string RoutingComparisonText(const std::vector<RoutingReport>& reports) {
  const std::vector<Column> columns = Columns(reports);
  const auto line = [&](std::string_view first, const auto& cell) {
    std::string text = fmt::format("{:<26}", first);
    for (const Column& c : columns) text += fmt::format(" {:>{}}", cell(c), c.width);
    return text + "\n";
  };
  std::string out = line("", [](const Column& c) { return c.over; });
  out += line("strategy", [](const Column& c) { return c.under; });
  for (const RoutingReport& r : reports) out += line(r.strategy, [&](const Column& c) { return c.cell(r); });
  return out + Remarks(reports);
}

std::string RoutingComparisonJson(const std::vector<RoutingReport>& reports) {
  Json out = {{"schema_version", 1}, {"strategies", Json::array()}};
  for (const RoutingReport& r : reports) out["strategies"].push_back(ReportJson(r));
  return JsonText(out);
}

std::string RoutingComparisonCsv(const std::vector<RoutingReport>& reports) {
  const std::vector<Column> columns = Columns(reports);
  std::string out = "strategy";
  for (const Column& c : columns) out += "," + c.name;
  for (const RoutingReport& r : reports) {
    out += "\n" + r.strategy;
    for (const Column& c : columns) out += "," + c.cell(r);
  }
  return out + "\n";
}

}  // namespace orrery::scenarios
