#include "models/routing/placement.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "core/base/error.h"

namespace orrery::models {
namespace {

/// Eplb works in float as the original does (`weight.float()`), so that ties fall alike.
using Weights = std::vector<float>;
using Indexes = std::vector<std::size_t>;

std::size_t LightestWithRoom(const Weights& load, const Indexes& held, std::size_t room) {
  std::size_t best = load.size();
  for (std::size_t p = 0; p < load.size(); ++p) {
    if (held[p] < room && (best == load.size() || load[p] < load[best])) best = p;
  }
  return best;
}

/// balanced_packing: the position pack * (n / packs) + rank_in_pack of each item.
Indexes BalancedPacking(const Weights& weight, std::size_t packs) {
  const std::size_t each = weight.size() / packs;
  Indexes order(weight.size()), position(weight.size()), held(packs);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (each == 1) return order;
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return weight[a] > weight[b]; });
  Weights load(packs);
  for (std::size_t item : order) {
    const std::size_t pack = LightestWithRoom(load, held, each);
    position[item] = pack * each + held[pack]++;
    load[pack] += weight[item];
  }
  return position;
}

/// replicate_experts: the expert of each of `slots` physical experts.
Indexes Replicate(const Weights& weight, std::size_t slots, Indexes* count) {
  Indexes expert(weight.size());
  std::iota(expert.begin(), expert.end(), std::size_t{0});
  count->assign(weight.size(), 1);
  while (expert.size() < slots) {
    std::size_t most = 0;
    for (std::size_t e = 1; e < weight.size(); ++e) {
      if (weight[e] / static_cast<float>((*count)[e]) > weight[most] / static_cast<float>((*count)[most]))
        most = e;
    }
    expert.push_back(most);
    ++(*count)[most];
  }
  return expert;
}

/// Experts in the order of the nodes their groups are packed to.
Indexes PackGroups(const Weights& weight, std::size_t groups, std::size_t nodes) {
  const std::size_t size = weight.size() / groups;
  Weights group(groups);
  for (std::size_t e = 0; e < weight.size(); ++e) group[e / size] += weight[e];
  const Indexes position = BalancedPacking(group, nodes);
  Indexes expert_at(weight.size());
  for (std::size_t e = 0; e < weight.size(); ++e) expert_at[position[e / size] * size + e % size] = e;
  return expert_at;
}

/// One node: its experts replicated to `slots` and packed on `gpus`; experts by their index in `weight`.
Indexes PlanNode(const Weights& weight, std::size_t slots, std::size_t gpus) {
  Indexes count;
  const Indexes expert = Replicate(weight, slots, &count);
  Weights share;
  for (std::size_t e : expert) share.push_back(weight[e] / static_cast<float>(count[e]));
  const Indexes position = BalancedPacking(share, gpus);
  Indexes placed(slots);
  for (std::size_t s = 0; s < slots; ++s) placed[position[s]] = expert[s];
  return placed;
}

void CheckEplb(std::size_t experts, const EplbShape& s) {
  const auto refuse = [](const std::string& why) { throw InputError("EPLB: " + why); };
  if (s.groups < 1 || s.nodes < 1 || s.gpus < 1 || experts < 1)
    refuse("experts, groups, nodes and GPUs must be positive");
  if (static_cast<std::size_t>(s.slots) < experts)
    refuse(fmt::format("{} slots cannot hold {} experts", s.slots, experts));
  if (s.slots % s.gpus != 0) refuse(fmt::format("{} slots do not divide among {} GPUs", s.slots, s.gpus));
  if (s.gpus % s.nodes != 0) refuse(fmt::format("{} GPUs do not divide among {} nodes", s.gpus, s.nodes));
  if (experts % static_cast<std::size_t>(s.groups) != 0)
    refuse(fmt::format("{} groups do not divide {} experts", s.groups, experts));
}

}  // namespace

ExpertPlacement ContiguousPlacement(int experts) {
  ExpertPlacement p{std::vector<int>(static_cast<std::size_t>(experts)),
                    std::vector<int>(static_cast<std::size_t>(experts), 1)};
  std::iota(p.expert_of.begin(), p.expert_of.end(), 0);
  return p;
}

ExpertPlacement Eplb(std::span<const double> weight, const EplbShape& shape) {
  CheckEplb(weight.size(), shape);
  for (std::size_t e = 0; e < weight.size(); ++e) {
    if (!std::isfinite(weight[e]) || weight[e] < 0) {
      throw InputError(
          fmt::format("EPLB: weight of expert {} is '{}', expected a number of at least 0", e, weight[e]));
    }
  }
  const bool hierarchical = shape.groups % shape.nodes == 0;
  const std::size_t nodes = hierarchical ? static_cast<std::size_t>(shape.nodes) : 1;
  const std::size_t groups = hierarchical ? static_cast<std::size_t>(shape.groups) : 1;
  const Weights w(weight.begin(), weight.end());
  const Indexes expert_at = PackGroups(w, groups, nodes);
  const std::size_t each = w.size() / nodes;
  ExpertPlacement out;
  out.replicas.assign(w.size(), 0);
  for (std::size_t n = 0; n < nodes; ++n) {
    Weights mine;
    for (std::size_t i = 0; i < each; ++i) mine.push_back(w[expert_at[n * each + i]]);
    for (std::size_t i : PlanNode(mine, static_cast<std::size_t>(shape.slots) / nodes,
                                  static_cast<std::size_t>(shape.gpus) / nodes)) {
      out.expert_of.push_back(static_cast<int>(expert_at[n * each + i]));
      ++out.replicas[expert_at[n * each + i]];
    }
  }
  return out;
}

namespace {

/// [ranks][experts] whether a rank holds an expert.
std::vector<std::vector<bool>> Holders(const ExpertPlacement& p, int ranks) {
  const std::size_t each = p.expert_of.size() / static_cast<std::size_t>(ranks);
  std::vector<std::vector<bool>> holds(static_cast<std::size_t>(ranks), std::vector<bool>(p.replicas.size()));
  for (std::size_t s = 0; s < p.expert_of.size(); ++s)
    holds[s / each][static_cast<std::size_t>(p.expert_of[s])] = true;
  return holds;
}

ExpertMoves::Port NoMoves(int ranks) {
  const std::vector<int> zero(static_cast<std::size_t>(ranks));
  return {zero, zero, zero, zero};
}

void Move(std::size_t from, std::size_t to, std::size_t node, ExpertMoves::Port* port) {
  const bool near = from / node == to / node;
  ++(near ? port->scale_up_sent : port->scale_out_sent)[from];
  ++(near ? port->scale_up_received : port->scale_out_received)[to];
}

/// Of the ranks that hold an expert the one nearest to `rank`: its own node's first, then the one that has
/// the fewest transfers so far on the port that they would share: `near_busy` inside the node, else
/// `far_busy`.
std::size_t Partner(const std::vector<std::vector<bool>>& holds, std::size_t expert, std::size_t rank,
                    std::size_t node, const std::vector<int>& near_busy, const std::vector<int>& far_busy) {
  std::size_t best = holds.size();
  const auto better = [&](std::size_t r) {
    if (best == holds.size()) return true;
    const bool near = r / node == rank / node, best_near = best / node == rank / node;
    const std::vector<int>& busy = near ? near_busy : far_busy;
    return near != best_near ? near : busy[r] < busy[best];
  };
  for (std::size_t r = 0; r < holds.size(); ++r)
    if (holds[r][expert] && better(r)) best = r;
  return best;
}

std::vector<std::size_t> FirstHolders(const ExpertPlacement& p, int ranks) {
  const std::size_t each = p.expert_of.size() / static_cast<std::size_t>(ranks);
  std::vector<std::size_t> first(p.replicas.size(), static_cast<std::size_t>(ranks));
  for (std::size_t s = 0; s < p.expert_of.size(); ++s) {
    std::size_t& mine = first[static_cast<std::size_t>(p.expert_of[s])];
    mine = std::min(mine, s / each);
  }
  return first;
}

}  // namespace

ExpertMoves MovesBetween(const ExpertPlacement& from, const ExpertPlacement& to, int ranks,
                         int ranks_per_node) {
  const auto before = Holders(from, ranks), after = Holders(to, ranks);
  const auto node = static_cast<std::size_t>(ranks_per_node);
  ExpertMoves moves{NoMoves(ranks), NoMoves(ranks), NoMoves(ranks), 0};
  ExpertMoves::Port &weights = moves.weights, &gradients = moves.gradients;
  for (std::size_t r = 0; r < before.size(); ++r) {
    for (std::size_t e = 0; e < from.replicas.size(); ++e) {
      if (after[r][e] && !before[r][e]) {
        Move(Partner(before, e, r, node, weights.scale_up_sent, weights.scale_out_sent), r, node, &weights);
        ++moves.copies;
      } else if (before[r][e] && !after[r][e]) {
        Move(r, Partner(after, e, r, node, gradients.scale_up_received, gradients.scale_out_received), node,
             &gradients);
      }
    }
  }
  const auto first = FirstHolders(from, ranks), now = FirstHolders(to, ranks);
  for (std::size_t e = 0; e < first.size(); ++e)
    if (first[e] != now[e]) Move(first[e], now[e], node, &moves.state);
  return moves;
}

ExpertMoves::Port ReplicaChains(const ExpertPlacement& placement, int ranks, int ranks_per_node) {
  const auto holds = Holders(placement, ranks);
  ExpertMoves::Port chains = NoMoves(ranks);
  for (std::size_t e = 0; e < placement.replicas.size(); ++e) {
    std::size_t towards = holds.size();
    for (std::size_t r = 0; r < holds.size(); ++r) {
      if (!holds[r][e]) continue;
      if (towards < holds.size()) Move(r, towards, static_cast<std::size_t>(ranks_per_node), &chains);
      towards = r;
    }
  }
  return chains;
}

std::vector<double> RankLoads(std::span<const double> expert_load, const ExpertPlacement& placement,
                              int ranks) {
  std::vector<double> load(static_cast<std::size_t>(ranks));
  const std::size_t each = placement.expert_of.size() / load.size();
  for (std::size_t s = 0; s < placement.expert_of.size(); ++s) {
    const auto e = static_cast<std::size_t>(placement.expert_of[s]);
    load[s / each] += expert_load[e] / placement.replicas[e];
  }
  return load;
}

}  // namespace orrery::models
