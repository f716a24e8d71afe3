#include "scenarios/training/optimizer.h"

#include <algorithm>

#include <fmt/format.h>

#include "hw/network/collectives.h"
#include "hw/network/point_to_point.h"
#include "models/program/memory.h"
#include "models/program/optimizer_ops.h"

namespace orrery::scenarios {
namespace {

/// Who holds copies of a pipeline rank's parameters: the data-parallel ranks of every pipeline rank with the stage.
struct Replicas {
  int copies = 1;       ///< pipeline ranks that hold a stage: 2 under DualPipe
  int expert_copies = 1;///< GPUs that hold one routed expert
};

Replicas ReplicasOf(const Scenario& s, const models::Schedule& schedule) {
  Replicas r;
  r.copies = schedule.directions();
  r.expert_copies = r.copies * s.parallelism.data / s.parallelism.expert;
  return r;
}

/// Kernels of the update; the copy of the EMA to the host runs beside the next step and is left out.
double UpdateSeconds(const models::OptimizerShape& shape, const hw::CostModel& cost) {
  double seconds = 0;
  for (const Op& op : models::OptimizerOps(shape)) {
    if (op.kind != OpKind::kHostCopy) seconds += Seconds(cost.PriceOp(op, cost.device().sms).time + cost.launch_gap());
  }
  return seconds;
}

std::vector<int> StagesHeld(const models::Schedule& schedule, int rank) {
  std::vector<int> held;
  for (const auto& stage : schedule.StagesOf(rank)) held.push_back(stage.first);
  return held;
}

int Members(const hw::CollectiveGroup& group) { return group.ranks_per_node * group.nodes; }

hw::CollectiveGroup DenseGroup(const Scenario& s, const Replicas& r) {
  const int ranks = s.parallelism.data * r.copies;
  const int per_node = std::min(s.cluster.devices_per_node, s.parallelism.data);
  return {per_node, std::max(1, ranks / per_node), 2, 1.0};
}

hw::CollectiveGroup ExpertGroup(const Scenario& s, const Replicas& r) {
  // One expert-parallel group fills whole nodes, so copies of an expert lie on different nodes; where a group is
  // smaller than a node, several copies share one.
  const int per_node = std::max(1, s.cluster.devices_per_node / std::max(1, s.parallelism.expert));
  const int in_node = std::min(per_node, r.expert_copies);
  return {in_node, std::max(1, r.expert_copies / in_node), 2, 1.0};
}

}  // namespace

OptimizerReport OptimizerOf(const Scenario& scenario, const models::Schedule& schedule, const models::StageLayout& layout,
                            const hw::CostModel& cost, const hw::ExchangeModel& exchange) {
  const hw::PointToPoint link(scenario.cluster.device, exchange, scenario.cluster.fabric.transport);
  const hw::CollectiveModel collectives(scenario.cluster.device, link, scenario.cluster.fabric.transport);
  const Replicas replicas = ReplicasOf(scenario, schedule);
  const hw::CollectiveGroup dense_group = DenseGroup(scenario, replicas), expert_group = ExpertGroup(scenario, replicas);
  OptimizerReport worst;
  for (int rank = 0; rank < scenario.parallelism.pipeline; ++rank) {
    const models::LocalParameters own = models::UniqueParametersPerRank(scenario.model, layout, StagesHeld(schedule, rank),
                                                                         scenario.parallelism.expert);
    const hw::ZeroOneTime traffic =
        hw::PriceZeroOne(collectives, {own.NonExpert(), dense_group}, {own.expert, expert_group});
    OptimizerReport report;
    report.gradients_s = Seconds(traffic.dense_gradients.Total() + traffic.expert_gradients.Total());
    report.parameters_s = Seconds(traffic.dense_parameters.Total() + traffic.expert_parameters.Total());
    models::OptimizerShape shape;
    const bool sharded = scenario.parallelism.zero > 0;
    shape.held = own.Total();
    shape.updated = sharded ? own.NonExpert() / Members(dense_group) + own.expert / Members(expert_group) : own.Total();
    shape.fp8 = scenario.fp8 ? own.expert + own.linear : 0;
    report.update_s = UpdateSeconds(shape, cost);
    if (report.Sum() > worst.Sum()) worst = report;
  }
  worst.how = fmt::format(
      "ZeRO-1: FP32 gradients reduce-scattered over {} copies (experts {}), AdamW on the shards, BF16 parameters "
      "all-gathered",
      Members(dense_group), Members(expert_group));
  return worst;
}

}  // namespace orrery::scenarios
