#include "core/engine/stream_engine.h"

#include <cmath>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/input_error.h"

namespace orrery {
namespace {

/// A price per ProgramStep::price, the same for every rank unless `per_column` says otherwise.
struct TablePricer {
  std::map<std::uint32_t, StepPrice> prices;
  std::map<std::pair<std::uint32_t, int>, StepPrice> per_column;
  StepPrice operator()(int, int column, const ProgramStep& step) const {
    const auto special = per_column.find({step.price, column});
    return special != per_column.end() ? special->second : prices.at(step.price);
  }
};

/// End times per (rank, stream).
struct EndTimes {
  std::map<std::pair<int, int>, std::vector<std::int64_t>> ends;
  void OnStart(int, int, const ProgramStep&, std::int64_t, std::int64_t) {}
  void OnEnd(int rank, int stream, const ProgramStep&, std::int64_t, std::int64_t end) {
    ends[{rank, stream}].push_back(end);
  }
  void OnCause(int, int, int, int) {}
  void OnRelease(int, int, int) {}
};

ProgramStep Work(std::uint32_t price, StepType type = StepType::kWork) {
  ProgramStep step;
  step.type = type;
  step.price = price;
  return step;
}

TEST(StreamEngine, StepsOfOneStreamRunOneAfterTheOther) {
  Program program;
  program.streams[0] = {Work(0), Work(1)};
  TablePricer pricer{{{0, {100}}, {1, {50}}}, {}};
  EndTimes observer;
  const std::vector<Program> programs = {program};
  StreamEngine engine(programs, 1, 1, pricer, observer);
  EXPECT_EQ(engine.Run().end, 150);
}

TEST(StreamEngine, ComputeSlowsDownExactlyWhileAnExchangeRuns) {
  Program program;
  program.streams[0] = {Work(0)};
  program.streams[1] = {Work(1, StepType::kExchange)};
  TablePricer pricer{{{0, {1000, 0.5f}}, {1, {300}}}, {}};
  EndTimes observer;
  const std::vector<Program> programs = {program};
  StreamEngine engine(programs, 1, 1, pricer, observer);
  engine.Run();
  // 300 beside the exchange do 200 of the work; 800 are left.
  EXPECT_EQ(observer.ends.at({0, 0}).front(), 1100);
}

TEST(StreamEngine, AnExchangeSharesThePortWithAMessage) {
  Program program;
  program.streams[1] = {Work(1, StepType::kExchange)};
  ProgramStep send = Work(2, StepType::kSend);
  send.peer = 1;
  program.streams[2] = {send};
  Program receiver;
  TablePricer pricer{{{1, {1000, 0, 1}}, {2, {300, 0, 1}}}, {}};
  EndTimes observer;
  const std::vector<Program> programs = {program, receiver};
  StreamEngine engine(programs, 1, 1, pricer, observer);
  engine.Run();
  EXPECT_EQ(observer.ends.at({0, 2}).front(), 600);   // half the port
  EXPECT_EQ(observer.ends.at({0, 1}).front(), 1300);  // work is conserved
}

TEST(StreamEngine, AnExchangeStartsWhenTheLastRankArrives) {
  Program program;
  ProgramStep exchange = Work(1, StepType::kExchange);
  exchange.wait_done[0] = 1;
  program.streams[0] = {Work(0)};
  program.streams[1] = {exchange};
  TablePricer pricer{{{0, {100}}, {1, {10}}}, {{{0, 2}, {700}}}};
  EndTimes observer;
  const std::vector<Program> programs = {program};
  StreamEngine engine(programs, 4, 4, pricer, observer);
  engine.Run();
  for (int rank = 0; rank < 4; ++rank) EXPECT_EQ(observer.ends.at({rank, 1}).front(), 710) << rank;
}

TEST(StreamEngine, GroupsDoNotWaitForEachOther) {
  Program program;
  ProgramStep exchange = Work(1, StepType::kExchange);
  exchange.wait_done[0] = 1;
  program.streams[0] = {Work(0)};
  program.streams[1] = {exchange};
  TablePricer pricer{{{0, {100}}, {1, {10}}}, {{{0, 2}, {700}}}};
  EndTimes observer;
  const std::vector<Program> programs = {program};
  StreamEngine engine(programs, 4, 2, pricer, observer);
  engine.Run();
  EXPECT_EQ(observer.ends.at({0, 1}).front(), 110);
  EXPECT_EQ(observer.ends.at({3, 1}).front(), 710);
}

TEST(StreamEngine, AStepWaitsForItsMessage) {
  Program sender, receiver;
  ProgramStep send = Work(2, StepType::kSend);
  send.peer = 1;
  send.peer_channel = 3;
  sender.streams[2] = {send, send};
  ProgramStep work = Work(0);
  work.wait_channel[0] = 3;
  work.wait_messages[0] = 2;
  receiver.streams[0] = {work};
  TablePricer pricer{{{0, {5}}, {2, {40}}}, {}};
  EndTimes observer;
  const std::vector<Program> programs = {sender, receiver};
  StreamEngine engine(programs, 2, 1, pricer, observer);
  EXPECT_EQ(engine.Run().end, 85);
  EXPECT_EQ(observer.ends.at({3, 0}).front(), 85);  // the receiver of column 1
}

TEST(StreamEngine, NestedCommunicatorsWaitForTheirOwnGroupsOnly) {
  // Pairs exchange first, then all four; rank 3 is late.
  Program program;
  ProgramStep pair = Work(1, StepType::kExchange), all = Work(1, StepType::kExchange);
  pair.wait_done[0] = 1;
  all.communicator = 1;
  program.streams[0] = {Work(0)};
  program.streams[1] = {pair, all};
  TablePricer pricer{{{0, {100}}, {1, {10}}}, {{{0, 3}, {700}}}};
  EndTimes observer;
  const std::vector<Program> programs = {program};
  const std::vector<Communicator> groups = {Communicator::Neighbours(4, 2), Communicator::Neighbours(4, 4)};
  StreamEngine engine(programs, 4, groups, pricer, observer);
  engine.Run();
  EXPECT_EQ(observer.ends.at({0, 1}), (std::vector<std::int64_t>{110, 720}));
  EXPECT_EQ(observer.ends.at({3, 1}), (std::vector<std::int64_t>{710, 720}));
}

TEST(StreamEngine, GroupsOfDifferentSizeStandSideBySide) {
  Program program;
  program.streams[1] = {Work(1, StepType::kExchange)};
  ProgramStep& exchange = program.streams[1][0];
  exchange.wait_done[0] = 1;
  program.streams[0] = {Work(0)};
  TablePricer pricer{{{0, {100}}, {1, {10}}}, {{{0, 1}, {500}}, {{0, 4}, {900}}}};
  EndTimes observer;
  const std::vector<Program> programs = {program};
  const std::vector<Communicator> groups = {{{0, 0, 1, 1, 1}}};
  StreamEngine engine(programs, 5, groups, pricer, observer);
  engine.Run();
  EXPECT_EQ(observer.ends.at({0, 1}).front(), 510);
  EXPECT_EQ(observer.ends.at({2, 1}).front(), 910);
}

/// Stream 0: a send kernel, other work, then a kernel that needs the group's data; stream 1: the wire.
Program PostAndAwait() {
  Program program;
  ProgramStep wire = Work(1, StepType::kPost), await = Work(3, StepType::kAwait);
  wire.wait_done[0] = 1;
  program.streams[0] = {Work(0), Work(2), await};
  program.streams[1] = {wire};
  program.roles[0].slowed_by = 0;  // the wire holds no SMs
  return program;
}

TEST(StreamEngine, AnAwaitedExchangeCostsAnEarlyRankOnlyWhatTheLastOneIsLate) {
  TablePricer pricer{{{0, {100}}, {1, {50}}, {2, {300}}, {3, {20}}}, {{{0, 2}, {600}}}};
  EndTimes observer;
  const std::vector<Program> programs = {PostAndAwait()};
  StreamEngine engine(programs, 3, 3, pricer, observer);
  engine.Run();
  // Rank 2's data are there at 650; the others have done their own work by 400. Rank 2 goes on to 900 before
  // it takes its data, which have long arrived.
  EXPECT_EQ(observer.ends.at({0, 0}).back(), 670);
  EXPECT_EQ(observer.ends.at({2, 0}).back(), 920);
}

TEST(StreamEngine, PostsOfOneRankMayRunAheadOfAnother) {
  Program program;
  const ProgramStep post = Work(0, StepType::kPost), await = Work(1, StepType::kAwait);
  program.streams[0] = {post, post, post};
  program.streams[1] = {await, await, await};
  TablePricer pricer{{{0, {10}}, {1, {1}}}, {{{0, 1}, {100}}}};
  EndTimes observer;
  const std::vector<Program> programs = {program};
  StreamEngine engine(programs, 2, 2, pricer, observer);
  engine.Run();
  EXPECT_EQ(observer.ends.at({0, 0}), (std::vector<std::int64_t>{10, 20, 30}));
  EXPECT_EQ(observer.ends.at({0, 1}), (std::vector<std::int64_t>{101, 201, 301}));
}

TEST(StreamEngine, StreamsBehindDifferentPortsDoNotDisturbEachOther) {
  Program program;
  program.streams[1] = {Work(1)};
  program.streams[2] = {Work(2)};
  program.streams[3] = {Work(2)};
  program.roles[1] = {0, -1, Port::kScaleUp, false};
  program.roles[2] = {0, -1, Port::kHost, false};
  program.roles[3] = {0, -1, Port::kHost, false};
  TablePricer pricer{{{1, {1000, 0, 1}}, {2, {300, 0, 1}}}, {}};
  EndTimes observer;
  const std::vector<Program> programs = {program};
  StreamEngine engine(programs, 1, 1, pricer, observer);
  engine.Run();
  EXPECT_EQ(observer.ends.at({0, 1}).front(), 1000);
  EXPECT_EQ(observer.ends.at({0, 2}).front(), 600);  // two copies share the host's port
}

TEST(StreamEngine, RunsAgainAfterResetAsTheFirstTime) {
  TablePricer pricer{{{0, {100}}, {1, {50}}, {2, {300}}, {3, {20}}}, {{{0, 2}, {600}}}};
  EndTimes observer;
  const std::vector<Program> programs = {PostAndAwait()};
  StreamEngine engine(programs, 3, 3, pricer, observer);
  const EngineResult first = engine.Run();
  const auto ends = std::exchange(observer.ends, {});
  engine.Reset();
  const EngineResult second = engine.Run();
  EXPECT_EQ(second.end, first.end);
  EXPECT_EQ(second.events, first.events);
  EXPECT_EQ(observer.ends, ends);
}

TEST(StreamEngine, IsPolledAndCanBeStopped) {
  Program program;
  program.streams[0].assign(200'000, Work(0));
  TablePricer pricer{{{0, {100}}}, {}};
  NullObserver observer;
  const std::vector<Program> programs = {program};
  StreamEngine engine(programs, 1, 1, pricer, observer);
  int polls = 0;
  struct Stopped {};
  EXPECT_THROW(engine.Run([&](double share) {
    ++polls;
    EXPECT_NEAR(share, static_cast<double>(kEventsPerPoll) * polls / 200'000, 1e-4);
    if (polls == 2) throw Stopped{};
  }),
               Stopped);
  engine.Reset();
  EXPECT_EQ(engine.Run().end, 20'000'000);
}

TEST(StreamEngineDeathTest, SaysThatAPostIsMissing) {
  Program program;
  program.streams[0] = {Work(0, StepType::kAwait)};
  TablePricer pricer{{{0, {5}}}, {}};
  EndTimes observer;
  const std::vector<Program> programs = {program};
  EXPECT_DEATH(StreamEngine(programs, 1, 1, pricer, observer).Run(),
               "waits at step 0 .* the posts of its group");
}

TEST(StreamEngineDeathTest, SaysWhoWaitsForWhat) {
  Program program;
  ProgramStep work = Work(0);
  work.wait_channel[0] = 1;
  work.wait_messages[0] = 1;
  program.streams[0] = {work};
  TablePricer pricer{{{0, {5}}}, {}};
  EndTimes observer;
  const std::vector<Program> programs = {program};
  EXPECT_DEATH(StreamEngine(programs, 1, 1, pricer, observer).Run(),
               "waits at step 0 .* message 1 on channel 1");
}

/// What a program of a computing step of `compute` beside an exchange of `exchange` is refused for.
std::string Refusal(StepPrice compute, StepPrice exchange) {
  Program program;
  program.streams[0] = {Work(0), Work(0)};
  program.streams[1] = {Work(1, StepType::kExchange), Work(1, StepType::kExchange)};
  TablePricer pricer{{{0, compute}, {1, exchange}}, {}};
  EndTimes observer;
  const std::vector<Program> programs = {program};
  return ErrorOf([&] { StreamEngine(programs, 1, 1, pricer, observer).Run(); });
}

TEST(StreamEngine, RefusesAStepThatIsFasterBesideAnotherThanAlone) {
  const StepPrice compute{1'000'000, 0.5F};
  EXPECT_THAT(Refusal(compute, {300'000, -0.4F}),
              ::testing::AllOf(::testing::HasSubstr("rank 0, exchange stream, price 1"),
                               ::testing::HasSubstr("0.6 times as long beside another")));
  EXPECT_THAT(Refusal({1'000'000, -1.5F}, {300'000}), ::testing::HasSubstr("rank 0, compute stream"));
  EXPECT_THAT(Refusal({-5}, {300'000}), ::testing::HasSubstr("compute stream"));
  EXPECT_THAT(Refusal(compute, {300'000, 0.1F, 3.0F}), ::testing::HasSubstr("3 of the port"));
  EXPECT_THAT(Refusal(compute, {300'000, std::nanf(""), 0}), ::testing::HasSubstr("exchange stream"));
}

TEST(StreamEngine, RefusesToOutlastTheClock) {
  const auto days = [](double d) { return static_cast<std::int64_t>(d * 86400e12); };
  EXPECT_THAT(Refusal({days(60)}, {300'000}),
              ::testing::AllOf(::testing::HasSubstr("rank 0, compute stream, price 0"),
                               ::testing::HasSubstr("starts after 5.18e+06 s")));
  EXPECT_THAT(Refusal({days(1), 0}, {days(2), 1e9F}), ::testing::HasSubstr("exchange stream"));
  EXPECT_THAT(Refusal({days(106)}, {300'000}), ::testing::HasSubstr("compute stream"));
}

}  // namespace
}  // namespace orrery
