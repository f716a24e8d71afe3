#ifndef ORRERY_NO_CUDNN
#include "profiler/device/runtime/cudnn_library.h"

#include <cstdlib>

#include <dlfcn.h>

#include "profiler/device/runtime/cuda_support.h"
#include "profiler/device/workloads/workload.h"

namespace orrery::profiler {
namespace {

constexpr const char* kLibrary = "libcudnn.so.9";
constexpr std::size_t kOldest = 91100;  // cudnn-frontend's support surface: backward at 192/128

void* OpenLibrary() {
  if (void* loaded = dlopen(kLibrary, RTLD_NOW)) return loaded;
  std::vector<std::string> folders;
  for (const char* variable : {"CUDNN_HOME", "CUDA_HOME", "CUDA_PATH"}) {
    if (const char* value = std::getenv(variable)) folders.emplace_back(value);
  }
  folders.emplace_back("/usr/local/cuda");
  for (const std::string& folder : folders) {
    for (const char* part : {"/lib64/", "/lib/"}) {
      if (void* loaded = dlopen((folder + part + kLibrary).c_str(), RTLD_NOW)) return loaded;
    }
  }
  return nullptr;
}

void Find(void*) {}
/// Pairs of a name and the pointer that gets its function.
template <typename Function, typename... Rest>
void Find(void* library, const char* name, Function* function, Rest... rest) {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  if (*function == nullptr) throw Unsupported(std::string(kLibrary) + " has no " + name);
  Find(library, rest...);
}

CudnnApi Load() {
  void* library = OpenLibrary();
  if (library == nullptr)
    throw Unsupported(std::string(kLibrary) +
                      " was not found (looked through the loader's path, $CUDNN_HOME, $CUDA_HOME and "
                      "/usr/local/cuda)");
  CudnnApi api;
  Find(library, "cudnnGetVersion", &api.version, "cudnnGetErrorString", &api.error_string,
       "cudnnGetLastErrorString", &api.last_error, "cudnnCreate", &api.create_handle, "cudnnDestroy",
       &api.destroy_handle, "cudnnSetStream", &api.set_stream, "cudnnBackendCreateDescriptor", &api.create,
       "cudnnBackendDestroyDescriptor", &api.destroy, "cudnnBackendSetAttribute", &api.set,
       "cudnnBackendGetAttribute", &api.get, "cudnnBackendFinalize", &api.finalize, "cudnnBackendExecute",
       &api.execute);
  if (api.version() < kOldest)
    throw Unsupported("cuDNN 9.11 or newer is needed, this is " + std::to_string(api.version()));
  return api;
}

}  // namespace

const CudnnApi& Cudnn() {
  static const CudnnApi api = Load();
  return api;
}

std::string CudnnVersionText() {
  const std::size_t v = Cudnn().version();
  return std::to_string(v / 10000) + "." + std::to_string(v / 100 % 100) + "." + std::to_string(v % 100);
}

void CheckCudnn(cudnnStatus_t status, const char* what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  char reason[1024] = {};
  Cudnn().last_error(reason, sizeof(reason));
  throw DeviceError(std::string("cuDNN: ") + what + ": " + Cudnn().error_string(status) + " (" + reason +
                    ")");
}

CudnnDescriptor::CudnnDescriptor(cudnnBackendDescriptorType_t type) {
  CheckCudnn(Cudnn().create(type, &raw_), "creating a descriptor");
}

CudnnDescriptor::~CudnnDescriptor() {
  if (raw_ != nullptr) Cudnn().destroy(raw_);
}

CudnnDescriptor& CudnnDescriptor::SetMany(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                                          std::size_t count, const void* values) {
  const std::string what = "setting attribute " + std::to_string(static_cast<int>(name));
  CheckCudnn(Cudnn().set(raw_, name, type, static_cast<std::int64_t>(count), values), what.c_str());
  return *this;
}

CudnnDescriptor& CudnnDescriptor::Finalize() {
  CheckCudnn(Cudnn().finalize(raw_), "finalizing a descriptor");
  return *this;
}

CudnnDevice::CudnnDevice() { CheckCudnn(Cudnn().create_handle(&handle_), "cudnnCreate"); }

void CudnnDevice::Give(CudnnDescriptor& descriptor, int handle_attribute, int properties_attribute) const {
  if (handle_ != nullptr && handle_attribute != 0) {
    descriptor.Set(static_cast<cudnnBackendAttributeName_t>(handle_attribute), CUDNN_TYPE_HANDLE, handle_);
  } else if (handle_ == nullptr && properties_attribute != 0) {
    descriptor.Link(static_cast<cudnnBackendAttributeName_t>(properties_attribute), properties_);
  }
}

CudnnDevice::CudnnDevice(const std::string& json) : properties_(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR) {
  properties_
      .SetMany(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, json.size() + 1, json.c_str())
      .Finalize();
}

CudnnDevice::~CudnnDevice() {
  if (handle_ != nullptr) Cudnn().destroy_handle(handle_);
}

}  // namespace orrery::profiler
#endif  // ORRERY_NO_CUDNN
