#include <nlohmann/json.hpp>

#include "scenarios/training/training_report.h"

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
                     {"bubble_s", rank.bubble_s},
                     {"compute_idle_s", rank.compute_idle_s},
                     {"parameters", rank.parameters},
                     {"memory", MemoryJson(rank.memory)},
                     {"fits", rank.fits}});
  }
  return ranks;
}

Json AnalysisJson(const TrainingResult& r) {
  Json analysis;
  analysis["what_would_help"] = Json::array();
  for (const WhatIf& w : r.what_ifs)
    analysis["what_would_help"].push_back({{"name", w.name}, {"step_s", w.step_s}, {"gain", w.gain}});
  analysis["critical_path"] = Json::array();
  for (const CriticalPathShare& s : r.critical_path) {
    analysis["critical_path"].push_back({{"name", s.name}, {"time_s", s.seconds}, {"share", s.share}});
  }
  return analysis;
}

}  // namespace

std::string TrainingJson(const TrainingResult& r) {
  Json j;
  j["schema_version"] = 1;
  j["scenario"] = r.scenario;
  j["scenario_file"] = r.file;
  j["scenario_hash"] = r.hash;
  j["model"] = r.model;
  j["cluster"] = r.cluster;
  j["gpus"] = r.gpus;
  j["folded"] = r.folded;
  j["calibration"] = r.calibration;
  j["step_time_s"] = r.step_s;
  j["tokens_per_day"] = r.tokens_per_day;
  j["tokens_per_second_per_gpu"] = r.tokens_per_second_per_gpu;
  j["tflops_per_gpu_causal"] = r.tflops_causal;
  j["tflops_per_gpu_noncausal"] = r.tflops_noncausal;
  j["mfu_causal"] = r.mfu_causal;
  j["mfu_noncausal"] = r.mfu_noncausal;
  j["phases_s"] = {{"forward", r.phases.forward},
                   {"bubble", r.phases.bubble},
                   {"backward_input", r.phases.backward_input},
                   {"backward_weight", r.phases.backward_weight},
                   {"forward_backward", r.phases.forward_backward},
                   {"optimizer", r.phases.optimizer},
                   {"rebalancing", r.phases.rebalancing}};
  j["chunk_pair_ms"] = r.chunk_pair_ms;
  j["flops_per_token"] = r.flops_per_token_causal;
  j["parameters_total"] = r.parameters_total;
  j["parameters_active"] = r.parameters_active;
  j["parameters_mtp"] = r.parameters_mtp;
  j["memory_peak_bytes"] = Json::array();
  for (const PipelineRankReport& rank : r.ranks) j["memory_peak_bytes"].push_back(rank.memory.Total().count);
  j["device_memory_bytes"] = r.device_memory;
  j["fits"] = r.fits;
  j["gpu_hours_per_trillion_tokens"] = r.run.gpu_hours_per_trillion;
  j["cost_usd_per_trillion_tokens"] = r.run.dollars_per_trillion;
  j["run_tokens"] = r.run.tokens;
  j["run_steps"] = r.run.steps;
  j["run_gpu_hours"] = r.run.gpu_hours;
  j["run_days"] = r.run.days;
  j["run_cost_usd"] = r.run.dollars;
  j["provenance"] = {{"measured", r.measured}, {"scaled", r.scaled}, {"analytic", r.analytic}};
  if (r.interval.high_s > 0) {
    j["interval"] = {{"low", r.interval.low_s},
                     {"high", r.interval.high_s},
                     {"level", 0.9},
                     {"calibration_relative_sd", r.interval.calibration_sd},
                     {"seed_relative_sd", r.interval.seed_sd},
                     {"resamples", r.interval.resamples},
                     {"seeds", r.interval.seeds}};
  }
  for (const OpClassReport& c : r.fell_back)
    j["fell_back"].push_back({{"name", c.name}, {"time_s", c.seconds}, {"share", c.share}});
  j["op_classes"] = Json::array();
  for (const OpClassReport& c : r.op_classes)
    j["op_classes"].push_back({{"name", c.name}, {"time_s", c.seconds}, {"share", c.share}});
  const CommunicationReport& c = r.communication;
  j["communication_s"] = {{"exchange", c.exchange_s},           {"exchange_exposed", c.exposed_s},
                          {"straggler", c.straggler_s},         {"notify", c.notify_s},
                          {"pipeline_wait", c.pipeline_wait_s}, {"messages", c.messages_s}};
  j["optimizer_s"] = {{"gradients", r.optimizer.gradients_s},
                      {"parameters", r.optimizer.parameters_s},
                      {"update", r.optimizer.update_s}};
  j["imbalance"] = {{"source", r.imbalance.source},
                    {"hottest_excess", r.imbalance.hottest_excess},
                    {"row_relative_sd", r.imbalance.row_deviation},
                    {"step_share", r.imbalance.step_share},
                    {"step_s", r.imbalance.step_s},
                    {"tokens_per_second_per_gpu", r.imbalance.tokens_per_second_per_gpu},
                    {"dollars_per_trillion_tokens", r.imbalance.dollars_per_trillion_tokens}};
  j["rebalancing"] = {{"per_step", r.rebalance.per_step},
                      {"experts_copied_per_layer", r.rebalance.copies_per_layer},
                      {"busiest_gpu_bytes", r.rebalance.busiest_bytes},
                      {"each_s", r.rebalance.each_s},
                      {"step_s", r.rebalance.Sum()}};
  j["pipeline_ranks"] = RanksJson(r);
  j["analysis"] = AnalysisJson(r);
  j["notes"] = r.notes;
  j["simulator"] = {{"events", r.simulator.events},
                    {"steps", r.simulator.steps},
                    {"wall_s", r.simulator.wall_s},
                    {"peak_rss_bytes", r.simulator.peak_rss_bytes},
                    {"gpus_simulated", r.simulator.gpus_simulated}};
  return j.dump(2) + "\n";
}

}  // namespace orrery::scenarios
