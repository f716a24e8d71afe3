// The end of a step: ZeRO-1's reduce-scatter of gradients, AdamW on the shards, all-gather of parameters.
#pragma once

#include <vector>

#include "hw/cost/cost_model.h"
#include "hw/network/exchange.h"
#include "hw/network/topology.h"
#include "models/program/stages.h"
#include "models/schedule/schedule.h"
#include "scenarios/scenario.h"
#include "scenarios/training/rebalancing.h"
#include "scenarios/training/result.h"

namespace orrery::scenarios {

/// On the pipeline rank that takes longest: all of them start together and wait for each other. `replicas`
/// [pipeline rank]: of experts within an exchange group; empty where each expert has one slot.
OptimizerReport OptimizerOf(const Scenario& scenario, const models::Schedule& schedule,
                            const models::StageLayout& layout, const hw::CostModel& cost,
                            const hw::ExchangeModel& exchange, const hw::Topology& topology,
                            const std::vector<ReplicaTime>& replicas = {});

}  // namespace orrery::scenarios
