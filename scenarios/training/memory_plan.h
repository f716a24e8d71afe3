// Device memory of every pipeline rank of a training scenario.
#pragma once

#include <vector>

#include "models/memory/memory.h"
#include "models/parallel/stages.h"
#include "models/schedule/schedule.h"
#include "scenarios/schema/scenario.h"
#include "scenarios/step/loads.h"

namespace orrery::scenarios {

/// What a rank of the scenario computes of a micro-batch; the rows of its experts are yet to come.
models::LayerShape RankShape(const Scenario& scenario);

/// Experts of a MoE layer's slots, each counted once however many replicas it has.
int DistinctExperts(const Scenario& scenario);

/// [pipeline rank] at the mean expert load.
std::vector<models::RankMemory> MemoryOfRanks(const Scenario& scenario, const models::Schedule& schedule,
                                              const models::StageLayout& layout, const RankLoad& load);

}  // namespace orrery::scenarios
