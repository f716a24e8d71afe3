#include "scenarios/training/optimizer.h"

#include <algorithm>

#include <fmt/format.h>

#include "hw/network/collectives.h"
#include "hw/network/placement.h"
#include "hw/network/point_to_point.h"
#include "models/program/memory.h"
#include "models/program/optimizer_ops.h"
#include "scenarios/training/memory_plan.h"

namespace orrery::scenarios {
namespace {

/// Kernels of the update; the copy of the EMA to the host runs beside the next step and is left out.
double UpdateSeconds(const models::OptimizerShape& shape, const hw::CostModel& cost) {
  double seconds = 0;
  for (const Op& op : models::OptimizerOps(shape)) {
    if (op.kind != OpKind::kHostCopy)
      seconds += Seconds(cost.PriceOp(op, cost.device().sms).time + cost.launch_gap());
  }
  return seconds;
}

std::vector<int> StagesHeld(const models::Schedule& schedule, int rank) {
  std::vector<int> held;
  for (const auto& stage : schedule.StagesOf(rank)) held.push_back(stage.first);
  return held;
}

/// GPUs that hold copies of the same parameters, one in `stride` data-parallel ranks, for every pipeline rank
/// and every offset: of all parameters with stride 1, of experts with the expert-parallel degree. Both
/// mirrored pipeline ranks under DualPipe. Pipeline ranks follow one another, `data` GPUs each.
hw::GpuGroups Copies(const Scenario& s, const models::Schedule& schedule, int stride) {
  const int mirrors = schedule.directions(), data = s.parallelism.data;
  hw::GpuGroups groups;
  for (int rank = 0; rank < s.parallelism.pipeline / mirrors; ++rank) {
    for (int first = 0; first < stride; ++first) {
      std::vector<int> gpus;
      for (int mirror = 0; mirror < mirrors; ++mirror) {
        const int holder = mirror == 0 ? rank : s.parallelism.pipeline - 1 - rank;
        for (int column = first; column < data; column += stride) gpus.push_back(holder * data + column);
      }
      groups.push_back(std::move(gpus));
    }
  }
  return groups;
}

}  // namespace

OptimizerReport OptimizerOf(const Scenario& scenario, const models::Schedule& schedule,
                            const models::StageLayout& layout, const hw::CostModel& cost,
                            const hw::ExchangeModel& exchange, const hw::Topology& topology,
                            const std::vector<ReplicaTime>& replicas) {
  const hw::PointToPoint link(scenario.cluster.device, exchange, scenario.cluster.fabric.transport);
  const hw::CollectiveModel collectives(scenario.cluster.device, link, scenario.cluster.fabric.transport);
  const int expert = scenario.parallelism.expert;
  const int copies = scenario.parallelism.data * schedule.directions(), expert_copies = copies / expert;
  const hw::CollectiveGroup dense_group =
      hw::PlacedGroup(scenario.cluster, topology, Copies(scenario, schedule, 1));
  const hw::CollectiveGroup expert_group =
      expert == 1 ? dense_group
                  : hw::PlacedGroup(scenario.cluster, topology, Copies(scenario, schedule, expert));
  OptimizerReport worst;
  for (int rank = 0; rank < scenario.parallelism.pipeline; ++rank) {
    const models::LocalParameters own = models::UniqueParametersPerRank(
        scenario.RankModel(), layout, StagesHeld(schedule, rank), scenario.Holding());
    const hw::ZeroOneTime traffic =
        hw::PriceZeroOne(collectives, {own.NonExpert(), dense_group}, {own.expert, expert_group});
    OptimizerReport report;
    report.gradients_s = Seconds(traffic.dense_gradients.Total() + traffic.expert_gradients.Total());
    report.parameters_s = Seconds(traffic.dense_parameters.Total() + traffic.expert_parameters.Total());
    if (!replicas.empty()) {
      report.gradients_s += replicas[static_cast<std::size_t>(rank)].gradients_s;
      report.parameters_s += replicas[static_cast<std::size_t>(rank)].parameters_s;
    }
    models::OptimizerShape shape;
    const bool sharded = scenario.parallelism.zero > 0;
    shape.held = own.Total();
    // Replicas share their expert's state: the shards of all copies together are one.
    const std::int64_t distinct =
        own.expert > 0 ? own.expert * DistinctExperts(scenario) / scenario.ExpertSlots() : 0;
    shape.updated = sharded ? own.NonExpert() / copies + distinct / expert_copies : own.Total();
    shape.fp8 = scenario.fp8 ? own.expert + own.linear : 0;
    report.update_s = UpdateSeconds(shape, cost);
    if (report.Sum() > worst.Sum()) worst = report;
  }
  worst.how = fmt::format(
      "ZeRO-1: FP32 gradients reduce-scattered over {} copies (experts {}{}), AdamW on the shards, BF16 "
      "parameters all-gathered",
      copies, expert_copies, replicas.empty() ? "" : ", then over replicas in their exchange group");
  return worst;
}

}  // namespace orrery::scenarios
