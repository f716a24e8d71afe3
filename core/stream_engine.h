// Replays programs of many ranks as discrete events.
//
// Ranks stand in a grid: `programs` rows (pipeline positions) by `columns` (data-parallel positions); the
// ranks of one row are cut into exchange groups of `group` neighbours. Streams: 0 computes, 1 exchanges
// within the group, 2 and 3 send. Three things slow a running step down, and are tracked exactly:
//   - compute beside a running exchange, and an exchange beside running compute: by the step's `beside`;
//   - an exchange beside messages through the same port: the port is shared equally between
//     those that use it;
//   - a message beside an exchange or another message of the sender.
// None of them makes a step faster than alone, and no step may outlast the clock: both are checked as it
// starts, so that every simulation ends.
// A step's remaining work is brought up to date whenever its rate changes. A rate that falls leaves the
// pending event in place: it fires early, sees work left, and is scheduled again. Compute beside an exchange
// foresees the exchange's end, so that the end itself changes nothing.
//
// Pricer:   StepPrice operator()(int row, int column, const ProgramStep&)
// Observer: see NullObserver. Both are template parameters because they are called ten million times.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/error.h"
#include "core/radix_heap.h"
#include "core/stream_program.h"
#include "core/stream_state.h"

namespace orrery {

/// Sees what happens; does nothing. Times are picoseconds.
struct NullObserver {
  void OnStart(int /*rank*/, int /*stream*/, const ProgramStep&, std::int64_t /*ready*/,
               std::int64_t /*start*/) {}
  void OnEnd(int /*rank*/, int /*stream*/, const ProgramStep&, std::int64_t /*start*/, std::int64_t /*end*/) {
  }
  /// `step` of `rank` was made ready by what stream `by_stream` of rank `by_rank` just finished.
  void OnCause(int /*rank*/, int /*stream*/, int /*by_rank*/, int /*by_stream*/) {}
};

struct EngineResult {
  std::int64_t end = 0;  ///< picoseconds
  std::uint64_t events = 0;
  std::uint64_t steps = 0;
};

template <class Pricer, class Observer = NullObserver>
class StreamEngine {
 public:
  /// `group` divides `columns`. `programs`, pricer and observer must outlive the engine.
  StreamEngine(std::vector<Program>&&, int, int, Pricer&, Observer&) = delete;
  StreamEngine(const std::vector<Program>& programs, int columns, int group, Pricer& pricer,
               Observer& observer)
      : programs_(programs), columns_(columns), group_(group), pricer_(pricer), observer_(observer) {
    ORRERY_CHECK(group > 0 && columns % group == 0, "groups must divide the columns");
    ranks_.resize(programs.size() * static_cast<std::size_t>(columns));
    groups_.resize(ranks_.size() / static_cast<std::size_t>(group));
  }

  EngineResult Run() {
    const int count = static_cast<int>(ranks_.size());
    for (int r = 0; r < count; ++r) Advance(r, r, 0);
    while (!heap_.empty()) {
      const auto event = heap_.Pop();
      now_ = static_cast<std::int64_t>(event.time);
      ++result_.events;
      Fire(static_cast<int>(event.payload >> 2), static_cast<int>(event.payload & 3U));
    }
    CheckAllDone();
    return result_;
  }

 private:
  using Rank = internal::RankState;
  using Stream = internal::StreamState;
  static constexpr double kDone = 0.5;  ///< picoseconds of work that count as none

  const Program& ProgramOf(int rank) const { return programs_[static_cast<std::size_t>(rank / columns_)]; }

  const ProgramStep& StepOf(int r, const Rank& rank, int s) const {
    const auto i = static_cast<std::size_t>(s);
    return ProgramOf(r).streams[i][rank.done[i]];
  }

  /// Starts whatever has become ready on rank `r`, made so by stream `by_stream` of rank `by`.
  void Advance(int r, int by, int by_stream) {
    const Program& program = ProgramOf(r);
    Rank& rank = ranks_[static_cast<std::size_t>(r)];
    for (std::size_t i = 0; i < kMaxStreams; ++i) {
      if (rank.state[i] != internal::StepState::kBlocked || rank.done[i] >= program.streams[i].size())
        continue;
      const ProgramStep& step = program.streams[i][rank.done[i]];
      if (!rank.Ready(step)) continue;
      const int s = static_cast<int>(i);
      observer_.OnCause(r, s, by, by_stream);
      if (step.type == StepType::kExchange) {
        Arrive(r, s);
      } else {
        Start(r, s, step, now_);
      }
    }
  }

  void Arrive(int r, int s) {
    Rank& rank = ranks_[static_cast<std::size_t>(r)];
    rank.At(s) = internal::StepState::kArrived;
    rank.streams[s].updated = now_;
    const int g = r / group_;
    if (++groups_[static_cast<std::size_t>(g)] < static_cast<std::uint32_t>(group_)) return;
    groups_[static_cast<std::size_t>(g)] = 0;
    for (int member = g * group_; member < (g + 1) * group_; ++member) {
      if (member != r) observer_.OnCause(member, s, r, s);
      Rank& rank_of_member = ranks_[static_cast<std::size_t>(member)];
      Start(member, s, StepOf(member, rank_of_member, s), rank_of_member.streams[s].updated);
    }
  }

  void Start(int r, int s, const ProgramStep& step, std::int64_t ready) {
    Rank& rank = ranks_[static_cast<std::size_t>(r)];
    Stream& stream = rank.streams[s];
    const StepPrice price = pricer_(r / columns_, r % columns_, step);
    if (!internal::CanRun(price)) internal::ThrowUnpriceable(price, r, s, step);
    rank.At(s) = internal::StepState::kRunning;
    stream.beside = price.beside;
    stream.port = price.port;
    stream.work = static_cast<double>(price.work);
    stream.updated = stream.start = now_;
    stream.scheduled = -1;
    observer_.OnStart(r, s, step, ready, now_);
    if (step.type == StepType::kSend) SendBegins(r, step, +1);
    Restretch(rank, r, s);
    Retime(rank, r, s);
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
    rank.At(s) = internal::StepState::kBlocked;
    ++rank.done[static_cast<std::size_t>(s)];
    ++result_.steps;
    result_.end = now_;
    observer_.OnEnd(r, s, step, stream.start, now_);
    if (step.type == StepType::kSend) {
      SendBegins(r, step, -1);
      const int peer = PeerOf(r, step);
      ++ranks_[static_cast<std::size_t>(peer)].messages[step.peer_channel];
      Advance(peer, r, s);
    }
    Advance(r, r, s);
    // Only now, so that a successor that starts at this very instant leaves its neighbours undisturbed.
    Retime(rank, r, s);
  }

  int PeerOf(int r, const ProgramStep& step) const { return step.peer * columns_ + r % columns_; }

  void SendBegins(int r, const ProgramStep& step, int change) {
    const int p = PeerOf(r, step);
    if (p == r) return;
    Rank& rank = ranks_[static_cast<std::size_t>(r)];
    Rank& peer = ranks_[static_cast<std::size_t>(p)];
    rank.sends_out = static_cast<std::uint8_t>(rank.sends_out + change);
    peer.sends_in = static_cast<std::uint8_t>(peer.sends_in + change);
    if (peer.Running(1)) Restretch(peer, p, 1);
  }

  /// Brings up to date the rates of the streams that `changed` of the rank competes with.
  void Retime(Rank& rank, int r, int changed) {
    if (changed == 0) {
      if (rank.Running(1)) Restretch(rank, r, 1);
      return;
    }
    if (changed == 1 && rank.Running(0)) Restretch(rank, r, 0);
    if (changed > 1 && rank.Running(1)) Restretch(rank, r, 1);
    for (int s = 2; s < kMaxStreams; ++s) {
      if (s != changed && rank.Running(s)) Restretch(rank, r, s);
    }
  }

  void Restretch(Rank& rank, int r, int s) {
    Stream& stream = rank.streams[s];
    const double stretch = rank.StretchOf(s);
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
    if (s == 0 && rank.Running(1)) {
      const auto beside = static_cast<double>(rank.streams[1].scheduled - now_);
      if (beside > 0 && elapsed > beside) elapsed = beside + (stream.work - beside / stream.stretch);
    }
    if (!(elapsed + static_cast<double>(now_) < internal::kLongestPicoseconds)) {
      internal::ThrowTooLate(elapsed, now_, r, s, StepOf(r, rank, s));
    }
    return now_ + std::max<std::int64_t>(0, static_cast<std::int64_t>(elapsed + 0.5));
  }

  void Schedule(Stream& stream, std::int64_t end, int r, int s) {
    stream.scheduled = end;
    heap_.Push(static_cast<std::uint64_t>(end),
               static_cast<std::uint32_t>(r) << 2 | static_cast<std::uint32_t>(s));
  }

  void CheckAllDone() const {
    for (std::size_t r = 0; r < ranks_.size(); ++r) {
      const Program& program = programs_[r / static_cast<std::size_t>(columns_)];
      for (std::size_t s = 0; s < kMaxStreams; ++s) {
        const std::uint32_t done = ranks_[r].done[s];
        if (done < program.streams[s].size()) {
          ORRERY_CHECK(false, internal::WaitText(ranks_[r], r, s, program.streams[s][done]));
        }
      }
    }
  }

  const std::vector<Program>& programs_;
  int columns_, group_;
  Pricer& pricer_;
  Observer& observer_;
  std::vector<Rank> ranks_;
  std::vector<std::uint32_t> groups_;  ///< ranks that have arrived at the group's exchange
  RadixHeap<std::uint32_t> heap_;
  std::int64_t now_ = 0;
  EngineResult result_;
};

}  // namespace orrery
