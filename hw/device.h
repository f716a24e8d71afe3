// One accelerator: the numbers of its data sheet. hw/data/<device>/device.yaml
#pragma once

#include <string>
#include <vector>

#include "core/document.h"
#include "core/units.h"

namespace orrery::hw {

struct Device {
  std::string name;  ///< preset name, e.g. "h800-sxm"
  std::string source;
  int sms = 0;
  FlopsPerSecond bf16{};         ///< dense tensor-core peak
  FlopsPerSecond fp8{};          ///< 0 if the device has no FP8
  Bytes memory{};                ///< what a program can allocate
  BytesPerSecond memory_rate{};  ///< HBM peak
  BytesPerSecond scale_up{};     ///< NVLink (or like), one direction, nominal
  BytesPerSecond scale_up_achieved{};
  BytesPerSecond scale_out{};  ///< NIC per GPU, one direction, nominal
  BytesPerSecond host{};       ///< PCIe, one direction
  double watts = 0;
  double dollars_per_hour = 0;  ///< rental price used for costs
  std::string price_source;
};

/// A device of hw/data/; InputError naming the known ones.
Device DevicePreset(const std::string& name);
Device ReadDevice(const Value& value);
std::vector<std::string> DevicePresets();

}  // namespace orrery::hw
