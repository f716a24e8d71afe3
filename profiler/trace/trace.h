// What ran on the GPUs and who asked for it: the one structure behind both inputs, a PyTorch-profiler
// (Kineto) trace and our own kernel log. Compact, so that a trace of gigabytes fits: names are interned and
// what no analysis reads is dropped while reading.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace orrery::profiler {

using NameId = std::uint32_t;

enum class GpuEventKind : std::uint8_t { kKernel, kMemcpy, kMemset };

/// One kernel, copy or memset. 88 bytes.
struct GpuEvent {
  std::int64_t start_ns = 0, duration_ns = 0;
  std::uint64_t correlation = 0;  ///< 0 if unknown
  std::uint64_t stream = 0;       ///< a small number, or the stream's handle
  std::int64_t bytes = 0;         ///< of a copy or memset
  std::array<std::int32_t, 3> grid{}, block{};
  NameId name = 0;
  std::int32_t device = 0, shared_bytes = 0;
  std::uint16_t registers = 0;
  GpuEventKind kind = GpuEventKind::kKernel;
  std::int64_t end_ns() const { return start_ns + duration_ns; }
  std::int64_t blocks() const { return std::int64_t{1} * grid[0] * grid[1] * grid[2]; }
};

/// The API call that launched GPU work.
struct Launch {
  std::uint64_t correlation = 0;
  std::int64_t thread = 0, start_ns = 0;
};

/// A stretch of a CPU thread: a user's annotation or NVTX range, or an operator with its input shapes.
struct Range {
  std::int64_t thread = 0, start_ns = 0, duration_ns = 0;
  NameId name = 0;
  NameId shapes = 0;  ///< "[[4096, 7168], [7168, 1536]]"; 0 is ""
  std::int64_t end_ns() const { return start_ns + duration_ns; }
};

/// More SMs than any GPU has.
inline constexpr int kMaxSms = 4096;

/// A GPU as the trace describes it; what it does not say is "" or 0.
struct TraceDevice {
  std::int32_t id = 0;  ///< as events name it
  std::string name, compute_capability;
  int sms = 0;
  std::int64_t memory_bytes = 0;
};

struct TraceInfo {
  std::string source;                ///< file
  std::string trace_name;            ///< what the trace calls itself
  std::string program;               ///< name of the executable, where the log has it
  std::vector<TraceDevice> devices;  ///< as listed, also those without events
  TraceDevice device;                ///< of the first event
  bool one_of_several = false;       ///< the file holds events of other GPUs too (SplitByGpu)
  /// Versions, "" where the trace does not say. A Kineto trace gives the CUDA version the driver supports.
  std::string driver, cuda_runtime, cupti;
  std::int64_t epoch_ns = 0;  ///< from 1970 to the time 0 of the events
  int rank = -1, world_size = 0;
  std::uint64_t events_read = 0;
  std::string note;  ///< e.g. that the log was cut off or records were dropped
};

/// Sorted: events by start (ties by reading order), ranges by start and the longer first, so that an inner
/// one comes after the one around it, launches by correlation.
struct Trace {
  TraceInfo info;
  std::vector<std::string> names{""};
  std::vector<GpuEvent> events;
  std::vector<Launch> launches;
  std::vector<Range> annotations;
  std::vector<Range> operators;
  std::vector<double> sm_clocks_mhz;  ///< samples, where the log has them

  const std::string& name(NameId id) const { return names[id]; }
  const std::string& name(const GpuEvent& event) const { return names[event.name]; }
};

/// Fills a Trace while reading.
class TraceBuilder {
 public:
  /// More GPU events than this are refused with advice: about 20 GiB of trace text.
  static constexpr std::size_t kMaxEvents = 50'000'000;

  NameId Intern(std::string_view text);
  Trace& trace() { return trace_; }
  /// Keeps the launches that lead to GPU work, sorts, and hands over.
  Trace Finish();

 private:
  Trace trace_;
  std::unordered_map<std::string, NameId> ids_{{"", 0}};
};

/// A trace for each GPU that has events, in order of id, each with all ranges: what one GPU did says nothing
/// of another's times.
std::vector<Trace> SplitByGpu(Trace trace);
/// Fills info.device for the GPU of the first event. A GPU the trace does not describe has the id alone.
void DescribeDevice(Trace* trace);

/// The call that launched the event; null if the trace has none.
const Launch* FindLaunch(const Trace& trace, const GpuEvent& event);

/// Where each GPU event was launched: the innermost annotation and operator around its API call. On the
/// launching thread if there is one, else (backward passes launch from autograd's thread) on any thread.
struct Attribution {
  std::vector<std::int32_t> annotation;  ///< per event: index into annotations, or -1
  std::vector<std::int32_t> operation;   ///< per event: index into operators, or -1
};
Attribution Attribute(const Trace& trace);
/// Per annotation, the innermost other of the chosen ones around its start on its thread; -1 if none.
std::vector<std::int32_t> EnclosingOnThread(const Trace& trace,
                                            const std::function<bool(const Range&)>& chosen);
/// Per event, the innermost of the chosen annotations around its API call, on the launching thread alone; -1
/// if none.
std::vector<std::int32_t> InnermostOnThread(const Trace& trace,
                                            const std::function<bool(const Range&)>& chosen);

}  // namespace orrery::profiler
