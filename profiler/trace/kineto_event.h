// One event of a Chrome trace while it is being read, and the rules that turn it into a part of a Trace.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "profiler/trace/trace.h"

namespace orrery::profiler {

/// The GPU of an event that names none.
inline constexpr std::int32_t kNoDevice = -1;

/// The fields of an event that matter; the rest is skipped while parsing.
struct KinetoEvent {
  std::string phase, category, name, shapes;
  std::optional<std::int64_t> start_ns, duration_ns;
  std::string bad_time;   ///< what is wrong with a ts or dur
  std::string bad_place;  ///< what is wrong with a device or stream
  std::int64_t thread = 0, bytes = 0, registers = 0, shared_bytes = 0;
  std::optional<std::uint64_t> stream;
  std::int64_t device = kNoDevice;
  std::uint64_t correlation = 0;
  std::array<std::int64_t, 3> grid{}, block{};
};

/// Gives events that name no GPU that of the others, or the one GPU there is. InputError if there are
/// several.
void ResolveDevices(Trace* trace, const std::string& file);

/// Sorts events into the trace and counts what it saw.
class KinetoEventSink {
 public:
  KinetoEventSink(TraceBuilder& builder, std::string file) : builder_(builder), file_(std::move(file)) {}
  /// InputError naming the event's index and the byte where it ends.
  void Add(const KinetoEvent& event, std::uint64_t index, std::uint64_t byte);
  /// "cpu_op (4387), cuda_runtime (3853)": what the trace is made of.
  std::string Categories() const;

 private:
  void AddGpuEvent(const KinetoEvent& event, GpuEventKind kind);
  Range MakeRange(const KinetoEvent& event);

  TraceBuilder& builder_;
  std::string file_;
  std::map<std::string, std::uint64_t> categories_;
  std::optional<std::int64_t> first_start_ns_;  ///< of the GPU events
};

/// "1740461679479712.125" microseconds to whole nanoseconds, without the rounding of a double; absent if no
/// number.
std::optional<std::int64_t> ParseMicroseconds(const std::string& text);

}  // namespace orrery::profiler
