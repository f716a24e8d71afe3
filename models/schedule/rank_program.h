// Shared by the schedule builders: writes one rank's instruction list.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "models/schedule/schedule.h"

namespace orrery::models::internal {

/// Appends steps for the (stage, direction) slots of one rank. Each slot takes its micro-batches in order, and weight
/// gradients put off by an input-only backward are done first in, first out.
class RankProgram {
 public:
  explicit RankProgram(std::vector<std::pair<int, int>> slots);

  void set_phase(int phase) { phase_ = phase; }
  void Forward(int slot);
  void Backward(int slot);
  void BackwardInput(int slot);
  void ForwardBackward(int forward_slot, int backward_slot);
  /// The oldest weight gradient put off. There must be one.
  void Weight();
  int pending_weights() const { return static_cast<int>(pending_.size()); }
  std::vector<Step> Take();

 private:
  ChunkRef Next(int slot, std::vector<int>& counters) const;

  std::vector<std::pair<int, int>> slots_;
  std::vector<int> forwards_, backwards_;  // [slot] micro-batches done
  std::deque<ChunkRef> pending_;
  std::vector<Step> steps_;
  int phase_ = 0;
};

std::vector<Step> OneFOneBSteps(const Schedule& schedule, int rank);
std::vector<Step> Interleaved1F1BSteps(const Schedule& schedule, int rank);
std::vector<Step> Zb1pSteps(const Schedule& schedule, int rank);
/// DualPipe and DualPipeV.
std::vector<Step> DualPipeSteps(const Schedule& schedule, int rank);

}  // namespace orrery::models::internal
