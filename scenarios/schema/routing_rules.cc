#include "scenarios/schema/routing_rules.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "core/base/error.h"
#include "models/routing/sources/routing_options.h"
#include "scenarios/schema/scenario_file.h"

namespace orrery::scenarios {
namespace {

/// A preset's name, or a Hugging Face config.json by its path, as a `model` section.
std::string ModelSection(const std::string& name) {
  const std::filesystem::path path(name);
  if (path.extension() != ".json" && name.find('/') == std::string::npos) return QuoteYaml(name);
  return "{huggingface: " + QuoteYaml(std::filesystem::absolute(path).string()) + "}";
}

Document BaseDocument(const RoutingInput& input) {
  if (!input.FromScenario())
    return Document::Parse("model: " + ModelSection(input.model.value_or("deepseek-v3")), "--model");
  Document doc = input.read != nullptr ? *input.read : LoadScenarioDocument(input.scenario, {});
  if (input.model) doc.Set("model", ModelSection(*input.model));
  return doc;
}

/// Keys of the routing section that are set.
std::vector<std::string> RoutingKeys(const Document& doc) {
  const Value* section = doc.root().Find("routing");
  std::vector<std::string> keys;
  if (section == nullptr) return keys;
  for (const auto& [key, value] : section->entries())
    if (!value.is_null()) keys.push_back(key);
  return keys;
}

/// What the section's loads come from: a strategy's name, or nothing where they are recorded.
std::string OwnStrategy(const Document& doc) {
  const Value* section = doc.root().Find("routing");
  if (section == nullptr) return models::StrategyName(models::RoutingSection{}.strategy);
  if (const Value* v = section->Find("strategy")) return v->AsString();
  return section->Find("loads") != nullptr ? "" : models::StrategyName(models::RoutingSection{}.strategy);
}

/// Whether the key means something to a strategy; to one unknown, which is refused when it is read, all do.
bool Takes(const std::string& strategy, const std::string& key) {
  const std::vector<std::string>& names = models::StrategyNames();
  const auto it = std::find(names.begin(), names.end(), strategy);
  return it == names.end() || models::StrategyTakes(static_cast<models::Strategy>(it - names.begin()), key);
}

void Unset(const std::string& key, Document* doc) { doc->Set("routing." + key, "null"); }

void LeaveOutIdleKeys(const std::string& strategy, RoutingDocument* out) {
  for (const std::string& key : RoutingKeys(out->document)) {
    if (Takes(strategy, key)) continue;
    Unset(key, &out->document);
    out->left_out.push_back(key);
  }
}

/// Puts `strategy` in the place of what the section has.
void ReplaceStrategy(const std::string& strategy, RoutingDocument* out) {
  if (OwnStrategy(out->document) != strategy) {
    for (const std::string& key : RoutingKeys(out->document))
      if (models::OwnToStrategy(key) || key == "loads") Unset(key, &out->document);
    out->document.Set("routing.strategy", QuoteYaml(strategy));
  }
}

/// Puts recorded loads in the place of the section's strategy.
void ReplaceLoads(const std::string& file, RoutingDocument* out) {
  for (const std::string& key : RoutingKeys(out->document)) {
    if (models::RecordedLoadsTake(key)) continue;
    Unset(key, &out->document);
    if (key != "strategy" && !models::OwnToStrategy(key)) out->left_out.push_back(key);
  }
  out->document.Set("routing.loads", QuoteYaml(file));
}

/// The key of the routing section that a setting sets, or nothing.
std::string RoutingKeyOf(const std::string& setting) {
  const std::string prefix = "routing.";
  if (setting.compare(0, prefix.size(), prefix) != 0) return "";
  return setting.substr(prefix.size(), setting.find_first_of(".=", prefix.size()) - prefix.size());
}

/// InputError where a setting says another source of loads than the strategy; sets that where a setting left
/// none.
void HoldStrategy(const RoutingInput& input, Document* doc) {
  const Value* section = doc->root().Find("routing");
  const Value* own = section != nullptr ? section->Find("strategy") : nullptr;
  const Value* loads = section != nullptr ? section->Find("loads") : nullptr;
  if (loads != nullptr || (own != nullptr && own->AsString() != input.strategy))
    throw(loads != nullptr ? *loads : *own)
        .Error(input.compared ? "routing compare sets strategies side by side: expected --strategies"
                              : fmt::format("--strategy says '{}'", input.strategy));
  if (own == nullptr) doc->Set("routing.strategy", QuoteYaml(input.strategy));
}

}  // namespace

RoutingDocument LoadRoutingDocument(const RoutingInput& input) {
  if (!input.loads.empty() && !input.strategy.empty())
    throw InputError(
        fmt::format("--loads {} and --strategy {} exclude each other", input.loads, input.strategy));
  RoutingDocument out{BaseDocument(input), {}};
  if (!input.strategy.empty()) {
    const bool own = OwnStrategy(out.document) == input.strategy;
    ReplaceStrategy(input.strategy, &out);
    if (!own && !input.compared) LeaveOutIdleKeys(input.strategy, &out);  // else once, settings and all
  }
  if (!input.loads.empty()) ReplaceLoads(input.loads, &out);
  ApplyOverrides(input.settings, &out.document);
  if (!input.strategy.empty()) HoldStrategy(input, &out.document);
  if (input.compared) LeaveOutIdleKeys(input.strategy, &out);
  // With a scenario the whole of it is read where its step is simulated.
  if (!input.FromScenario()) out.document.root().AllowKeys({"model", "routing", "seed"});
  return out;
}

void RequireMeaning(const std::vector<std::string>& settings, const std::vector<std::string>& strategies) {
  for (const std::string& setting : settings) {
    const std::string key = RoutingKeyOf(setting);
    const bool taken = std::any_of(strategies.begin(), strategies.end(),
                                   [&](const std::string& s) { return Takes(s, key); });
    if (!taken)
      throw InputError(
          fmt::format("--set {}: routing.{} means nothing to {}", setting, key, fmt::join(strategies, ", ")));
  }
}

}  // namespace orrery::scenarios
