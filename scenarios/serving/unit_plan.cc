#include "scenarios/serving/unit_plan.h"

#include <algorithm>
#include <optional>

namespace orrery::scenarios {
namespace {

UnitPlan Plan(const ServingScenario& s, UnitRole role, int ranks, std::optional<int> redundant,
              int micro_batches) {
  UnitPlan unit;
  unit.role = role;
  unit.ranks = ranks;
  unit.slots = s.Slots(ranks, redundant);
  unit.redundant = s.model.moe ? unit.slots - s.model.moe->routed_experts : 0;
  unit.shape.moe_layers = s.model.MoeLayers();
  unit.shape.dense_layers = s.model.layers - unit.shape.moe_layers;
  unit.shape.mtp_modules = s.speculation.modules;
  unit.shape.micro_batches = micro_batches;
  unit.shape.exchanges = s.model.moe.has_value() && ranks > 1;
  unit.layout.ranks = ranks;
  unit.layout.slots = unit.slots;
  unit.layout.with_mtp = s.speculation.modules > 0;
  unit.layout.weights = s.fp8 ? models::WeightPrecision::kFp8 : models::WeightPrecision::kBf16;
  unit.layout.cache = s.cache;
  return unit;
}

}  // namespace

std::vector<UnitPlan> UnitsOf(const ServingScenario& s) {
  std::vector<UnitPlan> units;
  if (s.prefill) {
    UnitPlan unit = Plan(s, UnitRole::kPrefill, s.prefill->expert, s.prefill->redundant_experts,
                         s.prefill->two_batch ? 2 : 1);
    unit.kernels = s.prefill->kernels;
    unit.lent_sms = unit.shape.exchanges ? s.prefill->sms : 0;
    units.push_back(unit);
  }
  if (s.decode) {
    UnitPlan unit = Plan(s, UnitRole::kDecode, s.decode->expert, s.decode->redundant_experts,
                         s.decode->five_stage ? 2 : 1);
    unit.kernels = s.decode->kernels;
    units.push_back(unit);
  }
  return units;
}

models::UnitBatch BatchOf(const ServingScenario& s, const UnitPlan& unit) {
  const ServingRequests& requests = s.workload.requests;
  if (unit.role == UnitRole::kPrefill) {
    return models::PrefillBatch(
        {unit.ranks, s.prefill->tokens_per_gpu, requests.prompt, unit.shape.micro_batches});
  }
  models::DecodeDemand demand;
  demand.ranks = unit.ranks;
  demand.requests_per_rank = s.decode->requests_per_gpu;
  demand.query = s.Query();
  demand.contexts = requests.contexts;
  demand.placement = s.placement;
  demand.micro_batches = unit.shape.micro_batches;
  demand.seed = s.seed;
  return models::DecodeBatch(demand);
}

models::Shard ShardOf(const UnitPlan& unit) {
  models::Shard shard;
  shard.local_experts = unit.slots / unit.ranks;
  shard.weights = unit.layout.weights;
  shard.cache = unit.layout.cache;
  return shard;
}

hw::Cluster ClusterOf(const ServingScenario& s, const UnitPlan& unit) {
  hw::Cluster cluster = s.cluster;
  cluster.nodes = std::max(1, unit.ranks / cluster.devices_per_node);
  return cluster;
}

}  // namespace orrery::scenarios
