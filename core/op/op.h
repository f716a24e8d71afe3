// The vocabulary between `models` (what is computed) and `hw` (what it costs): one Op is one kernel. What is
// so of every kernel of a kind is told by core/op/op_traits.h, what a launch computes and moves by
// core/op/op_work.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/units.h"

namespace orrery {

/// Each has a row in core/op/op_traits.h.
enum class OpKind : std::uint8_t {
  // Tensor-core kernels.
  kGemmFp8,               ///< FP8, 1x128 x 128x128 scales, BF16 out (fprop, dgrad)
  kGemmFp8Wgrad,          ///< FP8, 1x128 x 1x128 scales, accumulates into FP32
  kGroupedGemmFp8,        ///< m-grouped contiguous: m = total padded rows, groups = experts
  kGroupedGemmFp8Masked,  ///< m-grouped masked (decode): m = rows over all groups
  kGroupedGemmFp8Wgrad,   ///< k-grouped: m x n per expert, k = total rows over all groups, FP32 accumulate
  kGemmBf16,              ///< BF16 (router, output head, absorbed MLA projections; groups = batch)
  kAttentionForward,      ///< flash attention forward (prefill, training)
  kAttentionBackward,     ///< flash attention backward, main kernel
  kAttentionDecode,  ///< decode attention over a (paged) KV cache; MLA absorbed: d_qk 576, d_v 512, kv_heads
                     ///< 1
  // Memory-bound kernels; RowsShape.
  kCastFp8,              ///< BF16 -> FP8 1x128
  kCastTransposeFp8,     ///< BF16 -> FP8 128x1 and transposed, for the weight gradient
  kRequantizeTranspose,  ///< the same of what is FP8 1x128 already
  kRequantizeGather,     ///< FP8 1x128 -> 128x1, transposed, rows gathered to experts
  kTransposeFp8,         ///< FP8 weight transpose (Hopper's FP8 wgmma takes K-major operands only)
  kScaleTranspose,       ///< transpose of activation scales
  kDequantize,           ///< FP8 -> BF16 of a saved activation
  kSaveE5M6,             ///< attention output to DeepSeek's 12-bit cached format
  kRestoreE5M6,
  kSwiGlu,                 ///< SwiGLU, BF16 in and out
  kSwiGluCast,             ///< SwiGLU (times gate weight) and cast to FP8
  kSwiGluCastTranspose,    ///< SwiGLU recomputed, cast 128x1 and transposed
  kSwiGluBackward,         ///< dense (shared) SwiGLU backward
  kSwiGluForwardBackward,  ///< experts: forward recomputed and backward
  kRouterWeightGrad,       ///< row dot: gradient of the gate weights
  kRmsNorm,
  kRmsNormBackward,
  kLayerNorm,
  kRope,
  kCopy,  ///< head assembly, broadcast and other straight copies
  kResidualAdd,
  kScale,                 ///< elementwise multiply by a constant
  kPermute,               ///< expand unique rows to (token, expert) rows
  kUnpermute,             ///< reduce (token, expert) rows to unique rows
  kTopK,                  ///< group-limited top-k and the bookkeeping around it
  kRouterMisc,            ///< small router kernels: aux loss, counts, index building
  kAttentionPreprocess,   ///< row dot dO.O before attention backward
  kAttentionPostprocess,  ///< dQ conversion after attention backward
  kEmbedding,
  kEmbeddingBackward,
  kCrossEntropy,  ///< softmax cross-entropy, forward and backward
  kAdamW,
  kGradientNorm,
  kHostCopy,  ///< device to host copy over PCIe (EMA)
  kMemset,
  // Recurrent mixers: linear attention and state spaces.
  kStateScan,    ///< matrix products of a chunked scan, GemmShape; groups = heads x chunks
  kStateUpdate,  ///< a decoded token: every state read, changed and written
};

/// snake_case name used in calibration files and reports, e.g. "grouped_gemm_fp8".
std::string_view Name(OpKind kind);
/// The kind of that name; absent if none.
bool ParseOpKind(std::string_view name, OpKind* kind);

/// D[m,n] (+)= A[m,k] B[k,n], `groups` times. For grouped kinds see OpKind: the ragged dimension is the total of
/// all groups, and `groups` counts those that have a row: a kernel reads and writes nothing of the others.
struct GemmShape {
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t groups = 1;
  /// Tiles of 64 and of 128 along the ragged dimension, summed over groups that each begin a tile of their own.
  /// 0: the rows of each group are not known, only their total.
  std::int64_t tiles_64 = 0, tiles_128 = 0;
  bool operator==(const GemmShape&) const = default;
};

/// Sums over sequences that differ in length.
struct AttentionTotals {
  std::int64_t queries = 0;  ///< new tokens
  std::int64_t keys = 0;     ///< tokens that are attended to
  std::int64_t scores = 0;   ///< of one head, counted as Scores counts them
  bool operator==(const AttentionTotals&) const = default;
};

struct AttentionShape {
  std::int64_t batch = 1, heads = 1, kv_heads = 1;
  std::int64_t q_len = 1, kv_len = 1;  ///< per sequence
  std::int64_t d_qk = 128, d_v = 128;
  bool causal = true;
  /// Of keys and values of one token, all of kv_heads, as they are stored: a cache of other elements than
  /// BF16, a key that heads share. 0: BF16, as Bf16KvBytes of core/op/op_work.h counts.
  std::int64_t kv_bytes = 0;
  bool latent =
      false;  ///< a latent without a part for the rotation: d_qk = d_v, which only this tells from MQA
  /// Where sequences differ in length; q_len and kv_len are then their means, rounded up. All 0: they are alike.
  AttentionTotals totals{};
  bool operator==(const AttentionShape&) const = default;
};
/// An absorbed MLA cache: one vector of d_qk a token, whose first d_v are the value too.
constexpr bool IsLatent(const AttentionShape& s) { return s.kv_heads == 1 && (s.d_v < s.d_qk || s.latent); }

/// A memory-bound kernel over rows x cols elements.
struct RowsShape {
  std::int64_t rows = 0, cols = 0;
  std::int64_t bytes = 0;  ///< reads and writes where the kind's formula does not tell them, else 0
  bool operator==(const RowsShape&) const = default;
};

using OpShape = std::variant<GemmShape, AttentionShape, RowsShape>;

/// One kernel launch.
struct Op {
  OpKind kind{};
  OpShape shape{};
  std::string label{};  ///< what a reader calls it, e.g. "q_b fprop"

  Flops flops() const;  ///< tensor-core operations really executed (causal attention: half)
  Bytes bytes() const;  ///< compulsory reads and writes of device memory; 2^62 or so where it would be more
};

/// GEMM shape of an op; aborts if it has none.
const GemmShape& Gemm(const Op& op);

}  // namespace orrery
