#include "hw/device.h"

#include <algorithm>
#include <filesystem>

#include "core/resources.h"

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
BytesPerSecond ReadAchieved(const Value* value, BytesPerSecond nominal) {
  if (value == nullptr) return nominal;
  if (!value->is_scalar()) return {ReadShare(*value, &Value::AsRate) * nominal.value};
  if (value->AsRate() > nominal) throw value->Error("expected no more than scale_up, the nominal rate");
  return value->AsRate();
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

/// Reads what the file says of how kernels run on the device, beyond its data sheet.
void ReadKernelFigures(const Value& value, Device* d) {
  const Value *feed = value.Find("operand_feed"), *floors = value.Find("floors");
  if (feed != nullptr) d->operand_feed = feed->AsRate();
  if (floors != nullptr) d->floors = ReadFloors(*floors);
  if (const Value* reached = value.Find("mla_decode")) d->mla_decode = ReadReached(*reached);
  TakeFromReference(feed != nullptr, floors != nullptr, d);
}

template <class T>
void Replace(const std::optional<T>& by, T* figure) {
  if (by) *figure = *by;
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
  Device device = ReadDevice(Document::Load(DataFolder() / name / "device.yaml").root());
  device.name = name;
  return device;
}

Device ReadDevice(const Value& value) {
  value.AllowKeys({"name", "source", "sms", "bf16", "fp8", "memory", "memory_rate", "scale_up",
                   "scale_up_achieved", "scale_out", "host", "operand_feed", "mla_decode", "floors", "watts",
                   "dollars_per_hour", "price_source"});
  Device d;
  if (const Value* name = value.Find("name")) d.name = name->AsString();
  d.source = value.At("source").AsString();
  d.sms = ReadSms(value.At("sms"));
  d.bf16 = value.At("bf16").AsFlopsRate();
  if (const Value* fp8 = value.Find("fp8")) d.fp8 = fp8->AsFlopsRate();
  d.memory = value.At("memory").AsBytes();
  d.memory_rate = value.At("memory_rate").AsRate();
  d.scale_up = value.At("scale_up").AsRate();
  d.scale_up_achieved = ReadAchieved(value.Find("scale_up_achieved"), d.scale_up);
  d.scale_out = value.At("scale_out").AsRate();
  d.host = value.At("host").AsRate();
  ReadKernelFigures(value, &d);
  d.watts = value.At("watts").AsDouble(1, 1e5);
  d.dollars_per_hour = value.At("dollars_per_hour").AsDouble(0, 1e5);
  if (const Value* p = value.Find("price_source")) d.price_source = p->AsString();
  return d;
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
