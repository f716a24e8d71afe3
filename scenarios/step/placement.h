// How the groups of a plan lie on a machine: pipeline ranks follow one another, as many GPUs each as there are
// data-parallel ranks, exchange groups are neighbours among them.
#pragma once

#include <memory>

#include "core/base/units.h"
#include "hw/comm/collectives.h"
#include "scenarios/step/machine.h"

namespace orrery::scenarios {

struct Degrees {
  int pipeline = 1, data = 1, expert = 1;
  int mirrors = 1;  ///< pipeline ranks that hold copies of a stage: 2 under DualPipe, ranks r and P-1-r
  bool operator==(const Degrees&) const = default;
};

/// What the fabric adds where groups of neighbouring nodes leave their leaf or flows collide.
struct FabricPlacement {
  double exchange_stretch = 1;  ///< on exchanges of experts' tokens
  double message_stretch = 1;   ///< on messages between pipeline neighbours
  Time message_latency{};
  hw::CollectiveGroup copies;         ///< GPUs that hold the same parameters
  hw::CollectiveGroup expert_copies;  ///< the same experts
};

/// Remembered in the machine's memo.
std::shared_ptr<const FabricPlacement> PlaceOn(const Machine& machine, const Degrees& degrees);

}  // namespace orrery::scenarios
