#include "cli/manual.h"

#include <map>
#include <set>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/base/text.h"
#include "core/config/resources.h"

namespace orrery::cli {
namespace {

/// Headings of `orrery list` whose names an option or argument takes.
const std::map<std::string, std::string> kNames = {{"--calibration", "calibrations"},
                                                   {"--device", "devices"},
                                                   {"--model", "models"},
                                                   {"--scenario", "scenarios"},
                                                   {"scenario", "scenarios"}};

constexpr const char* kEndOfPage = R"(.SH EXIT STATUS
.TP
0
The command did what was asked.
.TP
1
A check failed: a plan does not fit in memory under \-\-strict, a published case is missed, a kernel became slower.
.TP
2
The input is wrong: standard error says where, what was found and what was expected.
.TP
70
A fault of Orrery itself.
.TP
77
The machine lacks something: a GPU, memory, a program.
.SH ENVIRONMENT
.TP
ORRERY_HOME
The folder that holds models/, hw/ and scenarios/, in place of the installed one.
.TP
ORRERY_DEVICE_DIR
The folder that holds orrery\-device, the half of the profiler that runs on a GPU.
.SH FILES
.TP
PREFIX/share/orrery
Models, devices, clusters, measured kernels and exchanges, scenarios; docs/examples has small files for every command.
)";

std::vector<const CLI::App*> CommandsOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_name().empty(); });
}

std::vector<const CLI::Option*> OptionsOf(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return !option->get_group().empty(); });
}

std::string FullName(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : FullName(*app.get_parent()) + " " + app.get_name();
}

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

/// "-m", "--model": as they are typed.
std::vector<std::string> Spellings(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

/// Text as groff prints it: hyphens that can be copied, no line that is a request.
std::string Groff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

std::string Synopsis(const CLI::App& app) {
  std::string line = FullName(app);
  if (!OptionsOf(app).empty()) line += " [OPTIONS]";
  for (const CLI::Option* option : OptionsOf(app)) {
    if (option->nonpositional()) continue;
    const std::string name = option->get_name(true) + (option->get_items_expected_max() > 1 ? " ..." : "");
    line += option->get_required() ? " " + name : " [" + name + "]";
  }
  if (!CommandsOf(app).empty()) line += app.get_require_subcommand_min() > 0 ? " COMMAND" : " [COMMAND]";
  return line;
}

std::string OptionEntry(const CLI::Option& option) {
  std::string head =
      option.nonpositional() ? fmt::format("{}", fmt::join(Spellings(option), ", ")) : option.get_name(true);
  if (option.nonpositional() && TakesValue(option)) head += " " + option.get_type_name();
  std::string text = option.get_description();
  if (!option.get_default_str().empty()) text += fmt::format(" (default {})", option.get_default_str());
  return fmt::format(".TP\n.B {}\n{}\n", Groff(head), Groff(text));
}

void AppendCommand(const CLI::App& app, std::string* page) {
  *page += fmt::format(".SS {}\n{}\n", Groff(Synopsis(app)), Groff(app.get_description()));
  for (const CLI::Option* option : OptionsOf(app)) *page += OptionEntry(*option);
  if (!app.get_footer().empty()) *page += fmt::format(".PP\n{}\n", Groff(app.get_footer()));
  for (const CLI::App* command : CommandsOf(app)) AppendCommand(*command, page);
}

/// A pattern of case for each command: its options, its commands, and what its arguments are names of.
void AppendCompletion(const CLI::App& app, std::string* cases) {
  std::vector<std::string> options, words;
  std::string names;
  for (const CLI::Option* option : OptionsOf(app)) {
    for (const std::string& spelling : Spellings(*option)) options.push_back(spelling);
    const auto it = kNames.find(option->get_name(true));
    if (!option->nonpositional() && it != kNames.end()) names = it->second;
  }
  for (const CLI::App* command : CommandsOf(app)) words.push_back(command->get_name());
  *cases += fmt::format("    '{}') options='{}' words='{}' names='{}' ;;\n", FullName(app),
                        fmt::join(options, " "), fmt::join(words, " "), names);
  for (const CLI::App* command : CommandsOf(app)) AppendCompletion(*command, cases);
}

/// What the options of all commands mean to the completion: those whose value is a preset's name, by the heading of
/// `orrery list`, and those with any value. An option's name means the same in every command that has it.
struct Completed {
  std::vector<std::string> commands;
  std::map<std::string, std::string> names;
  std::set<std::string> valued;
};

void Complete(const CLI::App& app, Completed* all) {
  for (const CLI::Option* option : OptionsOf(app)) {
    if (!option->nonpositional() || !TakesValue(*option)) continue;
    const std::vector<std::string> spellings = Spellings(*option);
    const auto it = kNames.find(spellings.back());
    for (const std::string& spelling : spellings) {
      if (it != kNames.end()) all->names[spelling] = it->second;
      all->valued.insert(spelling);
    }
  }
  for (const CLI::App* command : CommandsOf(app)) {
    all->commands.push_back("'" + FullName(*command) + "'");
    Complete(*command, all);
  }
}

}  // namespace

std::string ManualPage(const CLI::App& app) {
  std::string page = fmt::format(
      ".TH ORRERY 1 \"\" \"Orrery {}\" \"User Commands\"\n.SH NAME\norrery \\- simulator and cost\\-model "
      "toolkit for "
      "clusters that train and serve mixture\\-of\\-experts models\n.SH SYNOPSIS\n.B {}\n.SH "
      "DESCRIPTION\n{}\n",
      Version(), Groff(Synopsis(app)), Groff(app.get_description()));
  page += ".SH OPTIONS\n";
  for (const CLI::Option* option : OptionsOf(app)) page += OptionEntry(*option);
  page += ".SH COMMANDS\n";
  for (const CLI::App* command : CommandsOf(app)) AppendCommand(*command, &page);
  return page + kEndOfPage;
}

std::string BashCompletion(const CLI::App& app) {
  std::string cases, of_options;
  AppendCompletion(app, &cases);
  Completed all;
  Complete(app, &all);
  for (const auto& [option, names] : all.names)
    of_options += fmt::format("    {}) names={} ;;\n", option, names);
  return fmt::format(R"bash(# bash completion for orrery; written by `orrery --bash-completion`.
_orrery_names() {{  # names that `orrery list` prints below the heading $1
  "${{COMP_WORDS[0]}}" list 2>/dev/null | awk -v heading="$1" '/^[^ ]/ {{ on = $1 == heading }} /^  / && on {{ print $1 }}'
}}

_orrery() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} at=orrery options words names word
  COMPREPLY=()
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD - 1}}"; do
    case "$at $word" in {0}) at="$at $word" ;; esac
  done
  case $at in
{1}  esac
  case $prev in
{2}    {3}) return ;;  # a file, or what only the caller knows
    *)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
        return
      fi
      ;;
  esac
  [[ $cur != */* ]] || return  # a path
  [ -z "$names" ] || words="$words $(_orrery_names "$names")"
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur"; [ -z "$names" ] || compgen -f -- "$cur")
}}
complete -o default -F _orrery orrery
)bash",
                     fmt::join(all.commands, " | "), cases, of_options, fmt::join(all.valued, " | "));
}

void AddManualOptions(CLI::App& app) {
  // As CLI11's own --version: what is asked for ends the reading of the line before anything is required.
  app.add_flag_callback(
      "--man-page", [&app] { throw CLI::CallForVersion(ManualPage(app), 0); },
      "Print the manual page, in man's format");
  app.add_flag_callback(
      "--bash-completion", [&app] { throw CLI::CallForVersion(BashCompletion(app), 0); },
      "Print a completion script for bash");
}

}  // namespace orrery::cli
