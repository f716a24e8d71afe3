// The seam to the device half. It is a program of its own, `orrery-device`, and a library,
// `liborrery_injection.so`, built only where the CUDA Toolkit is: so `orrery` itself links nothing of
// NVIDIA's, a faulting kernel cannot take it down, and the processes a comparison needs (times spread more
// between processes than within) come for free.
//
// What `orrery-device` promises:
//   orrery-device probe
//       exit 0 and one line on standard output naming the GPU, or exit 77 and one line on standard error
//       saying what is missing (no driver, no GPU, another compute capability).
//   orrery-device run --suite NAME --out FILE --process N --seed S --samples N --warmups N
//                     [--filter TEXT] [--priority N] [--no-counters]
//       measures, writes a MeasurementRun (profiler/measurement/measurement.h) whose samples carry process N to FILE;
//       progress goes to standard error. Exit 0; 2 for a wrong argument or a kernel that fails its
//       reference check; 77 as above or if another profiler is attached (its name in the line).
// What `liborrery_injection.so` promises: loaded through CUDA_INJECTION64_PATH it writes one kernel log
// (profiler/trace/kernel_log.h) per process into the folder $ORRERY_PROFILE_DIR, and never disturbs the program.
// With ORRERY_PROFILE_NVTX=1 it records NVTX ranges and launches too: it is then NVTX_INJECTION64_PATH as
// well and hands InitializeInjectionNvtx2 on to CUPTI. If another profiler is attached it says so once on
// standard error and records nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "profiler/measurement/measurement.h"

namespace orrery::profiler {

/// What to measure; the same for every process of a run.
struct SuiteOptions {
  std::string suite = "deepseek-v3";
  int processes = 3;
  int samples = 30;  ///< timed launches per case and process, at least 5
  int warmups = 5;
  int priority = 1;    ///< cases up to this priority of the suite
  std::string filter;  ///< only cases whose label contains this; "" for all
  bool counters = true;
  std::uint64_t seed = 1;
};

/// Measures on this machine's GPU.
class DeviceBackend {
 public:
  virtual ~DeviceBackend() = default;
  /// Name of the GPU. UnavailableError with one clear line if there is none.
  virtual std::string Probe() = 0;
  /// Runs the suite, once per process. UnavailableError without a GPU; InputError for a wrong option.
  virtual MeasurementRun RunSuite(const SuiteOptions& options) = 0;
  /// The library for CUDA_INJECTION64_PATH. UnavailableError if it is not built.
  virtual std::filesystem::path InjectionLibrary() = 0;
};

/// The device half found in $ORRERY_DEVICE_DIR, beside this program, in ../profiler/device (the build tree) or in
/// ../lib/orrery; nullptr if it is in none of them.
std::unique_ptr<DeviceBackend> FindDeviceBackend();

/// The places FindDeviceBackend looks in, in order.
std::vector<std::filesystem::path> DeviceBackendPlaces();

}  // namespace orrery::profiler
