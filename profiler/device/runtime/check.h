// Random inputs, poisoned outputs and references in double precision: what every kernel passes before it is
// timed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "profiler/device/runtime/cuda_support.h"

namespace orrery::profiler {

/// Normal numbers times `scale`, a function of seed and index only.
void FillNormal(__nv_bfloat16* out, std::size_t count, std::uint64_t seed, float scale, cudaStream_t stream);
void FillNormal(float* out, std::size_t count, std::uint64_t seed, float scale, cudaStream_t stream);
/// The same as e4m3 bytes.
void FillNormalFp8(std::uint8_t* out, std::size_t count, std::uint64_t seed, float scale,
                   cudaStream_t stream);
/// Uniform in [low, high).
void FillUniform(float* out, std::size_t count, std::uint64_t seed, float low, float high,
                 cudaStream_t stream);
/// All bits set: a NaN in bf16, FP32 and e4m3, so that elements nobody wrote are found.
void Poison(const DeviceBuffer& buffer, cudaStream_t stream);

/// A GEMM operand [rows, k] with FP32 scales; value(r, c) = data(r, c) * scales[r / row_block * row_stride + c / 128 *
/// k_stride].
struct CheckOperand {
  const void* data = nullptr;
  bool fp8 = true;  ///< e4m3, else bf16
  long row_length = 0;
  const float* scales = nullptr;  ///< null: one
  int row_block = 1;
  long row_stride = 1;
  long k_stride = 1;
};

struct CheckResult {
  const void* data = nullptr;
  bool fp32 = false;  ///< else bf16
  long row_length = 0;
};

/// Compares sampled elements of results with products of the operands summed in double precision.
class GemmCheck {
 public:
  GemmCheck();
  /// `samples` elements of d[m, n] = a[m, k] b[n, k]^T, and a scan of all m x n for values that are not
  /// finite.
  void Add(const CheckOperand& a, const CheckOperand& b, const CheckResult& d, int m, int n, int k,
           int samples, std::uint64_t seed, cudaStream_t stream);
  /// Relative error over everything added; NaN if any element was not finite.
  double Error(cudaStream_t stream) const;

 private:
  DeviceBuffer sums_;  // double difference, double reference, unsigned long long not-finite
};

/// Elements that are not finite.
std::uint64_t CountNotFinite(const __nv_bfloat16* data, std::size_t count, cudaStream_t stream);
std::uint64_t CountNotFinite(const float* data, std::size_t count, cudaStream_t stream);
std::uint64_t CountNotFiniteFp8(const std::uint8_t* data, std::size_t count, cudaStream_t stream);

template <typename T>
std::vector<T> Download(const T* source, std::size_t count, cudaStream_t stream) {
  std::vector<T> host(count);
  ORRERY_CUDA_CHECK(cudaMemcpyAsync(host.data(), source, count * sizeof(T), cudaMemcpyDeviceToHost, stream));
  ORRERY_CUDA_CHECK(cudaStreamSynchronize(stream));
  return host;
}

template <typename T>
DeviceBuffer Upload(const std::vector<T>& host) {
  DeviceBuffer buffer(host.size() * sizeof(T));
  ORRERY_CUDA_CHECK(cudaMemcpy(buffer.as<T>(), host.data(), host.size() * sizeof(T), cudaMemcpyHostToDevice));
  return buffer;
}

}  // namespace orrery::profiler
