#include "cli/run_command.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/long_run.h"
#include "cli/options.h"
#include "cli/output_file.h"
#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/config/key_error.h"
#include "scenarios/report/attention_writers.h"
#include "scenarios/report/serving_report.h"
#include "scenarios/report/trace_writer.h"
#include "scenarios/report/training_report.h"
#include "scenarios/run.h"
#include "scenarios/schema/attention_scenario.h"
#include "scenarios/schema/scenario.h"
#include "scenarios/schema/scenario_file.h"
#include "scenarios/schema/serving_scenario.h"
#include "scenarios/serving/simulate.h"
#include "scenarios/studies/attention_report.h"

namespace orrery::cli {
namespace {

struct Options {
  std::string scenario;
  std::vector<std::string> sets;
  std::vector<std::string> calibrations;
  std::string json, trace;
  std::vector<int> trace_ranks{0};
  std::string seed;
  bool fold = false, quick = false, strict = false;
};

std::vector<std::string> Overrides(const Options& o) {
  std::vector<std::string> sets = o.sets;
  std::string calibrations;
  for (const std::string& c : o.calibrations)
    calibrations += (calibrations.empty() ? "" : ", ") + QuoteYaml(c);
  if (o.calibrations.size() > 1) calibrations = "[" + calibrations + "]";
  if (!calibrations.empty()) sets.push_back("calibration=" + calibrations);
  if (!o.seed.empty()) sets.push_back("seed=" + o.seed);
  RequireKeysOnce(sets);
  return sets;
}

int RunPretraining(const Options& o, const Document& document) {
  const scenarios::Scenario scenario = scenarios::ReadTrainingScenario(document, o.scenario);
  scenarios::RunOptions options;
  options.fold = o.fold;
  options.analyse = !o.quick;
  options.timeline = !o.trace.empty();
  if (options.timeline) scenarios::CheckTraceRanks(scenario, o.trace_ranks);
  RefuseInputs({o.json, o.trace});
  const LongRun wait;
  const scenarios::Run run =
      WithPlaces(document.root(), [&] { return scenarios::Simulate(scenario, options, wait.control()); });
  const scenarios::TrainingResult& result = run.result;
  Report report;
  report.Add(o.trace, [&] { return scenarios::TrainingTrace(run, o.trace_ranks); });
  report.Add(o.json, [&] { return scenarios::TrainingJson(run); });
  report.AddText([&] { return scenarios::TrainingText(run); });
  report.Write();
  if (!o.strict || result.fits) return kDone;
  std::fprintf(stderr, "orrery: --strict: the plan does not fit in the memory of %s\n",
               scenario.cluster.device.name.c_str());
  return kCheckFailed;
}

int RunAttention(const Options& o, const Document& document) {
  if (!o.trace.empty() || o.fold || o.strict) {
    throw InputError(
        "--trace, --fold and --strict are for training scenarios; this one is of kind attention");
  }
  const scenarios::AttentionScenario scenario = scenarios::ReadAttentionScenario(document);
  RefuseInputs({o.json});
  const LongRun wait;
  const auto result = scenarios::RunAttention(scenario, wait.control());
  Report report;
  report.Add(o.json, [&] { return JsonText(scenarios::AttentionJson(result)); });
  report.AddText([&] { return scenarios::AttentionText(result); });
  report.Write();
  return kDone;
}

int RunServing(const Options& o, const Document& document) {
  if (o.fold) throw InputError("--fold is for training scenarios: ranks of a serving unit are never folded");
  const scenarios::ServingScenario scenario = scenarios::ReadServingScenario(document, o.scenario);
  RefuseInputs({o.json, o.trace});
  const LongRun wait;
  const scenarios::ServingRun run = WithPlaces(document.root(), [&] {
    return scenarios::SimulateServing(scenario, !o.trace.empty(), wait.control());
  });
  Report report;
  report.Add(o.trace, [&] { return scenarios::ServingTrace(run, o.trace_ranks); });
  report.Add(o.json, [&] { return scenarios::ServingJson(run.result); });
  report.AddText([&] { return scenarios::ServingText(run.result); });
  report.Write();
  for (const scenarios::UnitResult& unit : run.result.units) {
    if (!o.strict || unit.fits) continue;
    std::fprintf(stderr, "orrery: --strict: the %s unit does not fit in the memory of %s\n",
                 std::string(Name(unit.role)).c_str(), scenario.cluster.device.name.c_str());
    return kCheckFailed;
  }
  return kDone;
}

/// Old keys go on reading; this says what they are called now.
void TellRenamed(const Document& document) {
  for (const auto& [from, to] : document.renamed())
    std::fprintf(stderr, "orrery: '%s' is called '%s' now; orrery migrate rewrites it\n", from.c_str(),
                 to.c_str());
}

int Run(const Options& o) {
  std::vector<std::string> inputs = o.calibrations;
  inputs.push_back(o.scenario);
  RequireDistinct(inputs, {o.json, o.trace});
  const Document document = scenarios::LoadScenarioDocument(o.scenario, Overrides(o));
  TellRenamed(document);
  const Value& kind = document.root().At("workload").At("kind");
  switch (kind.AsChoice({"pretraining", "attention", "serving"})) {
    case 0:
      return RunPretraining(o, document);
    case 1:
      return RunAttention(o, document);
    default:
      return RunServing(o, document);
  }
}

}  // namespace

void AddRunCommand(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("run", "Answer a scenario: a YAML file, or the name of one of scenarios/");
  command->add_option("scenario", options->scenario, "Scenario file or name")->required();
  AddSetOption(command, &options->sets);
  command->add_option("--json", options->json, "Write the result as JSON to FILE (- is standard output)");
  command->add_option("--trace", options->trace, "Write a Perfetto trace to FILE");
  OneValueEach(command->add_option("--trace-ranks", options->trace_ranks,
                                   "Pipeline ranks in the trace, or GPUs of serving units (default 0)"))
      ->delimiter(',');
  OneValueEach(command->add_option(
      "--calibration", options->calibrations,
      "Calibration table to price from (default auto); repeat it for several: auto and files of your own"));
  command->add_option("--seed", options->seed, "Seed of all random streams");
  command->add_flag("--fold", options->fold, "Simulate equal ranks as one: fast, blind to imbalance");
  command->add_flag("--quick", options->quick, "The step only: no what-ifs, critical path or interval");
  command->add_flag("--strict", options->strict, "Exit 1 where the plan does not fit in memory");
  std::vector<std::string> keys;
  for (const FieldInfo& field : scenarios::TrainingFields().Infos()) keys.push_back(field.key);
  command->footer(fmt::format(
      "A training scenario has the keys {} (docs/training.md, docs/routing.md); one of attention designs is "
      "described in docs/attention.md, one of serving in docs/serving.md. 'orrery help keys' tells every "
      "key, 'orrery list' names the presets.",
      fmt::join(keys, ", ")));
  command->callback([=] { *action = [=] { return Run(*options); }; });
}

}  // namespace orrery::cli
