// FP8 conversions: per 1x128, per 128x1 with transpose, back, and the raw transpose of weights.
#include "profiler/device/kernels/kernels.h"
#include "profiler/device/kernels/launch.cuh"
#include "profiler/device/kernels/rows.cuh"
#include "profiler/device/runtime/cuda_support.h"

namespace orrery::profiler {
namespace {

constexpr int kCastRows = 8;  // rows and 1x128 blocks of one CTA: 32 bytes of scales at a time
constexpr int kCastBlocks = 4;

__global__ void __launch_bounds__(512)
    CastKernel(const Bf16* in, int rows, int cols, Fp8* out, float* scales, int stride) {
  const int part = static_cast<int>(threadIdx.x) / 16;  // 16 threads per 1x128 block
  const int row = static_cast<int>(blockIdx.y) * kCastRows + part / kCastBlocks;
  const int block = static_cast<int>(blockIdx.x) * kCastBlocks + part % kCastBlocks;
  const bool inside = row < rows && block * 128 < cols;
  const long at = static_cast<long>(row) * cols + block * 128 + static_cast<int>(threadIdx.x) % 16 * 8;
  Floats8 value{};
  if (inside) value = Load8(in + at);
  const float amax = fmaxf(HalfWarpMax(AbsMax(value)), kTinyAmax);
  if (!inside) return;
  *reinterpret_cast<uint2*>(out + at) = ToFp8(value, kFp8Max / amax);
  if (threadIdx.x % 16 == 0) scales[static_cast<long>(block) * stride + row] = amax / kFp8Max;
}

constexpr int kTileRows = 128;
constexpr int kTileCols = 64;
constexpr int kTilePitch = kTileCols + 2;  // bf16; 33 words: columns fall into different banks
constexpr int kOutPitch = kTileRows + 16;

struct Bf16Source {
  const Bf16* in;
  int cols;
  __device__ Floats8 Load(int row, int col) const { return Load8(in + static_cast<long>(row) * cols + col); }
};

struct GatheredFp8Source {
  const Fp8* in;
  const float* scales;
  const int* gather;
  int stride;
  int cols;
  __device__ Floats8 Load(int row, int col) const {
    const int source = gather[row];
    const uint2 raw = *reinterpret_cast<const uint2*>(in + static_cast<long>(source) * cols + col);
    return FromFp8(raw, scales[static_cast<long>(col / 128) * stride + source]);
  }
};

// Largest magnitude of each of the tile's columns.
__device__ void ColumnAmax(const Bf16* tile, float* amax) {
  __shared__ float quarter[4][kTileCols];
  const int col = static_cast<int>(threadIdx.x) % kTileCols;
  const int first = static_cast<int>(threadIdx.x) / kTileCols * 32;
  float max = 0.0f;
  for (int row = first; row < first + 32; ++row)
    max = fmaxf(max, fabsf(__bfloat162float(tile[row * kTilePitch + col])));
  quarter[first / 32][col] = max;
  __syncthreads();
  if (threadIdx.x < kTileCols) {
    amax[col] = fmaxf(fmaxf(fmaxf(quarter[0][col], quarter[1][col]), fmaxf(quarter[2][col], quarter[3][col])),
                      kTinyAmax);
  }
  __syncthreads();
}

// Sixteen rows of one column as FP8, into the transposed tile.
__device__ void TransposeColumn(const Bf16* tile, int col, int segment, float inverse, Fp8* target) {
  uint4 packed;
  auto* halves = reinterpret_cast<uint2*>(&packed);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    Floats8 value;
#pragma unroll
    for (int i = 0; i < 8; ++i)
      value.v[i] = __bfloat162float(tile[(segment * 16 + half * 8 + i) * kTilePitch + col]);
    halves[half] = ToFp8(value, inverse);
  }
  *reinterpret_cast<uint4*>(target) = packed;
}

template <typename Source>
__global__ void __launch_bounds__(256)
    CastTransposeKernel(Source source, int rows, int cols, Fp8* out, float* scales) {
  __shared__ Bf16 tile[kTileRows * kTilePitch];
  alignas(16) __shared__ Fp8 transposed[kTileCols * kOutPitch];
  __shared__ float amax[kTileCols];
  const int row0 = static_cast<int>(blockIdx.y) * kTileRows;
  const int col0 = static_cast<int>(blockIdx.x) * kTileCols;
#pragma unroll
  for (int i = static_cast<int>(threadIdx.x); i < kTileRows * kTileCols / 8; i += 256) {
    const Floats8 value = source.Load(row0 + i / 8, col0 + i % 8 * 8);
    auto* target = reinterpret_cast<__nv_bfloat162*>(tile + i / 8 * kTilePitch + i % 8 * 8);
#pragma unroll
    for (int j = 0; j < 4; ++j) target[j] = __floats2bfloat162_rn(value.v[2 * j], value.v[2 * j + 1]);
  }
  __syncthreads();
  ColumnAmax(tile, amax);
  for (int i = static_cast<int>(threadIdx.x); i < kTileCols * 8; i += 256) {
    const int col = i % kTileCols;
    TransposeColumn(tile, col, i / kTileCols, kFp8Max / amax[col],
                    transposed + col * kOutPitch + i / kTileCols * 16);
  }
  if (threadIdx.x < kTileCols)
    scales[static_cast<long>(blockIdx.y) * cols + col0 + threadIdx.x] = amax[threadIdx.x] / kFp8Max;
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kTileCols * 8; i += 256) {
    *reinterpret_cast<uint4*>(out + static_cast<long>(col0 + i / 8) * rows + row0 + i % 8 * 16) =
        *reinterpret_cast<const uint4*>(transposed + i / 8 * kOutPitch + i % 8 * 16);
  }
}

// Four rows of four bytes -> four columns of four bytes.
__device__ void Transpose4x4(const std::uint32_t (&row)[4], std::uint32_t (&column)[4]) {
  const std::uint32_t low01 = __byte_perm(row[0], row[1], 0x5140);
  const std::uint32_t low23 = __byte_perm(row[2], row[3], 0x5140);
  const std::uint32_t high01 = __byte_perm(row[0], row[1], 0x7362);
  const std::uint32_t high23 = __byte_perm(row[2], row[3], 0x7362);
  column[0] = __byte_perm(low01, low23, 0x5410);
  column[1] = __byte_perm(low01, low23, 0x7632);
  column[2] = __byte_perm(high01, high23, 0x5410);
  column[3] = __byte_perm(high01, high23, 0x7632);
}

__global__ void __launch_bounds__(256) TransposeFp8Kernel(const Fp8* in, int rows, int cols, Fp8* out) {
  constexpr int kWords = 32;
  constexpr int kPitch = 33;
  __shared__ std::uint32_t tile[128 * kPitch];
  __shared__ std::uint32_t transposed[128 * kPitch];
  const long group = static_cast<long>(blockIdx.z) * rows * cols;
  const int row0 = static_cast<int>(blockIdx.y) * 128;
  const int col0 = static_cast<int>(blockIdx.x) * 128;
  for (int i = static_cast<int>(threadIdx.x); i < 128 * 8; i += 256) {
    const uint4 v = *reinterpret_cast<const uint4*>(in + group + static_cast<long>(row0 + i / 8) * cols +
                                                    col0 + i % 8 * 16);
    std::uint32_t* target = tile + i / 8 * kPitch + i % 8 * 4;
    target[0] = v.x, target[1] = v.y, target[2] = v.z, target[3] = v.w;
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kWords * kWords; i += 256) {
    const int word = i % kWords;
    const int block = i / kWords;
    std::uint32_t row[4];
    std::uint32_t column[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) row[j] = tile[(4 * block + j) * kPitch + word];
    Transpose4x4(row, column);
#pragma unroll
    for (int j = 0; j < 4; ++j) transposed[(4 * word + j) * kPitch + block] = column[j];
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < 128 * 8; i += 256) {
    const std::uint32_t* source = transposed + i / 8 * kPitch + i % 8 * 4;
    *reinterpret_cast<uint4*>(out + group + static_cast<long>(col0 + i / 8) * rows + row0 + i % 8 * 16) =
        make_uint4(source[0], source[1], source[2], source[3]);
  }
}

__global__ void __launch_bounds__(256)
    DequantizeKernel(const Fp8* in, const float* scales, int stride, long vectors, int cols, Bf16* out) {
  const long i = static_cast<long>(blockIdx.x) * 256 + threadIdx.x;
  if (i >= vectors) return;
  const long at = i * 16;
  const auto row = static_cast<int>(at / cols);
  const auto col = static_cast<int>(at % cols);
  const float scale = scales[static_cast<long>(col / 128) * stride + row];
  const uint4 raw = *reinterpret_cast<const uint4*>(in + at);
  Store8(out + at, FromFp8(make_uint2(raw.x, raw.y), scale));
  Store8(out + at + 8, FromFp8(make_uint2(raw.z, raw.w), scale));
}

unsigned Blocks(long items, long per_block) {
  return static_cast<unsigned>((items + per_block - 1) / per_block);
}

}  // namespace

void LaunchCast(const Bf16* in, int rows, int cols, Fp8* out, float* scales, int stride,
                cudaStream_t stream) {
  const dim3 grid(Blocks(cols / 128, kCastBlocks), Blocks(rows, kCastRows));
  LaunchKernel({grid, 512, 0, stream}, CastKernel, in, rows, cols, out, scales, stride);
}

void LaunchCastTranspose(const Bf16* in, int rows, int cols, Fp8* out, float* scales, cudaStream_t stream) {
  const dim3 grid(Blocks(cols, kTileCols), Blocks(rows, kTileRows));
  LaunchKernel({grid, 256, 0, stream}, CastTransposeKernel<Bf16Source>, Bf16Source{in, cols}, rows, cols, out,
               scales);
}

void LaunchRequantizeGather(const Fp8* in, const float* in_scales, int in_stride, const int* gather, int rows,
                            int cols, Fp8* out, float* scales, cudaStream_t stream) {
  const dim3 grid(Blocks(cols, kTileCols), Blocks(rows, kTileRows));
  LaunchKernel({grid, 256, 0, stream}, CastTransposeKernel<GatheredFp8Source>,
               GatheredFp8Source{in, in_scales, gather, in_stride, cols}, rows, cols, out, scales);
}

void LaunchTransposeFp8(const Fp8* in, int groups, int rows, int cols, Fp8* out, cudaStream_t stream) {
  const dim3 grid(Blocks(cols, 128), Blocks(rows, 128), static_cast<unsigned>(groups));
  LaunchKernel({grid, 256, 0, stream}, TransposeFp8Kernel, in, rows, cols, out);
}

void LaunchDequantize(const Fp8* in, const float* scales, int stride, int rows, int cols, Bf16* out,
                      cudaStream_t stream) {
  const long vectors = static_cast<long>(rows) * cols / 16;
  LaunchKernel({Blocks(vectors, 256), 256, 0, stream}, DequantizeKernel, in, scales, stride, vectors, cols,
               out);
}

}  // namespace orrery::profiler
