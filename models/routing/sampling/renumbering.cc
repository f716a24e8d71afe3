#include "models/routing/sampling/renumbering.h"

#include <array>
#include <numeric>
#include <utility>

#include "core/base/random.h"

namespace orrery::models {
namespace {

std::vector<int> Shuffled(int n, RandomStream& random) {
  std::vector<int> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
  return order;
}

/// Shuffles the largest parts that keep nodes, gate groups and ranks whole, then the parts inside each of
/// them.
struct PartShuffle {
  std::array<int, 3> sizes;  ///< experts of a node, of a gate group, of a rank
  RandomStream random;
  std::span<std::uint16_t> to;

  /// The size of the smallest parts of `size` experts that can change places; `size` itself where sizes do
  /// not divide one another.
  int Parts(int size) const {
    std::int64_t part = sizes.back();
    for (const int whole : sizes)
      if (whole % size != 0) part = std::lcm(part, std::int64_t{whole});
    return part < size && size % part == 0 ? static_cast<int>(part) : size;
  }

  /// Moves the `size` experts from `from` on to `at`, shuffled.
  void Place(int from, int at, int size) {
    const int part = Parts(size);
    if (part == size) {
      for (int i = 0; i < size; ++i)
        to[static_cast<std::size_t>(from + i)] = static_cast<std::uint16_t>(at + i);
      return;
    }
    const std::vector<int> order = Shuffled(size / part, random);
    for (int i = 0; i < size / part; ++i)
      Place(from + i * part, at + order[static_cast<std::size_t>(i)] * part, part);
  }
};

/// Moves item i of each row of `values` [domains][n] to to[i].
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
  std::vector<std::uint16_t> to = KeepExperts(shape.experts);
  PartShuffle{{shape.experts / NodeCount(shape), shape.experts / shape.groups, shape.experts / shape.ranks},
              RandomStream(seed, "layer renumbering", {static_cast<std::uint64_t>(layer)}),
              to}
      .Place(0, 0, shape.experts);
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
