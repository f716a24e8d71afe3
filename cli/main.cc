// orrery: parses the command line, runs the chosen subcommand, turns the kinds of failure into exit codes.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <sstream>
#include <string>
#include <system_error>

#include <CLI/CLI.hpp>

#include "cli/attention_command.h"
#include "cli/command.h"
#include "cli/list_command.h"
#include "cli/profile_command.h"
#include "cli/routing_command.h"
#include "cli/run_command.h"
#include "cli/validate_command.h"
#include "core/error.h"
#include "core/file.h"
#include "core/resources.h"
#include "core/text.h"
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

/// An option that is given without a value, say by a shell's empty variable, was meant to have one.
void RefuseEmptyValues(CLI::App* app) {
  const CLI::Validator filled(
      [](std::string& text) {
        return text.empty() ? "expected a value, found an empty text" : std::string();
      },
      "");
  for (CLI::Option* option : app->get_options()) {
    if (option->get_items_expected_max() > 0) option->check(filled);
  }
  for (CLI::App* command : app->get_subcommands({})) RefuseEmptyValues(command);
}

/// What CLI11 has to say of the line: help on standard output, which may be full, or an error.
int Answer(const CLI::App& app, const CLI::ParseError& error) {
  std::ostringstream out, err;
  const int code = app.exit(error, out, err);
  orrery::WriteOutput("-", out.str());
  std::fputs(orrery::PrintableLines(err.str()).c_str(), stderr);
  return code == 0 ? orrery::cli::kDone : orrery::cli::kBadInput;
}

int ParseAndRun(int argc, char** argv) {
  CLI::App app{"Orrery: how fast, how large, how balanced and how dear is this model on this cluster?"};
  app.set_version_flag("--version", orrery::Version());
  app.require_subcommand(1);
  Action action;
  AddCommands(app, &action);
  RefuseEmptyValues(&app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return Answer(app, e);
  }
  return action ? action() : orrery::cli::kBadInput;
}

int Fail(int code, const std::string& message) {
  std::fprintf(stderr, "orrery: %s\n", orrery::Printable(message).c_str());
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace orrery::cli;
  try {
    return ParseAndRun(argc, argv);
  } catch (const orrery::InputError& e) {
    return Fail(kBadInput, e.what());
  } catch (const orrery::UnavailableError& e) {
    return Fail(kUnavailable, e.what());
  } catch (const std::filesystem::filesystem_error& e) {
    return Fail(kBadInput, e.path1().string() + ": " + e.code().message());
  } catch (const std::bad_alloc&) {
    return Fail(kUnavailable, "out of memory: the input asks for more than this machine or its limit gives");
  } catch (const std::system_error& e) {  // a thread that cannot be started, say
    return Fail(kUnavailable, std::string("the system refuses: ") + e.what());
  } catch (const std::exception& e) {
    return Fail(kInternalError, std::string("internal error: ") + e.what());
  }
}
