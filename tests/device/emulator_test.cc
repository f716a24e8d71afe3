// The emulator itself: it computes what the PTX ISA says, and it notices kernels that are wrong.
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "profiler/device/kernels/launch.cuh"
#include "profiler/device/kernels/layout.cuh"
#include "profiler/device/kernels/ptx.cuh"
#include "profiler/device/kernels/wgmma.cuh"
#include "profiler/device/runtime/check.h"
#include "profiler/device/runtime/tensor_map.h"
#include "profiler/suite/number_formats.h"
#include "tests/device/workload_run.h"

namespace orrery::profiler {
namespace {

using testing::HasSubstr;

// The error of running `body` under a timing; "" if it passes.
std::string ErrorOf(const std::function<void()>& body, unsigned threads,
                    emulator::Timing timing = emulator::Timing::kLate, std::size_t shared_bytes = 4096,
                    unsigned cluster = 1) {
  const TimingScope scope({timing, 1, ""});
  try {
    emulator::RunGrid({dim3(cluster), dim3(threads), shared_bytes, cluster}, body);
  } catch (const emulator::EmulationError& error) {
    return error.what();
  }
  return "";
}

struct Storage {
  alignas(1024) std::uint8_t tile[2048];
  std::uint64_t barrier;
  alignas(16) float values[64];
};

TEST(Emulator, NamesTheWaitsOfAStandstill) {
  const std::string error = ErrorOf(
      [] {
        if (threadIdx.x != 3) __syncthreads();
        if (threadIdx.x == 3) ptx::NamedBarrier(1, 64);
      },
      64);
  EXPECT_THAT(error, HasSubstr("63 threads"));
  EXPECT_THAT(error, HasSubstr("a named barrier at emulator_test.cc"));
}

TEST(Emulator, LetsThreadsThatLeftCountAtTheBarrierOfAll) {
  EXPECT_EQ(ErrorOf(
                [] {
                  if (threadIdx.x < 32) __syncthreads();
                },
                64),
            "");
}

TEST(Emulator, SeesLanesThatDisagree) {
  const std::string error = ErrorOf(
      [] {
        if (threadIdx.x < 7) __shfl_xor_sync(0xffffffffu, 1, 1);
        if (threadIdx.x >= 7) __shfl_sync(0xffffffffu, 1, 0);
      },
      32);
  EXPECT_THAT(error, HasSubstr("different operations"));
}

TEST(Emulator, PoisonsSharedMemory) {
  int not_nan = 0;
  EXPECT_EQ(ErrorOf([&] { not_nan += std::isnan(DynamicShared<Storage>().values[threadIdx.x]) ? 0 : 1; }, 32),
            "");
  EXPECT_EQ(not_nan, 0);
}

TEST(Emulator, ShowsAMissingBarrierAsAWrongValue) {
  int wrong = 0;
  EXPECT_EQ(ErrorOf(
                [&] {
                  auto& shared = DynamicShared<Storage>();
                  shared.values[threadIdx.x] = 1.0f;
                  if (!(shared.values[63 - threadIdx.x] == 1.0f)) ++wrong;
                },
                64),
            "");
  EXPECT_GT(wrong, 0);
}

TEST(Mbarrier, EndsAPhaseWhenArrivalsAndBytesAreComplete) {
  const DeviceBuffer source = Upload(std::vector<float>(16, 2.0f));
  int seen = 0;
  for (const TimingCase& timing : kTimings) {
    EXPECT_EQ(ErrorOf(
                  [&] {
                    auto& shared = DynamicShared<Storage>();
                    if (threadIdx.x == 0) ptx::MbarrierInit(&shared.barrier, 1);
                    __syncthreads();
                    for (std::uint32_t phase = 0; phase < 3; ++phase) {
                      if (threadIdx.x == 0) {
                        ptx::MbarrierExpect(&shared.barrier, 64);
                        ptx::BulkLoad(shared.values, source.as<float>(), &shared.barrier, 64);
                      }
                      ptx::MbarrierWait(&shared.barrier, phase & 1);
                      seen += shared.values[threadIdx.x % 16] == 2.0f ? 1 : 0;
                      __syncthreads();
                    }
                  },
                  32, timing.timing),
              "");
  }
  EXPECT_EQ(seen, 3 * 3 * 32);
}

TEST(Mbarrier, RefusesArrivalsItDoesNotExpect) {
  EXPECT_THAT(ErrorOf(
                  [] {
                    auto& shared = DynamicShared<Storage>();
                    if (threadIdx.x == 0) ptx::MbarrierInit(&shared.barrier, 2);
                    __syncthreads();
                    if (threadIdx.x == 1) ptx::MbarrierExpect(&shared.barrier, 16);
                    if (threadIdx.x == 1) ptx::MbarrierArrive(&shared.barrier);
                    if (threadIdx.x == 1) ptx::MbarrierArrive(&shared.barrier);
                  },
                  32),
              HasSubstr("more arrivals"));
  EXPECT_THAT(ErrorOf([] { ptx::MbarrierWait(&DynamicShared<Storage>().barrier, 0); }, 32),
              HasSubstr("no mbarrier was initialised"));
}

TEST(CopyEngine, IsLateWhenNobodyWaits) {
  const DeviceBuffer source = Upload(std::vector<float>(16, 2.0f));
  const auto early_read = [&] {
    auto& shared = DynamicShared<Storage>();
    ptx::MbarrierInit(&shared.barrier, 1);
    ptx::MbarrierExpect(&shared.barrier, 64);
    ptx::BulkLoad(shared.values, source.as<float>(), &shared.barrier, 64);
    EXPECT_TRUE(std::isnan(shared.values[0]));
  };
  EXPECT_THAT(ErrorOf(early_read, 1), HasSubstr("copies into its shared memory were under way"));
}

TEST(CopyEngine, StaysInsideItsMemory) {
  const DeviceBuffer source = Upload(std::vector<float>(16, 2.0f));
  EXPECT_THAT(ErrorOf(
                  [&] {
                    auto& shared = DynamicShared<Storage>();
                    ptx::MbarrierInit(&shared.barrier, 1);
                    ptx::BulkLoad(shared.values, source.as<float>() + 4, &shared.barrier, 64);
                  },
                  1),
              HasSubstr("outside what is allocated"));
  EXPECT_THROW(MakeTensorMap(CU_TENSOR_MAP_DATA_TYPE_UINT8, source.as<void>(), 2, 64, 64, 8, 64),
               DeviceError);
  EXPECT_THROW(MakeTensorMap(CU_TENSOR_MAP_DATA_TYPE_UINT8, source.as<void>(), 1, 24, 24, 8, 64), DeviceError)
      << "rows that are not multiples of 16 bytes apart";
}

// Where the driver's documentation puts element (row, byte) of a tile under CU_TENSOR_MAP_SWIZZLE_128B:
// within 1024 bytes the 16-byte chunk index of a 128-byte row is xored with the row.
TEST(CopyEngine, SwizzlesAndFillsWithZeros) {
  std::vector<std::uint8_t> rows(10 * 128);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::uint8_t>(i / 16);
  const DeviceBuffer source = Upload(rows);
  const CUtensorMap map =
      MakeTensorMap(CU_TENSOR_MAP_DATA_TYPE_UINT8, source.as<void>(), 10, 128, 128, 16, 128);
  std::vector<std::uint8_t> tile;
  EXPECT_EQ(ErrorOf(
                [&] {
                  auto& shared = DynamicShared<Storage>();
                  ptx::MbarrierInit(&shared.barrier, 1);
                  ptx::MbarrierExpect(&shared.barrier, 2048);
                  ptx::TmaLoad(shared.tile, &map, &shared.barrier, 0, 0);
                  ptx::MbarrierWait(&shared.barrier, 0);
                  tile.assign(shared.tile, shared.tile + 2048);
                },
                1),
            "");
  EXPECT_EQ(tile[0], 0);
  EXPECT_EQ(tile[128], 9) << "row 1 starts with its chunk 1";
  EXPECT_EQ(tile[128 + 16], 8);
  EXPECT_EQ(tile[7 * 128 + 2 * 16], 7 * 8 + 5);
  EXPECT_EQ(tile[9 * 128], 9 * 8 + 1);
  EXPECT_EQ(tile[10 * 128], 0) << "outside the tensor";
}

struct ProductStorage {
  alignas(1024) std::uint8_t a[64 * 128];
  alignas(1024) std::uint8_t b[64 * 128];
  std::uint64_t barrier;
};

// Integers from -4 to 4: sums of products are exact in FP32 and, up to 256, in bf16.
std::vector<std::uint16_t> SmallIntegers(std::size_t count, std::size_t step) {
  std::vector<std::uint16_t> values;
  for (std::size_t i = 0; i < count; ++i)
    values.push_back(EncodeBf16(static_cast<float>(i * step % 9) - 4.0f));
  return values;
}

// out[64][64] = a[64][64] b[64][64]^T by one warpgroup, the K dimension in four steps.
struct ProductRun {
  DeviceBuffer a = Upload(SmallIntegers(64 * 64, 5)), b = Upload(SmallIntegers(64 * 64, 7));
  CUtensorMap map_a = MakeTensorMap(CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, a.as<void>(), 64, 64, 128, 64, 64);
  CUtensorMap map_b = MakeTensorMap(CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, b.as<void>(), 64, 64, 128, 64, 64);
  std::vector<float> out = std::vector<float>(64 * 64);

  void Load(ProductStorage& shared) const {
    if (threadIdx.x == 0) {
      ptx::MbarrierInit(&shared.barrier, 1);
      ptx::MbarrierExpect(&shared.barrier, sizeof(shared.a) + sizeof(shared.b));
      ptx::TmaLoad(shared.a, &map_a, &shared.barrier, 0, 0);
      ptx::TmaLoad(shared.b, &map_b, &shared.barrier, 0, 0);
    }
    __syncthreads();
    ptx::MbarrierWait(&shared.barrier, 0);
  }
  void Keep(const float (&d)[32]) {
    const unsigned row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4;
    for (unsigned i = 0; i < 32; ++i)
      out[(row + i % 4 / 2 * 8) * 64 + i / 4 * 8 + threadIdx.x % 4 * 2 + i % 2] = d[i];
  }
  void Multiply(bool fence, bool wait) {
    auto& shared = DynamicShared<ProductStorage>();
    Load(shared);
    float d[32] = {};
    if (fence) wgmma::Fence();
    const std::uint64_t left = wgmma::KMajor(ptx::SharedAddress(shared.a));
    const std::uint64_t right = wgmma::KMajor(ptx::SharedAddress(shared.b));
    for (unsigned k = 0; k < 4; ++k) wgmma::Bf16M64N64K16(d, left + 2 * k, right + 2 * k, k > 0);
    wgmma::Commit();
    if (wait) wgmma::Wait<0>();
    Keep(d);
    if (!wait) wgmma::Wait<0>();
  }
  double Reference(std::size_t row, std::size_t column) const {
    double sum = 0;
    const auto left = a.as<std::uint16_t>();
    const auto right = b.as<std::uint16_t>();
    for (std::size_t k = 0; k < 64; ++k)
      sum += DecodeBf16(left[row * 64 + k]) * DecodeBf16(right[column * 64 + k]);
    return sum;
  }
  std::size_t Wrong() const {
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < out.size(); ++i)
      wrong += static_cast<double>(out[i]) == Reference(i / 64, i % 64) ? 0 : 1;
    return wrong;
  }
};

TEST(TensorCore, MultipliesWhatTheCopyEngineBrought) {
  for (const TimingCase& timing : kTimings) {
    ProductRun run;
    EXPECT_EQ(ErrorOf([&] { run.Multiply(true, true); }, 128, timing.timing, sizeof(ProductStorage)), "");
    EXPECT_EQ(run.Wrong(), 0u) << timing.name;
  }
}

TEST(TensorCore, GivesNothingBeforeTheWait) {
  ProductRun run;
  EXPECT_EQ(ErrorOf([&] { run.Multiply(true, false); }, 128, emulator::Timing::kLate, sizeof(ProductStorage)),
            "");
  EXPECT_EQ(run.Wrong(), 64u * 64u);
}

TEST(TensorCore, DemandsAFenceAndTheWait) {
  ProductRun run;
  EXPECT_THAT(
      ErrorOf([&] { run.Multiply(false, true); }, 128, emulator::Timing::kLate, sizeof(ProductStorage)),
      HasSubstr("without a wgmma.fence"));
}

// What one warp stores by stmatrix is read back by ldmatrix, transposed where asked (PTX ISA, fragments of
// 8x8 matrices: lane l holds row l / 4, columns 2 (l % 4) and the next).
TEST(Matrices, GoThroughSharedMemoryUnchangedOrTransposed) {
  EXPECT_EQ(ErrorOf(
                [] {
                  auto& shared = DynamicShared<Storage>();
                  const std::uint32_t lane = threadIdx.x;
                  const std::uint32_t address = ptx::SharedAddress(shared.tile) + 16 * lane;
                  const auto element = [](std::uint32_t matrix, std::uint32_t row, std::uint32_t column) {
                    return matrix * 64 + row * 8 + column;
                  };
                  std::uint32_t r[4];
                  for (std::uint32_t m = 0; m < 4; ++m)
                    r[m] = element(m, lane / 4, lane % 4 * 2) | element(m, lane / 4, lane % 4 * 2 + 1) << 16;
                  ptx::StoreMatrix4(address, r[0], r[1], r[2], r[3]);
                  std::uint32_t same[4];
                  std::uint32_t turned[4];
                  ptx::LoadMatrix4(address, same);
                  ptx::LoadMatrix4Transposed(address, turned);
                  for (std::uint32_t m = 0; m < 4; ++m) {
                    EXPECT_EQ(same[m], r[m]);
                    EXPECT_EQ(turned[m], element(m, lane % 4 * 2, lane / 4) |
                                             element(m, lane % 4 * 2 + 1, lane / 4) << 16);
                  }
                  const auto* stored = reinterpret_cast<const std::uint16_t*>(shared.tile);
                  for (std::uint32_t i = 0; i < 256; ++i) EXPECT_EQ(stored[i], i);
                },
                32),
            "");
}

TEST(Matrices, ReachTheCopyEngineOnlyThroughAProxyFence) {
  for (const bool fenced : {false, true}) {
    const DeviceBuffer target(8 * 128);
    Poison(target, nullptr);
    const CUtensorMap map =
        MakeTensorMap(CU_TENSOR_MAP_DATA_TYPE_UINT8, target.as<void>(), 8, 128, 128, 4, 128, false);
    EXPECT_EQ(ErrorOf(
                  [&] {
                    auto& shared = DynamicShared<Storage>();
                    ptx::StoreMatrix4(ptx::SharedAddress(shared.tile) + 16 * threadIdx.x, 0, 0, 0, 0);
                    if (fenced) ptx::FenceAsyncProxy();
                    __syncthreads();
                    if (threadIdx.x > 0) return;
                    ptx::TmaStore(&map, shared.tile, 0, 2);
                    ptx::TmaStoreCommit();
                    ptx::TmaStoreWaitAll();
                  },
                  32),
              "");
    const auto bytes = Download(target.as<std::uint8_t>(), 8 * 128, nullptr);
    EXPECT_EQ(bytes[2 * 128], fenced ? 0 : 0xFF);
    EXPECT_EQ(bytes[0], 0xFF) << "rows outside the box";
  }
}

TEST(CopyEngine, WritesAStoreThatWasDoneAtOnceOnlyOnce) {
  const DeviceBuffer target(8 * 128);
  const CUtensorMap map =
      MakeTensorMap(CU_TENSOR_MAP_DATA_TYPE_UINT8, target.as<void>(), 8, 128, 128, 4, 128, false);
  EXPECT_EQ(ErrorOf(
                [&] {
                  auto& shared = DynamicShared<Storage>();
                  ptx::TmaStore(&map, shared.tile, 0, 0);
                  ptx::TmaStoreCommit();
                  target.as<std::uint8_t>()[0] = 7;  // of another CTA, say
                  ptx::TmaStoreWaitAll();
                },
                1, emulator::Timing::kEager),
            "");
  EXPECT_EQ(Download(target.as<std::uint8_t>(), 1, nullptr)[0], 7);
}

TEST(Clusters, ShareBarriersAndMulticast) {
  const DeviceBuffer source = Upload(std::vector<std::uint8_t>(128 * 8, 3));
  const CUtensorMap map =
      MakeTensorMap(CU_TENSOR_MAP_DATA_TYPE_UINT8, source.as<void>(), 8, 128, 128, 4, 128);
  int seen = 0;
  EXPECT_EQ(ErrorOf(
                [&] {
                  auto& shared = DynamicShared<Storage>();
                  ptx::MbarrierInit(&shared.barrier, 1);
                  ptx::ClusterSync();
                  ptx::MbarrierExpect(&shared.barrier, 1024);
                  const std::uint32_t rank = ptx::ClusterRank();
                  ptx::TmaLoadMulticast(shared.tile + rank * 512, &map, &shared.barrier, 0,
                                        static_cast<int>(rank) * 4, 0b11);
                  ptx::MbarrierWait(&shared.barrier, 0);
                  for (int i = 0; i < 1024; ++i) seen += shared.tile[i];
                  ptx::ClusterSync();
                },
                1, emulator::Timing::kShuffled, 4096, 2),
            "");
  EXPECT_EQ(seen, 2 * 1024 * 3);
}

TEST(Clusters, MustNotReachIntoACtaThatLeft) {
  const auto without_last_sync = [] {
    auto& shared = DynamicShared<Storage>();
    if (threadIdx.x == 0) ptx::MbarrierInit(&shared.barrier, 32);
    ptx::ClusterSync();
    ptx::MbarrierArriveAt(&shared.barrier, 1 - ptx::ClusterRank());
  };
  EXPECT_THAT(ErrorOf(without_last_sync, 32, emulator::Timing::kEager, 4096, 2), HasSubstr("has left"));
}

TEST(Streams, OfTheirOwnDoNotWaitForTheDefaultStream) {
  const DeviceBuffer buffer(64);
  const Stream stream;
  ORRERY_CUDA_CHECK(cudaMemset(buffer.as<void>(), 0, 64));
  EXPECT_THROW(Poison(buffer, stream.get()), emulator::EmulationError);
  ORRERY_CUDA_CHECK(cudaDeviceSynchronize());
  EXPECT_NO_THROW(Poison(buffer, stream.get()));
}

TEST(DeviceMemory, IsCopiedOnlyBetweenWhatIsAllocated) {
  const DeviceBuffer a(16), b(16);
  std::uint8_t host[16] = {};
  EXPECT_EQ(cudaMemcpy(a.as<void>(), b.as<void>(), 16, cudaMemcpyDeviceToDevice), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(host, b.as<void>(), 16, cudaMemcpyDeviceToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(a.as<void>(), host, 16, cudaMemcpyDeviceToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(a.as<void>(), b.as<void>(), 17, cudaMemcpyDeviceToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host, a.as<void>(), 16, cudaMemcpyDeviceToHost), cudaSuccess);
}

TEST(DeviceMemory, NoticesAWriteBesideIt) {
  auto* memory = static_cast<std::uint8_t*>(emulator::Allocate(20));
  EXPECT_TRUE(emulator::IsAllocated(memory, 20));
  EXPECT_FALSE(emulator::IsAllocated(memory, 21));
  memory[-1] = 0;
  EXPECT_THROW(emulator::Free(memory), emulator::EmulationError);
}

}  // namespace
}  // namespace orrery::profiler
