#pragma once

#include "cli/command.h"

namespace orrery::cli {

/// `orrery validate`: published figures beside ours.
void AddValidateCommand(CLI::App& app, Action* action);

}  // namespace orrery::cli
