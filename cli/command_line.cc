#include "cli/command_line.h"

#include <algorithm>
#include <iostream>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/attention_command.h"
#include "cli/command.h"
#include "cli/list_command.h"
#include "cli/manual.h"
#include "cli/profile_command.h"
#include "cli/routing_command.h"
#include "cli/run_command.h"
#include "cli/scenario_commands.h"
#include "cli/validate_command.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/inputs_read.h"
#include "core/base/text.h"
#include "scenarios/studies/routing_step_time.h"

namespace orrery::cli {
namespace {

using Words = std::vector<std::string>;

/// The registry: every subcommand adds itself and sets `action` when chosen.
void AddCommands(CLI::App& app, Action* action) {
  AddRunCommand(app, action);
  AddAttentionCommand(app, action);
  AddRoutingCommand(app, action, scenarios::StepTimeOf);
  AddValidateCommand(app, action);
  AddProfileCommand(app, action);
  AddListCommand(app, action);
  AddScenarioCommands(app, action);
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

std::vector<const CLI::App*> CommandsOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

Words NamesOf(const std::vector<const CLI::App*>& commands) {
  Words names;
  for (const CLI::App* command : commands) names.push_back(command->get_name());
  return names;
}

/// "orrery profile".
std::string FullName(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : FullName(*app.get_parent()) + " " + app.get_name();
}

std::string CommandList(const CLI::App& app) {
  std::string text = "commands:\n";
  for (const CLI::App* command : CommandsOf(app))
    text += fmt::format("  {:<12} {}\n", command->get_name(), command->get_description());
  return text + fmt::format("'{} COMMAND --help' tells the options of each.\n", FullName(app));
}

/// The deepest command that the words name, and the first word that it does not know as a command of its own.
struct Reached {
  const CLI::App* command;
  std::string next;  ///< "" if the words end, or an option follows
};

Reached Follow(const CLI::App& app, const Words& words) {
  Reached reached{&app, ""};
  for (const std::string& word : words) {
    const std::vector<const CLI::App*> commands = CommandsOf(*reached.command);
    const auto it = std::find_if(commands.begin(), commands.end(),
                                 [&](const CLI::App* c) { return c->get_name() == word; });
    if (it == commands.end()) {
      if (word.rfind('-', 0) != 0) reached.next = word;
      break;
    }
    reached.command = *it;
  }
  return reached;
}

/// "(did you mean '--set'?)" for the first of `extras` that looks like an option.
std::string NearestOption(const CLI::App& command, const Words& extras) {
  Words known;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  for (const std::string& word : extras)
    if (word.rfind("--", 0) == 0) return DidYouMean(word.substr(0, word.find('=')), known);
  return "";
}

/// Help or the version, on standard output, which may be full.
int Answer(const CLI::App& app, const CLI::ParseError& asked) {
  std::ostringstream out, err;
  app.exit(asked, out, err);
  WriteOutput("-", out.str());
  return kDone;
}

std::string Refusal(CLI::App& app, const Words& words, const CLI::ParseError& e) {
  const Reached reached = Follow(app, words);
  const CLI::App& at = *reached.command;
  const bool needs_command = at.get_require_subcommand_min() > 0;
  if (needs_command && !reached.next.empty()) {
    return fmt::format("orrery: '{}' is no command of '{}'{}\n", Clipped(reached.next), FullName(at),
                       DidYouMean(reached.next, NamesOf(CommandsOf(at)))) +
           CommandList(at);
  }
  if (needs_command && e.get_name() == "RequiredError")
    return fmt::format("usage: {} COMMAND ...\n", FullName(at)) + CommandList(at);
  return fmt::format("orrery: {}{}\n'{} --help' tells the arguments.\n", e.what(),
                     NearestOption(at, app.remaining(true)), FullName(at));
}

/// `help run` is `run --help`; `help keys` is `keys`.
Words WithoutHelpCommand(Words words) {
  if (words.empty() || words.front() != "help") return words;
  words.erase(words.begin());
  if (!words.empty() && words.front() == "keys") return words;
  words.emplace_back("--help");
  return words;
}

}  // namespace

int RunCommandLine(const Words& given, const std::string& version) {
  const Words words = WithoutHelpCommand(given);
  CLI::App app{"Orrery: how fast, how large, how balanced and how dear is this model on this cluster?",
               "orrery"};
  app.set_version_flag("--version", version);
  app.require_subcommand(1);
  Action action;
  AddManualOptions(app);
  AddCommands(app, &action);
  RefuseEmptyValues(&app);
  try {
    app.parse(Words(words.rbegin(), words.rend()));  // CLI11 takes them from the back
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return Answer(app, e);
    std::cerr << PrintableLines(Refusal(app, words, e));
    return kBadInput;
  }
  const InputsRead inputs;  // what the command writes does not replace what it read
  return action ? action() : kBadInput;
}

}  // namespace orrery::cli
