// DeepSeek-V3's gate (arXiv:2412.19437, section 2.1.2; node-limited by groups) and the map from choices to
// expert rows.
#include "profiler/device/kernels/kernels.h"
#include "profiler/device/kernels/launch.cuh"
#include "profiler/device/runtime/cuda_support.h"

namespace orrery::profiler {
namespace {

constexpr int kGroups = 8;
constexpr int kPerGroup = 32;  // one lane each
constexpr int kKeptGroups = 4;
constexpr int kChoices = 8;
constexpr unsigned kAll = 0xffffffffu;

// Largest value of the warp and its index; equal values go to the lower index.
struct Best {
  float value;
  int index;
};

__device__ __forceinline__ Best WarpBest(Best mine) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) {
    const Best other{__shfl_xor_sync(kAll, mine.value, step), __shfl_xor_sync(kAll, mine.index, step)};
    if (other.value > mine.value || (other.value == mine.value && other.index < mine.index)) mine = other;
  }
  return mine;
}

// Sum of the two best of a group whose members lie one per lane.
__device__ __forceinline__ float GroupScore(float value) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const Best first = WarpBest({value, lane});
  const Best second = WarpBest({lane == first.index ? -INFINITY : value, lane});
  return first.value + second.value;
}

// Sets the members of all but the kKeptGroups best groups to -infinity.
__device__ __forceinline__ void KeepGroups(float (&biased)[kGroups]) {
  float score[kGroups];
#pragma unroll
  for (int g = 0; g < kGroups; ++g) score[g] = GroupScore(biased[g]);
#pragma unroll
  for (int g = 0; g < kGroups; ++g) {
    int better = 0;
#pragma unroll
    for (int other = 0; other < kGroups; ++other) {
      better += score[other] > score[g] || (score[other] == score[g] && other < g) ? 1 : 0;
    }
    if (better >= kKeptGroups) biased[g] = -INFINITY;
  }
}

// Best of the lane's eight candidates.
__device__ __forceinline__ Best LaneBest(const float (&biased)[kGroups]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  Best best{-INFINITY, 1 << 20};
#pragma unroll
  for (int g = 0; g < kGroups; ++g) {
    if (biased[g] > best.value) best = {biased[g], g * kPerGroup + lane};
  }
  return best;
}

// One warp per token.
__global__ void __launch_bounds__(256) GroupTopKKernel(const float* logits, const float* bias, int tokens,
                                                       float factor, int* experts, float* weights) {
  const int token = static_cast<int>(blockIdx.x) * 8 + static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if (token >= tokens) return;
  float score[kGroups];
  float biased[kGroups];
#pragma unroll
  for (int g = 0; g < kGroups; ++g) {
    const int expert = g * kPerGroup + lane;
    score[g] = 1.0f / (1.0f + __expf(-logits[static_cast<long>(token) * 256 + expert]));
    biased[g] = score[g] + bias[expert];
  }
  KeepGroups(biased);
  float sum = 0.0f;
  float weight = 0.0f;  // of choice `lane`
  int chosen = 0;
#pragma unroll
  for (int c = 0; c < kChoices; ++c) {
    const Best best = WarpBest(LaneBest(biased));
    float own = 0.0f;
#pragma unroll
    for (int g = 0; g < kGroups; ++g) {
      if (best.index == g * kPerGroup + lane) own = score[g], biased[g] = -INFINITY;
    }
    const float value = __shfl_sync(kAll, own, best.index % kPerGroup);
    sum += value;
    if (lane == c) weight = value, chosen = best.index;
  }
  if (lane < kChoices) {
    experts[token * kChoices + lane] = chosen;
    weights[token * kChoices + lane] = weight / sum * factor;
  }
}

constexpr int kMaxExperts = 256;

__global__ void __launch_bounds__(256) CountKernel(const int* experts, int assignments, int* counts) {
  __shared__ int local[kMaxExperts];
  local[threadIdx.x] = 0;
  __syncthreads();
  for (int i = static_cast<int>(blockIdx.x * 256 + threadIdx.x); i < assignments;
       i += static_cast<int>(gridDim.x) * 256) {
    atomicAdd(&local[experts[i]], 1);
  }
  __syncthreads();
  if (local[threadIdx.x] > 0) atomicAdd(&counts[threadIdx.x], local[threadIdx.x]);
}

// Exclusive sum of the counts padded to 128 rows; clears the cursors for the next kernel.
__global__ void __launch_bounds__(256)
    FirstRowKernel(const int* counts, int expert_count, int* first_row, int* cursor) {
  __shared__ int sums[kMaxExperts];
  const int expert = static_cast<int>(threadIdx.x);
  const int padded = expert < expert_count ? (counts[expert] + 127) / 128 * 128 : 0;
  sums[expert] = padded;
  __syncthreads();
  for (int step = 1; step < kMaxExperts; step *= 2) {
    const int before = expert >= step ? sums[expert - step] : 0;
    __syncthreads();
    sums[expert] += before;
    __syncthreads();
  }
  if (expert < expert_count) first_row[expert] = sums[expert] - padded, cursor[expert] = 0;
}

__global__ void __launch_bounds__(256)
    RowKernel(const int* experts, int assignments, const int* first_row, int* cursor, int* row_of) {
  const int i = static_cast<int>(blockIdx.x * 256 + threadIdx.x);
  if (i >= assignments) return;
  row_of[i] = first_row[experts[i]] + atomicAdd(&cursor[experts[i]], 1);
}

}  // namespace

void LaunchGroupTopK(const float* logits, const float* bias, int tokens, float factor, int* experts,
                     float* weights, cudaStream_t stream) {
  LaunchKernel({static_cast<unsigned>((tokens + 7) / 8), 256, 0, stream}, GroupTopKKernel, logits, bias,
               tokens, factor, experts, weights);
}

void LaunchBuildMap(const int* experts, int assignments, int expert_count, int* counts, int* first_row,
                    int* cursor, int* row_of, cudaStream_t stream) {
  if (expert_count > kMaxExperts) throw DeviceError("router map: at most 256 experts");
  ORRERY_CUDA_CHECK(cudaMemsetAsync(counts, 0, static_cast<std::size_t>(expert_count) * sizeof(int), stream));
  const auto blocks = static_cast<unsigned>((assignments + 255) / 256);
  const unsigned count_blocks = blocks < 64 ? blocks : 64;
  LaunchKernel({count_blocks, 256, 0, stream}, CountKernel, experts, assignments, counts);
  LaunchKernel({1, 256, 0, stream}, FirstRowKernel, counts, expert_count, first_row, cursor);
  LaunchKernel({blocks, 256, 0, stream}, RowKernel, experts, assignments, first_row, cursor, row_of);
}

}  // namespace orrery::profiler
