#include "cli/routing_command.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/output_file.h"
#include "core/error.h"
#include "scenarios/scenario.h"

namespace orrery::cli {
namespace {

struct Options {
  std::string scenario, strategy, loads, json, csv;
  std::optional<std::string> model;
  std::vector<std::string> strategies, settings;
  std::vector<int> ranks;
  int layers = 8, steps = 4000;
  std::optional<std::uint64_t> seed;
};

/// A preset's name, or a Hugging Face config.json by its path, as a `model` section.
std::string ModelSection(const std::string& name) {
  const std::filesystem::path path(name);
  if (path.extension() != ".json" && name.find('/') == std::string::npos) return QuoteYaml(name);
  return "{huggingface: " + QuoteYaml(std::filesystem::absolute(path).string()) + "}";
}

/// A section of another strategy: what does not belong to a strategy stays as the scenario has it.
std::string SectionOf(const std::string& strategy, const Value* section) {
  std::string text = "{strategy: " + QuoteYaml(strategy);
  for (const char* key : {"placement", "redundant_experts", "planned_from", "replanned_every",
                          "shared_expert", "sequence_length"}) {
    const Value* v = section != nullptr && section->is_map() ? section->Find(key) : nullptr;
    if (v != nullptr && v->is_scalar()) text += fmt::format(", {}: {}", key, v->AsString());
  }
  return text + "}";
}

/// The scenario, or one made of the options. A strategy other than the scenario's own, or recorded loads,
/// take the place of its routing section: the keys of one strategy mean nothing to another.
Document LoadDocument(const Options& o) {
  Document doc = o.scenario.empty()
                     ? Document::Parse("model: " + ModelSection(o.model.value_or("deepseek-v3")), "--model")
                     : scenarios::LoadScenarioDocument(o.scenario, {});
  if (!o.scenario.empty() && o.model) doc.Set("model", ModelSection(*o.model));
  const Value* section = doc.root().Find("routing");
  const Value* own = section != nullptr && section->is_map() ? section->Find("strategy") : nullptr;
  if (!o.strategy.empty() && (own == nullptr || own->AsString() != o.strategy)) {
    doc.Set("routing", SectionOf(o.strategy, section));
  }
  if (!o.loads.empty()) doc.Set("routing", "{loads: " + QuoteYaml(o.loads) + "}");
  for (const std::string& setting : o.settings) scenarios::ApplyOverride(setting, &doc);
  // With a scenario the whole of it is read where its step is simulated.
  if (o.scenario.empty()) doc.root().AllowKeys({"model", "routing", "seed"});
  return doc;
}

void CheckOptions(const Options& o) {
  if (o.layers < 1) throw InputError(fmt::format("--layers {}: expected at least 1", o.layers));
  if (o.steps < 0) throw InputError(fmt::format("--steps {}: expected at least 0", o.steps));
  RequireDistinct({o.scenario, o.loads, o.model.value_or("")}, {o.json, o.csv});
  std::set<std::string> seen;
  for (const std::string& strategy : o.strategies) {
    if (strategy.empty()) throw InputError("--strategies: expected names, found an empty one");
    if (!seen.insert(strategy).second) throw InputError("--strategies: '" + strategy + "' twice");
  }
}

scenarios::RoutingRequest MakeRequest(const Options& o, const Document& doc, const StepTimeMaker& step_time) {
  const Value& root = doc.root();
  const models::ModelSpec model = models::ReadModel(root.At("model"));
  if (!model.moe) throw root.At("model").Error("the model has no experts to route to");
  const Value* section = root.Find("routing");
  scenarios::RoutingRequest r =
      scenarios::RequestFor(model, models::ReadRoutingSection(section ? *section : Value(), *model.moe));
  r.layers = o.layers, r.steps = o.steps;
  const Value* workload = root.Find("workload");
  const Value* length = workload != nullptr ? workload->Find("sequence_length") : nullptr;
  if (length != nullptr && (section == nullptr || section->Find("sequence_length") == nullptr))
    r.section.options.sequence_length = static_cast<int>(length->AsInt(1, 1 << 24));
  if (!o.ranks.empty()) r.ranks = o.ranks;
  if (const Value* v = root.Find("seed")) r.seed = static_cast<std::uint64_t>(v->AsInt(0, INT64_MAX));
  if (o.seed) r.seed = *o.seed;
  if (step_time && !o.scenario.empty()) r.step_time = step_time(doc, &r);
  return r;
}

int RunReport(const Options& o, const StepTimeMaker& step_time) {
  CheckOptions(o);
  const Document doc = LoadDocument(o);
  const scenarios::RoutingReport routing = scenarios::MakeRoutingReport(MakeRequest(o, doc, step_time));
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
  std::vector<scenarios::RoutingReport> strategies;
  for (const std::string& strategy : o.strategies.empty() ? models::StrategyNames() : o.strategies) {
    Options one = o;
    one.strategy = strategy;
    strategies.push_back(scenarios::MakeRoutingReport(MakeRequest(one, LoadDocument(one), step_time)));
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
  // One set of options, so that those before `compare` reach it too.
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("routing", "How evenly experts are loaded, and what placement makes of it");
  AddOptions(command, options.get());
  command->add_option("--strategy", options->strategy, "Balancing strategy");
  command->add_option("--loads", options->loads, "Recorded expert loads or token trace (.csv, .json)");
  command->add_option("--ranks", options->ranks, "Expert-parallel sizes")->delimiter(',');
  CLI::App* compare = command->add_subcommand("compare", "Strategies side by side");
  AddOptions(compare, options.get());
  compare->add_option("--strategies", options->strategies, "Strategies (default: all)")->delimiter(',');
  compare->callback([=] { *action = [=] { return RunCompare(*options, step_time); }; });
  command->callback([=] {
    if (!compare->parsed()) *action = [=] { return RunReport(*options, step_time); };
  });
}

}  // namespace orrery::cli
