// orrery: runs the command line, turns the kinds of failure into exit codes.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/command_line.h"
#include "cli/commit.h"
#include "core/error.h"
#include "core/resources.h"

int main(int argc, char** argv) {
  try {
    const std::string version = fmt::format("{} (commit {})", orrery::Version(), orrery::cli::BuildCommit());
    return orrery::cli::RunCommandLine({argv + std::min(argc, 1), argv + argc}, version);
  } catch (const orrery::InputError& e) {
    std::fprintf(stderr, "orrery: %s\n", e.what());
    return orrery::cli::kBadInput;
  } catch (const orrery::UnavailableError& e) {
    std::fprintf(stderr, "orrery: %s\n", e.what());
    return orrery::cli::kUnavailable;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "orrery: internal error: %s\n", e.what());
    return 70;
  }
}
