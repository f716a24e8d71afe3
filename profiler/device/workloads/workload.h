// One case of the suite made runnable: its buffers, its launch, its check.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <cuda_runtime.h>

#include "profiler/suite/suite.h"

namespace orrery::profiler {

class Workload {
 public:
  virtual ~Workload() = default;
  /// One launch of the operation on input set rotation % rotations().
  virtual void Launch(cudaStream_t stream, int rotation) = 0;
  /// Poisons the output of input set 0, launches, and compares with a reference in higher precision: the
  /// relative error, NaN if anything was left unwritten; absent where the operation has no result.
  virtual std::optional<double> Check(cudaStream_t stream) = 0;
  /// Largest relative error that passes.
  virtual double tolerance() const = 0;
  /// Input sets, together larger than the L2 cache.
  virtual int rotations() const = 0;
};

struct WorkloadOptions {
  std::uint64_t seed = 1;
  std::size_t l2_bytes = 50u << 20;
  std::size_t memory_bytes = 0;  ///< free on the device
};

/// The case cannot run here; what() says why. Not an error of the run: the case is left out by name.
class Unsupported : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Unsupported, or DeviceError.
std::unique_ptr<Workload> MakeWorkload(const SuiteCase& suite_case, const WorkloadOptions& options);

/// Sets of `bytes` each, so that between two uses of one, twice the L2 passes by; as far as 60 % of the memory allow.
/// Throws Unsupported where not even one fits.
int RotationsFor(std::size_t bytes, const WorkloadOptions& options);

/// The same for a case of library "orrery".
std::unique_ptr<Workload> MakeOwnWorkload(const SuiteCase& suite_case, const WorkloadOptions& options);

std::unique_ptr<Workload> MakeGemmWorkload(const SuiteCase& suite_case,
                                           const WorkloadOptions& options);  // own FP8
std::unique_ptr<Workload> MakeLibraryWorkload(const SuiteCase& suite_case,
                                              const WorkloadOptions& options);  // cuBLASLt
std::unique_ptr<Workload> MakeAttentionWorkload(const SuiteCase& suite_case,
                                                const WorkloadOptions& options);  // decode
std::unique_ptr<Workload> MakeConversionWorkload(const SuiteCase& suite_case, const WorkloadOptions& options);
std::unique_ptr<Workload> MakeRowsWorkload(const SuiteCase& suite_case, const WorkloadOptions& options);

}  // namespace orrery::profiler
