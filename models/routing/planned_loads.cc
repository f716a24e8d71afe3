#include "models/routing/planned_loads.h"

#include <utility>

#include <fmt/format.h>

#include "core/error.h"
#include "models/routing/exchange.h"

namespace orrery::models {
namespace {

LoadShape WithSlots(LoadShape shape, int redundant, double capacity_factor) {
  const int experts = shape.experts;
  shape.experts += redundant;
  shape.capacity_factor = capacity_factor;
  CheckSlots(shape, experts);
  return shape;
}

}  // namespace

PlannedLoads::PlannedLoads(std::unique_ptr<TableLoads> logical, const PlacementOptions& options,
                           int moe_layers, double capacity_factor)
    : TableLoads(WithSlots(logical->shape(), options.redundant_experts, capacity_factor), logical->mix(),
                 logical->seed()),
      logical_(std::move(logical)),
      options_(options) {
  for (int l = 0; l < moe_layers; ++l) first_.push_back(Place(l, 0));
  recent_ = first_;
}

std::vector<double> PlannedLoads::PastLoads(int layer, int period) const {
  std::vector<double> rows(static_cast<std::size_t>(logical_->shape().experts));
  ExchangeLoad load;
  const int now = period * options_.replanned_every;
  for (int micro_batch = now - options_.planned_from; micro_batch < now; ++micro_batch) {
    logical_->Sample(layer, micro_batch, 0, &load);
    for (std::size_t e = 0; e < rows.size(); ++e) rows[e] += load.expert_rows[e];
  }
  return rows;
}

ExpertPlacement PlannedLoads::Plan(int layer, int period) const {
  const LoadShape& s = shape();
  return Eplb(PastLoads(layer, period), {s.experts, s.groups, NodeCount(s), s.ranks});
}

std::shared_ptr<const PlannedLoads::Placed> PlannedLoads::Place(int layer, int period) const {
  auto placed = std::make_shared<Placed>();
  placed->period = period;
  placed->map = SlotMap::Of(Plan(layer, period));
  placed->table = logical_->TableOn(layer, shape(), placed->map);
  return placed;
}

/// Pure: whatever is remembered, the same period gives the same tables.
std::shared_ptr<const PlannedLoads::Placed> PlannedLoads::Find(int layer, int period) const {
  const auto l = static_cast<std::size_t>(layer);
  if (period == 0) return first_.at(l);
  {
    const std::lock_guard lock(mutex_);
    if (recent_.at(l)->period == period) return recent_[l];
  }
  auto placed = Place(layer, period);
  const std::lock_guard lock(mutex_);
  return recent_[l] = std::move(placed);
}

const LoadTable& PlannedLoads::Table(int layer) const {
  return first_.at(static_cast<std::size_t>(layer))->table;
}

LoadTable PlannedLoads::TableOn(int layer, const LoadShape& physical, const SlotMap& map) const {
  return logical_->TableOn(layer, physical, map);
}

void PlannedLoads::Sample(int layer, int micro_batch, int group, ExchangeLoad* load) const {
  const int every = options_.replanned_every;
  const auto placed = Find(layer, every > 0 && micro_batch > 0 ? micro_batch / every : 0);
  logical_->SampleOn(placed->table, shape(), placed->map, layer, micro_batch, group, load);
}

std::string PlannedLoads::Describe() const {
  const LoadShape& s = shape();
  const std::string when = options_.replanned_every > 0
                               ? fmt::format("every {} micro-batches", options_.replanned_every)
                               : std::string("once");
  return fmt::format("{}; EPLB on {} slots ({} redundant), {} a rank, planned {} from {} micro-batches",
                     logical_->Describe(), s.experts, options_.redundant_experts, s.experts / s.ranks, when,
                     options_.planned_from);
}

}  // namespace orrery::models
