// What the memory-bound kernels share: 16-byte vectors of eight bf16, block sums, FP8 conversion.
#pragma once

#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_fp8.h>

namespace orrery::profiler {

inline constexpr float kFp8Max = 448.0f;    ///< largest finite e4m3
inline constexpr float kTinyAmax = 1e-12f;  ///< keeps the scale of an all-zero block finite

struct Floats8 {
  float v[8];
};

__device__ __forceinline__ Floats8 Load8(const __nv_bfloat16* source) {
  const uint4 raw = *reinterpret_cast<const uint4*>(source);
  const auto* pairs = reinterpret_cast<const __nv_bfloat162*>(&raw);
  Floats8 out;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float2 pair = __bfloat1622float2(pairs[i]);
    out.v[2 * i] = pair.x;
    out.v[2 * i + 1] = pair.y;
  }
  return out;
}

__device__ __forceinline__ void Store8(__nv_bfloat16* target, const Floats8& value) {
  uint4 raw;
  auto* pairs = reinterpret_cast<__nv_bfloat162*>(&raw);
#pragma unroll
  for (int i = 0; i < 4; ++i) pairs[i] = __floats2bfloat162_rn(value.v[2 * i], value.v[2 * i + 1]);
  *reinterpret_cast<uint4*>(target) = raw;
}

/// Eight floats times `inverse_scale` as e4m3, saturating.
__device__ __forceinline__ uint2 ToFp8(const Floats8& value, float inverse_scale) {
  std::uint32_t words[2];
#pragma unroll
  for (int w = 0; w < 2; ++w) {
    const float* v = value.v + 4 * w;
    const std::uint32_t low = __nv_cvt_float2_to_fp8x2(
        make_float2(v[0] * inverse_scale, v[1] * inverse_scale), __NV_SATFINITE, __NV_E4M3);
    const std::uint32_t high = __nv_cvt_float2_to_fp8x2(
        make_float2(v[2] * inverse_scale, v[3] * inverse_scale), __NV_SATFINITE, __NV_E4M3);
    words[w] = low | high << 16;
  }
  return make_uint2(words[0], words[1]);
}

__device__ __forceinline__ Floats8 FromFp8(uint2 raw, float scale) {
  Floats8 out;
  const std::uint32_t words[2] = {raw.x, raw.y};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const auto pair = static_cast<__nv_fp8x2_storage_t>(words[i / 2] >> (i % 2 * 16));
    const __half2_raw halves = __nv_cvt_fp8x2_to_halfraw2(pair, __NV_E4M3);
    const float2 floats = __half22float2(__half2(halves));
    out.v[2 * i] = floats.x * scale;
    out.v[2 * i + 1] = floats.y * scale;
  }
  return out;
}

__device__ __forceinline__ float AbsMax(const Floats8& value) {
  float max = 0.0f;
#pragma unroll
  for (int i = 0; i < 8; ++i) max = fmaxf(max, fabsf(value.v[i]));
  return max;
}

/// Maximum over the 16 lanes of a half warp: 16 x 8 elements are one 1x128 scaling block.
__device__ __forceinline__ float HalfWarpMax(float value) {
#pragma unroll
  for (int step = 8; step > 0; step /= 2) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, step));
  return value;
}

/// Sums of `kCount` values over the block; every thread gets them. blockDim.x is a multiple of 32, at most
/// 1024.
template <int kCount>
__device__ __forceinline__ void BlockSum(float (&values)[kCount]) {
  __shared__ float partial[32][kCount];
  const unsigned warp = threadIdx.x / 32;
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    for (int step = 16; step > 0; step /= 2) values[i] += __shfl_xor_sync(0xffffffffu, values[i], step);
    if (threadIdx.x % 32 == 0) partial[warp][i] = values[i];
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    values[i] = 0.0f;
    for (unsigned w = 0; w < blockDim.x / 32; ++w) values[i] += partial[w][i];
  }
  __syncthreads();
}

}  // namespace orrery::profiler
