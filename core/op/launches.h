// Launches of a trace in words that whoever reads traces (profiler) and whoever knows the kernels of a layer (models)
// share, so that either can do without the other: phases of layers with their launches, and what a matcher says of them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/op/op.h"

namespace orrery {

/// What a trace tells of one launch before it is known which operation it was.
struct TracedLaunch {
  std::optional<OpKind> kind;  ///< absent where the kernel's name does not tell
  std::array<std::int32_t, 3> grid{};
  std::int64_t blocks() const { return std::int64_t{1} * grid[0] * grid[1] * grid[2]; }
};

/// One pass over a part of one layer, as a program marked it.
struct TracedPhase {
  std::string name;                    ///< "attn(F)"
  int layer = 0;                       ///< from 0
  std::vector<TracedLaunch> launches;  ///< in order of launch
};

/// Rows of one layer's experts: M (token, expert) pairs with their padding, U tokens received.
struct LayerRows {
  std::int64_t forward_m = 0, forward_u = 0, backward_m = 0, backward_u = 0;
  bool operator==(const LayerRows&) const = default;
};

struct MatchedLaunch {
  Op op;  ///< of this one launch
  /// The rows of one expert, which the trace does not tell, are the mean of the rank's experts.
  bool mean_rows = false;
};

struct LaunchMatch {
  std::int64_t tokens = 0;      ///< per micro-batch on this rank
  std::vector<LayerRows> rows;  ///< of each layer
  /// Of each phase the operation of each launch; absent where neither grid nor order tells it, empty for phases that
  /// are no part of a layer.
  std::vector<std::vector<std::optional<MatchedLaunch>>> ops;
  std::string
      departure;  ///< where the trace departs from the model's layer, and nothing is matched; "" if it does not
};

using LaunchMatcher = std::function<LaunchMatch(const std::vector<TracedPhase>&)>;

}  // namespace orrery
