// One constructor per kernel that training launches: its kind and its shape. What it computes and moves
// follows from these (core/op/op_work.h); only kernels whose traffic no formula of the kind tells say theirs
// here.
#pragma once

#include <cstdint>
#include <string>

#include "core/op/op.h"
#include "models/layers/routed_rows.h"

namespace orrery::models::kernel {

/// FP8 tiles are 128 wide, so a dimension that is stored transposed is padded to 128 (V3 kv_a: 576 -> 640).
constexpr std::int64_t kFp8Tile = 128;

// Tensor cores. `m` rows of activations, `n` outputs, `k` inputs.

/// FP8 in, BF16 out.
Op GemmFp8(std::int64_t m, std::int64_t n, std::int64_t k, std::string label);
/// FP8 in, accumulated into an FP32 gradient (read and written).
Op GemmFp8Wgrad(std::int64_t m, std::int64_t n, std::int64_t k, std::string label);
/// Padded rows of all experts, each expert with its own n x k weight.
Op GroupedGemmFp8(const GroupRows& rows, std::int64_t n, std::int64_t k, std::string label);
/// The same with each expert's rows in a buffer of its own, as low-latency exchanges leave them (decode).
Op GroupedGemmFp8Masked(const GroupRows& rows, std::int64_t n, std::int64_t k, std::string label);
/// k-grouped: one m x n FP32 gradient per expert, its rows reduced.
Op GroupedGemmFp8Wgrad(std::int64_t m, std::int64_t n, const GroupRows& rows, std::string label);
Op GemmBf16(std::int64_t m, std::int64_t n, std::int64_t k, std::string label);
/// `groups` equal products, as of the heads of absorbed MLA.
Op BatchedGemmBf16(std::int64_t groups, std::int64_t m, std::int64_t n, std::int64_t k, std::string label);
/// BF16 over the rows of every expert. The vocabulary has no ragged BF16 kind: operations and bytes are those of
/// the mean rows, rounded up, tiles those of each expert's rows.
Op GroupedGemmBf16(const GroupRows& rows, std::int64_t n, std::int64_t k, std::string label);
Op GroupedGemmBf16Wgrad(std::int64_t m, std::int64_t n, const GroupRows& rows, std::string label);

Op AttentionForward(const AttentionShape& shape, std::string label);
Op AttentionBackward(const AttentionShape& shape, std::string label);
/// Row dot do.o, and the FP32 accumulator of dq zeroed.
Op AttentionPreprocess(const AttentionShape& shape, std::string label);
/// dq FP32 -> BF16.
Op AttentionPostprocess(const AttentionShape& shape, std::string label);

// Memory-bound kernels over rows x cols elements.

/// Bytes by the formula of the kind.
Op Rows(OpKind kind, std::int64_t rows, std::int64_t cols, std::string label);
/// Of a kernel whose traffic the formula does not tell.
Op Rows(OpKind kind, std::int64_t rows, std::int64_t cols, Bytes bytes, std::string label);
Op Rows(OpKind kind, std::int64_t rows, std::int64_t cols, std::int64_t bytes_per_element, std::string label);
Op Cast(std::int64_t rows, std::int64_t cols, std::string label);           ///< BF16 -> FP8 1x128
Op CastTranspose(std::int64_t rows, std::int64_t cols, std::string label);  ///< BF16 -> FP8 128x1, transposed
Op RequantizeTranspose(std::int64_t rows, std::int64_t cols, std::string label);  ///< the same from FP8 1x128
Op RequantizeGather(std::int64_t rows, std::int64_t cols,
                    std::string label);  ///< FP8 rows gathered to experts
Op TransposeWeight(std::int64_t rows, std::int64_t cols, std::int64_t groups, std::string label);
/// `cols` of the activation whose scales are transposed; the shape holds scales, cols / 128 a row.
Op ScaleTranspose(std::int64_t rows, std::int64_t cols, std::string label);
Op Dequantize(std::int64_t rows, std::int64_t cols, std::string label);  ///< FP8 -> BF16
Op SaveE5M6(std::int64_t rows, std::int64_t cols, std::string label);    ///< BF16 -> 12 bits
Op RestoreE5M6(std::int64_t rows, std::int64_t cols, std::string label);
Op RmsNorm(std::int64_t rows, std::int64_t cols, std::string label);
Op RmsNormBackward(std::int64_t rows, std::int64_t cols, std::string label);
Op Rope(std::int64_t rows, std::int64_t cols, std::string label);
Op Copy(std::int64_t rows, std::int64_t cols, std::string label);
Op ResidualAdd(std::int64_t rows, std::int64_t cols, std::string label);

// SwiGLU: cols is the intermediate width I; gate and up together are 2 I wide.
Op SwiGlu(std::int64_t rows, std::int64_t cols, std::string label);  ///< BF16 in and out
Op SwiGluCast(std::int64_t rows, std::int64_t cols, std::string label);
Op SwiGluCastTranspose(std::int64_t rows, std::int64_t cols, std::string label);
Op SwiGluBackward(std::int64_t rows, std::int64_t cols, std::string label);
Op SwiGluForwardBackward(std::int64_t rows, std::int64_t cols, std::string label);

/// `unique` received rows to `rows` (token, expert) rows; FP8 rows carry their scales.
Op Permute(std::int64_t unique, std::int64_t rows, std::int64_t cols, bool fp8, std::string label);
/// `rows` BF16 (token, expert) rows reduced to `unique` rows.
Op Unpermute(std::int64_t rows, std::int64_t unique, std::int64_t cols, std::string label);

}  // namespace orrery::models::kernel
