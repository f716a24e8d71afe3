#include "scenarios/schema/kinds.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "core/config/yaml_edit.h"
#include "scenarios/schema/calibration_field.h"
#include "scenarios/schema/schema_version.h"

namespace orrery::scenarios {
namespace {

constexpr int kAttention = 1, kServing = 2;  // of AnyScenario

/// "whole number, 1 to 64 ranks".
std::string Describe(const FieldType& type) {
  const std::string text = TypeText(type);
  const bool named = type.kind == FieldType::Kind::kQuantity;  // its words have the unit already
  return type.unit.empty() || named ? text : text + " " + type.unit;
}

std::string DefaultOf(const FieldInfo& info) { return info.required ? "required" : info.default_text; }

std::string KindWords(const ScenarioKind& kind) { return fmt::format("{} ({})", kind.name, kind.what); }

/// A cell of a Markdown table.
std::string Cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  return text;
}

/// The files that a scenario of any kind may name.
class NamedFiles {
 public:
  void Add(const std::string& path) {
    if (IsFile(path)) files_.push_back(std::filesystem::absolute(path).string());
  }
  void Add(const hw::CalibrationChoice& calibration) {
    Add(calibration.name);
    for (const std::string& name : calibration.further) Add(name);
  }
  void AddOf(const AttentionScenario& s) {
    for (const models::ModelSpec& model : s.models) Add(model.source);
    Add(s.calibration);
  }
  template <class S>
  void AddOf(const S& s) {
    Add(s.model.source);
    Add(s.routing.loads);
    Add(s.calibration);
  }
  std::vector<std::string> Take() { return std::move(files_); }

 private:
  std::vector<std::string> files_;
};

class Template {
 public:
  explicit Template(std::string text) : text_(std::move(text)) {}

  void Add(const std::vector<FieldInfo>& fields, const Written& values, int indent) {
    for (const FieldInfo& field : fields) {
      const Written* value = values.Find(field.key);
      if (value == nullptr) {
        AddAbsent(field, indent);
      } else if (value->kind == Written::Kind::kMap && !field.type.fields.empty()) {
        Line(indent, field.key + ":", field.help);
        Add(field.type.fields, *value, indent + 2);
      } else {
        Line(indent, OneLine(field.key, *value), fmt::format("{}; {}", field.help, Describe(field.type)));
      }
    }
  }
  const std::string& text() const { return text_; }

 private:
  /// As YamlText writes it.
  static std::string OneLine(const std::string& key, const Written& value) {
    Written map = Written::Map();
    map.Add(key, value);
    std::string line = YamlText(map);
    line.pop_back();
    return line;
  }

  void Line(int indent, const std::string& yaml, const std::string& comment) {
    constexpr std::size_t kColumn = 44;
    std::string line = std::string(static_cast<std::size_t>(indent), ' ') + yaml;
    line.resize(std::max(line.size() + 2, kColumn), ' ');
    text_ += line + "# " + comment + "\n";
  }

  void AddAbsent(const FieldInfo& field, int indent) {
    const std::string value = field.default_text.empty() ? "..." : field.default_text;
    Line(indent, fmt::format("# {}: {}", field.key, value),
         fmt::format("{}; {}", field.help, Describe(field.type)));
  }

  std::string text_;
};

}  // namespace

const std::vector<ScenarioKind>& ScenarioKinds() {
  static const std::vector<ScenarioKind> kinds = {
      {"pretraining", "a training step on every GPU of a cluster, and the run it belongs to",
       TrainingFields().Infos(), "deepseek-v3-pretraining"},
      {"attention", "attention designs compared by cache, compute and time", AttentionFields().Infos(),
       "attention-designs"},
      {"serving", "steps of prefill and decode units, every GPU with its own requests",
       ServingFields().Infos(), "decode-as-profiled"}};
  return kinds;
}

AnyScenario ReadScenario(const Document& document, const std::string& file) {
  std::vector<std::string> names;
  for (const ScenarioKind& kind : ScenarioKinds()) names.push_back(kind.name);
  const std::size_t kind = document.root().At("workload").At("kind").AsChoice(names);
  if (kind == kAttention) return ReadAttentionScenario(document);
  if (kind == kServing) return ReadServingScenario(document, file);
  return ReadTrainingScenario(document, file);
}

Written WriteScenario(const AnyScenario& scenario) {
  return std::visit([](const auto& s) { return WriteScenario(s); }, scenario);
}

std::vector<std::string> FilesOf(const AnyScenario& scenario) {
  NamedFiles files;
  std::visit([&files](const auto& s) { files.AddOf(s); }, scenario);
  return files.Take();
}

std::string HashOf(const AnyScenario& scenario) {
  if (const auto* training = std::get_if<Scenario>(&scenario)) return training->hash;
  if (const auto* serving = std::get_if<ServingScenario>(&scenario)) return serving->hash;
  return HashHex(YamlText(WriteScenario(scenario)));
}

std::string KeysText(std::string_view prefix) {
  std::string text;
  for (const ScenarioKind& kind : ScenarioKinds()) {
    const std::vector<KeyLine> lines = KeyLines(kind.fields, prefix);
    if (lines.empty()) continue;
    text += fmt::format("{}Keys of a scenario of kind {}\n", text.empty() ? "" : "\n", KindWords(kind));
    for (const KeyLine& line : lines) {
      const std::string value = DefaultOf(line.info);
      const std::string when =
          line.info.only_for.empty() ? "" : fmt::format(" (only for {})", line.info.only_for);
      fmt::format_to(std::back_inserter(text), "  {:<40} {}{}\n{:45}{}{}\n", line.path, line.info.help, when,
                     "", Describe(line.info.type),
                     value.empty() ? "" : fmt::format("; {}{}", line.info.required ? "" : "default ", value));
    }
  }
  if (!text.empty()) return text;
  std::vector<std::string> known;
  for (const ScenarioKind& kind : ScenarioKinds())
    for (const KeyLine& line : KeyLines(kind.fields)) known.push_back(line.path);
  throw InputError(
      fmt::format("no key of a scenario begins with '{}'{}", prefix, DidYouMean(std::string(prefix), known)));
}

std::string KeysMarkdown() {
  std::string text =
      "# Scenario files\n\n"
      "A scenario is one question in one YAML file. This page lists every key; `orrery help keys [PREFIX]` "
      "prints the "
      "same.\n`orrery new KIND` writes a commented scenario to start from, `orrery migrate FILE` rewrites "
      "one that "
      "uses keys of\nearlier versions (they go on being read). `--set key.path=value` changes a key for one "
      "run; "
      "inside a model,\ncluster or device that is only named it changes that thing: `--set "
      "cluster.device.memory='94 GB'`, and `--set key.path=null` takes a key away.\n\n"
      "A key that is there has a value: one without is refused and takes no default. Whole numbers may have "
      "their unit "
      "behind them\n(`4096`, `4096 tokens`). Of a length in tokens `4k` is 4096 and `1M` 1048576; of an "
      "amount of text "
      "`500B` and `14.8T` are\n500 x 10^9 and 14.8 x 10^12. Other quantities need their unit (`80 GB`, `2 "
      "us`).\n";
  for (const ScenarioKind& kind : ScenarioKinds()) {
    fmt::format_to(std::back_inserter(text),
                   "\n## `workload.kind: {}`\n\n{}{}. Example: `scenarios/{}.yaml`.\n\n"
                   "| key | value | default | meaning |\n|---|---|---|---|\n",
                   kind.name, static_cast<char>(std::toupper(static_cast<unsigned char>(kind.what[0]))),
                   kind.what.substr(1), kind.example);
    for (const KeyLine& line : KeyLines(kind.fields)) {
      const std::string when =
          line.info.only_for.empty() ? "" : fmt::format(" (only for {})", line.info.only_for);
      fmt::format_to(std::back_inserter(text), "| `{}` | {} | {} | {}{} |\n", line.path,
                     Cell(Describe(line.info.type)), Cell(DefaultOf(line.info)), Cell(line.info.help), when);
    }
  }
  return text;
}

std::string NewScenario(const std::string& kind) {
  std::vector<std::string> names;
  for (const ScenarioKind& known : ScenarioKinds()) {
    names.push_back(known.name);
    if (known.name != kind) continue;
    const AnyScenario example = ReadScenario(LoadScenarioDocument(known.example, {}), known.example);
    Template scenario(
        fmt::format("# A scenario of kind {}.\n# Lines in comments are keys that may be given, with what "
                    "holds where they are not.\n",
                    KindWords(known)));
    scenario.Add(known.fields, WriteScenario(example), 0);
    return scenario.text();
  }
  throw InputError(fmt::format("'{}': unknown kind of scenario; expected one of: {}{}", kind,
                               fmt::join(names, ", "), DidYouMean(kind, names)));
}

Migrated Migrate(const std::string& text, const std::string& name) {
  Document document = Document::Parse(text, name);
  UseCurrentKeys(&document);
  Migrated out{text, document.renamed(), true};
  for (const auto& [from, to] : out.renamed) {
    const std::optional<std::string> edited = WithKeyRenamed(out.text, from, to);
    if (edited) out.text = *edited;
  }
  ReadScenario(document, name);  // refuses what would not run
  if (Document::Parse(out.text, name).Canonical() == document.Canonical()) return out;
  out.comments_kept = false;
  out.text = YamlText(WriteScenario(ReadScenario(document, name)));
  return out;
}

}  // namespace orrery::scenarios
