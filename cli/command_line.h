// The whole command line: every subcommand, help, and what is said to a line that names none of them.
#pragma once

#include <string>
#include <vector>

namespace orrery::cli {

/// Parses the words after the program's name and runs the subcommand; its exit code. `version` is what
/// --version prints. InputError and UnavailableError of a subcommand pass through.
int RunCommandLine(const std::vector<std::string>& words, const std::string& version);

}  // namespace orrery::cli
