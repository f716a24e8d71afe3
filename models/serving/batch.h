// What the GPUs of a serving unit are given in one step: requests with their own new tokens and context, on ranks and in
// micro-batches.
#pragma once

#include <cstdint>
#include <vector>

#include "models/layers/layer.h"

namespace orrery::models {

/// How long the contexts of decoding requests are.
struct ContextLengths {
  std::int64_t mean = 4096;  ///< tokens cached
  double deviation = 0;      ///< relative standard deviation; log-normal, each request its own draw
  std::int64_t longest = 0;  ///< none is longer; 0: no limit
  bool operator==(const ContextLengths&) const = default;
};

/// How requests come to the ranks of a decode unit.
enum class RequestPlacement : std::uint8_t {
  kCacheAndRequests,  ///< as many on each rank, the longest first to the rank with the least cached
  kInTurn             ///< as many on each rank, in the order in which they came
};

struct DecodeDemand {
  int ranks = 1;
  std::int64_t requests_per_rank = 1;
  std::int64_t query = 1;  ///< new tokens of a request: 1 and as many as are drafted
  ContextLengths contexts;
  RequestPlacement placement = RequestPlacement::kCacheAndRequests;
  int micro_batches = 1;  ///< 1 or 2
  std::uint64_t seed = 1;
};

struct PrefillDemand {
  int ranks = 1;
  std::int64_t tokens_per_rank = 1;
  std::int64_t prompt = 1;  ///< tokens of a prompt; the last of a rank may be a chunk
  int micro_batches = 1;
};

/// [rank][micro-batch]
using UnitBatch = std::vector<std::vector<Batch>>;

/// Requests of equal context are one span. Within a rank the micro-batches are cut so that both have as much to read: in
/// turn from the longest on. Aborts with fewer requests than micro-batches.
UnitBatch DecodeBatch(const DecodeDemand& demand);

/// Prompts filled into each rank's tokens. Two micro-batches have as many tokens; a prompt may be cut between them, whose
/// second part attends to the first.
UnitBatch PrefillBatch(const PrefillDemand& demand);

/// The unit's mean: every rank alike. What is not whole is rounded.
UnitBatch EvenBatch(const UnitBatch& batch);

/// Tokens cached on a rank before the step.
std::int64_t CachedTokens(const std::vector<Batch>& micro_batches);

}  // namespace orrery::models
