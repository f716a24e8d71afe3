// Two consumer warpgroups of 64 rows each multiply a 128 x 128 tile out of a ring of shared-memory stages that one
// thread of a third warpgroup fills through the copy engine. Persistent: CTAs walk the tiles of tile_schedule.h.
#include "profiler/device/kernels/grouped_gemm.h"

#include "profiler/device/kernels/launch.cuh"
#include "profiler/device/kernels/layout.cuh"
#include "profiler/device/kernels/ptx.cuh"
#include "profiler/device/kernels/wgmma.cuh"
#include "profiler/device/runtime/cuda_support.h"
#include "profiler/device/runtime/tensor_map.h"
#include "profiler/suite/tile_schedule.h"

namespace orrery::profiler {
namespace {

constexpr int kStages = 5;
constexpr int kConsumerWarps = 8;
constexpr int kThreads = 384;
constexpr int kTileBytes = kTileM * kBlockK;         // A or B of one stage, e4m3
constexpr int kScaleBytes = kTileM * sizeof(float);  // A's scales of one stage
constexpr int kStoreBytes = 64 * 64 * 2;             // one box of D: 64 rows x 64 bf16
constexpr int kProducerRegisters = 40;
constexpr int kConsumerRegisters = 232;

struct SharedStorage {
  alignas(1024) std::uint8_t a[kStages][kTileBytes];
  alignas(1024) std::uint8_t b[kStages][kTileBytes];
  alignas(1024) std::uint8_t d[2][2][kStoreBytes];  // [warpgroup][half of the columns]
  alignas(128) float a_scales[kStages][kTileM];
  alignas(8) std::uint64_t full[kStages];
  alignas(8) std::uint64_t empty[kStages];
};

struct Problem {
  int groups;
  int rows;
  int n;
  int k_blocks;
  int scale_stride;  // of a_scales, rows rounded up to the tile
  const float* a_scales;
  const float* b_scales;
  const int* group_of_row_block;
  const int* masked_rows;
};

__device__ __forceinline__ TileWalk WalkOf(const Problem& problem, int cluster) {
  const int rank = cluster > 1 ? static_cast<int>(blockIdx.x) % cluster : 0;
  return TileWalk(TilesIn(problem.rows, kTileM), problem.groups, problem.n, cluster,
                  static_cast<int>(blockIdx.x) / cluster, static_cast<int>(gridDim.x) / cluster, rank,
                  problem.group_of_row_block, problem.masked_rows);
}

// First row of the tile in A and D.
__device__ __forceinline__ int FirstRow(const Problem& problem, const Tile& tile) {
  const int group_rows = problem.masked_rows != nullptr ? tile.group * problem.rows : 0;
  return group_rows + tile.row_block * kTileM;
}

__device__ __forceinline__ const float* ScalesOfA(const Problem& problem, const Tile& tile) {
  const long group = problem.masked_rows != nullptr ? tile.group : 0;
  return problem.a_scales + group * problem.k_blocks * problem.scale_stride + tile.row_block * kTileM;
}

template <int kCluster>
__device__ void Produce(const Problem& problem, const CUtensorMap& map_a, const CUtensorMap& map_b,
                        SharedStorage& shared) {
  const int rank = kCluster > 1 ? static_cast<int>(ptx::ClusterRank()) : 0;
  TileWalk walk = WalkOf(problem, kCluster);
  int step = 0;
  for (Tile tile = walk.Next(); tile.valid; tile = walk.Next()) {
    const int row = FirstRow(problem, tile);
    const int b_row = tile.group * problem.n + tile.column_block * kTileN;
    const float* scales = ScalesOfA(problem, tile);
    for (int block = 0; block < problem.k_blocks; ++block, ++step) {
      const int stage = step % kStages;
      ptx::MbarrierWait(&shared.empty[stage], ((step / kStages) & 1) ^ 1);
      std::uint64_t* full = &shared.full[stage];
      ptx::MbarrierExpect(full, 2 * kTileBytes + kScaleBytes);
      if constexpr (kCluster > 1) {
        ptx::TmaLoadMulticast(shared.a[stage] + rank * (kTileBytes / 2), &map_a, full, block * kBlockK,
                              row + rank * (kTileM / 2), 0b11);
      } else {
        ptx::TmaLoad(shared.a[stage], &map_a, full, block * kBlockK, row);
        ptx::TmaLoad(shared.a[stage] + kTileBytes / 2, &map_a, full, block * kBlockK, row + kTileM / 2);
      }
      ptx::TmaLoad(shared.b[stage], &map_b, full, block * kBlockK, b_row);
      ptx::BulkLoad(shared.a_scales[stage], scales + static_cast<long>(block) * problem.scale_stride, full,
                    kScaleBytes);
    }
  }
}

// Tells every CTA of the cluster that this warp has done with `stage`.
template <int kCluster>
__device__ __forceinline__ void Release(SharedStorage& shared, int stage) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if constexpr (kCluster > 1) {
    if (lane < kCluster) ptx::MbarrierArriveAt(&shared.empty[stage], static_cast<std::uint32_t>(lane));
  } else {
    if (lane == 0) ptx::MbarrierArrive(&shared.empty[stage]);
  }
}

// The 64 x 128 of this warpgroup: through shared memory, then by the copy engine.
__device__ __forceinline__ void StoreTile(const float (&d)[64], const CUtensorMap& map_d,
                                          SharedStorage& shared, int row, int column) {
  const int group = static_cast<int>(threadIdx.x) / 128;
  const std::uint32_t warp = threadIdx.x / 32 % 4;
  const std::uint32_t lane = threadIdx.x % 32;
  const bool elected = threadIdx.x % 128 == 0;
  if (elected) ptx::TmaStoreWaitRead();
  ptx::NamedBarrier(1 + group, 128);
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    const std::uint32_t base = ptx::SharedAddress(shared.d[group][j / 4]);
    const std::uint32_t offset = ptx::Swizzle128(warp * 16 + lane % 16, (j % 4) * 2 + lane / 16);
    const float* v = d + 8 * j;
    ptx::StoreMatrix4(base + offset, ptx::PackBf16(v[0], v[1]), ptx::PackBf16(v[2], v[3]),
                      ptx::PackBf16(v[4], v[5]), ptx::PackBf16(v[6], v[7]));
  }
  ptx::FenceAsyncProxy();
  ptx::NamedBarrier(1 + group, 128);
  if (elected) {
    ptx::TmaStore(&map_d, shared.d[group][0], column, row + group * 64);
    ptx::TmaStore(&map_d, shared.d[group][1], column + 64, row + group * 64);
    ptx::TmaStoreCommit();
  }
}

// The four products of 32 of K over one stage.
__device__ __forceinline__ void MultiplyStage(float (&accumulator)[64], const SharedStorage& shared,
                                              int stage, int group, int accumulate) {
  const std::uint64_t a = wgmma::KMajor(ptx::SharedAddress(shared.a[stage] + group * (kTileBytes / 2)));
  const std::uint64_t b = wgmma::KMajor(ptx::SharedAddress(shared.b[stage]));
  wgmma::Pin(accumulator);
  wgmma::Fence();
#pragma unroll
  for (int k = 0; k < kBlockK / 32; ++k) {
    wgmma::Fp8M64N128K32(accumulator, a + 2 * k, b + 2 * k, accumulate | (k > 0));
  }
  wgmma::Commit();
  wgmma::Wait<0>();
  wgmma::Pin(accumulator);
}

__device__ __forceinline__ void AddScaled(float (&sum)[64], const float (&part)[64], float low, float high) {
#pragma unroll
  for (int i = 0; i < 64; i += 4) {
    sum[i] += part[i] * low;
    sum[i + 1] += part[i + 1] * low;
    sum[i + 2] += part[i + 2] * high;
    sum[i + 3] += part[i + 3] * high;
  }
}

__device__ __forceinline__ const float* ScalesOfB(const Problem& problem, const Tile& tile) {
  const int blocks = TilesIn(problem.n, kTileN);
  const int block =
      tile.column_block < blocks ? tile.column_block : blocks - 1;  // an odd cluster's spare tile
  return problem.b_scales + static_cast<long>(tile.group * blocks + block) * problem.k_blocks;
}

template <int kCluster, Promotion kPromotion>
__device__ void Consume(const Problem& problem, const CUtensorMap& map_d, SharedStorage& shared) {
  const int group = static_cast<int>(threadIdx.x) / 128;
  const int scale_row = static_cast<int>(threadIdx.x) / 32 * 16 + static_cast<int>(threadIdx.x) % 32 / 4;
  TileWalk walk = WalkOf(problem, kCluster);
  int step = 0;
  for (Tile tile = walk.Next(); tile.valid; tile = walk.Next()) {
    const float* b_scales = ScalesOfB(problem, tile);
    float part[64];
    float sum[64];
#pragma unroll
    for (int i = 0; i < 64; ++i) part[i] = sum[i] = 0.0f;
    float low = 0.0f;
    float high = 0.0f;
    float b_scale = __ldg(b_scales);
    for (int block = 0; block < problem.k_blocks; ++block, ++step) {
      const int stage = step % kStages;
      const float next = __ldg(b_scales + (block + 1 < problem.k_blocks ? block + 1 : block));
      ptx::MbarrierWait(&shared.full[stage], (step / kStages) & 1);
      if (kPromotion == Promotion::kEvery128OfK || block == 0) {
        low = shared.a_scales[stage][scale_row] * b_scale;
        high = shared.a_scales[stage][scale_row + 8] * b_scale;
      }
      MultiplyStage(part, shared, stage, group, kPromotion == Promotion::kNone ? 1 : 0);
      Release<kCluster>(shared, stage);
      if constexpr (kPromotion == Promotion::kEvery128OfK) AddScaled(sum, part, low, high);
      b_scale = next;
    }
    if constexpr (kPromotion == Promotion::kNone) AddScaled(sum, part, low, high);
    StoreTile(sum, map_d, shared, FirstRow(problem, tile), tile.column_block * kTileN);
  }
  if (threadIdx.x % 128 == 0) ptx::TmaStoreWaitAll();
}

template <int kCluster>
__device__ __forceinline__ void InitBarriers(SharedStorage& shared) {
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < kStages; ++stage) {
      ptx::MbarrierInit(&shared.full[stage], 1);
      ptx::MbarrierInit(&shared.empty[stage], kConsumerWarps * kCluster);
    }
    ptx::FenceBarrierInit();
  }
  __syncthreads();
  if constexpr (kCluster > 1) ptx::ClusterSync();
}

template <int kCluster, Promotion kPromotion>
__global__ void __launch_bounds__(kThreads, 1)
    GroupedGemmKernel(const __grid_constant__ CUtensorMap map_a, const __grid_constant__ CUtensorMap map_b,
                      const __grid_constant__ CUtensorMap map_d, const Problem problem) {
  auto& shared = DynamicShared<SharedStorage>();
  InitBarriers<kCluster>(shared);
  if (threadIdx.x >= kConsumerWarps * 32) {
    ptx::RegistersDown<kProducerRegisters>();
    if (threadIdx.x == kConsumerWarps * 32) Produce<kCluster>(problem, map_a, map_b, shared);
  } else {
    ptx::RegistersUp<kConsumerRegisters>();
    Consume<kCluster, kPromotion>(problem, map_d, shared);
  }
  // No CTA leaves while its neighbour may still write into its shared memory or arrive at its barriers.
  if constexpr (kCluster > 1) ptx::ClusterSync();
}

using Kernel = void (*)(CUtensorMap, CUtensorMap, CUtensorMap, Problem);

Kernel KernelFor(const GroupedGemm& gemm) {
  const bool promoted = gemm.promotion == Promotion::kEvery128OfK;
  if (gemm.multicast) {
    return promoted ? GroupedGemmKernel<2, Promotion::kEvery128OfK> : GroupedGemmKernel<2, Promotion::kNone>;
  }
  return promoted ? GroupedGemmKernel<1, Promotion::kEvery128OfK> : GroupedGemmKernel<1, Promotion::kNone>;
}

void CheckShape(const GroupedGemm& gemm) {
  const bool masked = gemm.masked_rows != nullptr;
  if (gemm.k % kBlockK != 0 || gemm.k <= 0)
    throw DeviceError("grouped GEMM: K must be a positive multiple of 128");
  if (gemm.n % 8 != 0 || gemm.n <= 0) throw DeviceError("grouped GEMM: N must be a positive multiple of 8");
  if (masked && gemm.rows % kTileM != 0)
    throw DeviceError("grouped GEMM: masked groups need rows in multiples of 128");
  if (!masked && gemm.groups > 1 && gemm.group_of_row_block == nullptr) {
    throw DeviceError("grouped GEMM: contiguous groups need group_of_row_block");
  }
}

}  // namespace

void LaunchGroupedGemm(const GroupedGemm& gemm, cudaStream_t stream) {
  CheckShape(gemm);
  const auto groups = static_cast<std::uint64_t>(gemm.groups);
  const auto n = static_cast<std::uint64_t>(gemm.n);
  const auto k = static_cast<std::uint64_t>(gemm.k);
  const std::uint64_t rows =
      static_cast<std::uint64_t>(gemm.rows) * (gemm.masked_rows != nullptr ? groups : 1);
  const CUtensorMap map_a =
      MakeTensorMap(CU_TENSOR_MAP_DATA_TYPE_UINT8, gemm.a, rows, k, k, kTileM / 2, kBlockK);
  const CUtensorMap map_b =
      MakeTensorMap(CU_TENSOR_MAP_DATA_TYPE_UINT8, gemm.b, groups * n, k, k, kTileN, kBlockK);
  const CUtensorMap map_d = MakeTensorMap(CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, gemm.d, rows, n, 2 * n, 64, 64);
  const Problem problem{gemm.groups,
                        gemm.rows,
                        gemm.n,
                        gemm.k / kBlockK,
                        PadTo(gemm.rows, kTileM),
                        gemm.a_scales,
                        gemm.b_scales,
                        gemm.group_of_row_block,
                        gemm.masked_rows};
  const unsigned cluster = gemm.multicast ? 2 : 1;
  const dim3 grid(static_cast<unsigned>(gemm.sms) / cluster * cluster);
  LaunchKernel({grid, kThreads, sizeof(SharedStorage), stream, cluster}, KernelFor(gemm), map_a, map_b, map_d,
               problem);
}

}  // namespace orrery::profiler
