// What a serving simulation gives, as plain data.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "hw/cost/price_error.h"
#include "hw/provenance.h"
#include "models/serving/unit_memory.h"
#include "scenarios/serving/unit_plan.h"

namespace orrery::scenarios {

/// Seconds of a mean GPU. Of decode they add up to the step; of prefill the exchanges run beside, and what stands before
/// `bubble` adds up with it.
struct ServingParts {
  double attention_core = 0, gemm = 0, experts = 0, other_kernels = 0, gaps = 0;
  double dispatch =
      0;  ///< decode: kernels that send and receive, and waiting for the rank's own bytes; prefill: payload
  double dispatch_barrier = 0;  ///< waiting for other ranks
  double combine = 0, combine_barrier = 0;
  double dense_layers = 0, speculation = 0, head = 0, sampling = 0, host = 0;  ///< head: embedding too
  double bubble = 0;                                                           ///< compute stream idle
  double exchange_idle = 0;  ///< prefill: exchange stream idle

  /// Of the stream that computes.
  double Compute() const {
    return attention_core + gemm + experts + other_kernels + gaps + dense_layers + speculation + head +
           sampling + host;
  }
};

/// What a step takes with every rank alike, what unequal caches and unequal experts add each alone, and the rest: what
/// ranks wait because both are unequal at once. They add up to the step.
struct ImbalanceParts {
  double even = 0, cache = 0, experts = 0, waiting = 0;
};

struct UnitResult {
  UnitRole role = UnitRole::kDecode;
  int nodes = 0, gpus = 0;
  int slots_per_gpu = 0;
  std::int64_t requests_per_gpu = 0, positions_per_gpu = 0;  ///< positions: new tokens of a step
  double step_s = 0;
  /// On the step's time, and inversely on rates: the central 90 % of how far off kernel prices and exchanges may be.
  hw::Range90 factors_90{1, 1};
  double layer_s = 0;  ///< from an MoE layer's beginning to the next one's, mean
  double bound_s = 0;  ///< kernels of a mean GPU at the data sheet's rates: no step is faster
  ServingParts parts;  ///< of a step
  ServingParts layer;  ///< of an MoE layer of the main model
  ImbalanceParts imbalance;
  double cache_max_over_mean = 1, experts_hottest_over_mean = 1;
  double tokens_per_step = 0;  ///< that a GPU's requests get; prefill: prompt tokens
  double tokens_per_s_per_gpu = 0, tokens_per_s_per_node = 0;
  double request_tokens_per_s = 0;  ///< decode
  models::UnitMemory memory;
  std::int64_t cache_bytes_per_token = 0;
  std::int64_t device_memory = 0;
  bool fits = true;
  std::array<double, hw::kProvenances> provenance_shares{};  ///< of kernel time
  std::vector<std::string> calibration;                      ///< kernel tables, then exchanges
  std::uint64_t events = 0, steps = 0;
};

struct ServingResult {
  std::string scenario, file, hash;
  std::string model, cluster;
  std::uint64_t seed = 0;
  std::vector<UnitResult> units;         ///< prefill first
  std::vector<std::string> assumptions;  ///< what nobody has published
  double wall_s = 0;
};

}  // namespace orrery::scenarios
