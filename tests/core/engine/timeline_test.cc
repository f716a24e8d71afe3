#include "core/engine/timeline.h"

#include <map>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/engine/stream_engine.h"

namespace orrery {
namespace {

constexpr int kCompute = 0, kExchange = 1, kSend = 2, kStreams = 4;

/// Work by price key and column.
struct TablePricer {
  std::map<std::pair<std::uint32_t, int>, std::int64_t> work;
  StepPrice operator()(int, int column, const ProgramStep& step) const {
    const auto own = work.find({step.price, column});
    return {own != work.end() ? own->second : work.at({step.price, -1}), 0, 0};
  }
};

ProgramStep Step(StepType type, std::uint32_t price, std::uint32_t after_compute = 0,
                 std::uint32_t after_exchange = 0) {
  ProgramStep step;
  step.type = type;
  step.price = price;
  step.wait_done[kCompute] = after_compute;
  step.wait_done[kExchange] = after_exchange;
  return step;
}

Timeline Record(const std::vector<Program>& programs, int columns, const TablePricer& pricer) {
  TimelineRecorder recorder(static_cast<int>(programs.size()) * columns, kStreams);
  StreamEngine engine(programs, columns, columns, pricer, recorder);
  engine.Run();
  return recorder.Take();
}

/// (rank, price) on the way back from the last compute step of `rank`.
std::vector<std::pair<int, std::uint32_t>> Chain(const Timeline& timeline, int rank) {
  std::vector<std::pair<int, std::uint32_t>> chain;
  const auto last = static_cast<std::uint32_t>(timeline.Lane(rank, kCompute).size() - 1);
  for (SpanRef at{rank, kCompute, last}; at.rank >= 0; at = timeline.At(at).cause())
    chain.emplace_back(at.rank, timeline.At(at).price());
  return chain;
}

std::vector<Program> ComputeExchangeCompute() {
  Program program;
  program.streams[kCompute] = {Step(StepType::kWork, 0), Step(StepType::kWork, 2, 0, 1)};
  program.streams[kExchange] = {Step(StepType::kExchange, 1, 1)};
  return {program};
}

TEST(Timeline, LeadsFromARankThatWaitedToTheOneThatWasLate) {
  const TablePricer pricer{{{{0, 0}, 10}, {{0, 1}, 25}, {{1, -1}, 5}, {{2, -1}, 3}}};
  const Timeline timeline = Record(ComputeExchangeCompute(), 2, pricer);
  const std::vector<std::pair<int, std::uint32_t>> expected = {{0, 2}, {0, 1}, {1, 0}};
  EXPECT_EQ(Chain(timeline, 0), expected);
  const Span& exchange = timeline.Lane(0, kExchange).front();
  EXPECT_EQ(exchange.ready(), 10);
  EXPECT_EQ(exchange.start(), 25);
  EXPECT_EQ(exchange.end(), 30);
  EXPECT_EQ(timeline.spans(), 6u);
}

TEST(Timeline, LeadsOverMessagesToTheSender) {
  Program first, second;
  first.streams[kCompute] = {Step(StepType::kWork, 0)};
  ProgramStep send = Step(StepType::kSend, 1, 1);
  send.peer = 1;
  first.streams[kSend] = {send};
  ProgramStep receive = Step(StepType::kWork, 2);
  receive.wait_channel[0] = 0;
  receive.wait_messages[0] = 1;
  second.streams[kCompute] = {receive};
  const TablePricer pricer{{{{0, -1}, 10}, {{1, -1}, 4}, {{2, -1}, 5}}};
  const std::vector<std::pair<int, std::uint32_t>> expected = {{1, 2}, {0, 1}, {0, 0}};
  const Timeline timeline = Record({first, second}, 1, pricer);
  EXPECT_EQ(Chain(timeline, 1), expected);
  EXPECT_EQ(timeline.Last(), (SpanRef{1, kCompute, 0}));
}

TEST(Timeline, LeadsOverPostsToTheLastToPost) {
  Program program;
  program.streams[kCompute] = {Step(StepType::kWork, 0), Step(StepType::kAwait, 2)};
  program.streams[kExchange] = {Step(StepType::kPost, 1, 1)};
  program.roles[kCompute].slowed_by = 0;
  const TablePricer pricer{{{{0, 0}, 10}, {{0, 1}, 25}, {{1, -1}, 5}, {{2, -1}, 3}}};
  const std::vector<std::pair<int, std::uint32_t>> expected = {{0, 2}, {1, 1}, {1, 0}};
  EXPECT_EQ(Chain(Record({program}, 2, pricer), 0), expected);
}

TEST(Timeline, KnowsTheTaskOfASpan) {
  Program program;
  for (std::uint32_t i = 0; i < 6; ++i) {
    program.streams[kCompute].push_back(Step(StepType::kWork, 0));
    program.streams[kCompute].back().task = i / 3 * 7;
  }
  const Timeline timeline = Record({program}, 1, TablePricer{{{{0, -1}, 10}}});
  EXPECT_EQ(timeline.TaskOf({0, kCompute, 2}), 0u);
  EXPECT_EQ(timeline.TaskOf({0, kCompute, 3}), 7u);
  EXPECT_EQ(timeline.TaskOf({0, kCompute, 5}), 7u);
}

TEST(Timeline, ASpanHoldsWhatALongRunNeeds) {
  ProgramStep step;
  step.price = (1U << 20) - 1;
  step.instance = 0xfedcba98;
  const SpanRef cause{(1 << 20) - 3, 6, Span::kMostIndex};
  Span span(step, std::int64_t{1} << 60, (std::int64_t{1} << 60) + 17'000'000'000'000, cause);
  span.set_end(span.start() + 17'500'000'000'000);
  EXPECT_EQ(span.ready(), std::int64_t{1} << 60);
  EXPECT_EQ(span.end() - span.start(), 17'500'000'000'000);
  EXPECT_EQ(span.cause(), cause);
  EXPECT_EQ(span.price(), step.price);
  EXPECT_EQ(span.instance(), step.instance);
  EXPECT_EQ(Span(step, 0, 0, {}).cause().rank, -1);
}

}  // namespace
}  // namespace orrery
