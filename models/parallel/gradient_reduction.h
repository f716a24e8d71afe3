// Gradients that are reduced over a stage's copies while their rank is still in its last backwards: block by block,
// each as soon as the last of its weight gradients is done, on a stream of its own.
//
// A block is what one W part of a unit gives gradients of: an attention, an MLP with its experts. Embedding and head
// are tables that several units of a rank may use; each is one block, done when all of these are. Reductions run in
// one order on all copies, as collectives must, and each waits for the mirrored pipeline rank where that holds copies
// too (DualPipe).
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "core/engine/stream_program.h"
#include "models/parallel/training_program.h"
#include "models/schedule/schedule.h"

namespace orrery::models {

/// How many steps of the compute stream are done when the last weight gradients of a block of a rank are.
using LastWeights = std::map<std::pair<const Unit*, Part>, std::uint32_t>;

/// Adds the stream of reductions to the programs of all ranks. `last` [pipeline rank]. A reduction is an exchange
/// of communicator kReductionCommunicator: it starts when every member of the group has its gradients.
void AddReductions(const Schedule& schedule, const std::vector<LastWeights>& last,
                   std::vector<Program>* programs);

}  // namespace orrery::models
