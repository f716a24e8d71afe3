// One file pair per subcommand; each adds itself to the CLI11 application. The registry is the explicit
// table in command_line.cc.
#pragma once

#include <functional>

#include "core/base/exit_code.h"

namespace CLI {
class App;
}

namespace orrery::cli {

/// What the chosen subcommand does once the line is parsed; set by its callback, run by main, returns the
/// exit code.
using Action = std::function<int()>;

}  // namespace orrery::cli
