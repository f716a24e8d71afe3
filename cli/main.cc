// orrery: parses the command line, runs the chosen subcommand, turns the kinds of failure into exit codes.
#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>

#include "cli/attention_command.h"
#include "cli/command.h"
#include "cli/list_command.h"
#include "cli/profile_command.h"
#include "cli/routing_command.h"
#include "cli/run_command.h"
#include "cli/validate_command.h"
#include "core/error.h"
#include "core/resources.h"
#include "scenarios/routing_step_time.h"

namespace {

using orrery::cli::Action;

/// The registry: every subcommand adds itself and sets `action` when chosen.
void AddCommands(CLI::App& app, Action* action) {
  orrery::cli::AddRunCommand(app, action);
  orrery::cli::AddAttentionCommand(app, action);
  orrery::cli::AddRoutingCommand(app, action, orrery::scenarios::StepTimeOf);
  orrery::cli::AddValidateCommand(app, action);
  orrery::cli::AddProfileCommand(app, action);
  orrery::cli::AddListCommand(app, action);
}

int ParseAndRun(int argc, char** argv) {
  CLI::App app{"Orrery: how fast, how large, how balanced and how dear is this model on this cluster?"};
  app.set_version_flag("--version", orrery::Version());
  app.require_subcommand(1);
  Action action;
  AddCommands(app, &action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? orrery::cli::kDone : orrery::cli::kBadInput;
  }
  return action ? action() : orrery::cli::kBadInput;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return ParseAndRun(argc, argv);
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
