// Merges the partial results of split sequences, weighting each by its log-sum-exp.
#pragma once

#include <cuda_bf16.h>

#include "profiler/device/kernels/launch.cuh"
#include "profiler/device/runtime/cuda_support.h"

namespace orrery::profiler {

/// One block per query row of every sequence, one thread per four columns. Sequences without slots are left
/// alone.
template <int kWidth>
__global__ void __launch_bounds__(kWidth / 4)
    CombineKernel(const float* partial_out, const float* partial_lse, const int* slot_begin, int rows,
                  __nv_bfloat16* out) {
  const int sequence = static_cast<int>(blockIdx.y);
  const long row = blockIdx.x;
  const int begin = slot_begin[sequence];
  const int end = slot_begin[sequence + 1];
  if (begin == end) return;
  float max = -INFINITY;
  for (int slot = begin; slot < end; ++slot)
    max = fmaxf(max, partial_lse[static_cast<long>(slot) * rows + row]);
  float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  float weights = 0.0f;
  for (int slot = begin; slot < end; ++slot) {
    const long at = static_cast<long>(slot) * rows + row;
    const float weight = max == -INFINITY ? 0.0f : exp2f(partial_lse[at] - max);
    const float4 v = reinterpret_cast<const float4*>(partial_out + at * kWidth)[threadIdx.x];
    sum.x += weight * v.x;
    sum.y += weight * v.y;
    sum.z += weight * v.z;
    sum.w += weight * v.w;
    weights += weight;
  }
  const float inverse = weights > 0.0f ? 1.0f / weights : 0.0f;
  const __nv_bfloat162 low = __floats2bfloat162_rn(sum.x * inverse, sum.y * inverse);
  const __nv_bfloat162 high = __floats2bfloat162_rn(sum.z * inverse, sum.w * inverse);
  auto* target =
      reinterpret_cast<__nv_bfloat162*>(out + (static_cast<long>(sequence) * rows + row) * kWidth) +
      2 * threadIdx.x;
  target[0] = low;
  target[1] = high;
}

template <int kWidth>
void LaunchCombine(const float* partial_out, const float* partial_lse, const int* slot_begin, int sequences,
                   int rows, __nv_bfloat16* out, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(rows), static_cast<unsigned>(sequences));
  LaunchKernel({grid, kWidth / 4, 0, stream}, CombineKernel<kWidth>, partial_out, partial_lse, slot_begin,
               rows, out);
}

}  // namespace orrery::profiler
