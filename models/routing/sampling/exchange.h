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
/// Slots that share one capacity, and what they accept together: one slot, or a rank's.
int SlotsPerCapacity(const LoadShape& shape);
std::int64_t UnitCapacity(const LoadShape& shape);

/// One chosen (token, slot) row of an exchange, before anything is dropped.
struct AskedRow {
  std::uint32_t token = 0;  ///< in order of arrival over the whole exchange
  std::uint16_t slot = 0;
  bool kept = false;  ///< of a sequence that is never dropped
  float affinity = 0;
  float gate = 0;  ///< the affinity over the sum of the token's
};

/// Which rows stay: of each capacity's rows those of protected sequences and then the first in the shape's
/// order; [rows], true is kept. `seed` shuffles DropOrder::kRandom.
std::vector<bool> KeptRows(const LoadShape& shape, std::span<const AskedRow> rows, std::uint64_t seed);

/// Counts whole exchanges: where a capacity is set, only once all rows are known.
class RowCounter {
 public:
  RowCounter(const LoadShape& shape, std::uint64_t seed, ExchangeLoad* load);
  /// A token of `document` with its slots and its gate values; slots beyond those are shared experts'.
  void Add(const TextDocument& document, std::span<const std::uint16_t> slots, std::span<const float> gates);
  /// To be called once, after the last token.
  void Finish();

 private:
  LoadShape shape_;
  std::uint64_t seed_;
  ExchangeLoad* load_;
  ExchangeCounter counter_;
  std::vector<int> source_;     ///< [tokens]
  std::vector<AskedRow> rows_;  ///< token after token
};

/// Sets every vector of `load` to the shape's size and to zero.
void ClearLoad(const LoadShape& shape, ExchangeLoad* load);

}  // namespace orrery::models
