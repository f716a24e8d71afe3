// Where a simulation gets its expert loads from: the contract of every source. Sources sample a router with
// uniform experts, a synthetic one, one whose experts choose their tokens, or recorded loads; another places
// the experts of any of these on slots. Whoever uses a source asks it here and need not know which it is.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/routing/placement.h"

namespace orrery::models {

struct LoadTable;

/// What one MoE layer's dispatch moves for one micro-batch within one expert-parallel group of R ranks. Rank
/// r lives on node r / ranks_per_node; expert e on rank e / (experts / R) unless a placement says otherwise.
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
  int tokens_per_rank =
      0;  ///< tokens each rank routes in one micro-batch, unless tokens_of_rank says otherwise
  int top_k = 0;
  int groups = 1;  ///< group-limited routing; in training the groups are the nodes
  int top_groups = 1;
  double capacity_factor = 0;    ///< rows a slot accepts over its even share (Switch); 0: all of them
  bool device_capacity = false;  ///< the capacity is a rank's, its slots sharing it (V2), else a slot's
  DropOrder drop = DropOrder::kArrival;
  double never_dropped = 0;    ///< share of sequences that keep every row (V2: about 0.1)
  int micro_batch_tokens = 0;  ///< of one GPU, where tokens_per_rank gathers several GPUs' (LogicalShape); 0:
                               ///< tokens_per_rank
  std::vector<int> tokens_of_rank = {};  ///< [R] where ranks route different numbers of tokens, else empty

  /// Tokens that one GPU routes in a micro-batch: what a choice or a loss over its micro-batch sees.
  int MicroBatchTokens() const { return micro_batch_tokens > 0 ? micro_batch_tokens : tokens_per_rank; }
  /// The same of a GPU whose tokens rank `rank` holds.
  int MicroBatchTokensOf(int rank) const {
    return micro_batch_tokens > 0 ? micro_batch_tokens : TokensOf(rank);
  }
  int TokensOf(int rank) const {
    return tokens_of_rank.empty() ? tokens_per_rank : tokens_of_rank[static_cast<std::size_t>(rank)];
  }
  /// Of all ranks together.
  std::int64_t Tokens() const {
    if (tokens_of_rank.empty()) return std::int64_t{ranks} * tokens_per_rank;
    std::int64_t sum = 0;
    for (const int tokens : tokens_of_rank) sum += tokens;
    return sum;
  }
  bool operator==(const LoadShape&) const = default;
};

class LoadSource {
 public:
  virtual ~LoadSource() = default;
  virtual const LoadShape& shape() const = 0;
  /// For reports: strategy and its parameters in words.
  virtual std::string Describe() const = 0;

  /// Fills `load` (vectors are resized). A pure function of its arguments and the source's seed, safe to call
  /// from several threads. `layer` counts MoE layers from 0 (an MTP module's comes last), `group` the
  /// expert-parallel groups.
  void Sample(int layer, int micro_batch, int group, ExchangeLoad* load) const {
    Draw(shape(), layer, micro_batch, group, load);
  }
  /// The same where rank r routes tokens_of_rank[r] tokens, as in a batch of requests that are decoded: the
  /// ranks' numbers differ, and some may be 0. Where all are shape().tokens_per_rank the load is the same as
  /// without them. InputError unless there is a number of at least 0 for every rank.
  void Sample(int layer, int micro_batch, int group, std::span<const int> tokens_of_rank,
              ExchangeLoad* load) const;
  /// Routes the micro-batch token by token where the source has a router for it; else leaves `load` as it is
  /// and returns false. Slow: about a million tokens a second.
  virtual bool SampleTokenByToken(int layer, int micro_batch, int group, ExchangeLoad* load) const;

  /// How experts are placed. Without `eplb` expert e stands in slot e.
  virtual const PlacementOptions& placement() const;
  /// Where experts stand in a micro-batch, shared ones that are placed last.
  virtual ExpertPlacement PlacementAt(int layer, int micro_batch) const;
  /// Routed experts; shape().experts counts slots.
  int routed_experts() const { return shape().experts - placement().redundant_experts; }
  /// The source whose experts are placed: the same text and the same choices in expert order. Itself where
  /// nothing is placed.
  virtual const LoadSource& logical() const { return *this; }

  /// Shares of the domains whose text is routed; one domain unless the source knows more.
  virtual std::vector<double> DomainShares() const { return {1.0}; }
  /// What the layer's router does to the text of each domain, with experts placed as before the run; null
  /// where the source has no such table.
  virtual const LoadTable* FindTable(int layer) const;
  /// How far an expert's load over the mix may be from what the strategy asks for, where no biases were found
  /// that bring it there; 0 where all layers' converged.
  virtual double NotConverged() const { return 0; }
  /// Share of tokens that have j experts, [0 .. most]; empty where every token has top_k.
  virtual std::vector<double> ExpertsPerToken(int layer) const;

 private:
  /// Sample. `shape` is shape() with the numbers of tokens asked for.
  virtual void Draw(const LoadShape& shape, int layer, int micro_batch, int group,
                    ExchangeLoad* load) const = 0;
};

}  // namespace orrery::models
