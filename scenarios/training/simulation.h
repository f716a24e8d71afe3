// One optimizer step of a training scenario as discrete events.
//
//   scenario -> schedule, stages -> programs -> prices, loads -> engine -> outcome
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/run_control.h"
#include "hw/comm/exchange.h"
#include "hw/cost/cost_model.h"
#include "models/parallel/stages.h"
#include "models/parallel/training_program.h"
#include "models/routing/load_source.h"
#include "models/routing/placement.h"
#include "scenarios/schema/scenario.h"
#include "scenarios/step/conditions.h"
#include "scenarios/step/loads.h"
#include "scenarios/step/machine.h"
#include "scenarios/step/placement.h"
#include "scenarios/step/step_model.h"
#include "scenarios/training/observer.h"
#include "scenarios/training/optimizer.h"
#include "scenarios/training/prices.h"
#include "scenarios/training/rebalancing.h"
#include "scenarios/training/result.h"

namespace orrery::scenarios {

/// What a simulation takes instead of the model's own, and what it keeps.
struct StepInputs {
  const hw::CostModel* cost = nullptr;        ///< else the machine's
  const models::LoadSource* loads = nullptr;  ///< else the scenario's; of the scenario's LoadShape
  bool timeline = false;                      ///< keep that of the first exchange group
};

/// What the loads of a scenario follow from: scenarios of one key have the same, whatever else differs.
struct LoadsKey {
  models::RoutingOptions routing;
  std::string recorded;  ///< names the contents of a file of recorded loads; empty: none
  models::MoeSpec moe;
  models::LoadShape shape;
  int moe_layers = 0;
  std::uint64_t seed = 0;
  bool operator==(const LoadsKey&) const = default;
};
/// Absent where the model has no experts. `scenario` is settled.
std::optional<LoadsKey> LoadsKeyOf(const Scenario& scenario);
/// The scenario's loads; null where the model has no experts.
std::shared_ptr<const models::LoadSource> MakeScenarioLoads(const Scenario& scenario,
                                                            const RunControl& control = {});

/// What one simulation of a training step gives. Times are picoseconds unless their names end in _s.
struct TrainingOutcome : StepOutcome {
  std::int64_t pipeline = 0;                ///< until the last rank has finished its last task
  std::vector<OptimizerReport> optimizers;  ///< [pipeline rank]
  std::vector<RankReductions> reductions;   ///< [pipeline rank]; empty unless they are in the programs
  StepEnd end;
  RebalanceReport rebalance;
  int columns = 0;  ///< GPUs simulated of a pipeline rank
  double hottest_excess = 0, row_deviation = 0, dropped_share = 0;
  std::unique_ptr<TrainingPrices> prices;  ///< refers to `loads`
  std::unique_ptr<StepLoads> loads;
  std::unique_ptr<GroupObservers> observer;
};

/// A training scenario made ready to simulate: everything that does not depend on the conditions. Immutable,
/// so that simulations may run on several threads.
class TrainingModel : public StepModel {
 public:
  /// On a machine of its own. `folded_only`: for folded simulations alone, which need no router; much faster
  /// to make.
  explicit TrainingModel(const Scenario& scenario, bool folded_only = false);
  /// On the machine of the scenario's cluster, calibration and communication, which others may share.
  TrainingModel(Scenario scenario, std::shared_ptr<const Machine> machine, bool folded_only = false,
                const RunControl& control = {});
  /// The same with loads that were made before, of the scenario's LoadsKey.
  TrainingModel(Scenario scenario, std::shared_ptr<const Machine> machine,
                std::shared_ptr<const models::LoadSource> loads, const RunControl& control = {});

  /// Exchange groups meet nobody else before the optimizer: they are simulated side by side, on as many
  /// threads as there are, with the same outcome.
  TrainingOutcome Simulate(const Conditions& conditions, const StepInputs& inputs,
                           const RunControl& control = {}) const;
  TrainingOutcome Simulate(const Conditions& conditions = {}, const RunControl& control = {}) const {
    return Simulate(conditions, StepInputs{}, control);
  }
  StepOutcome Step(const Conditions& conditions, const RunControl& control = {}) const override;

  const Scenario& scenario() const { return scenario_; }
  const Machine& machine() const { return *machine_; }
  const hw::CostModel& cost() const { return machine_->cost; }
  const hw::ExchangeModel& exchange() const { return machine_->exchange; }
  const models::Schedule& schedule() const { return *schedule_; }
  const models::TrainingPrograms& programs() const { return *programs_; }
  const models::StageLayout& stages() const { return layout_; }
  /// Seconds of a step during which experts move to new plans.
  const RebalanceReport& rebalance() const { return rebalance_; }
  double exchange_stretch() const { return placed_->exchange_stretch; }
  double message_stretch() const { return placed_->message_stretch; }
  std::string LoadDescription() const {
    return loads_ ? loads_->Describe() : scenario_.model.moe ? "even: every rank alike" : "no routed experts";
  }
  models::LoadShape load_shape() const;  ///< what a load source for this scenario must have
  int MoeLayers() const;                 ///< MTP modules included
  /// The optimizer step of every pipeline rank, experts placed as `loads` (null: evenly) has them.
  std::vector<OptimizerReport> PriceOptimizers(const hw::CostModel& cost,
                                               const models::LoadSource* loads) const;
  /// The reductions in the programs, experts placed likewise; empty where there are none.
  std::vector<RankReductions> PriceReductions(const models::LoadSource* loads) const;
  /// The scenario's; null where there is none.
  const models::LoadSource* loads() const { return loads_.get(); }
  /// Stages of a pipeline rank, in words.
  std::string Holds(int rank) const;

 private:
  /// What a rank gets when all are alike.
  struct EvenLoad {
    RankLoad load;
    double rows_per_node = 1;      ///< and of its token that goes to a node at all
    models::ExpertPlacement plan;  ///< of experts all alike on the scenario's slots; empty: one slot each
  };
  void RunGroups(const Conditions& conditions, const StepInputs& inputs, const RunControl& control,
                 TrainingOutcome* outcome) const;
  TrainingOutcome Prepare(const Conditions& conditions, const StepInputs& inputs,
                          const RunControl& control) const;
  PriceInputs PricesUnder(const Conditions& conditions) const;
  std::unique_ptr<StepLoads> LoadsOf(const Conditions& conditions, const StepInputs& inputs, int groups,
                                     const RunControl& control) const;
  EvenLoad MakeEvenLoad() const;
  void PlanStages();
  models::StageLayout Layout(const TrainingPrices& prices) const;
  std::vector<std::vector<int>> MoeLayersOfRanks() const;
  std::vector<ReplicaTime> ReplicasOf(const models::LoadSource* loads) const;
  std::int64_t MessageWork() const;
  void EndStep(TrainingOutcome* outcome) const;
  RebalanceReport PriceRebalance(const models::LoadSource* loads) const;
  struct Unplanned {};
  TrainingModel(Unplanned, Scenario scenario, std::shared_ptr<const Machine> machine);
  void PlaceAndPlan(const RunControl& control);

  Scenario scenario_;
  std::shared_ptr<const Machine> machine_;
  std::shared_ptr<const models::LoadSource>
      loads_;  ///< absent in dense models and where only folded simulations are asked
  std::shared_ptr<const EvenLoad> even_;
  std::shared_ptr<const FabricPlacement> placed_;
  RebalanceReport rebalance_;  ///< of loads_
  models::StageLayout layout_;
  std::shared_ptr<const models::Schedule> schedule_;
  std::shared_ptr<const models::TrainingPrograms> programs_;
};

}  // namespace orrery::scenarios
