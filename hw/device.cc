#include "hw/device.h"

#include <algorithm>
#include <filesystem>

#include "core/config/resources.h"

namespace orrery::hw {
namespace {

std::filesystem::path DataFolder() { return ResourceRoot() / "hw" / "data"; }

int ReadSms(const Value& value) { return static_cast<int>(value.AsInt(1, 100000)); }

/// `{reached: 660 TFLOPS, of: 989 TFLOPS}` as a share. Both are said, so that the figure can be found in its
/// source and holds for a sheet that is changed.
template <class Rate>
double ReadShare(const Value& value, Rate (Value::*as_rate)() const) {
  value.AllowKeys({"reached", "of"});
  const double share = (value.At("reached").*as_rate)().value / (value.At("of").*as_rate)().value;
  if (share > 1) throw value.At("reached").Error("expected no more than the data sheet's figure, 'of'");
  return share;
}

/// What transfers get of a link: a rate, or how much was reached of the nominal rate of then, so that the
/// share holds for a link that is changed.
BytesPerSecond ReadAchieved(const Value& value, BytesPerSecond nominal) {
  return value.is_scalar() ? value.AsRate()
                           : BytesPerSecond{ReadShare(value, &Value::AsRate) * nominal.value};
}

ReachedShare ReadReached(const Value& value) {
  value.AllowKeys({"bf16", "memory_rate", "source"});
  value.At("source").AsString();
  return {ReadShare(value.At("bf16"), &Value::AsFlopsRate),
          ReadShare(value.At("memory_rate"), &Value::AsRate)};
}

KernelFloors ReadFloors(const Value& value) {
  value.AllowKeys({"gemm", "decode", "memory_bound", "source"});
  value.At("source").AsString();
  const auto seconds = [&](const char* key) { return Seconds(value.At(key).AsTime()); };
  return {seconds("gemm"), seconds("decode"), seconds("memory_bound")};
}

double BF16PerSm(const Device& d) { return d.bf16.value / d.sms; }

/// What the sheet does not say of its SMs, from the reference device: its floors, and its operand feed, which
/// grows with the tensor cores where they are faster (Blackwell's share operands between two SMs), as a
/// device whose SMs starved would not be built.
void TakeFromReference(bool feed, bool floors, Device* d) {
  if (feed && floors) return;
  const Device reference = DevicePreset(kReferenceDevice);
  if (!feed)
    d->operand_feed = {reference.operand_feed.value * std::max(1.0, BF16PerSm(*d) / BF16PerSm(reference))};
  if (!floors) d->floors = reference.floors;
}

template <class T>
void Replace(const std::optional<T>& by, T* figure) {
  if (by) *figure = *by;
}

Bytes ReadMemory(const Value& value) {
  const Bytes memory = value.AsBytes();
  if (memory.count < 1) throw value.Error("expected more than no memory, e.g. '80 GB'");
  return memory;
}

/// One line of a data sheet.
struct Figure {
  const char* key;
  bool required;
  void (*read)(const Value& value, Device* device);
};

const std::vector<Figure>& Figures() {
  static const std::vector<Figure> figures = {
      {"source", true, [](const Value& v, Device* d) { d->source = v.AsString(); }},
      {"sms", true, [](const Value& v, Device* d) { d->sms = ReadSms(v); }},
      {"bf16", true, [](const Value& v, Device* d) { d->bf16 = v.AsFlopsRate(); }},
      {"fp8", false, [](const Value& v, Device* d) { d->fp8 = v.AsFlopsRate(); }},
      {"memory", true, [](const Value& v, Device* d) { d->memory = ReadMemory(v); }},
      {"memory_rate", true, [](const Value& v, Device* d) { d->memory_rate = v.AsRate(); }},
      {"scale_up", true, [](const Value& v, Device* d) { d->scale_up = v.AsRate(); }},
      {"scale_up_achieved", false,
       [](const Value& v, Device* d) { d->scale_up_achieved = ReadAchieved(v, d->scale_up); }},
      {"scale_out", true, [](const Value& v, Device* d) { d->scale_out = v.AsRate(); }},
      {"host", true, [](const Value& v, Device* d) { d->host = v.AsRate(); }},
      {"operand_feed", false, [](const Value& v, Device* d) { d->operand_feed = v.AsRate(); }},
      {"mla_decode", false, [](const Value& v, Device* d) { d->mla_decode = ReadReached(v); }},
      {"floors", false, [](const Value& v, Device* d) { d->floors = ReadFloors(v); }},
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
  TakeFromReference(value.Find("operand_feed") != nullptr, value.Find("floors") != nullptr, &d);
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

Device MeasuredOn::Apply(Device device) const {
  Replace(sms, &device.sms);
  Replace(bf16, &device.bf16);
  Replace(fp8, &device.fp8);
  Replace(memory_rate, &device.memory_rate);
  Replace(scale_up, &device.scale_up);
  Replace(scale_out, &device.scale_out);
  Replace(host, &device.host);
  return device;
}

MeasuredOn ReadMeasuredOn(const Value& value) {
  value.AllowKeys({"sms", "bf16", "fp8", "memory_rate", "scale_up", "scale_out", "host"});
  MeasuredOn on;
  if (const Value* v = value.Find("sms")) on.sms = ReadSms(*v);
  if (const Value* v = value.Find("bf16")) on.bf16 = v->AsFlopsRate();
  if (const Value* v = value.Find("fp8")) on.fp8 = v->AsFlopsRate();
  if (const Value* v = value.Find("memory_rate")) on.memory_rate = v->AsRate();
  if (const Value* v = value.Find("scale_up")) on.scale_up = v->AsRate();
  if (const Value* v = value.Find("scale_out")) on.scale_out = v->AsRate();
  if (const Value* v = value.Find("host")) on.host = v->AsRate();
  return on;
}

bool SameKernelSheet(const Device& a, const Device& b) {
  return a.sms == b.sms && a.bf16 == b.bf16 && a.fp8 == b.fp8 && a.memory_rate == b.memory_rate &&
         a.host == b.host;
}

bool SameLinks(const Device& a, const Device& b) {
  return a.scale_up == b.scale_up && a.scale_out == b.scale_out;
}

}  // namespace orrery::hw
