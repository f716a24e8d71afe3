// orrery: runs the command line, turns the kinds of failure into exit codes.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "cli/command_line.h"
#include "cli/commit.h"
#include "core/base/exit_code.h"
#include "core/config/resources.h"

int main(int argc, char** argv) {
  return orrery::ExitCodeOf("orrery", [&] {
    const std::string version = fmt::format("{} (commit {})", orrery::Version(), orrery::cli::BuildCommit());
    return orrery::cli::RunCommandLine({argv + std::min(argc, 1), argv + argc}, version);
  });
}
