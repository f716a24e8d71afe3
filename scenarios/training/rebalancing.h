// What moving experts costs a training step whose placement is planned anew as it goes.
#pragma once

#include <vector>

#include "hw/comm/point_to_point.h"
#include "models/routing/load_source.h"
#include "scenarios/schema/scenario.h"
#include "scenarios/training/result.h"

namespace orrery::scenarios {

/// Of one expert, as a rank holds it.
struct ExpertBytes {
  double weights = 0;                              ///< FP8 with a scale a 128 x 128 block, or BF16
  double gradients = 0;                            ///< FP32
  double state = 0;                                ///< a rank's shard of FP32 master and two BF16 moments
  double gradient_shard = 0, parameter_shard = 0;  ///< of FP32, of BF16: one of the copies' in other groups
};
/// `stage_copies`: pipeline ranks that hold a stage, 2 under DualPipe.
ExpertBytes BytesOfExpert(const Scenario& scenario, int stage_copies);

/// What replicas within one exchange group add to a step's end.
struct ReplicaTime {
  double gradients_s = 0, parameters_s = 0;
};

/// Once the copies of a slot in all exchange groups have reduced its gradients, each left with its shard, the
/// shards of replicas meet along `chains` [MoE layers of a pipeline rank] (models::ReplicaChains); updated
/// parameters go back. All layers at once, each GPU at the rate of its ports, unhidden like the rest of the
/// optimizer step. `even`: every rank carries the mean.
ReplicaTime PriceReplicas(const ExpertBytes& bytes, const std::vector<models::ExpertMoves::Port>& chains,
                          const hw::PointToPoint& link, double stretch, bool even = false);

/// Plans made from what the run sees, compared one with the next. Weights are copied to ranks that newly hold
/// an expert, an expert's optimizer shard follows its first holder, and ranks that give one up within a step
/// hand on its partial gradients. All layers of a pipeline rank move at once, each GPU at the rate of its
/// ports; nothing hides it, so this is the most that a rearrangement costs. Of all rearrangements those at a
/// step's boundary count as often as they fall there. `moe_layers` [pipeline rank] are
/// MoE layers by number, `stretch` the fabric's on transfers between nodes.
RebalanceReport PriceRebalancing(const Scenario& scenario, const models::LoadSource& loads,
                                 const std::vector<std::vector<int>>& moe_layers, int stage_copies,
                                 const hw::PointToPoint& link, double stretch);

}  // namespace orrery::scenarios
