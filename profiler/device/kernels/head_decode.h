// Decode attention with ordinary heads of 128: MHA, GQA and MQA at the same batch and context as MLA.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

namespace orrery::profiler {

inline constexpr int kHeadWidth = 128;

/// out[b, h, :] = softmax(scale * q[b, h, :] . k[b, :, h / group, :]) v[b, :, h / group, :], group = heads /
/// kv_heads.
struct HeadDecode {
  int batch = 1;
  int heads = 128;
  int kv_heads = 8;  ///< group of 1 to 16 query heads per key-value head, or a multiple of 128
  float scale = 1.0f;
  const __nv_bfloat16* q = nullptr;  ///< [batch, heads, 128]
  const __nv_bfloat16* k = nullptr;  ///< [pages, kv_heads, 64, 128]; finite also past a sequence's end
  const __nv_bfloat16* v = nullptr;
  const int* block_table = nullptr;  ///< [batch, table_stride]
  int table_stride = 0;
  int length = 0;  ///< tokens of every sequence
  __nv_bfloat16* out = nullptr;
  int splits = 1;                   ///< CTAs along the sequence
  const int* slot_begin = nullptr;  ///< splits > 1: device, [batch + 1], b * splits
  float* partial_out = nullptr;     ///< [batch * splits, heads, 128]
  float* partial_lse = nullptr;     ///< [batch * splits, heads], base 2
};

/// The attention kernel and, where split, the combination. Throws DeviceError.
void LaunchHeadDecode(const HeadDecode& decode, cudaStream_t stream);

}  // namespace orrery::profiler
