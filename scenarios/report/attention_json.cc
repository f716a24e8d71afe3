#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/config/resources.h"
#include "models/layers/flops.h"
#include "scenarios/report/attention_writers.h"

namespace orrery::scenarios {
namespace {

using Json = nlohmann::ordered_json;

/// The central 90 % of a time beside it; null where it was not asked for.
void AddRange(Json* j, const std::string& key, double seconds, const std::optional<hw::Range90>& range) {
  (*j)[key + "_low_s"] = range ? Json(seconds * range->low) : Json(nullptr);
  (*j)[key + "_high_s"] = range ? Json(seconds * range->high) : Json(nullptr);
}

Json TimeJson(const StepTime& t) {
  Json j;
  j["time_s"] = t.total_s();
  AddRange(&j, "time", t.total_s(), t.range);
  for (const StepHeading& heading : Headings(t)) {
    std::string key = heading.name;
    std::replace(key.begin(), key.end(), '-', '_');
    j[key + "_s"] = heading.seconds;
  }
  j["launch_gaps_s"] = t.gaps_s;
  j["measured_s"] = t.measured_s;
  if (t.derived_s > 0) j["derived_s"] = t.derived_s;
  j["scaled_s"] = t.scaled_s;
  j["analytic_s"] = t.analytic_s;
  j["limit"] = Name(t.limit);
  return j;
}

Json DecodeJson(const DecodePoint& p) {
  Json j = {{"context_tokens", p.context}, {"batch", p.batch}};
  j.update(TimeJson(p.time));
  j["flops_per_token"] = p.flops_per_token;
  j["bytes_per_token"] = p.bytes_per_token;
  j["attention_flops_per_token"] = p.attention_flops_per_token;
  j["attention_bytes_per_token"] = p.attention_bytes_per_token;
  j["attention_intensity_flops_per_byte"] = p.intensity();
  j["fits_in_memory"] = p.fits;
  return j;
}

Json PrefillJson(const PrefillPoint& p) {
  Json j = {{"prompt_tokens", p.prompt}};
  j.update(TimeJson(p.time));
  j["flops"] = p.flops;
  j["bytes"] = p.bytes;
  j["attention_flops"] = p.attention_flops;
  return j;
}

Json CapacityJson(const CapacityPoint& p) {
  Json j = {{"context_tokens", p.context},
            {"request_cache_bytes", p.request_bytes},
            {"memory_batch", p.memory_batch},
            {"tpot_batch", p.tpot_batch},
            {"tpot_s", p.tpot_s}};
  AddRange(&j, "tpot", p.tpot_s, p.tpot_range);
  j["tokens_per_s"] = p.tokens_per_s;
  return j;
}

template <typename Item, typename ToJson>
Json List(const std::vector<Item>& items, ToJson to_json) {
  Json list = Json::array();
  for (const Item& item : items) list.push_back(to_json(item));
  return list;
}

Json DesignJson(const DesignReport& d) {
  Json j;
  j["design"] = d.design.name;
  j["assumption"] = d.design.assumption;
  j["quality"] = d.design.quality;
  j["cache_elements_per_token_per_layer"] = d.entry.elements();
  j["cache_bytes_per_token"] = d.cache_bytes_per_token;
  if (d.design.own_layers) j["state_bytes_per_request"] = d.state_bytes;
  j["ratio_to_mha"] = d.ratio_to_mha;
  j["weight_bytes_per_gpu"] = d.weight_bytes_per_gpu;
  j["cache_tokens_per_gpu"] = d.cache_tokens_per_gpu;
  j["norm_bytes_per_token"] = d.norm_bytes_per_token;
  j["decode"] = List(d.decode, DecodeJson);
  j["prefill"] = List(d.prefill, PrefillJson);
  j["capacity"] = List(d.capacity, CapacityJson);
  return j;
}

const char* AxisName(Crossover::Axis axis) {
  switch (axis) {
    case Crossover::Axis::kQueryLength:
      return "query_length";
    case Crossover::Axis::kContext:
      return "context";
    case Crossover::Axis::kBatch:
      return "batch";
  }
  return "";
}

Json CrossoverJson(const Crossover& c) {
  Json j;
  j["axis"] = AxisName(c.axis);
  if (c.axis != Crossover::Axis::kQueryLength) j["query_length_tokens"] = c.query_length;
  if (c.axis != Crossover::Axis::kContext) j["context_tokens"] = c.context;
  if (c.axis != Crossover::Axis::kBatch) j["batch"] = c.batch;
  j["faster_from_1"] = c.first == models::MlaDecode::kAbsorbed ? "absorbed" : "materialised";
  j["other_faster_from"] = c.from ? Json(*c.from) : Json(nullptr);
  j["searched_to"] = c.searched_to;
  if (c.axis == Crossover::Axis::kQueryLength) j["by_operations_tokens"] = c.by_operations;
  j["absorbed_layer_s"] = c.absorbed_s;
  j["absorbed_limit"] = Name(c.absorbed_limit);
  j["materialised_layer_s"] = c.materialised_s;
  j["materialised_limit"] = Name(c.materialised_limit);
  return j;
}

Json ModelJson(const ModelReport& m) {
  Json j;
  j["model"] = m.spec.name;
  j["source"] = m.spec.source;
  if (!m.spec.notes.empty()) j["model_notes"] = m.spec.notes;
  j["parameters"] = m.parameters.total;
  j["activated_parameters"] = m.parameters.activated;
  j["own_design"] = models::OwnDesign(m.spec);
  j["tensor_parallel"] = m.layout.tensor;
  j["expert_parallel"] = m.layout.expert;
  j["weights"] = m.layout.weights == models::WeightPrecision::kFp8 ? "fp8" : "bf16";
  j["yarn_factor"] = m.yarn_factor;
  j["yarn_attention_scale"] = models::YarnAttentionScale(m.yarn_factor);
  j["training_flops_per_token_at_4096"] = models::TrainingFlopsPerToken(m.spec, 4096, true).total().count;
  j["designs"] = List(m.designs, DesignJson);
  j["mla_crossovers"] = List(m.crossovers, CrossoverJson);
  return j;
}

}  // namespace

Json AttentionJson(const AttentionReport& r) {
  const AttentionScenario& s = r.scenario;
  Json j;
  j["schema_version"] = 1;
  j["kind"] = "attention";
  j["orrery_version"] = Version();
  j["name"] = s.name;
  j["device"] = s.device.Title();
  j["calibration"] = r.calibration;
  j["ridge_flops_per_byte"] = r.ridge_flops_per_byte;
  j["cache_precision"] = models::Name(s.cache);
  j["query_length_tokens"] = s.query_length;
  j["tpot_limit_s"] = Seconds(s.tpot_limit);
  j["memory_fraction"] = s.memory_fraction;
  j["with_mtp"] = s.mtp;
  j["norm"] = s.norm == models::NormKind::kRms ? "rms" : "layer";
  j["communication_included"] = false;
  j["models"] = List(r.models, ModelJson);
  return j;
}

}  // namespace orrery::scenarios
