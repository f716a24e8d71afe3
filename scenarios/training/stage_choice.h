// Which layout of a model over the stages of a pipeline lets its schedule end first.
#pragma once

#include <cstdint>
#include <functional>

#include "models/parallel/stage_split.h"
#include "models/parallel/training_program.h"
#include "scenarios/training/prices.h"

namespace orrery::scenarios {

/// What one more part of each kind adds to a chunk of such parts, forward and backward with its weights, as
/// the schedule plays it: a forward beside a backward where pairs overlap, else one after the other with
/// exchanges exposed. Picoseconds, with nobody to wait for.
models::PartCosts PricedParts(const models::ModelSpec& model, const models::Schedule& schedule,
                              const TrainingPrices& prices);

/// Bytes by which the pipeline rank that needs most exceeds its memory under a layout; 0 where all fit.
using MemoryLacking = std::function<std::int64_t(const models::StageLayout&)>;

/// The layout with which the schedule ends first, sends taking no time and every chunk the time that it takes
/// alone on its rank: of models::StageLayoutCandidates at PricedParts, and then for as long as a neighbouring
/// layout ends earlier. Where that one lacks memory, one that lacks none and ends within 1 % of it, if there
/// is any. `prices` at even loads of two micro-batches, a forward's and a backward's.
models::StageLayout ChooseStageLayout(const models::ModelSpec& model, const models::Schedule& schedule,
                                      const TrainingPrices& prices, const MemoryLacking& lacking);

/// Whether W blocks of an expert layer are shorter than the exchanges they would run beside.
models::WeightPasses WeightPassesOf(const models::ModelSpec& model, const TrainingPrices& prices,
                                    const RankLoad& load);

}  // namespace orrery::scenarios
