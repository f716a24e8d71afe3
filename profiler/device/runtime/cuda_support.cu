#include "profiler/device/runtime/cuda_support.h"

namespace orrery::profiler {

void CheckCuda(cudaError_t code, const char* expression, const char* file, int line) {
  if (code == cudaSuccess) return;
  throw DeviceError(std::string(file) + ":" + std::to_string(line) + ": " + expression + ": " +
                    cudaGetErrorName(code) + " (" + cudaGetErrorString(code) + ")");
}

DeviceBuffer::DeviceBuffer(std::size_t bytes) : bytes_(bytes) {
  if (bytes > 0) ORRERY_CUDA_CHECK(cudaMalloc(&data_, bytes));
}

DeviceBuffer::~DeviceBuffer() {
  if (data_ != nullptr) cudaFree(data_);
}

DeviceBuffer& DeviceBuffer::operator=(DeviceBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

}  // namespace orrery::profiler
