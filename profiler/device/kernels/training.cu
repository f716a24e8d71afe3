// The optimizer step and the loss of the output head.
#include "profiler/device/kernels/kernels.h"
#include "profiler/device/kernels/launch.cuh"
#include "profiler/device/kernels/rows.cuh"
#include "profiler/device/runtime/cuda_support.h"

namespace orrery::profiler {
namespace {

__global__ void __launch_bounds__(256) AdamWKernel(AdamWStep s, long vectors, const float* gradient,
                                                   float* master, Bf16* m_all, Bf16* v_all, Bf16* weight) {
  const long i = static_cast<long>(blockIdx.x) * 256 + threadIdx.x;
  if (i >= vectors) return;
  Floats8 g;
  Floats8 w;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    *reinterpret_cast<float4*>(g.v + 4 * h) = reinterpret_cast<const float4*>(gradient)[2 * i + h];
    *reinterpret_cast<float4*>(w.v + 4 * h) = reinterpret_cast<const float4*>(master)[2 * i + h];
  }
  Floats8 m = Load8(m_all + 8 * i);
  Floats8 v = Load8(v_all + 8 * i);
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    m.v[j] = s.beta1 * m.v[j] + (1.0f - s.beta1) * g.v[j];
    v.v[j] = s.beta2 * v.v[j] + (1.0f - s.beta2) * g.v[j] * g.v[j];
    const float step = m.v[j] * s.correction1 / (sqrtf(v.v[j] * s.correction2) + s.epsilon);
    w.v[j] -= s.learning_rate * (step + s.weight_decay * w.v[j]);
  }
#pragma unroll
  for (int h = 0; h < 2; ++h)
    reinterpret_cast<float4*>(master)[2 * i + h] = *reinterpret_cast<const float4*>(w.v + 4 * h);
  Store8(m_all + 8 * i, m);
  Store8(v_all + 8 * i, v);
  Store8(weight + 8 * i, w);
}

// Running maximum and sum of exponentials of one thread.
struct Softmax {
  float max = -INFINITY;
  float sum = 0.0f;
  __device__ void Add(float value) {
    if (value > max) sum *= __expf(max - value), max = value;
    sum += __expf(value - max);
  }
  __device__ void Merge(float other_max, float other_sum) {
    const float next = fmaxf(max, other_max);
    if (next == -INFINITY) return;
    sum = sum * __expf(max - next) + other_sum * __expf(other_max - next);
    max = next;
  }
};

__device__ Softmax BlockMerge(Softmax mine) {
  __shared__ float maxima[32];
  __shared__ float sums[32];
  for (int step = 16; step > 0; step /= 2) {
    const float max = __shfl_xor_sync(0xffffffffu, mine.max, step);
    mine.Merge(max, __shfl_xor_sync(0xffffffffu, mine.sum, step));
  }
  if (threadIdx.x % 32 == 0) maxima[threadIdx.x / 32] = mine.max, sums[threadIdx.x / 32] = mine.sum;
  __syncthreads();
  Softmax all;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) all.Merge(maxima[w], sums[w]);
  return all;
}

__global__ void __launch_bounds__(1024)
    CrossEntropyKernel(Bf16* logits, const int* targets, int vocabulary, float inverse_rows, float* losses) {
  Bf16* row = logits + static_cast<long>(blockIdx.x) * vocabulary;
  const int target = targets[blockIdx.x];
  const float target_logit = __bfloat162float(row[target]);
  Softmax mine;
  for (int col = static_cast<int>(threadIdx.x) * 8; col < vocabulary; col += 8192) {
    const Floats8 v = Load8(row + col);
#pragma unroll
    for (int j = 0; j < 8; ++j) mine.Add(v.v[j]);
  }
  const Softmax all = BlockMerge(mine);
  for (int col = static_cast<int>(threadIdx.x) * 8; col < vocabulary; col += 8192) {
    Floats8 v = Load8(row + col);
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      const float p = __expf(v.v[j] - all.max) / all.sum;
      v.v[j] = (p - (col + j == target ? 1.0f : 0.0f)) * inverse_rows;
    }
    Store8(row + col, v);
  }
  if (threadIdx.x == 0) losses[blockIdx.x] = logf(all.sum) + all.max - target_logit;
}

}  // namespace

void LaunchAdamW(const AdamWStep& step, long count, const float* gradient, float* master, Bf16* m, Bf16* v,
                 Bf16* weight, cudaStream_t stream) {
  const long vectors = count / 8;
  LaunchKernel({static_cast<unsigned>((vectors + 255) / 256), 256, 0, stream}, AdamWKernel, step, vectors,
               gradient, master, m, v, weight);
}

void LaunchCrossEntropy(Bf16* logits, const int* targets, int rows, int vocabulary, float* losses,
                        cudaStream_t stream) {
  if (vocabulary % 8 != 0) throw DeviceError("cross entropy: the vocabulary must be a multiple of 8");
  LaunchKernel({static_cast<unsigned>(rows), 1024, 0, stream}, CrossEntropyKernel, logits, targets,
               vocabulary, 1.0f / static_cast<float>(rows), losses);
}

}  // namespace orrery::profiler
