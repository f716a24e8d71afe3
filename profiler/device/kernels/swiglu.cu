// SwiGLU, fused with the cast of its output or with the backward pass.
#include "profiler/device/kernels/kernels.h"
#include "profiler/device/kernels/launch.cuh"
#include "profiler/device/kernels/rows.cuh"
#include "profiler/device/runtime/cuda_support.h"

namespace orrery::profiler {
namespace {

__device__ __forceinline__ float Sigmoid(float x) { return 1.0f / (1.0f + __expf(-x)); }

// 16 threads per 1x128 block of the output; blockIdx.y counts 8 rows, blockIdx.x 4 blocks, as in the plain
// cast.
__global__ void __launch_bounds__(512) SwiGluCastKernel(const Bf16* gate_up, const float* weight, int rows,
                                                        int cols, Fp8* out, float* scales, int stride) {
  const int part = static_cast<int>(threadIdx.x) / 16;
  const int row = static_cast<int>(blockIdx.y) * 8 + part / 4;
  const int block = static_cast<int>(blockIdx.x) * 4 + part % 4;
  const int col = block * 128 + static_cast<int>(threadIdx.x) % 16 * 8;
  const bool inside = row < rows && col < cols;
  Floats8 value{};
  if (inside) {
    const Bf16* source = gate_up + static_cast<long>(row) * 2 * cols + col;
    const Floats8 gate = Load8(source);
    const Floats8 up = Load8(source + cols);
    const float w = weight != nullptr ? weight[row] : 1.0f;
#pragma unroll
    for (int i = 0; i < 8; ++i) value.v[i] = gate.v[i] * Sigmoid(gate.v[i]) * up.v[i] * w;
  }
  const float amax = fmaxf(HalfWarpMax(AbsMax(value)), kTinyAmax);
  if (!inside) return;
  *reinterpret_cast<uint2*>(out + static_cast<long>(row) * cols + col) = ToFp8(value, kFp8Max / amax);
  if (threadIdx.x % 16 == 0) scales[static_cast<long>(block) * stride + row] = amax / kFp8Max;
}

__global__ void __launch_bounds__(256) SwiGluKernel(const Bf16* gate_up, long vectors, int cols, Bf16* out) {
  const long i = static_cast<long>(blockIdx.x) * 256 + threadIdx.x;
  if (i >= vectors) return;
  const long row = i * 8 / cols;
  const long col = i * 8 % cols;
  const Floats8 gate = Load8(gate_up + row * 2 * cols + col);
  Floats8 up = Load8(gate_up + row * 2 * cols + cols + col);
#pragma unroll
  for (int j = 0; j < 8; ++j) up.v[j] *= gate.v[j] * Sigmoid(gate.v[j]);
  Store8(out + i * 8, up);
}

// One CTA per row, eight columns per thread and step.
__global__ void __launch_bounds__(256)
    SwiGluBackwardKernel(const Bf16* gate_up, const float* weight, const Bf16* d_out, int cols, Bf16* out,
                         Bf16* d_gate_up, float* d_weight) {
  const long row = blockIdx.x;
  const float w = weight[row];
  float dot[1] = {0.0f};
  for (int col = static_cast<int>(threadIdx.x) * 8; col < cols; col += 2048) {
    const long at = row * 2 * cols + col;
    const Floats8 gate = Load8(gate_up + at);
    const Floats8 up = Load8(gate_up + at + cols);
    const Floats8 grad = Load8(d_out + row * cols + col);
    Floats8 result;
    Floats8 d_gate;
    Floats8 d_up;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const float s = Sigmoid(gate.v[i]);
      const float silu = gate.v[i] * s;
      result.v[i] = silu * up.v[i] * w;
      dot[0] += grad.v[i] * silu * up.v[i];
      d_up.v[i] = grad.v[i] * w * silu;
      d_gate.v[i] = grad.v[i] * w * up.v[i] * s * (1.0f + gate.v[i] * (1.0f - s));
    }
    Store8(out + row * cols + col, result);
    Store8(d_gate_up + at, d_gate);
    Store8(d_gate_up + at + cols, d_up);
  }
  BlockSum(dot);
  if (threadIdx.x == 0) d_weight[row] = dot[0];
}

}  // namespace

void LaunchSwiGluCast(const Bf16* gate_up, const float* weight, int rows, int cols, Fp8* out, float* scales,
                      int stride, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>((cols / 128 + 3) / 4), static_cast<unsigned>((rows + 7) / 8));
  LaunchKernel({grid, 512, 0, stream}, SwiGluCastKernel, gate_up, weight, rows, cols, out, scales, stride);
}

void LaunchSwiGlu(const Bf16* gate_up, int rows, int cols, Bf16* out, cudaStream_t stream) {
  const long vectors = static_cast<long>(rows) * cols / 8;
  LaunchKernel({static_cast<unsigned>((vectors + 255) / 256), 256, 0, stream}, SwiGluKernel, gate_up, vectors,
               cols, out);
}

void LaunchSwiGluBackward(const Bf16* gate_up, const float* weight, const Bf16* d_out, int rows, int cols,
                          Bf16* out, Bf16* d_gate_up, float* d_weight, cudaStream_t stream) {
  LaunchKernel({static_cast<unsigned>(rows), 256, 0, stream}, SwiGluBackwardKernel, gate_up, weight, d_out,
               cols, out, d_gate_up, d_weight);
}

}  // namespace orrery::profiler
