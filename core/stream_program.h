// Programs of ranks: what each of a rank's streams does, in order, and what each step waits for.
//
// Many ranks run one program (all ranks of a pipeline position do); what differs between them is the price
// of a step, asked when it starts. Streams run their steps in order; a step starts when the one before it on
// its stream is done, when every other stream has completed as many steps as it asks for, and when enough
// messages have arrived.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace orrery {

constexpr int kMaxStreams = 4;
constexpr int kMaxChannels = 16;

enum class StepType : std::uint8_t {
  kWork,      ///< runs on the rank alone
  kExchange,  ///< starts for all ranks of the group when the last of them arrives; each then takes its own
              ///< time
  kSend,      ///< runs on the rank, then delivers a message to a peer
};

struct ProgramStep {
  StepType type = StepType::kWork;
  std::array<std::int8_t, 2> wait_channel{-1, -1};  ///< -1: waits for no message
  std::int16_t peer = 0;                            ///< kSend: program index of the receiver (same column)
  std::uint8_t peer_channel = 0;                    ///< kSend
  std::array<std::uint32_t, 2> wait_messages{};     ///< messages that must have arrived on each wait_channel
  std::array<std::uint32_t, kMaxStreams> wait_done{};  ///< steps each stream must have completed
  std::uint32_t price = 0;                             ///< the pricer's key: what kind of work
  std::uint32_t instance = 0;                          ///< the pricer's key: which micro-batch's
  std::uint32_t task = 0;                              ///< the schedule step it belongs to, for bookkeeping
};

struct Program {
  std::array<std::vector<ProgramStep>, kMaxStreams> streams;
  std::uint32_t tasks = 0;
};

/// What a step costs one rank.
struct StepPrice {
  std::int64_t work = 0;  ///< picoseconds with nothing beside it
  float beside = 0;       ///< extra time, as a share, while the stream it competes with is running
  float port = 0;         ///< share of the time bound by the network port (0 to 1)
};

}  // namespace orrery
