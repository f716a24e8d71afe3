// A copy confined to a number of multiprocessors: the stand-in for DeepEP's 20 communication SMs, alone or as the
// neighbour of a measured kernel.
#include <algorithm>

#include "profiler/device/kernels/kernels.h"
#include "profiler/device/kernels/launch.cuh"
#include "profiler/device/kernels/ptx.cuh"
#include "profiler/device/runtime/cuda_support.h"

namespace orrery::profiler {
namespace {

constexpr int kThreads = 1024;
constexpr int kUnroll = 4;
/// Shared memory that no second CTA fits beside (228 KiB per multiprocessor): one CTA per multiprocessor.
constexpr int kExclusiveBytes = 200 * 1024;

__device__ __forceinline__ void CopyOnce(const uint4* in, uint4* out, long vectors) {
  const long step = static_cast<long>(gridDim.x) * kThreads;
  long i = static_cast<long>(blockIdx.x) * kThreads + threadIdx.x;
  for (; i + (kUnroll - 1) * step < vectors; i += kUnroll * step) {
    uint4 v[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) v[u] = in[i + u * step];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) out[i + u * step] = v[u];
  }
  for (; i < vectors; i += step) out[i] = in[i];
}

__global__ void __launch_bounds__(kThreads, 1) SmCopyKernel(const uint4* in, uint4* out, long vectors) {
  CopyOnce(in, out, vectors);
}

__global__ void __launch_bounds__(kThreads, 1)
    NeighbourCopyKernel(const uint4* in, uint4* out, long vectors, const volatile int* stop,
                        std::uint64_t limit_ns) {
  __shared__ int done;
  const std::uint64_t start = ptx::Nanoseconds();
  while (true) {
    CopyOnce(in, out, vectors);
    __syncthreads();
    if (threadIdx.x == 0) done = *stop != 0 || ptx::Nanoseconds() - start > limit_ns;
    __syncthreads();
    if (done != 0) return;
  }
}

__global__ void EmptyKernel() {}

}  // namespace

void LaunchSmCopy(const void* in, void* out, std::size_t bytes, int sms, cudaStream_t stream) {
  LaunchKernel({static_cast<unsigned>(sms), kThreads, kExclusiveBytes, stream}, SmCopyKernel,
               static_cast<const uint4*>(in), static_cast<uint4*>(out),
               static_cast<long>(bytes / sizeof(uint4)));
}

void LaunchNeighbourCopy(const void* in, void* out, std::size_t bytes, int sms, const volatile int* stop,
                         std::uint64_t limit_ns, cudaStream_t stream) {
  LaunchKernel({static_cast<unsigned>(sms), kThreads, kExclusiveBytes, stream}, NeighbourCopyKernel,
               static_cast<const uint4*>(in), static_cast<uint4*>(out),
               static_cast<long>(bytes / sizeof(uint4)), stop, limit_ns);
}

void LaunchEmpty(cudaStream_t stream) { LaunchKernel({1, 32, 0, stream}, EmptyKernel); }

}  // namespace orrery::profiler
