// Which layout of a model over the stages of a pipeline lets its schedule end first.
#pragma once

#include "models/program/stage_split.h"
#include "models/program/training_program.h"
#include "scenarios/training/prices.h"

namespace orrery::scenarios {

/// What one more part of each kind adds to a chunk of such parts, forward and backward with its weights, as
/// the schedule plays it: a forward beside a backward where pairs overlap, else one after the other with
/// exchanges exposed. Picoseconds, with nobody to wait for.
models::PartCosts PricedParts(const models::ModelSpec& model, const models::Schedule& schedule,
                              const TrainingPrices& prices);

/// The layout with which the schedule ends first, sends taking no time and every chunk the time that it takes
/// alone on its rank: of models::StageLayoutCandidates at PricedParts, and then for as long as a neighbouring
/// layout ends earlier. `prices` at even loads of two micro-batches, a forward's and a backward's.
models::StageLayout ChooseStageLayout(const models::ModelSpec& model, const models::Schedule& schedule,
                                      const TrainingPrices& prices);

/// Whether W blocks of an expert layer are shorter than the exchanges they would run beside.
models::WeightPasses WeightPassesOf(const models::ModelSpec& model, const TrainingPrices& prices,
                                    const RankLoad& load);

}  // namespace orrery::scenarios
