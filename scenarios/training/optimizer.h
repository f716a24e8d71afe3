// The end of a step: ZeRO-1's reduce-scatter of gradients, AdamW on the shards, all-gather of parameters.
#pragma once

#include <array>
#include <vector>

#include "core/engine/stream_program.h"
#include "hw/cost/cost_model.h"
#include "models/parallel/stages.h"
#include "models/parallel/training_program.h"
#include "models/schedule/schedule.h"
#include "scenarios/schema/scenario.h"
#include "scenarios/step/machine.h"
#include "scenarios/step/placement.h"
#include "scenarios/training/rebalancing.h"
#include "scenarios/training/result.h"

namespace orrery::scenarios {

/// Of every pipeline rank. `cost`: the machine's, or drawn anew. `replicas` [pipeline rank]: of experts within
/// an exchange group; empty where each expert has one slot.
std::vector<OptimizerReport> OptimizersOf(const Scenario& scenario, const models::Schedule& schedule,
                                          const models::StageLayout& layout, const Machine& machine,
                                          const FabricPlacement& placed, const hw::CostModel& cost,
                                          const std::vector<ReplicaTime>& replicas = {});

/// What the reductions in the program of a pipeline rank cost.
struct RankReductions {
  std::array<StepPrice, models::kReductionPrices> prices{};  ///< by price key from models::kReductionPrice on
  double seconds = 0;                                        ///< all of them, with nothing beside them
};

/// Of every pipeline rank of `programs` that reduce beside their backwards: each bucket a reduce-scatter of its dense
/// gradients and one of its experts' (BucketsOf in models/parallel/gradient_reduction.cc). What a rank reduces that no
/// block of its own gives comes last: copies of tables, and `replicas` of experts.
std::vector<RankReductions> ReductionsOf(const Scenario& scenario, const models::Schedule& schedule,
                                         const models::StageLayout& layout,
                                         const std::vector<Program>& programs, const Machine& machine,
                                         const FabricPlacement& placed,
                                         const std::vector<ReplicaTime>& replicas = {});

/// The one with most to do.
const OptimizerReport& Slowest(const std::vector<OptimizerReport>& ranks);

/// When what happens, seconds since the step began.
struct StepEnd {
  std::vector<double>
      reduction_s;                ///< [pipeline rank]: its gradients begin to be reduced, what is not before
  std::vector<double> reduced_s;  ///< [pipeline rank]: all of them are
  double norm_s = 0;              ///< every rank knows the gradients' norm
  double end_s = 0;               ///< the last rank holds its new parameters
};

/// The copies of a stage reduce its gradients as soon as the last of them has finished its tasks, while other
/// pipeline ranks are still in their last backwards: their NICs and NVLinks are not shared with them. Nobody
/// updates before the norm of all gradients is known, since it clips them (V3 report 4.2, V2 report 3.1.2:
/// clipping at norm 1.0). `finished_s` [pipeline rank]: the last of its GPUs; `directions`: of the schedule,
/// where 2 ranks r and P-1-r hold the copies of a stage. `reduced_s` [pipeline rank]: the last of its GPUs has
/// reduced its gradients, where that is in the programs; empty: it is not.
StepEnd EndOfStep(const std::vector<OptimizerReport>& ranks, const std::vector<double>& finished_s,
                  int directions, const std::vector<double>& reduced_s = {});

}  // namespace orrery::scenarios
