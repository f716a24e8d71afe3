// Replays programs of many ranks as discrete events.
//
// Ranks stand in a grid: `programs` rows (pipeline positions) by `columns` (data-parallel positions).
// Communicators cut them into groups that exchange. What the streams of a rank are to each other stands in its
// program (StreamRole). Two things slow a running step down, and are tracked exactly:
//   - a stream that shares the SMs with it is running: its price's `contended`;
//   - other steps pass its port in the same direction: the port is shared equally between those that use it.
// Neither makes a step faster than alone, and no step may outlast the clock: both are checked as it starts, so
// that every simulation ends.
//
// A step's remaining work is brought up to date whenever its rate changes. A rate that falls leaves the pending
// event in place: it fires early, sees work left, and is scheduled again. A stream that foresees another's end
// (compute beside an exchange) takes that end into account when it is scheduled, so that the end itself changes
// nothing.
//
// Pricer:   StepPrice operator()(int row, int column, const ProgramStep&)
// Observer: see NullObserver.
// Poll:     void operator()(double share), called every kEventsPerPoll events with the share of all steps that
//           is done: tells progress, and throws to stop.
// They are template parameters because the first two are called ten million times.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/engine/radix_heap.h"
#include "core/engine/stream_program.h"
#include "core/engine/stream_state.h"

namespace orrery {

/// Sees what happens; does nothing. Times are picoseconds.
struct NullObserver {
  void OnStart(int /*rank*/, int /*stream*/, const ProgramStep&, std::int64_t /*ready*/,
               std::int64_t /*start*/) {}
  void OnEnd(int /*rank*/, int /*stream*/, const ProgramStep&, std::int64_t /*start*/, std::int64_t /*end*/) {
  }
  /// `step` of `rank` was made ready by what stream `by_stream` of rank `by_rank` just finished.
  void OnCause(int /*rank*/, int /*stream*/, int /*by_rank*/, int /*by_stream*/) {}
  /// The exchange that `rank` waits at begins, since `by_rank`, another of its group, was the last to arrive.
  void OnRelease(int /*rank*/, int /*stream*/, int /*by_rank*/) {}
};

struct NullPoll {
  void operator()(double /*share*/) const {}
};

struct EngineResult {
  std::int64_t end = 0;  ///< picoseconds
  std::uint64_t events = 0;
  std::uint64_t steps = 0;
};

constexpr std::uint64_t kEventsPerPoll = 65536;

/// `kStreams`: streams that the programs use.
template <class Pricer, class Observer = NullObserver, int kStreams = 4>
class StreamEngine {
  static_assert(kStreams >= 1 && kStreams <= kMaxStreams);

 public:
  /// One communicator whose groups are `group` neighbouring columns; `group` divides `columns`. `programs`,
  /// pricer and observer must outlive the engine.
  StreamEngine(std::vector<Program>&&, int, int, Pricer&, Observer&) = delete;
  StreamEngine(const std::vector<Program>& programs, int columns, int group, Pricer& pricer,
               Observer& observer)
      : StreamEngine(programs, columns,
                     {Communicator::Neighbours(static_cast<int>(programs.size()) * columns, group)}, pricer,
                     observer) {
    ORRERY_CHECK(columns % group == 0, "groups must divide the columns");
  }

  /// Any communicators; steps name them by index. Aborts where one does not place every rank.
  StreamEngine(std::vector<Program>&&, int, std::vector<Communicator>, Pricer&, Observer&) = delete;
  StreamEngine(const std::vector<Program>& programs, int columns,
               const std::vector<Communicator>& communicators, Pricer& pricer, Observer& observer)
      : programs_(programs), columns_(columns), pricer_(pricer), observer_(observer) {
    ranks_.resize(programs.size() * static_cast<std::size_t>(columns));
    for (const Communicator& c : communicators) groups_.push_back(GroupsOf(c));
    for (const Program& p : programs) {
      for (std::size_t s = kStreams; s < kMaxStreams; ++s)
        ORRERY_CHECK(p.streams[s].empty(), "a program uses more streams than the engine was made for");
      neighbours_.push_back(NeighboursOf(p));
    }
  }

  /// Plays the programs to their end. Aborts, saying who waits for what, if steps are left that nothing can
  /// start.
  template <class Poll = NullPoll>
  EngineResult Run(Poll&& poll = Poll{}) {
    const int count = static_cast<int>(ranks_.size());
    std::size_t all = 0;
    for (const Program& program : programs_)
      for (const auto& stream : program.streams) all += stream.size() * static_cast<std::size_t>(columns_);
    for (int r = 0; r < count; ++r) Advance(r, r, 0);
    while (!heap_.empty()) {
      const auto event = heap_.Pop();
      now_ = static_cast<std::int64_t>(event.time);
      if (++result_.events % kEventsPerPoll == 0)
        poll(static_cast<double>(result_.steps) / static_cast<double>(all));
      Fire(static_cast<int>(event.payload >> kStreamBits), static_cast<int>(event.payload & (kStreamMask)));
    }
    CheckAllDone();
    return result_;
  }

  /// Back to the state before Run, keeping what is allocated.
  void Reset() {
    std::fill(ranks_.begin(), ranks_.end(), Rank{});
    for (Groups& groups : groups_) groups.Clear();
    heap_.Clear();
    now_ = 0;
    result_ = {};
  }

 private:
  using Rank = internal::RankState<kStreams>;
  using Stream = internal::StreamState;
  static constexpr double kDone = 0.5;  ///< picoseconds of work that count as none
  static constexpr unsigned kStreamBits = 3;
  static constexpr std::uint32_t kStreamMask = 7;

  /// The groups of one communicator.
  struct Groups {
    std::vector<std::int32_t> of_rank;     ///< [rank]
    std::vector<std::uint32_t> first;      ///< [group + 1] into `members`
    std::vector<std::int32_t> members;     ///< ranks by group, ascending
    std::vector<std::uint32_t> arrived;    ///< [group] members at the current exchange
    std::vector<std::uint32_t> posts;      ///< [rank] completed
    std::vector<std::uint32_t> awaits;     ///< [rank] started
    std::vector<std::uint32_t> delivered;  ///< [group] posts that every member has completed

    std::uint32_t Size(std::size_t group) const { return first[group + 1] - first[group]; }
    void Clear() {
      for (auto* counts : {&arrived, &posts, &awaits, &delivered})
        std::fill(counts->begin(), counts->end(), 0);
    }
  };

  /// Which streams of a rank a change concerns, as masks.
  struct Neighbours {
    std::array<std::uint8_t, kStreams> of_stream{};  ///< slowed by it, or behind the same port
    std::array<std::uint8_t, kPorts> receiving{};    ///< use the port both ways
  };

  Groups GroupsOf(const Communicator& c) const {
    ORRERY_CHECK(c.group_of_rank.size() == ranks_.size(), "a communicator places every rank");
    Groups groups;
    groups.of_rank = c.group_of_rank;
    std::int32_t count = 0;
    for (const std::int32_t g : c.group_of_rank) count = std::max(count, g + 1);
    groups.first.assign(static_cast<std::size_t>(count) + 1, 0);
    for (const std::int32_t g : c.group_of_rank) ++groups.first[static_cast<std::size_t>(g) + 1];
    for (std::size_t g = 1; g < groups.first.size(); ++g) groups.first[g] += groups.first[g - 1];
    groups.members.resize(ranks_.size());
    std::vector<std::uint32_t> next(groups.first.begin(), groups.first.end() - 1);
    for (std::size_t r = 0; r < ranks_.size(); ++r) {
      groups.members[next[static_cast<std::size_t>(c.group_of_rank[r])]++] = static_cast<std::int32_t>(r);
    }
    groups.arrived.resize(static_cast<std::size_t>(count));
    groups.delivered.resize(static_cast<std::size_t>(count));
    groups.posts.resize(ranks_.size());
    groups.awaits.resize(ranks_.size());
    return groups;
  }

  static Neighbours NeighboursOf(const Program& program) {
    Neighbours n;
    for (unsigned s = 0; s < kStreams; ++s) {
      for (unsigned t = 0; t < kStreams; ++t) {
        const StreamRole& role = program.roles[t];
        const bool port = role.port != Port::kNone && role.port == program.roles[s].port;
        if (s != t && ((role.slowed_by >> s & 1U) != 0 || port))
          n.of_stream[s] |= static_cast<std::uint8_t>(1U << t);
      }
      const StreamRole& role = program.roles[s];
      if (role.both_ways)
        n.receiving[static_cast<std::size_t>(role.port)] |= static_cast<std::uint8_t>(1U << s);
    }
    return n;
  }

  const Program& ProgramOf(int rank) const { return programs_[static_cast<std::size_t>(rank / columns_)]; }
  const StreamRole& RoleOf(int rank, int s) const {
    return ProgramOf(rank).roles[static_cast<std::size_t>(s)];
  }

  const ProgramStep& StepOf(int r, const Rank& rank, int s) const {
    const auto i = static_cast<std::size_t>(s);
    return ProgramOf(r).streams[i][rank.done[i]];
  }

  /// Starts whatever has become ready on rank `r`, made so by stream `by_stream` of rank `by`.
  void Advance(int r, int by, int by_stream) {
    const Program& program = ProgramOf(r);
    Rank& rank = ranks_[static_cast<std::size_t>(r)];
    for (std::size_t i = 0; i < kStreams; ++i) {
      if (rank.state[i] != internal::StepState::kBlocked || rank.done[i] >= program.streams[i].size())
        continue;
      const ProgramStep& step = program.streams[i][rank.done[i]];
      if (!rank.Ready(step)) continue;
      if (step.type == StepType::kAwait && !TakeDelivery(r, step)) continue;
      const int s = static_cast<int>(i);
      observer_.OnCause(r, s, by, by_stream);
      if (step.type == StepType::kExchange) {
        Arrive(r, s, step);
      } else {
        Start(r, s, step, now_);
      }
    }
  }

  void Arrive(int r, int s, const ProgramStep& step) {
    Rank& rank = ranks_[static_cast<std::size_t>(r)];
    rank.At(s) = internal::StepState::kArrived;
    rank.streams[s].updated = now_;
    Groups& groups = groups_[step.communicator];
    const auto g = static_cast<std::size_t>(groups.of_rank[static_cast<std::size_t>(r)]);
    if (++groups.arrived[g] < groups.Size(g)) return;
    groups.arrived[g] = 0;
    for (std::uint32_t i = groups.first[g]; i < groups.first[g + 1]; ++i) {
      const int member = groups.members[i];
      if (member != r) observer_.OnRelease(member, s, r);
      Rank& rank_of_member = ranks_[static_cast<std::size_t>(member)];
      Start(member, s, StepOf(member, rank_of_member, s), rank_of_member.streams[s].updated);
    }
  }

  /// True once for every post that all members of the rank's group have completed.
  bool TakeDelivery(int r, const ProgramStep& step) {
    Groups& groups = groups_[step.communicator];
    std::uint32_t& awaits = groups.awaits[static_cast<std::size_t>(r)];
    if (awaits >= groups.delivered[static_cast<std::size_t>(groups.of_rank[static_cast<std::size_t>(r)])])
      return false;
    ++awaits;
    return true;
  }

  /// Rank `r` has completed a post: wakes its group if it was the last to complete this one.
  void Deliver(int r, int s, const ProgramStep& step) {
    Groups& groups = groups_[step.communicator];
    const auto g = static_cast<std::size_t>(groups.of_rank[static_cast<std::size_t>(r)]);
    ++groups.posts[static_cast<std::size_t>(r)];
    std::uint32_t least = groups.posts[static_cast<std::size_t>(r)];
    for (std::uint32_t i = groups.first[g]; i < groups.first[g + 1]; ++i)
      least = std::min(least, groups.posts[static_cast<std::size_t>(groups.members[i])]);
    if (least == groups.delivered[g]) return;
    groups.delivered[g] = least;
    for (std::uint32_t i = groups.first[g]; i < groups.first[g + 1]; ++i) {
      if (groups.members[i] != r) Advance(groups.members[i], r, s);
    }
  }

  void Start(int r, int s, const ProgramStep& step, std::int64_t ready) {
    Rank& rank = ranks_[static_cast<std::size_t>(r)];
    Stream& stream = rank.streams[s];
    const StepPrice price = pricer_(r / columns_, r % columns_, step);
    if (!internal::CanRun(price)) internal::ThrowUnpriceable(price, r, s, step);
    rank.SetRunning(s, true);
    stream.contended = price.contended;
    stream.port = price.port;
    stream.work = static_cast<double>(price.work);
    stream.updated = stream.start = now_;
    stream.scheduled = -1;
    observer_.OnStart(r, s, step, ready, now_);
    UsePort(r, rank, s, step, +1);
    UpdateRate(rank, r, s);
    UpdateNeighbours(rank, r, s);
  }

  void Fire(int r, int s) {
    Rank& rank = ranks_[static_cast<std::size_t>(r)];
    Stream& stream = rank.streams[s];
    if (!rank.Running(s) || stream.scheduled != now_) return;  // superseded
    stream.Spend(now_);
    if (stream.work > kDone) {
      Schedule(stream, Foreseen(rank, r, s), r, s);
      return;
    }
    Complete(r, s);
  }

  void Complete(int r, int s) {
    Rank& rank = ranks_[static_cast<std::size_t>(r)];
    Stream& stream = rank.streams[s];
    const ProgramStep& step = StepOf(r, rank, s);
    rank.SetRunning(s, false);
    ++rank.done[static_cast<std::size_t>(s)];
    ++result_.steps;
    result_.end = now_;
    observer_.OnEnd(r, s, step, stream.start, now_);
    UsePort(r, rank, s, step, -1);
    if (step.type == StepType::kSend) {
      const int peer = PeerOf(r, step);
      ++ranks_[static_cast<std::size_t>(peer)].messages[step.peer_channel];
      Advance(peer, r, s);
    } else if (step.type == StepType::kPost) {
      Deliver(r, s, step);
    }
    Advance(r, r, s);
    // Only now, so that a successor that starts at this very instant leaves its neighbours undisturbed.
    UpdateNeighbours(rank, r, s);
  }

  int PeerOf(int r, const ProgramStep& step) const { return step.peer * columns_ + r % columns_; }

  /// Books a step that begins (+1) or ends (-1) at the port it passes. A message passes its receiver's port
  /// too; one that stays on its rank passes none.
  void UsePort(int r, Rank& rank, int s, const ProgramStep& step, int change) {
    const StreamRole& role = RoleOf(r, s);
    if (role.port == Port::kNone) return;
    const auto p = static_cast<std::size_t>(role.port);
    const auto book = [change](std::uint8_t& users) { users = static_cast<std::uint8_t>(users + change); };
    if (step.type != StepType::kSend) {
      book(rank.out[p]);
      if (role.both_ways) book(rank.in[p]);
      return;
    }
    const int at = PeerOf(r, step);
    if (at == r) return;
    Rank& peer = ranks_[static_cast<std::size_t>(at)];
    book(rank.out[p]);
    book(peer.in[p]);
    ForEach(peer.running & neighbours_[static_cast<std::size_t>(at / columns_)].receiving[p],
            [&](int t) { UpdateRate(peer, at, t); });
  }

  template <class F>
  static void ForEach(unsigned mask, F&& f) {
    for (; mask != 0; mask &= mask - 1) f(std::countr_zero(mask));
  }

  /// Brings up to date the rates of the streams that `changed` of the rank competes with.
  void UpdateNeighbours(Rank& rank, int r, int changed) {
    const Neighbours& n = neighbours_[static_cast<std::size_t>(r / columns_)];
    ForEach(rank.running & n.of_stream[static_cast<std::size_t>(changed)],
            [&](int s) { UpdateRate(rank, r, s); });
  }

  void UpdateRate(Rank& rank, int r, int s) {
    Stream& stream = rank.streams[s];
    const double stretch = rank.StretchOf(s, RoleOf(r, s));
    if (stretch == stream.stretch && stream.scheduled >= 0) return;
    stream.Spend(now_);
    stream.stretch = stretch;
    const std::int64_t end = Foreseen(rank, r, s);
    // A picosecond of rounding is no reason for another event.
    if (stream.scheduled < 0 || end + 1 < stream.scheduled) Schedule(stream, end, r, s);
  }

  /// When the step ends if nothing new starts.
  std::int64_t Foreseen(const Rank& rank, int r, int s) const {
    const Stream& stream = rank.streams[s];
    double elapsed = stream.work * stream.stretch;
    const int other = RoleOf(r, s).foresees;
    if (other >= 0 && rank.Running(other)) {
      const auto beside = static_cast<double>(rank.streams[other].scheduled - now_);
      if (beside > 0 && elapsed > beside) elapsed = beside + (stream.work - beside / stream.stretch);
    }
    if (!(elapsed + static_cast<double>(now_) < internal::kLongestPicoseconds))
      internal::ThrowTooLate(elapsed, now_, r, s, StepOf(r, rank, s));
    return now_ + std::max<std::int64_t>(0, static_cast<std::int64_t>(elapsed + 0.5));
  }

  void Schedule(Stream& stream, std::int64_t end, int r, int s) {
    stream.scheduled = end;
    heap_.Push(static_cast<std::uint64_t>(end),
               static_cast<std::uint32_t>(r) << kStreamBits | static_cast<std::uint32_t>(s));
  }

  void CheckAllDone() const {
    for (std::size_t r = 0; r < ranks_.size(); ++r) {
      const Program& program = programs_[r / static_cast<std::size_t>(columns_)];
      for (std::size_t s = 0; s < kStreams; ++s) {
        const std::uint32_t done = ranks_[r].done[s];
        if (done >= program.streams[s].size()) continue;
        internal::Waiting waiting{r,
                                  s,
                                  {ranks_[r].done.begin(), ranks_[r].done.end()},
                                  {ranks_[r].messages.begin(), ranks_[r].messages.end()},
                                  ranks_[r].state[s] == internal::StepState::kArrived};
        ORRERY_CHECK(false, internal::WaitText(waiting, program.streams[s][done]));
      }
    }
  }

  const std::vector<Program>& programs_;
  int columns_;
  Pricer& pricer_;
  Observer& observer_;
  std::vector<Rank> ranks_;
  std::vector<Groups> groups_;          ///< [communicator]
  std::vector<Neighbours> neighbours_;  ///< [program]
  RadixHeap<std::uint32_t> heap_;
  std::int64_t now_ = 0;
  EngineResult result_;
};

}  // namespace orrery
