#include "scenarios/serving/unit_loads.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "models/routing/sources/routing_options.h"

namespace orrery::scenarios {
namespace {

std::vector<int> TokensOfRanks(const models::UnitBatch& batch, int micro_batch) {
  std::vector<int> tokens;
  for (const auto& rank : batch)
    tokens.push_back(static_cast<int>(rank[static_cast<std::size_t>(micro_batch)].tokens()));
  return tokens;
}

models::LoadShape ShapeOf(const ServingScenario& s, const UnitPlan& unit, int tokens) {
  models::LoadShape shape;
  shape.experts = s.model.moe->routed_experts;  // the source adds its slots
  shape.ranks = unit.ranks;
  shape.ranks_per_node = std::min(s.cluster.devices_per_node, unit.ranks);
  shape.tokens_per_rank = tokens;
  shape.top_k = s.model.moe->top_k;
  shape.groups = s.model.moe->groups;
  shape.top_groups = s.model.moe->top_groups;
  return shape;
}

std::unique_ptr<models::TableLoads> Source(const ServingScenario& s, const UnitPlan& unit, int tokens,
                                           bool even, const RunControl& control) {
  models::RoutingOptions options = even ? models::RoutingOptions{} : s.routing;
  if (even) options.strategy = models::Strategy::kBalanced;
  if (unit.redundant > 0) {
    options.eplb = true;
    options.redundant_experts = unit.redundant;
  }
  if (!options.sequence_length && !even) {
    const std::int64_t length = unit.role == UnitRole::kPrefill ? s.workload.requests.prompt : s.Query();
    options.sequence_length = static_cast<int>(std::gcd(length, std::int64_t{tokens}));
  }
  const int layers = even ? 1 : unit.shape.KeyedLayers();
  return models::MakeLoads(options, *s.model.moe, ShapeOf(s, unit, tokens), layers, s.seed, control);
}

/// Pairs of the low-latency kernels: a token's rows go to where their experts are, in proportion to what each rank takes.
void SetPairs(const std::vector<int>& tokens, int top_k, int ranks_per_node, std::vector<UnitLoad>* loads) {
  const auto ranks = tokens.size();
  const auto node_of = [&](std::size_t r) { return r / static_cast<std::size_t>(ranks_per_node); };
  std::vector<double> rows(ranks), node_rows(node_of(ranks - 1) + 1), node_tokens(node_rows.size());
  double all_rows = 0, all_tokens = 0;
  for (std::size_t r = 0; r < ranks; ++r) {
    const auto& of_experts = (*loads)[r].routed.expert_rows;
    rows[r] = static_cast<double>(std::accumulate(of_experts.begin(), of_experts.end(), std::int64_t{0}));
    node_rows[node_of(r)] += rows[r];
    node_tokens[node_of(r)] += tokens[r];
    all_rows += rows[r];
    all_tokens += tokens[r];
  }
  if (all_rows == 0 || all_tokens == 0) return;
  for (std::size_t r = 0; r < ranks; ++r) {
    const std::size_t n = node_of(r);
    const double sent = static_cast<double>(tokens[r]) * top_k;
    (*loads)[r].out_sent = sent * (1 - node_rows[n] / all_rows);
    (*loads)[r].up_sent = sent * (node_rows[n] - rows[r]) / all_rows;
    (*loads)[r].out_received = rows[r] * (1 - node_tokens[n] / all_tokens);
    (*loads)[r].up_received = rows[r] * (node_tokens[n] - tokens[r]) / all_tokens;
  }
}

/// One rank's of what a source drew.
UnitLoad RankOf(const models::ExchangeLoad& drawn, std::size_t rank, std::size_t slots) {
  UnitLoad load;
  const auto first = drawn.expert_rows.begin() + static_cast<std::ptrdiff_t>(rank * slots);
  load.routed.expert_rows.assign(first, first + static_cast<std::ptrdiff_t>(slots));
  load.routed.unique_rows = drawn.unique_rows[rank];
  load.out_sent = drawn.scale_out_sent[rank];
  load.out_received = drawn.scale_out_received[rank];
  load.up_sent = drawn.scale_up_sent[rank];
  load.up_received = drawn.scale_up_received[rank];
  return load;
}

/// Every rank and every expert alike, with the pairs and distinct tokens that the router's own rule gives on average.
UnitLoad MeanOf(const std::vector<UnitLoad>& loads) {
  const auto count = static_cast<double>(loads.size());
  UnitLoad mean;
  double rows = 0, unique = 0;
  for (const UnitLoad& load : loads) {
    for (const std::int64_t of_expert : load.routed.expert_rows) rows += static_cast<double>(of_expert);
    unique += static_cast<double>(load.routed.unique_rows);
    mean.out_sent += (load.out_sent + load.out_received) / 2 / count;
    mean.up_sent += (load.up_sent + load.up_received) / 2 / count;
  }
  mean.out_received = mean.out_sent;
  mean.up_received = mean.up_sent;
  const std::size_t slots = loads.front().routed.expert_rows.size();
  const std::int64_t of_rank = std::llround(rows / count), n = static_cast<std::int64_t>(slots);
  for (std::int64_t e = 0; e < n; ++e)
    mean.routed.expert_rows.push_back(of_rank * (e + 1) / n - of_rank * e / n);
  mean.routed.unique_rows = std::llround(unique / count);
  return mean;
}

double HottestOverMean(const std::vector<UnitLoad>& loads) {
  double most = 0, all = 0;
  for (const UnitLoad& load : loads) {
    double rows = 0;
    for (const std::int64_t of_expert : load.routed.expert_rows) rows += static_cast<double>(of_expert);
    most = std::max(most, rows);
    all += rows;
  }
  return all > 0 ? most * static_cast<double>(loads.size()) / all : 1;
}

}  // namespace

UnitLoads::UnitLoads(const ServingScenario& s, const UnitPlan& unit, const models::UnitBatch& batch,
                     bool even, const RunControl& control)
    : even_(even) {
  if (!s.model.moe) {
    even_ = true;
    loads_.resize(2);
    return;
  }
  const auto ranks = static_cast<std::size_t>(unit.ranks);
  if (!even) ranks_ = ranks;
  const auto micro_batches = static_cast<int>(batch.front().size());
  const int most = static_cast<int>(batch.front().front().tokens());
  const auto source = Source(s, unit, std::max(1, most), even, control.Part(0, 0.5));
  const int layers = even ? 1 : unit.shape.KeyedLayers();
  loads_.resize(static_cast<std::size_t>(layers) * 2 * ranks_);
  const int node = std::min(s.cluster.devices_per_node, unit.ranks);
  double hottest = 0;
  models::ExchangeLoad drawn;
  for (int layer = 0; layer < layers; ++layer) {
    control.Tell(0.5 + 0.5 * layer / layers, "drawing the rows of experts");
    for (int m = 0; m < micro_batches; ++m) {
      const std::vector<int> tokens = TokensOfRanks(batch, m);
      source->Sample(layer, m, 0, tokens, &drawn);
      std::vector<UnitLoad> of_ranks;
      for (std::size_t r = 0; r < ranks; ++r)
        of_ranks.push_back(RankOf(drawn, r, static_cast<std::size_t>(unit.slots) / ranks));
      if (unit.role == UnitRole::kDecode) SetPairs(tokens, s.model.moe->top_k, node, &of_ranks);
      if (even) of_ranks = {MeanOf(of_ranks)};
      hottest += HottestOverMean(of_ranks);
      const auto at = static_cast<std::size_t>(layer * 2 + m) * ranks_;
      std::move(of_ranks.begin(), of_ranks.end(), loads_.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  hottest_ = hottest / (layers * micro_batches);
}

}  // namespace orrery::scenarios
