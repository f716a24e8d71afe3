// orrery help keys, orrery new and orrery migrate: what helps to write a scenario.
#pragma once

#include "cli/command.h"

namespace orrery::cli {

void AddScenarioCommands(CLI::App& app, Action* action);

}  // namespace orrery::cli
