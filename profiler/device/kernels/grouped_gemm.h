// The project's grouped FP8 GEMM on Hopper's tensor cores, with DeepSeek-V3's scaling.
#pragma once

#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_runtime.h>

namespace orrery::profiler {

/// What happens to the tensor cores' accumulator, which keeps fewer than FP32's mantissa bits.
enum class Promotion {
  kEvery128OfK,  ///< scaled and added to FP32 registers every 128 of K (DeepSeek-V3, section 3.3.2)
  kNone,  ///< accumulated over all of K; one scale per tensor (the scales of the first block of K are used)
};

/// D[m, n] (BF16) = sum over k of A[m, k] sa[m, k/128] B[g(m), n, k] sb[g(m), n/128, k/128], A and B e4m3.
struct GroupedGemm {
  int groups = 1;
  int rows = 0;  ///< contiguous: all rows, each group's padded to 128; masked: rows allotted per group
                 ///< (multiple of 128)
  int n = 0;
  int k = 0;                        ///< a multiple of 128
  const void* a = nullptr;          ///< [rows or groups * rows, k]
  const float* a_scales = nullptr;  ///< [groups if masked][k / 128][rows rounded up to 128]
  const void* b = nullptr;          ///< [groups, n, k]
  const float* b_scales = nullptr;  ///< [groups][ceil(n / 128)][k / 128]
  __nv_bfloat16* d = nullptr;       ///< [rows or groups * rows, n]
  const int* group_of_row_block =
      nullptr;                       ///< contiguous, more than one group: device, one per 128 rows, -1 = skip
  const int* masked_rows = nullptr;  ///< masked: device, rows in use per group; null selects contiguous
  Promotion promotion = Promotion::kEvery128OfK;
  int sms = 132;          ///< CTAs of the persistent grid, one per multiprocessor
  bool multicast = true;  ///< pairs of CTAs share each tile of A through one multicast load
};

/// Launches on `stream`. Throws DeviceError on a shape it cannot take or a failed launch.
void LaunchGroupedGemm(const GroupedGemm& gemm, cudaStream_t stream);

}  // namespace orrery::profiler
