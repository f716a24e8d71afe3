// Where a simulation gets its expert loads from. One implementation samples a synthetic router, another
// replays recorded loads; the cluster simulation does not know which.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace orrery::models {

/// What one MoE layer's dispatch moves for one micro-batch within one expert-parallel group of R ranks.
/// Rank r lives on node r / ranks_per_node; expert e on rank e / (experts / R) unless a placement says otherwise.
/// Combine moves the same pairs the other way. Counts are tokens, not bytes.
struct ExchangeLoad {
  std::vector<std::int32_t>
      expert_rows;  ///< [experts] (token, expert) rows computed by each physical expert slot
  std::vector<std::int32_t> unique_rows;     ///< [R] distinct tokens that reach rank r (its own included)
  std::vector<std::int32_t> scale_out_sent;  ///< [R] (token, other node) pairs that leave r's NIC
  std::vector<std::int32_t>
      scale_out_received;  ///< [R] such pairs that arrive at r, the same-index GPU of the node
  std::vector<std::int32_t>
      scale_up_sent;  ///< [R] (token, other GPU of the node) pairs r forwards over NVLink
  std::vector<std::int32_t> scale_up_received;  ///< [R] such pairs that arrive at r
  std::int64_t dropped_rows = 0;                ///< rows over a capacity: neither sent nor computed
  double dropped_weight = 0;  ///< their share of all gate values; only where tokens are routed one by one
};

/// Which rows over a capacity are dropped.
enum class DropOrder {
  kArrival,  ///< the last to come (Switch, GShard)
  kRandom,
  kLowestAffinity,  ///< DeepSeek-V2 report 2.2.4
};

/// Expert-parallel geometry of a load.
struct LoadShape {
  int experts = 0;  ///< physical expert slots (routed experts, plus redundant ones if any)
  int ranks = 0;    ///< R, divides experts
  int ranks_per_node = 8;
  int tokens_per_rank = 0;  ///< tokens each rank routes in one micro-batch
  int top_k = 0;
  int groups = 1;  ///< group-limited routing; in training the groups are the nodes
  int top_groups = 1;
  double capacity_factor = 0;    ///< rows a slot accepts over its even share (Switch); 0: all of them
  bool device_capacity = false;  ///< the capacity is a rank's, its slots sharing it (V2), else a slot's
  DropOrder drop = DropOrder::kArrival;
  double never_dropped = 0;    ///< share of sequences that keep every row (V2: about 0.1)
  int micro_batch_tokens = 0;  ///< of one GPU, where tokens_per_rank gathers several GPUs' (LogicalShape); 0:
                               ///< tokens_per_rank
  /// Tokens that one GPU routes in a micro-batch: what a choice or a loss over its micro-batch sees.
  int MicroBatchTokens() const { return micro_batch_tokens > 0 ? micro_batch_tokens : tokens_per_rank; }
  bool operator==(const LoadShape&) const = default;
};

class LoadSource {
 public:
  virtual ~LoadSource() = default;
  virtual const LoadShape& shape() const = 0;
  /// Fills `load` (vectors are resized). A pure function of its arguments and the source's seed, safe to call
  /// from several threads. `layer` counts MoE layers from 0 (an MTP module's comes last), `group` the
  /// expert-parallel groups.
  virtual void Sample(int layer, int micro_batch, int group, ExchangeLoad* load) const = 0;
  /// For reports: strategy and its parameters in words.
  virtual std::string Describe() const = 0;
};

}  // namespace orrery::models
