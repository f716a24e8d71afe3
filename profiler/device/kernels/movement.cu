// Rotary embedding, assembly of keys and values, and the moves of rows between tokens and experts.
#include "profiler/device/kernels/kernels.h"
#include "profiler/device/kernels/launch.cuh"
#include "profiler/device/kernels/rows.cuh"
#include "profiler/device/runtime/cuda_support.h"

namespace orrery::profiler {
namespace {

constexpr int kRotary = 64;

unsigned Blocks(long items, long per_block) {
  return static_cast<unsigned>((items + per_block - 1) / per_block);
}

// Eight threads per head, eight columns (four pairs) each.
__global__ void __launch_bounds__(256)
    RopeKernel(Bf16* q, long vectors, int heads, int width, const float2* cos_sin) {
  const long i = static_cast<long>(blockIdx.x) * 256 + threadIdx.x;
  if (i >= vectors) return;
  const long head = i / 8;
  const int part = static_cast<int>(i % 8);
  Bf16* target = q + head * width + width - kRotary + part * 8;
  const float2* angles = cos_sin + head / heads * (kRotary / 2) + part * 4;
  Floats8 v = Load8(target);
#pragma unroll
  for (int p = 0; p < 4; ++p) {
    const float2 a = angles[p];
    const float x = v.v[2 * p];
    const float y = v.v[2 * p + 1];
    v.v[2 * p] = x * a.x - y * a.y;
    v.v[2 * p + 1] = x * a.y + y * a.x;
  }
  Store8(target, v);
}

// Forty 16-byte vectors per head: 24 of the key (16 own, 8 shared rotary), 16 of the value.
__global__ void __launch_bounds__(320)
    AssembleKvKernel(const uint4* kv, const uint4* k_rope, int heads, uint4* k, uint4* v) {
  const long head = static_cast<long>(blockIdx.x) * 8 + threadIdx.x / 40;
  const int part = static_cast<int>(threadIdx.x) % 40;
  if (part < 16) {
    k[head * 24 + part] = kv[head * 32 + part];
  } else if (part < 24) {
    k[head * 24 + part] = k_rope[head / heads * 8 + part - 16];
  } else {
    v[head * 16 + part - 24] = kv[head * 32 + part - 8];
  }
}

__global__ void __launch_bounds__(256)
    ResidualAddKernel(const Bf16* a, const Bf16* b, long vectors, Bf16* out) {
  const long i = static_cast<long>(blockIdx.x) * 256 + threadIdx.x;
  if (i >= vectors) return;
  Floats8 x = Load8(a + i * 8);
  const Floats8 y = Load8(b + i * 8);
#pragma unroll
  for (int j = 0; j < 8; ++j) x.v[j] += y.v[j];
  Store8(out + i * 8, x);
}

__global__ void __launch_bounds__(256)
    PermuteKernel(const uint4* in, const float* in_scales, const int* index, int vectors, int row_scales,
                  uint4* out, float* out_scales) {
  const long target = blockIdx.x;
  const long source = index[target];
  for (int i = static_cast<int>(threadIdx.x); i < vectors; i += 256)
    out[target * vectors + i] = in[source * vectors + i];
  for (int i = static_cast<int>(threadIdx.x); i < row_scales; i += 256) {
    out_scales[target * row_scales + i] = in_scales[source * row_scales + i];
  }
}

__global__ void __launch_bounds__(256)
    UnpermuteKernel(const Bf16* in, const int* begin, const int* list, int cols, Bf16* out) {
  const int first = begin[blockIdx.x];
  const int last = begin[blockIdx.x + 1];
  for (int col = static_cast<int>(threadIdx.x) * 8; col < cols; col += 2048) {
    Floats8 sum{};
    for (int i = first; i < last; ++i) {
      const Floats8 v = Load8(in + static_cast<long>(list[i]) * cols + col);
#pragma unroll
      for (int j = 0; j < 8; ++j) sum.v[j] += v.v[j];
    }
    Store8(out + static_cast<long>(blockIdx.x) * cols + col, sum);
  }
}

}  // namespace

void LaunchRope(Bf16* q, int tokens, int heads, int width, const float2* cos_sin, cudaStream_t stream) {
  const long vectors = static_cast<long>(tokens) * heads * (kRotary / 8);
  LaunchKernel({Blocks(vectors, 256), 256, 0, stream}, RopeKernel, q, vectors, heads, width, cos_sin);
}

void LaunchAssembleKv(const Bf16* kv, const Bf16* k_rope, int tokens, int heads, Bf16* k, Bf16* v,
                      cudaStream_t stream) {
  const long all_heads = static_cast<long>(tokens) * heads;
  if (all_heads % 8 != 0) throw DeviceError("assemble: tokens x heads must be a multiple of 8");
  LaunchKernel({Blocks(all_heads, 8), 320, 0, stream}, AssembleKvKernel, reinterpret_cast<const uint4*>(kv),
               reinterpret_cast<const uint4*>(k_rope), heads, reinterpret_cast<uint4*>(k),
               reinterpret_cast<uint4*>(v));
}

void LaunchResidualAdd(const Bf16* a, const Bf16* b, long count, Bf16* out, cudaStream_t stream) {
  LaunchKernel({Blocks(count / 8, 256), 256, 0, stream}, ResidualAddKernel, a, b, count / 8, out);
}

void LaunchPermute(const Fp8* in, const float* in_scales, const int* index, int rows, int bytes_per_row,
                   int row_scales, Fp8* out, float* out_scales, cudaStream_t stream) {
  LaunchKernel({static_cast<unsigned>(rows), 256, 0, stream}, PermuteKernel,
               reinterpret_cast<const uint4*>(in), in_scales, index, bytes_per_row / 16, row_scales,
               reinterpret_cast<uint4*>(out), out_scales);
}

void LaunchUnpermute(const Bf16* in, const int* begin, const int* list, int rows, int cols, Bf16* out,
                     cudaStream_t stream) {
  LaunchKernel({static_cast<unsigned>(rows), 256, 0, stream}, UnpermuteKernel, in, begin, list, cols, out);
}

void LaunchEmbedding(const Bf16* table, const int* tokens, int count, int cols, Bf16* out,
                     cudaStream_t stream) {
  LaunchKernel({static_cast<unsigned>(count), 256, 0, stream}, PermuteKernel,
               reinterpret_cast<const uint4*>(table), nullptr, tokens, cols / 8, 0,
               reinterpret_cast<uint4*>(out), nullptr);
}

}  // namespace orrery::profiler
