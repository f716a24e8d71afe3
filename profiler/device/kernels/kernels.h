// The memory-bound kernels of the suite. All matrices are row-major; `stride` of scales is that of
// scale_layout.h. Launches are asynchronous and throw DeviceError when refused.
#pragma once

#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_runtime.h>

namespace orrery::profiler {

using Bf16 = __nv_bfloat16;
using Fp8 = std::uint8_t;  ///< e4m3 bits

/// [rows, cols] -> e4m3 with one scale per 1x128: scales[cols / 128][stride]. cols a multiple of 128.
void LaunchCast(const Bf16* in, int rows, int cols, Fp8* out, float* scales, int stride, cudaStream_t stream);
/// [rows, cols] -> transposed e4m3 [cols, rows] with one scale per 128x1: scales[rows / 128][cols]. rows % 128 == 0,
/// cols % 64 == 0.
void LaunchCastTranspose(const Bf16* in, int rows, int cols, Fp8* out, float* scales, cudaStream_t stream);
/// Row r of the result is row gather[r] of the e4m3 input with 1x128 scales [cols / 128][in_stride]; result
/// as above.
void LaunchRequantizeGather(const Fp8* in, const float* in_scales, int in_stride, const int* gather, int rows,
                            int cols, Fp8* out, float* scales, cudaStream_t stream);
/// groups x [rows, cols] bytes -> groups x [cols, rows]; both multiples of 128.
void LaunchTransposeFp8(const Fp8* in, int groups, int rows, int cols, Fp8* out, cudaStream_t stream);
/// e4m3 with 1x128 scales [cols / 128][stride] -> bf16.
void LaunchDequantize(const Fp8* in, const float* scales, int stride, int rows, int cols, Bf16* out,
                      cudaStream_t stream);
/// bf16 [count] -> 12-bit floats of 5 exponent and 6 mantissa bits, 8 per 12 bytes, with one power-of-two scale per 128
/// (DeepSeek-V3, section 3.3.3); and back. count a multiple of 4096.
void LaunchSaveE5M6(const Bf16* in, long count, std::uint32_t* out, float* scales, cudaStream_t stream);
void LaunchRestoreE5M6(const std::uint32_t* in, const float* scales, long count, Bf16* out,
                       cudaStream_t stream);

/// gate_up [rows, 2 cols] -> e4m3 [rows, cols] of silu(gate) up weight[row], scales[cols / 128][stride];
/// weight may be null.
void LaunchSwiGluCast(const Bf16* gate_up, const float* weight, int rows, int cols, Fp8* out, float* scales,
                      int stride, cudaStream_t stream);
/// As above in bf16, unweighted.
void LaunchSwiGlu(const Bf16* gate_up, int rows, int cols, Bf16* out, cudaStream_t stream);
/// Recomputes out = silu(gate) up weight and gives d_gate_up from d_out, and d_weight[row].
void LaunchSwiGluBackward(const Bf16* gate_up, const float* weight, const Bf16* d_out, int rows, int cols,
                          Bf16* out, Bf16* d_gate_up, float* d_weight, cudaStream_t stream);

/// y = x rstd gain over rows of `cols` (a multiple of 8, at most 8192). With `residual`, x += residual first
/// and the sum is written to sum_out. rstd may be null.
void LaunchRmsNorm(const Bf16* x, const Bf16* residual, const Bf16* gain, int rows, int cols, float epsilon,
                   Bf16* y, Bf16* sum_out, float* rstd, cudaStream_t stream);
/// d_x and, through partial sums [blocks, cols] of `blocks` persistent CTAs, d_gain (FP32 [cols]).
void LaunchRmsNormBackward(const Bf16* x, const Bf16* gain, const float* rstd, const Bf16* d_y, int rows,
                           int cols, int blocks, Bf16* d_x, float* partial, float* d_gain,
                           cudaStream_t stream);
void LaunchLayerNorm(const Bf16* x, const Bf16* gain, const Bf16* bias, int rows, int cols, float epsilon,
                     Bf16* y, cudaStream_t stream);

/// Rotates neighbouring pairs of the last 64 of every head's `width` columns, in place; cos_sin [tokens, 32].
void LaunchRope(Bf16* q, int tokens, int heads, int width, const float2* cos_sin, cudaStream_t stream);
/// kv [tokens, heads, 256] (key 128 | value 128) and k_rope [tokens, 64] -> k [tokens, heads, 192], v
/// [tokens, heads, 128].
void LaunchAssembleKv(const Bf16* kv, const Bf16* k_rope, int tokens, int heads, Bf16* k, Bf16* v,
                      cudaStream_t stream);
void LaunchResidualAdd(const Bf16* a, const Bf16* b, long count, Bf16* out, cudaStream_t stream);

/// out row r = in row index[r], bytes_per_row a multiple of 16, and row_scales floats per row.
void LaunchPermute(const Fp8* in, const float* in_scales, const int* index, int rows, int bytes_per_row,
                   int row_scales, Fp8* out, float* out_scales, cudaStream_t stream);
/// out row u = sum of in rows list[begin[u]] .. list[begin[u + 1]); cols a multiple of 8.
void LaunchUnpermute(const Bf16* in, const int* begin, const int* list, int rows, int cols, Bf16* out,
                     cudaStream_t stream);

/// DeepSeek-V3's gate over 256 experts in 8 groups: sigmoid, bias, 4 groups by the sum of their best two, 8 experts,
/// weights of unbiased scores normalised times `factor`.
void LaunchGroupTopK(const float* logits, const float* bias, int tokens, float factor, int* experts,
                     float* weights, cudaStream_t stream);
/// Counts per expert, first row per expert (padded to 128) and the row of each of `assignments` choices.
/// Three launches.
void LaunchBuildMap(const int* experts, int assignments, int expert_count, int* counts, int* first_row,
                    int* cursor, int* row_of, cudaStream_t stream);

/// One step of AdamW: FP32 gradient and master weight, bf16 moments and bf16 copy of the weight.
struct AdamWStep {
  float learning_rate = 2.2e-4f, beta1 = 0.9f, beta2 = 0.95f, epsilon = 1e-8f, weight_decay = 0.1f;
  float correction1 = 1.0f, correction2 = 1.0f;  ///< 1 / (1 - beta^t)
};
void LaunchAdamW(const AdamWStep& step, long count, const float* gradient, float* master, Bf16* m, Bf16* v,
                 Bf16* weight, cudaStream_t stream);
/// logits [rows, vocabulary] become (softmax - onehot(target)) / rows; losses[row].
void LaunchCrossEntropy(Bf16* logits, const int* targets, int rows, int vocabulary, float* losses,
                        cudaStream_t stream);
void LaunchEmbedding(const Bf16* table, const int* tokens, int count, int cols, Bf16* out,
                     cudaStream_t stream);

/// Copies `bytes` (a multiple of 16) on `sms` multiprocessors, one CTA each.
void LaunchSmCopy(const void* in, void* out, std::size_t bytes, int sms, cudaStream_t stream);
/// As above over and over, until *stop (mapped host memory) is not 0 or `limit_ns` have passed.
void LaunchNeighbourCopy(const void* in, void* out, std::size_t bytes, int sms, const volatile int* stop,
                         std::uint64_t limit_ns, cudaStream_t stream);
void LaunchEmpty(cudaStream_t stream);

}  // namespace orrery::profiler
