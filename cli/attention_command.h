#pragma once

#include "cli/command.h"

namespace orrery::cli {

/// `orrery attention`: attention designs by cache, compute and time.
void AddAttentionCommand(CLI::App& app, Action* action);

}  // namespace orrery::cli
