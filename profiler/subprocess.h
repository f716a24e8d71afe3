// Runs another program and waits for it. No shell: arguments are passed as they are.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace orrery::profiler {

struct ProgramResult {
  int exit_code = 0;       ///< 128 + signal if a signal ended it
  std::string output;      ///< standard output, if captured (first 64 KiB)
  std::string last_error;  ///< last line of standard error, if captured; the lines before it are passed on as
                           ///< they come
};

enum class Capture { kNone, kOutputAndErrors };

/// InputError if the program cannot be started, naming it. `environment` is added to ours.
ProgramResult RunProgram(const std::vector<std::string>& arguments,
                         const std::map<std::string, std::string>& environment, Capture capture);

}  // namespace orrery::profiler
