// What `orrery attention` is asked: models, designs, device, layout and the contexts and batches to sweep.
//
//   name: DeepSeek-V3 in every attention design
//   model: deepseek-v3                # or models: [deepseek-v3, {huggingface: config.json}]
//   device: h800-sxm
//   workload: {kind: attention, designs: [own, mha, gqa-8], contexts: [4096], batches: [1, 128], tpot_limit: 50 ms}
//   parallelism: {tensor: 1, expert: 64}
//   precision: {cache: bf16, weights: fp8}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/document.h"
#include "hw/cost/cost_model.h"
#include "hw/device.h"
#include "models/layers/layer.h"
#include "models/spec/model_spec.h"

namespace orrery::scenarios {

/// What is compared without a scenario: its document.
constexpr const char* kUsualAttention = "model: deepseek-v3\ndevice: h800-sxm\nworkload: {kind: attention}\n";

struct AttentionScenario {
  std::string name = "attention designs";
  std::vector<models::ModelSpec> models;
  hw::Device device;
  std::vector<std::string> designs = {"own",
                                      "mha",
                                      "gqa-8",
                                      "mqa",
                                      "mla",
                                      "mla-materialised",
                                      "mla-rope-reapplied",
                                      "mla-rope-on-latent",
                                      "mla-no-rope"};
  std::vector<std::int64_t> contexts = {1024, 4096, 16384, 32768, 65536, 131072};
  std::vector<std::int64_t> batches = {1, 16, 64, 128, 256};
  std::int64_t query_length = 1;  ///< tokens per sequence and step; 2 where one drafted token is verified
  Time tpot_limit = FromSeconds(0.05);
  std::optional<int> tensor;  ///< absent: the least that leaves half the memory to the cache
  std::optional<int> expert;  ///< likewise
  models::CachePrecision cache = models::CachePrecision::kBf16;
  std::optional<models::WeightPrecision> weights;  ///< absent: FP8 where the device has it, else BF16
  models::NormKind norm = models::NormKind::kRms;
  bool mtp = false;  ///< weights and caches of the MTP modules are held too
  double memory_fraction =
      0.9;  ///< of device memory for weights and cache (vLLM's gpu_memory_utilization default)
  hw::CalibrationChoice calibration;
};

/// The keys of an attention scenario.
const Fields<AttentionScenario>& AttentionFields();

/// InputError with place on anything unknown, missing or out of range. Where something was changed on the line
/// the name is AttentionTitle.
AttentionScenario ReadAttentionScenario(const Document& document);

/// Its keys, those at their defaults left out: what ReadAttentionScenario reads back to an equal scenario.
Written WriteScenario(const AttentionScenario& scenario);

/// A heading that says what is compared, for a scenario that is no longer what its own name says.
std::string AttentionTitle(const AttentionScenario& scenario);

/// KeyError if a list is empty or a value out of range: of scenarios made in memory too.
void CheckAttentionScenario(const AttentionScenario& scenario);

}  // namespace orrery::scenarios
