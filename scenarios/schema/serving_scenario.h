// A serving scenario: one step of a prefill unit, of a decode unit, or of both, as plain data.
//
//   name: DeepSeek-V3 decode as profiled
//   model: deepseek-v3
//   cluster: {preset: h800-2048, nodes: 16}
//   workload: {kind: serving, load: steady, requests: {context: {mean: 4096 tokens}}}
//   serving:
//     decode: {expert: 128, requests_per_gpu: 128, overlap: five-stage, exchange: {kernels: "2025-04"}}
//     speculation: {modules: 1, acceptance: [0.6]}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/document.h"
#include "core/config/fields.h"
#include "hw/cost/cost_model.h"
#include "hw/network/topology.h"
#include "models/layers/layer.h"
#include "models/routing/sources/routing_options.h"
#include "models/serving/batch.h"
#include "models/spec/model_spec.h"

namespace orrery::scenarios {

/// What arrives. So far a load is steady: every step of a unit is the same.
enum class ServingLoad : std::uint8_t { kSteady };

struct ServingRequests {
  std::int64_t prompt = 4096;       ///< tokens
  models::ContextLengths contexts;  ///< of requests that are decoded
  bool operator==(const ServingRequests&) const = default;
};

struct ServingWorkload {
  ServingLoad load = ServingLoad::kSteady;
  ServingRequests requests;
  bool operator==(const ServingWorkload&) const = default;
};

struct PrefillUnit {
  int expert = 32;  ///< GPUs of the unit: each holds requests of its own
  std::optional<int>
      redundant_experts;  ///< slots beside one for each routed expert; absent: the fewest that fill ranks
  std::int64_t tokens_per_gpu = 16384;
  bool two_batch = true;            ///< overlap
  std::string kernels = "2025-04";  ///< exchange kernels: release of DeepEP
  int sms = 24;                     ///< lent to exchanges
  bool operator==(const PrefillUnit&) const = default;
};

struct DecodeUnit {
  int expert = 144;
  std::optional<int> redundant_experts;
  std::int64_t requests_per_gpu = 128;
  bool five_stage = true;  ///< overlap
  std::string kernels = "2025-04";
  bool operator==(const DecodeUnit&) const = default;
};

/// Drafted tokens: one a module of the model's, each verified in the next step.
struct Speculation {
  int modules = 0;
  std::vector<double> acceptance;  ///< of each drafted position, given that those before it were accepted
  /// Tokens a request gets in a step, the verified one included.
  double TokensPerStep() const;
  bool operator==(const Speculation&) const = default;
};

struct ServingScenario {
  std::string name;
  std::string file;
  std::string hash;  ///< of what is asked; see Scenario::hash
  models::ModelSpec model;
  hw::Cluster cluster;
  ServingWorkload workload;
  std::optional<PrefillUnit> prefill;
  std::optional<DecodeUnit> decode;
  Speculation speculation;
  models::CachePrecision cache = models::CachePrecision::kBf16;
  models::RequestPlacement placement = models::RequestPlacement::kCacheAndRequests;
  bool even_experts = false;  ///< every rank gets the same rows, else as the router draws them
  Time host{};                ///< before the first kernel of every step
  bool fp8 = true;            ///< precision: fp8-mixed, else bf16
  models::RoutingOptions routing;
  hw::CalibrationChoice calibration;
  std::uint64_t seed = 1;

  /// New tokens of a request in a decode step.
  std::int64_t Query() const { return 1 + speculation.modules; }
  /// Experts of a layer over all `ranks` of a unit, replicas included; 0 for dense models.
  int Slots(int ranks, std::optional<int> redundant) const;
};

/// The keys of a serving scenario.
const Fields<ServingScenario>& ServingFields();

/// Sets the hash and checks that all goes together. KeyError ("serving.decode.expert").
void Settle(ServingScenario* scenario);

/// The scenario of a document, settled; InputError with the place of what is wrong.
ServingScenario ReadServingScenario(const Document& document, const std::string& file);
Written WriteScenario(const ServingScenario& scenario);

}  // namespace orrery::scenarios
