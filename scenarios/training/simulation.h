// One optimizer step of a training scenario as discrete events.
//
//   scenario -> schedule, stages -> programs -> prices, loads -> engine -> outcome
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/run_control.h"
#include "core/engine/timeline.h"
#include "hw/comm/exchange.h"
#include "hw/comm/point_to_point.h"
#include "hw/cost/cost_model.h"
#include "models/parallel/stages.h"
#include "models/parallel/training_program.h"
#include "models/routing/load_source.h"
#include "scenarios/schema/scenario.h"
#include "scenarios/training/loads.h"
#include "scenarios/training/observer.h"
#include "scenarios/training/optimizer.h"
#include "scenarios/training/prices.h"
#include "scenarios/training/rebalancing.h"
#include "scenarios/training/result.h"

namespace orrery::scenarios {

/// A step simulated under changed conditions.
struct Variant {
  Free free = Free::kNothing;
  bool fold = false;                          ///< one GPU a pipeline rank, mean loads
  int groups = 0;                             ///< exchange groups a pipeline rank; 0: all of them
  std::optional<std::uint64_t> seed;          ///< of the loads; else the scenario's
  const hw::CostModel* cost = nullptr;        ///< else the scenario's
  const models::LoadSource* loads = nullptr;  ///< else the scenario's; of the scenario's LoadShape
  double exchange_factor = 1;                 ///< on the time of exchanges, messages and collectives
  double dropped_share = 0;                   ///< of the rows of even loads: not computed
  bool record = false;                        ///< keep the timeline of the first exchange group
};

/// What one simulation gives. Times are picoseconds.
struct Outcome {
  std::int64_t pipeline = 0;                ///< until the last rank has finished its last task
  std::vector<OptimizerReport> optimizers;  ///< [pipeline rank]
  StepEnd end;
  RebalanceReport rebalance;
  double step_s = 0;
  std::uint64_t events = 0, steps = 0;
  int gpus = 0, columns = 0;
  double hottest_excess = 0, row_deviation = 0, dropped_share = 0;
  std::unique_ptr<TrainingPrices> prices;  ///< refers to `loads`
  std::unique_ptr<StepLoads> loads;
  std::unique_ptr<GroupObservers> observer;
  Timeline timeline;  ///< of the first exchange group's ranks, pipeline rank x group size + place; empty if
                      ///< not recorded
};

/// A scenario made ready to simulate: everything that does not depend on the variant. Immutable, so that
/// variants may run on several threads.
class TrainingModel {
 public:
  /// `folded_only`: for folded variants alone, which need no router; much faster to make.
  explicit TrainingModel(Scenario scenario, bool folded_only = false);

  /// Exchange groups meet nobody else before the optimizer: they are simulated side by side, on as many
  /// threads as there are, with the same outcome.
  Outcome Simulate(const Variant& variant, const RunControl& control = {}) const;

  const Scenario& scenario() const { return scenario_; }
  const hw::CostModel& cost() const { return *cost_; }
  const hw::ExchangeModel& exchange() const { return *exchange_; }
  const models::Schedule& schedule() const { return schedule_; }
  const models::TrainingPrograms& programs() const { return programs_; }
  const models::StageLayout& stages() const { return layout_; }
  /// Seconds of a step during which experts move to new plans.
  const RebalanceReport& rebalance() const { return rebalance_; }
  double exchange_stretch() const { return exchange_stretch_; }
  double message_stretch() const { return message_stretch_; }
  std::string LoadDescription() const {
    return loads_ ? loads_->Describe() : scenario_.model.moe ? "even: every rank alike" : "no routed experts";
  }
  models::LoadShape load_shape() const;  ///< what a load source for this scenario must have
  int MoeLayers() const;                 ///< MTP modules included
  /// The optimizer step of every pipeline rank, experts placed as `loads` (null: evenly) has them.
  std::vector<OptimizerReport> PriceOptimizers(const hw::CostModel& cost,
                                               const models::LoadSource* loads) const;
  /// The scenario's; null where there is none.
  const models::LoadSource* loads() const { return loads_.get(); }
  /// Stages of a pipeline rank, in words.
  std::string Holds(int rank) const;

 private:
  void RunGroups(const Variant& variant, const RunControl& control, Outcome* outcome) const;
  Outcome Prepare(const Variant& variant) const;
  std::unique_ptr<StepLoads> LoadsOf(const Variant& variant, int groups) const;
  void PrepareEvenLoad();
  void PlanStages();
  std::vector<std::vector<int>> MoeLayersOfRanks() const;
  std::vector<ReplicaTime> ReplicasOf(const models::LoadSource* loads) const;
  void StretchTraffic();
  std::int64_t MessageWork() const;
  hw::PointToPoint Link() const;
  RebalanceReport PriceRebalance(const models::LoadSource* loads) const;
  std::unique_ptr<models::LoadSource> MakeLoads(std::uint64_t seed, int moe_layers) const;

  Scenario scenario_;
  std::unique_ptr<hw::CostModel> cost_;
  std::unique_ptr<hw::ExchangeModel> exchange_;
  std::unique_ptr<models::LoadSource>
      loads_;                          ///< absent in dense models and where only folded variants are asked
  RankLoad even_load_;                 ///< what a rank gets when all are alike
  double even_rows_per_node_ = 1;      ///< and of its token that goes to a node at all
  models::ExpertPlacement even_plan_;  ///< of experts all alike on the scenario's slots; empty: one slot each
  RebalanceReport rebalance_;          ///< of loads_
  models::StageLayout layout_;
  models::Schedule schedule_;
  models::TrainingPrograms programs_;
  double exchange_stretch_ = 1, message_stretch_ = 1;
  Time message_latency_{};
};

}  // namespace orrery::scenarios
