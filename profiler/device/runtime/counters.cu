#include "profiler/device/runtime/counters.h"

#include "core/base/error.h"
#include "profiler/cupti/api.h"
#include "profiler/device/runtime/cuda_support.h"
#include "profiler/device/runtime/cupti_library.h"

#if __has_include(<cupti_range_profiler.h>)
#define ORRERY_HAS_RANGE_PROFILER 1
#include <cupti_profiler_host.h>
#include <cupti_profiler_target.h>
#include <cupti_range_profiler.h>
#include <cupti_target.h>
#include <dlfcn.h>
#else
#define ORRERY_HAS_RANGE_PROFILER 0
#endif

namespace orrery::profiler {

const std::vector<const char*>& CounterMetrics() {
  static const std::vector<const char*> metrics = {"dram__bytes_read.sum",
                                                   "dram__bytes_write.sum",
                                                   "sm__ops_path_tensor_src_fp8.sum",
                                                   "sm__ops_path_tensor_src_bf16_dst_fp32.sum",
                                                   "gpu__time_duration.sum",
                                                   "sm__cycles_elapsed.max"};
  return metrics;
}

#if ORRERY_HAS_RANGE_PROFILER
namespace {

// Result of a call by name in the loaded library; the parameter block's size is set here.
template <typename Params>
int Invoke(const char* name, Params& params) {
  std::string reason;
  void* library = CuptiHandle(&reason);
  if (library == nullptr) throw UnavailableError(reason);
  const auto function = reinterpret_cast<int (*)(Params*)>(dlsym(library, name));
  return function != nullptr ? function(&params) : static_cast<int>(cupti::kErrorUnknown);
}

class CuptiFailure : public std::runtime_error {
 public:
  CuptiFailure(const char* call, int result)
      : std::runtime_error(std::string(call) + ": CUPTI error " + std::to_string(result)), code(result) {}
  int code;
};

template <typename Params>
void Require(const char* name, Params& params) {
  const int result = Invoke(name, params);
  if (result != cupti::kSuccess) throw CuptiFailure(name, result);
}

#define ORRERY_PARAMS(type, name) \
  type name = {};                 \
  name.structSize = type##_STRUCT_SIZE

// The host half: turns metric names into a configuration and raw counters into values.
class HostObject {
 public:
  HostObject(const char* chip, const std::uint8_t* availability) {
    ORRERY_PARAMS(CUpti_Profiler_Host_Initialize_Params, p);
    p.profilerType = CUPTI_PROFILER_TYPE_RANGE_PROFILER;
    p.pChipName = chip;
    p.pCounterAvailabilityImage = availability;
    Require("cuptiProfilerHostInitialize", p);
    object_ = p.pHostObject;
  }
  ~HostObject() {
    ORRERY_PARAMS(CUpti_Profiler_Host_Deinitialize_Params, p);
    p.pHostObject = object_;
    Invoke("cuptiProfilerHostDeinitialize", p);
  }
  HostObject(const HostObject&) = delete;
  HostObject& operator=(const HostObject&) = delete;
  CUpti_Profiler_Host_Object* get() const { return object_; }

  std::vector<std::uint8_t> Configuration(std::vector<const char*> metrics) const {
    ORRERY_PARAMS(CUpti_Profiler_Host_ConfigAddMetrics_Params, add);
    add.pHostObject = object_;
    add.ppMetricNames = metrics.data();
    add.numMetrics = metrics.size();
    Require("cuptiProfilerHostConfigAddMetrics", add);
    ORRERY_PARAMS(CUpti_Profiler_Host_GetConfigImageSize_Params, size);
    size.pHostObject = object_;
    Require("cuptiProfilerHostGetConfigImageSize", size);
    std::vector<std::uint8_t> image(size.configImageSize);
    ORRERY_PARAMS(CUpti_Profiler_Host_GetConfigImage_Params, get);
    get.pHostObject = object_;
    get.configImageSize = image.size();
    get.pConfigImage = image.data();
    Require("cuptiProfilerHostGetConfigImage", get);
    return image;
  }

 private:
  CUpti_Profiler_Host_Object* object_ = nullptr;
};

void InitializeProfiler() {
  ORRERY_PARAMS(CUpti_Profiler_Initialize_Params, p);
  Require("cuptiProfilerInitialize", p);
}

std::string ChipName() {
  ORRERY_PARAMS(CUpti_Device_GetChipName_Params, p);
  Require("cuptiDeviceGetChipName", p);
  return p.pChipName;
}

std::vector<std::uint8_t> Availability() {
  ORRERY_PARAMS(CUpti_Profiler_GetCounterAvailability_Params, p);
  Require("cuptiProfilerGetCounterAvailability", p);
  std::vector<std::uint8_t> image(p.counterAvailabilityImageSize);
  p.pCounterAvailabilityImage = image.data();
  Require("cuptiProfilerGetCounterAvailability", p);
  return image;
}

CUcontext CurrentContext() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
  ORRERY_CUDA_CHECK(
      cudaGetDriverEntryPointByVersion("cuCtxGetCurrent", &function, 12000, cudaEnableDefault, &result));
  CUcontext context = nullptr;
  if (result != cudaDriverEntryPointSuccess ||
      reinterpret_cast<CUresult (*)(CUcontext*)>(function)(&context) != CUDA_SUCCESS)
    throw UnavailableError("the driver does not name the current context");
  return context;
}

std::string Remedy(const CuptiFailure& failure) {
  if (failure.code == cupti::kErrorInsufficientPrivileges ||
      failure.code == cupti::kErrorVirtualizedDeviceInsufficientPrivileges) {
    return "counters need a privilege: run as root or with CAP_PERFMON (containers: --cap-add=SYS_ADMIN), or "
           "load the driver with "
           "NVreg_RestrictProfilingToAdminUsers=0 (NVIDIA, ERR_NVGPUCTRPERM)";
  }
  constexpr int kHardwareBusy = 26;  // CUPTI_ERROR_HARDWARE_BUSY
  if (failure.code == kHardwareBusy)
    return "counters are in use by another client (DCGM: dcgmi profile --pause)";
  return std::string("counters are not available: ") + failure.what();
}

}  // namespace

int CounterPasses(const std::string& chip) {
  try {
    const HostObject host(chip.c_str(), nullptr);
    std::vector<std::uint8_t> image = host.Configuration(CounterMetrics());
    ORRERY_PARAMS(CUpti_Profiler_Host_GetNumOfPasses_Params, p);
    p.configImageSize = image.size();
    p.pConfigImage = image.data();
    Require("cuptiProfilerHostGetNumOfPasses", p);
    return static_cast<int>(p.numOfPasses);
  } catch (const CuptiFailure& failure) {
    throw UnavailableError(failure.what());
  }
}

struct CounterReader::Session {
  Session()
      : availability(Availability()),
        host(ChipName().c_str(), availability.data()),
        configuration(host.Configuration(CounterMetrics())) {
    ORRERY_PARAMS(CUpti_RangeProfiler_Enable_Params, enable);
    enable.ctx = CurrentContext();  // unlike the older calls, its header promises nothing for null
    Require("cuptiRangeProfilerEnable", enable);
    profiler = enable.pRangeProfilerObject;
    metrics = CounterMetrics();
    ORRERY_PARAMS(CUpti_RangeProfiler_GetCounterDataSize_Params, size);
    size.pRangeProfilerObject = profiler;
    size.pMetricNames = metrics.data();
    size.numMetrics = metrics.size();
    size.maxNumOfRanges = 1;
    size.maxNumRangeTreeNodes = 1;
    Require("cuptiRangeProfilerGetCounterDataSize", size);
    data.resize(size.counterDataSize);
  }
  ~Session() {
    ORRERY_PARAMS(CUpti_RangeProfiler_Disable_Params, p);
    p.pRangeProfilerObject = profiler;
    Invoke("cuptiRangeProfilerDisable", p);
  }

  void Prepare() {
    ORRERY_PARAMS(CUpti_RangeProfiler_CounterDataImage_Initialize_Params, image);
    image.pRangeProfilerObject = profiler;
    image.counterDataSize = data.size();
    image.pCounterData = data.data();
    Require("cuptiRangeProfilerCounterDataImageInitialize", image);
    ORRERY_PARAMS(CUpti_RangeProfiler_SetConfig_Params, set);
    set.pRangeProfilerObject = profiler;
    set.configSize = configuration.size();
    set.pConfig = configuration.data();
    set.counterDataImageSize = data.size();
    set.pCounterDataImage = data.data();
    set.range = CUPTI_UserRange;
    set.replayMode = CUPTI_UserReplay;
    set.maxRangesPerPass = 1;
    set.numNestingLevels = 1;
    set.minNestingLevel = 1;
    set.targetNestingLevel = set.minNestingLevel;  // from the first pass on, as NVIDIA's own callers set it
    Require("cuptiRangeProfilerSetConfig", set);
  }

  // One pass; true when it was the last.
  bool Pass(Workload& workload, cudaStream_t stream) {
    ORRERY_PARAMS(CUpti_RangeProfiler_Start_Params, start);
    start.pRangeProfilerObject = profiler;
    Require("cuptiRangeProfilerStart", start);
    ORRERY_PARAMS(CUpti_RangeProfiler_PushRange_Params, push);
    push.pRangeProfilerObject = profiler;
    push.pRangeName = "case";
    Require("cuptiRangeProfilerPushRange", push);
    workload.Launch(stream, 0);
    ORRERY_CUDA_CHECK(cudaStreamSynchronize(stream));
    ORRERY_PARAMS(CUpti_RangeProfiler_PopRange_Params, pop);
    pop.pRangeProfilerObject = profiler;
    Require("cuptiRangeProfilerPopRange", pop);
    ORRERY_PARAMS(CUpti_RangeProfiler_Stop_Params, stop);
    stop.pRangeProfilerObject = profiler;
    Require("cuptiRangeProfilerStop", stop);
    return stop.isAllPassSubmitted != 0;
  }

  std::vector<double> Values() {
    ORRERY_PARAMS(CUpti_RangeProfiler_DecodeData_Params, decode);
    decode.pRangeProfilerObject = profiler;
    Require("cuptiRangeProfilerDecodeData", decode);
    std::vector<double> values(metrics.size());
    ORRERY_PARAMS(CUpti_Profiler_Host_EvaluateToGpuValues_Params, evaluate);
    evaluate.pHostObject = host.get();
    evaluate.pCounterDataImage = data.data();
    evaluate.counterDataImageSize = data.size();
    evaluate.ppMetricNames = metrics.data();
    evaluate.numMetrics = metrics.size();
    evaluate.pMetricValues = values.data();
    Require("cuptiProfilerHostEvaluateToGpuValues", evaluate);
    return values;
  }

  std::vector<std::uint8_t> availability;
  HostObject host;
  std::vector<std::uint8_t> configuration;
  std::vector<std::uint8_t> data;
  std::vector<const char*> metrics;
  CUpti_RangeProfiler_Object* profiler = nullptr;
};

CounterReader::CounterReader() {
  try {
    InitializeProfiler();
    session_ = std::make_unique<Session>();
  } catch (const CuptiFailure& failure) {
    note_ = Remedy(failure);
  } catch (const UnavailableError& error) {
    note_ = error.what();
  }
}

CounterReader::~CounterReader() = default;

KernelCounters CounterReader::Read(Workload& workload) {
  KernelCounters counters;
  if (session_ == nullptr) return counters;
  constexpr int kMostPasses = 16;
  try {
    const Stream stream;
    session_->Prepare();
    for (int pass = 0; pass < kMostPasses && !session_->Pass(workload, stream.get()); ++pass) {
    }
    const std::vector<double> v = session_->Values();
    counters = {v[0], v[1], v[2], v[3], v[4] * 1e-3, {}};  // gpu__time_duration is in nanoseconds
    if (v[4] > 0) counters.sm_clock_mhz = v[5] / v[4] * 1e3;
  } catch (const CuptiFailure& failure) {
    note_ = Remedy(failure);
    session_.reset();  // said once; the run goes on with times
  }
  return counters;
}

#else

struct CounterReader::Session {};
int CounterPasses(const std::string&) {
  throw UnavailableError("built without CUPTI's range profiler (no cupti_range_profiler.h)");
}
CounterReader::CounterReader() : note_("built without CUPTI's range profiler (no cupti_range_profiler.h)") {}
CounterReader::~CounterReader() = default;
KernelCounters CounterReader::Read(Workload&) { return {}; }

#endif

}  // namespace orrery::profiler
