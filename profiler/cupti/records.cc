#include "profiler/cupti/records.h"

#include <cstring>

#include "profiler/cupti/layout.h"

namespace orrery::profiler::cupti {
namespace {

/// Unaligned read: buffers are only promised to be 8-byte aligned as a whole.
template <typename T>
T Get(const std::uint8_t* record, std::size_t offset) {
  T value;
  std::memcpy(&value, record + offset, sizeof value);
  return value;
}

std::int64_t Nanoseconds(const std::uint8_t* record, std::size_t offset) {
  return static_cast<std::int64_t>(Get<std::uint64_t>(record, offset));
}

std::string_view Text(const std::uint8_t* record, std::size_t offset) {
  const auto* text = Get<const char*>(record, offset);
  return text == nullptr ? std::string_view{} : std::string_view{text};
}

using Triple = std::array<std::int32_t, 3>;

KernelRecord DecodeKernel(const std::uint8_t* r, std::size_t size) {
  namespace at = layout::kernel;
  KernelRecord k;
  k.name = Text(r, at::kName);
  k.start_ns = Nanoseconds(r, at::kStart);
  k.end_ns = Nanoseconds(r, at::kEnd);
  k.device = Get<std::uint32_t>(r, at::kDevice);
  k.context = Get<std::uint32_t>(r, at::kContext);
  k.stream = Get<std::uint32_t>(r, at::kStream);
  k.correlation = Get<std::uint32_t>(r, at::kCorrelation);
  k.grid = Get<Triple>(r, at::kGrid);
  k.block = Get<Triple>(r, at::kBlock);
  if (size >= at::kSizeWithCluster) k.cluster = Get<Triple>(r, at::kCluster);
  k.static_shared_bytes = Get<std::int32_t>(r, at::kStaticShared);
  k.dynamic_shared_bytes = Get<std::int32_t>(r, at::kDynamicShared);
  k.registers = Get<std::uint16_t>(r, at::kRegisters);
  k.graph_node = Get<std::uint64_t>(r, at::kGraphNode);
  return k;
}

MemcpyRecord DecodeMemcpy(const std::uint8_t* r) {
  namespace at = layout::memcpy_record;
  return {Get<std::uint8_t>(r, at::kCopyKind),
          Get<std::uint64_t>(r, at::kBytes),
          Nanoseconds(r, at::kStart),
          Nanoseconds(r, at::kEnd),
          Get<std::uint32_t>(r, at::kDevice),
          Get<std::uint32_t>(r, at::kStream),
          Get<std::uint32_t>(r, at::kCorrelation)};
}

MemsetRecord DecodeMemset(const std::uint8_t* r) {
  namespace at = layout::memset_record;
  return {Get<std::uint64_t>(r, at::kBytes),  Nanoseconds(r, at::kStart),
          Nanoseconds(r, at::kEnd),           Get<std::uint32_t>(r, at::kDevice),
          Get<std::uint32_t>(r, at::kStream), Get<std::uint32_t>(r, at::kCorrelation)};
}

MarkerRecord DecodeMarker(const std::uint8_t* r) {
  namespace at = layout::marker;
  const auto flags = Get<std::uint32_t>(r, at::kFlags);
  const auto type = (flags & at::kFlagStart) ? MarkerRecord::Type::kStart
                    : (flags & at::kFlagEnd) ? MarkerRecord::Type::kEnd
                                             : MarkerRecord::Type::kMark;
  return {type,
          Get<std::uint32_t>(r, at::kId),
          Nanoseconds(r, at::kTime),
          Get<std::uint32_t>(r, at::kProcess),
          Get<std::uint32_t>(r, at::kThread),
          Text(r, at::kName)};
}

ApiRecord DecodeApi(const std::uint8_t* r) {
  namespace at = layout::api;
  return {Nanoseconds(r, at::kStart),
          Nanoseconds(r, at::kEnd),
          Get<std::uint32_t>(r, at::kProcess),
          Get<std::uint32_t>(r, at::kThread),
          Get<std::uint32_t>(r, at::kCorrelation),
          Get<std::uint32_t>(r, at::kFunction)};
}

ExternalCorrelationRecord DecodeExternalCorrelation(const std::uint8_t* r) {
  namespace at = layout::external_correlation;
  return {Get<std::uint32_t>(r, at::kKind), Get<std::uint64_t>(r, at::kExternalId),
          Get<std::uint32_t>(r, at::kCorrelation)};
}

OverheadRecord DecodeOverhead(const std::uint8_t* r) {
  namespace at = layout::overhead;
  return {Get<std::uint32_t>(r, at::kKind), Nanoseconds(r, at::kStart), Nanoseconds(r, at::kEnd)};
}

EnvironmentRecord DecodeEnvironment(const std::uint8_t* r) {
  namespace at = layout::environment;
  EnvironmentRecord e;
  e.device = Get<std::uint32_t>(r, at::kDevice);
  e.time_ns = Nanoseconds(r, at::kTime);
  switch (Get<std::uint32_t>(r, at::kKind)) {
    case at::kKindSpeed:
      e.sm_mhz = Get<std::uint32_t>(r, at::kSmClock);
      e.memory_mhz = Get<std::uint32_t>(r, at::kMemoryClock);
      e.throttle_reasons = Get<std::uint32_t>(r, at::kThrottle);
      break;
    case at::kKindTemperature:
      e.temperature_c = Get<std::uint32_t>(r, at::kTemperature);
      break;
    case at::kKindPower:
      e.power_mw = Get<std::uint32_t>(r, at::kPower);
      e.power_limit_mw = Get<std::uint32_t>(r, at::kPowerLimit);
      break;
    default:
      break;
  }
  return e;
}

/// Decodes if `size` holds at least `needed` bytes.
template <typename Decode>
std::optional<ActivityRecord> IfFits(std::size_t size, std::size_t needed, Decode decode) {
  if (size < needed) return std::nullopt;
  return ActivityRecord{decode()};
}

}  // namespace

std::optional<ActivityRecord> DecodeRecord(const std::uint8_t* r, std::size_t size) {
  if (size < sizeof(std::uint32_t)) return std::nullopt;
  switch (static_cast<ActivityKind>(Get<std::uint32_t>(r, 0))) {
    case ActivityKind::kKernel:
    case ActivityKind::kConcurrentKernel:
      return IfFits(size, layout::kernel::kSize, [&] { return DecodeKernel(r, size); });
    case ActivityKind::kMemcpy:
      return IfFits(size, layout::memcpy_record::kSize, [&] { return DecodeMemcpy(r); });
    case ActivityKind::kMemset:
      return IfFits(size, layout::memset_record::kSize, [&] { return DecodeMemset(r); });
    case ActivityKind::kMarker:
      return IfFits(size, layout::marker::kSize, [&] { return DecodeMarker(r); });
    case ActivityKind::kDriver:
    case ActivityKind::kRuntime:
      return IfFits(size, layout::api::kSize, [&] { return DecodeApi(r); });
    case ActivityKind::kExternalCorrelation:
      return IfFits(size, layout::external_correlation::kSize, [&] { return DecodeExternalCorrelation(r); });
    case ActivityKind::kOverhead:
      return IfFits(size, layout::overhead::kSize, [&] { return DecodeOverhead(r); });
    case ActivityKind::kEnvironment:
      return IfFits(size, layout::environment::kSize, [&] { return DecodeEnvironment(r); });
  }
  return std::nullopt;
}

std::string_view CopyKindName(std::uint8_t copy_kind) {
  constexpr std::array<std::string_view, 11> kNames = {"?",    "HtoD", "DtoH", "HtoA", "AtoH", "AtoA",
                                                       "AtoD", "DtoA", "DtoD", "HtoH", "PtoP"};
  return copy_kind < kNames.size() ? kNames[copy_kind] : "?";
}

std::string ThrottleText(std::uint32_t reasons) {
  struct Reason {
    std::uint32_t bit;
    const char* text;
  };
  constexpr Reason kReasons[] = {{0x1, "idle"},
                                 {0x2, "clocks set by the user"},
                                 {0x4, "software power cap"},
                                 {0x8, "hardware slowdown"},
                                 // these four of NVML alone (nvml.h, nvmlClocksEventReason*)
                                 {0x10, "sync boost"},
                                 {0x20, "software thermal slowdown"},
                                 {0x40, "hardware thermal slowdown"},
                                 {0x80, "hardware power brake"},
                                 {0x80000000, "unknown"},
                                 {0x40000000, "not reported"}};
  std::string text;
  for (const Reason& reason : kReasons) {
    if ((reasons & reason.bit) != 0) text += (text.empty() ? "" : ", ") + std::string(reason.text);
  }
  return text.empty() ? "none" : text;
}

}  // namespace orrery::profiler::cupti
