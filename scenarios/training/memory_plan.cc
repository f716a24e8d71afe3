#include "scenarios/training/memory_plan.h"

#include <algorithm>

namespace orrery::scenarios {
namespace {

using models::StepKind;

/// Most micro-batches in flight at once of each stage the rank holds (order of Schedule::StagesOf).
std::vector<int> InFlight(const models::Schedule& schedule, int rank) {
  const auto stages = schedule.StagesOf(rank);
  std::vector<int> now(stages.size()), peak(stages.size());
  const auto change = [&](const models::ChunkRef& chunk, int by) {
    for (std::size_t i = 0; i < stages.size(); ++i) {
      if (stages[i].first != chunk.stage || stages[i].second != chunk.direction) continue;
      now[i] += by;
      peak[i] = std::max(peak[i], now[i]);
    }
  };
  for (const models::Step& step : schedule.steps[static_cast<std::size_t>(rank)]) {
    const bool forward = step.kind == StepKind::kForward || step.kind == StepKind::kForwardBackward;
    const bool backward = step.kind != StepKind::kForward && step.kind != StepKind::kBackwardWeight;
    if (forward) change(step.forward, +1);
    if (backward) change(step.backward, -1);
  }
  return peak;
}

models::RoutedRows Spread(const RankLoad& load, int local_experts) {
  models::RoutedRows rows;
  rows.expert_rows.assign(static_cast<std::size_t>(local_experts), local_experts > 0 ? load.rows / local_experts : 0);
  rows.unique_rows = load.unique;
  return rows;
}

}  // namespace

std::vector<models::RankMemory> MemoryOfRanks(const Scenario& scenario, const models::Schedule& schedule,
                                              const models::StageLayout& layout, const RankLoad& load) {
  models::TrainingShape shape;
  shape.tokens = scenario.workload.micro_batch * scenario.workload.sequence_length;
  shape.sequence = scenario.workload.sequence_length;
  shape.local_experts = scenario.model.moe ? scenario.model.moe->routed_experts / scenario.parallelism.expert : 0;
  shape.fp8 = scenario.fp8;
  models::MemoryPlan plan;
  plan.overlapped = scenario.parallelism.schedule == models::ScheduleKind::kDualPipe ||
                    scenario.parallelism.schedule == models::ScheduleKind::kDualPipeV;
  plan.data_parallel = scenario.parallelism.data;
  plan.expert_parallel = scenario.parallelism.expert;
  plan.stage_copies = schedule.directions();
  plan.zero1 = scenario.parallelism.zero > 0;
  if (scenario.model.moe) {
    plan.communication = models::ExpertExchangeBuffers(scenario.model, scenario.parallelism.expert, scenario.communication.sms);
  }
  std::vector<models::RankMemory> memory;
  for (int rank = 0; rank < scenario.parallelism.pipeline; ++rank) {
    plan.held.clear();
    for (const auto& stage : schedule.StagesOf(rank)) plan.held.push_back(stage.first);
    plan.chunks_in_flight = InFlight(schedule, rank);
    plan.deferred_weight_chunks = models::PeakPendingWeights(schedule, rank);
    memory.push_back(models::MemoryOfRank(scenario.model, layout, shape, Spread(load, shape.local_experts), plan));
  }
  return memory;
}

}  // namespace orrery::scenarios
