// What is so of every kernel of a kind, one row a kind. Where a kernel's kind matters, code asks this table:
// it compares neither the order of OpKind nor names. What a launch computes and moves follows from the row
// and the shape: core/op/op_work.h.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "core/op/op.h"

namespace orrery {

enum class ShapeKind : std::uint8_t { kGemm, kAttention, kRows };  ///< in the order of OpShape's alternatives
enum class Bound : std::uint8_t {
  kTensorCores,
  kMemory,
  kLatency,  ///< memory-bound, but so small that starting and waiting decide
  kHostLink  ///< copies between device and host
};
enum class Precision : std::uint8_t { kNone, kFp8, kBf16 };  ///< of a tensor-core kernel's operands
/// Which dimension of a grouped GEMM's shape is the total over all groups.
enum class Ragged : std::uint8_t {
  kNone,     ///< none: `groups` equal problems
  kM,        ///< rows, groups one after another
  kMaskedM,  ///< rows, each group in a buffer of its own; a group without rows is not read
  kK         ///< the reduced dimension
};

struct OpTraits {
  OpKind kind{};
  std::string_view name;  ///< snake_case, in calibration files and reports
  ShapeKind shape = ShapeKind::kRows;
  Bound bound = Bound::kMemory;
  Precision precision = Precision::kNone;
  Ragged ragged = Ragged::kNone;
  double result_bytes = 2;        ///< GEMM, per element of D: 2 BF16, 8 FP32 read and added to
  double bytes_per_element = 0;   ///< rows kinds: reads and writes; 0: RowsShape::bytes must tell
  double bytes_per_row = 0;       ///< rows kinds: the same, once a row
  std::string_view report_class;  ///< under which a report sums it
  std::string_view residual_class = "memory_bound";  ///< kinds whose prices are off alike
  /// The kind whose kernel does most nearly the same: its efficiency is taken where no table has this kind.
  std::optional<OpKind> stand_in{};
  /// The kind whose kernel this one is but for the source's type: rows of both price each other, told apart
  /// by their bytes an element.
  std::optional<OpKind> priced_with{};
  bool is_cast = false;  ///< changes precision or layout and computes nothing
  bool streams =
      false;  ///< reads and writes straight through: its efficiency stands for kinds no table covers
};

namespace report_class {
inline constexpr std::string_view kDenseGemm = "FP8 GEMM, dense", kExpertGemm = "FP8 GEMM, experts",
                                  kBf16Gemm = "BF16 GEMM", kAttention = "attention core",
                                  kAroundAttention = "attention before and after", kSwiGlu = "SwiGLU",
                                  kNorm = "norm", kCopies = "RoPE, copies, residual",
                                  kPermute = "permute and unpermute",
                                  kRouting = "routing (top-k, bookkeeping)", kEnds = "embedding and loss",
                                  kOptimizer = "optimizer", kCasts = "quantise, cast, transpose";
}  // namespace report_class

namespace internal {

using K = OpKind;
using S = ShapeKind;
using B = Bound;
using P = Precision;
namespace rc = report_class;

// Bytes an element: BF16 2, FP8 1, FP32 4, and 4 per 128 elements where a kernel writes 1x128 scales in rows.
// The figures are those that reproduce the kernels of DeepSeek's training trace (deepseek-ai/profile-data
// train.json).
// clang-format off
inline constexpr std::array kOpTraits = {
    OpTraits{.kind = K::kGemmFp8, .name = "gemm_fp8", .shape = S::kGemm, .bound = B::kTensorCores, .precision = P::kFp8,
             .report_class = rc::kDenseGemm, .residual_class = "gemm_fp8"},
    OpTraits{.kind = K::kGemmFp8Wgrad, .name = "gemm_fp8_wgrad", .shape = S::kGemm, .bound = B::kTensorCores, .precision = P::kFp8,
             .result_bytes = 8, .report_class = rc::kDenseGemm, .residual_class = "gemm_fp8_wgrad"},
    OpTraits{.kind = K::kGroupedGemmFp8, .name = "grouped_gemm_fp8", .shape = S::kGemm, .bound = B::kTensorCores, .precision = P::kFp8,
             .ragged = Ragged::kM, .report_class = rc::kExpertGemm, .residual_class = "grouped_gemm_fp8"},
    OpTraits{.kind = K::kGroupedGemmFp8Masked, .name = "grouped_gemm_fp8_masked", .shape = S::kGemm, .bound = B::kTensorCores,
             .precision = P::kFp8, .ragged = Ragged::kMaskedM, .report_class = rc::kExpertGemm,
             .residual_class = "grouped_gemm_fp8_masked", .stand_in = K::kGroupedGemmFp8},
    OpTraits{.kind = K::kGroupedGemmFp8Wgrad, .name = "grouped_gemm_fp8_wgrad", .shape = S::kGemm, .bound = B::kTensorCores,
             .precision = P::kFp8, .ragged = Ragged::kK, .result_bytes = 8, .report_class = rc::kExpertGemm,
             .residual_class = "grouped_gemm_fp8_wgrad", .stand_in = K::kGemmFp8Wgrad},
    OpTraits{.kind = K::kGemmBf16, .name = "gemm_bf16", .shape = S::kGemm, .bound = B::kTensorCores, .precision = P::kBf16,
             .report_class = rc::kBf16Gemm, .residual_class = "gemm_bf16"},
    OpTraits{.kind = K::kAttentionForward, .name = "attention_forward", .shape = S::kAttention, .bound = B::kTensorCores,
             .precision = P::kBf16, .report_class = rc::kAttention, .residual_class = "attention_forward"},
    OpTraits{.kind = K::kAttentionBackward, .name = "attention_backward", .shape = S::kAttention, .bound = B::kTensorCores,
             .precision = P::kBf16, .report_class = rc::kAttention, .residual_class = "attention_backward"},
    OpTraits{.kind = K::kAttentionDecode, .name = "attention_decode", .shape = S::kAttention, .bound = B::kTensorCores,
             .precision = P::kBf16, .report_class = rc::kAttention, .residual_class = "attention_decode"},
    OpTraits{.kind = K::kCastFp8, .name = "cast_fp8", .bytes_per_element = 3 + 4.0 / 128, .report_class = rc::kCasts, .is_cast = true},
    OpTraits{.kind = K::kCastTransposeFp8, .name = "cast_transpose_fp8", .bytes_per_element = 3, .report_class = rc::kCasts, .is_cast = true},
    OpTraits{.kind = K::kRequantizeTranspose, .name = "requantize_transpose", .bytes_per_element = 2, .report_class = rc::kCasts,
             .priced_with = K::kCastTransposeFp8, .is_cast = true},
    OpTraits{.kind = K::kRequantizeGather, .name = "requantize_gather", .bytes_per_element = 2, .report_class = rc::kCasts, .is_cast = true},
    OpTraits{.kind = K::kTransposeFp8, .name = "transpose_fp8", .bytes_per_element = 2, .report_class = rc::kCasts, .is_cast = true},
    OpTraits{.kind = K::kScaleTranspose, .name = "scale_transpose", .bound = B::kLatency, .bytes_per_element = 8,
             .report_class = rc::kCasts, .residual_class = "latency_bound", .is_cast = true},
    OpTraits{.kind = K::kDequantize, .name = "dequantize", .bytes_per_element = 3, .report_class = rc::kCasts, .is_cast = true},
    OpTraits{.kind = K::kSaveE5M6, .name = "save_e5m6", .bytes_per_element = 3.5, .report_class = rc::kCasts, .stand_in = K::kCastFp8, .is_cast = true},
    OpTraits{.kind = K::kRestoreE5M6, .name = "restore_e5m6", .bytes_per_element = 3.5, .report_class = rc::kCasts, .stand_in = K::kDequantize, .is_cast = true},
    // SwiGLU: of an element of the result, gate and up.
    OpTraits{.kind = K::kSwiGlu, .name = "swiglu", .bytes_per_element = 6, .report_class = rc::kSwiGlu, .stand_in = K::kSwiGluCast},
    OpTraits{.kind = K::kSwiGluCast, .name = "swiglu_cast", .bytes_per_element = 5, .report_class = rc::kSwiGlu},
    OpTraits{.kind = K::kSwiGluCastTranspose, .name = "swiglu_cast_transpose", .bytes_per_element = 5, .report_class = rc::kSwiGlu, .stand_in = K::kCastTransposeFp8},
    OpTraits{.kind = K::kSwiGluBackward, .name = "swiglu_backward", .bytes_per_element = 10, .report_class = rc::kSwiGlu},  // gate, up, dy; dgate, dup
    OpTraits{.kind = K::kSwiGluForwardBackward, .name = "swiglu_forward_backward", .bytes_per_element = 12, .report_class = rc::kSwiGlu},  // and y
    // DeepSeek's swiglu_weight_backward multiplies by the gate weights: their gradient is SwiGLU's.
    OpTraits{.kind = K::kRouterWeightGrad, .name = "router_weight_grad", .bytes_per_element = 4, .report_class = rc::kSwiGlu},
    OpTraits{.kind = K::kRmsNorm, .name = "rms_norm", .bytes_per_element = 4, .report_class = rc::kNorm},
    OpTraits{.kind = K::kRmsNormBackward, .name = "rms_norm_backward", .bytes_per_element = 6, .report_class = rc::kNorm},
    OpTraits{.kind = K::kLayerNorm, .name = "layer_norm", .bytes_per_element = 4, .report_class = rc::kNorm, .stand_in = K::kRmsNorm},
    OpTraits{.kind = K::kRope, .name = "rope", .bytes_per_element = 4, .report_class = rc::kCopies},
    OpTraits{.kind = K::kCopy, .name = "copy", .bytes_per_element = 4, .report_class = rc::kCopies, .streams = true},
    OpTraits{.kind = K::kResidualAdd, .name = "residual_add", .bytes_per_element = 6, .report_class = rc::kCopies, .streams = true},
    OpTraits{.kind = K::kScale, .name = "scale", .bytes_per_element = 4, .report_class = rc::kCopies, .streams = true},
    OpTraits{.kind = K::kPermute, .name = "permute", .report_class = rc::kPermute},
    OpTraits{.kind = K::kUnpermute, .name = "unpermute", .report_class = rc::kPermute},
    OpTraits{.kind = K::kTopK, .name = "top_k", .bound = B::kLatency, .bytes_per_element = 4, .report_class = rc::kRouting, .residual_class = "latency_bound"},
    // Counts and map of the choices: read by two kernels, a row of each written.
    OpTraits{.kind = K::kRouterMisc, .name = "router_misc", .bound = B::kLatency, .bytes_per_element = 12, .report_class = rc::kRouting, .residual_class = "latency_bound"},
    OpTraits{.kind = K::kAttentionPreprocess, .name = "attention_preprocess", .report_class = rc::kAroundAttention},
    OpTraits{.kind = K::kAttentionPostprocess, .name = "attention_postprocess", .bytes_per_element = 6, .report_class = rc::kAroundAttention},
    // A row: its token's number, int64. The gradient is BF16 and its row of the sum FP32, read and written.
    OpTraits{.kind = K::kEmbedding, .name = "embedding", .bytes_per_element = 4, .bytes_per_row = 8, .report_class = rc::kEnds, .stand_in = K::kPermute},
    OpTraits{.kind = K::kEmbeddingBackward, .name = "embedding_backward", .bytes_per_element = 10, .bytes_per_row = 8, .report_class = rc::kEnds, .stand_in = K::kUnpermute},
    // Logits read for the maximum and the sum, read again and replaced by their gradient.
    OpTraits{.kind = K::kCrossEntropy, .name = "cross_entropy", .bytes_per_element = 6, .report_class = rc::kEnds},
    // Gradient 4; master 4 + 4; two moments 2 + 2 each; BF16 weight 2.
    OpTraits{.kind = K::kAdamW, .name = "adamw", .bytes_per_element = 22, .report_class = rc::kOptimizer},
    OpTraits{.kind = K::kGradientNorm, .name = "gradient_norm", .bytes_per_element = 4, .report_class = rc::kOptimizer},
    OpTraits{.kind = K::kHostCopy, .name = "host_copy", .bound = B::kHostLink, .report_class = rc::kOptimizer},
    OpTraits{.kind = K::kMemset, .name = "memset", .report_class = rc::kCopies},
    // No table has rows of these: the roofline prices them.
    OpTraits{.kind = K::kStateScan, .name = "state_scan", .shape = S::kGemm, .bound = B::kTensorCores, .precision = P::kBf16,
             .report_class = rc::kAttention, .residual_class = "gemm_bf16"},
    OpTraits{.kind = K::kStateUpdate, .name = "state_update", .report_class = rc::kAttention},
};
// clang-format on

constexpr bool InOrder() {
  for (std::size_t i = 0; i < kOpTraits.size(); ++i) {
    if (static_cast<std::size_t>(kOpTraits[i].kind) != i) return false;
  }
  return true;
}
static_assert(InOrder(), "kOpTraits has a row for each OpKind, in its order");

}  // namespace internal

constexpr int kOpKindCount = static_cast<int>(internal::kOpTraits.size());

/// The rows, to walk over all kinds.
constexpr const auto& AllOpTraits() { return internal::kOpTraits; }
constexpr const OpTraits& Traits(OpKind kind) { return internal::kOpTraits[static_cast<std::size_t>(kind)]; }

constexpr bool IsFp8(OpKind kind) { return Traits(kind).precision == Precision::kFp8; }
/// Over rows and columns, bounded by the device's memory.
constexpr bool IsMemoryBound(OpKind kind) {
  return Traits(kind).bound == Bound::kMemory || Traits(kind).bound == Bound::kLatency;
}
/// The kind whose rows price this one: its own, but for kinds that share a kernel.
constexpr OpKind PricedWith(OpKind kind) { return Traits(kind).priced_with.value_or(kind); }

}  // namespace orrery
