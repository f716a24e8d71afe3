// What a trace says: where the time went, what ran beside what, how the phases a user annotated follow each
// other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "profiler/measurement/classify.h"
#include "profiler/trace/trace.h"

namespace orrery::profiler {

/// All launches of kernels of one name.
struct KernelTotal {
  NameId name = 0;
  KernelClass klass;
  std::int64_t count = 0, total_ns = 0, min_ns = 0, median_ns = 0, max_ns = 0;
};

struct GroupTotal {
  KernelGroup group{};
  std::int64_t count = 0, total_ns = 0;
};

/// GEMMs or attention kernels that multiply one type of number.
struct TypeTotal {
  KernelGroup group{};
  ElementType type{};
  std::int64_t count = 0, total_ns = 0;
};

/// A stream is called a communication stream if communication kernels make most of its time; nothing else is
/// decided by that.
struct StreamTotal {
  std::int32_t device = 0;
  std::uint64_t stream = 0;
  bool communication = false;
  std::int64_t events = 0, busy_ns = 0;
  // Idle stretches between neighbours, those up to kLaunchGapLimitNs: what launching costs.
  std::int64_t gaps = 0, gap_median_ns = 0, gap_total_ns = 0;
};
inline constexpr std::int64_t kLaunchGapLimitNs = 50'000;

/// Communication kernels against the union of compute work, whatever the streams of either.
struct OverlapTotal {
  std::int64_t busy_ns = 0, overlapped_ns = 0;
  std::int64_t exposed_ns() const { return busy_ns - overlapped_ns; }
};

/// One user annotation that comes again and again, e.g. "attn(F)" or "decode #1", "decode #2"; one entry per
/// occurrence, in order of time. What annotations inside it launched is its own too.
struct Phase {
  std::string name;
  bool communication = false;            ///< most of its GPU time is communication
  bool outer = false;                    ///< others are inside
  std::vector<std::int64_t> start_ns;    ///< of its first event
  std::vector<std::int64_t> work_ns;     ///< in which its compute work ran
  std::vector<std::int64_t> span_ns;     ///< from the first to the last event on compute streams
  std::vector<std::int64_t> payload_ns;  ///< communication kernels that move data
  std::vector<std::int64_t> sync_ns;     ///< those that wait for peers
};

/// The steps a program marked ("ProfilerStep#12" of torch.profiler): occurrences of one step, with all that
/// was launched in its time on any thread.
struct Steps {
  std::string name;
  std::vector<std::int64_t> start_ns;    ///< of the annotation
  std::vector<std::int64_t> work_ns;     ///< in which any of its GPU work ran
  std::vector<std::int64_t> compute_ns;  ///< in which its compute work ran
  std::vector<std::int64_t> communication_ns;
  std::int64_t outside = 0;  ///< GPU events launched in no step, or by a call that is not in the trace

  /// From start to start; of fewer than two steps there is none.
  std::vector<std::int64_t> PeriodsNs() const;
};

struct TraceSummary {
  std::int64_t wall_ns = 0;  ///< first to last GPU event
  std::int64_t kernels = 0, copies = 0, memsets = 0;
  /// In which compute work ran: all that is neither communication nor a copy to or from the host.
  std::int64_t compute_busy_ns = 0;
  std::int64_t idle_ns = 0;                              ///< of the wall time, in which nothing ran
  std::int64_t short_kernels = 0, short_kernels_ns = 0;  ///< under 10 us, of compute work
  std::int64_t repeated_events = 0;  ///< equal in name, GPU, stream, start and duration to an earlier one
  OverlapTotal payload, sync;
  std::vector<StreamTotal> streams;  ///< by device and stream
  std::vector<GroupTotal> groups;    ///< most time first
  std::vector<TypeTotal> types;      ///< of GEMMs and attention, most time first
  std::vector<KernelTotal> kernels_by_time;
  std::vector<Phase> phases;  ///< in order of first start; annotations that hold GPU work
  std::optional<Steps> steps;
  /// Times every phase without others inside occurs, if it is the same for all and more than 1: the layers of
  /// the trace.
  std::optional<int> layers;
  std::string layer_phase;                    ///< the first compute phase of a layer
  std::vector<std::int64_t> layer_period_ns;  ///< start to start of it; the last to the end
};

/// The middle value, or the mean of the two in the middle; 0 of none.
std::int64_t MedianNs(std::vector<std::int64_t> values);

/// Per event, the class of its name (computed once per name).
std::vector<KernelClass> ClassifyAll(const Trace& trace);
TraceSummary Summarise(const Trace& trace, const Attribution& attribution);

}  // namespace orrery::profiler
