// DualPipe after the phases of deepseek-ai/DualPipe (dualpipe/dualpipe.py, step()), and DualPipeV as DualPipe folded at
// its middle.
//
// On every rank two streams of chunks meet: the near one (slot 0), which this rank sees early, and the far one
// (slot 1), which reaches it after the turn. In DualPipe the turn is the middle of the ranks and the two streams are
// the two directions; in DualPipeV the turn is the last rank and the far stream is the near one on its way back.
// Counted by distance from the turn, the instruction lists are the same.
#include <algorithm>

#include "models/schedule/rank_program.h"

namespace orrery::models::internal {
namespace {

constexpr int kNear = 0, kFar = 1;

/// A rank's position in the lists.
struct Position {
  int from_turn;  ///< ranks between this one and the turn; 0 is next to it
  int from_end;   ///< ranks between this one and the near stream's entry
  int chunks;     ///< micro-batches of each stream
  bool at_turn() const { return from_turn == 0; }
  /// Main-phase rounds: what is left of a stream after phases 1 and 2 took 2 from_turn + from_end + 1 of it.
  int main_rounds() const { return chunks - 2 * from_turn - from_end - 1; }
};

Position PositionOf(const Schedule& schedule, int rank) {
  const int ranks = schedule.spec.ranks;
  const bool folded = schedule.spec.kind == ScheduleKind::kDualPipeV;
  const int from_end = folded ? rank : std::min(rank, ranks - 1 - rank);
  const int side = folded ? ranks : ranks / 2;
  return {.from_turn = side - from_end - 1,
          .from_end = from_end,
          .chunks = schedule.micro_batches_per_direction()};
}

/// Slot order near, far: past DualPipe's middle the near stream is direction 1.
std::vector<std::pair<int, int>> NearAndFar(const Schedule& schedule, int rank) {
  std::vector<std::pair<int, int>> slots = schedule.StagesOf(rank);
  if (schedule.spec.kind == ScheduleKind::kDualPipe && rank >= schedule.spec.ranks / 2)
    std::swap(slots[0], slots[1]);
  return slots;
}

/// Phases 1 to 3: fill the pipeline; the far stream's first backwards are split, so that their gradients
/// leave sooner.
void Fill(RankProgram& program, const Position& at) {
  program.set_phase(1);
  for (int i = 0; i < 2 * at.from_turn; ++i) program.Forward(kNear);
  program.set_phase(2);
  for (int i = 0; i <= at.from_end; ++i) {
    program.Forward(kNear);
    program.Forward(kFar);
  }
  program.set_phase(3);
  for (int i = 0; i < at.from_turn; ++i) {
    program.BackwardInput(kFar);
    program.Weight();
    program.Forward(kFar);
  }
}

/// Phases 4 and 5: forwards of one stream overlapped with backwards of the other, until the near stream runs
/// out.
void Main(RankProgram& program, const Position& at) {
  program.set_phase(4);
  for (int i = 0; i < at.main_rounds(); ++i) {
    if (i == 0 &&
        at.at_turn()) {  // apart, so that the forward's output leaves earlier and the bubble shrinks
      program.Forward(kNear);
      program.Backward(kFar);
    } else {
      program.ForwardBackward(kNear, kFar);
    }
    program.ForwardBackward(kFar, kNear);
  }
  program.set_phase(5);
  for (int i = 0; i < at.from_turn; ++i) {
    program.Backward(kFar);
    program.ForwardBackward(kFar, kNear);
  }
}

/// Phases 6 to 8: drain; the second half of phase 6 and all later backwards put their weight gradients off.
void Drain(RankProgram& program, const Position& at) {
  program.set_phase(6);
  const int full_backwards =
      at.from_end + 1;  // of the 2 (from_end + 1) in this phase, alternately far and near
  for (int i = 0; i < 2 * (at.from_end + 1); ++i) {
    const int slot = i % 2 == 0 ? kFar : kNear;
    i < full_backwards ? program.Backward(slot) : program.BackwardInput(slot);
  }
  program.set_phase(7);
  for (int i = 0; i < at.from_turn; ++i) {
    program.Weight();
    program.BackwardInput(kNear);
  }
  program.set_phase(8);
  while (program.pending_weights() > 0) program.Weight();
}

}  // namespace

std::vector<Step> DualPipeSteps(const Schedule& schedule, int rank) {
  const Position at = PositionOf(schedule, rank);
  RankProgram program(NearAndFar(schedule, rank));
  Fill(program, at);
  Main(program, at);
  Drain(program, at);
  return program.Take();
}

}  // namespace orrery::models::internal
