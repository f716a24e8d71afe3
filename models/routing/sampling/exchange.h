// Counting an exchange token by token: the definition the fast sampler is held against.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/routing/load_source.h"
#include "models/routing/text/text_mix.h"

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
  /// A token that rank `source` holds goes to the experts in `slots`, all different. A slot that is full
  /// drops the token's row.
  void Add(int source, std::span<const std::uint16_t> slots);
  /// The number of nodes that the last token reached.
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
/// How many slots share one capacity: one, or all of a rank's where the shape has device_capacity.
int SlotsPerCapacity(const LoadShape& shape);
/// Rows that those slots accept together.
std::int64_t SharedCapacity(const LoadShape& shape);

/// One (token, slot) row of an exchange as the gate selects it, before anything is dropped.
struct SelectedRow {
  std::uint32_t token = 0;  ///< number of the token in order of arrival over the whole exchange
  std::uint16_t slot = 0;
  bool kept = false;  ///< the token is of a sequence that is never dropped
  float affinity = 0;
  float gate = 0;  ///< the affinity divided by the sum of those that the token selects
};

/// [rows] Whether each row stays. Of the rows that share a capacity, all of protected sequences stay, and
/// then the first in the order of shape.drop until the capacity is full. `seed` shuffles DropOrder::kRandom.
std::vector<bool> KeptRows(const LoadShape& shape, std::span<const SelectedRow> rows, std::uint64_t seed);

/// Counts a whole exchange. Where the shape sets a capacity, rows are counted once all of them are known,
/// since the order of dropping may prefer a later one.
class RowCounter {
 public:
  RowCounter(const LoadShape& shape, std::uint64_t seed, ExchangeLoad* load);
  /// Adds a token of `document`. gates[i] is the gate value in slots[i]; the slots after those are of shared
  /// experts.
  void Add(const TextDocument& document, std::span<const std::uint16_t> slots, std::span<const float> gates);
  /// Has to be called once, after the last token.
  void Finish();

 private:
  LoadShape shape_;
  std::uint64_t seed_;
  ExchangeLoad* load_;
  ExchangeCounter counter_;
  std::vector<int> source_;        ///< [tokens]
  std::vector<SelectedRow> rows_;  ///< token after token
};

/// Sets every vector of `load` to the shape's size and to zero.
void ClearLoad(const LoadShape& shape, ExchangeLoad* load);

}  // namespace orrery::models
