// `orrery attention`: every design of every model on one device. Caches, operations and bytes, times of decode steps
// and prefills, what fits, and where one way to compute MLA overtakes the other.
//
// Times are per GPU: attention kernels, linear layers and the kernels between them, without communication.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/run_control.h"
#include "models/layers/serving_ops.h"
#include "models/spec/parameters.h"
#include "scenarios/schema/attention_scenario.h"
#include "scenarios/studies/attention_pricing.h"

namespace orrery::scenarios {

/// One decode step at a context and a batch (per tensor group; without tensor parallelism per GPU).
struct DecodePoint {
  std::int64_t context = 0, batch = 0;
  StepTime time;
  double attention_flops_per_token =
      0;  ///< attention over the cache, up-projections of it included, all layers
  double attention_bytes_per_token = 0;
  double flops_per_token = 0, bytes_per_token = 0;  ///< whole step
  bool fits = false;                                ///< weights and cache within the memory

  double intensity() const { return attention_flops_per_token / attention_bytes_per_token; }
};

struct PrefillPoint {
  std::int64_t prompt = 0;
  StepTime time;
  double flops = 0, bytes = 0;
  double attention_flops = 0;
};

/// What a GPU (or tensor group) can hold and serve at a context.
struct CapacityPoint {
  std::int64_t context = 0;
  std::int64_t request_bytes =
      0;  ///< cache of one request of this context, all GPUs of a tensor group together
  std::int64_t memory_batch = 0;          ///< requests whose cache fits beside the weights
  std::int64_t tpot_batch = 0;            ///< the largest of those within the TPOT limit
  double tpot_s = 0;                      ///< step time at tpot_batch; 0 if none
  std::optional<hw::Range90> tpot_range;  ///< factors on it
  double tokens_per_s = 0;                ///< per tensor group at tpot_batch
};

struct DesignReport {
  models::AttentionDesign design;
  models::CacheEntry entry;
  std::int64_t cache_bytes_per_token =
      0;                         ///< where it depends on the length: the mean of the longest context asked
  std::int64_t state_bytes = 0;  ///< of a request, whatever its length
  double ratio_to_mha = 0;
  std::int64_t weight_bytes_per_gpu = 0;
  std::int64_t cache_tokens_per_gpu =
      0;  ///< tokens whose share of the cache fits on one GPU beside the weights
  std::int64_t norm_bytes_per_token = 0;  ///< moved by norms in a decode step of one token
  std::vector<DecodePoint> decode;
  std::vector<PrefillPoint> prefill;
  std::vector<CapacityPoint> capacity;
};

/// Which way to compute MLA is faster for one layer's attention on this device along one of query length, context
/// and batch, the other two fixed: one from 1 on, the other from `from` on.
struct Crossover {
  enum class Axis { kQueryLength, kContext, kBatch } axis = Axis::kQueryLength;
  std::int64_t batch = 0, context = 0, query_length = 0;   ///< the axis' own entry is 0
  models::MlaDecode first = models::MlaDecode::kAbsorbed;  ///< the faster one at 1
  std::optional<std::int64_t>
      from;  ///< least value found at which the other is faster; absent: `first` throughout
  std::int64_t searched_to = 0;
  double by_operations = 0;                   ///< where the operations cross (query length only; 0 otherwise)
  double absorbed_s = 0, materialised_s = 0;  ///< at `from`, or at the end of the search
  Limit absorbed_limit{}, materialised_limit{};
};

struct ModelReport {
  models::ModelSpec spec;
  models::ParameterCount parameters;
  models::Layout layout;
  double yarn_factor = 1;  ///< of the longest context over the trained window
  std::vector<DesignReport> designs;
  std::vector<Crossover> crossovers;  ///< empty if no design is MLA
};

struct AttentionReport {
  AttentionScenario scenario;
  double ridge_flops_per_byte = 0;  ///< BF16 peak over memory rate
  std::vector<std::string> calibration;
  std::vector<ModelReport> models;
};

/// Weight precision and parallel degrees asked for, or chosen as AttentionScenario says. InputError if they do not
/// divide the model.
models::Layout ChooseLayout(const AttentionScenario& scenario, const models::ModelSpec& spec);

/// Runs the comparison. InputError on designs or layouts that do not suit a model; Stopped where `control` says so.
AttentionReport RunAttention(const AttentionScenario& scenario, const RunControl& control = {});

/// The crossovers alone, for any MLA.
std::vector<Crossover> MlaCrossovers(const models::ModelSpec& spec, const models::Layout& layout,
                                     const StepPricer& pricer, const std::vector<std::int64_t>& contexts,
                                     const RunControl& control = {});

}  // namespace orrery::scenarios
