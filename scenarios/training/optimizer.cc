#include "scenarios/training/optimizer.h"

#include <algorithm>

#include <fmt/format.h>

#include "hw/comm/collectives.h"
#include "models/layers/optimizer_ops.h"
#include "models/memory/memory.h"
#include "models/spec/parameters.h"
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

hw::CollectiveModel CollectivesOf(const Scenario& s, const Machine& machine) {
  return {s.cluster.device, machine.Link(), s.cluster.fabric.transport};
}

models::LocalParameters HeldBy(const Scenario& s, const models::Schedule& schedule,
                               const models::StageLayout& layout, int rank) {
  return models::UniqueParametersPerRank(s.RankModel(), layout, StagesHeld(schedule, rank), s.Holding());
}

/// Parameters whose gradients a block of `kind` gives; `part`: its W part.
models::LocalParameters ParametersOfBlock(const Scenario& s, models::UnitKind kind, models::Part part) {
  const models::ModelSpec model = s.RankModel();
  const std::int64_t table = model.vocabulary * model.hidden;
  if (kind == models::UnitKind::kEmbedding) return {0, 0, table};
  if (kind == models::UnitKind::kHead) return {0, 0, model.hidden + (model.tied_embeddings ? 0 : table)};
  const models::LayerBlocks blocks =
      kind == models::UnitKind::kMtpLayer ? models::MtpBlocks(model) : models::BlocksOf(kind);
  models::LocalParameters mlp = models::LayerParameters(model, blocks, s.Holding());
  mlp -= models::AttentionParametersOfLayer(model, blocks);
  if (part == models::Part::kMlpWeight) return mlp;
  // An MTP module's projection and norms go with the attention of its layer, as in its W blocks.
  models::LocalParameters rest = kind == models::UnitKind::kMtpLayer
                                     ? models::MtpParameters(model, s.Holding())
                                     : models::LayerParameters(model, blocks, s.Holding());
  rest -= mlp;
  return rest;
}

StepPrice PriceReduction(const hw::CollectiveModel& collectives, const models::LocalParameters& parameters,
                         const FabricPlacement& placed) {
  const hw::ZeroOneTime traffic = hw::PriceZeroOne(collectives, {parameters.NonExpert(), placed.copies},
                                                   {parameters.expert, placed.expert_copies});
  hw::CollectiveTime time;
  if (parameters.NonExpert() > 0) time = traffic.dense_gradients;
  if (parameters.expert > 0) {
    time.scale_up += traffic.expert_gradients.scale_up;
    time.scale_out += traffic.expert_gradients.scale_out;
  }
  StepPrice price;
  price.work = time.Total().count();
  if (price.work > 0) price.port = static_cast<float>(Seconds(time.scale_out) / Seconds(time.Total()));
  return price;
}

}  // namespace

std::vector<RankReductions> ReductionsOf(const Scenario& scenario, const models::Schedule& schedule,
                                         const models::StageLayout& layout,
                                         const std::vector<Program>& programs, const Machine& machine,
                                         const FabricPlacement& placed,
                                         const std::vector<ReplicaTime>& replicas) {
  const hw::CollectiveModel collectives = CollectivesOf(scenario, machine);
  std::vector<RankReductions> ranks(programs.size());
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    RankReductions& own = ranks[rank];
    models::LocalParameters rest = HeldBy(scenario, schedule, layout, static_cast<int>(rank));
    for (const ProgramStep& step : programs[rank].streams[models::kReductionStream]) {
      if (step.type != StepType::kExchange) continue;  // told the mirrored rank
      StepPrice& price = own.prices[step.price - models::kReductionPrice];
      if (step.price != models::kRestReductionPrice) {
        const auto [kind, part] = models::ReducedBlock(step.price);
        const models::LocalParameters block = ParametersOfBlock(scenario, kind, part);
        rest -= block;
        price = PriceReduction(collectives, block, placed);
      } else {  // comes last
        ORRERY_CHECK(rest.expert >= 0 && rest.linear >= 0 && rest.other >= 0,
                     "blocks of more than a rank holds");
        price = PriceReduction(collectives, rest, placed);
        if (!replicas.empty()) price.work += FromSeconds(replicas[rank].gradients_s).count();
      }
      own.seconds += static_cast<double>(price.work) * 1e-12;
    }
  }
  return ranks;
}

std::vector<OptimizerReport> OptimizersOf(const Scenario& scenario, const models::Schedule& schedule,
                                          const models::StageLayout& layout, const Machine& machine,
                                          const FabricPlacement& placed, const hw::CostModel& cost,
                                          const std::vector<ReplicaTime>& replicas) {
  const hw::CollectiveModel collectives = CollectivesOf(scenario, machine);
  const int copies = scenario.parallelism.data * schedule.directions(),
            expert_copies = copies / scenario.parallelism.expert;
  const double norm_s = NormSeconds(scenario, collectives, machine.topology);
  const bool beside = scenario.parallelism.gradient_reduction == models::GradientReduction::kBesideBackwards;
  const std::string how = fmt::format(
      "ZeRO-1: FP32 gradients reduce-scattered over {} copies (experts {}{}{}), AdamW on the shards, BF16 "
      "parameters all-gathered",
      copies, expert_copies, replicas.empty() ? "" : ", then over replicas in their exchange group",
      beside ? ", block by block beside the last backwards" : "");
  std::vector<OptimizerReport> reports;
  for (int rank = 0; rank < scenario.parallelism.pipeline; ++rank) {
    const models::LocalParameters own = HeldBy(scenario, schedule, layout, rank);
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
                  int directions, const std::vector<double>& reduced_s) {
  ORRERY_CHECK(ranks.size() == finished_s.size(), "one end of every pipeline rank");
  StepEnd end;
  double reduced = 0;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    const std::size_t mirror = directions > 1 ? ranks.size() - 1 - r : r;
    if (reduced_s.empty()) {
      end.reduction_s.push_back(std::max(finished_s[r], finished_s[mirror]));
      end.reduced_s.push_back(end.reduction_s.back() + ranks[r].gradients_s);
    } else {
      end.reduction_s.push_back(finished_s[r]);
      end.reduced_s.push_back(std::max({finished_s[r], reduced_s[r], reduced_s[mirror]}));
    }
    reduced = std::max(reduced, end.reduced_s.back());
  }
  for (const OptimizerReport& rank : ranks) {
    end.norm_s = std::max(end.norm_s, reduced + rank.norm_s);
    end.end_s = std::max(end.end_s, reduced + rank.norm_s + rank.update_s + rank.parameters_s);
  }
  return end;
}

}  // namespace orrery::scenarios
