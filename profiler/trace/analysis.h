// What a trace says: where the time went, what ran beside what, how the phases a user annotated follow each
// other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "profiler/classify.h"
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
  std::int64_t on_compute_ns = 0;  ///< of it, on compute streams
};

/// A stream is a communication stream if communication kernels make most of its time.
struct StreamTotal {
  std::int32_t device = 0, stream = 0;
  bool communication = false;
  std::int64_t events = 0, busy_ns = 0;
  // Idle stretches between neighbours, those up to kLaunchGapLimitNs: what launching costs.
  std::int64_t gaps = 0, gap_median_ns = 0, gap_total_ns = 0;
};
inline constexpr std::int64_t kLaunchGapLimitNs = 50'000;

/// Communication kernels against the union of what the compute streams do.
struct OverlapTotal {
  std::int64_t busy_ns = 0, overlapped_ns = 0;
  std::int64_t exposed_ns() const { return busy_ns - overlapped_ns; }
};

/// One user annotation that comes again and again, e.g. "attn(F)"; one entry per occurrence, in order of
/// time.
struct Phase {
  std::string name;
  bool communication = false;            ///< most of its GPU time is on communication streams
  std::vector<std::int64_t> start_ns;    ///< of its first event
  std::vector<std::int64_t> block_ns;    ///< from the first to the last event on compute streams
  std::vector<std::int64_t> payload_ns;  ///< communication kernels that move data
  std::vector<std::int64_t> sync_ns;     ///< those that wait for peers
};

struct TraceSummary {
  std::int64_t wall_ns = 0;  ///< first to last GPU event
  std::int64_t kernels = 0, copies = 0, memsets = 0;
  std::int64_t compute_busy_ns = 0;
  std::int64_t short_kernels = 0, short_kernels_ns = 0;  ///< under 10 us, on compute streams
  OverlapTotal payload, sync;
  std::vector<StreamTotal> streams;  ///< by device and stream
  std::vector<GroupTotal> groups;    ///< most time first
  std::vector<KernelTotal> kernels_by_time;
  std::vector<Phase> phases;  ///< in order of first start; leaf annotations that hold GPU work
  /// Times every phase occurs, if it is the same for all and more than 1: the layers of the trace.
  std::optional<int> layers;
  std::vector<std::int64_t>
      layer_period_ns;  ///< start to start of the first compute phase; the last to the end
};

/// Per event, the class of its name (computed once per name).
std::vector<KernelClass> ClassifyAll(const Trace& trace);
TraceSummary Summarise(const Trace& trace, const Attribution& attribution);

}  // namespace orrery::profiler
