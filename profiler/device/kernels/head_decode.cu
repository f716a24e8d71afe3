// Eight warps over tiles of 64 tokens that cp.async keeps two stages ahead. With few query rows per key-value
// head (MHA, GQA) all warps hold the same 16 rows and share the tokens; with many (MQA) each holds its own 16
// rows and sees every token. Products by mma.sync: these shapes are bound by memory.
#include "profiler/device/kernels/head_decode.h"

#include "profiler/device/kernels/combine.cuh"
#include "profiler/device/kernels/launch.cuh"
#include "profiler/device/kernels/layout.cuh"
#include "profiler/device/kernels/ptx.cuh"
#include "profiler/device/runtime/cuda_support.h"
#include "profiler/suite/split_kv.h"

namespace orrery::profiler {
namespace {

constexpr int kWarps = 8;
constexpr int kThreads = kWarps * 32;
constexpr int kStages = 3;
constexpr int kRowBytes = kHeadWidth * 2;
constexpr int kTileBytes = kKvTile * kRowBytes;
constexpr int kRowChunks = kRowBytes / 16;

struct SharedStorage {
  alignas(128) std::uint8_t k[kStages][kTileBytes];
  alignas(128) std::uint8_t v[kStages][kTileBytes];
};

struct MergeStorage {  // reuses the tiles' memory after the last of them
  float out[kWarps][16][kHeadWidth];
  float max[kWarps][16];
  float sum[kWarps][16];
};
static_assert(sizeof(MergeStorage) <= sizeof(SharedStorage));

__device__ __forceinline__ std::uint32_t Offset(std::uint32_t row, std::uint32_t chunk) {
  return row * kRowBytes + ((chunk ^ (row & 7u)) << 4);
}

__device__ __forceinline__ void LoadTile(const HeadDecode& d, SharedStorage& shared, int stage, int tile,
                                         int sequence, int kv_head) {
  const long page = d.block_table[static_cast<long>(sequence) * d.table_stride + tile];
  const long first = (page * d.kv_heads + kv_head) * kKvTile * kHeadWidth;
  const std::uint32_t k = ptx::SharedAddress(shared.k[stage]);
  const std::uint32_t v = ptx::SharedAddress(shared.v[stage]);
#pragma unroll
  for (int i = 0; i < kKvTile * kRowChunks / kThreads; ++i) {
    const std::uint32_t at = threadIdx.x + static_cast<std::uint32_t>(i * kThreads);
    const std::uint32_t offset = Offset(at / kRowChunks, at % kRowChunks);
    ptx::CopyAsync(k + offset, d.k + first + at * 8);
    ptx::CopyAsync(v + offset, d.v + first + at * 8);
  }
}

// What one warp accumulates: 16 query rows, of which this thread holds two.
struct WarpState {
  std::uint32_t q[8][4];
  float out[16][4];
  float max[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0.0f, 0.0f};
};

// Query rows as fragments; rows past `rows` are zero.
__device__ __forceinline__ void LoadQuery(WarpState& state, const __nv_bfloat16* q, int rows) {
  const int row = static_cast<int>(threadIdx.x) % 32 / 4;
  const int col = static_cast<int>(threadIdx.x) % 4 * 2;
#pragma unroll
  for (int k = 0; k < 8; ++k) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int r = row + i % 2 * 8;
      const int c = k * 16 + col + i / 2 * 8;
      state.q[k][i] = r < rows ? *reinterpret_cast<const std::uint32_t*>(q + r * kHeadWidth + c) : 0u;
    }
  }
#pragma unroll
  for (int j = 0; j < 16; ++j) state.out[j][0] = state.out[j][1] = state.out[j][2] = state.out[j][3] = 0.0f;
}

// Scores of 16 tokens from `row` of the tile on.
__device__ __forceinline__ void Scores(float (&s)[2][4], const WarpState& state, std::uint32_t k_tile,
                                       std::uint32_t row) {
#pragma unroll
  for (int i = 0; i < 8; ++i) s[i / 4][i % 4] = 0.0f;
  const std::uint32_t lane = threadIdx.x % 32;
#pragma unroll
  for (std::uint32_t k = 0; k < 8; ++k) {
    std::uint32_t b[4];  // tokens 0..7: k low, k high; tokens 8..15: k low, k high
    ptx::LoadMatrix4(k_tile + Offset(row + lane / 16 * 8 + lane % 8, 2 * k + lane / 8 % 2), b);
    ptx::Mma(s[0], state.q[k], b[0], b[1]);
    ptx::Mma(s[1], state.q[k], b[2], b[3]);
  }
}

// Scores become probabilities; earlier results are rescaled to the new maximum.
__device__ __forceinline__ void Exponentiate(float (&s)[2][4], WarpState& state, float scale_log2) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    float max = fmaxf(fmaxf(s[0][2 * h], s[0][2 * h + 1]), fmaxf(s[1][2 * h], s[1][2 * h + 1]));
    max = fmaxf(max, __shfl_xor_sync(0xffffffffu, max, 1));
    max = fmaxf(max, __shfl_xor_sync(0xffffffffu, max, 2));
    const float next = fmaxf(state.max[h], max);
    const float rescale = next == -INFINITY ? 1.0f : exp2f((state.max[h] - next) * scale_log2);
    const float offset = next == -INFINITY ? 0.0f : next * scale_log2;
    state.max[h] = next;
    state.sum[h] *= rescale;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      float& p = s[i / 2][2 * h + i % 2];
      p = exp2f(p * scale_log2 - offset);
      state.sum[h] += p;
    }
    if (rescale == 1.0f) continue;
#pragma unroll
    for (int j = 0; j < 16; ++j) state.out[j][2 * h] *= rescale, state.out[j][2 * h + 1] *= rescale;
  }
}

__device__ __forceinline__ void AddValues(const float (&s)[2][4], WarpState& state, std::uint32_t v_tile,
                                          std::uint32_t row) {
  const std::uint32_t p[4] = {ptx::PackBf16(s[0][0], s[0][1]), ptx::PackBf16(s[0][2], s[0][3]),
                              ptx::PackBf16(s[1][0], s[1][1]), ptx::PackBf16(s[1][2], s[1][3])};
  const std::uint32_t lane = threadIdx.x % 32;
#pragma unroll
  for (std::uint32_t j = 0; j < 8; ++j) {
    std::uint32_t b[4];  // columns 16j..16j+7: tokens low, high; columns 16j+8..: tokens low, high
    ptx::LoadMatrix4Transposed(v_tile + Offset(row + lane / 8 % 2 * 8 + lane % 8, 2 * j + lane / 16), b);
    ptx::Mma(state.out[2 * j], p, b[0], b[1]);
    ptx::Mma(state.out[2 * j + 1], p, b[2], b[3]);
  }
}

__device__ __forceinline__ void MaskTokens(float (&s)[2][4], int first, int length) {
  const int column = first + static_cast<int>(threadIdx.x) % 4 * 2;
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    if (column + i / 4 * 8 + i % 2 >= length) s[i / 4][i % 4] = -INFINITY;
  }
}

// All tiles of [begin, end). kShareTokens: warp w takes 16-token slice w % 4 of every second tile; else all
// tokens.
template <bool kShareTokens>
__device__ __forceinline__ void Attend(const HeadDecode& d, WarpState& state, SharedStorage& shared,
                                       int sequence, int kv_head, int begin, int end, float scale_log2) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  for (int i = 0; i < kStages - 1; ++i) {
    if (begin + i < end) LoadTile(d, shared, i, begin + i, sequence, kv_head);
    ptx::CopyAsyncCommit();
  }
  for (int tile = begin; tile < end; ++tile) {
    ptx::CopyAsyncWait<kStages - 2>();
    __syncthreads();  // the tile is there, and every warp has left the stage that is refilled next
    const int ahead = tile + kStages - 1;
    if (ahead < end) LoadTile(d, shared, (ahead - begin) % kStages, ahead, sequence, kv_head);
    ptx::CopyAsyncCommit();
    const int stage = (tile - begin) % kStages;
    const std::uint32_t k_tile = ptx::SharedAddress(shared.k[stage]);
    const std::uint32_t v_tile = ptx::SharedAddress(shared.v[stage]);
    for (int slice = 0; slice < 4; ++slice) {
      if (kShareTokens && ((tile - begin) % 2 * 4 + slice) != warp) continue;
      float s[2][4];
      Scores(s, state, k_tile, static_cast<std::uint32_t>(slice) * 16);
      MaskTokens(s, tile * kKvTile + slice * 16, d.length);
      Exponentiate(s, state, scale_log2);
      AddValues(s, state, v_tile, static_cast<std::uint32_t>(slice) * 16);
    }
  }
}

// Writes one pair of columns of a query row: the output, or the partial one.
__device__ __forceinline__ void WritePair(const HeadDecode& d, long row, int col, float x, float y) {
  if (d.splits == 1) {
    *reinterpret_cast<std::uint32_t*>(d.out + row * kHeadWidth + col) = ptx::PackBf16(x, y);
  } else {
    *reinterpret_cast<float2*>(d.partial_out + row * kHeadWidth + col) = make_float2(x, y);
  }
}

__device__ __forceinline__ void FinishOwnRows(const HeadDecode& d, WarpState& state, long first_row,
                                              float scale_log2) {
  const int row = static_cast<int>(threadIdx.x) % 32 / 4;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    float sum = state.sum[h];
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    sum += __shfl_xor_sync(0xffffffffu, sum, 2);
    const float inverse = sum > 0.0f ? 1.0f / sum : 0.0f;
    const long target = first_row + row + 8 * h;
    if (d.splits > 1 && threadIdx.x % 4 == 0)
      d.partial_lse[target] = sum > 0.0f ? state.max[h] * scale_log2 + log2f(sum) : -INFINITY;
#pragma unroll
    for (int j = 0; j < 16; ++j) {
      WritePair(d, target, 8 * j + static_cast<int>(threadIdx.x) % 4 * 2, state.out[j][2 * h] * inverse,
                state.out[j][2 * h + 1] * inverse);
    }
  }
}

__device__ void StoreForMerge(const WarpState& state, MergeStorage& merge) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int row = static_cast<int>(threadIdx.x) % 32 / 4;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    float sum = state.sum[h];
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    sum += __shfl_xor_sync(0xffffffffu, sum, 2);
    if (threadIdx.x % 4 == 0) merge.max[warp][row + 8 * h] = state.max[h], merge.sum[warp][row + 8 * h] = sum;
#pragma unroll
    for (int j = 0; j < 16; ++j) {
      *reinterpret_cast<float2*>(&merge.out[warp][row + 8 * h][8 * j + threadIdx.x % 4 * 2]) =
          make_float2(state.out[j][2 * h], state.out[j][2 * h + 1]);
    }
  }
}

// The eight warps' results for the same rows, merged; each thread takes pairs of columns.
__device__ void FinishSharedRows(const HeadDecode& d, const MergeStorage& merge, long first_row, int rows,
                                 float scale_log2) {
  for (int i = static_cast<int>(threadIdx.x); i < rows * (kHeadWidth / 2); i += kThreads) {
    const int row = i / (kHeadWidth / 2);
    const int col = i % (kHeadWidth / 2) * 2;
    float max = -INFINITY;
    for (int w = 0; w < kWarps; ++w) max = fmaxf(max, merge.max[w][row]);
    float sum = 0.0f;
    float2 value = make_float2(0.0f, 0.0f);
    for (int w = 0; w < kWarps; ++w) {
      if (merge.max[w][row] == -INFINITY) continue;
      const float weight = exp2f((merge.max[w][row] - max) * scale_log2);
      sum += weight * merge.sum[w][row];
      value.x += weight * merge.out[w][row][col];
      value.y += weight * merge.out[w][row][col + 1];
    }
    const float inverse = sum > 0.0f ? 1.0f / sum : 0.0f;
    if (d.splits > 1 && col == 0)
      d.partial_lse[first_row + row] = sum > 0.0f ? max * scale_log2 + log2f(sum) : -INFINITY;
    WritePair(d, first_row + row, col, value.x * inverse, value.y * inverse);
  }
}

// Grid: key-value heads (x row blocks of 128 for MQA), splits, sequences.
template <bool kShareTokens>
__global__ void __launch_bounds__(kThreads, 1) HeadDecodeKernel(const HeadDecode d, float scale_log2) {
  auto& shared = DynamicShared<SharedStorage>();
  const int group = d.heads / d.kv_heads;
  const int row_blocks = kShareTokens ? 1 : group / (kWarps * 16);
  const int kv_head = static_cast<int>(blockIdx.x) / row_blocks;
  const int split = static_cast<int>(blockIdx.y);
  const int sequence = static_cast<int>(blockIdx.z);
  const int tiles = (d.length + kKvTile - 1) / kKvTile;
  const int begin = static_cast<int>(static_cast<long>(tiles) * split / d.splits);
  const int end = static_cast<int>(static_cast<long>(tiles) * (split + 1) / d.splits);
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int own_row = kShareTokens ? 0 : (static_cast<int>(blockIdx.x) % row_blocks * kWarps + warp) * 16;
  const int head = kv_head * group + own_row;
  const int rows = kShareTokens ? group : 16;
  WarpState state;
  LoadQuery(state, d.q + (static_cast<long>(sequence) * d.heads + head) * kHeadWidth, rows);
  Attend<kShareTokens>(d, state, shared, sequence, kv_head, begin, end, scale_log2);
  const long first_row = (static_cast<long>(sequence) * d.splits + split) * d.heads + head;
  if constexpr (kShareTokens) {
    ptx::CopyAsyncWait<0>();
    __syncthreads();
    auto& merge = DynamicShared<MergeStorage>();
    StoreForMerge(state, merge);
    __syncthreads();
    FinishSharedRows(d, merge, first_row, rows, scale_log2);
  } else {
    FinishOwnRows(d, state, first_row, scale_log2);
  }
}

template <bool kShareTokens>
void Launch(const HeadDecode& d, int row_blocks, cudaStream_t stream) {
  constexpr float kLog2E = 1.4426950408889634f;
  const dim3 grid(static_cast<unsigned>(d.kv_heads * row_blocks), static_cast<unsigned>(d.splits),
                  static_cast<unsigned>(d.batch));
  LaunchKernel({grid, kThreads, sizeof(SharedStorage), stream}, HeadDecodeKernel<kShareTokens>, d,
               d.scale * kLog2E);
}

}  // namespace

void LaunchHeadDecode(const HeadDecode& decode, cudaStream_t stream) {
  const int group = decode.heads / decode.kv_heads;
  if (group <= 16) {
    Launch<true>(decode, 1, stream);
  } else if (group % (kWarps * 16) == 0) {
    Launch<false>(decode, group / (kWarps * 16), stream);
  } else {
    throw DeviceError("head decode: 1 to 16 or a multiple of 128 query heads per key-value head");
  }
  if (decode.splits > 1) {
    LaunchCombine<kHeadWidth>(decode.partial_out, decode.partial_lse, decode.slot_begin, decode.batch,
                              decode.heads, decode.out, stream);
  }
}

}  // namespace orrery::profiler
