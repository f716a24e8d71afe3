#include "profiler/compare/clock_effect.h"

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
    const CaseTimes &before = base.cases.at(key), &after = next.cases.at(key);
    if (limits.ComputeBound(*before.first)) continue;
    const double slowdown = after.medians.Location() - before.medians.Location();
    memory_bound_.push_back({key, -slowdown / std::log(*clock)});
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
  if (limits_.ComputeBound(*base_.cases.at(key).first)) return true;
  std::vector<double> peers;
  for (const Followed& other : memory_bound_) {
    if (other.key != key) peers.push_back(other.share);
  }
  return peers.size() >= kFewestPeers && Median(peers) >= 0.5;
}

}  // namespace orrery::profiler
