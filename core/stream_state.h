// What the event engine knows of a rank between events: where its streams are and how fast they go.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "core/stream_program.h"
#include "core/units.h"

namespace orrery::internal {

enum class StepState : std::uint8_t { kBlocked, kArrived, kRunning };

struct alignas(64) StreamState {  // one cache line
  float beside = 0, port = 0;
  double stretch = 1;  ///< current slow-down: elapsed = work * stretch
  double work = 0;     ///< picoseconds left at stretch 1, as of `updated`
  std::int64_t updated = 0;
  std::int64_t scheduled = 0;  ///< time of its pending event: when it ends as far as can be foreseen
  std::int64_t start = 0;

  /// Takes off what has been done since the last time.
  void Spend(std::int64_t now) {
    work -= static_cast<double>(now - updated) / stretch;
    updated = now;
  }
};

struct RankState {
  std::array<std::uint32_t, kMaxStreams> done{};  ///< steps completed; also the index of the current one
  std::array<StepState, kMaxStreams> state{};
  std::uint8_t sends_out = 0, sends_in = 0;
  std::array<std::uint32_t, kMaxChannels> messages{};
  StreamState streams[kMaxStreams];

  StepState& At(int s) { return state[static_cast<std::size_t>(s)]; }
  bool Running(int s) const { return state[static_cast<std::size_t>(s)] == StepState::kRunning; }

  /// Whether all that `step` waits for on this rank is there.
  bool Ready(const ProgramStep& step) const {
    bool ready = true;
    for (std::size_t s = 0; s < kMaxStreams; ++s) ready &= done[s] >= step.wait_done[s];
    return ready && HasMessages(step, 0) && HasMessages(step, 1);
  }

  bool HasMessages(const ProgramStep& step, std::size_t i) const {
    const int channel = step.wait_channel[i];
    return channel < 0 || messages[static_cast<std::size_t>(channel)] >= step.wait_messages[i];
  }

  /// How much slower than alone stream `s` goes beside what else runs on the rank.
  double StretchOf(int s) const {
    const StreamState& stream = streams[s];
    const bool computing = Running(0);
    const bool exchanging = Running(1);
    switch (s) {
      case 0:
        return exchanging ? 1.0 + stream.beside : 1.0;
      case 1: {
        const double others = std::max(sends_out, sends_in);
        return (computing ? 1.0 + stream.beside : 1.0) * (1.0 + stream.port * others);
      }
      default:
        return 1.0 + stream.port * ((exchanging ? 1.0 : 0.0) + std::max(0, sends_out - 1));
    }
  }
};

constexpr double kLongestPicoseconds = kLongestSeconds * 1e12;

/// Whether the engine can run a step of this price: nothing in it makes the step faster than alone.
inline bool CanRun(const StepPrice& price) {
  return price.work >= 0 && static_cast<double>(price.work) < kLongestPicoseconds && price.beside >= 0 &&
         price.port >= 0 && price.port <= 1.001F;
}
/// InputError naming the step and what is wrong with its price.
[[noreturn]] void ThrowUnpriceable(const StepPrice& price, int rank, int stream, const ProgramStep& step);
/// InputError naming the step that would end `elapsed` picoseconds after `now`.
[[noreturn]] void ThrowTooLate(double elapsed, std::int64_t now, int rank, int stream,
                               const ProgramStep& step);

/// What a step that can never start waits for, in words.
std::string WaitText(const RankState& rank, std::size_t r, std::size_t stream, const ProgramStep& step);

}  // namespace orrery::internal
