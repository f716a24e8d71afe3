// Absorbed MLA decode attention on a paged cache: 128 query heads share one latent key-value head.
#pragma once

#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "profiler/suite/split_kv.h"

namespace orrery::profiler {

inline constexpr int kMlaKeyWidth =
    576;  ///< 512 latent + 64 rotary (DeepSeek-V3: kv_lora_rank, qk_rope_head_dim)
inline constexpr int kMlaValueWidth = 512;  ///< the latent part is the value
inline constexpr int kMlaRowBlock = 64;     ///< query rows (heads x query tokens) of one CTA

/// out[b, r, :] = softmax(scale * q[b, r, :] . kv[b, :, :576]) kv[b, :, :512]; query row r is token r / heads, head
/// r % heads; of `query_tokens` query tokens, token s sees length - (query_tokens - 1 - s) keys.
struct MlaDecode {
  int batch = 1;
  int heads = 128;  ///< a multiple of 64
  int query_tokens = 1;
  float scale = 1.0f;
  const __nv_bfloat16* q = nullptr;   ///< [batch, query_tokens * heads, 576]
  const __nv_bfloat16* kv = nullptr;  ///< [pages, 64, 576]; finite also past a sequence's end
  int pages = 0;
  const int* block_table = nullptr;  ///< [batch, table_stride] page of each tile of 64 tokens
  int table_stride = 0;
  const int* lengths = nullptr;  ///< [batch]
  __nv_bfloat16* out = nullptr;  ///< [batch, query_tokens * heads, 512]

  const DecodeItem* items = nullptr;  ///< the plan of split_kv.h, on the device
  const int* part_begin = nullptr;
  const int* slot_begin = nullptr;
  int parts = 0;
  int slots = 0;
  float* partial_out = nullptr;  ///< [slots, query_tokens * heads, 512]
  float* partial_lse = nullptr;  ///< [slots, query_tokens * heads], base 2
};

/// The attention kernel on parts x (heads * query_tokens / 64) CTAs, then the combination of split sequences if any.
/// Throws DeviceError.
void LaunchMlaDecode(const MlaDecode& decode, cudaStream_t stream);

/// Parts of the plan for a device with `sms` multiprocessors.
inline int MlaParts(int heads, int query_tokens, int sms) {
  const int row_blocks = heads * query_tokens / kMlaRowBlock;
  return sms / row_blocks > 0 ? sms / row_blocks : 1;
}

}  // namespace orrery::profiler
