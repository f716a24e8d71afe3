// Stands for profiler/device/kernels/launch.cuh: kernels run on the CPU, at once.
#pragma once

#include <tuple>
#include <utility>

#include "profiler/device/runtime/cuda_support.h"
#include "tests/device/emulator/machine.h"
#include "tests/device/emulator/runtime.h"

namespace orrery::profiler {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;
  cudaStream_t stream = nullptr;
  unsigned cluster = 1;
};

template <typename... Parameters, typename... Arguments>
void LaunchKernel(const LaunchShape& shape, void (*kernel)(Parameters...), Arguments&&... arguments) {
  emulator::UseStream(shape.stream);
  const std::tuple<Parameters...> copies(std::forward<Arguments>(arguments)...);
  emulator::RunGrid({shape.grid, shape.block, shape.shared_bytes, shape.cluster},
                    [&] { std::apply(kernel, copies); });
}

template <typename Storage>
Storage& DynamicShared() {
  auto* data = emulator::Current().cta->shared.data();
  (void)emulator::Current().cta->shared.AddressOf(data, sizeof(Storage));
  return *reinterpret_cast<Storage*>(data);
}

}  // namespace orrery::profiler
