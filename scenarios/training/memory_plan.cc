#include "scenarios/training/memory_plan.h"

#include <algorithm>
#include <compare>
#include <set>

namespace orrery::scenarios {
namespace {

using models::StepKind;

/// What a rank holds at one moment: micro-batches in flight of each stage (order of Schedule::StagesOf), and chunks
/// whose weight pass is put off.
struct Moment {
  std::vector<int> in_flight;
  int deferred = 0;
  auto operator<=>(const Moment&) const = default;
};

bool HoldsNoMore(const Moment& a, const Moment& b) {
  if (a.deferred > b.deferred) return false;
  for (std::size_t i = 0; i < a.in_flight.size(); ++i)
    if (a.in_flight[i] > b.in_flight[i]) return false;
  return true;
}

/// Without those that hold no more of anything than another does: memory grows with every count
/// (models/memory/memory.h), so that they are never the worst.
std::vector<Moment> Worst(const std::set<Moment>& moments) {
  std::vector<Moment> worst;
  for (const Moment& moment : moments) {
    const bool other = std::any_of(moments.begin(), moments.end(),
                                   [&](const Moment& m) { return m != moment && HoldsNoMore(moment, m); });
    if (!other) worst.push_back(moment);
  }
  return worst;
}

/// Every moment of the schedule, each once. A backward holds its activations until it ends, and a deferred one its
/// operands from its start: both count while it runs.
std::set<Moment> Moments(const models::Schedule& schedule, int rank) {
  const auto stages = schedule.StagesOf(rank);
  Moment now{std::vector<int>(stages.size()), 0};
  std::set<Moment> seen;
  const auto change = [&](const models::ChunkRef& chunk, int by) {
    for (std::size_t i = 0; i < stages.size(); ++i) {
      if (stages[i].first == chunk.stage && stages[i].second == chunk.direction) now.in_flight[i] += by;
    }
  };
  for (const models::Step& step : schedule.steps[static_cast<std::size_t>(rank)]) {
    if (step.kind == StepKind::kForward || step.kind == StepKind::kForwardBackward) change(step.forward, +1);
    seen.insert(now);
    if (step.kind == StepKind::kBackwardWeight) --now.deferred;
    if (step.kind == StepKind::kBackwardInput) ++now.deferred;
    if (step.kind != StepKind::kForward && step.kind != StepKind::kBackwardWeight) change(step.backward, -1);
    seen.insert(now);
  }
  return seen;
}

/// The rows of a load are padded: dealt in whole tiles, so that they are not padded once more.
models::RoutedRows Spread(const RankLoad& load, const models::LayerShape& shape) {
  return {models::EvenTiles(load.rows, shape.shard.local_experts, 0, shape.row_alignment), load.unique};
}

}  // namespace

models::LayerShape RankShape(const Scenario& s) {
  models::LayerShape shape;
  shape.batch = models::Sequences(s.workload.micro_batch, s.workload.sequence_length);
  shape.shard.local_experts = s.ExpertSlots() / s.parallelism.expert;
  shape.shard.weights = s.fp8 ? models::WeightPrecision::kFp8 : models::WeightPrecision::kBf16;
  return shape;
}

int DistinctExperts(const Scenario& s) {
  return (s.model.moe ? s.model.moe->routed_experts : 0) + s.placed_shared_experts;
}

std::vector<models::RankMemory> MemoryOfRanks(const Scenario& scenario, const models::Schedule& schedule,
                                              const models::StageLayout& layout, const RankLoad& load) {
  const models::ModelSpec model = scenario.RankModel();
  models::LayerShape shape = RankShape(scenario);
  models::MemoryPlan plan;
  plan.overlapped = schedule.overlapped();
  plan.data_parallel = scenario.parallelism.data;
  plan.expert_parallel = scenario.parallelism.expert;
  plan.expert_slots = scenario.ExpertSlots();
  plan.distinct_experts = DistinctExperts(scenario);
  plan.stage_copies = schedule.directions();
  plan.zero1 = scenario.parallelism.zero > 0;
  if (scenario.model.moe) {
    plan.communication = models::ExpertExchangeBuffers(scenario.model, scenario.parallelism.expert,
                                                       scenario.communication.sms);
  }
  shape.batch.routed = Spread(load, shape);
  std::vector<models::RankMemory> memory;
  for (int rank = 0; rank < scenario.parallelism.pipeline; ++rank) {
    plan.held.clear();
    for (const auto& stage : schedule.StagesOf(rank)) plan.held.push_back(stage.first);
    models::RankMemory peak;
    for (const Moment& moment : Worst(Moments(schedule, rank))) {
      plan.chunks_in_flight = moment.in_flight;
      plan.deferred_weight_chunks = moment.deferred;
      const models::RankMemory then = models::MemoryOfRank(model, layout, shape, plan);
      if (then.Total() > peak.Total()) peak = then;
    }
    memory.push_back(peak);
  }
  return memory;
}

}  // namespace orrery::scenarios
