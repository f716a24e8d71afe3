#include "profiler/suite/cost.h"

#include <stdexcept>
#include <string>

namespace orrery::profiler {
namespace {

constexpr double kMostBytes = 4.6e18;  // 2^62, about

// The formulas of bytes, in whole numbers, and first in doubles, which tell whether the whole numbers would
// overflow: every term is positive, so none is larger than the sum, and a factor of 4 leaves room for those
// multiplied before they are divided.

// FP32 scales: one per 1x128 of an activation, one per 128x128 of a weight.
template <typename Number>
Number ActivationScales(Number elements) {
  return 4 * elements / 128;
}
template <typename Number>
Number WeightScales(Number elements) {
  return 4 * elements / 16384;
}

template <typename Number>
Number GemmBytes(OpKind kind, const GemmShape& s) {
  const auto m = static_cast<Number>(s.m), n = static_cast<Number>(s.n), k = static_cast<Number>(s.k);
  const auto groups = static_cast<Number>(s.groups);
  const Number a = m * k, b = n * k, d = m * n;
  switch (kind) {
    case OpKind::kGemmFp8:
      return a + b + 2 * d + ActivationScales(a) + WeightScales(b);
    case OpKind::kGemmFp8Wgrad:
      return a + b + 8 * d + ActivationScales(a + b);
    case OpKind::kGroupedGemmFp8:
    case OpKind::kGroupedGemmFp8Masked:
      return a + groups * b + 2 * d + ActivationScales(a) + WeightScales(groups * b);
    case OpKind::kGroupedGemmFp8Wgrad:
      return a + b + 8 * d * groups + ActivationScales(a + b);
    default:  // kGemmBf16, batched
      return 2 * groups * (a + b + d);
  }
}

double GemmFlops(OpKind kind, const GemmShape& s) {
  const double flops = 2.0 * static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k);
  return kind == OpKind::kGemmBf16 ? flops * static_cast<double>(s.groups) : flops;
}

template <typename Number>
Number AttentionBytes(OpKind kind, const AttentionShape& s) {
  const auto batch = static_cast<Number>(s.batch);
  const auto q_rows = batch * static_cast<Number>(s.q_len) * static_cast<Number>(s.heads);
  const auto kv_rows = batch * static_cast<Number>(s.kv_len) * static_cast<Number>(s.kv_heads);
  const auto d_qk = static_cast<Number>(s.d_qk), d_v = static_cast<Number>(s.d_v);
  const Number forward = 2 * (q_rows * (d_qk + d_v) + kv_rows * (d_qk + d_v));
  if (kind == OpKind::kAttentionForward) return forward;
  if (kind == OpKind::kAttentionBackward) return 2 * forward;  // every tensor and its gradient once
  // Decode of one latent head (MLA): the value is part of the key and is read with it.
  const bool latent = s.kv_heads == 1 && s.d_qk == 576;
  return 2 * (kv_rows * (latent ? d_qk : d_qk + d_v) + q_rows * (d_qk + d_v));
}

double AttentionFlops(OpKind kind, const AttentionShape& s) {
  const double pairs = static_cast<double>(s.batch) * static_cast<double>(s.q_len) *
                       static_cast<double>(s.heads) * static_cast<double>(s.kv_len);
  const auto d_qk = static_cast<double>(s.d_qk);
  const auto d_v = static_cast<double>(s.d_v);
  if (kind == OpKind::kAttentionForward) return pairs * (d_qk + d_v) * (s.causal ? 1 : 2);
  // Backward: S and dQ, dK over d_qk; dP and dV over d_v.
  if (kind == OpKind::kAttentionBackward) return pairs * (3 * d_qk + 2 * d_v) * (s.causal ? 1 : 2);
  return 2.0 * pairs * (d_qk + d_v);
}

// Bytes per element of rows x cols.
std::optional<double> RowBytes(OpKind kind) {
  switch (kind) {
    case OpKind::kCastFp8:
      return 3.0 + 4.0 / 128;  // read bf16, write e4m3 and a scale per 128
    case OpKind::kCastTransposeFp8:
      return 3.0 + 4.0 / 128;
    case OpKind::kRequantizeGather:
      return 2.0 + 8.0 / 128;
    case OpKind::kTransposeFp8:
      return 2.0;
    case OpKind::kDequantize:
      return 3.0 + 4.0 / 128;
    case OpKind::kSaveE5M6:
      return 3.5 + 4.0 / 128;  // bf16 and 12 bits
    case OpKind::kRestoreE5M6:
      return 3.5 + 4.0 / 128;
    case OpKind::kSwiGlu:
      return 6.0;  // gate, up, out; cols of the output
    case OpKind::kSwiGluCast:
      return 5.0 + 4.0 / 128;  // gate, up in bf16, out in e4m3
    case OpKind::kSwiGluCastTranspose:
      return 5.0;  // the same, transposed; scales per 128 rows
    case OpKind::kSwiGluBackward:
      return 10.0;  // gate, up, d_out; d_gate, d_up
    case OpKind::kRouterWeightGrad:
      return 4.0;  // two rows of an expert multiplied and summed
    case OpKind::kSwiGluForwardBackward:
      return 12.0;  // gate, up, d_out; out, d_gate, d_up
    case OpKind::kRmsNorm:
      return 4.0;
    case OpKind::kRmsNormBackward:
      return 6.0;
    case OpKind::kLayerNorm:
      return 4.0;
    case OpKind::kRope:
      return 4.0;  // cols: rotated columns, in place
    case OpKind::kResidualAdd:
      return 6.0;
    case OpKind::kCopy:
      return 4.0;
    case OpKind::kEmbedding:
      return 4.0;
    case OpKind::kCrossEntropy:
      return 6.0;  // logits read twice, gradient written over them
    case OpKind::kAdamW:
      return 22.0;  // g 4; master 4 + 4; m, v 2 + 2 each; bf16 weight 2
    case OpKind::kTopK:
      return 4.0 + 64.0 / 256;  // FP32 logits in; 8 experts and weights out of 256
    case OpKind::kRouterMisc:
      return 12.0;  // choices read by two kernels, row of each written
    case OpKind::kMemset:
      return 0.0;
    default:
      return std::nullopt;
  }
}

std::optional<LaunchCost> RowsCost(OpKind kind, const RowsShape& rows) {
  const auto each = RowBytes(kind);
  if (!each) return std::nullopt;
  const double bytes = *each * static_cast<double>(rows.rows) * static_cast<double>(rows.cols);
  if (bytes > kMostBytes) return std::nullopt;
  return LaunchCost{0.0, static_cast<std::int64_t>(bytes)};
}

}  // namespace

std::optional<LaunchCost> FindCost(OpKind kind, const OpShape& shape) {
  if (const auto* gemm = std::get_if<GemmShape>(&shape)) {
    if (4 * GemmBytes<double>(kind, *gemm) > kMostBytes) return std::nullopt;
    return LaunchCost{GemmFlops(kind, *gemm), GemmBytes<std::int64_t>(kind, *gemm)};
  }
  if (const auto* attention = std::get_if<AttentionShape>(&shape)) {
    if (4 * AttentionBytes<double>(kind, *attention) > kMostBytes) return std::nullopt;
    return LaunchCost{AttentionFlops(kind, *attention), AttentionBytes<std::int64_t>(kind, *attention)};
  }
  return RowsCost(kind, std::get<RowsShape>(shape));
}

LaunchCost CostOf(OpKind kind, const OpShape& shape) {
  if (const auto cost = FindCost(kind, shape)) return *cost;
  throw std::invalid_argument("no cost by formula of " + std::string(Name(kind)) +
                              ": the suite has no such kernel, or the shape is beyond any memory");
}

}  // namespace orrery::profiler
