// From the document of a routing report to the request of one: what the document says, and what a command
// line or a script asks beside it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/run_control.h"
#include "scenarios/schema/routing_rules.h"
#include "scenarios/studies/routing_report.h"

namespace orrery::scenarios {

struct RoutingQuestion {
  std::optional<int> layers = std::nullopt;  ///< reported; absent: 8, or what the model has
  int steps = 4000;                          ///< of the training run that shows how balance settles; 0: none
  std::vector<int> ranks = {};               ///< expert-parallel sizes; empty: those of RoutingRequest
  std::string dashes = "--";                 ///< what an error puts before the names above
};

/// Makes the step-time function of a scenario. It may also set the request's training geometry to the
/// scenario's.
using StepTimeMaker = std::function<StepTimeUnder(const Document& scenario, RoutingRequest* request,
                                                  const RunControl& control)>;

/// InputError where a number is out of range.
void CheckQuestion(const RoutingQuestion& question);

/// `step_time` may be empty: no step is simulated then. `control` stops it and is told nothing. InputError with the place of what is wrong.
RoutingRequest MakeRoutingRequest(const RoutingDocument& in, const RoutingQuestion& question,
                                  const StepTimeMaker& step_time = {}, const RunControl& control = {});

}  // namespace orrery::scenarios
