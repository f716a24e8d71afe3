// CUPTI activity records, decoded to plain structs from raw bytes: no CUPTI header needed, so decoding is
// tested from hand-made buffers on any machine. Only fields whose offsets are equal in CUPTI 11.8 to 13.0 are
// read; the device half asserts the offsets of profiler/cupti/layout.h against the real header.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace orrery::profiler::cupti {

/// CUpti_ActivityKind of the records Orrery asks for.
enum class ActivityKind : std::uint32_t {
  kMemcpy = 1,
  kMemset = 2,
  kKernel = 3,  ///< serial kernels; same layout as kConcurrentKernel
  kDriver = 4,
  kRuntime = 5,
  kConcurrentKernel = 10,
  kMarker = 12,
  kOverhead = 17,
  kEnvironment = 20,
  kExternalCorrelation = 39,
};

/// Times are nanoseconds of CUPTI's clock. Names point into CUPTI's memory: valid while the record is
/// handled.
struct KernelRecord {
  std::string_view name;
  std::int64_t start_ns = 0, end_ns = 0;
  std::uint32_t device = 0, context = 0, stream = 0, correlation = 0;
  std::array<std::int32_t, 3> grid{}, block{}, cluster{};
  std::int32_t static_shared_bytes = 0, dynamic_shared_bytes = 0;
  std::uint16_t registers = 0;
  std::uint64_t graph_node = 0;
  /// CUPTI leaves both times 0 when it could not collect them.
  bool timed() const { return start_ns != 0 && end_ns >= start_ns; }
};

struct MemcpyRecord {
  std::uint8_t copy_kind = 0;  ///< CUpti_ActivityMemcpyKind
  std::uint64_t bytes = 0;
  std::int64_t start_ns = 0, end_ns = 0;
  std::uint32_t device = 0, stream = 0, correlation = 0;
};
/// "HtoD", "DtoH", "DtoD", "PtoP", ...; "?" if unknown.
std::string_view CopyKindName(std::uint8_t copy_kind);

struct MemsetRecord {
  std::uint64_t bytes = 0;
  std::int64_t start_ns = 0, end_ns = 0;
  std::uint32_t device = 0, stream = 0, correlation = 0;
};

/// One end of an NVTX range, or an instantaneous mark.
struct MarkerRecord {
  enum class Type { kMark, kStart, kEnd };
  Type type = Type::kMark;
  std::uint32_t id = 0;  ///< equal at both ends
  std::int64_t time_ns = 0;
  std::uint32_t process = 0, thread = 0;
  std::string_view name;  ///< empty at the end of a range
};

/// Runtime or driver API call; its correlation id leads from a kernel to the thread that launched it.
struct ApiRecord {
  std::int64_t start_ns = 0, end_ns = 0;
  std::uint32_t process = 0, thread = 0, correlation = 0, function = 0;
};

struct ExternalCorrelationRecord {
  std::uint32_t external_kind = 0;
  std::uint64_t external_id = 0;
  std::uint32_t correlation = 0;
};

struct OverheadRecord {
  std::uint32_t overhead_kind = 0;
  std::int64_t start_ns = 0, end_ns = 0;
};

/// Clocks, temperature or power; fields of the other kinds are absent.
struct EnvironmentRecord {
  std::uint32_t device = 0;
  std::int64_t time_ns = 0;
  std::optional<std::uint32_t> sm_mhz, memory_mhz, throttle_reasons, temperature_c, power_mw, power_limit_mw;
};
/// "none", "software power cap", "hardware slowdown, ..." from CUpti_EnvironmentClocksThrottleReason bits.
std::string ThrottleText(std::uint32_t reasons);

using ActivityRecord = std::variant<KernelRecord, MemcpyRecord, MemsetRecord, MarkerRecord, ApiRecord,
                                    ExternalCorrelationRecord, OverheadRecord, EnvironmentRecord>;

/// Decodes the record at `record`, of which at least `size` bytes can be read; absent if its kind is none of ours or it
/// would not fit.
std::optional<ActivityRecord> DecodeRecord(const std::uint8_t* record, std::size_t size);

}  // namespace orrery::profiler::cupti
