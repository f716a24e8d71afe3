// Loaded by the CUDA driver into any program through CUDA_INJECTION64_PATH; records its kernels into one
// kernel log per process in $ORRERY_PROFILE_DIR. It never throws into the program, writes nothing to its
// standard output and keeps its exit code.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include "profiler/cupti/session.h"
#include "profiler/device/runtime/cupti_library.h"
#include "profiler/trace/kernel_log.h"

namespace orrery::profiler {
namespace {

constexpr std::chrono::seconds kFlushEvery{1};  // at most this much is lost when the program is killed

int EnvironmentNumber(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != '\0' ? std::atoi(text) : otherwise;
}

// A function of the driver library this process has loaded.
template <typename Function>
Function Driver(const char* name) {
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  return library != nullptr ? reinterpret_cast<Function>(dlsym(library, name)) : nullptr;
}

int DeviceAttribute(int attribute, int device) {
  int value = 0;
  const auto get = Driver<int (*)(int*, int, int)>("cuDeviceGetAttribute");
  return get != nullptr && get(&value, attribute, device) == 0 ? value : 0;
}

std::string DriverVersion() {
  std::string version;
  if (std::FILE* file = std::fopen("/sys/module/nvidia/version", "r")) {
    char text[64] = {};
    if (std::fgets(text, sizeof(text), file) != nullptr) version = text;
    std::fclose(file);
  }
  while (!version.empty() && version.back() == '\n') version.pop_back();
  return version;
}

/// What the driver says of one of the GPUs this process sees.
TraceDevice DeviceOf(int id) {
  constexpr int kMultiprocessors = 16, kMajor = 75, kMinor = 76;  // CUdevice_attribute
  char name[256] = {};
  const auto get = Driver<int (*)(char*, int, int)>("cuDeviceGetName");
  const bool named = get != nullptr && get(name, sizeof(name), id) == 0;
  return {id, named ? name : "",
          std::to_string(DeviceAttribute(kMajor, id)) + "." + std::to_string(DeviceAttribute(kMinor, id)),
          DeviceAttribute(kMultiprocessors, id), 0};
}

int DeviceCount() {
  int count = 0;
  const auto get = Driver<int (*)(int*)>("cuDeviceGetCount");
  return get != nullptr && get(&count) == 0 ? count : 0;
}

KernelLogHeader HeaderOfThisProcess(std::uint32_t cupti_version) {
  KernelLogHeader h;
  h.pid = getpid();
  h.rank = EnvironmentNumber("RANK", EnvironmentNumber("LOCAL_RANK", -1));
  h.world_size = EnvironmentNumber("WORLD_SIZE", 0);
  h.program = program_invocation_short_name;
  const TraceDevice first = DeviceOf(0);
  h.device = first.name;
  h.compute_capability = first.compute_capability;
  h.sms = first.sms;
  for (int id = 1; id < DeviceCount(); ++id) h.more_devices.push_back(DeviceOf(id));
  h.driver = DriverVersion();
  h.cupti = cupti_version;
  return h;
}

cupti::SessionOptions Kinds() {
  using Kind = cupti::ActivityKind;
  cupti::SessionOptions options;
  options.optional = {Kind::kMemcpy, Kind::kMemset, Kind::kEnvironment};
  // Ranges, and the calls that tell which kernel was launched inside which: costly in programs of many calls.
  if (EnvironmentNumber("ORRERY_PROFILE_NVTX", 0) != 0)
    options.optional.insert(options.optional.end(), {Kind::kMarker, Kind::kRuntime, Kind::kDriver});
  return options;
}

class Recorder {
 public:
  Recorder(std::unique_ptr<cupti::Api> api, std::filesystem::path folder)
      : owner_(getpid()),
        api_(std::move(api)),
        folder_(std::move(folder)),
        session_(*api_, Kinds(), [this](const cupti::ActivityRecord& r) { Write(r); }) {}

  void Start() {
    session_.Start();
    std::thread([this] {
      while (true) {
        std::this_thread::sleep_for(kFlushEvery);
        if (!Periodic()) return;
      }
    }).detach();
  }

  // At exit. In a forked child nothing: the log, the session and its threads are the parent's.
  void Finish() {
    if (getpid() != owner_) return;
    session_.Stop();
    const std::lock_guard lock(mutex_);
    finished_ = true;
    if (log_ != nullptr) log_->Close(session_.losses());
    log_.reset();
  }

  // Around fork: what is buffered is written before, so that the child's copy of the buffer is empty and
  // cannot be written twice.
  void BeforeFork() {
    mutex_.lock();
    if (log_ != nullptr) log_->Flush();
  }
  void AfterFork() { mutex_.unlock(); }

 private:
  void Write(const cupti::ActivityRecord& record) {
    const std::lock_guard lock(mutex_);
    if (finished_ || getpid() != owner_) return;
    if (log_ == nullptr) {  // the first record: only processes that use the GPU get a file, and the driver
                            // can be asked by now
      const KernelLogHeader header = HeaderOfThisProcess(api_->Version());
      log_ = std::make_unique<KernelLogWriter>(folder_ / KernelLogFileName(header), header);
    }
    log_->Write(record);
  }

  // False once it has ended.
  bool Periodic() {
    {
      const std::lock_guard lock(mutex_);
      if (finished_) return false;
    }
    session_.Flush();  // without the mutex: CUPTI delivers records, which take it
    const std::lock_guard lock(mutex_);
    if (log_ != nullptr) log_->Flush();
    return !finished_;
  }

  pid_t owner_;
  std::unique_ptr<cupti::Api> api_;
  std::filesystem::path folder_;
  std::mutex mutex_;
  bool finished_ = false;
  std::unique_ptr<KernelLogWriter> log_;
  cupti::Session session_;
};

// Never destroyed: CUPTI's threads may still deliver while the program's static objects go.
Recorder* g_recorder = nullptr;

void NotProfiling(const char* reason) {
  std::fprintf(stderr, "orrery: process %d is not profiled: %s\n", static_cast<int>(getpid()), reason);
}

void Begin() {
  const char* folder = std::getenv("ORRERY_PROFILE_DIR");
  if (folder == nullptr || *folder == '\0') return NotProfiling("ORRERY_PROFILE_DIR is not set");
  std::string reason;
  auto api = LoadCupti(&reason);
  if (api == nullptr) return NotProfiling(reason.c_str());
  auto recorder = std::make_unique<Recorder>(std::move(api), folder);
  recorder->Start();
  g_recorder = recorder.release();
  std::atexit([] { g_recorder->Finish(); });
  pthread_atfork([] { g_recorder->BeforeFork(); }, [] { g_recorder->AfterFork(); },
                 [] { g_recorder->AfterFork(); });
}

}  // namespace
}  // namespace orrery::profiler

/// Called by the driver when the process initialises CUDA. 1 always: a program runs on whether it is profiled
/// or not.
extern "C" __attribute__((visibility("default"))) int InitializeInjection() {
  static std::once_flag once;
  std::call_once(once, [] {
    try {
      orrery::profiler::Begin();
    } catch (const std::exception& error) {
      orrery::profiler::NotProfiling(error.what());
    } catch (...) {
      orrery::profiler::NotProfiling("unknown error");
    }
  });
  return 1;
}

/// Called by NVTX at a program's first range, where NVTX_INJECTION64_PATH names this library: CUPTI is the
/// tool. 0, which turns NVTX off in this process, without it.
extern "C" __attribute__((visibility("default"))) int InitializeInjectionNvtx2(void* get_export_table) {
  try {
    std::string reason;
    void* library = orrery::profiler::CuptiHandle(&reason);
    if (library == nullptr) return 0;
    const auto cupti = reinterpret_cast<int (*)(void*)>(dlsym(library, "InitializeInjectionNvtx2"));
    return cupti != nullptr ? cupti(get_export_table) : 0;
  } catch (...) {
    return 0;
  }
}
