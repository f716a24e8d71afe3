// orrery routing: how evenly experts are loaded, and strategies side by side.
#pragma once

#include "cli/command.h"
#include "scenarios/studies/routing_request.h"

namespace orrery::cli {

using scenarios::StepTimeMaker;

void AddRoutingCommand(CLI::App& app, Action* action, StepTimeMaker step_time = {});

}  // namespace orrery::cli
