// What the event engine knows of a rank between events: where its streams are and how fast they go.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/units.h"
#include "core/engine/stream_program.h"

namespace orrery::internal {

enum class StepState : std::uint8_t { kBlocked, kArrived, kRunning };

struct alignas(64) StreamState {  // one cache line
  float contended = 0, port = 0;
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

/// A rank of a program with `kStreams` streams.
template <int kStreams>
struct RankState {
  std::array<std::uint32_t, kStreams> done{};  ///< steps completed; also the index of the current one
  std::array<StepState, kStreams> state{};
  std::uint8_t running = 0;                      ///< bit s: stream s is running
  std::array<std::uint8_t, kPorts> out{}, in{};  ///< running steps that send, or receive, through a port
  std::array<std::uint32_t, kMaxChannels> messages{};
  StreamState streams[kStreams];

  StepState& At(int s) { return state[static_cast<std::size_t>(s)]; }
  bool Running(int s) const { return (running >> s & 1U) != 0; }
  void SetRunning(int s, bool runs) {
    At(s) = runs ? StepState::kRunning : StepState::kBlocked;
    running = static_cast<std::uint8_t>(runs ? running | 1U << s : running & ~(1U << s));
  }

  /// Whether all that `step` waits for on this rank is there.
  bool Ready(const ProgramStep& step) const {
    bool ready = true;
    for (std::size_t s = 0; s < kStreams; ++s) ready &= done[s] >= step.wait_done[s];
    return ready && HasMessages(step, 0) && HasMessages(step, 1);
  }

  bool HasMessages(const ProgramStep& step, std::size_t i) const {
    const int channel = step.wait_channel[i];
    return channel < 0 || messages[static_cast<std::size_t>(channel)] >= step.wait_messages[i];
  }

  /// How much slower than alone stream `s` goes beside what else runs on the rank: its kernels share SMs with
  /// those of `slowed_by`, and its port is shared equally by all that pass it in the same direction.
  double StretchOf(int s, const StreamRole& role) const {
    const StreamState& stream = streams[s];
    const double sms = (running & role.slowed_by) != 0 ? 1.0 + stream.contended : 1.0;
    if (role.port == Port::kNone) return sms;
    const auto p = static_cast<std::size_t>(role.port);
    const int users = role.both_ways ? std::max(out[p], in[p]) : out[p];
    return sms * (1.0 + stream.port * static_cast<double>(std::max(0, users - 1)));
  }
};

constexpr double kLongestPicoseconds = kLongestSeconds * 1e12;

/// Whether the engine can run a step of this price: nothing in it makes the step faster than alone.
inline bool CanRun(const StepPrice& price) {
  return price.work >= 0 && static_cast<double>(price.work) < kLongestPicoseconds && price.contended >= 0 &&
         price.port >= 0 && price.port <= 1.001F;
}
/// InputError naming the step and what is wrong with its price.
[[noreturn]] void ThrowUnpriceable(const StepPrice& price, int rank, int stream, const ProgramStep& step);
/// InputError naming the step that would end `elapsed` picoseconds after `now`.
[[noreturn]] void ThrowTooLate(double elapsed, std::int64_t now, int rank, int stream,
                               const ProgramStep& step);

/// Why a step has not started, as far as its rank knows.
struct Waiting {
  std::size_t rank = 0, stream = 0;
  std::vector<std::uint32_t> done;  ///< [stream]
  std::vector<std::uint32_t> messages;
  bool arrived = false;  ///< at an exchange whose group is not whole
};

/// What a step that can never start waits for, in words.
std::string WaitText(const Waiting& waiting, const ProgramStep& step);

}  // namespace orrery::internal
