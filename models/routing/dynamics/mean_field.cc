#include "models/routing/dynamics/mean_field.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "core/base/error.h"

namespace orrery::models {
namespace {

namespace baseline {
#include "models/routing/dynamics/mean_field_kernel.inc"
}  // namespace baseline

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2")
namespace avx2 {
#include "models/routing/dynamics/mean_field_kernel.inc"
}  // namespace avx2
#pragma GCC pop_options
#endif

void TailOf(Affinity kind, float ln_norm, std::size_t n, const float* mean, const float* level, float inverse,
            float* chance, float* density, float* fall, double* sum, double* slope) {
#if defined(__x86_64__)
  static const bool have_avx2 = __builtin_cpu_supports("avx2");
  if (have_avx2) return avx2::Tail(kind, ln_norm, n, mean, level, inverse, chance, density, fall, sum, slope);
#endif
  baseline::Tail(kind, ln_norm, n, mean, level, inverse, chance, density, fall, sum, slope);
}

constexpr double kClose = 1e-4;     // of top_k: the relative error left in a chance, far below sampling noise
constexpr double kStraight = 1e-2;  // of top_k: from so near, one step along the slope is right to kClose
constexpr double kNear = 8;         // Newton steps are taken where the sum is within this factor of top_k
constexpr int kMostSteps = 200;     // far more than halving the bracket to the finest affinity takes
constexpr float kLeastFactor = 1e-3f;  // of a multiplied bias
constexpr float kNever = -100.0f;      // logit of the padding

}  // namespace

MeanField::MeanField(Affinity kind, int experts, int top_k, int domains)
    : kind_(kind),
      experts_(static_cast<std::size_t>(experts)),
      padded_((experts_ + 7) / 8 * 8),
      top_k_(top_k),
      threshold_(static_cast<std::size_t>(domains), std::numeric_limits<double>::quiet_NaN()),
      mean_(padded_, kNever),
      level_(padded_, 0.5f),
      chance_(padded_),
      density_(padded_),
      fall_(padded_) {
  ORRERY_CHECK(top_k >= 1 && top_k < experts, "mean field needs top_k below experts");
}

void MeanField::Solve(int domain, std::span<const float> mean, double sd, Bias how,
                      std::span<const float> bias) {
  std::copy(mean.begin(), mean.end(), mean_.begin());
  const auto inverse = static_cast<float>(1 / std::max(sd, 1e-3));
  float ln_norm = 0;
  if (kind_ == Affinity::kSoftmax) {
    double norm = 0;
    for (float m : mean) norm += std::exp(double{m} + sd * sd / 2);
    ln_norm = static_cast<float>(std::log(norm));
  }
  auto [low, high] = Bracket(how, bias);
  double& threshold = threshold_[static_cast<std::size_t>(domain)];
  if (std::isnan(threshold))
    threshold = kind_ == Affinity::kSigmoid ? 0.5 : top_k_ / static_cast<double>(experts_) / 4;
  if (threshold <= low || threshold >= high) threshold = (low + high) / 2;
  for (int step = 0; step < kMostSteps; ++step) {
    SetLevels(static_cast<float>(threshold), how, bias);
    double sum = 0, slope = 0;
    TailOf(kind_, ln_norm, padded_, mean_.data(), level_.data(), inverse, chance_.data(), density_.data(),
           fall_.data(), &sum, &slope);
    const double excess = sum - top_k_;
    if (std::abs(excess) < kClose * top_k_) break;
    if (std::abs(excess) < kStraight * top_k_ && slope > 0) {
      StepStraight(excess / slope);
      threshold += excess / slope;
      break;
    }
    (excess > 0 ? low : high) = threshold;
    // Newton on ln(sum), which is nearly straight where sum itself is not; bisection far away or outside the
    // bracket.
    const bool near = sum > top_k_ / kNear && sum < top_k_ * kNear && slope > 0;
    const double next = near ? threshold + std::log(sum / top_k_) * sum / slope : low - 1;
    threshold = next > low && next < high ? next : (low + high) / 2;
  }
}

std::pair<double, double> MeanField::Bracket(Bias how, std::span<const float> bias) const {
  const auto [least, most] = std::minmax_element(bias.begin(), bias.end());
  if (how == Bias::kAdded) return {double{*least}, double{*most} + 1};
  return {0.0, double{std::max(*most, kLeastFactor)}};
}

void MeanField::SetLevels(float threshold, Bias how, std::span<const float> bias) {
  std::fill_n(level_.begin(), experts_, threshold);
  if (how == Bias::kAdded) {
    AddScaled(level_.data(), bias.data(), -1.0f, experts_);
  } else {
    for (std::size_t e = 0; e < experts_; ++e) level_[e] /= std::max(bias[e], kLeastFactor);
  }
}

void MeanField::StepStraight(double rise) {
  AddScaled(chance_.data(), fall_.data(), static_cast<float>(-rise), padded_);
}

}  // namespace orrery::models
