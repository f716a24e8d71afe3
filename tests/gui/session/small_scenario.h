// A training scenario that simulates in a moment, as a session opens it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gui/session/variant.h"

namespace orrery::gui {

/// 32 GPUs and an eight-layer relative of DeepSeek-V3.
inline std::vector<std::string> SmallOverrides(const std::vector<std::string>& more = {}) {
  std::vector<std::string> sets = {
      "name=small",
      "model={preset: deepseek-v3, override: {layers: 8, mtp_modules: 0, moe: {routed_experts: 64, groups: "
      "4, top_groups: 2}}}",
      "cluster={preset: h800-512, nodes: 4}",
      "workload={kind: pretraining, sequence_length: 1024, global_batch: 128 sequences}",
      "parallelism={pipeline: 4, expert: 4, schedule: dualpipe}"};
  sets.insert(sets.end(), more.begin(), more.end());
  return sets;
}

inline std::shared_ptr<const Plan> SmallPlan(const std::vector<std::string>& more = {}) {
  return Plan::Load("deepseek-v3-pretraining", SmallOverrides(more));
}

inline VariantPtr SmallVariant(const std::vector<std::string>& more = {}, Generation generation = 1) {
  auto variant = std::make_shared<Variant>();
  variant->id = static_cast<int>(generation);
  variant->generation = generation;
  variant->plan = SmallPlan(more);
  variant->name = variant->plan->name();
  return variant;
}

}  // namespace orrery::gui
