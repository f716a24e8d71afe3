// Times of a workload: CUPTI's activity durations, CUDA events beside them.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "profiler/cupti/session.h"
#include "profiler/device/runtime/cuda_support.h"
#include "profiler/device/workloads/workload.h"

namespace orrery::profiler {

/// Collects the kernels that ran, while resumed. Without CUPTI nothing is collected and available() is false.
class KernelCollector {
 public:
  struct Kernel {
    std::string name;
    std::int64_t start_ns = 0, end_ns = 0;
  };

  /// UnavailableError if another profiler is attached (its name in the message).
  KernelCollector();
  ~KernelCollector();
  bool available() const { return api_ != nullptr; }
  std::uint32_t version() const { return version_; }
  const std::string& reason() const { return reason_; }  ///< why it is not available
  void Resume();
  void Pause();
  void Clear();
  /// All kernels since Clear in order of their start. Synchronise first.
  std::vector<Kernel> Take();

 private:
  std::string reason_;
  std::unique_ptr<cupti::Api> api_;
  std::uint32_t version_ = 0;
  std::unique_ptr<cupti::Session> session_;
  std::mutex mutex_;
  std::vector<Kernel> kernels_;
};

/// A copy on 20 multiprocessors that runs from construction to destruction.
class CopyNeighbour {
 public:
  CopyNeighbour();
  ~CopyNeighbour();
  CopyNeighbour(const CopyNeighbour&) = delete;
  CopyNeighbour& operator=(const CopyNeighbour&) = delete;
  void Start();
  void Stop();

 private:
  DeviceBuffer in_, out_;
  Stream stream_;
  int* stop_ = nullptr;  // mapped host memory
};

struct Timing {
  std::vector<double> durations_us;  ///< per launch: the sum of its kernels' times
  std::vector<double> event_us;      ///< per launch, between events around it
  std::string kernels;               ///< names joined by " + "; "" without CUPTI
};

/// Warms up, then times `samples` launches on rotating inputs; with the neighbour running if given.
Timing TimeWorkload(Workload& workload, int warmups, int samples, KernelCollector& collector,
                    CopyNeighbour* neighbour);
/// Time from the start of one empty kernel to the next, launched back to back or from a graph. Without CUPTI,
/// whose records would widen the gap.
Timing TimeLaunchGap(bool graph, int samples);
/// The empty kernel's own time by CUPTI, a median; 0 without CUPTI.
double TimeEmptyKernel(KernelCollector& collector);

}  // namespace orrery::profiler
