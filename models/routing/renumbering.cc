#include "models/routing/renumbering.h"

#include <numeric>
#include <utility>

#include "core/random.h"

namespace orrery::models {
namespace {

std::vector<int> Shuffled(int n, RandomStream& random) {
  std::vector<int> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
  return order;
}

/// `values` [domains][n * each] with item i of each row moved to to[i].
void Renumber(std::vector<float>* values, int domains, std::span<const std::uint16_t> to) {
  std::vector<float> out(values->size());
  for (std::size_t d = 0; d < static_cast<std::size_t>(domains); ++d) {
    for (std::size_t i = 0; i < to.size(); ++i) out[d * to.size() + to[i]] = (*values)[d * to.size() + i];
  }
  *values = std::move(out);
}

/// Where each `each`-th item went, in units of `each`: slots to ranks, ranks to nodes.
std::vector<std::uint16_t> Coarsen(std::span<const std::uint16_t> to, std::size_t each) {
  std::vector<std::uint16_t> out;
  for (std::size_t i = 0; i < to.size(); i += each) out.push_back(static_cast<std::uint16_t>(to[i] / each));
  return out;
}

}  // namespace

std::vector<std::uint16_t> KeepExperts(int experts) {
  std::vector<std::uint16_t> to(static_cast<std::size_t>(experts));
  std::iota(to.begin(), to.end(), std::uint16_t{0});
  return to;
}

std::vector<std::uint16_t> ShuffleRanks(const LoadShape& shape, std::uint64_t seed, int layer) {
  RandomStream random(seed, "layer renumbering", {static_cast<std::uint64_t>(layer)});
  std::vector<std::uint16_t> to(static_cast<std::size_t>(shape.experts));
  const int node_size = NodeSize(shape), per_rank = shape.experts / shape.ranks;
  const std::vector<int> nodes = Shuffled(NodeCount(shape), random);
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    const std::vector<int> ranks = Shuffled(node_size, random);
    for (int i = 0; i < node_size * per_rank; ++i) {
      const int from = static_cast<int>(n) * node_size * per_rank + i;
      const int rank = nodes[n] * node_size + ranks[static_cast<std::size_t>(i / per_rank)];
      to[static_cast<std::size_t>(from)] = static_cast<std::uint16_t>(rank * per_rank + i % per_rank);
    }
  }
  return to;
}

LoadTable Renumbered(LoadTable t, std::span<const std::uint16_t> to) {
  const auto ranks = Coarsen(to, to.size() / static_cast<std::size_t>(t.ranks));
  const auto nodes = Coarsen(ranks, ranks.size() / static_cast<std::size_t>(t.nodes));
  for (auto* v : {&t.slot, &t.slot_noise, &t.slot_document}) Renumber(v, t.domains, to);
  Renumber(&t.rank, t.domains, ranks);
  for (auto* v : {&t.node, &t.node_noise, &t.node_document}) Renumber(v, t.domains, nodes);
  return t;
}

SlotMap DrawnSlots(const SlotMap& map, std::span<const std::uint16_t> to) {
  SlotMap drawn;
  for (const std::uint16_t expert : to) drawn.slots_of.push_back(map.slots_of[expert]);
  for (std::size_t e = to.size(); e < map.slots_of.size(); ++e) drawn.slots_of.push_back(map.slots_of[e]);
  return drawn;
}

}  // namespace orrery::models
