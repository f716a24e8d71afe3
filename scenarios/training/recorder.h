// Notes every step of the engine, for critical paths and traces. Costs memory: use it on small simulations.
#pragma once

#include <cstdint>
#include <vector>

#include "core/stream_program.h"

namespace orrery::scenarios {

/// Names a recorded step.
struct StepRef {
  std::int32_t rank = -1;  ///< -1: none
  std::int32_t stream = 0;
  std::uint32_t index = 0;
};

/// One step as it ran. Times are picoseconds.
struct RecordedStep {
  std::int64_t ready = 0, start = 0, end = 0;
  StepRef cause;  ///< the step whose end let this one start
  std::uint32_t price = 0, instance = 0, task = 0;
};

class Recorder {
 public:
  explicit Recorder(int ranks)
      : steps_(static_cast<std::size_t>(ranks) * kMaxStreams),
        causes_(static_cast<std::size_t>(ranks) * kMaxStreams) {}

  void OnCause(int rank, int stream, int by_rank, int by_stream) {
    // An exchange is released by the last rank to arrive: what made that one ready is the cause for all.
    const bool released = by_rank != rank && by_stream == 1;
    causes_[Index(rank, stream)] = released ? causes_[Index(by_rank, 1)] : LastOf(by_rank, by_stream);
  }

  void OnStart(int rank, int stream, const ProgramStep& step, std::int64_t ready, std::int64_t start) {
    steps_[Index(rank, stream)].push_back(
        {ready, start, start, causes_[Index(rank, stream)], step.price, step.instance, step.task});
  }

  void OnEnd(int rank, int stream, const ProgramStep&, std::int64_t, std::int64_t end) {
    steps_[Index(rank, stream)].back().end = end;
  }

  const std::vector<RecordedStep>& Steps(int rank, int stream) const { return steps_[Index(rank, stream)]; }
  const RecordedStep& At(const StepRef& ref) const { return steps_[Index(ref.rank, ref.stream)][ref.index]; }
  int ranks() const { return static_cast<int>(steps_.size()) / kMaxStreams; }

 private:
  static std::size_t Index(int rank, int stream) {
    return static_cast<std::size_t>(rank) * kMaxStreams + static_cast<std::size_t>(stream);
  }
  /// The step that has just finished on a stream.
  StepRef LastOf(int rank, int stream) const {
    const std::size_t count = steps_[Index(rank, stream)].size();
    return count == 0 ? StepRef{} : StepRef{rank, stream, static_cast<std::uint32_t>(count - 1)};
  }

  std::vector<std::vector<RecordedStep>> steps_;
  std::vector<StepRef> causes_;
};

}  // namespace orrery::scenarios
