// What a program of Orrery ends with, and the last place where its failures are caught.
#pragma once

#include <functional>
#include <string_view>

namespace orrery {

enum ExitCode : int {
  kDone = 0,
  kCheckFailed = 1,     ///< what was to be checked does not hold
  kBadInput = 2,        ///< what the user gave is wrong
  kInternalError = 70,  ///< our mistake
  kUnavailable = 77,    ///< what is needed is not on this machine
  kStopped = 130        ///< ended because it was asked to
};

/// What `run` returns, or the code of what it throws, which is told on standard error in one line that begins with the
/// program's name. Throws nothing.
int ExitCodeOf(std::string_view program, const std::function<int()>& run);

}  // namespace orrery
