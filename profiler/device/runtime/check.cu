#include "profiler/device/runtime/check.h"

#include <cmath>

#include <cuda_fp8.h>

#include "profiler/device/kernels/launch.cuh"
#include "profiler/device/kernels/rows.cuh"

namespace orrery::profiler {
namespace {

__host__ __device__ inline std::uint64_t Mix(std::uint64_t x) {  // splitmix64 (Steele, Lea, Flood 2014)
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

__device__ float Normal(std::uint64_t seed, std::uint64_t index) {  // Box-Muller
  const std::uint64_t bits = Mix(Mix(seed) ^ index);
  const float u = (static_cast<float>(bits >> 40) + 1.0f) * 0x1p-24f;
  const float v = static_cast<float>(bits & 0xFFFFFFu) * 0x1p-24f;
  return sqrtf(-2.0f * __logf(u)) * __cosf(6.283185307f * v);
}

__device__ void Put(__nv_bfloat16* out, std::size_t i, float v) { out[i] = __float2bfloat16_rn(v); }
__device__ void Put(float* out, std::size_t i, float v) { out[i] = v; }
__device__ void Put(std::uint8_t* out, std::size_t i, float v) {
  out[i] = __nv_cvt_float_to_fp8(v, __NV_SATFINITE, __NV_E4M3);
}

template <typename T>
__global__ void NormalKernel(T* out, std::size_t count, std::uint64_t seed, float scale) {
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step)
    Put(out, i, Normal(seed, i) * scale);
}

__global__ void UniformKernel(float* out, std::size_t count, std::uint64_t seed, float low, float high) {
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step) {
    out[i] = low + (high - low) * static_cast<float>(Mix(Mix(seed) ^ i) >> 40) * 0x1p-24f;
  }
}

struct Sums {
  double difference;
  double reference;
  unsigned long long not_finite;
};

__device__ double ElementOf(const CheckOperand& o, long row, int column) {
  const long at = row * o.row_length + column;
  double value;
  if (o.fp8) {
    const __half_raw half = __nv_cvt_fp8_to_halfraw(static_cast<const std::uint8_t*>(o.data)[at], __NV_E4M3);
    value = static_cast<double>(__half2float(__half(half)));
  } else {
    value = static_cast<double>(__bfloat162float(static_cast<const __nv_bfloat16*>(o.data)[at]));
  }
  return o.scales == nullptr
             ? value
             : value * static_cast<double>(
                           o.scales[row / o.row_block * o.row_stride + column / 128 * o.k_stride]);
}

__device__ double ResultOf(const CheckResult& d, long row, long column) {
  const long at = row * d.row_length + column;
  return d.fp32 ? static_cast<double>(static_cast<const float*>(d.data)[at])
                : static_cast<double>(__bfloat162float(static_cast<const __nv_bfloat16*>(d.data)[at]));
}

// One warp per sample.
__global__ void SampleKernel(CheckOperand a, CheckOperand b, CheckResult d, int m, int n, int k, int samples,
                             std::uint64_t seed, Sums* sums) {
  const int sample = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) / 32;
  if (sample >= samples) return;
  const std::uint64_t bits = Mix(seed ^ Mix(static_cast<std::uint64_t>(sample)));
  const long row = static_cast<long>((bits >> 32) % static_cast<unsigned>(m));
  const long column = static_cast<long>((bits & 0xFFFFFFFFu) % static_cast<unsigned>(n));
  double sum = 0.0;
  for (int i = static_cast<int>(threadIdx.x) % 32; i < k; i += 32)
    sum += ElementOf(a, row, i) * ElementOf(b, column, i);
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  if (threadIdx.x % 32 != 0) return;
  const double difference = ResultOf(d, row, column) - sum;
  atomicAdd(&sums->difference, difference * difference);
  atomicAdd(&sums->reference, sum * sum);
}

__global__ void ScanResultKernel(CheckResult d, long m, long n, Sums* sums) {
  unsigned long long bad = 0;
  const long step = static_cast<long>(gridDim.x) * blockDim.x;
  for (long i = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x; i < m * n; i += step)
    bad += isfinite(ResultOf(d, i / n, i % n)) ? 0 : 1;
  if (bad > 0) atomicAdd(&sums->not_finite, bad);
}

__device__ bool Finite(__nv_bfloat16 v) { return isfinite(__bfloat162float(v)); }
__device__ bool Finite(float v) { return isfinite(v); }
__device__ bool Finite(std::uint8_t v) { return (v & 0x7F) != 0x7F; }

template <typename T>
__global__ void ScanKernel(const T* data, std::size_t count, unsigned long long* bad) {
  unsigned long long mine = 0;
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step)
    mine += Finite(data[i]) ? 0 : 1;
  if (mine > 0) atomicAdd(bad, mine);
}

constexpr int kBlocks = 132 * 8;

template <typename T>
void FillWith(T* out, std::size_t count, std::uint64_t seed, float scale, cudaStream_t stream) {
  LaunchKernel({kBlocks, 256, 0, stream}, NormalKernel<T>, out, count, seed, scale);
}

template <typename T>
std::uint64_t Scan(const T* data, std::size_t count, cudaStream_t stream) {
  DeviceBuffer bad(sizeof(unsigned long long));
  ORRERY_CUDA_CHECK(cudaMemsetAsync(bad.as<void>(), 0, bad.bytes(), stream));
  LaunchKernel({kBlocks, 256, 0, stream}, ScanKernel<T>, data, count, bad.as<unsigned long long>());
  return Download(bad.as<unsigned long long>(), 1, stream)[0];
}

}  // namespace

void FillNormal(__nv_bfloat16* out, std::size_t count, std::uint64_t seed, float scale, cudaStream_t stream) {
  FillWith(out, count, seed, scale, stream);
}
void FillNormal(float* out, std::size_t count, std::uint64_t seed, float scale, cudaStream_t stream) {
  FillWith(out, count, seed, scale, stream);
}
void FillNormalFp8(std::uint8_t* out, std::size_t count, std::uint64_t seed, float scale,
                   cudaStream_t stream) {
  FillWith(out, count, seed, scale, stream);
}

void FillUniform(float* out, std::size_t count, std::uint64_t seed, float low, float high,
                 cudaStream_t stream) {
  LaunchKernel({kBlocks, 256, 0, stream}, UniformKernel, out, count, seed, low, high);
}

void Poison(const DeviceBuffer& buffer, cudaStream_t stream) {
  ORRERY_CUDA_CHECK(cudaMemsetAsync(buffer.as<void>(), 0xFF, buffer.bytes(), stream));
}

GemmCheck::GemmCheck() : sums_(sizeof(Sums)) {
  ORRERY_CUDA_CHECK(cudaMemset(sums_.as<void>(), 0, sizeof(Sums)));
  // Streams that do not block on the default stream would not wait for it.
  ORRERY_CUDA_CHECK(cudaStreamSynchronize(nullptr));
}

void GemmCheck::Add(const CheckOperand& a, const CheckOperand& b, const CheckResult& d, int m, int n, int k,
                    int samples, std::uint64_t seed, cudaStream_t stream) {
  if (m <= 0 || n <= 0) return;
  LaunchKernel({static_cast<unsigned>((samples + 7) / 8), 256, 0, stream}, SampleKernel, a, b, d, m, n, k,
               samples, seed, sums_.as<Sums>());
  LaunchKernel({kBlocks, 256, 0, stream}, ScanResultKernel, d, m, n, sums_.as<Sums>());
}

double GemmCheck::Error(cudaStream_t stream) const {
  const Sums sums = Download(sums_.as<Sums>(), 1, stream)[0];
  if (sums.not_finite > 0) return std::nan("");
  return std::sqrt(sums.difference / sums.reference);
}

std::uint64_t CountNotFinite(const __nv_bfloat16* data, std::size_t count, cudaStream_t stream) {
  return Scan(data, count, stream);
}
std::uint64_t CountNotFinite(const float* data, std::size_t count, cudaStream_t stream) {
  return Scan(data, count, stream);
}
std::uint64_t CountNotFiniteFp8(const std::uint8_t* data, std::size_t count, cudaStream_t stream) {
  return Scan(data, count, stream);
}

}  // namespace orrery::profiler
