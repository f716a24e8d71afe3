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

#include "cli/options.h"
#include "cli/output_file.h"
#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/config/document.h"
#include "models/spec/huggingface.h"
#include "scenarios/report/attention_writers.h"
#include "scenarios/schema/scenario.h"

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

/// A preset's name, or a Hugging Face config.json by its path.
models::ModelSpec Model(const std::string& text) {
  return IsModelPath(text) ? models::ReadHuggingFace(text) : models::ModelPreset(text);
}

std::size_t Choice(const std::string& option, const std::string& text,
                   const std::vector<std::string>& known) {
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (known[i] == text) return i;
  }
  std::string all;
  for (const std::string& k : known) all += (all.empty() ? "" : ", ") + k;
  throw InputError(option + ": '" + text + "': expected one of: " + all + DidYouMean(text, known));
}

Time ParseTime(const std::string& option, const std::string& text) {
  return Document::Parse("value: \"" + text + "\"", option).root().At("value").AsTime();
}

AttentionScenario FromFile(const Options& o) {
  return scenarios::ReadAttentionScenario(scenarios::LoadScenarioDocument(o.scenario, o.sets));
}

/// A repeated entry would only repeat rows, and is a slip.
template <typename T>
void RequireUnique(const std::string& option, const std::vector<T>& values) {
  std::set<T> seen;
  for (const T& value : values) {
    if (!seen.insert(value).second) throw InputError(fmt::format("{}: {} is given twice", option, value));
  }
}

std::vector<std::int64_t> Contexts(const std::vector<std::string>& texts) {
  std::vector<std::int64_t> contexts;
  for (const std::string& text : texts) contexts.push_back(ParseTokens("--context", text));
  RequireUnique("--context", contexts);
  return contexts;
}

/// A preset's name, or a data sheet by its path.
hw::Device Device(const std::string& text) {
  const bool path = text.ends_with(".yaml") || text.find('/') != std::string::npos;
  return path ? hw::ReadDeviceFile(text) : hw::DevicePreset(text);
}

/// Whether options say otherwise than the scenario what is compared, on what.
bool ChangesSubject(const Options& o) {
  return !o.models.empty() || !o.designs.empty() || !o.device.empty() || !o.cache.empty() ||
         !o.weights.empty();
}

void ApplySweep(const Options& o, AttentionScenario* s) {
  RequireUnique("--model", o.models);
  RequireUnique("--designs", o.designs);
  RequireUnique("--batch", o.batches);
  if (!o.models.empty()) s->models.clear();
  for (const std::string& m : o.models) s->models.push_back(Model(m));
  if (!o.designs.empty()) s->designs = o.designs;
  if (!o.contexts.empty()) s->contexts = Contexts(o.contexts);
  if (!o.batches.empty()) s->batches = o.batches;
  if (o.query_length) s->query_length = *o.query_length;
  if (!o.tpot.empty()) s->tpot_limit = ParseTime("--tpot", o.tpot);
}

void ApplyMachine(const Options& o, AttentionScenario* s) {
  if (!o.device.empty()) s->device = Device(o.device);
  if (o.tensor) s->tensor = o.tensor;
  if (o.expert) s->expert = o.expert;
  if (!o.cache.empty()) {
    s->cache = static_cast<models::CachePrecision>(Choice("--cache", o.cache, models::CachePrecisionNames()));
  }
  if (!o.weights.empty()) {
    s->weights = static_cast<models::WeightPrecision>(Choice("--weights", o.weights, {"bf16", "fp8"}));
  }
  if (!o.norm.empty()) s->norm = static_cast<models::NormKind>(Choice("--norm", o.norm, {"rms", "layer"}));
  if (o.memory_fraction) s->memory_fraction = *o.memory_fraction;
  if (!o.calibrations.empty()) s->calibration = hw::CalibrationChoice::Of(o.calibrations);
  if (o.mtp) s->mtp = true;
}

AttentionScenario Scenario(const Options& o) {
  if (!o.sets.empty() && o.scenario.empty()) throw InputError("--set needs --scenario");
  AttentionScenario s;
  if (!o.scenario.empty()) {
    s = FromFile(o);
  } else {
    s.models.push_back(models::ModelPreset("deepseek-v3"));
    s.device = hw::DevicePreset("h800-sxm");
  }
  ApplySweep(o, &s);
  ApplyMachine(o, &s);
  if (!o.scenario.empty() && ChangesSubject(o)) s.name = scenarios::AttentionTitle(s);
  return s;
}

int Run(const Options& o) {
  std::vector<std::string> inputs = o.calibrations;
  inputs.push_back(o.scenario);
  std::copy_if(o.models.begin(), o.models.end(), std::back_inserter(inputs), IsModelPath);
  RequireDistinct(inputs, {o.json, o.csv});
  const scenarios::AttentionReport result = scenarios::RunAttention(Scenario(o));
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
