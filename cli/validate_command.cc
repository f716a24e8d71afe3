#include "cli/validate_command.h"

#include <algorithm>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/long_run.h"
#include "cli/output_file.h"
#include "core/base/error.h"
#include "scenarios/validation/validation.h"
#include "scenarios/validation/validation_report.h"

namespace orrery::cli {
namespace {

struct Options {
  std::vector<std::string> groups;
  std::string markdown;
  bool strict = false;
  bool intervals = false;
};

int Run(const Options& options) {
  std::vector<scenarios::ValidationCase> cases;
  std::vector<std::string> known;
  for (const auto& group : scenarios::ValidationGroups()) known.push_back(group.name);
  for (const std::string& name : options.groups) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw InputError("validate: unknown group '" + name + "'" + DidYouMean(name, known));
    }
  }
  std::vector<const scenarios::ValidationGroup*> asked;
  for (const auto& group : scenarios::ValidationGroups()) {
    const auto& g = options.groups;
    if (g.empty() || std::find(g.begin(), g.end(), group.name) != g.end()) asked.push_back(&group);
  }
  {
    const LongRun wait(LongRun::OnSignal::kEnd);
    for (std::size_t i = 0; i < asked.size(); ++i) {
      wait.control().Tell(static_cast<double>(i) / static_cast<double>(asked.size()), asked[i]->name);
      for (auto& c : asked[i]->run()) cases.push_back(std::move(c));
    }
  }
  Report report;
  report.Add(options.markdown, [&] { return scenarios::ValidationMarkdown(cases); });
  report.AddText([&] { return scenarios::ValidationText(cases, options.intervals); });
  report.Write();
  const scenarios::ValidationSummary summary = scenarios::Summarise(cases);
  const bool bad = summary.failed > 0 || (options.strict && summary.declared > 0);
  return bad ? kCheckFailed : kDone;
}

}  // namespace

void AddValidateCommand(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("validate", "Run the published cases and print ours beside theirs");
  command->add_option("group", options->groups, "Only these groups");
  command->add_option("--markdown", options->markdown, "Also write the table as Markdown to FILE");
  command->add_flag("--strict", options->strict, "Fail on declared residuals too");
  command->add_flag("--intervals", options->intervals,
                    "List every 90 % interval that a published figure judges");
  command->callback([=] { *action = [=] { return Run(*options); }; });
}

}  // namespace orrery::cli
