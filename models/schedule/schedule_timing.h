// A schedule laid out in time: every step starts once its rank is free and its inputs are there.
//
// Inputs: a forward needs the stage before it (same direction and micro-batch), a backward the stage after
// it, the last stage's backward its own forward, a weight gradient its own input backward. An overlapped pair
// needs both its inputs at the start and gives both its outputs at the end. Sending takes no time here and
// blocks nobody.
//
// What the bubbles are with equal stages (P ranks, B the input backward alone, FB the pair), each held by a
// test:
//   1F1B          (P-1)(F+B+W) on every rank
//   interleaved   that of 1F1B with the times of a chunk, so divided by virtual_stages
//   ZB1P          (P-1)(F+B-W) on every rank where W <= F <= B
//   DualPipe      the published (P/2-1)(FB+B-2W): on every rank where W <= F = B and FB = F+B+W; less one F on
//                 the two middle ranks where W <= F <= B (P/2-1)/(P/2) and P >= 4
//   DualPipeV     that of DualPipe on 2 P ranks
#pragma once

#include <functional>
#include <vector>

#include "core/base/units.h"
#include "models/schedule/schedule.h"

namespace orrery::models {

/// Time of one chunk, the same on every stage. A full backward takes backward_input + backward_weight.
struct UniformTimes {
  Time forward{}, backward_input{}, backward_weight{};
  Time overlapped_pair{};  ///< a forward and a full backward, overlapped
};

struct StepSpan {
  Time start{}, end{};
};

struct RankTiming {
  std::vector<StepSpan> steps;  ///< as in Schedule::steps
  Time busy{};                  ///< sum of its steps
  Time bubble{};  ///< makespan - busy: every wait, from the first step of any rank to the last of any
};

struct ScheduleTiming {
  std::vector<RankTiming> ranks;
  Time makespan{};
};

/// How long `step` takes on `rank`; not negative.
using StepTime = std::function<Time(int rank, const Step& step)>;

/// Throws InputError where the lists lock up, naming which rank waits where for what, and where a list holds
/// a chunk that the schedule does not have. No list of MakeSchedule does either.
/// `empty` [stage]: stages that hold nothing, so that those beside them depend on each other; absent: none.
ScheduleTiming Simulate(const Schedule& schedule, const StepTime& time, const std::vector<bool>& empty = {});
ScheduleTiming SimulateUniform(const Schedule& schedule, const UniformTimes& times);

}  // namespace orrery::models
