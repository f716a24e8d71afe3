// orrery routing: how evenly experts are loaded, and strategies side by side.
#pragma once

#include <functional>

#include "cli/command.h"
#include "core/config/document.h"
#include "scenarios/studies/routing_report.h"

namespace orrery::cli {

/// Makes the step-time function of a scenario, for the last column of `compare`; without a scenario, or
/// where none is given, the column is absent. It may also set the request's training geometry to the scenario's.
using StepTimeMaker =
    std::function<scenarios::StepSimulator(const Document& scenario, scenarios::RoutingRequest* request)>;

void AddRoutingCommand(CLI::App& app, Action* action, StepTimeMaker step_time = {});

}  // namespace orrery::cli
