// The kernels and shapes that `orrery profile run --suite deepseek-v3` measures.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/op/op.h"

namespace orrery::profiler {

/// Multiprocessors of an H100 or H800 SXM, and what DeepSeek-V3's training left to compute beside 20 for communication
/// (arXiv:2412.19437, section 3.2.2).
inline constexpr int kAllSms = 132;
inline constexpr int kComputeSms = 112;
inline constexpr int kCopySms = 20;

/// One kernel to measure. Flops and bytes are those of one launch.
struct SuiteCase {
  std::string group;  ///< e.g. "mla proj fprop"
  std::string label;  ///< e.g. "q_a fprop"; the op_label of its sample
  OpKind kind{};
  OpShape shape{};
  int priority = 1;
  std::string library;  ///< "cublasLt", "cublas", "cudnn", "orrery"
  std::string variant;  ///< "", "own", "no-promotion", "no-multicast", "skew-4x", ...
  int sms = kAllSms;
  bool beside_copy = false;
  double flops = 0;
  std::int64_t bytes = 0;
};

/// The section of the suite that is no kernel: what launching one costs (LaunchGaps of
/// profiler/measurement/measurement.h).
inline constexpr std::string_view kLaunchSection = "launch";

/// "deepseek-v3": every kernel of a training and a decode step of DeepSeek-V3 (shapes of its config.json: hidden 7168,
/// 128 heads, q rank 1536, kv rank 512 + 64, 256 experts of 2048, dense 18432, vocabulary 129280), the sweep points
/// the cost model interpolates (priority 2), and the experiments on SMs, neighbours, skew and precision.
std::vector<SuiteCase> DeepSeekV3Suite();
/// Names of the suites there are.
std::vector<std::string> SuiteNames();

/// Rows of each of `groups` experts, multiples of 128, summing to total: the largest about `ratio` times the mean,
/// the others sharing the rest evenly. total must be a multiple of 128 * groups.
std::vector<std::int32_t> SkewedRows(std::int64_t total, int groups, double ratio);
/// The ratio in "skew-4x"; 1 if the variant has none.
double SkewOf(std::string_view variant);

}  // namespace orrery::profiler
