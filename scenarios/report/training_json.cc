#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/base/json_text.h"
#include "scenarios/report/training_report.h"

namespace orrery::scenarios {
namespace {

using Json = nlohmann::ordered_json;

Json MemoryJson(const models::RankMemory& m) {
  return {{"weights_bytes", m.weights.count},
          {"gradients_bytes", m.gradients.count},
          {"optimizer_bytes", m.optimizer.count},
          {"activations_bytes", m.activations.count},
          {"deferred_weights_bytes", m.deferred_weights.count},
          {"workspace_bytes", m.workspace.count},
          {"logits_bytes", m.logits.count},
          {"communication_bytes", m.communication.count},
          {"reserve_bytes", m.reserve.count},
          {"total_bytes", m.Total().count}};
}

Json RanksJson(const TrainingResult& r) {
  Json ranks = Json::array();
  for (const PipelineRankReport& rank : r.ranks) {
    ranks.push_back({{"rank", rank.rank},
                     {"holds", rank.holds},
                     {"busy_s", rank.busy_s},
                     {"optimizer_s", rank.optimizer_s},
                     {"bubble_s", rank.bubble_s},
                     {"compute_idle_s", rank.compute_idle_s},
                     {"parameters", rank.parameters},
                     {"memory", MemoryJson(rank.memory)},
                     {"fits", rank.fits}});
  }
  return ranks;
}

/// Of op classes, and of the critical path.
template <class Share>
Json SharesJson(const std::vector<Share>& shares) {
  Json json = Json::array();
  for (const Share& s : shares) json.push_back({{"name", s.name}, {"time_s", s.seconds}, {"share", s.share}});
  return json;
}

Json AnalysisJson(const TrainingResult& r) {
  Json analysis;
  analysis["what_would_help"] = Json::array();
  for (const WhatIf& w : r.what_ifs)
    analysis["what_would_help"].push_back({{"name", w.name}, {"step_s", w.step_s}, {"gain", w.gain}});
  analysis["critical_path"] = SharesJson(r.critical_path);
  return analysis;
}

Json ProvenanceJson(const TrainingResult& r) {
  Json shares = {{"measured", r.measured}, {"scaled", r.scaled}, {"analytic", r.analytic}};
  if (r.derived > 0) shares["derived"] = r.derived;
  return shares;
}

Json PhasesJson(const Phases& p) {
  return {{"forward", p.forward},
          {"bubble", p.bubble},
          {"backward_input", p.backward_input},
          {"backward_weight", p.backward_weight},
          {"forward_backward", p.forward_backward},
          {"optimizer", p.optimizer},
          {"rebalancing", p.rebalancing}};
}

Json IntervalJson(const Interval& i) {
  return {{"low", i.low_s},
          {"high", i.high_s},
          {"level", 0.9},
          {"calibration_relative_mean", i.calibration_mean},
          {"calibration_relative_sd", i.calibration_sd},
          {"seed_relative_sd", i.seed_sd},
          {"resamples", i.resamples},
          {"seeds", i.seeds}};
}

Json CommunicationJson(const CommunicationReport& c) {
  return {{"exchange", c.exchange_s}, {"exchange_exposed", c.exposed_s},    {"straggler", c.straggler_s},
          {"notify", c.notify_s},     {"pipeline_wait", c.pipeline_wait_s}, {"messages", c.messages_s}};
}

/// Null where `part` is absent.
template <class Part>
Json Of(const std::optional<Part>& part, double Part::*field) {
  return part ? Json(*part.*field) : Json(nullptr);
}

Json ImbalanceJson(const ImbalanceReport& i) {
  return {{"source", i.source},
          {"hottest_excess", i.hottest_excess},
          {"row_relative_sd", i.row_deviation},
          {"dropped_share", i.dropped_share},
          {"step_share", Of(i.cost, &ImbalanceCost::step_share)},
          {"step_s", Of(i.cost, &ImbalanceCost::step_s)},
          {"tokens_per_second_per_gpu", Of(i.cost, &ImbalanceCost::tokens_per_second_per_gpu)},
          {"dollars_per_trillion_tokens", Of(i.cost, &ImbalanceCost::dollars_per_trillion_tokens)},
          {"even_step_s", Of(i.cost, &ImbalanceCost::even_s)},
          {"work_not_done_s", Of(i.cost, &ImbalanceCost::undone_s)},
          {"leak_bits_per_token_layer", Of(i.leak, &ChoiceLeak::bits_per_token_layer)},
          {"leak_bits_per_token", Of(i.leak, &ChoiceLeak::bits_per_token)}};
}

Json RebalancingJson(const RebalanceReport& r) {
  return {{"per_step", r.per_step},
          {"experts_copied_per_layer", r.copies_per_layer},
          {"busiest_gpu_bytes", r.busiest_bytes},
          {"each_s", r.each_s},
          {"step_s", r.Sum()}};
}

Json SimulatorJson(const SimulatorReport& s) {
  return {{"events", s.events},
          {"steps", s.steps},
          {"wall_s", s.wall_s},
          {"peak_rss_bytes", s.peak_rss_bytes},
          {"gpus_simulated", s.gpus_simulated}};
}

/// How it was run.
Json PlanJson(const Scenario& s) {
  const Parallelism& p = s.parallelism;
  return {{"pipeline", p.pipeline},
          {"data", p.data},
          {"tensor", p.tensor},
          {"expert", p.expert},
          {"schedule", models::ScheduleKindName(p.schedule)},
          {"virtual_stages", p.virtual_stages},
          {"zero", p.zero},
          {"precision", s.fp8 ? "fp8-mixed" : "bf16"},
          {"sequence_length_tokens", s.workload.sequence_length},
          {"global_batch_sequences", s.workload.global_batch},
          {"micro_batch_sequences", s.workload.micro_batch},
          {"micro_batches_per_pipeline", s.MicroBatches()}};
}

/// What was asked. `s`: null where it is not at hand.
void AddQuestion(const TrainingResult& r, const Scenario* s, Json* j) {
  (*j)["schema_version"] = 1;
  (*j)["scenario"] = r.scenario;
  (*j)["scenario_file"] = r.file;
  (*j)["scenario_hash"] = r.hash;
  (*j)["model"] = r.model;
  (*j)["cluster"] = r.cluster;
  (*j)["gpus"] = r.gpus;
  if (s != nullptr) (*j)["plan"] = PlanJson(*s);
  (*j)["folded"] = r.folded;
  (*j)["calibration"] = r.calibration;
  (*j)["calibration_shares_of_time"] = r.calibration_shares;
}

/// The step, its rates and phases.
void AddStep(const TrainingResult& r, Json* j) {
  (*j)["step_time_s"] = r.step_s;
  (*j)["tokens_per_day"] = r.tokens_per_day;
  (*j)["tokens_per_second_per_gpu"] = r.tokens_per_second_per_gpu;
  (*j)["tflops_per_gpu_causal"] = r.tflops_causal;
  (*j)["tflops_per_gpu_noncausal"] = r.tflops_noncausal;
  (*j)["mfu_causal"] = r.mfu_causal;
  (*j)["mfu_noncausal"] = r.mfu_noncausal;
  (*j)["phases_s"] = PhasesJson(r.phases);
  (*j)["chunk_pair_ms"] = r.chunk_pair_ms;
}

/// Parameters, memory and what the run takes.
void AddRun(const TrainingResult& r, Json* j) {
  (*j)["flops_per_token"] = r.flops_per_token_causal;
  (*j)["parameters_total"] = r.parameters_total;
  (*j)["parameters_active"] = r.parameters_active;
  (*j)["parameters_mtp"] = r.parameters_mtp;
  (*j)["memory_peak_bytes"] = Json::array();
  for (const PipelineRankReport& rank : r.ranks)
    (*j)["memory_peak_bytes"].push_back(rank.memory.Total().count);
  (*j)["device_memory_bytes"] = r.device_memory;
  (*j)["fits"] = r.fits;
  (*j)["gpu_hours_per_trillion_tokens"] = r.run.gpu_hours_per_trillion;
  (*j)["cost_usd_per_trillion_tokens"] = r.run.dollars_per_trillion;
  (*j)["run_tokens"] = r.run.tokens;
  (*j)["run_steps"] = r.run.steps;
  (*j)["run_gpu_hours"] = r.run.gpu_hours;
  (*j)["run_days"] = r.run.days;
  (*j)["run_cost_usd"] = r.run.dollars;
}

/// How sure, and where the time goes.
void AddParts(const TrainingResult& r, Json* j) {
  (*j)["provenance"] = ProvenanceJson(r);
  if (r.interval.high_s > 0) (*j)["interval"] = IntervalJson(r.interval);
  if (!r.fell_back.empty()) (*j)["fell_back"] = SharesJson(r.fell_back);
  (*j)["op_classes"] = SharesJson(r.op_classes);
  (*j)["communication_s"] = CommunicationJson(r.communication);
  (*j)["optimizer_s"] = {{"gradients", r.optimizer.gradients_s},
                         {"parameters", r.optimizer.parameters_s},
                         {"update", r.optimizer.update_s},
                         {"norm", r.optimizer.norm_s},
                         {"hidden", r.optimizer_hidden_s}};
  (*j)["imbalance"] = ImbalanceJson(r.imbalance);
  (*j)["rebalancing"] = RebalancingJson(r.rebalance);
  (*j)["pipeline_ranks"] = RanksJson(r);
  (*j)["analysis"] = AnalysisJson(r);
}

std::string JsonOf(const TrainingResult& r, const Scenario* s) {
  Json j;
  AddQuestion(r, s, &j);
  AddStep(r, &j);
  AddRun(r, &j);
  AddParts(r, &j);
  j["notes"] = r.notes;
  j["simulator"] = SimulatorJson(r.simulator);
  return JsonText(j);
}

}  // namespace

std::string TrainingJson(const TrainingResult& r) { return JsonOf(r, nullptr); }

std::string TrainingJson(const Run& run) { return JsonOf(run.result, &run.model->scenario()); }

}  // namespace orrery::scenarios
