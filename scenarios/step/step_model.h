// What every workload's step offers: simulated under conditions, with an outcome. Studies that only ask how
// long a step takes need no more than this.
#pragma once

#include <cstdint>

#include "core/base/run_control.h"
#include "core/engine/timeline.h"
#include "scenarios/step/conditions.h"

namespace orrery::scenarios {

/// What a simulated step comes to, whatever the workload.
struct StepOutcome {
  double step_s = 0;
  std::uint64_t events = 0, steps = 0;  ///< of the engine
  int gpus = 0;                         ///< simulated
  Timeline timeline;  ///< of the first exchange group's ranks, pipeline rank x group size + place; empty if
                      ///< it was not asked for
};

/// A workload's step made ready to simulate. Immutable: Step may be called from several threads at once, and
/// its outcome depends on the conditions alone.
class StepModel {
 public:
  virtual ~StepModel() = default;
  /// Throws Stopped where `control` says so.
  virtual StepOutcome Step(const Conditions& conditions, const RunControl& control = {}) const = 0;
};

}  // namespace orrery::scenarios
