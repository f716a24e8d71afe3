// The one way kernels are launched and reach their shared memory. Tests put a header of the same name before
// it on the include path that runs the kernels on the CPU instead (tests/device/emulator/).
#pragma once

#include <cstddef>
#include <utility>

#include <cuda_runtime.h>

#include "profiler/device/runtime/cuda_support.h"

namespace orrery::profiler {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;  ///< dynamic, up to 227 KiB
  cudaStream_t stream = nullptr;
  unsigned cluster = 1;  ///< CTAs along x; divides grid.x
};

/// Throws DeviceError if the launch is refused; does not wait.
template <typename... Parameters, typename... Arguments>
void LaunchKernel(const LaunchShape& shape, void (*kernel)(Parameters...), Arguments&&... arguments) {
  constexpr std::size_t kWithoutOptIn = 48 * 1024;  // CUDA's limit for kernels that did not ask for more
  if (shape.shared_bytes > kWithoutOptIn) {
    ORRERY_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                           static_cast<int>(shape.shared_bytes)));
  }
  cudaLaunchAttribute attribute;
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {shape.cluster, 1, 1};
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = shape.stream;
  config.attrs = &attribute;
  config.numAttrs = shape.cluster > 1 ? 1 : 0;
  ORRERY_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...));
}

/// The dynamic shared memory of this CTA, aligned to 1024 bytes.
template <typename Storage>
__device__ __forceinline__ Storage& DynamicShared() {
  extern __shared__ __align__(1024) unsigned char dynamic_shared[];
  return *reinterpret_cast<Storage*>(dynamic_shared);
}

}  // namespace orrery::profiler
