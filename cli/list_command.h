#pragma once

#include "cli/command.h"

namespace orrery::cli {

/// `orrery list`: the models, devices, clusters, scenarios and calibrations that come with Orrery.
void AddListCommand(CLI::App& app, Action* action);

}  // namespace orrery::cli
