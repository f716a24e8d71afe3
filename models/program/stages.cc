#include "models/program/stages.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "models/program/flops.h"

namespace orrery::models {
namespace {

/// Costs in millionths of the whole model: integers, so that equal layers tie exactly.
using Cost = std::int64_t;
constexpr Cost kUnits = 1'000'000;
constexpr Cost kInfinity = std::numeric_limits<Cost>::max();

struct Costs {
  std::vector<Cost> before;  ///< [layers + 1] of the layers below an index
  Cost tail = 0;             ///< head and MTP modules

  Cost Of(int first, int end, bool last_stage) const {
    return before[static_cast<std::size_t>(end)] - before[static_cast<std::size_t>(first)] +
           (last_stage ? tail : 0);
  }
};

double TailFlops(const ModelSpec& spec, std::int64_t sequence, bool causal) {
  return HeadForwardFlops(spec).count + spec.mtp_modules * MtpForwardFlops(spec, sequence, causal).count;
}

Costs MakeCosts(const ModelSpec& spec, std::int64_t sequence, bool causal) {
  const double tail = TailFlops(spec, sequence, causal);
  const double total =
      ForwardFlopsPerToken(spec, sequence, causal).total().count - HeadForwardFlops(spec).count + tail;
  const auto units = [&](double flops) { return static_cast<Cost>(std::llround(flops / total * kUnits)); };
  Costs costs{{0}, units(tail)};
  for (int layer = 0; layer < spec.layers; ++layer) {
    const double flops = LayerForwardFlops(spec, spec.IsMoeLayer(layer), sequence, causal).count;
    costs.before.push_back(costs.before.back() + units(flops));
  }
  return costs;
}

/// best[s][l]: least value of the first s stages over the first l layers, and where the last of them starts.
struct Table {
  std::vector<std::vector<Cost>> best;
  std::vector<std::vector<int>> start;
};

/// Dynamic programme over contiguous splits; `join(value of the stages before, cost of a stage)` is the
/// value.
template <typename Join>
Table Split(const Costs& costs, int stages, Join join) {
  const int layers = static_cast<int>(costs.before.size()) - 1;
  const auto count = static_cast<std::size_t>(layers) + 1;
  Table t{{static_cast<std::size_t>(stages) + 1, std::vector<Cost>(count, kInfinity)},
          {static_cast<std::size_t>(stages) + 1, std::vector<int>(count, 0)}};
  t.best[0][0] = 0;
  for (std::size_t s = 1; s <= static_cast<std::size_t>(stages); ++s) {
    for (int end = static_cast<int>(s); end <= layers; ++end) {
      for (int first = end - 1; first >= static_cast<int>(s) - 1; --first) {
        const Cost before = t.best[s - 1][static_cast<std::size_t>(first)];
        if (before == kInfinity) continue;
        const Cost value = join(before, costs.Of(first, end, static_cast<int>(s) == stages));
        if (value >= t.best[s][static_cast<std::size_t>(end)]) continue;
        t.best[s][static_cast<std::size_t>(end)] = value;
        t.start[s][static_cast<std::size_t>(end)] = first;
      }
    }
  }
  return t;
}

std::vector<int> LayersPerStage(const Table& table, int layers) {
  std::vector<int> counts(table.best.size() - 1);
  int end = layers;
  for (std::size_t s = counts.size(); s > 0; --s) {
    const int first = table.start[s][static_cast<std::size_t>(end)];
    counts[s - 1] = end - first;
    end = first;
  }
  return counts;
}

}  // namespace

StageLayout MakeStageLayout(const ModelSpec& spec, const std::vector<int>& layers_per_stage) {
  StageLayout layout;
  int layer = 0;
  for (const int count : layers_per_stage) {
    ORRERY_CHECK(count >= 1, "a stage of " + std::to_string(count) + " layers");
    Stage stage;
    for (int i = 0; i < count; ++i) stage.layers.push_back(layer++);
    layout.stages.push_back(std::move(stage));
  }
  ORRERY_CHECK(layer == spec.layers,
               std::to_string(layer) + " layers on stages, the model has " + std::to_string(spec.layers));
  layout.stages.front().has_embedding = true;
  layout.stages.back().has_head = true;
  layout.stages.back().has_mtp = spec.mtp_modules > 0;
  return layout;
}

StageLayout BalancedStageLayout(const ModelSpec& spec, int stages, std::int64_t sequence, bool causal) {
  ORRERY_CHECK(stages >= 1 && stages <= spec.layers,
               std::to_string(stages) + " stages for " + std::to_string(spec.layers) + " layers");
  const Costs costs = MakeCosts(spec, sequence, causal);
  const Table dearest = Split(costs, stages, [](Cost before, Cost stage) { return std::max(before, stage); });
  const Cost bound = dearest.best.back().back();
  const Table even = Split(costs, stages, [&](Cost before, Cost stage) {
    return stage > bound ? kInfinity : before + stage * stage;
  });
  return MakeStageLayout(spec, LayersPerStage(even, spec.layers));
}

StageLayout ReadStageLayout(const Value& parallelism, const ModelSpec& spec, int stages,
                            std::int64_t sequence) {
  if (stages > spec.layers) {
    const Value* pipeline = parallelism.Find("pipeline");
    throw(pipeline != nullptr ? *pipeline : parallelism)
        .Error("gives " + std::to_string(stages) +
               " pipeline stages (virtual ones counted), expected at most the " +
               std::to_string(spec.layers) + " layers of " + spec.name);
  }
  const Value* list = parallelism.Find("layers_per_stage");
  if (list == nullptr) return BalancedStageLayout(spec, stages, sequence);
  const std::vector<Value>& items = list->items();
  if (items.size() != static_cast<std::size_t>(stages)) {
    throw list->Error("expected " + std::to_string(stages) + " numbers, one per pipeline stage, not " +
                      std::to_string(items.size()));
  }
  std::vector<int> counts;
  for (const Value& item : items) counts.push_back(static_cast<int>(item.AsInt(1, spec.layers)));
  const std::int64_t sum = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  if (sum != spec.layers) {
    throw list->Error("expected numbers that sum to the " + std::to_string(spec.layers) + " layers of " +
                      spec.name + ", not " + std::to_string(sum));
  }
  return MakeStageLayout(spec, counts);
}

std::vector<int> StagesOfRank(int rank, int stages, bool dual_pipe) {
  ORRERY_CHECK(rank >= 0 && rank < stages, "rank " + std::to_string(rank) + " of " + std::to_string(stages));
  if (!dual_pipe || rank == stages - 1 - rank) return {rank};
  return {rank, stages - 1 - rank};
}

std::vector<double> StageForwardFlops(const ModelSpec& spec, const StageLayout& layout, std::int64_t sequence,
                                      bool causal) {
  std::vector<double> flops;
  for (const Stage& stage : layout.stages) {
    double sum = 0;
    for (const int layer : stage.layers) {
      sum += LayerForwardFlops(spec, spec.IsMoeLayer(layer), sequence, causal).count;
    }
    if (stage.has_head) sum += HeadForwardFlops(spec).count;
    if (stage.has_mtp) sum += spec.mtp_modules * MtpForwardFlops(spec, sequence, causal).count;
    flops.push_back(sum);
  }
  return flops;
}

}  // namespace orrery::models
