#include "models/program/kernels.h"

#include <utility>

namespace orrery::models::kernel {
namespace {

constexpr std::int64_t kFp8 = 1, kBf16 = 2, kFp32 = 4;
constexpr std::int64_t kReadModifyWriteFp32 = 2 * kFp32;

double GemmFlops(std::int64_t m, std::int64_t n, std::int64_t k) {
  return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
}

Op MakeGemm(OpKind kind, GemmShape shape, double flops, std::int64_t bytes, std::string label) {
  return {.kind = kind, .shape = shape, .flops = {flops}, .bytes = {bytes}, .label = std::move(label)};
}

/// Bytes of the FP32 scales of `elements` values, one per 128.
std::int64_t ScaleBytes(std::int64_t elements) { return elements * kFp32 / kFp8Tile; }

Op MakeRows(OpKind kind, std::int64_t rows, std::int64_t cols, std::int64_t bytes, std::string label) {
  return {
      .kind = kind, .shape = RowsShape{rows, cols}, .flops = {}, .bytes = {bytes}, .label = std::move(label)};
}

/// Scores computed: batch x heads x q_len x kv_len, half of it when causal.
double Scores(const AttentionShape& s) {
  const double square = static_cast<double>(s.q_len) * static_cast<double>(s.kv_len);
  return static_cast<double>(s.batch * s.heads) * square * (s.causal ? 0.5 : 1.0);
}

std::int64_t QueryRows(const AttentionShape& s) { return s.batch * s.q_len * s.heads; }
std::int64_t KeyRows(const AttentionShape& s) { return s.batch * s.kv_len * s.kv_heads; }

Op MakeAttention(OpKind kind, const AttentionShape& s, double flops, std::int64_t bytes, std::string label) {
  return {.kind = kind, .shape = s, .flops = {flops}, .bytes = {bytes}, .label = std::move(label)};
}

}  // namespace

Op GemmFp8(std::int64_t m, std::int64_t n, std::int64_t k, std::string label) {
  const std::int64_t bytes = kFp8 * (m * k + n * k) + kBf16 * m * n;
  return MakeGemm(OpKind::kGemmFp8, {m, n, k, 1}, GemmFlops(m, n, k), bytes, std::move(label));
}

Op GemmFp8Wgrad(std::int64_t m, std::int64_t n, std::int64_t k, std::string label) {
  const std::int64_t bytes = kFp8 * (m * k + n * k) + kReadModifyWriteFp32 * m * n;
  return MakeGemm(OpKind::kGemmFp8Wgrad, {m, n, k, 1}, GemmFlops(m, n, k), bytes, std::move(label));
}

Op GroupedGemmFp8(std::int64_t rows, std::int64_t n, std::int64_t k, std::int64_t groups, std::string label) {
  const std::int64_t bytes = kFp8 * (rows * k + groups * n * k) + kBf16 * rows * n;
  return MakeGemm(OpKind::kGroupedGemmFp8, {rows, n, k, groups}, GemmFlops(rows, n, k), bytes,
                  std::move(label));
}

Op GroupedGemmFp8Wgrad(std::int64_t m, std::int64_t n, std::int64_t rows, std::int64_t groups,
                       std::string label) {
  const std::int64_t bytes = kFp8 * rows * (m + n) + kReadModifyWriteFp32 * groups * m * n;
  return MakeGemm(OpKind::kGroupedGemmFp8Wgrad, {m, n, rows, groups}, GemmFlops(m, n, rows), bytes,
                  std::move(label));
}

Op GemmBf16(std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t out_bytes, std::string label) {
  const std::int64_t bytes = kBf16 * (m * k + n * k) + out_bytes * m * n;
  return MakeGemm(OpKind::kGemmBf16, {m, n, k, 1}, GemmFlops(m, n, k), bytes, std::move(label));
}

Op GroupedGemmBf16(std::int64_t rows, std::int64_t n, std::int64_t k, std::int64_t groups,
                   std::string label) {
  const std::int64_t bytes = kBf16 * (rows * k + groups * n * k + rows * n);
  return MakeGemm(OpKind::kGemmBf16, {CeilDiv(rows, groups), n, k, groups}, GemmFlops(rows, n, k), bytes,
                  std::move(label));
}

Op GroupedGemmBf16Wgrad(std::int64_t m, std::int64_t n, std::int64_t rows, std::int64_t groups,
                        std::string label) {
  const std::int64_t bytes = kBf16 * rows * (m + n) + kReadModifyWriteFp32 * groups * m * n;
  return MakeGemm(OpKind::kGemmBf16, {m, n, CeilDiv(rows, groups), groups}, GemmFlops(m, n, rows), bytes,
                  std::move(label));
}

Op AttentionForward(const AttentionShape& s, std::string label) {
  const double flops = 2.0 * Scores(s) * static_cast<double>(s.d_qk + s.d_v);
  const std::int64_t bytes = kBf16 * (QueryRows(s) + KeyRows(s)) * (s.d_qk + s.d_v);
  return MakeAttention(OpKind::kAttentionForward, s, flops, bytes, std::move(label));
}

Op AttentionBackward(const AttentionShape& s, std::string label) {
  const double flops = 2.0 * Scores(s) * static_cast<double>(3 * s.d_qk + 2 * s.d_v);
  const std::int64_t queries = QueryRows(s) * (2 * s.d_qk + 2 * s.d_v);  // q, dq, o, do
  const std::int64_t keys = KeyRows(s) * (2 * s.d_qk + 2 * s.d_v);       // k, dk, v, dv
  return MakeAttention(OpKind::kAttentionBackward, s, flops, kBf16 * (queries + keys), std::move(label));
}

Op AttentionPreprocess(const AttentionShape& s, std::string label) {
  const std::int64_t bytes = QueryRows(s) * (2 * kBf16 * s.d_v + kFp32 * s.d_qk);
  return MakeRows(OpKind::kAttentionPreprocess, s.batch * s.q_len, s.heads * s.d_v, bytes, std::move(label));
}

Op AttentionPostprocess(const AttentionShape& s, std::string label) {
  const std::int64_t bytes = QueryRows(s) * s.d_qk * (kFp32 + kBf16);
  return MakeRows(OpKind::kAttentionPostprocess, s.batch * s.q_len, s.heads * s.d_qk, bytes,
                  std::move(label));
}

Op Rows(OpKind kind, std::int64_t rows, std::int64_t cols, std::int64_t bytes_per_element,
        std::string label) {
  return MakeRows(kind, rows, cols, rows * cols * bytes_per_element, std::move(label));
}

Op Cast(std::int64_t rows, std::int64_t cols, std::string label) {
  const std::int64_t elements = rows * cols;
  return MakeRows(OpKind::kCastFp8, rows, cols, elements * (kBf16 + kFp8) + ScaleBytes(elements),
                  std::move(label));
}

Op CastTranspose(std::int64_t rows, std::int64_t cols, std::string label) {
  return Rows(OpKind::kCastTransposeFp8, rows, RoundUp(cols, kFp8Tile), kBf16 + kFp8, std::move(label));
}

Op CastTransposeFp8(std::int64_t rows, std::int64_t cols, std::string label) {
  return Rows(OpKind::kCastTransposeFp8, rows, RoundUp(cols, kFp8Tile), 2 * kFp8, std::move(label));
}

Op RequantizeGather(std::int64_t rows, std::int64_t cols, std::string label) {
  return Rows(OpKind::kRequantizeGather, rows, cols, 2 * kFp8, std::move(label));
}

Op TransposeWeight(std::int64_t rows, std::int64_t cols, std::int64_t groups, std::string label) {
  return Rows(OpKind::kTransposeFp8, groups * RoundUp(rows, kFp8Tile), RoundUp(cols, kFp8Tile), 2 * kFp8,
              std::move(label));
}

Op ScaleTranspose(std::int64_t rows, std::int64_t cols, std::string label) {
  return Rows(OpKind::kScaleTranspose, rows, CeilDiv(cols, kFp8Tile), 2 * kFp32, std::move(label));
}

Op Dequantize(std::int64_t rows, std::int64_t cols, std::string label) {
  return Rows(OpKind::kDequantize, rows, cols, kFp8 + kBf16, std::move(label));
}

namespace {

/// BF16 and 12-bit copies of rows x cols elements.
Op E5M6(OpKind kind, std::int64_t rows, std::int64_t cols, std::string label) {
  const std::int64_t elements = rows * cols;
  return MakeRows(kind, rows, cols, kBf16 * elements + elements * 3 / 2, std::move(label));
}

}  // namespace

Op SaveE5M6(std::int64_t rows, std::int64_t cols, std::string label) {
  return E5M6(OpKind::kSaveE5M6, rows, cols, std::move(label));
}

Op RestoreE5M6(std::int64_t rows, std::int64_t cols, std::string label) {
  return E5M6(OpKind::kRestoreE5M6, rows, cols, std::move(label));
}

Op RmsNorm(std::int64_t rows, std::int64_t cols, std::string label) {
  return Rows(OpKind::kRmsNorm, rows, cols, 2 * kBf16, std::move(label));
}

Op RmsNormBackward(std::int64_t rows, std::int64_t cols, std::string label) {
  return Rows(OpKind::kRmsNormBackward, rows, cols, 3 * kBf16, std::move(label));
}

Op Rope(std::int64_t rows, std::int64_t cols, std::string label) {
  return Rows(OpKind::kRope, rows, cols, 2 * kBf16, std::move(label));
}

Op Copy(std::int64_t rows, std::int64_t cols, std::string label) {
  return Rows(OpKind::kCopy, rows, cols, 2 * kBf16, std::move(label));
}

Op ResidualAdd(std::int64_t rows, std::int64_t cols, std::string label) {
  return Rows(OpKind::kResidualAdd, rows, cols, 3 * kBf16, std::move(label));
}

Op SwiGlu(std::int64_t rows, std::int64_t cols, std::string label) {
  return Rows(OpKind::kSwiGlu, rows, cols, 3 * kBf16, std::move(label));
}

Op SwiGluCast(std::int64_t rows, std::int64_t cols, std::string label) {
  return Rows(OpKind::kSwiGluCast, rows, cols, 2 * kBf16 + kFp8, std::move(label));
}

Op SwiGluCastTranspose(std::int64_t rows, std::int64_t cols, std::string label) {
  return Rows(OpKind::kSwiGluCastTranspose, rows, cols, 2 * kBf16 + kFp8, std::move(label));
}

Op SwiGluBackward(std::int64_t rows, std::int64_t cols, std::string label) {
  return Rows(OpKind::kSwiGluBackward, rows, cols, 5 * kBf16, std::move(label));  // gate, up, dy; dgate, dup
}

Op SwiGluForwardBackward(std::int64_t rows, std::int64_t cols, std::string label) {
  return Rows(OpKind::kSwiGluForwardBackward, rows, cols, 6 * kBf16, std::move(label));  // and y once more
}

Op Permute(std::int64_t unique, std::int64_t rows, std::int64_t cols, bool fp8, std::string label) {
  const std::int64_t row_bytes = fp8 ? kFp8 * cols + ScaleBytes(cols) : kBf16 * cols;
  return MakeRows(OpKind::kPermute, rows, cols, (unique + rows) * row_bytes, std::move(label));
}

Op Unpermute(std::int64_t rows, std::int64_t unique, std::int64_t cols, std::string label) {
  return MakeRows(OpKind::kUnpermute, rows, cols, kBf16 * (rows + unique) * cols, std::move(label));
}

}  // namespace orrery::models::kernel
