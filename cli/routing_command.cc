#include "cli/routing_command.h"

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/long_run.h"
#include "cli/options.h"
#include "cli/output_file.h"
#include "core/base/error.h"
#include "models/routing/balance/strategy.h"
#include "scenarios/schema/routing_rules.h"
#include "scenarios/studies/routing_request.h"

namespace orrery::cli {
namespace {

using scenarios::RoutingDocument;
using scenarios::RoutingInput;

struct Options {
  std::string scenario, strategy, loads, seed, json, csv;
  std::optional<std::string> model;
  std::vector<std::string> strategies, settings;
  std::vector<int> ranks;
  std::optional<int> layers;
  int steps = 4000;
};

RoutingInput InputOf(const Options& o) {
  RoutingInput in{o.scenario, o.strategy, o.loads, o.model, o.settings, false};
  if (!o.seed.empty()) in.settings.push_back("seed=" + o.seed);
  RequireKeysOnce(in.settings);
  return in;
}

/// InputError where a list holds something twice.
template <typename T>
void RequireOnce(const char* option, const std::vector<T>& values) {
  std::set<T> seen;
  for (const T& value : values)
    if (!seen.insert(value).second) throw InputError(fmt::format("{}: '{}' twice", option, value));
}

void CheckOptions(const Options& o) {
  scenarios::CheckQuestion({o.layers, o.steps, o.ranks});
  RequireDistinct({o.scenario, o.loads, o.model.value_or("")}, {o.json, o.csv});
  RequireOnce("--ranks", o.ranks);
  RequireOnce("--strategies", o.strategies);
  for (const std::string& strategy : o.strategies)
    if (strategy.empty()) throw InputError("--strategies: expected names, found an empty one");
}

scenarios::RoutingRequest MakeRequest(const Options& o, const RoutingDocument& in,
                                      const StepTimeMaker& step_time, const RunControl& control) {
  scenarios::RoutingRequest request = scenarios::MakeRoutingRequest(
      in, {o.layers, o.steps, o.ranks}, o.scenario.empty() ? StepTimeMaker{} : step_time, control);
  RefuseInputs({o.json, o.csv});
  return request;
}

int RunReport(const Options& o, const StepTimeMaker& step_time) {
  CheckOptions(o);
  const RoutingDocument in = scenarios::LoadRoutingDocument(InputOf(o));
  const LongRun wait;
  const scenarios::RoutingReport routing =
      scenarios::MakeRoutingReport(MakeRequest(o, in, step_time, wait.control()), wait.control());
  Report report;
  report.Add(o.json, [&] { return scenarios::RoutingJson(routing); });
  report.Add(o.csv, [&] { return scenarios::RoutingCsv(routing); });
  report.AddText([&] { return scenarios::RoutingText(routing); });
  report.Write();
  return kDone;
}

int RunCompare(const Options& o, const StepTimeMaker& step_time) {
  CheckOptions(o);
  if (!o.loads.empty() || !o.strategy.empty()) {
    throw InputError(
        "routing compare sets strategies side by side: expected --strategies, not --loads or --strategy");
  }
  const std::vector<std::string> names = o.strategies.empty() ? models::StrategyNames() : o.strategies;
  scenarios::RequireMeaning(o.settings, names);
  const LongRun wait;
  std::vector<scenarios::RoutingReport> strategies;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto all = static_cast<double>(names.size());
    RoutingInput in = InputOf(o);
    in.strategy = names[i], in.compared = true;
    strategies.push_back(scenarios::MakeRoutingReport(
        MakeRequest(o, scenarios::LoadRoutingDocument(in), step_time, wait.control()),
        wait.control().Part(static_cast<double>(i) / all, static_cast<double>(i + 1) / all)));
  }
  Report report;
  report.Add(o.json, [&] { return scenarios::RoutingComparisonJson(strategies); });
  report.Add(o.csv, [&] { return scenarios::RoutingComparisonCsv(strategies); });
  report.AddText([&] { return scenarios::RoutingComparisonText(strategies); });
  report.Write();
  return kDone;
}

void AddOptions(CLI::App* command, Options* o) {
  command->add_option("scenario", o->scenario,
                      "Scenario file or name: its model, cluster, routing and seed are used");
  command->add_option(
      "--model", o->model,
      "Preset, or path of a Hugging Face config.json, instead of the scenario's\n(default deepseek-v3)");
  AddSetOption(command, &o->settings);
  command->add_option("--layers", o->layers, "Layers reported (default 8, or what the model has)");
  command->add_option("--steps", o->steps, "Training steps that show how balance settles, 0 for none")
      ->capture_default_str();
  command->add_option("--seed", o->seed, "Random seed");
  command->add_option("--json", o->json, "Write JSON to FILE (- for standard output)");
  command->add_option("--csv", o->csv, "Write CSV to FILE (- for standard output)");
}

}  // namespace

void AddRoutingCommand(CLI::App& app, Action* action, StepTimeMaker step_time) {
  // One set of options, so that those before `compare` reach it too.
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("routing", "How evenly experts are loaded, and what placement makes of it");
  AddOptions(command, options.get());
  const auto named = [](const std::string& name) { return name.empty() ? "expected a name" : ""; };
  command->add_option("--strategy", options->strategy, "Balancing strategy")->check(named);
  command->add_option("--loads", options->loads, "Recorded expert loads or token trace (.csv, .json)")
      ->check(named);
  OneValueEach(command->add_option("--ranks", options->ranks, "Expert-parallel sizes"))->delimiter(',');
  CLI::App* compare = command->add_subcommand("compare", "Strategies side by side");
  AddOptions(compare, options.get());
  OneValueEach(compare->add_option("--strategies", options->strategies, "Strategies (default: all)"))
      ->delimiter(',');
  compare->callback([=] { *action = [=] { return RunCompare(*options, step_time); }; });
  command->callback([=] {
    if (!compare->parsed()) *action = [=] { return RunReport(*options, step_time); };
  });
}

}  // namespace orrery::cli
