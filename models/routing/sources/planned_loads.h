// Experts moved and replicated during a run: the loads of a source on slots planned by EPLB from what was
// seen.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/run_control.h"
#include "models/routing/placement.h"
#include "models/routing/sources/table_loads.h"

namespace orrery::models {

/// The geometry that loads in expert order are drawn in: `shape`, or where its ranks do not divide the
/// experts fewer ranks that do, with the same tokens in all.
LoadShape LogicalShape(LoadShape shape);

/// A source that places the experts of another on physical slots; shape().experts counts slots. Eplb makes
/// the plan of each layer from the rows routed in the `planned_from` micro-batches of group 0 just before it;
/// those before the run are drawn as micro-batches -1, -2, ... The replicas of an expert take its tokens in
/// turn.
class PlannedLoads : public TableLoads {
 public:
  /// InputError when the ranks do not divide the slots, or `logical` has no layers.
  /// `capacity_factor` limits slots; plans are made from what was asked for, before dropping.
  PlannedLoads(std::unique_ptr<TableLoads> logical, const PlacementOptions& options, int moe_layers,
               double capacity_factor = 0, const RunControl& control = {});
  /// On ranks that need not divide the experts: `logical` is of LogicalShape(shape).
  PlannedLoads(std::unique_ptr<TableLoads> logical, const LoadShape& shape, const PlacementOptions& options,
               int moe_layers, const RunControl& control = {});

  const LoadTable& Table(int layer) const override;  ///< of the plan made before the run
  LoadTable TableOn(int layer, const LoadShape& physical, const SlotMap& map) const override;
  std::string Describe() const override;

  const PlacementOptions& placement() const override { return options_; }
  ExpertPlacement PlacementAt(int layer, int micro_batch) const override;
  const LoadSource& logical() const override { return *logical_; }
  double NotConverged() const override { return logical_->NotConverged(); }
  std::vector<double> ExpertsPerToken(int layer) const override { return logical_->ExpertsPerToken(layer); }
  /// Rows of each expert, shared ones last, over the micro-batches that plan number `period` of a layer is
  /// made from.
  std::vector<double> PastLoads(int layer, int period, const RunControl& control = {}) const;
  /// The plan a micro-batch of the period runs on; period p starts at micro-batch p * replanned_every.
  ExpertPlacement Plan(int layer, int period) const;

 private:
  struct Placed {
    int period = -1;
    ExpertPlacement plan;
    SlotMap map;
    LoadTable table;
  };
  void Draw(const LoadShape& shape, int layer, int micro_batch, int group, ExchangeLoad* load) const override;
  void PlanAll(int moe_layers, const RunControl& control);
  ExpertPlacement MakePlan(int layer, int period, const RunControl& control = {}) const;
  std::shared_ptr<const Placed> Place(int layer, int period, const RunControl& control = {}) const;
  /// What is remembered of the period; null where that is nothing.
  std::shared_ptr<const Placed> Remembered(int layer, int period) const;
  std::shared_ptr<const Placed> Find(int layer, int period) const;
  int PeriodOf(int micro_batch) const;

  std::unique_ptr<TableLoads> logical_;
  PlacementOptions options_;
  std::vector<std::shared_ptr<const Placed>> first_;           ///< [layers] before the run
  mutable std::mutex mutex_;                                   ///< guards recent_
  mutable std::vector<std::shared_ptr<const Placed>> recent_;  ///< [layers] the last replanned, to spare work
};

}  // namespace orrery::models
