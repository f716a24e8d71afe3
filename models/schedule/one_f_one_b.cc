// One forward, one backward, and its two refinements: interleaved model chunks and split backwards.
#include <algorithm>

#include "models/schedule/rank_program.h"

namespace orrery::models::internal {

std::vector<Step> OneFOneBSteps(const Schedule& schedule, int rank) {
  const int micro_batches = schedule.spec.micro_batches;
  const int warm_up = std::min(schedule.spec.ranks - 1 - rank, micro_batches);
  RankProgram program(schedule.StagesOf(rank));
  for (int i = 0; i < warm_up; ++i) program.Forward(0);
  for (int i = warm_up; i < micro_batches; ++i) {
    program.Forward(0);
    program.Backward(0);
  }
  for (int i = 0; i < warm_up; ++i) program.Backward(0);
  return program.Take();
}

std::vector<Step> Interleaved1F1BSteps(const Schedule& schedule, int rank) {
  const int ranks = schedule.spec.ranks, chunks = schedule.spec.virtual_stages;
  const int total = schedule.spec.micro_batches * chunks;
  // P micro-batches go through a chunk before the next chunk has its turn; backwards take the chunks from the
  // last.
  const auto slot = [&](int i) { return i % (ranks * chunks) / ranks; };
  const int warm_up = std::min(2 * (ranks - 1 - rank) + (chunks - 1) * ranks, total);
  RankProgram program(schedule.StagesOf(rank));
  for (int i = 0; i < warm_up; ++i) program.Forward(slot(i));
  for (int i = 0; i < total; ++i) {
    if (warm_up + i < total) program.Forward(slot(warm_up + i));
    program.Backward(chunks - 1 - slot(i));
  }
  return program.Take();
}

std::vector<Step> Zb1pSteps(const Schedule& schedule, int rank) {
  const int micro_batches = schedule.spec.micro_batches;
  const int warm_up = std::min(schedule.spec.ranks - 1 - rank, micro_batches);
  RankProgram program(schedule.StagesOf(rank));
  // Rank r puts r weight gradients off and makes them up at the end, while the ranks before it still have backwards:
  // r plus its warm-up is P - 1 on every rank, so that activations and put-off gradients together stay at 1F1B's P.
  const auto backward = [&] {
    program.BackwardInput(0);
    if (program.pending_weights() > rank) program.Weight();
  };
  for (int i = 0; i < warm_up; ++i) program.Forward(0);
  for (int i = warm_up; i < micro_batches; ++i) {
    program.Forward(0);
    backward();
  }
  for (int i = 0; i < warm_up; ++i) backward();
  while (program.pending_weights() > 0) program.Weight();
  return program.Take();
}

}  // namespace orrery::models::internal
