// Which layout keeps the busiest rank of a pipeline least busy.
#pragma once

#include <cstdint>
#include <vector>

#include "models/parallel/stages.h"
#include "models/schedule/schedule.h"

namespace orrery::models {

/// What one part of a model costs the rank that holds it, forward and backward, in any unit.
struct PartCosts {
  double embedding = 0;
  double dense_layer = 0, moe_layer = 0;
  double head = 0;                                    ///< one pass through it, loss included
  double mtp_layer = 0;                               ///< with its projection, without its use of the head
  double other_dense_layer = 0, other_moe_layer = 0;  ///< of the mixer beside the model's own
};

/// Forward operations per token (the backward pass takes twice as many of every part): what is known of the
/// costs without a machine.
PartCosts FlopCosts(const ModelSpec& spec, std::int64_t sequence, bool causal = true);

/// [stage] cost of its parts.
std::vector<double> StageCosts(const ModelSpec& spec, const StageLayout& layout, const PartCosts& costs);

/// [rank] cost of all stages it holds under `schedule`.
std::vector<double> RankCosts(const ModelSpec& spec, const Schedule& schedule, const StageLayout& layout,
                              const PartCosts& costs);

/// Ranks that need the embedding or the head, beyond one each (tied ones are one table).
int TableCopies(const ModelSpec& spec, const Schedule& schedule, const StageLayout& layout);

/// A copy of the embedding or the head takes the memory of a table and of its FP32 gradients (5.6 GB for
/// DeepSeek-V3). Of two layouts the one with a copy more is taken where it is better by more than this: a
/// hundredth is less than prices are known to (README: one standard deviation of a step 3.3 %), so that a
/// smaller gain may be none.
inline constexpr double kWorthACopy = 0.01;

/// Layouts worth a look. For each way to cut the chain's end, those whose dearest rank, the stages it holds
/// added up, costs least: exactly where a rank holds one stage; where it holds several, layers are moved from
/// stage to stage for as long as that helps. Several stages of a rank may be as uneven as they like for that,
/// which costs time of its own when they wait for each other, so there are also layouts that trade evenness
/// of ranks for evenness of stages, up to the most even stages. Aborts if the schedule has more stages than
/// MostStages.
std::vector<StageLayout> StageLayoutCandidates(const ModelSpec& spec, const Schedule& schedule,
                                               const PartCosts& costs);

/// The candidate with the cheapest dearest rank, copies counted.
StageLayout BalancedStageLayout(const ModelSpec& spec, const Schedule& schedule, const PartCosts& costs);

/// Layouts that differ from `layout` by one layer moved from or to its first stage or the last that may hold
/// layers; the stages between hand theirs on.
std::vector<StageLayout> NeighbouringLayouts(const ModelSpec& spec, const Schedule& schedule,
                                             const StageLayout& layout);

/// The most stages that are laid out, each with at least one part of the model.
int MostStages(const ModelSpec& spec);

}  // namespace orrery::models
