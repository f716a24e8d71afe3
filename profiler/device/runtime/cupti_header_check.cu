// Compile-time only: what is assumed about CUPTI's records and calls, against the header of the toolkit that
// builds this.
#include "profiler/cupti/api.h"
#include "profiler/cupti/layout.h"

#if __has_include(<cupti.h>)
#include <cstddef>

#include <cupti.h>

namespace orrery::profiler::cupti {
namespace {

#if CUPTI_API_VERSION >= 130000
using Kernel = CUpti_ActivityKernel10;
static_assert(offsetof(Kernel, start) == layout::kernel::kStart &&
              offsetof(Kernel, end) == layout::kernel::kEnd);
static_assert(offsetof(Kernel, deviceId) == layout::kernel::kDevice &&
              offsetof(Kernel, contextId) == layout::kernel::kContext);
static_assert(offsetof(Kernel, streamId) == layout::kernel::kStream &&
              offsetof(Kernel, gridX) == layout::kernel::kGrid);
static_assert(offsetof(Kernel, blockX) == layout::kernel::kBlock &&
              offsetof(Kernel, correlationId) == layout::kernel::kCorrelation);
static_assert(offsetof(Kernel, staticSharedMemory) == layout::kernel::kStaticShared);
static_assert(offsetof(Kernel, dynamicSharedMemory) == layout::kernel::kDynamicShared);
static_assert(offsetof(Kernel, name) == layout::kernel::kName &&
              offsetof(Kernel, graphNodeId) == layout::kernel::kGraphNode);
static_assert(offsetof(Kernel, clusterX) == layout::kernel::kCluster &&
              offsetof(Kernel, registersPerThread) == layout::kernel::kRegisters);

static_assert(offsetof(CUpti_ActivityMemcpy6, bytes) == layout::memcpy_record::kBytes);
static_assert(offsetof(CUpti_ActivityMemcpy6, start) == layout::memcpy_record::kStart);
static_assert(offsetof(CUpti_ActivityMemcpy6, streamId) == layout::memcpy_record::kStream);
static_assert(offsetof(CUpti_ActivityMemcpy6, correlationId) == layout::memcpy_record::kCorrelation);
static_assert(offsetof(CUpti_ActivityMarker2, timestamp) == layout::marker::kTime &&
              offsetof(CUpti_ActivityMarker2, id) == layout::marker::kId);
static_assert(offsetof(CUpti_ActivityMarker2, name) == layout::marker::kName);
static_assert(offsetof(CUpti_ActivityAPI, correlationId) == layout::api::kCorrelation);

// The parameter block cupti_library.cu passes to cuptiSubscribe_v2.
static_assert(sizeof(CUpti_SubscriberParams) == 4 * sizeof(void*));
static_assert(offsetof(CUpti_SubscriberParams, subscriberName) == 8 &&
              offsetof(CUpti_SubscriberParams, oldSubscriberName) == 16);
static_assert(offsetof(CUpti_SubscriberParams, oldSubscriberSize) == 24);
#endif

static_assert(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL == static_cast<int>(ActivityKind::kConcurrentKernel));
static_assert(CUPTI_ACTIVITY_KIND_MARKER == static_cast<int>(ActivityKind::kMarker));
static_assert(CUPTI_ACTIVITY_KIND_ENVIRONMENT == static_cast<int>(ActivityKind::kEnvironment));
static_assert(CUPTI_ERROR_INSUFFICIENT_PRIVILEGES == static_cast<int>(kErrorInsufficientPrivileges));
static_assert(CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED == static_cast<int>(kErrorMultipleSubscribers));
static_assert(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED == 1 && CUPTI_ERROR_HARDWARE_BUSY == 26);

}  // namespace
}  // namespace orrery::profiler::cupti
#endif
