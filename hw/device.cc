#include "hw/device.h"

#include <algorithm>
#include <filesystem>

#include "core/resources.h"

namespace orrery::hw {
namespace {

std::filesystem::path DataFolder() { return ResourceRoot() / "hw" / "data"; }

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
                   "scale_up_achieved", "scale_out", "host", "watts", "dollars_per_hour", "price_source"});
  Device d;
  if (const Value* name = value.Find("name")) d.name = name->AsString();
  d.source = value.At("source").AsString();
  d.sms = static_cast<int>(value.At("sms").AsInt(1, 100000));
  d.bf16 = value.At("bf16").AsFlopsRate();
  if (const Value* fp8 = value.Find("fp8")) d.fp8 = fp8->AsFlopsRate();
  d.memory = value.At("memory").AsBytes();
  d.memory_rate = value.At("memory_rate").AsRate();
  d.scale_up = value.At("scale_up").AsRate();
  const Value* achieved = value.Find("scale_up_achieved");
  d.scale_up_achieved = achieved != nullptr ? achieved->AsRate() : d.scale_up;
  d.scale_out = value.At("scale_out").AsRate();
  d.host = value.At("host").AsRate();
  d.watts = value.At("watts").AsDouble(1, 1e5);
  d.dollars_per_hour = value.At("dollars_per_hour").AsDouble(0, 1e5);
  if (const Value* p = value.Find("price_source")) d.price_source = p->AsString();
  return d;
}

}  // namespace orrery::hw
