#include "cli/attention_command.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
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
#include "core/config/document.h"
#include "scenarios/report/attention_writers.h"
#include "scenarios/schema/attention_scenario.h"
#include "scenarios/schema/scenario_file.h"

namespace orrery::cli {
namespace {

using scenarios::AttentionScenario;

/// As given on the line; what is absent leaves the scenario (or its defaults) alone.
struct Options {
  std::string scenario;
  std::vector<std::string> models, designs, sets, contexts, calibrations;
  std::string device, cache, weights, norm, tpot;
  std::vector<std::int64_t> batches;
  std::optional<std::int64_t> query_length;
  std::optional<int> tensor, expert;
  std::optional<double> memory_fraction;
  bool mtp = false;
  std::string json, csv;
};

bool IsModelPath(const std::string& text) {
  return text.ends_with(".json") || text.find('/') != std::string::npos;
}

/// A preset's name, or a Hugging Face config.json by its path, as a `model` key.
std::string ModelYaml(const std::string& text) {
  return IsModelPath(text) ? "{huggingface: " + QuoteYaml(text) + "}" : QuoteYaml(text);
}

/// A preset's name, or a data sheet by its path.
std::string DeviceYaml(const std::string& text) {
  const bool path = text.ends_with(".yaml") || text.find('/') != std::string::npos;
  return path ? "{file: " + QuoteYaml(text) + "}" : QuoteYaml(text);
}

template <class T, class F>
std::string ListYaml(const std::vector<T>& items, F yaml) {
  std::string list = "[";
  for (const T& item : items) list += (list.size() > 1 ? ", " : "") + yaml(item);
  return list + "]";
}

/// A repeated entry would only repeat rows, and is a slip.
template <typename T>
void RequireUnique(const std::string& option, const std::vector<T>& values) {
  std::set<T> seen;
  for (const T& value : values) {
    if (!seen.insert(value).second) throw InputError(fmt::format("{}: {} is given twice", option, value));
  }
}

/// Whether options say otherwise than the scenario what is compared, on what.
bool ChangesSubject(const Options& o) {
  return !o.models.empty() || !o.designs.empty() || !o.device.empty() || !o.cache.empty() ||
         !o.weights.empty();
}

/// Sets keys of the document from options; errors name the option.
class OptionSetter {
 public:
  explicit OptionSetter(Document* document) : document_(document) {}

  void Text(const char* option, const char* key, const std::string& value) {
    if (!value.empty()) document_->Set(key, QuoteYaml(value), fmt::format("{} {}", option, value));
  }
  template <class T>
  void Number(const char* option, const char* key, const std::optional<T>& value) {
    if (value) document_->Set(key, fmt::format("{}", *value), fmt::format("{} {}", option, *value));
  }
  template <class T, class F>
  void List(const char* option, const char* key, const std::vector<T>& values, F yaml) {
    if (!values.empty()) document_->Set(key, ListYaml(values, yaml), option);
  }
  void Yaml(const char* option, const char* key, const std::string& yaml) {
    document_->Set(key, yaml, option);
  }

 private:
  Document* document_;
};

void ApplyOptions(const Options& o, Document* document) {
  const auto number = [](auto n) { return fmt::format("{}", n); };
  RequireUnique("--model", o.models);
  RequireUnique("--designs", o.designs);
  RequireUnique("--batch", o.batches);
  OptionSetter set(document);
  if (!o.models.empty()) {
    document->Set("model", "null");
    set.List("--model", "models", o.models, ModelYaml);
  }
  set.List("--designs", "workload.designs", o.designs, QuoteYaml);
  std::vector<std::int64_t> contexts;
  for (const std::string& text : o.contexts) contexts.push_back(ParseTokens("--context", text));
  RequireUnique("--context", contexts);
  set.List("--context", "workload.contexts", contexts, number);
  set.List("--batch", "workload.batches", o.batches, number);
  set.Number("--query-length", "workload.query_length", o.query_length);
  set.Text("--tpot", "workload.tpot_limit", o.tpot);
  if (!o.device.empty()) set.Yaml("--device", "device", DeviceYaml(o.device));
  set.Number("--tensor", "parallelism.tensor", o.tensor);
  set.Number("--expert", "parallelism.expert", o.expert);
  set.Text("--cache", "precision.cache", o.cache);
  set.Text("--weights", "precision.weights", o.weights);
  set.Text("--norm", "workload.norm", o.norm);
  set.Number("--memory-fraction", "workload.memory_fraction", o.memory_fraction);
  set.List("--calibration", "calibration", o.calibrations, QuoteYaml);
  if (o.mtp) set.Yaml("--mtp", "workload.mtp", "true");
}

AttentionScenario Scenario(const Options& o) {
  if (!o.sets.empty() && o.scenario.empty()) throw InputError("--set needs --scenario");
  RequireKeysOnce(o.sets);
  Document document = o.scenario.empty() ? Document::Parse(scenarios::kUsualAttention, "attention")
                                         : scenarios::LoadScenarioDocument(o.scenario, o.sets);
  ApplyOptions(o, &document);
  AttentionScenario s = scenarios::ReadAttentionScenario(document);
  if (!o.scenario.empty() && ChangesSubject(o)) s.name = scenarios::AttentionTitle(s);
  return s;
}

int Run(const Options& o) {
  std::vector<std::string> inputs = o.calibrations;
  inputs.push_back(o.scenario);
  std::copy_if(o.models.begin(), o.models.end(), std::back_inserter(inputs), IsModelPath);
  RequireDistinct(inputs, {o.json, o.csv});
  const AttentionScenario scenario = Scenario(o);
  RefuseInputs({o.json, o.csv});
  const LongRun wait;
  const scenarios::AttentionReport result = scenarios::RunAttention(scenario, wait.control());
  Report report;
  report.Add(o.json, [&] { return JsonText(scenarios::AttentionJson(result)); });
  report.Add(o.csv, [&] { return scenarios::AttentionCsv(result); });
  report.AddText([&] { return scenarios::AttentionText(result); });
  report.Write();
  return kDone;
}

void AddSweepOptions(CLI::App* command, Options* o) {
  command
      ->add_option("-m,--model", o->models,
                   "Presets, or paths of Hugging Face config.json files (default deepseek-v3)")
      ->delimiter(',');
  command
      ->add_option(
          "--designs", o->designs,
          "own, mha, mqa, gqa-N, mla, mla-materialised, mla-rope-reapplied, mla-rope-on-latent, mla-no-rope "
          "(default all, gqa-8)")
      ->delimiter(',');
  command->add_option("--context", o->contexts, "Contexts in tokens, e.g. 8192,128k (default 1k to 128k)")
      ->delimiter(',');
  command->add_option("--batch", o->batches, "Sequences per GPU or tensor group (default 1 to 256)")
      ->delimiter(',');
  command->add_option("--query-length", o->query_length, "New tokens per sequence and step (default 1)");
  command->add_option("--tpot", o->tpot, "Limit of time per output token, for example '50 ms' (the default)");
}

void AddMachineOptions(CLI::App* command, Options* o) {
  command->add_option("-d,--device", o->device, "Device preset, or path of a data sheet (default h800-sxm)");
  command->add_option("--tensor", o->tensor,
                      "Tensor-parallel degree (default: what leaves half the memory to the cache)");
  command->add_option("--expert", o->expert, "Expert-parallel degree (default: likewise)");
  command->add_option("--cache", o->cache, "Cache precision: bf16 (default), fp8, 6bit");
  command->add_option("--weights", o->weights,
                      "Weights of linear layers: fp8 (default where the device has it), bf16");
  command->add_option("--norm", o->norm, "rms (default) or layer");
  command->add_option("--memory-fraction", o->memory_fraction,
                      "Share of memory for weights and cache (default 0.9)");
  OneValueEach(command->add_option("--calibration", o->calibrations,
                                   "Kernel tables (default auto); repeat it for several"));
  command->add_flag("--mtp", o->mtp, "Hold the MTP modules' weights and caches too");
}

}  // namespace

void AddAttentionCommand(CLI::App& app, Action* action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("attention", "Compare attention designs by cache, compute and time");
  command->add_option("--scenario", options->scenario,
                      "A scenario of kind attention; options below override it");
  AddSetOption(command, &options->sets);
  AddSweepOptions(command, options.get());
  AddMachineOptions(command, options.get());
  command->add_option("--json", options->json, "Write everything as JSON to FILE (- is standard output)");
  command->add_option("--csv", options->csv, "Write the sweep as CSV to FILE (- is standard output)");
  command->callback([=] { *action = [=] { return Run(*options); }; });
}

}  // namespace orrery::cli
