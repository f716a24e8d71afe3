// Two traces side by side, kernel by kernel. No verdict: one recording each says nothing of how much the
// times of a kernel differ from run to run (profiler/compare does, of measurements).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profiler/trace/trace_report.h"

namespace orrery::profiler {

/// Launches and time of all kernels of one name, or of one class, in both.
struct TraceChange {
  std::string name;
  KernelClass klass;
  std::int64_t base_count = 0, base_ns = 0, new_count = 0, new_ns = 0;
  std::int64_t change_ns() const { return new_ns - base_ns; }
};

struct TraceComparison {
  std::string base_name, new_name;
  std::int64_t base_wall_ns = 0, new_wall_ns = 0, base_busy_ns = 0, new_busy_ns = 0;
  std::int64_t base_exposed_ns = 0, new_exposed_ns = 0;  ///< communication payload
  std::vector<TraceChange> classes;                      ///< largest change first
  std::vector<TraceChange> kernels;                      ///< likewise
};

/// Of all GPUs or processes of each; wall times and what is busy are sums over them.
TraceComparison CompareTraces(const std::vector<AnalysedTrace>& base, const std::vector<AnalysedTrace>& next);
/// The `top` kernels whose time changed most.
std::string TraceComparisonText(const TraceComparison& comparison, int top);
std::string TraceComparisonJson(const TraceComparison& comparison);

}  // namespace orrery::profiler
