// A fluid simulation: flows of given sizes share links max-min fairly until each is done.
#pragma once

#include <cstdint>
#include <vector>

#include "hw/network/max_min.h"

namespace orrery::hw {

struct FlowOptions {
  /// Flows that end within this time of the next to end are taken together, their bandwidth free only at the end of
  /// the window: a bound on each step's error, traded for solves. 0 is exact.
  double batch_seconds = 0;
  /// Simulate one flow of each class of equal flows (fold.h); exact.
  bool fold = true;
};

struct FlowResult {
  std::vector<double> completion_seconds;  ///< [flows]
  double makespan_seconds = 0;
  std::int64_t solves = 0;
  std::int32_t components = 0;  ///< sets of flows that share no link
  std::int32_t classes = 0;     ///< flows simulated: fewer than there are where they fold
};

/// All flows start at time 0; sizes in bytes, zero or above. Deterministic; does not depend on the order of the flows
/// but for rounding. Aborts on a flow without links or a negative size.
FlowResult SimulateFlows(const FlowNetwork& network, const std::vector<double>& sizes,
                         const FlowOptions& options = {});

/// The network without the links that can never be short: those between the first and the last link of every way
/// whose capacity covers all the first, or all the last links of the flows they carry (the trunks of a fabric without
/// oversubscription). Exact: the rates that fit are the same. Ways that shared only such links fall apart.
FlowNetwork WithoutAmpleLinks(const FlowNetwork& network);

}  // namespace orrery::hw
