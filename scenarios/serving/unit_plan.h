// What one unit of a serving scenario is, prefill or decode: where what follows does not care which.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/layers/layer.h"
#include "models/serving/batch.h"
#include "models/serving/step_shape.h"
#include "models/serving/unit_memory.h"
#include "scenarios/schema/serving_scenario.h"

namespace orrery::scenarios {

enum class UnitRole : std::uint8_t { kPrefill, kDecode };
constexpr std::string_view Name(UnitRole role) { return role == UnitRole::kPrefill ? "prefill" : "decode"; }

struct UnitPlan {
  UnitRole role = UnitRole::kDecode;
  int ranks = 1;
  int slots = 0;        ///< of experts over all ranks
  int redundant = 0;    ///< among them
  int lent_sms = 0;     ///< to exchanges that run beside compute
  std::string kernels;  ///< of exchanges
  models::StepShape shape;
  models::UnitLayout layout;  ///< of weights

  models::Pass pass() const {
    return role == UnitRole::kPrefill ? models::Pass::kPrefill : models::Pass::kDecode;
  }
};

/// The units that a scenario has, prefill first. `scenario` is settled.
std::vector<UnitPlan> UnitsOf(const ServingScenario& scenario);

/// What the unit is given in a step.
models::UnitBatch BatchOf(const ServingScenario& scenario, const UnitPlan& unit);

/// What a rank holds of a layer.
models::Shard ShardOf(const UnitPlan& unit);

/// The nodes that the unit fills.
hw::Cluster ClusterOf(const ServingScenario& scenario, const UnitPlan& unit);

}  // namespace orrery::scenarios
