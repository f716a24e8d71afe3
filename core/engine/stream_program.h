// Programs of ranks: what each of a rank's streams does, in order, and what each step waits for.
//
// Many ranks run one program (all ranks of a pipeline position do); what differs between them is the price of
// a step, asked when it starts. Streams run their steps in order; a step starts when the one before it on its
// stream is done, when every other stream has completed as many steps as it asks for, and when enough
// messages have arrived.
//
// A program also says what its streams are to each other: which of them slow each other down, and which share
// a port.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace orrery {

constexpr int kMaxStreams = 7;
constexpr int kMaxChannels = 16;

enum class StepType : std::uint8_t {
  kWork,      ///< runs on the rank alone
  kExchange,  ///< starts for all ranks of the group when the last of them arrives; each then takes its own
              ///< time
  kSend,      ///< runs on the rank, then delivers a message to a peer
  kPost,      ///< runs on the rank; when it ends, the rank's data are with every member of the group
  kAwait,     ///< starts when the data of every member's post of the same number are there
};

struct ProgramStep {
  StepType type = StepType::kWork;
  std::array<std::int8_t, 2> wait_channel{-1, -1};  ///< -1: waits for no message
  std::int16_t peer = 0;                            ///< kSend: program index of the receiver (same column)
  std::uint8_t peer_channel = 0;                    ///< kSend
  std::uint8_t communicator = 0;                    ///< kExchange, kPost, kAwait: whose groups take part
  std::array<std::uint32_t, 2> wait_messages{};     ///< messages that must have arrived on each wait_channel
  std::array<std::uint32_t, kMaxStreams> wait_done{};  ///< steps each stream must have completed
  std::uint32_t price = 0;                             ///< the pricer's key: what kind of work
  std::uint32_t instance = 0;                          ///< the pricer's key: which micro-batch's
  std::uint32_t task = 0;                              ///< the schedule step it belongs to, for bookkeeping
};

/// A port of a rank that steps of several streams may pass through at once.
enum class Port : std::uint8_t { kNone, kNic, kScaleUp, kHost, kHostMemory };
constexpr int kPorts = 5;

/// What a stream is to the others of its rank.
struct StreamRole {
  /// Bit s: while stream s runs, a step of this one takes longer by its price's `contended` (they share the
  /// SMs).
  std::uint8_t slowed_by = 0;
  /// Of those, one whose pending end is foreseen, so that the end itself changes nothing; -1: none.
  std::int8_t foresees = -1;
  Port port = Port::kNone;  ///< which port the price's `port` is the share of
  bool both_ways = false;   ///< its steps send and receive through the port at once
};

/// One stream computes (0), one exchanges (1), two send (2 and 3): compute and exchanges disturb each other,
/// exchanges and messages share the NIC.
constexpr std::array<StreamRole, kMaxStreams> ComputeExchangeSend() {
  std::array<StreamRole, kMaxStreams> roles{};
  roles[0] = {1U << 1, 1, Port::kNone, false};
  roles[1] = {1U << 0, -1, Port::kNic, true};
  roles[2] = roles[3] = {0, -1, Port::kNic, false};
  return roles;
}

struct Program {
  std::array<std::vector<ProgramStep>, kMaxStreams> streams;
  std::array<StreamRole, kMaxStreams> roles = ComputeExchangeSend();
  std::uint32_t tasks = 0;
};

/// What a step costs one rank.
struct StepPrice {
  std::int64_t work = 0;  ///< picoseconds with nothing beside it
  float contended = 0;    ///< extra time, as a share, while a stream it is slowed by is running
  float port = 0;         ///< share of the time bound by the stream's port (0 to 1)
};

/// Ranks cut into groups that exchange with each other. A rank belongs to one group of each communicator.
struct Communicator {
  std::vector<std::int32_t> group_of_rank;  ///< [rank]; groups are numbered from 0 without gaps

  /// Groups of `size` neighbouring ranks.
  static Communicator Neighbours(int ranks, int size);
};

}  // namespace orrery
