#pragma once

#include "cli/command.h"

namespace orrery::cli {

/// `orrery run SCENARIO`: answers the scenario's question.
void AddRunCommand(CLI::App& app, Action* action);

}  // namespace orrery::cli
