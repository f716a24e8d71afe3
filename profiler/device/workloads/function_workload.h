// A workload put together from two functions, and the host-side views its check needs.
#pragma once

#include <functional>
#include <initializer_list>
#include <utility>
#include <vector>

#include "profiler/device/kernels/kernels.h"
#include "profiler/device/runtime/check.h"
#include "profiler/device/workloads/workload.h"
#include "profiler/suite/number_formats.h"

namespace orrery::profiler {

/// Relative errors that rounding explains: bf16 results (half a unit of 2^-8, mean square a third of that), FP8 results
/// (half a unit of 2^-3 likewise), the 12-bit format (2^-7).
inline constexpr double kBf16Tolerance = 4e-3;
inline constexpr double kFp8Tolerance = 4e-2;
inline constexpr double kE5M6Tolerance = 8e-3;
inline constexpr double kExact = 0.0;

using BufferSet = std::vector<DeviceBuffer>;

class FunctionWorkload final : public Workload {
 public:
  using LaunchFunction = std::function<void(const BufferSet&, cudaStream_t)>;
  using CheckFunction = std::function<double(const BufferSet&, cudaStream_t)>;

  /// As many sets of buffers of the given sizes as the caches ask for.
  FunctionWorkload(const std::vector<std::size_t>& sizes, const WorkloadOptions& options, double tolerance)
      : tolerance_(tolerance) {
    std::size_t total = 0;
    for (const std::size_t size : sizes) total += size;
    sets_.resize(static_cast<std::size_t>(RotationsFor(total, options)));
    for (BufferSet& set : sets_) {
      for (const std::size_t size : sizes) set.emplace_back(size);
    }
  }

  std::vector<BufferSet>& sets() { return sets_; }
  std::vector<DeviceBuffer>& shared() { return shared_; }  ///< read-only inputs common to all sets
  void OnLaunch(LaunchFunction launch) { launch_ = std::move(launch); }
  /// `outputs` are poisoned before the checked launch.
  void OnCheck(std::vector<std::size_t> outputs, CheckFunction check) {
    outputs_ = std::move(outputs), check_ = std::move(check);
  }

  void Launch(cudaStream_t stream, int rotation) override {
    launch_(sets_[static_cast<std::size_t>(rotation) % sets_.size()], stream);
  }
  std::optional<double> Check(cudaStream_t stream) override {
    if (!check_) return std::nullopt;
    for (const std::size_t output : outputs_) Poison(sets_[0][output], stream);
    launch_(sets_[0], stream);
    return check_(sets_[0], stream);
  }
  double tolerance() const override { return tolerance_; }
  int rotations() const override { return static_cast<int>(sets_.size()); }

 private:
  double tolerance_;
  std::vector<BufferSet> sets_;
  std::vector<DeviceBuffer> shared_;
  LaunchFunction launch_;
  CheckFunction check_;
  std::vector<std::size_t> outputs_;
};

/// `count` elements from `offset`, as doubles.
inline std::vector<double> Bf16ToHost(const DeviceBuffer& buffer, std::size_t offset, std::size_t count,
                                      cudaStream_t stream) {
  const auto raw = Download(buffer.as<std::uint16_t>() + offset, count, stream);
  std::vector<double> out;
  for (const std::uint16_t bits : raw) out.push_back(DecodeBf16(bits));
  return out;
}

inline std::vector<double> FloatsToHost(const DeviceBuffer& buffer, std::size_t offset, std::size_t count,
                                        cudaStream_t stream) {
  const auto raw = Download(buffer.as<float>() + offset, count, stream);
  return {raw.begin(), raw.end()};
}

inline std::vector<double> Fp8ToHost(const DeviceBuffer& buffer, std::size_t offset, std::size_t count,
                                     cudaStream_t stream) {
  const auto raw = Download(buffer.as<std::uint8_t>() + offset, count, stream);
  std::vector<double> out;
  for (const std::uint8_t bits : raw) out.push_back(DecodeE4m3(bits));
  return out;
}

/// A few rows spread over all of them, first and last included.
inline std::vector<std::size_t> SampleRows(std::size_t rows, std::size_t wanted = 9) {
  std::vector<std::size_t> sample;
  for (std::size_t i = 0; i < wanted; ++i) sample.push_back(i * (rows - 1) / (wanted - 1));
  return sample;
}

}  // namespace orrery::profiler
