#include "hw/device.h"

#include <algorithm>
#include <filesystem>

#include "core/config/codecs.h"
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

/// The share as it is read: of one unit, since what it was reached and of is not kept.
Written ShareOf(const std::string& share, const std::string& unit) {
  Written map = Written::Map();
  map.Add("reached", Written::Scalar(share + " " + unit));
  map.Add("of", Written::Scalar("1 " + unit));
  return map;
}

/// What transfers get of a link: a rate, or how much was reached of the nominal rate of then, so that the
/// share holds for a link that is changed.
BytesPerSecond ReadAchieved(const Value& value, BytesPerSecond nominal) {
  return value.is_scalar() ? value.AsRate()
                           : BytesPerSecond{ReadShare(value, &Value::AsRate) * nominal.value};
}

ReachedShare ReadReached(const Value& value) {
  value.AllowKeys({"bf16", "memory_rate", "source"});
  return {ReadShare(value.At("bf16"), &Value::AsFlopsRate),
          ReadShare(value.At("memory_rate"), &Value::AsRate), value.At("source").AsString()};
}

Written WriteReached(const ReachedShare& reached) {
  Written map = Written::Map();
  map.Add("bf16", ShareOf(NumberText(reached.bf16), "FLOPS"));
  map.Add("memory_rate", ShareOf(NumberText(reached.memory_rate), "B/s"));
  map.Add("source", Written::Scalar(reached.source));
  return map;
}

KernelFloors ReadFloors(const Value& value) {
  value.AllowKeys({"gemm", "grouped", "prompts", "decode", "memory_bound", "source"});
  const auto seconds = [&](const char* key) { return Seconds(value.At(key).AsTime()); };
  // Where no table of the device has small kernels of a sort, they are taken for GEMMs.
  const auto or_gemm = [&](const char* key) { return seconds(value.Find(key) != nullptr ? key : "gemm"); };
  return {seconds("gemm"),   or_gemm("grouped"),      or_gemm("prompts"),
          seconds("decode"), seconds("memory_bound"), value.At("source").AsString()};
}

Written WriteFloors(const KernelFloors& floors) {
  const auto time = [](double seconds) { return Written::Scalar(TimeText(FromSeconds(seconds))); };
  Written map = Written::Map();
  map.Add("gemm", time(floors.gemm));
  if (floors.grouped != floors.gemm) map.Add("grouped", time(floors.grouped));
  if (floors.prompts != floors.gemm) map.Add("prompts", time(floors.prompts));
  map.Add("decode", time(floors.decode));
  map.Add("memory_bound", time(floors.memory_bound));
  map.Add("source", Written::Scalar(floors.source));
  return map;
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

Codec<Bytes> Memory() {
  Codec<Bytes> c = Size();
  c.read = ReadMemory;
  return c;
}

FieldType MapType(std::string words) { return {FieldType::Kind::kMap, std::move(words), "", {}, {}, {}, {}}; }

/// The figures of a sheet; DeviceFields adds the name.
Fields<Device> DescribeDevice() {
  using D = Device;
  Fields<D> f;
  f.Add("name", &D::name, Text(), "of a device of one's own").DefaultText("own device");
  f.Add("source", &D::source, Text(), "where the figures come from").Required();
  f.Add("sms", &D::sms, Whole<int>(1, 100000), "streaming multiprocessors").Required();
  f.Add("bf16", &D::bf16, FlopsRate(), "dense tensor-core peak").Required();
  f.Add("fp8", &D::fp8, FlopsRate(), "the same in FP8; absent: the device has none");
  f.Add("memory", &D::memory, Memory(), "what a program can allocate").Required();
  f.Add("memory_rate", &D::memory_rate, Rate(), "peak of the memory").Required();
  f.Add("scale_up", &D::scale_up, Rate(), "NVLink or its like, one direction, nominal").Required();
  f.AddWith(
       "scale_up_achieved", MapType("rate, or {reached: RATE, of: RATE}"),
       [](const Value& v, D* d) { d->scale_up_achieved = ReadAchieved(v, d->scale_up); },
       [](const D& d) { return Written::Scalar(RateText(d.scale_up_achieved)); }, "what transfers get of it")
      .DefaultText("scale_up");
  f.Add("scale_out", &D::scale_out, Rate(), "one NIC, one direction, nominal").Required();
  f.Add("host", &D::host, Rate(), "PCIe or its like, one direction").Required();
  f.Add("operand_feed", &D::operand_feed, Rate(), "what one SM gets from the L2 cache")
      .DefaultText("as the reference device's");
  f.AddWith(
       "mla_decode", MapType("{bf16: {reached, of}, memory_rate: {reached, of}, source}"),
       [](const Value& v, D* d) { d->mla_decode = ReadReached(v); },
       [](const D& d) { return WriteReached(d.mla_decode); }, "what the fastest kernel reaches of the sheet")
      .DefaultText("all of it");
  f.AddWith(
       "floors", MapType("{gemm, grouped, prompts, decode, memory_bound, source}"),
       [](const Value& v, D* d) { d->floors = ReadFloors(v); },
       [](const D& d) { return WriteFloors(d.floors); }, "time of a kernel however small it is")
      .DefaultText("the reference device's");
  f.Add("watts", &D::watts, Number(1, 1e5, "W"), "of one device").Required();
  f.Add("dollars_per_hour", &D::dollars_per_hour, Number(0, 1e5, "dollars"), "rent of one device").Required();
  f.Add("price_source", &D::price_source, Text(), "where the rent comes from");
  return f;
}

bool IsPreset(const std::string& name) {
  const std::vector<std::string> known = DevicePresets();
  return std::find(known.begin(), known.end(), name) != known.end();
}

void CheckAchieved(const Value& value, const Device& d) {
  if (d.scale_up_achieved <= d.scale_up) return;
  const Value* said = value.Find("scale_up_achieved");
  throw(said != nullptr ? *said : value).Error("scale_up_achieved: expected at most scale_up");
}

/// A whole data sheet; `name` is what the device is called if the sheet does not say.
Device ReadSheet(const Value& value, const std::string& name) {
  Device d = DeviceFields().Read(value);
  if (d.name.empty()) d.name = name;
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

/// What an override leaves to follow from `base`: the share of a link that transfers get, and whose price it is.
constexpr const char* kGivenPrice = "given in the scenario";
BytesPerSecond AchievedOf(const Device& base, BytesPerSecond scale_up) {
  return {scale_up.value * (base.scale_up_achieved.value / base.scale_up.value)};
}

/// `base` with what `changes` says in place of its own.
Device Override(const Device& base, const Value& changes) {
  Device d = DeviceFields().ReadOver(changes, base);
  const Written changed = DeviceFields().WriteChanged(d, base);
  for (std::size_t i = 0; i < changed.keys.size(); ++i) {
    const std::string& key = changed.keys[i];
    if (key == "source" || key == "price_source" || key == "name") continue;
    d.changes += (d.changes.empty() ? "" : ", ") + key;
    if (changed.items[i].kind == Written::Kind::kScalar) d.changes += " " + changed.items[i].text;
  }
  if (changes.Find("scale_up") != nullptr && changes.Find("scale_up_achieved") == nullptr)
    d.scale_up_achieved = AchievedOf(base, d.scale_up);
  if (changes.Find("dollars_per_hour") != nullptr && changes.Find("price_source") == nullptr)
    d.price_source = kGivenPrice;
  CheckAchieved(changes, d);
  if (const Value* name = changes.Find("name")) {
    d.name = ReadOwnName(*name);
    d.changes.clear();
  }
  return d;
}

/// What an override has to say of `device` over `base`.
Written ChangesOf(const Device& device, const Device& base) {
  const Written all = DeviceFields().WriteChanged(device, base);
  Written said = Written::Map();
  for (std::size_t i = 0; i < all.keys.size(); ++i) {
    const std::string& key = all.keys[i];
    const bool follows =
        (key == "price_source" && device.price_source == kGivenPrice) ||
        (key == "scale_up_achieved" && device.scale_up_achieved == AchievedOf(base, device.scale_up));
    if (!follows) said.Add(key, all.items[i]);
  }
  return said;
}

}  // namespace

const Fields<Device>& DeviceFields() {
  static const Fields<Device> fields = DescribeDevice();
  return fields;
}

Written WriteDevice(const Device& device) {
  if (!IsPreset(device.name)) return DeviceFields().Write(device);
  const Device base = DevicePreset(device.name);
  Written map = Written::Map();
  map.Add("preset", Written::Scalar(device.name));
  map.Add("override", ChangesOf(device, base));
  const auto read = [](const Value& value) { return ReadDevice(value); };
  const std::vector<Written> ways = {Written::Scalar(device.name), std::move(map)};
  return FirstThatReadsBack<Device>(ways, device, read).value_or(ways.back());
}

Codec<Device> DeviceCodec() {
  Codec<Device> c;
  c.type = {FieldType::Kind::kMap,
            "name of a device, {preset: NAME, override: {...}}, {file: FILE}, or a data sheet",
            "",
            {},
            {},
            DevicePresets(),
            DeviceFields().Infos()};
  c.read = [](const Value& value) { return ReadDevice(value); };
  c.write = WriteDevice;
  return c;
}

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
