// RMSNorm forward and backward, LayerNorm: one CTA per row, the row in registers.
#include "profiler/device/kernels/kernels.h"
#include "profiler/device/kernels/launch.cuh"
#include "profiler/device/kernels/rows.cuh"
#include "profiler/device/runtime/cuda_support.h"

namespace orrery::profiler {
namespace {

constexpr int kMaxThreads = 256;
constexpr int kMaxVectors = 4;  // of eight per thread: rows up to 8192

template <int kVectors>
struct Row {
  Floats8 v[kVectors];
  __device__ void Load(const Bf16* source, int cols) {
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      const int col = Column(i);
      v[i] = col < cols ? Load8(source + col) : Floats8{};
    }
  }
  __device__ void Store(Bf16* target, int cols) const {
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      if (Column(i) < cols) Store8(target + Column(i), v[i]);
    }
  }
  __device__ static int Column(int i) {
    return static_cast<int>(threadIdx.x + static_cast<unsigned>(i) * blockDim.x) * 8;
  }
};

template <int kVectors>
__global__ void __launch_bounds__(kMaxThreads)
    RmsNormKernel(const Bf16* x, const Bf16* residual, const Bf16* gain, int cols, float epsilon, Bf16* y,
                  Bf16* sum_out, float* rstd) {
  const long offset = static_cast<long>(blockIdx.x) * cols;
  Row<kVectors> row;
  row.Load(x + offset, cols);
  if (residual != nullptr) {
    Row<kVectors> other;
    other.Load(residual + offset, cols);
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      for (int j = 0; j < 8; ++j) row.v[i].v[j] += other.v[i].v[j];
    }
    row.Store(sum_out + offset, cols);
  }
  float square[1] = {0.0f};
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    for (int j = 0; j < 8; ++j) square[0] += row.v[i].v[j] * row.v[i].v[j];
  }
  BlockSum(square);
  const float scale = rsqrtf(square[0] / static_cast<float>(cols) + epsilon);
  if (rstd != nullptr && threadIdx.x == 0) rstd[blockIdx.x] = scale;
  Row<kVectors> gains;
  gains.Load(gain, cols);
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    for (int j = 0; j < 8; ++j) row.v[i].v[j] *= scale * gains.v[i].v[j];
  }
  row.Store(y + offset, cols);
}

template <int kVectors>
__global__ void __launch_bounds__(kMaxThreads)
    LayerNormKernel(const Bf16* x, const Bf16* gain, const Bf16* bias, int cols, float epsilon, Bf16* y) {
  const long offset = static_cast<long>(blockIdx.x) * cols;
  Row<kVectors> row;
  row.Load(x + offset, cols);
  float sum[1] = {0.0f};
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    for (int j = 0; j < 8; ++j) sum[0] += row.v[i].v[j];
  }
  BlockSum(sum);
  const float mean = sum[0] / static_cast<float>(cols);
  float square[1] = {0.0f};
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    if (Row<kVectors>::Column(i) >= cols) continue;
    for (int j = 0; j < 8; ++j) square[0] += (row.v[i].v[j] - mean) * (row.v[i].v[j] - mean);
  }
  BlockSum(square);
  const float scale = rsqrtf(square[0] / static_cast<float>(cols) + epsilon);
  Row<kVectors> gains;
  Row<kVectors> biases;
  gains.Load(gain, cols);
  biases.Load(bias, cols);
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    for (int j = 0; j < 8; ++j)
      row.v[i].v[j] = (row.v[i].v[j] - mean) * scale * gains.v[i].v[j] + biases.v[i].v[j];
  }
  row.Store(y + offset, cols);
}

// Persistent CTAs, so that each keeps its share of the gain's gradient in registers.
template <int kVectors>
__global__ void __launch_bounds__(kMaxThreads)
    RmsNormBackwardKernel(const Bf16* x, const Bf16* gain, const float* rstd, const Bf16* d_y, int rows,
                          int cols, Bf16* d_x, float* partial) {
  Row<kVectors> gains;
  gains.Load(gain, cols);
  Row<kVectors> d_gain{};
  for (int r = static_cast<int>(blockIdx.x); r < rows; r += static_cast<int>(gridDim.x)) {
    const long offset = static_cast<long>(r) * cols;
    Row<kVectors> value;
    Row<kVectors> grad;
    value.Load(x + offset, cols);
    grad.Load(d_y + offset, cols);
    const float scale = rstd[r];
    float dot[1] = {0.0f};
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      for (int j = 0; j < 8; ++j) {
        value.v[i].v[j] *= scale;  // the normalised input
        d_gain.v[i].v[j] += grad.v[i].v[j] * value.v[i].v[j];
        grad.v[i].v[j] *= gains.v[i].v[j];
        dot[0] += grad.v[i].v[j] * value.v[i].v[j];
      }
    }
    BlockSum(dot);
    const float mean = dot[0] / static_cast<float>(cols);
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      for (int j = 0; j < 8; ++j) value.v[i].v[j] = scale * (grad.v[i].v[j] - value.v[i].v[j] * mean);
    }
    value.Store(d_x + offset, cols);
  }
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int col = Row<kVectors>::Column(i);
    if (col >= cols) continue;
    for (int j = 0; j < 8; ++j) partial[static_cast<long>(blockIdx.x) * cols + col + j] = d_gain.v[i].v[j];
  }
}

__global__ void __launch_bounds__(256)
    SumPartialsKernel(const float* partial, int blocks, int cols, float* out) {
  const int col = static_cast<int>(blockIdx.x) * 256 + static_cast<int>(threadIdx.x);
  if (col >= cols) return;
  float sum = 0.0f;
  for (int b = 0; b < blocks; ++b) sum += partial[static_cast<long>(b) * cols + col];
  out[col] = sum;
}

struct Geometry {
  unsigned threads;
  int vectors;  // per thread
};

Geometry GeometryOf(int cols) {
  if (cols % 8 != 0 || cols > kMaxThreads * kMaxVectors * 8)
    throw DeviceError("norm: columns must be a multiple of 8 up to 8192");
  const int vectors = cols / 8;
  const int threads = vectors >= kMaxThreads ? kMaxThreads : (vectors + 31) / 32 * 32;
  return {static_cast<unsigned>(threads), (vectors + threads - 1) / threads};
}

// Calls launch(std::integral_constant<int, vectors>).
template <typename Launch>
void WithVectors(int vectors, Launch launch) {
  if (vectors == 1) return launch(std::integral_constant<int, 1>{});
  if (vectors == 2) return launch(std::integral_constant<int, 2>{});
  if (vectors == 3) return launch(std::integral_constant<int, 3>{});
  launch(std::integral_constant<int, 4>{});
}

}  // namespace

void LaunchRmsNorm(const Bf16* x, const Bf16* residual, const Bf16* gain, int rows, int cols, float epsilon,
                   Bf16* y, Bf16* sum_out, float* rstd, cudaStream_t stream) {
  const Geometry g = GeometryOf(cols);
  WithVectors(g.vectors, [&](auto vectors) {
    LaunchKernel({static_cast<unsigned>(rows), g.threads, 0, stream}, RmsNormKernel<vectors.value>, x,
                 residual, gain, cols, epsilon, y, sum_out, rstd);
  });
}

void LaunchLayerNorm(const Bf16* x, const Bf16* gain, const Bf16* bias, int rows, int cols, float epsilon,
                     Bf16* y, cudaStream_t stream) {
  const Geometry g = GeometryOf(cols);
  WithVectors(g.vectors, [&](auto vectors) {
    LaunchKernel({static_cast<unsigned>(rows), g.threads, 0, stream}, LayerNormKernel<vectors.value>, x, gain,
                 bias, cols, epsilon, y);
  });
}

void LaunchRmsNormBackward(const Bf16* x, const Bf16* gain, const float* rstd, const Bf16* d_y, int rows,
                           int cols, int blocks, Bf16* d_x, float* partial, float* d_gain,
                           cudaStream_t stream) {
  const Geometry g = GeometryOf(cols);
  WithVectors(g.vectors, [&](auto vectors) {
    LaunchKernel({static_cast<unsigned>(blocks), g.threads, 0, stream}, RmsNormBackwardKernel<vectors.value>,
                 x, gain, rstd, d_y, rows, cols, d_x, partial);
  });
  LaunchKernel({static_cast<unsigned>((cols + 255) / 256), 256, 0, stream}, SumPartialsKernel, partial,
               blocks, cols, d_gain);
}

}  // namespace orrery::profiler
