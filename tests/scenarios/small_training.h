// A training scenario that simulates in a moment: 32 GPUs and an eight-layer relative of DeepSeek-V3.
#pragma once

#include <string>
#include <vector>

#include "scenarios/schema/scenario.h"

namespace orrery::scenarios {

/// What makes it of deepseek-v3-pretraining, then `more`.
inline std::vector<std::string> SmallOverrides(const std::vector<std::string>& more = {}) {
  std::vector<std::string> sets = {
      "model={preset: deepseek-v3, override: {layers: 8, mtp_modules: 0, moe: {routed_experts: 64, groups: "
      "4, top_groups: 2}}}",
      "cluster={preset: h800-512, nodes: 4}",
      "workload={kind: pretraining, sequence_length: 1024, global_batch: 128 sequences}",
      "parallelism={pipeline: 4, expert: 4, schedule: dualpipe}"};
  sets.insert(sets.end(), more.begin(), more.end());
  return sets;
}

inline Scenario Small(const std::vector<std::string>& more = {}) {
  return ReadTrainingScenario(LoadScenarioDocument("deepseek-v3-pretraining", SmallOverrides(more)), "small");
}

}  // namespace orrery::scenarios
