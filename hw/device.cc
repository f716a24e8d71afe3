#include "hw/device.h"

#include <algorithm>
#include <filesystem>

#include "core/resources.h"

namespace orrery::hw {
namespace {

std::filesystem::path DataFolder() { return ResourceRoot() / "hw" / "data"; }

/// One line of a data sheet.
struct Figure {
  const char* key;
  bool required;
  void (*read)(const Value& value, Device* device);
};

const std::vector<Figure>& Figures() {
  static const std::vector<Figure> figures = {
      {"source", true, [](const Value& v, Device* d) { d->source = v.AsString(); }},
      {"sms", true, [](const Value& v, Device* d) { d->sms = static_cast<int>(v.AsInt(1, 100000)); }},
      {"bf16", true, [](const Value& v, Device* d) { d->bf16 = v.AsFlopsRate(); }},
      {"fp8", false, [](const Value& v, Device* d) { d->fp8 = v.AsFlopsRate(); }},
      {"memory", true, [](const Value& v, Device* d) { d->memory = v.AsBytes(); }},
      {"memory_rate", true, [](const Value& v, Device* d) { d->memory_rate = v.AsRate(); }},
      {"scale_up", true, [](const Value& v, Device* d) { d->scale_up = v.AsRate(); }},
      {"scale_up_achieved", false, [](const Value& v, Device* d) { d->scale_up_achieved = v.AsRate(); }},
      {"scale_out", true, [](const Value& v, Device* d) { d->scale_out = v.AsRate(); }},
      {"host", true, [](const Value& v, Device* d) { d->host = v.AsRate(); }},
      {"watts", true, [](const Value& v, Device* d) { d->watts = v.AsDouble(1, 1e5); }},
      {"dollars_per_hour", true, [](const Value& v, Device* d) { d->dollars_per_hour = v.AsDouble(0, 1e5); }},
      {"price_source", false, [](const Value& v, Device* d) { d->price_source = v.AsString(); }},
  };
  return figures;
}

bool IsPreset(const std::string& name) {
  const std::vector<std::string> known = DevicePresets();
  return std::find(known.begin(), known.end(), name) != known.end();
}

/// Refuses keys that no data sheet has.
void AllowFigures(const Value& value) {
  std::vector<std::string> keys = {"name"};
  for (const Figure& figure : Figures()) keys.emplace_back(figure.key);
  value.AllowKeys(keys);
}

void CheckAchieved(const Value& value, const Device& d) {
  if (d.scale_up_achieved <= d.scale_up) return;
  const Value* said = value.Find("scale_up_achieved");
  throw(said != nullptr ? *said : value).Error("scale_up_achieved: expected at most scale_up");
}

/// A whole data sheet; `name` is what the device is called if the sheet does not say.
Device ReadSheet(const Value& value, const std::string& name) {
  AllowFigures(value);
  Device d;
  const Value* own_name = value.Find("name");
  d.name = own_name != nullptr ? own_name->AsString() : name;
  for (const Figure& figure : Figures()) {
    const Value* v = figure.required ? &value.At(figure.key) : value.Find(figure.key);
    if (v != nullptr) figure.read(*v, &d);
  }
  if (value.Find("scale_up_achieved") == nullptr) d.scale_up_achieved = d.scale_up;
  CheckAchieved(value, d);
  return d;
}

/// A name of one's own must not be a preset's: tables are found by it.
std::string ReadOwnName(const Value& value) {
  const std::string& name = value.AsString();
  if (!IsPreset(name) && !name.empty()) return name;
  throw value.Error(
      "expected a name that no preset has; a preset with other figures is {preset: NAME, override: "
      "{...}}");
}

/// A data sheet that comes with no preset.
Device ReadOwnSheet(const Value& value, const std::string& name) {
  if (value.Find("source") == nullptr) {
    throw value.Error(
        "missing key 'source'; expected a whole data sheet with the source of its figures, or "
        "{preset: NAME, override: {...}}");
  }
  if (const Value* said = value.Find("name")) ReadOwnName(*said);
  return ReadSheet(value, name);
}

/// `d` with what `changes` says in place of its own.
Device Override(Device d, const Value& changes) {
  AllowFigures(changes);
  const double achieved_share = d.scale_up_achieved.value / d.scale_up.value;
  for (const Figure& figure : Figures()) {
    const Value* v = changes.Find(figure.key);
    if (v == nullptr) continue;
    const Device before = d;
    figure.read(*v, &d);
    const std::string key = figure.key;
    if (d == before || key == "source" || key == "price_source") continue;
    d.changes += (d.changes.empty() ? "" : ", ") + key + (v->is_scalar() ? " " + v->AsString() : "");
  }
  if (changes.Find("scale_up") != nullptr && changes.Find("scale_up_achieved") == nullptr)
    d.scale_up_achieved.value = d.scale_up.value * achieved_share;
  if (changes.Find("dollars_per_hour") != nullptr && changes.Find("price_source") == nullptr)
    d.price_source = "given in the scenario";
  CheckAchieved(changes, d);
  if (const Value* name = changes.Find("name")) {
    d.name = ReadOwnName(*name);
    d.changes.clear();
  }
  return d;
}

}  // namespace

std::vector<std::string> DevicePresets() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(DataFolder(), error)) {
    if (std::filesystem::exists(entry.path() / "device.yaml"))
      names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Device DevicePreset(const std::string& name) {
  const std::vector<std::string> known = DevicePresets();
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    std::string all;
    for (const std::string& k : known) all += (all.empty() ? "" : ", ") + k;
    throw InputError("device '" + name + "': unknown; expected one of: " + all + DidYouMean(name, known));
  }
  Device device = ReadSheet(Document::Load(DataFolder() / name / "device.yaml").root(), name);
  device.name = name;
  return device;
}

Device ReadDevice(const Value& value, const Device* base) {
  if (!value.is_map()) {
    const std::vector<std::string> known = DevicePresets();
    return DevicePreset(known[value.AsChoice(known)]);
  }
  const Value *preset = value.Find("preset"), *file = value.Find("file"), *changes = value.Find("override");
  if (preset == nullptr && file == nullptr && changes == nullptr) return ReadOwnSheet(value, "own device");
  value.AllowKeys({preset == nullptr && file != nullptr ? "file" : "preset", "override"});
  if (preset == nullptr && file == nullptr && base == nullptr)
    throw value.Error("missing key 'preset' or 'file': the device that override changes");
  const Device device = preset != nullptr ? ReadDevice(*preset)
                        : file != nullptr ? ReadDeviceFile(FileBeside(*file))
                                          : *base;
  return changes != nullptr ? Override(device, *changes) : device;
}

Device ReadDeviceFile(const std::filesystem::path& file) {
  const Document document = Document::Load(file);
  const Value& root = document.root();
  if (const Value* other = root.Find("file"))
    throw other->Error("expected a data sheet, or a preset with override, not a further file");
  if (root.Find("preset") != nullptr) return ReadDevice(root);
  const std::string stem = file.stem().string();
  return ReadOwnSheet(root, IsPreset(stem) ? file.filename().string() : stem);
}

}  // namespace orrery::hw
