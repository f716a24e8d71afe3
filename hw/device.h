// One accelerator: the numbers of its data sheet. hw/data/<device>/device.yaml
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/units.h"
#include "core/config/document.h"
#include "core/config/fields.h"

namespace orrery::hw {

/// The device whose kernels and exchanges are measured in most detail. What a sheet below does not say of
/// another device (operand feed, floors) is taken from this one's.
inline constexpr const char* kReferenceDevice = "h800-sxm";

/// What the fastest known kernel of a kind reaches of the data sheet, as shares of it.
struct ReachedShare {
  double bf16 = 1, memory_rate = 1;
  std::string source = {};
  bool operator==(const ReachedShare&) const = default;
};

/// Seconds that a kernel takes however small it is: prologue, one wave, drain. Without the launch gap.
struct KernelFloors {
  double gemm = 0;     ///< also of whatever computes and has no floor of its own
  double grouped = 0;  ///< GEMMs of many experts, rows in one buffer or masked
  double prompts = 0;  ///< attention over whole prompts
  double decode = 0;   ///< decode attention, merge of the split parts included
  double memory_bound = 0;
  std::string source = {};
  bool operator==(const KernelFloors&) const = default;
};

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
  BytesPerSecond host{};          ///< PCIe, one direction
  BytesPerSecond operand_feed{};  ///< what one SM gets from the L2 cache
  ReachedShare mla_decode;        ///< of absorbed MLA decode; 1 where no kernel is known
  KernelFloors floors;
  double watts = 0;
  double dollars_per_hour = 0;  ///< rental price used for costs
  std::string price_source;
  std::string changes = {};  ///< what was said over the preset: "sms 114, dollars_per_hour 3"; or ""

  bool operator==(const Device&) const = default;
  /// For headings: the name and the changes.
  std::string Title() const { return changes.empty() ? name : name + " with " + changes; }
};

/// Figures of a device's sheet as they were when something was measured on it (`measured_on:` of a table). If
/// the sheet is changed afterwards, what was measured is scaled from these.
struct MeasuredOn {
  std::optional<int> sms;
  std::optional<FlopsPerSecond> bf16, fp8;
  std::optional<BytesPerSecond> memory_rate, scale_up, scale_out, host;

  /// `device` with these figures.
  Device Apply(Device device) const;
};
MeasuredOn ReadMeasuredOn(const Value& value);

/// Whether kernels are priced alike on both: SMs, peaks, memory and host rates.
bool SameKernelSheet(const Device& a, const Device& b);
/// Whether exchanges are: scale-up and scale-out rates.
bool SameLinks(const Device& a, const Device& b);

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

/// The keys of a data sheet.
const Fields<Device>& DeviceFields();
/// The device as ReadDevice takes it: a preset's name, {preset: NAME, override: {...}} where that reads back
/// to it, else a data sheet.
Written WriteDevice(const Device& device);
Codec<Device> DeviceCodec();

/// A data sheet in a file of its own, or a preset and what differs from it.
Device ReadDeviceFile(const std::filesystem::path& file);

}  // namespace orrery::hw
