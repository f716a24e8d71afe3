#include "models/schedule/schedule_timing.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "core/base/error.h"

namespace orrery::models {
namespace {

bool HasForward(StepKind kind) { return kind == StepKind::kForward || kind == StepKind::kForwardBackward; }
bool HasInputBackward(StepKind kind) {
  return kind != StepKind::kForward && kind != StepKind::kBackwardWeight;
}

/// When the forward and the input backward of every chunk are done.
class Finished {
 public:
  explicit Finished(const Schedule& schedule)
      : stages_(schedule.stages),
        micro_batches_(schedule.micro_batches_per_direction()),
        directions_(schedule.directions()),
        forward_(static_cast<std::size_t>(directions_) * static_cast<std::size_t>(stages_) *
                 static_cast<std::size_t>(micro_batches_)),
        backward_(forward_.size()) {}

  std::optional<Time>& Forward(const ChunkRef& chunk) { return forward_[Index(chunk)]; }
  std::optional<Time>& Backward(const ChunkRef& chunk) { return backward_[Index(chunk)]; }
  int stages() const { return stages_; }

 private:
  std::size_t Index(const ChunkRef& chunk) const {
    const bool known = chunk.stage >= 0 && chunk.stage < stages_ && chunk.direction >= 0 &&
                       chunk.direction < directions_ && chunk.micro_batch >= 0 &&
                       chunk.micro_batch < micro_batches_;
    if (!known) {
      throw InputError(
          fmt::format("the schedule has {} stages and {} micro-batches in each direction, found {}", stages_,
                      micro_batches_, Describe(chunk)));
    }
    return (static_cast<std::size_t>(chunk.direction) * static_cast<std::size_t>(stages_) +
            static_cast<std::size_t>(chunk.stage)) *
               static_cast<std::size_t>(micro_batches_) +
           static_cast<std::size_t>(chunk.micro_batch);
  }

  int stages_, micro_batches_, directions_;
  std::vector<std::optional<Time>> forward_, backward_;
};

/// What a step waits for: a forward or an input backward of another step.
struct Input {
  bool forward;
  ChunkRef chunk;
};

ChunkRef AtStage(ChunkRef chunk, int stage) {
  chunk.stage = stage;
  return chunk;
}

/// Calls `visit` for each input of the step. Stages that are `empty` need none and give none.
template <typename Visit>
void ForEachInput(const Step& step, int stages, const std::vector<bool>& empty, Visit visit) {
  const auto is_empty = [&](int stage) { return !empty.empty() && empty[static_cast<std::size_t>(stage)]; };
  const auto beside = [&](const ChunkRef& chunk, int by) {
    int stage = chunk.stage + by;
    while (stage > 0 && stage < stages - 1 && is_empty(stage)) stage += by;
    return AtStage(chunk, stage);
  };
  if (HasForward(step.kind) && step.forward.stage != 0 && !is_empty(step.forward.stage))
    visit(Input{true, beside(step.forward, -1)});
  if (step.kind == StepKind::kBackwardWeight) visit(Input{false, step.backward});
  if (!HasInputBackward(step.kind) || is_empty(step.backward.stage)) return;
  visit(Input{true, step.backward});  // its own activations
  if (step.backward.stage != stages - 1) visit(Input{false, beside(step.backward, 1)});
}

class Player {
 public:
  Player(const Schedule& schedule, const StepTime& time, const std::vector<bool>& empty)
      : schedule_(schedule),
        time_(time),
        empty_(empty),
        done_(schedule),
        timing_{std::vector<RankTiming>(schedule.steps.size()), {}} {}

  ScheduleTiming Play() {
    for (bool progress = true; progress;) {
      progress = false;
      for (std::size_t rank = 0; rank < schedule_.steps.size(); ++rank) progress |= Advance(rank);
    }
    CheckFinished();
    for (RankTiming& rank : timing_.ranks) rank.bubble = timing_.makespan - rank.busy;
    return std::move(timing_);
  }

 private:
  /// Runs the rank's steps until one lacks an input. True if any ran.
  bool Advance(std::size_t rank) {
    const std::size_t before = timing_.ranks[rank].steps.size();
    while (timing_.ranks[rank].steps.size() < schedule_.steps[rank].size() && RunNext(rank)) {
    }
    return timing_.ranks[rank].steps.size() > before;
  }

  bool RunNext(std::size_t rank) {
    RankTiming& timing = timing_.ranks[rank];
    const Step& step = schedule_.steps[rank][timing.steps.size()];
    const std::optional<Time> inputs = InputsThere(step);
    if (!inputs) return false;
    const Time free = timing.steps.empty() ? kTimeZero : timing.steps.back().end;
    const Time start = std::max(free, *inputs), length = time_(static_cast<int>(rank), step);
    timing.steps.push_back({start, start + length});
    timing.busy += length;
    timing_.makespan = std::max(timing_.makespan, start + length);
    if (HasForward(step.kind)) done_.Forward(step.forward) = start + length;
    if (HasInputBackward(step.kind)) done_.Backward(step.backward) = start + length;
    return true;
  }

  /// When the last input is there, if all are known yet.
  std::optional<Time> InputsThere(const Step& step) {
    std::optional<Time> there = kTimeZero;
    ForEachInput(step, done_.stages(), empty_, [&](const Input& input) {
      const std::optional<Time>& done =
          input.forward ? done_.Forward(input.chunk) : done_.Backward(input.chunk);
      there = there && done ? std::optional(std::max(*there, *done)) : std::nullopt;
    });
    return there;
  }

  void CheckFinished() {
    std::string waits;
    for (std::size_t rank = 0; rank < schedule_.steps.size(); ++rank) {
      const std::size_t next = timing_.ranks[rank].steps.size();
      if (next == schedule_.steps[rank].size()) continue;
      const Step& step = schedule_.steps[rank][next];
      waits +=
          fmt::format("\n  rank {}, step {} ({}) waits for{}", rank, next, Describe(step), Missing(step));
    }
    if (!waits.empty())
      throw InputError(fmt::format("schedule {} locks up:{}", Name(schedule_.spec.kind), waits));
  }

  std::string Missing(const Step& step) {
    std::string missing;
    ForEachInput(step, done_.stages(), empty_, [&](const Input& input) {
      if (input.forward ? done_.Forward(input.chunk) : done_.Backward(input.chunk)) return;
      missing += fmt::format("{} the {} of {} on rank {}", missing.empty() ? "" : " and",
                             input.forward ? "forward" : "backward", Describe(input.chunk),
                             schedule_.RankOf(input.chunk));
    });
    return missing;
  }

  const Schedule& schedule_;
  const StepTime& time_;
  const std::vector<bool>& empty_;
  Finished done_;
  ScheduleTiming timing_;
};

}  // namespace

ScheduleTiming Simulate(const Schedule& schedule, const StepTime& time, const std::vector<bool>& empty) {
  return Player(schedule, time, empty).Play();
}

ScheduleTiming SimulateUniform(const Schedule& schedule, const UniformTimes& times) {
  return Simulate(schedule, [&](int, const Step& step) {
    switch (step.kind) {
      case StepKind::kForward:
        return times.forward;
      case StepKind::kBackward:
        return times.backward_input + times.backward_weight;
      case StepKind::kBackwardInput:
        return times.backward_input;
      case StepKind::kBackwardWeight:
        return times.backward_weight;
      case StepKind::kForwardBackward:
        return times.overlapped_pair;
    }
    ORRERY_CHECK(false, "unknown step kind");
  });
}

}  // namespace orrery::models
