#include "models/routing/load_map.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "core/base/error.h"

namespace orrery::models {
namespace {

/// Row number (layer, micro_batch) of a table [layers][micro_batches][size].
template <typename T>
std::span<const T> RowOf(const std::vector<T>& table, int row, int size) {
  return std::span(table).subspan(static_cast<std::size_t>(row) * static_cast<std::size_t>(size),
                                  static_cast<std::size_t>(size));
}

void AddExchange(const LoadSource& source, int layer, int micro_batch, int group, PlacedRows* out) {
  ExchangeLoad load;
  source.Sample(layer, micro_batch, group, &load);
  const ExpertPlacement placed = source.PlacementAt(layer, micro_batch);
  out->slot_rows.insert(out->slot_rows.end(), load.expert_rows.begin(), load.expert_rows.end());
  out->expert_of.insert(out->expert_of.end(), placed.expert_of.begin(), placed.expert_of.end());
  const std::ptrdiff_t each = out->slots / out->ranks;
  for (auto from = load.expert_rows.begin(); from != load.expert_rows.end(); from += each)
    out->rank_rows.push_back(std::accumulate(from, from + each, std::int32_t{0}));
}

PlacedRows MapPlaced(const LoadSource& source, const LoadMap& map, int group, const RunControl& control) {
  const LoadShape& shape = source.shape();
  PlacedRows out{shape.experts, shape.ranks, static_cast<int>(map.micro_batches.size()), {}, {}, {}};
  for (std::size_t l = 0; l < map.layers.size(); ++l) {
    control.Tell(static_cast<double>(l) / static_cast<double>(map.layers.size()));
    for (const int micro_batch : map.micro_batches) {
      control.Check();
      AddExchange(source, map.layers[l], micro_batch, group, &out);
    }
  }
  return out;
}

}  // namespace

std::span<const std::int32_t> PlacedRows::SlotRows(int layer, int micro_batch) const {
  return RowOf(slot_rows, layer * micro_batches + micro_batch, slots);
}

std::span<const int> PlacedRows::ExpertOf(int layer, int micro_batch) const {
  return RowOf(expert_of, layer * micro_batches + micro_batch, slots);
}

std::span<const std::int32_t> PlacedRows::RankRows(int layer, int micro_batch) const {
  return RowOf(rank_rows, layer * micro_batches + micro_batch, ranks);
}

std::vector<std::int64_t> PlacedRows::ExpertRows(int layer, int experts) const {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(experts));
  for (int m = 0; m < micro_batches; ++m) {
    const auto slot = SlotRows(layer, m);
    const auto expert = ExpertOf(layer, m);
    for (std::size_t s = 0; s < slot.size(); ++s)
      if (expert[s] < experts) rows[static_cast<std::size_t>(expert[s])] += slot[s];
  }
  return rows;
}

double PlacedRows::HottestRank(int layer) const {
  double sum = 0;
  for (int m = 0; m < micro_batches; ++m) {
    const auto rows = RankRows(layer, m);
    const double all = std::accumulate(rows.begin(), rows.end(), 0.0);
    if (all > 0) sum += *std::max_element(rows.begin(), rows.end()) * static_cast<double>(ranks) / all - 1;
  }
  return sum / micro_batches;
}

LoadMap MapLoads(const LoadSource& source, std::span<const int> layers, std::span<const int> micro_batches,
                 int group, const RunControl& control) {
  if (layers.empty() || micro_batches.empty())
    throw InputError("load map: expected at least one layer and one micro-batch");
  if (const int least = *std::min_element(layers.begin(), layers.end()); least < 0)
    throw InputError(fmt::format("load map: layer {}, expected at least 0", least));
  LoadMap map;
  map.layers.assign(layers.begin(), layers.end());
  map.micro_batches.assign(micro_batches.begin(), micro_batches.end());
  map.experts = source.routed_experts();
  map.shared_experts = source.placement().shared_experts;
  map.before = MapPlaced(source.logical(), map, group, control.Part(0, 0.5));
  if (source.placement().eplb) map.after = MapPlaced(source, map, group, control.Part(0.5, 1));
  control.Tell(1);
  return map;
}

}  // namespace orrery::models
