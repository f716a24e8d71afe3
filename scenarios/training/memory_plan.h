// Device memory of every pipeline rank of a training scenario.
#pragma once

#include <vector>

#include "models/program/memory.h"
#include "models/program/stages.h"
#include "models/schedule/schedule.h"
#include "scenarios/scenario.h"
#include "scenarios/training/loads.h"

namespace orrery::scenarios {

/// Experts of a MoE layer's slots, each counted once however many replicas it has.
int DistinctExperts(const Scenario& scenario);

/// [pipeline rank] at the mean expert load.
std::vector<models::RankMemory> MemoryOfRanks(const Scenario& scenario, const models::Schedule& schedule,
                                              const models::StageLayout& layout, const RankLoad& load);

}  // namespace orrery::scenarios
