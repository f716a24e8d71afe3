#include "profiler/device/runtime/cupti_library.h"

#include <cstdlib>
#include <vector>

#include <dlfcn.h>

namespace orrery::profiler {
namespace {

constexpr const char* kNames[] = {"libcupti.so.13", "libcupti.so.12", "libcupti.so"};
constexpr std::uint32_t kFlushForced = 1;   // CUPTI_ACTIVITY_FLAG_FLUSH_FORCED
constexpr std::size_t kOldNameBytes = 128;  // at least CUPTI_OLD_SUBSCRIBER_NAME_MIN_LEN, 64

// CUpti_SubscriberParams of cupti_callbacks.h, CUDA 13.0; cupti_header_check.cu compares.
struct SubscriberParams {
  std::size_t struct_size;
  const char* name;
  char* old_name;
  std::size_t old_name_size;
};

using RequestFunction = void (*)(std::uint8_t**, std::size_t*, std::size_t*);
using CompleteFunction = void (*)(void*, std::uint32_t, std::uint8_t*, std::size_t, std::size_t);

// CUPTI's callbacks carry no user data: one receiver per process, as CUPTI has one subscriber.
cupti::ActivityBuffers* g_buffers = nullptr;

void OnRequest(std::uint8_t** buffer, std::size_t* size, std::size_t* max_records) {
  *max_records = 0;
  *size = 0;
  *buffer = g_buffers != nullptr ? g_buffers->Request(size) : nullptr;
}

void OnComplete(void*, std::uint32_t, std::uint8_t* buffer, std::size_t, std::size_t valid) {
  if (g_buffers != nullptr) g_buffers->Complete(buffer, valid);
}

void OnCallback(void*, int, std::uint32_t, const void*) {}

class RealApi final : public cupti::Api {
 public:
  explicit RealApi(void* library) : library_(library) {}

  std::uint32_t Version() override {
    std::uint32_t version = 0;
    const auto get = Symbol<int (*)(std::uint32_t*)>("cuptiGetVersion");
    return get != nullptr && get(&version) == cupti::kSuccess ? version : 0;
  }

  std::string ResultText(int result) override {
    const char* text = nullptr;
    const auto get = Symbol<int (*)(int, const char**)>("cuptiGetResultString");
    if (get != nullptr && get(result, &text) == cupti::kSuccess && text != nullptr) return text;
    return "CUPTI error " + std::to_string(result);
  }

  int Subscribe(std::string* other) override {
    char old_name[kOldNameBytes] = {};
    SubscriberParams params{sizeof(SubscriberParams), "orrery", old_name, sizeof(old_name)};
    const auto second =
        Symbol<int (*)(void**, void (*)(void*, int, std::uint32_t, const void*), void*, SubscriberParams*)>(
            "cuptiSubscribe_v2");
    int result = cupti::kErrorUnknown;
    if (second != nullptr) {
      result = second(&subscriber_, OnCallback, nullptr, &params);
    } else if (const auto first =
                   Symbol<int (*)(void**, void (*)(void*, int, std::uint32_t, const void*), void*)>(
                       "cuptiSubscribe")) {
      result = first(&subscriber_, OnCallback, nullptr);
    }
    *other = old_name;
    return result;
  }

  int Unsubscribe() override { return Call("cuptiUnsubscribe", subscriber_); }

  int RegisterBuffers(cupti::ActivityBuffers* buffers) override {
    g_buffers = buffers;
    const auto set = Symbol<int (*)(RequestFunction, CompleteFunction)>("cuptiActivityRegisterCallbacks");
    return set != nullptr ? set(OnRequest, OnComplete) : cupti::kErrorUnknown;
  }

  int Enable(cupti::ActivityKind kind) override {
    return Call("cuptiActivityEnable", static_cast<int>(kind));
  }
  int Disable(cupti::ActivityKind kind) override {
    return Call("cuptiActivityDisable", static_cast<int>(kind));
  }
  int Flush(bool forced) override { return Call("cuptiActivityFlushAll", forced ? kFlushForced : 0u); }

  int NextRecord(std::uint8_t* buffer, std::size_t valid, std::uint8_t** record) override {
    const auto next =
        Symbol<int (*)(std::uint8_t*, std::size_t, std::uint8_t**)>("cuptiActivityGetNextRecord");
    return next != nullptr ? next(buffer, valid, record) : cupti::kErrorUnknown;
  }

  int DroppedRecords(std::size_t* dropped) override {
    const auto get = Symbol<int (*)(void*, std::uint32_t, std::size_t*)>("cuptiActivityGetNumDroppedRecords");
    return get != nullptr ? get(nullptr, 0, dropped) : cupti::kErrorUnknown;
  }

 private:
  template <typename Function>
  Function Symbol(const char* name) const {
    return reinterpret_cast<Function>(dlsym(library_, name));
  }
  template <typename Argument>
  int Call(const char* name, Argument argument) const {
    const auto function = Symbol<int (*)(Argument)>(name);
    return function != nullptr ? function(argument) : cupti::kErrorUnknown;
  }

  void* library_;
  void* subscriber_ = nullptr;
};

std::vector<std::string> Folders() {
  std::vector<std::string> folders = {""};
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
    if (const char* value = std::getenv(variable)) folders.push_back(value);
  }
  folders.push_back("/usr/local/cuda");
  return folders;
}

void* OpenFirst() {
  for (const char* name : kNames) {
    if (void* loaded = dlopen(name, RTLD_NOW | RTLD_NOLOAD)) return loaded;
  }
  for (const std::string& folder : Folders()) {
    for (const char* part : {"", "/extras/CUPTI/lib64/", "/lib64/", "/lib/"}) {
      if (folder.empty() != (*part == '\0')) continue;
      for (const char* name : kNames) {
        if (void* loaded = dlopen((folder + part + name).c_str(), RTLD_NOW)) return loaded;
      }
    }
  }
  return nullptr;
}

}  // namespace

void* CuptiHandle(std::string* reason) {
  static void* const handle = OpenFirst();
  if (handle == nullptr)
    *reason = "libcupti.so was not found (looked through the loader's path, $CUDA_HOME and /usr/local/cuda)";
  return handle;
}

std::unique_ptr<cupti::Api> LoadCupti(std::string* reason) {
  void* handle = CuptiHandle(reason);
  if (handle == nullptr) return nullptr;
  return std::make_unique<RealApi>(handle);
}

}  // namespace orrery::profiler
