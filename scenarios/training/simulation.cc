#include "scenarios/training/simulation.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/base/parallel.h"
#include "core/config/key_error.h"
#include "core/engine/stream_engine.h"
#include "hw/comm/placement.h"
#include "hw/comm/point_to_point.h"
#include "models/memory/memory.h"
#include "models/routing/sources/planned_loads.h"
#include "models/routing/sources/routing_options.h"
#include "scenarios/training/memory_plan.h"
#include "scenarios/training/stage_choice.h"

namespace orrery::scenarios {
namespace {

/// Rows of an expert are padded to the tile that layer_ops.h prices.
const std::int64_t kRowAlignment = models::TrainingShape{}.row_alignment;

models::Schedule ScheduleOf(const Scenario& s) {
  try {
    return models::MakeSchedule(
        {s.parallelism.schedule, s.parallelism.pipeline, s.MicroBatches(), s.parallelism.virtual_stages});
  } catch (const InputError& e) {
    throw KeyError("parallelism.schedule", e.what());
  }
}

/// Every stage holds a part of the model.
void CheckStages(const Scenario& s, const models::Schedule& schedule) {
  const int most = models::MostStages(s.model);
  if (schedule.stages <= most) return;
  throw KeyError(
      "parallelism.pipeline",
      fmt::format("gives {} pipeline stages (virtual ones counted), expected at most the {} parts of {}: "
                  "embedding, {} layers, and {} after them",
                  schedule.stages, most, s.model.name, s.model.layers, most - 1 - s.model.layers));
}

/// Runs `make`; an InputError in it is about the key that asked for it.
template <class F>
auto AtKey(const char* key, F&& make) -> decltype(make()) {
  try {
    return make();
  } catch (const InputError& e) {
    throw KeyError(key, e.what());
  }
}

models::LoadShape ShapeOf(const Scenario& s) {
  const models::MoeSpec& moe = *s.model.moe;
  models::LoadShape shape;
  shape.experts = moe.routed_experts;
  shape.ranks = s.parallelism.expert;
  shape.ranks_per_node = std::min(s.cluster.devices_per_node, s.parallelism.expert);
  shape.tokens_per_rank = static_cast<int>(s.workload.micro_batch * s.workload.sequence_length);
  shape.top_k = moe.top_k;
  shape.groups = moe.groups;
  shape.top_groups = moe.top_groups;
  return shape;
}

}  // namespace

TrainingModel::TrainingModel(Scenario scenario, bool folded_only) : scenario_(std::move(scenario)) {
  schedule_ = ScheduleOf(scenario_);
  cost_ = std::make_unique<hw::CostModel>(AtKey(
      "calibration", [&] { return hw::CostModel::Load(scenario_.cluster.device, scenario_.calibration); }));
  exchange_ = std::make_unique<hw::ExchangeModel>(AtKey("exchange.kernels", [&] {
    return hw::ExchangeModel::Load(scenario_.cluster.device, scenario_.communication.kernels);
  }));
  if (scenario_.model.moe) PrepareEvenLoad();
  // Folded variants need no router, but what is asked of it is checked all the same: of no layers at all, a
  // source makes its checks and draws nothing.
  auto loads = MakeLoads(scenario_.seed, folded_only ? 0 : MoeLayers());
  if (!folded_only) loads_ = std::move(loads);
  StretchTraffic();
  PlanStages();
  rebalance_ = PriceRebalance(loads_.get());
}

/// Lays the model out over the stages, as the scenario says or by what its parts cost, and writes the
/// programs.
void TrainingModel::PlanStages() {
  CheckStages(scenario_, schedule_);
  // Two micro-batches, for a forward beside a backward.
  const StepLoads loads =
      scenario_.model.moe ? StepLoads(1, 1, std::vector<RankLoad>(2, even_load_)) : StepLoads();
  PriceInputs inputs;
  inputs.scenario = &scenario_;
  inputs.cost = cost_.get();
  inputs.exchange = exchange_.get();
  inputs.exchange_stretch = exchange_stretch_;
  inputs.vary = false;
  const TrainingPrices prices(inputs, loads, 1);
  const std::vector<std::string>& list = scenario_.parallelism.layers_per_stage;
  const auto lacking = [&](const models::StageLayout& layout) {
    std::int64_t most = 0;
    for (const models::RankMemory& memory : MemoryOfRanks(scenario_, schedule_, layout, even_load_))
      most = std::max(most, memory.Total().count - scenario_.cluster.device.memory.count);
    return most;
  };
  layout_ = !list.empty() ? models::StageLayoutOf(list, scenario_.model, schedule_)
                          : ChooseStageLayout(scenario_.model, schedule_, prices, lacking);
  std::vector<std::vector<models::Unit>> units;
  for (const models::Stage& stage : layout_.stages) units.push_back(models::UnitsOf(scenario_.model, stage));
  programs_ =
      models::BuildTrainingPrograms(schedule_, units, WeightPassesOf(scenario_.model, prices, even_load_));
}

/// What the fabric adds where groups of neighbouring nodes leave their leaf or flows collide.
void TrainingModel::StretchTraffic() {
  const hw::Cluster& cluster = scenario_.cluster;
  const hw::Topology topology(cluster);
  const int nodes_per_exchange = scenario_.parallelism.expert / cluster.devices_per_node;
  if (nodes_per_exchange > 1) {
    exchange_stretch_ =
        hw::ExchangeStretch(cluster, topology, hw::ContiguousGroups(cluster.nodes, nodes_per_exchange)).last;
  }
  if (scenario_.parallelism.pipeline == 1) return;
  // Pipeline ranks follow one another, `data` GPUs each. Where those are no whole nodes, some messages stay
  // in their node; all are taken for those that go furthest.
  const auto nodes_on = static_cast<int>(CeilDiv(scenario_.parallelism.data, cluster.devices_per_node));
  const int distance = std::min(nodes_on, cluster.nodes - 1);
  message_stretch_ = hw::HandOverStretch(cluster, topology, distance).last;
  message_latency_ = hw::MessageLatency(cluster, topology, 0, distance);
}

models::LoadShape TrainingModel::load_shape() const { return ShapeOf(scenario_); }

int TrainingModel::MoeLayers() const {
  return scenario_.model.moe ? scenario_.model.MoeLayers() + scenario_.model.mtp_modules : 0;
}

std::unique_ptr<models::LoadSource> TrainingModel::MakeLoads(std::uint64_t seed, int moe_layers) const {
  if (!scenario_.model.moe) return nullptr;
  return models::MakeLoads(scenario_.Routing(), *scenario_.model.moe, ShapeOf(scenario_), moe_layers, seed);
}

std::vector<std::vector<int>> TrainingModel::MoeLayersOfRanks() const {
  std::vector<std::vector<int>> moe_layers;
  for (int rank = 0; rank < scenario_.parallelism.pipeline; ++rank) {
    auto& mine = moe_layers.emplace_back();
    for (const auto& [stage, direction] : schedule_.StagesOf(rank)) {
      for (const models::Unit& unit :
           models::UnitsOf(scenario_.model, layout_.stages[static_cast<std::size_t>(stage)]))
        if (unit.kind == models::UnitKind::kMoeLayer || unit.kind == models::UnitKind::kMtpLayer)
          mine.push_back(unit.moe_layer);
    }
  }
  return moe_layers;
}

hw::PointToPoint TrainingModel::Link() const {
  return {scenario_.cluster.device, *exchange_, scenario_.cluster.fabric.transport};
}

RebalanceReport TrainingModel::PriceRebalance(const models::LoadSource* loads) const {
  const auto* planned = dynamic_cast<const models::PlannedLoads*>(loads);
  if (planned == nullptr) return {};
  return PriceRebalancing(scenario_, *planned, MoeLayersOfRanks(), schedule_.directions(), Link(),
                          exchange_stretch_);
}

std::vector<ReplicaTime> TrainingModel::ReplicasOf(const models::LoadSource* loads) const {
  const auto* planned = dynamic_cast<const models::PlannedLoads*>(loads);
  const bool even = loads == nullptr;
  if (even ? even_plan_.expert_of.empty() : planned == nullptr) return {};
  const ExpertBytes bytes = BytesOfExpert(scenario_, schedule_.directions());
  const models::LoadShape shape = ShapeOf(scenario_);
  std::vector<ReplicaTime> times;
  for (const std::vector<int>& layers : MoeLayersOfRanks()) {
    std::vector<models::ExpertMoves::Port> chains;
    for (const int layer : layers)
      chains.push_back(models::ReplicaChains(even ? even_plan_ : planned->Plan(layer, 0), shape.ranks,
                                             shape.ranks_per_node));
    times.push_back(PriceReplicas(bytes, chains, Link(), exchange_stretch_, even));
  }
  return times;
}

std::int64_t TrainingModel::MessageWork() const {
  const std::int64_t tokens = scenario_.workload.micro_batch * scenario_.workload.sequence_length;
  const Bytes bytes{tokens * scenario_.model.hidden * 2};  // activations and their gradients cross in BF16
  const hw::Reach reach = scenario_.cluster.nodes > 1 ? hw::Reach::kCrossLeaf : hw::Reach::kNode;
  const Time wire = Link().Wire(bytes, reach);
  return static_cast<std::int64_t>(static_cast<double>(wire.count()) * message_stretch_) +
         message_latency_.count();
}

void TrainingModel::PrepareEvenLoad() {
  const models::LoadShape shape = ShapeOf(scenario_);
  const auto take = [this](const models::TableLoads& uniform) {
    even_load_ = StepLoads(uniform, 1, 8, 1, kRowAlignment).mean();
    even_rows_per_node_ = uniform.shape().top_k / std::max(1.0, double{uniform.Table(0).nodes_mean.front()});
  };
  if (scenario_.ExpertSlots() == shape.experts) {
    take(models::UniformLoads(shape, scenario_.seed));
    return;
  }
  models::PlacementOptions slots;  // the scenario's, with every expert alike
  slots.eplb = true;
  slots.redundant_experts = scenario_.ExpertSlots() - shape.experts;
  slots.shared_experts = scenario_.placed_shared_experts;
  const models::PlannedLoads uniform(
      std::make_unique<models::UniformLoads>(models::LogicalShape(shape), scenario_.seed), shape, slots, 1);
  take(uniform);
  even_plan_ = uniform.Plan(0, 0);
}

std::unique_ptr<StepLoads> TrainingModel::LoadsOf(const Variant& variant, int groups) const {
  if (!scenario_.model.moe) return std::make_unique<StepLoads>();
  if (variant.fold || variant.free == Free::kImbalance) {
    const int ranks = variant.fold ? 1 : scenario_.parallelism.expert;
    const RankLoad even = variant.dropped_share > 0
                              ? WithoutRows(even_load_, variant.dropped_share, even_rows_per_node_)
                              : even_load_;
    const auto instances =
        static_cast<std::size_t>(MoeLayers()) * static_cast<std::size_t>(scenario_.MicroBatches());
    const std::size_t count = instances * static_cast<std::size_t>(groups) * static_cast<std::size_t>(ranks);
    return std::make_unique<StepLoads>(groups, ranks, std::vector<RankLoad>(count, even));
  }
  const auto reseeded = variant.seed ? MakeLoads(*variant.seed, MoeLayers()) : nullptr;
  const models::LoadSource* source = variant.loads != nullptr ? variant.loads
                                     : reseeded               ? reseeded.get()
                                                              : loads_.get();
  ORRERY_CHECK(source != nullptr, "a model made for folded variants was asked for another");
  return std::make_unique<StepLoads>(*source, MoeLayers(), scenario_.MicroBatches(), groups, kRowAlignment);
}

Outcome TrainingModel::Prepare(const Variant& variant) const {
  const Parallelism& p = scenario_.parallelism;
  const int all_groups = p.data / p.expert;
  const int groups =
      variant.fold ? 1 : (variant.groups > 0 ? std::min(variant.groups, all_groups) : all_groups);
  Outcome outcome;
  outcome.columns = variant.fold ? 1 : groups * p.expert;
  outcome.gpus = outcome.columns * p.pipeline;
  outcome.loads = LoadsOf(variant, groups);
  PriceInputs inputs;
  inputs.scenario = &scenario_;
  inputs.cost = variant.cost != nullptr ? variant.cost : cost_.get();
  inputs.exchange = exchange_.get();
  inputs.exchange_stretch = exchange_stretch_;
  inputs.exchange_factor = variant.exchange_factor;
  inputs.message_work = std::llround(static_cast<double>(MessageWork()) * variant.exchange_factor);
  inputs.free = variant.free;
  inputs.seed = variant.seed.value_or(scenario_.seed);
  inputs.vary = !variant.fold;
  outcome.prices = std::make_unique<TrainingPrices>(inputs, *outcome.loads, variant.fold ? 1 : p.expert);
  outcome.hottest_excess = outcome.loads->hottest_excess();
  outcome.row_deviation = outcome.loads->row_deviation();
  outcome.dropped_share = outcome.loads->dropped_share();
  const bool even = variant.fold || variant.free == Free::kImbalance;
  const models::LoadSource* placed = variant.loads != nullptr ? variant.loads : loads_.get();
  outcome.optimizers = PriceOptimizers(*inputs.cost, even ? nullptr : placed);
  for (OptimizerReport& rank : outcome.optimizers) {
    rank.gradients_s *= variant.exchange_factor;
    rank.parameters_s *= variant.exchange_factor;
  }
  if (!even) outcome.rebalance = variant.loads != nullptr ? PriceRebalance(variant.loads) : rebalance_;
  return outcome;
}

namespace {

/// The prices of one exchange group: its columns are counted from `first`.
struct GroupPrices {
  const TrainingPrices& prices;
  int first;
  StepPrice operator()(int row, int column, const ProgramStep& step) const {
    return prices(row, first + column, step);
  }
};

template <class Observer>
EngineResult RunGroup(const std::vector<Program>& programs, int columns, const GroupPrices& prices,
                      Observer& observer, const RunControl& control) {
  StreamEngine<const GroupPrices, Observer, models::kTrainingStreams> engine(programs, columns, columns,
                                                                             prices, observer);
  return engine.Run([&](double share) { control.Tell(share); });
}

}  // namespace

void TrainingModel::RunGroups(const Variant& variant, const RunControl& control, Outcome* outcome) const {
  const int columns = variant.fold ? 1 : scenario_.parallelism.expert;
  const int groups = outcome->columns / columns;
  const int rows = static_cast<int>(programs_.programs.size());
  outcome->observer = std::make_unique<GroupObservers>(programs_, groups, columns);
  std::vector<EngineResult> results(static_cast<std::size_t>(groups));
  ParallelFor(static_cast<std::size_t>(groups), [&](std::size_t g) {
    const int group = static_cast<int>(g);
    TrainingObserver& observer = outcome->observer->Of(group);
    const GroupPrices prices{*outcome->prices, group * columns};
    EngineResult& result = results[g];
    if (variant.record && group == 0) {
      TimelineRecorder recorder(rows * columns, models::kTrainingStreams);
      BothObservers<TrainingObserver, TimelineRecorder> both(observer, recorder);
      result = RunGroup(programs_.programs, columns, prices, both, control);
      outcome->timeline = recorder.Take();
    } else {
      result = RunGroup(programs_.programs, columns, prices, observer, control);
    }
    observer.Finish();
  });
  for (const EngineResult& result : results) {
    outcome->pipeline = std::max(outcome->pipeline, result.end);
    outcome->events += result.events;
    outcome->steps += result.steps;
  }
  std::vector<double> finished(static_cast<std::size_t>(rows));
  for (int rank = 0; rank < outcome->gpus; ++rank) {
    double& last = finished[static_cast<std::size_t>(rank / outcome->columns)];
    last = std::max(last, static_cast<double>(outcome->observer->FinishOf(rank)) * 1e-12);
  }
  outcome->end = EndOfStep(outcome->optimizers, finished, schedule_.directions());
  outcome->step_s = outcome->end.end_s + outcome->rebalance.Sum();
}

Outcome TrainingModel::Simulate(const Variant& variant, const RunControl& control) const {
  Outcome outcome = Prepare(variant);
  RunGroups(variant, control, &outcome);
  return outcome;
}

std::vector<OptimizerReport> TrainingModel::PriceOptimizers(const hw::CostModel& cost,
                                                            const models::LoadSource* loads) const {
  return OptimizersOf(scenario_, schedule_, layout_, cost, *exchange_, hw::Topology(scenario_.cluster),
                      ReplicasOf(loads));
}

std::string TrainingModel::Holds(int rank) const {
  std::string text;
  for (const auto& [stage, direction] : schedule_.StagesOf(rank)) {
    text += (text.empty() ? "" : " | ") +
            models::Describe(scenario_.model, layout_.stages[static_cast<std::size_t>(stage)]);
  }
  return text;
}

}  // namespace orrery::scenarios
