#include "models/layers/kernels.h"

#include <utility>

#include "core/op/op_work.h"

namespace orrery::models::kernel {
namespace {

Op MakeGemm(OpKind kind, const GemmShape& shape, std::string label) {
  return {.kind = kind, .shape = shape, .label = std::move(label)};
}

std::int64_t QueryRows(const AttentionShape& s) { return s.batch * s.q_len * s.heads; }

/// Bytes as its kind's formula has them.
Op ByFormula(OpKind kind, std::int64_t rows, std::int64_t cols, std::string label) {
  return {.kind = kind, .shape = RowsShape{rows, cols}, .label = std::move(label)};
}

}  // namespace

Op GemmFp8(std::int64_t m, std::int64_t n, std::int64_t k, std::string label) {
  return MakeGemm(OpKind::kGemmFp8, {m, n, k, 1}, std::move(label));
}

Op GemmFp8Wgrad(std::int64_t m, std::int64_t n, std::int64_t k, std::string label) {
  return MakeGemm(OpKind::kGemmFp8Wgrad, {m, n, k, 1}, std::move(label));
}

Op GroupedGemmFp8(const GroupRows& r, std::int64_t n, std::int64_t k, std::string label) {
  return MakeGemm(OpKind::kGroupedGemmFp8, {r.rows, n, k, r.groups, r.tiles_64, r.tiles_128},
                  std::move(label));
}

Op GroupedGemmFp8Masked(const GroupRows& r, std::int64_t n, std::int64_t k, std::string label) {
  return MakeGemm(OpKind::kGroupedGemmFp8Masked, {r.rows, n, k, r.groups, r.tiles_64, r.tiles_128},
                  std::move(label));
}

Op GroupedGemmFp8Wgrad(std::int64_t m, std::int64_t n, const GroupRows& r, std::string label) {
  return MakeGemm(OpKind::kGroupedGemmFp8Wgrad, {m, n, r.rows, r.groups, r.tiles_64, r.tiles_128},
                  std::move(label));
}

Op GemmBf16(std::int64_t m, std::int64_t n, std::int64_t k, std::string label) {
  return MakeGemm(OpKind::kGemmBf16, {m, n, k, 1}, std::move(label));
}

Op BatchedGemmBf16(std::int64_t groups, std::int64_t m, std::int64_t n, std::int64_t k, std::string label) {
  return MakeGemm(OpKind::kGemmBf16, {m, n, k, groups}, std::move(label));
}

Op GroupedGemmBf16(const GroupRows& r, std::int64_t n, std::int64_t k, std::string label) {
  return MakeGemm(OpKind::kGemmBf16, {CeilDiv(r.rows, r.groups), n, k, r.groups, r.tiles_64, r.tiles_128},
                  std::move(label));
}

Op GroupedGemmBf16Wgrad(std::int64_t m, std::int64_t n, const GroupRows& r, std::string label) {
  return MakeGemm(OpKind::kGemmBf16, {m, n, CeilDiv(r.rows, r.groups), r.groups}, std::move(label));
}

Op AttentionForward(const AttentionShape& s, std::string label) {
  return {.kind = OpKind::kAttentionForward, .shape = s, .label = std::move(label)};
}

Op AttentionBackward(const AttentionShape& s, std::string label) {
  return {.kind = OpKind::kAttentionBackward, .shape = s, .label = std::move(label)};
}

Op AttentionPreprocess(const AttentionShape& s, std::string label) {
  constexpr std::int64_t kBf16 = 2, kFp32 = 4;
  const std::int64_t bytes = QueryRows(s) * (2 * kBf16 * s.d_v + kFp32 * s.d_qk);
  return Rows(OpKind::kAttentionPreprocess, s.batch * s.q_len, s.heads * s.d_v, Bytes{bytes},
              std::move(label));
}

Op AttentionPostprocess(const AttentionShape& s, std::string label) {
  return ByFormula(OpKind::kAttentionPostprocess, s.batch * s.q_len, s.heads * s.d_qk, std::move(label));
}

Op Rows(OpKind kind, std::int64_t rows, std::int64_t cols, Bytes bytes, std::string label) {
  return {.kind = kind, .shape = WithBytes(kind, RowsShape{rows, cols}, bytes), .label = std::move(label)};
}

Op Rows(OpKind kind, std::int64_t rows, std::int64_t cols, std::int64_t bytes_per_element,
        std::string label) {
  return Rows(kind, rows, cols, Bytes{rows * cols * bytes_per_element}, std::move(label));
}

Op Rows(OpKind kind, std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(kind, rows, cols, std::move(label));
}

Op Cast(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kCastFp8, rows, cols, std::move(label));
}

Op CastTranspose(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kCastTransposeFp8, rows, RoundUp(cols, kFp8Tile), std::move(label));
}

Op RequantizeTranspose(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kRequantizeTranspose, rows, RoundUp(cols, kFp8Tile), std::move(label));
}

Op RequantizeGather(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kRequantizeGather, rows, cols, std::move(label));
}

Op TransposeWeight(std::int64_t rows, std::int64_t cols, std::int64_t groups, std::string label) {
  return ByFormula(OpKind::kTransposeFp8, groups * RoundUp(rows, kFp8Tile), RoundUp(cols, kFp8Tile),
                   std::move(label));
}

Op ScaleTranspose(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kScaleTranspose, rows, CeilDiv(cols, kFp8Tile), std::move(label));
}

Op Dequantize(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kDequantize, rows, cols, std::move(label));
}

Op SaveE5M6(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kSaveE5M6, rows, cols, std::move(label));
}

Op RestoreE5M6(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kRestoreE5M6, rows, cols, std::move(label));
}

Op RmsNorm(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kRmsNorm, rows, cols, std::move(label));
}

Op RmsNormBackward(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kRmsNormBackward, rows, cols, std::move(label));
}

Op Rope(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kRope, rows, cols, std::move(label));
}

Op Copy(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kCopy, rows, cols, std::move(label));
}

Op ResidualAdd(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kResidualAdd, rows, cols, std::move(label));
}

Op SwiGlu(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kSwiGlu, rows, cols, std::move(label));
}

Op SwiGluCast(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kSwiGluCast, rows, cols, std::move(label));
}

Op SwiGluCastTranspose(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kSwiGluCastTranspose, rows, cols, std::move(label));
}

Op SwiGluBackward(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kSwiGluBackward, rows, cols, std::move(label));
}

Op SwiGluForwardBackward(std::int64_t rows, std::int64_t cols, std::string label) {
  return ByFormula(OpKind::kSwiGluForwardBackward, rows, cols, std::move(label));
}

Op Permute(std::int64_t unique, std::int64_t rows, std::int64_t cols, bool fp8, std::string label) {
  const std::int64_t row_bytes = fp8 ? cols + 4 * cols / kFp8Tile : 2 * cols;
  return Rows(OpKind::kPermute, rows, cols, Bytes{(unique + rows) * row_bytes}, std::move(label));
}

Op Unpermute(std::int64_t rows, std::int64_t unique, std::int64_t cols, std::string label) {
  return Rows(OpKind::kUnpermute, rows, cols, Bytes{2 * (rows + unique) * cols}, std::move(label));
}

}  // namespace orrery::models::kernel
