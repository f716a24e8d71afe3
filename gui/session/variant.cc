#include "gui/session/variant.h"

#include <algorithm>
#include <utility>

#include "core/base/file.h"
#include "core/config/key_error.h"
#include "core/config/resources.h"
#include "core/config/written.h"
#include "core/config/yaml_edit.h"
#include "scenarios/schema/calibration_field.h"
#include "scenarios/schema/scenario_file.h"

namespace orrery::gui {
namespace {

constexpr std::size_t kMostText = std::size_t{16} << 20;

const Written* FindWritten(const Written& root, std::string_view key) {
  const Written* at = &root;
  while (at != nullptr && !key.empty()) {
    const std::size_t end = std::min(key.find('.'), key.size());
    at = at->kind == Written::Kind::kMap ? at->Find(key.substr(0, end)) : nullptr;
    key.remove_prefix(std::min(end + 1, key.size()));
  }
  return at;
}

std::string DefaultOf(const std::vector<FieldInfo>& fields, std::string_view key) {
  for (const KeyLine& line : KeyLines(fields, key))
    if (line.path == key) return line.info.default_text;
  return "";
}

/// A path as an error and a scenario beside it read it.
std::string Absolute(const std::string& file) {
  return file.empty() ? file : std::filesystem::absolute(file).lexically_normal().string();
}

std::string OneLine(const Written& value) {
  if (value.kind == Written::Kind::kScalar) return value.text;
  std::string text;
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    const std::string key = value.kind == Written::Kind::kMap ? value.keys[i] + ": " : "";
    text += (i > 0 ? ", " : "") + key + OneLine(value.items[i]);
  }
  return value.kind == Written::Kind::kList ? "[" + text + "]" : "{" + text + "}";
}

void AddChanges(const std::string& key, const Written* from, const Written* to,
                std::vector<KeyChange>* changes) {
  if (from != nullptr && to != nullptr && *from == *to) return;
  const auto is_map = [](const Written* w) { return w != nullptr && w->kind == Written::Kind::kMap; };
  if (!is_map(from) || !is_map(to)) {
    const auto text = [](const Written* w) { return w == nullptr ? "" : OneLine(*w); };
    changes->push_back({key, text(from), text(to)});
    return;
  }
  const auto inside = [&key](const std::string& name) { return key.empty() ? name : key + "." + name; };
  for (std::size_t i = 0; i < from->keys.size(); ++i)
    AddChanges(inside(from->keys[i]), &from->items[i], to->Find(from->keys[i]), changes);
  for (std::size_t i = 0; i < to->keys.size(); ++i)
    if (from->Find(to->keys[i]) == nullptr) AddChanges(inside(to->keys[i]), nullptr, &to->items[i], changes);
}

}  // namespace

Plan::Plan(Document document, std::string text, std::string file)
    : document_(std::move(document)),
      text_(std::move(text)),
      file_(std::move(file)),
      scenario_(scenarios::ReadScenario(document_, file_)),
      written_(scenarios::WriteScenario(scenario_)) {
  name_ = std::visit([](const auto& s) { return s.name; }, scenario_);
  files_ = scenarios::FilesOf(scenario_);
  hash_ = scenarios::HashOf(scenario_);
}

std::shared_ptr<const Plan> Plan::Make(Document document, std::string text, std::string file) {
  return std::shared_ptr<const Plan>(new Plan(std::move(document), std::move(text), std::move(file)));
}

std::shared_ptr<const Plan> Plan::Load(const std::string& file_or_name,
                                       const std::vector<std::string>& overrides) {
  std::string file = file_or_name;
  const std::vector<std::string> shipped = scenarios::ScenarioNames();
  if (!scenarios::IsFile(file) && std::find(shipped.begin(), shipped.end(), file) != shipped.end())
    file = (ResourceRoot() / "scenarios" / (file + ".yaml")).string();
  if (scenarios::IsFile(file)) file = Absolute(file);
  Document document = scenarios::LoadScenarioDocument(file, overrides);
  return Make(std::move(document), ReadTextFile(file, kMostText), file);
}

std::shared_ptr<const Plan> Plan::Parse(std::string text, const std::string& beside,
                                        const std::string& file) {
  Document document = Document::Parse(text, Absolute(beside));
  return Make(std::move(document), std::move(text), Absolute(file));
}

std::shared_ptr<const Plan> Plan::With(const std::vector<std::string>& overrides) const {
  Document document = document_;
  scenarios::ApplyOverrides(overrides, &document);
  return Make(std::move(document), text_, file_);
}

std::string Plan::ValueOf(std::string_view key) const {
  const Written* value = FindWritten(written_, key);
  if (value != nullptr) return value->kind == Written::Kind::kScalar ? value->text : "";
  // A preset's name stands for the whole; what is changed in it stands under `preset`.
  return DefaultOf(scenarios::ScenarioKinds()[scenario_.index()].fields, key);
}

std::string Plan::TextFor(const std::filesystem::path& folder) const {
  const bool moved = !files_.empty() && folder != std::filesystem::path(file_).parent_path();
  const std::optional<std::string> kept =
      moved || text_.empty() ? std::nullopt : WithValuesOf(text_, document_);
  return kept.value_or(YamlText(written_));
}

std::vector<KeyChange> ChangesBetween(const Plan& from, const Plan& to) {
  std::vector<KeyChange> changes;
  AddChanges("", &from.written(), &to.written(), &changes);
  std::erase_if(changes, [](const KeyChange& change) { return change.key == "name"; });
  return changes;
}

}  // namespace orrery::gui
