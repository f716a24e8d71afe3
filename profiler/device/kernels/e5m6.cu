// The 12-bit format in which attention outputs are kept for the backward pass: half precision with 6 mantissa
// bits.
#include <cuda_fp16.h>

#include "profiler/device/kernels/kernels.h"
#include "profiler/device/kernels/launch.cuh"
#include "profiler/device/kernels/rows.cuh"
#include "profiler/device/runtime/cuda_support.h"

namespace orrery::profiler {
namespace {

// Half bits rounded to 6 mantissa bits (to nearest, ties to even), the low four dropped.
__device__ std::uint32_t ToE5M6(float value) {
  const std::uint32_t half = __half_as_ushort(__float2half_rn(value));
  return (half + 7u + (half >> 4 & 1u)) >> 4;
}

__device__ float FromE5M6(std::uint32_t bits) {
  return __half2float(__ushort_as_half(static_cast<unsigned short>(bits << 4)));
}

// The power of two that brings amax just below 2^15, inside half's range after rounding.
__device__ float PowerScale(float amax) { return exp2f(ceilf(log2f(fmaxf(amax, kTinyAmax))) - 15.0f); }

__global__ void __launch_bounds__(512) SaveKernel(const Bf16* in, std::uint32_t* out, float* scales) {
  const long i = static_cast<long>(blockIdx.x) * 512 + threadIdx.x;
  const Floats8 value = Load8(in + i * 8);
  const float scale = PowerScale(HalfWarpMax(AbsMax(value)));
  const float inverse = 1.0f / scale;
  std::uint32_t c[8];
#pragma unroll
  for (int j = 0; j < 8; ++j) c[j] = ToE5M6(value.v[j] * inverse);
  out[3 * i] = c[0] | c[1] << 12 | c[2] << 24;
  out[3 * i + 1] = c[2] >> 8 | c[3] << 4 | c[4] << 16 | c[5] << 28;
  out[3 * i + 2] = c[5] >> 4 | c[6] << 8 | c[7] << 20;
  if (threadIdx.x % 16 == 0) scales[i / 16] = scale;
}

__global__ void __launch_bounds__(512)
    RestoreKernel(const std::uint32_t* in, const float* scales, Bf16* out) {
  const long i = static_cast<long>(blockIdx.x) * 512 + threadIdx.x;
  const std::uint32_t w0 = in[3 * i];
  const std::uint32_t w1 = in[3 * i + 1];
  const std::uint32_t w2 = in[3 * i + 2];
  const std::uint32_t c[8] = {w0,      w0 >> 12, w0 >> 24 | w1 << 8, w1 >> 4, w1 >> 16, w1 >> 28 | w2 << 4,
                              w2 >> 8, w2 >> 20};
  Floats8 value;
#pragma unroll
  for (int j = 0; j < 8; ++j) value.v[j] = FromE5M6(c[j] & 0xFFFu) * scales[i / 16];
  Store8(out + i * 8, value);
}

}  // namespace

void LaunchSaveE5M6(const Bf16* in, long count, std::uint32_t* out, float* scales, cudaStream_t stream) {
  LaunchKernel({static_cast<unsigned>(count / 4096), 512, 0, stream}, SaveKernel, in, out, scales);
}

void LaunchRestoreE5M6(const std::uint32_t* in, const float* scales, long count, Bf16* out,
                       cudaStream_t stream) {
  LaunchKernel({static_cast<unsigned>(count / 4096), 512, 0, stream}, RestoreKernel, in, scales, out);
}

}  // namespace orrery::profiler
