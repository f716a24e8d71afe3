#include "cli/routing_command.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/error.h"

namespace orrery::cli {
namespace {

struct Options {
  std::string scenario, model = "deepseek-v3", strategy, loads, json, csv;
  std::vector<std::string> strategies, settings;
  std::vector<int> ranks;
  int layers = 8, steps = 4000;
  std::optional<std::uint64_t> seed;
};

/// Written whole or not at all; "-" is standard output.
void WriteFile(const std::string& file, const std::string& text) {
  if (file == "-") {
    std::fputs(text.c_str(), stdout);
    return;
  }
  const std::string beside = file + ".tmp";
  {
    std::ofstream out(beside, std::ios::binary);
    out << text;
    if (!out.flush()) throw InputError("cannot write '" + file + "'");
  }
  std::error_code error;
  std::filesystem::rename(beside, file, error);
  if (error) throw InputError("cannot write '" + file + "': " + error.message());
}

/// The scenario, or one made of the options.
Document LoadDocument(const Options& o) {
  Document doc =
      o.scenario.empty() ? Document::Parse("model: " + o.model, "--model") : Document::Load(o.scenario);
  for (const std::string& setting : o.settings) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos) throw InputError(fmt::format("--set {}: expected key=value", setting));
    doc.Set(setting.substr(0, equals), setting.substr(equals + 1));
  }
  if (!o.strategy.empty()) doc.Set("routing.strategy", o.strategy);
  if (!o.loads.empty()) doc.Set("routing.loads", "'" + o.loads + "'");
  return doc;
}

scenarios::RoutingRequest MakeRequest(const Options& o, const Document& doc, const StepTimeMaker& step_time) {
  const Value& root = doc.root();
  const models::ModelSpec model = models::ReadModel(root.At("model"));
  if (!model.moe) throw root.At("model").Error("the model has no experts to route to");
  const Value* section = root.Find("routing");
  scenarios::RoutingRequest r =
      scenarios::RequestFor(model, models::ReadRoutingSection(section ? *section : Value(), *model.moe));
  r.layers = o.layers, r.steps = o.steps;
  if (!o.ranks.empty()) r.ranks = o.ranks;
  if (const Value* v = root.Find("seed")) r.seed = static_cast<std::uint64_t>(v->AsInt(0, INT64_MAX));
  if (o.seed) r.seed = *o.seed;
  if (step_time && !o.scenario.empty()) r.step_time = step_time(doc, &r);
  return r;
}

int RunReport(const Options& o, const StepTimeMaker& step_time) {
  const Document doc = LoadDocument(o);
  const scenarios::RoutingReport report = scenarios::MakeRoutingReport(MakeRequest(o, doc, step_time));
  if (!o.json.empty()) WriteFile(o.json, scenarios::RoutingJson(report));
  if (!o.csv.empty()) WriteFile(o.csv, scenarios::RoutingCsv(report));
  if (o.json != "-" && o.csv != "-") std::fputs(scenarios::RoutingText(report).c_str(), stdout);
  return kDone;
}

int RunCompare(const Options& o, const StepTimeMaker& step_time) {
  std::vector<scenarios::RoutingReport> reports;
  for (const std::string& strategy : o.strategies.empty() ? models::StrategyNames() : o.strategies) {
    Options one = o;
    one.strategy = strategy;
    reports.push_back(scenarios::MakeRoutingReport(MakeRequest(one, LoadDocument(one), step_time)));
  }
  if (!o.json.empty()) WriteFile(o.json, scenarios::RoutingComparisonJson(reports));
  if (!o.csv.empty()) WriteFile(o.csv, scenarios::RoutingComparisonCsv(reports));
  if (o.json != "-" && o.csv != "-") std::fputs(scenarios::RoutingComparisonText(reports).c_str(), stdout);
  return kDone;
}

void AddOptions(CLI::App* command, Options* o) {
  command->add_option("scenario", o->scenario, "Scenario file: its model, routing and seed are used");
  command->add_option("--model", o->model, "Model preset, without a scenario")->capture_default_str();
  command->add_option("--set", o->settings, "Override, e.g. --set routing.rate=0.01");
  command->add_option("--layers", o->layers, "Layers reported")->capture_default_str();
  command->add_option("--steps", o->steps, "Training steps that show how balance settles, 0 for none")
      ->capture_default_str();
  command->add_option("--seed", o->seed, "Random seed");
  command->add_option("--json", o->json, "Write JSON to FILE (- for standard output)");
  command->add_option("--csv", o->csv, "Write CSV to FILE (- for standard output)");
}

}  // namespace

void AddRoutingCommand(CLI::App& app, Action* action, StepTimeMaker step_time) {
  auto report = std::make_shared<Options>(), comparison = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("routing", "How evenly experts are loaded, and what placement makes of it");
  AddOptions(command, report.get());
  command->add_option("--strategy", report->strategy, "Balancing strategy");
  command->add_option("--loads", report->loads, "Recorded expert loads or token trace (.csv, .json)");
  command->add_option("--ranks", report->ranks, "Expert-parallel sizes")->delimiter(',');
  CLI::App* compare = command->add_subcommand("compare", "Strategies side by side");
  AddOptions(compare, comparison.get());
  compare->add_option("--strategies", comparison->strategies, "Strategies (default: all)")->delimiter(',');
  compare->callback([=] { *action = [=] { return RunCompare(*comparison, step_time); }; });
  command->callback([=] {
    if (!compare->parsed()) *action = [=] { return RunReport(*report, step_time); };
  });
}

}  // namespace orrery::cli
