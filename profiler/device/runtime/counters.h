// Hardware counters of one launch through CUPTI's Range Profiler, in a replay of its own: never of a timed
// launch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "profiler/device/workloads/workload.h"
#include "profiler/measurement/measurement.h"

namespace orrery::profiler {

/// The metrics of KernelCounters, in its order; on GH100 one pass (the clock's two may add one).
const std::vector<const char*>& CounterMetrics();

/// Passes that chip `name` needs for CounterMetrics, through CUPTI's host half: no GPU needed. Throws
/// UnavailableError where CUPTI or a metric is missing.
int CounterPasses(const std::string& chip);

class CounterReader {
 public:
  /// Opens the profiler on the current context. Where that is refused available() is false and note() says why and what
  /// to do, once.
  CounterReader();
  ~CounterReader();
  CounterReader(const CounterReader&) = delete;
  CounterReader& operator=(const CounterReader&) = delete;

  bool available() const { return session_ != nullptr; }
  const std::string& note() const { return note_; }
  /// Replays one launch until every pass is read. Empty where a replay fails; note() then says why.
  KernelCounters Read(Workload& workload);

 private:
  struct Session;
  std::unique_ptr<Session> session_;
  std::string note_;
};

}  // namespace orrery::profiler
