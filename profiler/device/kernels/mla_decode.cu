// One CTA holds 64 query rows and two tiles of 64 tokens. Warpgroup w computes the scores of tile w, both exchange row
// maxima and probabilities through shared memory, and warpgroup w accumulates columns [256w, 256w + 256) of the output
// from both tiles. One thread of a third warpgroup refills each half tile as soon as its last reader is done.
#include "profiler/device/kernels/mla_decode.h"

#include "profiler/device/kernels/combine.cuh"
#include "profiler/device/kernels/launch.cuh"
#include "profiler/device/kernels/layout.cuh"
#include "profiler/device/kernels/ptx.cuh"
#include "profiler/device/kernels/wgmma.cuh"
#include "profiler/device/runtime/cuda_support.h"
#include "profiler/device/runtime/tensor_map.h"

namespace orrery::profiler {
namespace {

constexpr int kChunkBytes = 64 * 128;  // 64 rows x 64 bf16
constexpr int kChunks = kMlaKeyWidth / 64;
constexpr int kValueChunks = kMlaValueWidth / 64;
constexpr int kHalfChunks = kValueChunks / 2;
constexpr int kConsumers = 256;
constexpr int kThreads = kConsumers + 128;
constexpr int kProducerRegisters = 24;
constexpr int kConsumerRegisters = 240;  // 240 x 256 + 24 x 128 threads fit the 64 Ki registers
constexpr int kLow = 0;                  // chunks 0..3 of a tile: output columns of warpgroup 0
constexpr int kHigh = 1;                 // chunks 4..8: output columns of warpgroup 1, and the rotary part

struct SharedStorage {
  alignas(1024)
      std::uint8_t q[kChunks][kChunkBytes];  // chunk 8 moves to registers, then holds tile 1's probabilities
  alignas(1024) std::uint8_t kv[2][kChunks][kChunkBytes];
  alignas(1024) std::uint8_t p0[kChunkBytes];
  float row_max[2][64];
  float row_sum[2][64];
  alignas(8) std::uint64_t kv_full[2][2];  // [tile][half]
  alignas(8) std::uint64_t kv_empty[2][2];
  alignas(8) std::uint64_t q_full;
  alignas(8) std::uint64_t q_empty;
};

struct Arguments {
  int rows;  // query rows per sequence
  int heads;
  int query_tokens;
  float scale_log2;  // softmax scale x log2(e)
  int table_stride;
  const int* block_table;
  const int* lengths;
  const DecodeItem* items;
  const int* part_begin;
  __nv_bfloat16* out;
  float* partial_out;
  float* partial_lse;
};

__device__ void LoadHalf(const CUtensorMap& map, SharedStorage& shared, int tile, int half, int row,
                         std::uint32_t phase) {
  const int first = half == kLow ? 0 : kHalfChunks;
  const int last = half == kLow ? kHalfChunks : kChunks;
  ptx::MbarrierWait(&shared.kv_empty[tile][half], phase ^ 1);
  ptx::MbarrierExpect(&shared.kv_full[tile][half], static_cast<std::uint32_t>((last - first) * kChunkBytes));
  for (int chunk = first; chunk < last; ++chunk) {
    ptx::TmaLoad(shared.kv[tile][chunk], &map, &shared.kv_full[tile][half], chunk * 64, row);
  }
}

__device__ void Produce(const Arguments& args, const CUtensorMap& map_q, const CUtensorMap& map_kv,
                        SharedStorage& shared) {
  const int row_block = static_cast<int>(blockIdx.x);
  const int part = static_cast<int>(blockIdx.y);
  std::uint32_t q_phase = 0;
  std::uint32_t kv_phase = 0;
  for (int i = args.part_begin[part]; i < args.part_begin[part + 1]; ++i, q_phase ^= 1) {
    const DecodeItem item = args.items[i];
    const int* pages = args.block_table + static_cast<long>(item.batch) * args.table_stride;
    ptx::MbarrierWait(&shared.q_empty, q_phase ^ 1);
    ptx::MbarrierExpect(&shared.q_full, kChunks * kChunkBytes);
    for (int chunk = 0; chunk < kChunks; ++chunk) {
      ptx::TmaLoad(shared.q[chunk], &map_q, &shared.q_full, chunk * 64,
                   item.batch * args.rows + row_block * kMlaRowBlock);
    }
    for (int tile = item.tile_begin; tile < item.tile_end; tile += 2, kv_phase ^= 1) {
      const int second =
          tile + 1 < item.tile_end ? tile + 1 : tile;  // a lone last tile is loaded twice, the copy masked
      const int row0 = pages[tile] * kKvTile;
      const int row1 = pages[second] * kKvTile;
      LoadHalf(map_kv, shared, 0, kLow, row0, kv_phase);  // in the order in which the consumers free them
      LoadHalf(map_kv, shared, 1, kHigh, row1, kv_phase);
      LoadHalf(map_kv, shared, 0, kHigh, row0, kv_phase);
      LoadHalf(map_kv, shared, 1, kLow, row1, kv_phase);
    }
  }
}

// The rotary columns of the query as register fragments.
__device__ __forceinline__ void LoadRotary(std::uint32_t (&rotary)[4][4], const SharedStorage& shared) {
  const std::uint32_t base = ptx::SharedAddress(shared.q[kChunks - 1]);
  const std::uint32_t row = threadIdx.x / 32 % 4 * 16 + threadIdx.x % 16;
#pragma unroll
  for (std::uint32_t k = 0; k < 4; ++k) {
    ptx::LoadMatrix4(base + ptx::Swizzle128(row, 2 * k + threadIdx.x % 32 / 16), rotary[k]);
  }
}

template <int kFirst, int kLast>
__device__ __forceinline__ void ScoreChunks(float (&s)[32], const SharedStorage& shared, int tile,
                                            bool accumulate) {
#pragma unroll
  for (int chunk = kFirst; chunk < kLast; ++chunk) {
    const std::uint64_t q = wgmma::KMajor(ptx::SharedAddress(shared.q[chunk]));
    const std::uint64_t k = wgmma::KMajor(ptx::SharedAddress(shared.kv[tile][chunk]));
#pragma unroll
    for (int step = 0; step < 4; ++step) {
      wgmma::Bf16M64N64K16(s, q + 2 * step, k + 2 * step, accumulate || chunk > kFirst || step > 0);
    }
  }
}

// Scores of this warpgroup's tile, in the order in which its halves arrive.
template <int kGroup>
__device__ __forceinline__ void Scores(float (&s)[32], const std::uint32_t (&rotary)[4][4],
                                       SharedStorage& shared, std::uint32_t phase) {
  ptx::MbarrierWait(&shared.kv_full[kGroup][kGroup == 0 ? kLow : kHigh], phase);
  wgmma::Pin(s);
  wgmma::Fence();
  if constexpr (kGroup == 0) {
    ScoreChunks<0, kHalfChunks>(s, shared, 0, false);
    ptx::MbarrierWait(&shared.kv_full[0][kHigh], phase);
    wgmma::Fence();
    ScoreChunks<kHalfChunks, kValueChunks>(s, shared, 0, true);
  } else {
    ScoreChunks<kHalfChunks, kValueChunks>(s, shared, 1, false);
  }
  const std::uint64_t k = wgmma::KMajor(ptx::SharedAddress(shared.kv[kGroup][kChunks - 1]));
#pragma unroll
  for (int step = 0; step < 4; ++step) wgmma::Bf16M64N64K16(s, rotary[step], k + 2 * step, 1);
  if constexpr (kGroup == 1) {
    ptx::MbarrierWait(&shared.kv_full[1][kLow], phase);
    wgmma::Fence();
    ScoreChunks<0, kHalfChunks>(s, shared, 1, true);
  }
  wgmma::Commit();
  wgmma::Wait<0>();
  wgmma::Pin(s);
}

// Probabilities (bf16 fragments) from scores, with the running maximum and sum of the two rows of this
// thread.
struct RowState {
  float max[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0.0f, 0.0f};
  float rescale[2] = {1.0f, 1.0f};
};

__device__ __forceinline__ void MaskScores(float (&s)[32], int first_token, int limit) {
  if (first_token + kKvTile <= limit) return;
  const int column = static_cast<int>(threadIdx.x) % 4 * 2 + first_token;
#pragma unroll
  for (int i = 0; i < 32; ++i) {
    if (column + i / 4 * 8 + i % 2 >= limit) s[i] = -INFINITY;
  }
}

__device__ __forceinline__ void UpdateMax(const float (&s)[32], RowState& state, SharedStorage& shared,
                                          int group, float scale) {
  const int row = static_cast<int>(threadIdx.x) / 32 % 4 * 16 + static_cast<int>(threadIdx.x) % 32 / 4;
  float local[2] = {-INFINITY, -INFINITY};
#pragma unroll
  for (int i = 0; i < 32; ++i) local[i / 2 % 2] = fmaxf(local[i / 2 % 2], s[i]);
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    local[h] = fmaxf(local[h], __shfl_xor_sync(0xffffffffu, local[h], 1));
    local[h] = fmaxf(local[h], __shfl_xor_sync(0xffffffffu, local[h], 2));
    if (threadIdx.x % 4 == 0) shared.row_max[group][row + 8 * h] = local[h];
  }
  ptx::NamedBarrier(1, kConsumers);
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const float next = fmaxf(state.max[h], fmaxf(local[h], shared.row_max[1 - group][row + 8 * h]));
    state.rescale[h] = next == -INFINITY ? 1.0f : exp2f((state.max[h] - next) * scale);
    state.max[h] = next;
  }
}

__device__ __forceinline__ void Exponentiate(float (&s)[32], RowState& state, float scale) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const float offset = state.max[h] == -INFINITY ? 0.0f : state.max[h] * scale;
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < 32; ++i) {
      if (i / 2 % 2 != h) continue;
      s[i] = exp2f(s[i] * scale - offset);
      sum += s[i];
    }
    state.sum[h] = state.sum[h] * state.rescale[h] + sum;
  }
}

__device__ __forceinline__ void PublishProbabilities(const float (&s)[32], std::uint32_t (&p)[4][4],
                                                     std::uint8_t* tile) {
  const std::uint32_t base = ptx::SharedAddress(tile);
  const std::uint32_t row = threadIdx.x / 32 % 4 * 16 + threadIdx.x % 16;
#pragma unroll
  for (std::uint32_t k = 0; k < 4; ++k) {
#pragma unroll
    for (std::uint32_t i = 0; i < 4; ++i) p[k][i] = ptx::PackBf16(s[8 * k + 2 * i], s[8 * k + 2 * i + 1]);
    ptx::StoreMatrix4(base + ptx::Swizzle128(row, 2 * k + threadIdx.x % 32 / 16), p[k][0], p[k][1], p[k][2],
                      p[k][3]);
  }
  ptx::FenceAsyncProxy();
}

__device__ __forceinline__ void Rescale(float (&o)[128], const RowState& state) {
#pragma unroll
  for (int i = 0; i < 128; ++i) o[i] *= state.rescale[i / 2 % 2];
}

__device__ __forceinline__ void ReleaseHalf(SharedStorage& shared, int tile, int half) {
  if (threadIdx.x % 32 == 0) ptx::MbarrierArrive(&shared.kv_empty[tile][half]);
}

// o += P V for this warpgroup's 256 columns: its own tile's probabilities from registers, the other's from
// shared memory.
template <int kGroup>
__device__ __forceinline__ void AddValues(float (&o)[128], const std::uint32_t (&p)[4][4],
                                          SharedStorage& shared, std::uint32_t phase) {
  constexpr int kOther = 1 - kGroup;
  const std::uint64_t own =
      wgmma::MnMajor(ptx::SharedAddress(shared.kv[kGroup][kGroup * kHalfChunks]), kChunkBytes);
  const std::uint64_t other =
      wgmma::MnMajor(ptx::SharedAddress(shared.kv[kOther][kGroup * kHalfChunks]), kChunkBytes);
  const std::uint64_t shared_p =
      wgmma::KMajor(ptx::SharedAddress(kOther == 0 ? shared.p0 : shared.q[kChunks - 1]));
  wgmma::Pin(o);
  wgmma::Fence();
#pragma unroll
  for (int step = 0; step < 4; ++step) wgmma::Bf16M64N256K16Mn(o, p[step], own + 128 * step, 1);
  wgmma::Commit();
  ptx::NamedBarrier(2, kConsumers);  // both warpgroups have published their probabilities
  ptx::MbarrierWait(&shared.kv_full[kOther][kGroup], phase);
  wgmma::Fence();
#pragma unroll
  for (int step = 0; step < 4; ++step) wgmma::Bf16M64N256K16Mn(o, shared_p + 2 * step, other + 128 * step, 1);
  wgmma::Commit();
  wgmma::Wait<1>();
  ReleaseHalf(shared, kGroup, kGroup);
  wgmma::Wait<0>();
  ReleaseHalf(shared, kOther, kGroup);
  wgmma::Pin(o);
}

// Sums of both warpgroups; then the output, or the normalised partial output and its log-sum-exp.
template <int kGroup>
__device__ __forceinline__ void Finish(const float (&o)[128], RowState& state, SharedStorage& shared,
                                       const Arguments& args, const DecodeItem& item) {
  const int row = static_cast<int>(threadIdx.x) / 32 % 4 * 16 + static_cast<int>(threadIdx.x) % 32 / 4;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    state.sum[h] += __shfl_xor_sync(0xffffffffu, state.sum[h], 1);
    state.sum[h] += __shfl_xor_sync(0xffffffffu, state.sum[h], 2);
    if (threadIdx.x % 4 == 0) shared.row_sum[kGroup][row + 8 * h] = state.sum[h];
  }
  ptx::NamedBarrier(1, kConsumers);
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const float sum = state.sum[h] + shared.row_sum[1 - kGroup][row + 8 * h];
    const float inverse = sum > 0.0f ? 1.0f / sum : 0.0f;
    const int query_row = static_cast<int>(blockIdx.x) * kMlaRowBlock + row + 8 * h;
    const long sequence_row =
        static_cast<long>(item.slot < 0 ? item.batch : item.slot) * args.rows + query_row;
    const long offset = sequence_row * kMlaValueWidth + kGroup * 256 + threadIdx.x % 4 * 2;
    if (item.slot >= 0 && kGroup == 0 && threadIdx.x % 4 == 0) {
      args.partial_lse[sequence_row] = sum > 0.0f ? state.max[h] * args.scale_log2 + log2f(sum) : -INFINITY;
    }
#pragma unroll
    for (int j = 0; j < 32; ++j) {
      const float x = o[4 * j + 2 * h] * inverse;
      const float y = o[4 * j + 2 * h + 1] * inverse;
      if (item.slot < 0) {
        *reinterpret_cast<std::uint32_t*>(args.out + offset + 8 * j) = ptx::PackBf16(x, y);
      } else {
        *reinterpret_cast<float2*>(args.partial_out + offset + 8 * j) = make_float2(x, y);
      }
    }
  }
}

template <int kGroup>
__device__ __forceinline__ void Consume(const Arguments& args, SharedStorage& shared) {
  const int part = static_cast<int>(blockIdx.y);
  const int token =
      static_cast<int>(blockIdx.x) * kMlaRowBlock / args.heads;  // query token of this row block
  std::uint32_t q_phase = 0;
  std::uint32_t phase = 0;
  for (int i = args.part_begin[part]; i < args.part_begin[part + 1]; ++i, q_phase ^= 1) {
    const DecodeItem item = args.items[i];
    const int limit = args.lengths[item.batch] - (args.query_tokens - 1 - token);
    std::uint32_t rotary[4][4];
    ptx::MbarrierWait(&shared.q_full, q_phase);
    LoadRotary(rotary, shared);
    float o[128];
#pragma unroll
    for (int j = 0; j < 128; ++j) o[j] = 0.0f;
    RowState state;
    for (int tile = item.tile_begin; tile < item.tile_end; tile += 2, phase ^= 1) {
      float s[32];
      std::uint32_t p[4][4];
      Scores<kGroup>(s, rotary, shared, phase);
      const bool missing = kGroup == 1 && tile + 1 >= item.tile_end;
      MaskScores(s, (tile + kGroup) * kKvTile, missing ? 0 : limit);
      UpdateMax(s, state, shared, kGroup, args.scale_log2);
      Exponentiate(s, state, args.scale_log2);
      PublishProbabilities(s, p, kGroup == 0 ? shared.p0 : shared.q[kChunks - 1]);
      Rescale(o, state);
      AddValues<kGroup>(o, p, shared, phase);
    }
    if (threadIdx.x % 32 == 0) ptx::MbarrierArrive(&shared.q_empty);
    Finish<kGroup>(o, state, shared, args, item);
  }
}

__global__ void __launch_bounds__(kThreads, 1)
    MlaDecodeKernel(const __grid_constant__ CUtensorMap map_q, const __grid_constant__ CUtensorMap map_kv,
                    const Arguments args) {
  auto& shared = DynamicShared<SharedStorage>();
  if (threadIdx.x == 0) {
    for (int i = 0; i < 4; ++i) {
      ptx::MbarrierInit(&shared.kv_full[i / 2][i % 2], 1);
      ptx::MbarrierInit(&shared.kv_empty[i / 2][i % 2], 4);  // the warps of the half's last reader
    }
    ptx::MbarrierInit(&shared.q_full, 1);
    ptx::MbarrierInit(&shared.q_empty, kConsumers / 32);
    ptx::FenceBarrierInit();
  }
  __syncthreads();
  if (threadIdx.x >= kConsumers) {
    ptx::RegistersDown<kProducerRegisters>();
    if (threadIdx.x == kConsumers) Produce(args, map_q, map_kv, shared);
  } else {
    ptx::RegistersUp<kConsumerRegisters>();
    if (__shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 128, 0) == 0) {
      Consume<0>(args, shared);
    } else {
      Consume<1>(args, shared);
    }
  }
}

}  // namespace

void LaunchMlaDecode(const MlaDecode& decode, cudaStream_t stream) {
  const int rows = decode.heads * decode.query_tokens;
  if (decode.heads % kMlaRowBlock != 0) throw DeviceError("MLA decode: heads must be a multiple of 64");
  const auto q_rows = static_cast<std::uint64_t>(decode.batch) * static_cast<std::uint64_t>(rows);
  const auto kv_rows = static_cast<std::uint64_t>(decode.pages) * kKvTile;
  const CUtensorMap map_q = MakeTensorMap(CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, decode.q, q_rows, kMlaKeyWidth,
                                          kMlaKeyWidth * 2, 64, 64);
  const CUtensorMap map_kv = MakeTensorMap(CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, decode.kv, kv_rows, kMlaKeyWidth,
                                           kMlaKeyWidth * 2, kKvTile, 64);
  constexpr float kLog2E = 1.4426950408889634f;
  const Arguments args{rows,
                       decode.heads,
                       decode.query_tokens,
                       decode.scale * kLog2E,
                       decode.table_stride,
                       decode.block_table,
                       decode.lengths,
                       decode.items,
                       decode.part_begin,
                       decode.out,
                       decode.partial_out,
                       decode.partial_lse};
  const dim3 grid(static_cast<unsigned>(rows / kMlaRowBlock), static_cast<unsigned>(decode.parts));
  LaunchKernel({grid, kThreads, sizeof(SharedStorage), stream}, MlaDecodeKernel, map_q, map_kv, args);
  if (decode.slots > 0) {
    LaunchCombine<kMlaValueWidth>(decode.partial_out, decode.partial_lse, decode.slot_begin, decode.batch,
                                  rows, decode.out, stream);
  }
}

}  // namespace orrery::profiler
