// What the workloads of the project's own kernels share, and which of them a case is.
#include <algorithm>

#include "profiler/device/workloads/workload.h"

namespace orrery::profiler {
namespace {

bool IsConversion(OpKind kind) {
  switch (kind) {
    case OpKind::kCastFp8:
    case OpKind::kCastTransposeFp8:
    case OpKind::kRequantizeGather:
    case OpKind::kTransposeFp8:
    case OpKind::kDequantize:
    case OpKind::kSaveE5M6:
    case OpKind::kRestoreE5M6:
    case OpKind::kSwiGluCast:
      return true;
    default:
      return false;
  }
}

}  // namespace

int RotationsFor(std::size_t bytes, const WorkloadOptions& options) {
  const std::size_t budget = options.memory_bytes / 10 * 6;
  if (bytes > budget) {
    throw Unsupported("needs " + std::to_string(bytes >> 20) + " MiB of device memory, " +
                      std::to_string(budget >> 20) + " are allowed");
  }
  const std::size_t wanted = 1 + (2 * options.l2_bytes + bytes - 1) / std::max<std::size_t>(bytes, 1);
  return static_cast<int>(
      std::clamp<std::size_t>(std::min(wanted, budget / std::max<std::size_t>(bytes, 1)), 1, 32));
}

std::unique_ptr<Workload> MakeOwnWorkload(const SuiteCase& suite_case, const WorkloadOptions& options) {
  if (std::holds_alternative<GemmShape>(suite_case.shape)) return MakeGemmWorkload(suite_case, options);
  if (std::holds_alternative<AttentionShape>(suite_case.shape))
    return MakeAttentionWorkload(suite_case, options);
  if (IsConversion(suite_case.kind)) return MakeConversionWorkload(suite_case, options);
  return MakeRowsWorkload(suite_case, options);
}

}  // namespace orrery::profiler
