#include "profiler/suite/cost.h"

#include <stdexcept>
#include <string>

namespace orrery::profiler {
namespace {

// FP32 scales: one per 1x128 of an activation, one per 128x128 of a weight.
std::int64_t ActivationScales(std::int64_t elements) { return 4 * elements / 128; }
std::int64_t WeightScales(std::int64_t elements) { return 4 * elements / 16384; }

LaunchCost GemmCost(OpKind kind, const GemmShape& s) {
  const std::int64_t a = s.m * s.k;
  const std::int64_t b = s.n * s.k;
  const std::int64_t d = s.m * s.n;
  const double flops = 2.0 * static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k);
  switch (kind) {
    case OpKind::kGemmFp8:
      return {flops, a + b + 2 * d + ActivationScales(a) + WeightScales(b)};
    case OpKind::kGemmFp8Wgrad:
      return {flops, a + b + 8 * d + ActivationScales(a + b)};
    case OpKind::kGroupedGemmFp8:
    case OpKind::kGroupedGemmFp8Masked:
      return {flops, a + s.groups * b + 2 * d + ActivationScales(a) + WeightScales(s.groups * b)};
    case OpKind::kGroupedGemmFp8Wgrad:
      return {flops, a + b + 8 * d * s.groups + ActivationScales(a + b)};
    default:  // kGemmBf16, batched
      return {flops * static_cast<double>(s.groups), 2 * s.groups * (a + b + d)};
  }
}

LaunchCost AttentionCost(OpKind kind, const AttentionShape& s) {
  const std::int64_t q_rows = s.batch * s.q_len * s.heads;
  const std::int64_t kv_rows = s.batch * s.kv_len * s.kv_heads;
  const double pairs = static_cast<double>(q_rows) * static_cast<double>(s.kv_len);
  const auto d_qk = static_cast<double>(s.d_qk);
  const auto d_v = static_cast<double>(s.d_v);
  const std::int64_t forward_bytes = 2 * (q_rows * (s.d_qk + s.d_v) + kv_rows * (s.d_qk + s.d_v));
  if (kind == OpKind::kAttentionForward) return {pairs * (d_qk + d_v) * (s.causal ? 1 : 2), forward_bytes};
  // Backward: S and dQ, dK over d_qk; dP and dV over d_v. Every tensor and its gradient once.
  if (kind == OpKind::kAttentionBackward)
    return {pairs * (3 * d_qk + 2 * d_v) * (s.causal ? 1 : 2), 2 * forward_bytes};
  // Decode of one latent head (MLA): the value is part of the key and is read with it.
  const bool latent = s.kv_heads == 1 && s.d_qk == 576;
  const std::int64_t kv_width = latent ? s.d_qk : s.d_qk + s.d_v;
  return {2.0 * pairs * (d_qk + d_v), 2 * (kv_rows * kv_width + q_rows * (s.d_qk + s.d_v))};
}

// Bytes per element of rows x cols.
double RowBytes(OpKind kind) {
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
      throw std::invalid_argument("the suite has no rows kernel of kind " + std::string(Name(kind)));
  }
}

}  // namespace

LaunchCost CostOf(OpKind kind, const OpShape& shape) {
  if (const auto* gemm = std::get_if<GemmShape>(&shape)) return GemmCost(kind, *gemm);
  if (const auto* attention = std::get_if<AttentionShape>(&shape)) return AttentionCost(kind, *attention);
  const auto& rows = std::get<RowsShape>(shape);
  return {0.0, static_cast<std::int64_t>(RowBytes(kind) * static_cast<double>(rows.rows) *
                                         static_cast<double>(rows.cols))};
}

}  // namespace orrery::profiler
