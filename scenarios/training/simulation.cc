#include "scenarios/training/simulation.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/base/parallel.h"
#include "core/config/key_error.h"
#include "core/engine/stream_engine.h"
#include "hw/comm/point_to_point.h"
#include "models/memory/memory.h"
#include "models/routing/sources/planned_loads.h"
#include "models/routing/sources/routing_options.h"
#include "scenarios/training/memory_plan.h"
#include "scenarios/training/stage_choice.h"

namespace orrery::scenarios {
namespace {

/// Rows of an expert are padded to the tile that models/layers/layer.h lists.
const std::int64_t kRowAlignment = models::LayerShape{}.row_alignment;

std::shared_ptr<const models::Schedule> ScheduleOf(const Scenario& s, Memo* memo) {
  try {
    const models::ScheduleSpec spec{s.parallelism.schedule, s.parallelism.pipeline, s.MicroBatches(),
                                    s.parallelism.virtual_stages};
    return memo->Get<models::Schedule>(spec, [&] { return models::MakeSchedule(spec); });
  } catch (const InputError& e) {
    const bool by_default = s.parallelism.schedule == Parallelism{}.schedule;
    throw KeyError("parallelism.schedule",
                   std::string(e.what()) +
                       (by_default ? "; dualpipe is the default, parallelism.schedule names another" : ""));
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

int MoeLayersOf(const Scenario& s) { return s.model.moe ? s.model.MoeLayers() + s.model.mtp_modules : 0; }

/// Null where there are no experts.
std::unique_ptr<models::LoadSource> LoadsOfSeed(const Scenario& s, std::uint64_t seed, int moe_layers,
                                                const RunControl& control) {
  if (!s.model.moe) return nullptr;
  return models::MakeLoads(s.Routing(), *s.model.moe, ShapeOf(s), moe_layers, seed, control);
}

/// What even loads follow from.
struct EvenLoadKey {
  models::LoadShape shape;
  int placed_shared_experts = 0, slots = 0;
  std::uint64_t seed = 0;
  bool operator==(const EvenLoadKey&) const = default;
};

EvenLoadKey EvenLoadKeyOf(const Scenario& s) {
  if (!s.model.moe) return {};
  return {ShapeOf(s), s.placed_shared_experts, s.ExpertSlots(), s.seed};
}

/// What the choice of a layout follows from: times of blocks, and memory.
struct LayoutKey {
  std::shared_ptr<const UnitPrices> units;
  double exchange_stretch = 1;
  RankLoad load;
  models::ScheduleSpec schedule;
  std::vector<std::int64_t> memory;
  bool operator==(const LayoutKey&) const = default;
};

/// What programs follow from.
struct ProgramsKey {
  models::ScheduleSpec schedule;
  models::WeightPasses weights{};
  models::GradientReduction reduction{};
  std::vector<int> units;  ///< of all stages, each stage's number of units first
  bool operator==(const ProgramsKey&) const = default;

  void Add(const std::vector<models::Unit>& stage) {
    units.push_back(static_cast<int>(stage.size()));
    for (const models::Unit& unit : stage) {
      units.push_back(static_cast<int>(unit.kind));
      units.push_back(unit.moe_layer);
    }
  }
};

LayoutKey LayoutKeyOf(const Scenario& s, const models::Schedule& schedule, const TrainingPrices& prices,
                      const RankLoad& load, double exchange_stretch) {
  const Parallelism& p = s.parallelism;
  return {prices.units(),
          exchange_stretch,
          load,
          schedule.spec,
          {p.data, p.expert, p.zero, s.expert_slots, s.placed_shared_experts, s.communication.sms}};
}

}  // namespace

std::optional<LoadsKey> LoadsKeyOf(const Scenario& s) {
  if (!s.model.moe) return std::nullopt;
  // A settled scenario's hash stands for the contents of its files, and for more than the loads follow from:
  // with a file, loads are shared by scenarios of one hash alone.
  return LoadsKey{
      s.Routing(), s.routing.loads.empty() ? "" : s.hash, *s.model.moe, ShapeOf(s), MoeLayersOf(s), s.seed};
}

std::shared_ptr<const models::LoadSource> MakeScenarioLoads(const Scenario& s, const RunControl& control) {
  return LoadsOfSeed(s, s.seed, MoeLayersOf(s), control);
}

TrainingModel::TrainingModel(const Scenario& scenario, bool folded_only)
    : TrainingModel(scenario, LoadMachine(scenario), folded_only) {}

TrainingModel::TrainingModel(Unplanned, Scenario scenario, std::shared_ptr<const Machine> machine)
    : scenario_(std::move(scenario)),
      machine_(std::move(machine)),
      schedule_(ScheduleOf(scenario_, &machine_->memo())) {
  ORRERY_CHECK(machine_->cluster == scenario_.cluster, "a model on a machine that is not its scenario's");
  even_ = machine_->memo().Get<EvenLoad>(EvenLoadKeyOf(scenario_), [&] { return MakeEvenLoad(); });
}

TrainingModel::TrainingModel(Scenario scenario, std::shared_ptr<const Machine> machine, bool folded_only,
                             const RunControl& control)
    : TrainingModel(Unplanned{}, std::move(scenario), std::move(machine)) {
  // Folded simulations need no router, but what is asked of it is checked all the same: of no layers at all, a
  // source makes its checks and draws nothing.
  auto loads = LoadsOfSeed(scenario_, scenario_.seed, folded_only ? 0 : MoeLayers(), control.Part(0, 0));
  if (!folded_only) loads_ = std::move(loads);
  PlaceAndPlan(control);
}

TrainingModel::TrainingModel(Scenario scenario, std::shared_ptr<const Machine> machine,
                             std::shared_ptr<const models::LoadSource> loads, const RunControl& control)
    : TrainingModel(Unplanned{}, std::move(scenario), std::move(machine)) {
  ORRERY_CHECK((loads != nullptr) == scenario_.model.moe.has_value(), "loads of another model");
  loads_ = std::move(loads);
  PlaceAndPlan(control);
}

void TrainingModel::PlaceAndPlan(const RunControl& control) {
  control.Check();
  const Parallelism& p = scenario_.parallelism;
  placed_ = PlaceOn(*machine_, {p.pipeline, p.data, p.expert, schedule_->directions()});
  PlanStages();
  control.Check();
  rebalance_ = PriceRebalance(loads_.get());
}

/// The prices of a simulation, its seed aside.
PriceInputs TrainingModel::PricesUnder(const Conditions& conditions) const {
  PriceInputs inputs;
  inputs.scenario = &scenario_;
  inputs.cost = &machine_->cost;
  inputs.exchange = &machine_->exchange;
  inputs.memo = &machine_->memo();
  inputs.exchange_stretch = placed_->exchange_stretch;
  inputs.message_work = MessageWork();
  inputs.conditions = conditions;
  return inputs;
}

/// Lays the model out over the stages and writes the programs.
void TrainingModel::PlanStages() {
  CheckStages(scenario_, *schedule_);
  Conditions folded;
  folded.fold = true;
  const StepLoads loads = scenario_.model.moe ? StepLoads::Even(even_->load) : StepLoads();
  PriceInputs inputs = PricesUnder(folded);
  inputs.message_work = 0;  // chunks are played alone
  const TrainingPrices prices(inputs, loads, 1);
  layout_ = Layout(prices);
  std::vector<std::vector<models::Unit>> units;
  ProgramsKey key{schedule_->spec,
                  WeightPassesOf(scenario_.model, prices, even_->load),
                  scenario_.parallelism.gradient_reduction,
                  {}};
  for (const models::Stage& stage : layout_.stages) {
    units.push_back(models::UnitsOf(scenario_.model, stage));
    key.Add(units.back());
  }
  constexpr std::size_t kKept = 8;  // a long schedule's programs take megabytes
  programs_ = machine_->memo().Get<models::TrainingPrograms>(
      key, [&] { return models::BuildTrainingPrograms(*schedule_, units, key.weights, key.reduction); },
      kKept);
}

/// As the scenario says, or by what its parts cost.
models::StageLayout TrainingModel::Layout(const TrainingPrices& prices) const {
  const std::vector<std::string>& list = scenario_.parallelism.layers_per_stage;
  if (!list.empty()) return models::StageLayoutOf(list, scenario_.model, *schedule_);
  const auto lacking = [&](const models::StageLayout& layout) {
    std::int64_t most = 0;
    for (const models::RankMemory& memory : MemoryOfRanks(scenario_, *schedule_, layout, even_->load))
      most = std::max(most, memory.Total().count - scenario_.cluster.device.memory.count);
    return most;
  };
  const LayoutKey key = LayoutKeyOf(scenario_, *schedule_, prices, even_->load, placed_->exchange_stretch);
  return *machine_->memo().Get<models::StageLayout>(
      key, [&] { return ChooseStageLayout(scenario_.model, *schedule_, prices, lacking); });
}

models::LoadShape TrainingModel::load_shape() const { return ShapeOf(scenario_); }

int TrainingModel::MoeLayers() const { return MoeLayersOf(scenario_); }

std::vector<std::vector<int>> TrainingModel::MoeLayersOfRanks() const {
  std::vector<std::vector<int>> moe_layers;
  for (int rank = 0; rank < scenario_.parallelism.pipeline; ++rank) {
    auto& mine = moe_layers.emplace_back();
    for (const auto& [stage, direction] : schedule_->StagesOf(rank)) {
      for (const models::Unit& unit :
           models::UnitsOf(scenario_.model, layout_.stages[static_cast<std::size_t>(stage)]))
        if (models::HasExperts(unit.kind)) mine.push_back(unit.moe_layer);
    }
  }
  return moe_layers;
}

RebalanceReport TrainingModel::PriceRebalance(const models::LoadSource* loads) const {
  if (loads == nullptr) return {};
  return PriceRebalancing(scenario_, *loads, MoeLayersOfRanks(), schedule_->directions(), machine_->Link(),
                          placed_->exchange_stretch);
}

std::vector<ReplicaTime> TrainingModel::ReplicasOf(const models::LoadSource* loads) const {
  const bool even = loads == nullptr;
  if (even ? even_->plan.expert_of.empty() : !loads->placement().eplb) return {};
  const ExpertBytes bytes = BytesOfExpert(scenario_, schedule_->directions());
  const models::LoadShape shape = ShapeOf(scenario_);
  std::vector<ReplicaTime> times;
  for (const std::vector<int>& layers : MoeLayersOfRanks()) {
    std::vector<models::ExpertMoves::Port> chains;
    for (const int layer : layers)
      chains.push_back(models::ReplicaChains(even ? even_->plan : loads->PlacementAt(layer, 0), shape.ranks,
                                             shape.ranks_per_node));
    times.push_back(PriceReplicas(bytes, chains, machine_->Link(), placed_->exchange_stretch, even));
  }
  return times;
}

std::int64_t TrainingModel::MessageWork() const {
  const std::int64_t tokens = scenario_.workload.micro_batch * scenario_.workload.sequence_length;
  const Bytes bytes{tokens * scenario_.model.hidden * 2};  // activations and their gradients cross in BF16
  const hw::Reach reach = scenario_.cluster.nodes > 1 ? hw::Reach::kCrossLeaf : hw::Reach::kNode;
  const Time wire = machine_->Link().Wire(bytes, reach);
  return static_cast<std::int64_t>(static_cast<double>(wire.count()) * placed_->message_stretch) +
         placed_->message_latency.count();
}

TrainingModel::EvenLoad TrainingModel::MakeEvenLoad() const {
  EvenLoad even;
  if (!scenario_.model.moe) return even;
  const models::LoadShape shape = ShapeOf(scenario_);
  const auto take = [&even](const models::TableLoads& uniform) {
    even.load = StepLoads(uniform, 1, 8, 1, kRowAlignment).mean();
    even.rows_per_node = uniform.shape().top_k / std::max(1.0, double{uniform.Table(0).nodes_mean.front()});
  };
  if (scenario_.ExpertSlots() == shape.experts) {
    take(models::UniformLoads(shape, scenario_.seed));
    return even;
  }
  models::PlacementOptions slots;  // the scenario's, with every expert alike
  slots.eplb = true;
  slots.redundant_experts = scenario_.ExpertSlots() - shape.experts;
  slots.shared_experts = scenario_.placed_shared_experts;
  const models::PlannedLoads uniform(
      std::make_unique<models::UniformLoads>(models::LogicalShape(shape), scenario_.seed), shape, slots, 1);
  take(uniform);
  even.plan = uniform.Plan(0, 0);
  return even;
}

std::unique_ptr<StepLoads> TrainingModel::LoadsOf(const Conditions& conditions, const StepInputs& inputs,
                                                  int groups, const RunControl& control) const {
  if (!scenario_.model.moe) return std::make_unique<StepLoads>();
  if (conditions.EvenLoads()) {
    return std::make_unique<StepLoads>(
        StepLoads::Even(conditions.dropped_share > 0
                            ? WithoutRows(even_->load, conditions.dropped_share, even_->rows_per_node)
                            : even_->load));
  }
  const auto reseeded =
      conditions.seed ? LoadsOfSeed(scenario_, *conditions.seed, MoeLayers(), control.Part(0, 0)) : nullptr;
  const models::LoadSource* source = inputs.loads != nullptr ? inputs.loads
                                     : reseeded              ? reseeded.get()
                                                             : loads_.get();
  ORRERY_CHECK(source != nullptr, "a model made for folded simulations was asked for another");
  return std::make_unique<StepLoads>(*source, MoeLayers(), scenario_.MicroBatches(), groups, kRowAlignment,
                                     control);
}

TrainingOutcome TrainingModel::Prepare(const Conditions& conditions, const StepInputs& inputs,
                                       const RunControl& control) const {
  const Parallelism& p = scenario_.parallelism;
  const int all_groups = p.data / p.expert;
  const int groups = conditions.fold         ? 1
                     : conditions.groups > 0 ? std::min(conditions.groups, all_groups)
                                             : all_groups;
  TrainingOutcome outcome;
  outcome.columns = conditions.fold ? 1 : groups * p.expert;
  outcome.gpus = outcome.columns * p.pipeline;
  outcome.loads = LoadsOf(conditions, inputs, groups, control);
  PriceInputs prices = PricesUnder(conditions);
  prices.seed = conditions.seed.value_or(scenario_.seed);
  if (inputs.cost != nullptr) prices.cost = inputs.cost, prices.memo = nullptr;
  outcome.prices = std::make_unique<TrainingPrices>(prices, *outcome.loads, conditions.fold ? 1 : p.expert);
  outcome.hottest_excess = outcome.loads->hottest_excess();
  outcome.row_deviation = outcome.loads->row_deviation();
  outcome.dropped_share = outcome.loads->dropped_share();
  const bool even = conditions.EvenLoads();
  const models::LoadSource* placed = inputs.loads != nullptr ? inputs.loads : loads_.get();
  outcome.optimizers = PriceOptimizers(*prices.cost, even ? nullptr : placed);
  outcome.reductions = PriceReductions(even ? nullptr : placed);
  for (std::size_t rank = 0; rank < outcome.reductions.size(); ++rank) {
    outcome.optimizers[rank].gradients_s = outcome.reductions[rank].seconds;
    for (StepPrice& price : outcome.reductions[rank].prices)
      price.work = std::llround(static_cast<double>(price.work) * conditions.transfers);
  }
  for (OptimizerReport& rank : outcome.optimizers) {
    rank.gradients_s *= conditions.transfers;
    rank.parameters_s *= conditions.transfers;
  }
  if (!even) outcome.rebalance = inputs.loads != nullptr ? PriceRebalance(inputs.loads) : rebalance_;
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

/// The same where gradients are reduced within the programs.
struct ReducingPrices {
  GroupPrices compute_and_exchanges;
  const std::vector<RankReductions>& reductions;
  StepPrice operator()(int row, int column, const ProgramStep& step) const {
    return step.price < models::kReductionPrice
               ? compute_and_exchanges(row, column, step)
               : reductions[static_cast<std::size_t>(row)].prices[step.price - models::kReductionPrice];
  }
};

template <class Observer>
EngineResult RunGroup(const std::vector<Program>& programs, int columns, const GroupPrices& prices,
                      const std::vector<RankReductions>& reductions, Observer& observer,
                      const RunControl& control) {
  const auto poll = [&](double share) { control.Tell(share); };
  if (reductions.empty()) {
    StreamEngine<const GroupPrices, Observer, models::kTrainingStreams> engine(programs, columns, columns,
                                                                               prices, observer);
    return engine.Run(poll);
  }
  const ReducingPrices all{prices, reductions};
  const Communicator group = Communicator::Neighbours(static_cast<int>(programs.size()) * columns, columns);
  StreamEngine<const ReducingPrices, Observer, models::kReducingStreams> engine(
      programs, columns, {group, group}, all, observer);
  return engine.Run(poll);
}

}  // namespace

void TrainingModel::RunGroups(const Conditions& conditions, const StepInputs& inputs,
                              const RunControl& control, TrainingOutcome* outcome) const {
  const int columns = conditions.fold ? 1 : scenario_.parallelism.expert;
  const int groups = outcome->columns / columns;
  const int rows = static_cast<int>(programs_->programs.size());
  outcome->observer = std::make_unique<GroupObservers>(*programs_, groups, columns);
  std::vector<EngineResult> results(static_cast<std::size_t>(groups));
  ParallelFor(static_cast<std::size_t>(groups), [&](std::size_t g) {
    const int group = static_cast<int>(g);
    TrainingObserver& observer = outcome->observer->Of(group);
    const GroupPrices prices{*outcome->prices, group * columns};
    EngineResult& result = results[g];
    if (inputs.timeline && group == 0) {
      TimelineRecorder recorder(
          rows * columns, outcome->reductions.empty() ? models::kTrainingStreams : models::kReducingStreams);
      BothObservers<TrainingObserver, TimelineRecorder> both(observer, recorder);
      result = RunGroup(programs_->programs, columns, prices, outcome->reductions, both, control);
      outcome->timeline = recorder.Take();
    } else {
      result = RunGroup(programs_->programs, columns, prices, outcome->reductions, observer, control);
    }
    observer.Finish();
  });
  for (const EngineResult& result : results) {
    outcome->pipeline = std::max(outcome->pipeline, result.end);
    outcome->events += result.events;
    outcome->steps += result.steps;
  }
  EndStep(outcome);
}

/// Of all groups together: a collective over all copies ends with the last of them.
void TrainingModel::EndStep(TrainingOutcome* outcome) const {
  const bool beside = !outcome->reductions.empty();
  const std::size_t rows = programs_->programs.size();
  std::vector<double> finished(rows), reduced(beside ? rows : 0);
  const auto keep_last = [](std::int64_t picoseconds, double* last) {
    *last = std::max(*last, static_cast<double>(picoseconds) * 1e-12);
  };
  if (beside) outcome->pipeline = 0;  // the engine's end is that of the last reduction
  for (int rank = 0; rank < outcome->gpus; ++rank) {
    const auto row = static_cast<std::size_t>(rank / outcome->columns);
    keep_last(outcome->observer->FinishOf(rank), &finished[row]);
    if (!beside) continue;
    keep_last(outcome->observer->ReducedOf(rank), &reduced[row]);
    outcome->pipeline = std::max(outcome->pipeline, outcome->observer->FinishOf(rank));
  }
  outcome->end = EndOfStep(outcome->optimizers, finished, schedule_->directions(), reduced);
  for (std::size_t row = 0; row < reduced.size(); ++row) {
    OptimizerReport& rank = outcome->optimizers[row];
    rank.beside_s =
        std::max(0.0, rank.gradients_s - (outcome->end.reduced_s[row] - outcome->end.reduction_s[row]));
  }
  outcome->step_s = outcome->end.end_s + outcome->rebalance.Sum();
}

TrainingOutcome TrainingModel::Simulate(const Conditions& conditions, const StepInputs& inputs,
                                        const RunControl& control) const {
  TrainingOutcome outcome = Prepare(conditions, inputs, control);
  RunGroups(conditions, inputs, control, &outcome);
  return outcome;
}

StepOutcome TrainingModel::Step(const Conditions& conditions, const RunControl& control) const {
  return Simulate(conditions, control);
}

std::vector<OptimizerReport> TrainingModel::PriceOptimizers(const hw::CostModel& cost,
                                                            const models::LoadSource* loads) const {
  return OptimizersOf(scenario_, *schedule_, layout_, *machine_, *placed_, cost, ReplicasOf(loads));
}

std::vector<RankReductions> TrainingModel::PriceReductions(const models::LoadSource* loads) const {
  if (scenario_.parallelism.gradient_reduction == models::GradientReduction::kAfterBackwards) return {};
  return ReductionsOf(scenario_, *schedule_, layout_, programs_->programs, *machine_, *placed_,
                      ReplicasOf(loads));
}

std::string TrainingModel::Holds(int rank) const {
  std::string text;
  for (const auto& [stage, direction] : schedule_->StagesOf(rank)) {
    text += (text.empty() ? "" : " | ") +
            models::Describe(scenario_.model, layout_.stages[static_cast<std::size_t>(stage)]);
  }
  return text;
}

}  // namespace orrery::scenarios
