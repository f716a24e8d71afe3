#include "scenarios/training/optimizer.h"

#include <algorithm>

#include <fmt/format.h>

#include "hw/comm/collectives.h"
#include "models/layers/optimizer_ops.h"
#include "models/memory/memory.h"
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

/// The norm of all gradients, over every GPU of the cluster.
double NormSeconds(const Scenario& s, const hw::CollectiveModel& collectives, const hw::Topology& topology) {
  const int switches = s.cluster.nodes > 1 ? 2 * topology.layers() - 1 : 1;
  return Seconds(collectives.SmallAllReduce({s.cluster.devices_per_node, s.cluster.nodes, switches - 1}));
}

}  // namespace

std::vector<OptimizerReport> OptimizersOf(const Scenario& scenario, const models::Schedule& schedule,
                                          const models::StageLayout& layout, const Machine& machine,
                                          const FabricPlacement& placed, const hw::CostModel& cost,
                                          const std::vector<ReplicaTime>& replicas) {
  const hw::CollectiveModel collectives(scenario.cluster.device, machine.Link(),
                                        scenario.cluster.fabric.transport);
  const int copies = scenario.parallelism.data * schedule.directions(),
            expert_copies = copies / scenario.parallelism.expert;
  const double norm_s = NormSeconds(scenario, collectives, machine.topology);
  const std::string how = fmt::format(
      "ZeRO-1: FP32 gradients reduce-scattered over {} copies (experts {}{}), AdamW on the shards, BF16 "
      "parameters all-gathered",
      copies, expert_copies, replicas.empty() ? "" : ", then over replicas in their exchange group");
  std::vector<OptimizerReport> reports;
  for (int rank = 0; rank < scenario.parallelism.pipeline; ++rank) {
    const models::LocalParameters own = models::UniqueParametersPerRank(
        scenario.RankModel(), layout, StagesHeld(schedule, rank), scenario.Holding());
    const hw::ZeroOneTime traffic =
        hw::PriceZeroOne(collectives, {own.NonExpert(), placed.copies}, {own.expert, placed.expert_copies});
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
    shape.updated = sharded ? own.NonExpert() / copies + distinct / expert_copies : own.Total();
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
