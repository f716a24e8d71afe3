// Counting an exchange token by token: the definition the fast sampler is held against.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/routing/load_source.h"

namespace orrery::models {

/// InputError unless ranks divide experts, whole nodes make up the ranks (or one node holds them all), and k
/// fits.
void CheckShape(const LoadShape& shape);

/// The same for physical slots that hold `experts` routed experts: ranks divide the slots.
void CheckSlots(const LoadShape& shape, int experts);

/// GPUs that share a node with a rank, itself included, and the number of nodes.
int NodeSize(const LoadShape& shape);
int NodeCount(const LoadShape& shape);

class ExchangeCounter {
 public:
  /// Clears `load` and counts into it.
  ExchangeCounter(const LoadShape& shape, ExchangeLoad* load);
  /// A token of `source` goes to physical experts `slots`, all different; full ones drop it.
  void Add(int source, std::span<const std::uint16_t> slots);
  /// Nodes the last token reached.
  int last_nodes() const { return last_nodes_; }

 private:
  LoadShape shape_;
  ExchangeLoad* load_;
  int node_size_;
  std::int64_t capacity_;
  int last_nodes_ = 0;
  std::vector<std::uint32_t> rank_seen_, node_seen_;  ///< number of the last token that reached it
  std::uint32_t token_ = 0;
};

/// Rows a slot accepts in one exchange, the whole group's tokens together: the even share times the capacity
/// factor, rounded up (Switch Transformer, arXiv 2101.03961 eq. 3, for top-k); without a factor, no limit.
std::int64_t SlotCapacity(const LoadShape& shape);

/// Sets every vector of `load` to the shape's size and to zero.
void ClearLoad(const LoadShape& shape, ExchangeLoad* load);

}  // namespace orrery::models
