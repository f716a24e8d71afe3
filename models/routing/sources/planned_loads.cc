#include "models/routing/sources/planned_loads.h"

#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "core/base/error.h"
#include "models/routing/sampling/exchange.h"

namespace orrery::models {
namespace {

LoadShape WithSlots(LoadShape shape, const PlacementOptions& options) {
  const int experts = shape.experts;
  shape.experts += options.redundant_experts;
  if (options.redundant_experts < options.shared_experts) {
    throw InputError(fmt::format("routing: {} redundant experts, expected at least the {} shared ones",
                                 options.redundant_experts, options.shared_experts));
  }
  if (options.shared_experts > 0 && shape.capacity_factor > 0)
    throw InputError(
        "routing: a capacity for shared experts placed like routed ones would drop every token's");
  CheckSlots(shape, experts);
  shape.top_k += options.shared_experts;
  return shape;
}

LoadShape Limited(LoadShape shape, double capacity_factor) {
  shape.capacity_factor = capacity_factor;
  return shape;
}

}  // namespace

LoadShape LogicalShape(LoadShape shape) {
  if (shape.ranks < 1 || shape.experts % shape.ranks == 0) return shape;
  const int ranks = std::gcd(shape.experts, shape.ranks);
  const std::int64_t tokens = std::int64_t{shape.tokens_per_rank} * (shape.ranks / ranks);
  if (tokens > INT32_MAX) throw InputError(fmt::format("routing: {} tokens a rank are too many", tokens));
  shape.micro_batch_tokens = shape.MicroBatchTokens();
  shape.ranks = ranks;
  shape.tokens_per_rank = static_cast<int>(tokens);
  if (ranks > shape.ranks_per_node && ranks % shape.ranks_per_node != 0)
    shape.ranks_per_node = std::gcd(ranks, shape.ranks_per_node);
  return shape;
}

PlannedLoads::PlannedLoads(std::unique_ptr<TableLoads> logical, const PlacementOptions& options,
                           int moe_layers, double capacity_factor, const RunControl& control)
    : TableLoads(WithSlots(Limited(logical->shape(), capacity_factor), options), logical->mix(),
                 logical->seed()),
      logical_(std::move(logical)),
      options_(options) {
  PlanAll(moe_layers, control);
}

PlannedLoads::PlannedLoads(std::unique_ptr<TableLoads> logical, const LoadShape& shape,
                           const PlacementOptions& options, int moe_layers, const RunControl& control)
    : TableLoads(WithSlots(shape, options), logical->mix(), logical->seed()),
      logical_(std::move(logical)),
      options_(options) {
  PlanAll(moe_layers, control);
}

void PlannedLoads::PlanAll(int moe_layers, const RunControl& control) {
  for (int l = 0; l < moe_layers; ++l) {
    control.Tell(static_cast<double>(l) / moe_layers);
    first_.push_back(Place(l, 0, control));
  }
  recent_ = first_;
}

std::vector<double> PlannedLoads::PastLoads(int layer, int period, const RunControl& control) const {
  std::vector<double> rows(static_cast<std::size_t>(logical_->shape().experts));
  ExchangeLoad load;
  const int now = period * options_.replanned_every;
  for (int micro_batch = now - options_.planned_from; micro_batch < now; ++micro_batch) {
    control.Check();
    logical_->Sample(layer, micro_batch, 0, &load);
    for (std::size_t e = 0; e < rows.size(); ++e) rows[e] += load.expert_rows[e];
  }
  const double tokens = double{1} * shape().ranks * shape().tokens_per_rank * options_.planned_from;
  rows.insert(rows.end(), static_cast<std::size_t>(options_.shared_experts), tokens);
  return rows;
}

ExpertPlacement PlannedLoads::Plan(int layer, int period) const {
  const auto placed = Remembered(layer, period);
  return placed ? placed->plan : MakePlan(layer, period);
}

ExpertPlacement PlannedLoads::MakePlan(int layer, int period, const RunControl& control) const {
  const LoadShape& s = shape();
  // A shared expert belongs to no group, so nothing keeps the plan hierarchical: global, as for decode.
  const int groups = options_.shared_experts > 0 ? 1 : s.groups;
  return Eplb(PastLoads(layer, period, control), {s.experts, groups, NodeCount(s), s.ranks});
}

std::shared_ptr<const PlannedLoads::Placed> PlannedLoads::Place(int layer, int period,
                                                                const RunControl& control) const {
  auto placed = std::make_shared<Placed>();
  placed->period = period;
  placed->plan = MakePlan(layer, period, control);
  placed->map = SlotMap::Of(placed->plan);
  placed->table = logical_->TableOn(layer, shape(), placed->map);
  return placed;
}

std::shared_ptr<const PlannedLoads::Placed> PlannedLoads::Remembered(int layer, int period) const {
  const auto l = static_cast<std::size_t>(layer);
  if (period == 0) return first_.at(l);
  const std::lock_guard lock(mutex_);
  return recent_.at(l)->period == period ? recent_[l] : nullptr;
}

/// Pure: whatever is remembered, the same period gives the same tables.
std::shared_ptr<const PlannedLoads::Placed> PlannedLoads::Find(int layer, int period) const {
  if (auto placed = Remembered(layer, period)) return placed;
  auto placed = Place(layer, period);
  const std::lock_guard lock(mutex_);
  return recent_.at(static_cast<std::size_t>(layer)) = std::move(placed);
}

const LoadTable& PlannedLoads::Table(int layer) const {
  return first_.at(static_cast<std::size_t>(layer))->table;
}

LoadTable PlannedLoads::TableOn(int layer, const LoadShape& physical, const SlotMap& map) const {
  return logical_->TableOn(layer, physical, map);
}

int PlannedLoads::PeriodOf(int micro_batch) const {
  const int every = options_.replanned_every;
  return every > 0 && micro_batch > 0 ? micro_batch / every : 0;
}

ExpertPlacement PlannedLoads::PlacementAt(int layer, int micro_batch) const {
  return Plan(layer, PeriodOf(micro_batch));
}

void PlannedLoads::Draw(const LoadShape& shape, int layer, int micro_batch, int group,
                        ExchangeLoad* load) const {
  const auto placed = Find(layer, PeriodOf(micro_batch));
  logical_->SampleOn(placed->table, shape, placed->map, layer, micro_batch, group, load);
}

std::string PlannedLoads::Describe() const {
  const LoadShape& s = shape();
  const std::string when = options_.replanned_every > 0
                               ? fmt::format("every {} micro-batches", options_.replanned_every)
                               : std::string("once");
  const std::string shared =
      options_.shared_experts > 0 ? fmt::format(" and for {} shared", options_.shared_experts) : "";
  return fmt::format("{}; EPLB on {} slots ({} redundant{}), {} a rank, planned {} from {} micro-batches",
                     logical_->Describe(), s.experts, options_.redundant_experts, shared, s.experts / s.ranks,
                     when, options_.planned_from);
}

}  // namespace orrery::models
