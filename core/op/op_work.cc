#include "core/op/op_work.h"

#include <algorithm>
#include <cmath>

#include "core/op/op_traits.h"

namespace orrery {
namespace {

constexpr double kBf16Bytes = 2;
constexpr double kLargestCount = 4.6e18;  // 2^62, about

double D(std::int64_t v) { return static_cast<double>(v); }

/// Of a GEMM, how many times each matrix is there.
struct Matrices {
  double a = 1, b = 1, d = 1;
};

Matrices MatricesOf(const OpTraits& traits, const GemmShape& s) {
  const double groups = D(s.groups);
  switch (traits.ragged) {
    case Ragged::kNone:
      return {groups, groups, groups};
    case Ragged::kM:
    case Ragged::kMaskedM:
      return {1, D(std::min(s.groups, s.m)), 1};
    case Ragged::kK:
      return {1, 1, D(std::min(s.groups, s.k))};
  }
  return {};
}

Work GemmWork(const OpTraits& traits, const GemmShape& s) {
  const double m = D(s.m), n = D(s.n), k = D(s.k);
  const Matrices matrices = MatricesOf(traits, s);
  const double element = traits.precision == Precision::kFp8 ? 1 : kBf16Bytes;
  const double products = traits.ragged == Ragged::kNone ? D(s.groups) : 1;
  return {2 * m * n * k * products,
          element * (matrices.a * m * k + matrices.b * n * k) + traits.result_bytes * matrices.d * m * n};
}

Work AttentionWork(OpKind kind, const AttentionShape& s) {
  const double heads = D(s.batch) * D(s.heads), widths = D(s.d_qk) + D(s.d_v);
  const bool ragged = s.totals.keys > 0;
  const double scores = ragged ? D(s.heads) * D(s.totals.scores) : heads * Scores(s);
  const double queries =
      kBf16Bytes * widths * (ragged ? D(s.heads) * D(s.totals.queries) : heads * D(s.q_len));
  const double token = s.kv_bytes > 0 ? D(s.kv_bytes)
                       : kind == OpKind::kAttentionDecode && IsLatent(s)
                           ? kBf16Bytes * D(s.kv_heads) * D(s.d_qk)
                           : kBf16Bytes * D(s.kv_heads) * widths;
  const double moved = queries + (ragged ? D(s.totals.keys) : D(s.batch) * D(s.kv_len)) * token;
  if (kind != OpKind::kAttentionBackward) return {2 * scores * widths, moved};
  return {2 * scores * (3 * D(s.d_qk) + 2 * D(s.d_v)), 2 * moved};
}

Work RowsWork(const OpTraits& traits, const RowsShape& s) {
  if (s.bytes > 0) return {0, D(s.bytes)};
  return {0, std::floor(traits.bytes_per_element * D(s.rows) * D(s.cols)) + traits.bytes_per_row * D(s.rows)};
}

}  // namespace

/// Causal: query i of the last q_len positions sees those up to itself, counted as the field counts it,
/// q_len^2 / 2 of a square.
double Scores(const AttentionShape& s) {
  const double q = D(s.q_len), kv = D(s.kv_len);
  return s.causal && s.q_len > 1 ? q * kv - q * std::min(q, kv) / 2 : q * kv;
}

std::int64_t Bf16KvBytes(OpKind kind, const AttentionShape& s) {
  const bool once = kind == OpKind::kAttentionDecode && IsLatent(s);
  return 2 * s.kv_heads * (once ? s.d_qk : s.d_qk + s.d_v);
}

Work WorkOf(OpKind kind, const OpShape& shape) {
  if (const auto* gemm = std::get_if<GemmShape>(&shape)) return GemmWork(Traits(kind), *gemm);
  if (const auto* attention = std::get_if<AttentionShape>(&shape)) return AttentionWork(kind, *attention);
  return RowsWork(Traits(kind), std::get<RowsShape>(shape));
}

bool TellsBytes(OpKind kind, const OpShape& shape) {
  const auto* rows = std::get_if<RowsShape>(&shape);
  return rows == nullptr || rows->bytes > 0 || Traits(kind).bytes_per_element > 0;
}

OpShape WithBytes(OpKind kind, OpShape shape, Bytes bytes) {
  auto* rows = std::get_if<RowsShape>(&shape);
  if (rows == nullptr) return shape;
  rows->bytes = 0;
  if (WorkOf(kind, shape).bytes != static_cast<double>(bytes.count)) rows->bytes = bytes.count;
  return shape;
}

Flops Op::flops() const { return {WorkOf(*this).flops}; }

Bytes Op::bytes() const { return {static_cast<std::int64_t>(std::min(WorkOf(*this).bytes, kLargestCount))}; }

}  // namespace orrery
