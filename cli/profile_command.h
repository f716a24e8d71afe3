// orrery profile run|attach|import|compare: from kernels to calibration tables, and a gate for regressions.
#pragma once

#include "cli/command.h"

namespace orrery::cli {

void AddProfileCommand(CLI::App& app, Action* action);

}  // namespace orrery::cli
