#include "scenarios/schema/scenario_file.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/config/key_error.h"
#include "core/config/resources.h"
#include "scenarios/schema/schema_version.h"

namespace orrery::scenarios {
namespace {

/// A section that names a preset or a file, or describes what is meant; `override_key`, if any, holds what is said over
/// a preset.
struct PresetSection {
  const char *name, *override_key;
  std::vector<std::string> own_keys;
  const char* inside = "";  ///< the section whose preset may hold this one
};

/// Outer sections first.
const std::vector<PresetSection>& PresetSections() {
  static const std::vector<PresetSection> sections = {
      {"cluster", "", {}},
      {"cluster.device", "override", {"preset", "file", "override"}, "cluster"},
      {"device", "override", {"preset", "file", "override"}},
      {"model", "override", {"preset", "huggingface", "override"}}};
  return sections;
}

bool NamesBase(const Value* value) {
  return value != nullptr && value->is_map() &&
         (value->Find("preset") != nullptr || value->Find("file") != nullptr ||
          value->Find("huggingface") != nullptr);
}

/// Whether what the section holds is an override: over the preset or file that it names, or over what is in
/// that of the section around it.
bool Overrides(const PresetSection& section, const Value& root) {
  const Value* now = FindPath(root, section.name);
  if (now == nullptr) return *section.inside != '\0' && NamesBase(FindPath(root, section.inside));
  return NamesBase(now) || (now->is_map() && now->Find("override") != nullptr);
}

/// `rest`, a path inside the section, as it stands once the section is a map with a preset.
std::string InsidePreset(const PresetSection& section, const std::string& rest) {
  const std::string key = rest.substr(0, rest.find('.'));
  const std::string over = section.override_key;
  const bool own = std::count(section.own_keys.begin(), section.own_keys.end(), key) > 0;
  return over.empty() || own ? rest : over + "." + rest;
}

/// The path to set for `path`; turns sections that only name a preset into maps that do.
std::string ResolvePreset(std::string path, Document* document) {
  for (const PresetSection& section : PresetSections()) {
    const std::string prefix = std::string(section.name) + ".";
    if (path.rfind(prefix, 0) != 0) continue;
    const Value* named = FindPath(document->root(), section.name);
    if (named != nullptr && named->is_scalar())
      document->Set(section.name, "{preset: " + QuoteYaml(named->AsString()) + "}");
    if (!Overrides(section, document->root())) continue;
    path = prefix + InsidePreset(section, path.substr(prefix.size()));
  }
  return path;
}

}  // namespace

std::vector<std::string> ScenarioNames() { return ResourceNames("scenarios", "yaml"); }

Document LoadScenarioDocument(const std::string& file_or_name, const std::vector<std::string>& overrides) {
  std::filesystem::path file = file_or_name;
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    const std::vector<std::string> known = ScenarioNames();
    if (std::find(known.begin(), known.end(), file_or_name) != known.end()) {
      file = ResourceRoot() / "scenarios" / (file_or_name + ".yaml");
    } else {
      throw InputError(Place{file_or_name},
                       "no such file, nor a scenario of that name" + DidYouMean(file_or_name, known));
    }
  }
  Document document = Document::Load(file);
  UseCurrentKeys(&document);
  ApplyOverrides(overrides, &document);
  return document;
}

void ApplyOverrides(const std::vector<std::string>& settings, Document* document) {
  std::vector<std::string> paths;
  for (const std::string& text : settings) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) throw InputError("--set " + Clipped(text) + ": expected KEY=VALUE");
    const std::string asked = text.substr(0, equals);
    const std::string path = ResolvePreset(CurrentKey(asked), document);
    const auto inside = std::find_if(paths.begin(), paths.end(), [&](const std::string& earlier) {
      return earlier.starts_with(path + ".");
    });
    if (inside != paths.end()) {
      throw InputError(fmt::format(
          "--set {}: replaces the whole of {} and with it the earlier --set {}: expected the "
          "section first",
          Clipped(text), Clipped(path), Clipped(settings[static_cast<std::size_t>(inside - paths.begin())])));
    }
    document->Set(path, text.substr(equals + 1), "--set " + text);
    document->NoteChange(asked, text.substr(equals + 1));
    paths.push_back(path);
  }
}

std::vector<std::string> ChangedSubjects(const Document& document) {
  constexpr std::size_t kMostOfValue = 60;
  std::vector<std::pair<std::string, std::string>> changed;
  for (const auto& [path, value] : document.changes()) {
    if (path == "name" || path == "seed" || path == "calibration") continue;
    std::erase_if(changed, [&](const auto& earlier) { return earlier.first == path; });
    changed.emplace_back(path, value);
  }
  std::vector<std::string> texts;
  for (const auto& [path, value] : changed) texts.push_back(path + " " + Clipped(value, kMostOfValue));
  return texts;
}

bool NamesItself(const Document& document) {
  const auto& all = document.changes();
  return ChangedSubjects(document).empty() ||
         std::any_of(all.begin(), all.end(), [](const Document::Change& c) { return c.path == "name"; });
}

std::string WorkloadKind(const Document& document) {
  return document.root().At("workload").At("kind").AsString();
}

}  // namespace orrery::scenarios
