#include "models/schedule/rank_program.h"

#include "core/base/error.h"

namespace orrery::models::internal {

RankProgram::RankProgram(std::vector<std::pair<int, int>> slots)
    : slots_(std::move(slots)), forwards_(slots_.size(), 0), backwards_(slots_.size(), 0) {}

ChunkRef RankProgram::Next(int slot, std::vector<int>& counters) const {
  const auto i = static_cast<std::size_t>(slot);
  return {.stage = slots_[i].first, .direction = slots_[i].second, .micro_batch = counters[i]++};
}

void RankProgram::Forward(int slot) {
  steps_.push_back(
      {.kind = StepKind::kForward, .phase = phase_, .forward = Next(slot, forwards_), .backward = {}});
}

void RankProgram::Backward(int slot) {
  steps_.push_back(
      {.kind = StepKind::kBackward, .phase = phase_, .forward = {}, .backward = Next(slot, backwards_)});
}

void RankProgram::BackwardInput(int slot) {
  pending_.push_back(Next(slot, backwards_));
  steps_.push_back(
      {.kind = StepKind::kBackwardInput, .phase = phase_, .forward = {}, .backward = pending_.back()});
}

void RankProgram::ForwardBackward(int forward_slot, int backward_slot) {
  steps_.push_back({.kind = StepKind::kForwardBackward,
                    .phase = phase_,
                    .forward = Next(forward_slot, forwards_),
                    .backward = Next(backward_slot, backwards_)});
}

void RankProgram::Weight() {
  ORRERY_CHECK(!pending_.empty(), "no weight gradient was put off");
  steps_.push_back(
      {.kind = StepKind::kBackwardWeight, .phase = phase_, .forward = {}, .backward = pending_.front()});
  pending_.pop_front();
}

std::vector<Step> RankProgram::Take() {
  ORRERY_CHECK(pending_.empty(), "weight gradients left undone: " + std::to_string(pending_.size()));
  return std::move(steps_);
}

}  // namespace orrery::models::internal
