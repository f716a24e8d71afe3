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

int Members(const hw::CollectiveGroup& group) { return group.ranks_per_node * group.nodes; }

/// Nodes of each replica group: those of the pipeline ranks that hold a stage (both mirrored ones under
/// DualPipe), cut into `parts` that each hold one copy in every `stride`-th node.
hw::NodeGroups ReplicaNodes(const Scenario& s, const models::Schedule& schedule, int stride) {
  const int per_rank = std::max(1, s.cluster.nodes / s.parallelism.pipeline);
  const int mirrors = schedule.directions();
  hw::NodeGroups groups;
  for (int rank = 0; rank < s.parallelism.pipeline / mirrors; ++rank) {
    for (int first = 0; first < stride; ++first) {
      std::vector<int> nodes;
      for (int mirror = 0; mirror < mirrors; ++mirror) {
        const int holder = mirror == 0 ? rank : s.parallelism.pipeline - 1 - rank;
        for (int n = first; n < per_rank; n += stride) nodes.push_back(holder * per_rank + n);
      }
      groups.push_back(std::move(nodes));
    }
  }
  return groups;
}

hw::CollectiveGroup DenseGroup(const Scenario& s, const models::Schedule& schedule,
                               const hw::Topology& topology) {
  const int per_node = std::min(s.cluster.devices_per_node, s.parallelism.data);
  return hw::PlacedGroup(s.cluster, topology, ReplicaNodes(s, schedule, 1), per_node);
}

/// An expert-parallel group fills whole nodes, so copies of an expert lie as many nodes apart; where a group
/// is smaller than a node, several copies share one.
hw::CollectiveGroup ExpertGroup(const Scenario& s, const models::Schedule& schedule,
                                const hw::Topology& topology) {
  const int copies_in_node = std::max(1, s.cluster.devices_per_node / std::max(1, s.parallelism.expert));
  const int stride = std::max(1, s.parallelism.expert / s.cluster.devices_per_node);
  return hw::PlacedGroup(s.cluster, topology, ReplicaNodes(s, schedule, stride), copies_in_node);
}

/// The norm of all gradients, over every GPU of the cluster.
double NormSeconds(const Scenario& s, const hw::CollectiveModel& collectives, const hw::Topology& topology) {
  const int switches = s.cluster.nodes > 1 ? 2 * topology.layers() - 1 : 1;
  return Seconds(collectives.SmallAllReduce({s.cluster.devices_per_node, s.cluster.nodes, switches - 1}));
}

}  // namespace

std::vector<OptimizerReport> OptimizersOf(const Scenario& scenario, const models::Schedule& schedule,
                                          const models::StageLayout& layout, const hw::CostModel& cost,
                                          const hw::ExchangeModel& exchange, const hw::Topology& topology,
                                          const std::vector<ReplicaTime>& replicas) {
  const hw::PointToPoint link(scenario.cluster.device, exchange, scenario.cluster.fabric.transport);
  const hw::CollectiveModel collectives(scenario.cluster.device, link, scenario.cluster.fabric.transport);
  const hw::CollectiveGroup dense_group = DenseGroup(scenario, schedule, topology);
  const hw::CollectiveGroup expert_group = ExpertGroup(scenario, schedule, topology);
  const double norm_s = NormSeconds(scenario, collectives, topology);
  const std::string how = fmt::format(
      "ZeRO-1: FP32 gradients reduce-scattered over {} copies (experts {}{}), AdamW on the shards, BF16 "
      "parameters all-gathered",
      Members(dense_group), Members(expert_group),
      replicas.empty() ? "" : ", then over replicas in their exchange group");
  std::vector<OptimizerReport> reports;
  for (int rank = 0; rank < scenario.parallelism.pipeline; ++rank) {
    const models::LocalParameters own = models::UniqueParametersPerRank(
        scenario.RankModel(), layout, StagesHeld(schedule, rank), scenario.Holding());
    const hw::ZeroOneTime traffic =
        hw::PriceZeroOne(collectives, {own.NonExpert(), dense_group}, {own.expert, expert_group});
    OptimizerReport& report = reports.emplace_back();
    report.how = how;
    report.norm_s = norm_s;
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
    shape.updated =
        sharded ? own.NonExpert() / Members(dense_group) + distinct / Members(expert_group) : own.Total();
    shape.fp8 = scenario.fp8 ? own.expert + own.linear : 0;
    report.update_s = UpdateSeconds(shape, cost);
  }
  return reports;
}

const OptimizerReport& Slowest(const std::vector<OptimizerReport>& ranks) {
  return *std::max_element(ranks.begin(), ranks.end(),
                           [](const auto& a, const auto& b) { return a.Sum() < b.Sum(); });
}

StepEnd EndOfStep(const std::vector<OptimizerReport>& ranks, const std::vector<double>& finished_s,
                  int directions) {
  ORRERY_CHECK(ranks.size() == finished_s.size(), "one end of every pipeline rank");
  StepEnd end;
  double reduced = 0;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    const double mirror = directions > 1 ? finished_s[ranks.size() - 1 - r] : finished_s[r];
    end.reduction_s.push_back(std::max(finished_s[r], mirror));
    reduced = std::max(reduced, end.reduction_s.back() + ranks[r].gradients_s);
  }
  for (const OptimizerReport& rank : ranks) {
    end.norm_s = std::max(end.norm_s, reduced + rank.norm_s);
    end.end_s = std::max(end.end_s, reduced + rank.norm_s + rank.update_s + rank.parameters_s);
  }
  return end;
}

}  // namespace orrery::scenarios
