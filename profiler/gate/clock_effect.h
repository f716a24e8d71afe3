// How much of a change of time the SM clock explains. A kernel that the tensor cores bound needs the same
// cycles at another clock; one that the memory bounds needs the same time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "profiler/gate/device_limits.h"
#include "profiler/gate/run_times.h"

namespace orrery::profiler {

/// A difference of SM clocks from which it may pass for a small regression.
inline constexpr double kClockDifference = 0.02;

/// The clocks of two runs, of the cases in both whose clock was recorded.
class ClockEffect {
 public:
  ClockEffect(const RunTimes& base, const RunTimes& next, const DeviceLimits& limits);
  /// New clock over base; absent where a run does not say it.
  std::optional<double> RatioOf(const std::string& key) const;
  /// Whether the clock moves this case's time: it does where the tensor cores bound it, and where the others
  /// followed.
  bool Moves(const std::string& key) const;
  /// Whether the times of the run's other cases that the same bounds moved with the clock; absent where the
  /// clock of fewer than five others changed.
  std::optional<bool> OthersFollowed(const std::string& key) const;

 private:
  /// How far a case's time followed its clock: 0 not at all, 1 as its cycles would.
  struct Followed {
    std::string key;
    bool compute_bound = false;
    double share = 0;
  };
  bool ComputeBound(const std::string& key) const { return limits_.ComputeBound(*base_.cases.at(key).first); }

  const RunTimes& base_;
  const RunTimes& next_;
  const DeviceLimits& limits_;
  std::vector<Followed> followed_;
};

}  // namespace orrery::profiler
