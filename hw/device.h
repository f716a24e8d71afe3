// One accelerator: the numbers of its data sheet. hw/data/<device>/device.yaml
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/document.h"
#include "core/units.h"

namespace orrery::hw {

struct Device {
  std::string name;  ///< preset name, e.g. "h800-sxm": kernel and exchange tables are found by it
  std::string source;
  int sms = 0;
  FlopsPerSecond bf16{};         ///< dense tensor-core peak
  FlopsPerSecond fp8{};          ///< 0 if the device has no FP8
  Bytes memory{};                ///< what a program can allocate
  BytesPerSecond memory_rate{};  ///< HBM peak
  BytesPerSecond scale_up{};     ///< NVLink (or like), one direction, nominal
  BytesPerSecond scale_up_achieved{};
  BytesPerSecond
      scale_out{};  ///< one NIC's rate; in a Cluster a GPU's share of its node's NICs. One direction, nominal
  BytesPerSecond host{};  ///< PCIe, one direction
  double watts = 0;
  double dollars_per_hour = 0;  ///< rental price used for costs
  std::string price_source;
  std::string changes = {};  ///< what was said over the preset: "sms 114, dollars_per_hour 3"; or ""

  bool operator==(const Device&) const = default;
  /// For headings: the name and the changes.
  std::string Title() const { return changes.empty() ? name : name + " with " + changes; }
};

/// A device of hw/data/; InputError naming the known ones.
Device DevicePreset(const std::string& name);
std::vector<std::string> DevicePresets();

/// A device as a scenario gives it; InputError with its place.
///
///   h100-sxm                                                    a preset
///   {preset: h100-sxm, override: {dollars_per_hour: 3}}         a preset and what differs from it
///   {file: my-gpu.yaml}                                         a data sheet beside the file that says so
///   {source: ..., sms: 142, bf16: 362 TFLOPS, ...}              a data sheet
///
/// `base`, if any, is what {override: {...}} alone changes: the device of a cluster's preset.
Device ReadDevice(const Value& value, const Device* base = nullptr);

/// A data sheet in a file of its own, or a preset and what differs from it.
Device ReadDeviceFile(const std::filesystem::path& file);

}  // namespace orrery::hw
