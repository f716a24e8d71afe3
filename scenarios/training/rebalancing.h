// What moving experts costs a training step whose placement is planned anew as it goes.
#pragma once

#include <vector>

#include "hw/network/point_to_point.h"
#include "models/routing/planned_loads.h"
#include "scenarios/scenario.h"
#include "scenarios/training/result.h"

namespace orrery::scenarios {

/// Of one expert, as a rank holds it.
struct ExpertBytes {
  double weights = 0;    ///< FP8 with a scale a 128 x 128 block, or BF16
  double gradients = 0;  ///< FP32
  double state = 0;      ///< a rank's shard of FP32 master and two BF16 moments
};
ExpertBytes BytesOfExpert(const Scenario& scenario, int stage_copies);

/// Plans made from what the run sees, compared one with the next. Weights are copied to ranks that newly hold
/// an expert, an expert's optimizer shard follows its first holder, and ranks that give one up within a step
/// hand on its partial gradients. All layers of a pipeline rank move at once, each GPU at the rate of its
/// ports; nothing hides it, so this is the most that a rearrangement costs. `moe_layers` [pipeline rank] are
/// MoE layers by number, `stretch` the fabric's on transfers between nodes.
RebalanceReport PriceRebalancing(const Scenario& scenario, const models::PlannedLoads& loads,
                                 const std::vector<std::vector<int>>& moe_layers, int stage_copies,
                                 const hw::PointToPoint& link, double stretch);

}  // namespace orrery::scenarios
