// cuDNN's graph API, loaded at run time: a machine without cuDNN runs the rest of the suite.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <cudnn_graph.h>

namespace orrery::profiler {

/// The entry points in use, from libcudnn.so.9.
struct CudnnApi {
  decltype(&::cudnnGetVersion) version = nullptr;
  decltype(&::cudnnGetErrorString) error_string = nullptr;
  decltype(&::cudnnGetLastErrorString) last_error = nullptr;
  decltype(&::cudnnCreate) create_handle = nullptr;
  decltype(&::cudnnDestroy) destroy_handle = nullptr;
  decltype(&::cudnnSetStream) set_stream = nullptr;
  decltype(&::cudnnBackendCreateDescriptor) create = nullptr;
  decltype(&::cudnnBackendDestroyDescriptor) destroy = nullptr;
  decltype(&::cudnnBackendSetAttribute) set = nullptr;
  decltype(&::cudnnBackendGetAttribute) get = nullptr;
  decltype(&::cudnnBackendFinalize) finalize = nullptr;
  decltype(&::cudnnBackendExecute) execute = nullptr;
};

/// Throws Unsupported where libcudnn.so.9 is missing or older than 9.11 (the first with 192/128 backward).
const CudnnApi& Cudnn();
/// "9.19.0".
std::string CudnnVersionText();
/// Throws DeviceError with cuDNN's own reason unless `status` is success.
void CheckCudnn(cudnnStatus_t status, const char* what);

/// A backend descriptor, destroyed with the object.
class CudnnDescriptor {
 public:
  CudnnDescriptor() = default;
  explicit CudnnDescriptor(cudnnBackendDescriptorType_t type);
  ~CudnnDescriptor();
  CudnnDescriptor(CudnnDescriptor&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  CudnnDescriptor& operator=(CudnnDescriptor&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  CudnnDescriptor(const CudnnDescriptor&) = delete;
  CudnnDescriptor& operator=(const CudnnDescriptor&) = delete;

  cudnnBackendDescriptor_t raw() const { return raw_; }
  template <typename T>
  CudnnDescriptor& Set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const T& value) {
    return SetMany(name, type, 1, &value);
  }
  CudnnDescriptor& SetMany(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                           std::size_t count, const void* values);
  CudnnDescriptor& Link(cudnnBackendAttributeName_t name, const CudnnDescriptor& other) {
    return Set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, other.raw_);
  }
  CudnnDescriptor& Finalize();

 private:
  cudnnBackendDescriptor_t raw_ = nullptr;
};

/// The device that plans are made for: this machine's, or one described in words, for which plans can be
/// chosen (not run) where there is no GPU.
class CudnnDevice {
 public:
  /// GPU 0 of this machine, with a handle to run on.
  CudnnDevice();
  /// `json`: cuDNN's own form (CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION).
  explicit CudnnDevice(const std::string& json);
  ~CudnnDevice();
  CudnnDevice(const CudnnDevice&) = delete;
  CudnnDevice& operator=(const CudnnDevice&) = delete;
  cudnnHandle_t handle() const { return handle_; }
  /// Tells a descriptor which device it is for: by the handle's attribute on this machine, else by the
  /// properties' (0 where the descriptor has none of that sort).
  void Give(CudnnDescriptor& descriptor, int handle_attribute, int properties_attribute) const;

 private:
  cudnnHandle_t handle_ = nullptr;
  CudnnDescriptor properties_;  // of a device in words
};

}  // namespace orrery::profiler
