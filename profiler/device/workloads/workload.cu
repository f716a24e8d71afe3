#include "profiler/device/workloads/workload.h"

#include "profiler/device/workloads/workload_prefill.h"

namespace orrery::profiler {

#ifdef ORRERY_NO_CUBLASLT
std::unique_ptr<Workload> MakeLibraryWorkload(const SuiteCase&, const WorkloadOptions&) {
  throw Unsupported("built without cuBLASLt");
}
#endif

std::unique_ptr<Workload> MakeWorkload(const SuiteCase& suite_case, const WorkloadOptions& options) {
  if (suite_case.library == "cudnn") return MakePrefillWorkload(suite_case, options);
  if (suite_case.library != "orrery") return MakeLibraryWorkload(suite_case, options);
  return MakeOwnWorkload(suite_case, options);
}

}  // namespace orrery::profiler
