#include <nlohmann/json.hpp>

#include "core/base/json_text.h"
#include "scenarios/report/serving_report.h"

namespace orrery::scenarios {
namespace {

using Json = nlohmann::ordered_json;

Json PartsJson(const ServingParts& p) {
  return {{"attention_core", p.attention_core},
          {"gemm", p.gemm},
          {"experts", p.experts},
          {"dispatch", p.dispatch},
          {"dispatch_barrier", p.dispatch_barrier},
          {"combine", p.combine},
          {"combine_barrier", p.combine_barrier},
          {"other_kernels", p.other_kernels},
          {"gaps", p.gaps},
          {"dense_layers", p.dense_layers},
          {"speculation", p.speculation},
          {"head", p.head},
          {"sampling", p.sampling},
          {"host", p.host},
          {"bubble", p.bubble},
          {"exchange_idle", p.exchange_idle}};
}

Json MemoryJson(const UnitResult& u) {
  const models::UnitMemory& m = u.memory;
  return {{"weights_bytes", m.weights.count},     {"cache_bytes", m.cache.count},
          {"workspace_bytes", m.workspace.count}, {"exchange_bytes", m.exchange.count},
          {"reserve_bytes", m.reserve.count},     {"total_bytes", m.Total().count},
          {"device_bytes", u.device_memory},      {"fits", u.fits}};
}

Json StepJson(const UnitResult& u) {
  Json shares;
  for (std::size_t p = 0; p < u.provenance_shares.size(); ++p)
    shares[std::string(hw::Name(static_cast<hw::Provenance>(p)))] = u.provenance_shares[p];
  const ImbalanceParts& i = u.imbalance;
  return {
      {"step_s", u.step_s},
      {"interval_90",
       {{"step_s", {u.step_s * u.factors_90.low, u.step_s * u.factors_90.high}},
        {"tokens_per_s_per_gpu",
         {u.tokens_per_s_per_gpu / u.factors_90.high, u.tokens_per_s_per_gpu / u.factors_90.low}}}},
      {"layer_s", u.layer_s},
      {"bound_s", u.bound_s},
      {"requests_per_gpu", u.requests_per_gpu},
      {"positions_per_gpu", u.positions_per_gpu},
      {"tokens_per_step_per_gpu", u.tokens_per_step},
      {"parts_s", PartsJson(u.parts)},
      {"layer_parts_s", PartsJson(u.layer)},
      {"imbalance_s", {{"even", i.even}, {"cache", i.cache}, {"experts", i.experts}, {"waiting", i.waiting}}},
      {"cache_max_over_mean", u.cache_max_over_mean},
      {"experts_hottest_over_mean", u.experts_hottest_over_mean},
      {"provenance_shares", shares}};
}

}  // namespace

std::string ServingJson(const ServingResult& r) {
  Json json = {{"schema_version", 1},     {"scenario", r.scenario}, {"scenario_file", r.file},
               {"scenario_hash", r.hash}, {"model", r.model},       {"device", r.cluster},
               {"seed", r.seed}};
  Json units = Json::object(), steps = Json::object(), calibration = Json::object();
  std::uint64_t events = 0, engine_steps = 0;
  int gpus = 0;
  for (const UnitResult& u : r.units) {
    const std::string role(Name(u.role));
    units[role] = {{"nodes", u.nodes},
                   {"gpus", u.gpus},
                   {"expert_slots_per_gpu", u.slots_per_gpu},
                   {"tokens_per_s_per_gpu", u.tokens_per_s_per_gpu},
                   {"tokens_per_s_per_node", u.tokens_per_s_per_node},
                   {"request_tokens_per_s", u.request_tokens_per_s},
                   {"cache_bytes_per_token", u.cache_bytes_per_token},
                   {"memory", MemoryJson(u)}};
    steps[role] = StepJson(u);
    calibration[role] = u.calibration;
    events += u.events;
    engine_steps += u.steps;
    gpus += u.gpus;
  }
  json["units"] = units;
  json["steps"] = steps;
  json["calibration"] = calibration;
  json["assumptions"] = r.assumptions;
  json["simulator"] = {{"gpus", gpus}, {"steps", engine_steps}, {"events", events}, {"wall_s", r.wall_s}};
  return JsonText(json);
}

}  // namespace orrery::scenarios
