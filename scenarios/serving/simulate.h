// Answers a serving scenario.
//
//   const ServingRun run = SimulateServing(ReadServingScenario(LoadScenarioDocument("decode-as-profiled", {}), ""));
//   run.result.units.front().step_s;
#pragma once

#include <memory>
#include <vector>

#include "core/base/run_control.h"
#include "core/engine/timeline.h"
#include "scenarios/schema/serving_scenario.h"
#include "scenarios/serving/result.h"
#include "scenarios/serving/unit_model.h"

namespace orrery::scenarios {

struct ServingRun {
  ServingResult result;
  std::vector<std::shared_ptr<const UnitModel>> models;  ///< of the result's units
  std::vector<Timeline> timelines;                       ///< likewise; empty unless asked for
};

/// `scenario` is settled. Throws Stopped where `control` says so; InputError where the scenario cannot be simulated.
ServingRun SimulateServing(const ServingScenario& scenario, bool timelines = false,
                           const RunControl& control = {});

}  // namespace orrery::scenarios
