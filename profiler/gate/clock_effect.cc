#include "profiler/gate/clock_effect.h"

#include <cmath>

namespace orrery::profiler {
namespace {

constexpr std::size_t kFewestPeers = 5;  // fewer kernels, one of them changed, say little of the others

}  // namespace

ClockEffect::ClockEffect(const RunTimes& base, const RunTimes& next, const DeviceLimits& limits)
    : base_(base), next_(next), limits_(limits) {
  for (const std::string& key : base.order) {
    const auto clock = RatioOf(key);
    if (!clock || std::abs(*clock - 1) <= kClockDifference) continue;
    const double slowdown = next.cases.at(key).medians.Location() - base.cases.at(key).medians.Location();
    followed_.push_back({key, ComputeBound(key), -slowdown / std::log(*clock)});
  }
}

std::optional<double> ClockEffect::RatioOf(const std::string& key) const {
  const auto next = next_.cases.find(key);
  if (next == next_.cases.end()) return std::nullopt;
  const auto &before = base_.cases.at(key).clocks_mhz, &after = next->second.clocks_mhz;
  if (before.empty() || after.empty()) return std::nullopt;
  return Median(after) / Median(before);
}

bool ClockEffect::Moves(const std::string& key) const {
  return ComputeBound(key) || OthersFollowed(key).value_or(false);
}

std::optional<bool> ClockEffect::OthersFollowed(const std::string& key) const {
  const bool compute_bound = ComputeBound(key);
  std::vector<double> others;
  for (const Followed& other : followed_) {
    if (other.key != key && other.compute_bound == compute_bound) others.push_back(other.share);
  }
  if (others.size() < kFewestPeers) return std::nullopt;
  return Median(others) >= 0.5;
}

}  // namespace orrery::profiler
