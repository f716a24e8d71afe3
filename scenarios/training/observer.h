// What a training simulation notes while it runs: tasks of every rank, why compute stood still, exchange
// waits.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/engine/stream_program.h"
#include "models/parallel/training_program.h"

namespace orrery::scenarios {

/// Why a rank's compute stream stood still. Picoseconds.
struct Idle {
  std::int64_t message = 0;    ///< waiting for a neighbour of the pipeline
  std::int64_t straggler = 0;  ///< waiting for the last rank of an exchange to arrive
  std::int64_t exchange = 0;   ///< an exchange's own transfer, not hidden
};

/// Picoseconds a rank spent in tasks of each kind, messages waited for inside a task left out.
struct TaskTimes {
  std::array<std::int64_t, 5> by_kind{};  ///< index: models::StepKind
};

class TrainingObserver {
 public:
  TrainingObserver(const models::TrainingPrograms& programs, int columns)
      : programs_(programs), columns_(columns) {
    const std::size_t ranks = programs.programs.size() * static_cast<std::size_t>(columns);
    ranks_.resize(ranks);
  }

  void OnCause(int rank, int stream, int by_rank, int by_stream) {
    if (stream == 0) ranks_[static_cast<std::size_t>(rank)].cause = by_rank != rank ? kMessage : by_stream;
  }

  void OnRelease(int /*rank*/, int /*stream*/, int /*by_rank*/) {}

  void OnStart(int rank, int stream, const ProgramStep& step, std::int64_t ready, std::int64_t start) {
    if (stream > 1) return;
    RankNotes& r = ranks_[static_cast<std::size_t>(rank)];
    std::int64_t waited_for_message = 0;
    if (stream == 0) {
      waited_for_message = NoteIdle(r, start);
    } else {
      notify_ += start - ready;
      r.exchange = {ready, start, true};
    }
    if (static_cast<std::int64_t>(step.task) != r.task) {
      CloseTask(rank, r);
      r.task = step.task;
      r.task_start = stream == 1 ? ready : start;
      waited_for_message = 0;  // before the task, not in it
    }
    r.task_waits += waited_for_message;
  }

  void OnEnd(int rank, int stream, const ProgramStep& step, std::int64_t start, std::int64_t end) {
    work_[step.price] += end - start;
    ++count_[step.price];
    RankNotes& r = ranks_[static_cast<std::size_t>(rank)];
    if (stream > 1) {
      if (stream == models::kReductionStream) r.reduced = end;
      return;
    }
    r.task_end = end;
    if (stream == 0) {
      r.compute_ended = end;
      r.computing = false;
    } else {
      r.exchange_time += end - start;
      if (!r.computing) r.NoteExchange(end);
      r.exchange.running = false;
    }
  }

  /// Call once after the run.
  void Finish() {
    for (std::size_t rank = 0; rank < ranks_.size(); ++rank) CloseTask(static_cast<int>(rank), ranks_[rank]);
  }

  const TaskTimes& Tasks(int rank) const { return ranks_[static_cast<std::size_t>(rank)].tasks; }
  const Idle& IdleOf(int rank) const { return ranks_[static_cast<std::size_t>(rank)].idle; }
  std::int64_t FinishOf(int rank) const { return ranks_[static_cast<std::size_t>(rank)].task_end; }
  /// When the last of its gradients is reduced; 0 where that is not in its program.
  std::int64_t ReducedOf(int rank) const { return ranks_[static_cast<std::size_t>(rank)].reduced; }
  std::int64_t ExchangeTime(int rank) const { return ranks_[static_cast<std::size_t>(rank)].exchange_time; }
  std::int64_t notify() const { return notify_; }  ///< all ranks together
  std::int64_t WorkOf(std::uint32_t key) const { return work_[key]; }
  std::int64_t CountOf(std::uint32_t key) const { return count_[key]; }

 private:
  static constexpr int kMessage = 99;
  struct RankNotes {
    Idle idle;
    TaskTimes tasks;
    std::int64_t task = -1, task_start = 0, task_end = 0, task_waits = 0;
    std::int64_t compute_ended = 0, exchange_time = 0, reduced = 0;
    struct {
      std::int64_t ready = 0, start = 0;  ///< it waits for the others of its group from ready to start
      bool running = false;
    } exchange;                                ///< the last one
    std::int64_t waited = 0, transferred = 0;  ///< by exchanges since compute ended
    bool computing = false;
    int cause = 0;

    /// Books what the last exchange did up to `now` while compute stood still.
    void NoteExchange(std::int64_t now) {
      waited += std::max<std::int64_t>(0, exchange.start - std::max(exchange.ready, compute_ended));
      transferred += std::max<std::int64_t>(0, now - std::max(exchange.start, compute_ended));
    }
  };

  /// Books the gap before a compute step; returns the part of it spent waiting for a message.
  static std::int64_t NoteIdle(RankNotes& r, std::int64_t start) {
    const std::int64_t gap = start - r.compute_ended;
    if (r.exchange.running) r.NoteExchange(start);
    const std::int64_t waited = std::exchange(r.waited, 0), transferred = std::exchange(r.transferred, 0);
    r.computing = true;
    if (gap <= 0) return 0;
    if (r.cause == kMessage) {
      r.idle.message += gap;
      return gap;
    }
    r.idle.straggler += waited;
    r.idle.exchange += transferred;
    r.idle.message += gap - waited - transferred;  // the exchange itself waited for one
    return 0;
  }

  void CloseTask(int rank, RankNotes& r) {
    if (r.task < 0) return;
    const auto& kinds = programs_.task_kinds[static_cast<std::size_t>(rank / columns_)];
    const auto kind = static_cast<std::size_t>(kinds[static_cast<std::size_t>(r.task)]);
    r.tasks.by_kind[kind] += r.task_end - r.task_start - r.task_waits;
    r.task_waits = 0;
    r.task = -1;
  }

  const models::TrainingPrograms& programs_;
  int columns_;
  std::vector<RankNotes> ranks_;
  std::array<std::int64_t, models::kPriceKeys> work_{}, count_{};
  std::int64_t notify_ = 0;
};

/// The observers of exchange groups that were simulated apart, as one of all ranks: rank = pipeline rank x
/// columns + column, groups are neighbouring columns.
class GroupObservers {
 public:
  GroupObservers(const models::TrainingPrograms& programs, int groups, int columns_per_group)
      : columns_per_group_(columns_per_group),
        groups_(static_cast<std::size_t>(groups), {programs, columns_per_group}) {}

  TrainingObserver& Of(int group) { return groups_[static_cast<std::size_t>(group)]; }

  const TaskTimes& Tasks(int rank) const { return At(rank).Tasks(Local(rank)); }
  const Idle& IdleOf(int rank) const { return At(rank).IdleOf(Local(rank)); }
  std::int64_t FinishOf(int rank) const { return At(rank).FinishOf(Local(rank)); }
  std::int64_t ReducedOf(int rank) const { return At(rank).ReducedOf(Local(rank)); }
  std::int64_t ExchangeTime(int rank) const { return At(rank).ExchangeTime(Local(rank)); }
  std::int64_t notify() const {
    return Sum([](const TrainingObserver& o) { return o.notify(); });
  }
  std::int64_t WorkOf(std::uint32_t key) const {
    return Sum([key](const TrainingObserver& o) { return o.WorkOf(key); });
  }

 private:
  int columns() const { return columns_per_group_ * static_cast<int>(groups_.size()); }
  const TrainingObserver& At(int rank) const {
    return groups_[static_cast<std::size_t>(rank % columns() / columns_per_group_)];
  }
  int Local(int rank) const {
    return rank / columns() * columns_per_group_ + rank % columns() % columns_per_group_;
  }
  template <class F>
  std::int64_t Sum(F&& of) const {
    std::int64_t sum = 0;
    for (const TrainingObserver& group : groups_) sum += of(group);
    return sum;
  }

  int columns_per_group_;
  std::vector<TrainingObserver> groups_;
};

}  // namespace orrery::scenarios
