// What happened in a simulation, as data: of every rank's every stream (a lane) the spans that ran, in order.
// Traces, critical paths and pictures read it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/engine/stream_program.h"

namespace orrery {

/// Names a span of a timeline.
struct SpanRef {
  std::int32_t rank = -1;  ///< -1: none
  std::int32_t stream = 0;
  std::uint32_t index = 0;
  bool operator==(const SpanRef&) const = default;
};

/// One step as it ran, in 32 bytes. Times are picoseconds.
class Span {
 public:
  static constexpr std::uint64_t kMostTime = (std::uint64_t{1} << 44) - 1;  ///< of a length or a wait: 17.6 s
  static constexpr std::uint32_t kMostRank = (1U << 20) - 2;
  static constexpr std::uint32_t kMostIndex = (1U << 29) - 1;
  static constexpr std::uint32_t kMostKey = (1U << 20) - 1;

  Span(const ProgramStep& step, std::int64_t ready, std::int64_t start, const SpanRef& cause)
      : start_(start),
        length_(0),
        cause_rank_((cause.rank < 0 ? kNoRank : static_cast<std::uint64_t>(cause.rank)) & kNoRank),
        wait_(Limited(start - ready) & kMostTime),
        key_(step.price & kMostKey),
        cause_index_(cause.index & kMostIndex),
        cause_stream_(static_cast<unsigned>(cause.stream) & 7U),
        instance_(step.instance) {
    ORRERY_CHECK(step.price <= kMostKey && cause.index <= kMostIndex, "a step that no span can name");
  }

  std::int64_t ready() const {
    return start_ - static_cast<std::int64_t>(wait_);
  }  ///< all but its group was there
  std::int64_t start() const { return start_; }
  std::int64_t end() const { return start_ + static_cast<std::int64_t>(length_); }
  std::uint32_t price() const { return static_cast<std::uint32_t>(key_); }          ///< ProgramStep::price
  std::uint32_t instance() const { return static_cast<std::uint32_t>(instance_); }  ///< ProgramStep::instance
  /// The span whose end let this one start. For an exchange: what made its last rank ready.
  SpanRef cause() const {
    if (cause_rank_ == kNoRank) return {};
    return {static_cast<std::int32_t>(cause_rank_), static_cast<std::int32_t>(cause_stream_),
            static_cast<std::uint32_t>(cause_index_)};
  }
  void set_end(std::int64_t end) { length_ = Limited(end - start_) & kMostTime; }

 private:
  static constexpr std::uint64_t kNoRank = (1U << 20) - 1;
  static std::uint64_t Limited(std::int64_t time) {
    ORRERY_CHECK(time >= 0 && static_cast<std::uint64_t>(time) <= kMostTime, "a span of more than 17.6 s");
    return static_cast<std::uint64_t>(time);
  }

  std::int64_t start_;
  std::uint64_t length_ : 44, cause_rank_ : 20;
  std::uint64_t wait_ : 44, key_ : 20;
  std::uint64_t cause_index_ : 29, cause_stream_ : 3, instance_ : 32;
};
static_assert(sizeof(Span) == 32);

class Timeline {
 public:
  Timeline() = default;
  Timeline(int ranks, int streams)
      : ranks_(ranks),
        streams_(streams),
        lanes_(static_cast<std::size_t>(ranks) * static_cast<std::size_t>(streams)) {
    ORRERY_CHECK(static_cast<std::uint32_t>(ranks) <= Span::kMostRank, "more ranks than a span can name");
  }

  int ranks() const { return ranks_; }
  int streams() const { return streams_; }
  const std::vector<Span>& Lane(int rank, int stream) const { return lanes_[Index(rank, stream)].spans; }
  const Span& At(const SpanRef& ref) const { return Lane(ref.rank, ref.stream)[ref.index]; }
  /// ProgramStep::task of a span: the instruction of the schedule that it belongs to.
  std::uint32_t TaskOf(const SpanRef& ref) const;
  /// The span that ends last, of equals the first in order of rank and stream; no rank where there is none.
  SpanRef Last() const;
  std::size_t spans() const;

 private:
  friend class TimelineRecorder;
  struct LaneSpans {
    std::vector<Span> spans;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> tasks;  ///< (first span, task), ascending
  };
  std::size_t Index(int rank, int stream) const {
    return static_cast<std::size_t>(rank) * static_cast<std::size_t>(streams_) +
           static_cast<std::size_t>(stream);
  }

  int ranks_ = 0, streams_ = 0;
  std::vector<LaneSpans> lanes_;
};

/// Records a timeline while the engine runs: an observer.
class TimelineRecorder {
 public:
  TimelineRecorder(int ranks, int streams)
      : timeline_(ranks, streams),
        causes_(static_cast<std::size_t>(ranks) * static_cast<std::size_t>(streams)) {}

  void OnCause(int rank, int stream, int by_rank, int by_stream) {
    causes_[timeline_.Index(rank, stream)] = LastOf(by_rank, by_stream);
  }

  /// What made the last rank of an exchange ready is the cause for all of them.
  void OnRelease(int rank, int stream, int by_rank) {
    causes_[timeline_.Index(rank, stream)] = causes_[timeline_.Index(by_rank, stream)];
  }

  void OnStart(int rank, int stream, const ProgramStep& step, std::int64_t ready, std::int64_t start) {
    Timeline::LaneSpans& lane = timeline_.lanes_[timeline_.Index(rank, stream)];
    if (lane.tasks.empty() || lane.tasks.back().second != step.task)
      lane.tasks.emplace_back(static_cast<std::uint32_t>(lane.spans.size()), step.task);
    lane.spans.emplace_back(step, ready, start, causes_[timeline_.Index(rank, stream)]);
  }

  void OnEnd(int rank, int stream, const ProgramStep&, std::int64_t, std::int64_t end) {
    timeline_.lanes_[timeline_.Index(rank, stream)].spans.back().set_end(end);
  }

  Timeline Take() { return std::move(timeline_); }

 private:
  /// The step that has just finished on a stream.
  SpanRef LastOf(int rank, int stream) const {
    const std::size_t count = timeline_.Lane(rank, stream).size();
    return count == 0 ? SpanRef{} : SpanRef{rank, stream, static_cast<std::uint32_t>(count - 1)};
  }

  Timeline timeline_;
  std::vector<SpanRef> causes_;
};

/// Two observers of one run.
template <class First, class Second>
class BothObservers {
 public:
  BothObservers(First& first, Second& second) : first_(first), second_(second) {}
  void OnCause(int rank, int stream, int by_rank, int by_stream) {
    first_.OnCause(rank, stream, by_rank, by_stream);
    second_.OnCause(rank, stream, by_rank, by_stream);
  }
  void OnRelease(int rank, int stream, int by_rank) {
    first_.OnRelease(rank, stream, by_rank);
    second_.OnRelease(rank, stream, by_rank);
  }
  void OnStart(int rank, int stream, const ProgramStep& step, std::int64_t ready, std::int64_t start) {
    first_.OnStart(rank, stream, step, ready, start);
    second_.OnStart(rank, stream, step, ready, start);
  }
  void OnEnd(int rank, int stream, const ProgramStep& step, std::int64_t start, std::int64_t end) {
    first_.OnEnd(rank, stream, step, start, end);
    second_.OnEnd(rank, stream, step, start, end);
  }

 private:
  First& first_;
  Second& second_;
};

}  // namespace orrery
