#include "cli/scenario_commands.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/options.h"
#include "cli/output_file.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/limits.h"
#include "core/config/yaml_edit.h"
#include "scenarios/schema/kinds.h"

namespace orrery::cli {
namespace {

struct Options {
  std::string what;
  std::vector<std::string> sets;
  std::string out = "-";
  bool markdown = false;
};

int RunKeys(const Options& o) {
  Report report;
  report.AddText([&] { return o.markdown ? scenarios::KeysMarkdown() : scenarios::KeysText(o.what); });
  report.Write();
  return kDone;
}

bool IsKind(const std::string& what) {
  const auto& kinds = scenarios::ScenarioKinds();
  return std::any_of(kinds.begin(), kinds.end(), [&](const auto& kind) { return kind.name == what; });
}

/// A kind's commented scenario, or the text of a scenario that is there, changed.
std::string NewText(const Options& o) {
  std::string text;
  if (IsKind(o.what)) {
    text = scenarios::NewScenario(o.what);
  } else {
    const Document found = scenarios::LoadScenarioDocument(o.what, {});
    text = ReadFile(found.root().place().file, kMaxDocumentBytes);
  }
  Document document = Document::Parse(text, o.what);
  scenarios::ApplyOverrides(o.sets, &document);
  const scenarios::AnyScenario scenario = scenarios::ReadScenario(document, o.what);
  if (o.sets.empty()) return text;
  const std::optional<std::string> edited = WithValuesOf(text, document);
  if (edited) return *edited;
  std::fprintf(stderr, "orrery: the layout of %s does not allow the changes in place: comments are lost\n",
               o.what.c_str());
  return YamlText(scenarios::WriteScenario(scenario));
}

/// A scenario is written by hand from there on, so that one that is there is not replaced.
void RefuseTaken(const std::string& out) {
  std::error_code error;
  if (out != "-" && std::filesystem::is_regular_file(out, error))
    throw InputError(Place{out}, "is there already: expected the name of a new file");
}

int RunNew(const Options& o) {
  RequireDistinct({o.what}, {o.out});
  RefuseTaken(o.out);
  RequireKeysOnce(o.sets);
  WriteOutput(o.out, NewText(o));
  return kDone;
}

int RunMigrate(const Options& o) {
  std::error_code error;
  const bool in_place = o.out.empty() || std::filesystem::equivalent(o.out, o.what, error);
  if (!in_place) RefuseTaken(o.out);
  const scenarios::Migrated migrated = scenarios::Migrate(ReadFile(o.what, kMaxDocumentBytes), o.what);
  WriteOutputs({{in_place ? o.what : o.out, migrated.text, in_place}});
  for (const auto& [from, to] : migrated.renamed)
    std::fprintf(stderr, "orrery: %s: '%s' is '%s' now\n", o.what.c_str(), from.c_str(), to.c_str());
  if (migrated.renamed.empty()) std::fprintf(stderr, "orrery: %s: up to date\n", o.what.c_str());
  if (!migrated.comments_kept)
    std::fprintf(stderr, "orrery: %s: written anew, without its comments\n", o.what.c_str());
  return kDone;
}

}  // namespace

void AddScenarioCommands(CLI::App& app, Action* action) {
  auto keys = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("keys", "Tell the keys of a scenario: types, limits, defaults");
  command->add_option("prefix", keys->what, "Only keys that begin so, e.g. parallelism");
  command->add_flag("--markdown", keys->markdown, "All of them as Markdown");
  command->callback([=] { *action = [=] { return RunKeys(*keys); }; });

  auto made = std::make_shared<Options>();
  command = app.add_subcommand("new", "Write a commented scenario to start from");
  command->add_option("what", made->what, "pretraining, attention, serving, or a scenario's file or name")
      ->required();
  AddSetOption(command, &made->sets);
  command->add_option("--out", made->out, "New file to write (default: standard output)");
  command->callback([=] { *action = [=] { return RunNew(*made); }; });

  auto old = std::make_shared<Options>();
  old->out.clear();
  command = app.add_subcommand("migrate", "Rewrite a scenario that uses keys of earlier versions");
  command->add_option("file", old->what, "Scenario file")->required();
  command->add_option("--out", old->out, "New file to write (default: the file itself)");
  command->callback([=] { *action = [=] { return RunMigrate(*old); }; });
}

}  // namespace orrery::cli
