// Folding equal flows: where flows and links are alike by symmetry, one of each class tells the rates of all.
#pragma once

#include <optional>
#include <vector>

#include "hw/network/max_min.h"

namespace orrery::hw {

/// A network of classes, and the class of every flow and link of the network it folds.
struct FoldedNetwork {
  FlowNetwork network;                   ///< one flow and link a class, with `times`
  std::vector<std::int32_t> flow_class;  ///< [flows]
  std::vector<std::int32_t> link_class;  ///< [links]
  std::vector<std::int32_t> first_flow;  ///< [classes] a flow of each
};

/// The coarsest equitable partition by colour refinement, started from capacities and flow sizes: every flow of a
/// class crosses as many links of each class as every other, and every link carries as many flows of each class.
/// Max-min rates are then equal within a class, so rates and completion times are exact. Absent if folding saves
/// less than half of the flows, as with any per-flow hash: refinement stops early there. Flows that have `times`
/// already are not folded again.
std::optional<FoldedNetwork> Fold(const FlowNetwork& network, const std::vector<double>& sizes);

}  // namespace orrery::hw
