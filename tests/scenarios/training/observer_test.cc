// Where an observer books the time that compute stood still, on programs small enough to work out by hand.
// Times are picoseconds.
#include "scenarios/training/observer.h"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/engine/stream_engine.h"

namespace orrery::scenarios {
namespace {

using models::StepKind;
using models::TrainingPrograms;

constexpr int kCompute = 0, kExchange = 1, kSend = 2;

/// Work by price key and column of the rank: what a key costs a column, or all of them.
struct TablePricer {
  std::map<std::pair<std::uint32_t, int>, std::int64_t> work;
  StepPrice operator()(int /*program*/, int column, const ProgramStep& step) const {
    const auto own = work.find({step.price, column});
    return {own != work.end() ? own->second : work.at({step.price, -1}), 0, 0};
  }
};

ProgramStep Step(StepType type, std::uint32_t price, std::array<std::uint32_t, kMaxStreams> wait_done = {}) {
  ProgramStep step;
  step.type = type;
  step.price = price;
  step.wait_done = wait_done;
  return step;
}

template <class Observer>
EngineResult Play(const TrainingPrograms& p, int columns, const TablePricer& pricer, Observer& observer) {
  return StreamEngine<const TablePricer, Observer>(p.programs, columns, columns, pricer, observer).Run();
}

struct Booked {
  TrainingObserver observer;
  EngineResult result;
};

Booked Observe(const TrainingPrograms& p, int columns, const TablePricer& pricer) {
  Booked booked{TrainingObserver(p, columns), {}};
  booked.result = Play(p, columns, pricer, booked.observer);
  booked.observer.Finish();
  return booked;
}

/// Compute (key 0), an exchange of what it made (1), compute on what came (2).
TrainingPrograms ComputeExchangeCompute() {
  Program program;
  program.tasks = 1;
  program.streams[kCompute] = {Step(StepType::kWork, 0), Step(StepType::kWork, 2, {0, 1})};
  program.streams[kExchange] = {Step(StepType::kExchange, 1, {1})};
  return {{program}, {{StepKind::kForward}}};
}

TEST(TrainingObserver, TellsWaitingForTheSlowestFromTheTransfer) {
  const TrainingPrograms programs = ComputeExchangeCompute();
  const TablePricer pricer{{{{0, 0}, 10}, {{0, 1}, 25}, {{1, -1}, 5}, {{2, -1}, 3}}};
  const Booked b = Observe(programs, 2, pricer);
  EXPECT_EQ(b.result.end, 25 + 5 + 3);
  EXPECT_EQ(b.observer.IdleOf(0).straggler, 15) << "ready at 10, the other at 25";
  EXPECT_EQ(b.observer.IdleOf(0).exchange, 5);
  EXPECT_EQ(b.observer.IdleOf(1).straggler, 0) << "it is the slowest";
  EXPECT_EQ(b.observer.IdleOf(1).exchange, 5);
  EXPECT_EQ(b.observer.notify(), 15);
  for (int rank : {0, 1}) {
    EXPECT_EQ(b.observer.IdleOf(rank).message, 0) << rank;
    EXPECT_EQ(b.observer.ExchangeTime(rank), 5) << rank;
    EXPECT_EQ(b.observer.FinishOf(rank), 33) << rank;
    EXPECT_EQ(b.observer.Tasks(rank).by_kind[static_cast<std::size_t>(StepKind::kForward)], 33) << rank;
  }
  EXPECT_EQ(b.observer.WorkOf(0), 10 + 25);
  EXPECT_EQ(b.observer.CountOf(0), 2);
}

TEST(TrainingObserver, BooksOnlyWhatComputeDoesNotHide) {
  // A second compute step (3) runs beside the exchange: of 20 ps of transfer 12 are hidden.
  TrainingPrograms programs = ComputeExchangeCompute();
  auto& compute = programs.programs[0].streams[kCompute];
  compute.insert(compute.begin() + 1, Step(StepType::kWork, 3));
  const TablePricer pricer{{{{0, -1}, 10}, {{1, -1}, 20}, {{2, -1}, 3}, {{3, -1}, 12}}};
  const Booked b = Observe(programs, 1, pricer);
  EXPECT_EQ(b.result.end, 10 + 20 + 3);
  EXPECT_EQ(b.observer.IdleOf(0).exchange, 8);
  EXPECT_EQ(b.observer.IdleOf(0).straggler, 0);
  EXPECT_EQ(b.observer.ExchangeTime(0), 20);
}

TEST(TrainingObserver, AHiddenExchangeLeavesNoIdleTime) {
  TrainingPrograms programs = ComputeExchangeCompute();
  auto& compute = programs.programs[0].streams[kCompute];
  compute.insert(compute.begin() + 1, Step(StepType::kWork, 3));
  const TablePricer pricer{{{{0, -1}, 10}, {{1, -1}, 20}, {{2, -1}, 3}, {{3, -1}, 21}}};
  const Booked b = Observe(programs, 1, pricer);
  EXPECT_EQ(b.result.end, 10 + 21 + 3);
  EXPECT_EQ(b.observer.IdleOf(0).exchange + b.observer.IdleOf(0).straggler + b.observer.IdleOf(0).message, 0);
}

/// Rank 0 computes (key 0) and sends (1); rank 1 computes (2) once the message is there, in a task of its own
/// or, with `inside`, after compute (3) of the same task.
TrainingPrograms Pipeline(bool inside) {
  Program first, second;
  first.tasks = second.tasks = 1;
  first.streams[kCompute] = {Step(StepType::kWork, 0)};
  ProgramStep send = Step(StepType::kSend, 1, {1});
  send.peer = 1;
  send.peer_channel = 0;
  first.streams[kSend] = {send};
  ProgramStep receive = Step(StepType::kWork, 2);
  receive.wait_channel[0] = 0;
  receive.wait_messages[0] = 1;
  if (inside) second.streams[kCompute].push_back(Step(StepType::kWork, 3));
  second.streams[kCompute].push_back(receive);
  return {{first, second}, {{StepKind::kForward}, {StepKind::kBackward}}};
}

TEST(TrainingObserver, AWaitForTheNeighbourBeforeATaskIsNotTheTasks) {
  const TablePricer pricer{{{{0, -1}, 10}, {{1, -1}, 4}, {{2, -1}, 5}}};
  const Booked b = Observe(Pipeline(false), 1, pricer);
  EXPECT_EQ(b.observer.IdleOf(1).message, 14);
  EXPECT_EQ(b.observer.Tasks(1).by_kind[static_cast<std::size_t>(StepKind::kBackward)], 5);
  EXPECT_EQ(b.observer.FinishOf(1), 19);
}

TEST(TrainingObserver, AWaitForTheNeighbourInsideATaskIsTakenOff) {
  const TablePricer pricer{{{{0, -1}, 10}, {{1, -1}, 4}, {{2, -1}, 5}, {{3, -1}, 6}}};
  const Booked b = Observe(Pipeline(true), 1, pricer);
  EXPECT_EQ(b.observer.IdleOf(1).message, 14 - 6);
  EXPECT_EQ(b.observer.Tasks(1).by_kind[static_cast<std::size_t>(StepKind::kBackward)], 6 + 5);
}

}  // namespace
}  // namespace orrery::scenarios
