// One file pair per subcommand; each adds itself to the CLI11 application. The registry is the explicit
// table in main.cc.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace orrery::cli {

/// Exit codes of every subcommand.
enum ExitCode : int {
  kDone = 0,
  kCheckFailed = 1,
  kBadInput = 2,
  kInternalError = 70,
  kUnavailable = 77,
  kStopped = 130
};

/// What the chosen subcommand does once the line is parsed; set by its callback, run by main, returns the
/// exit code.
using Action = std::function<int()>;

}  // namespace orrery::cli
