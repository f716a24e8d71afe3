#include "models/schedule/schedule_timing.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/random.h"

namespace orrery::models {
namespace {

using ::testing::HasSubstr;

Time Times(std::int64_t count, Time t) { return Time{count * t.count()}; }

/// Times a real chunk has: weight gradient <= forward <= input backward; a pair no longer than its parts and no shorter
/// than its backward. The published bubbles count one critical path, the one that is longest for these.
std::vector<UniformTimes> ManyTimes() {
  std::vector<UniformTimes> times;
  for (int w = 100; w <= 900; w += 400) {
    for (int f = w; f <= w + 600; f += 200) {
      for (int b = f; b <= f + 600; b += 300) {
        for (int pair : {b + w + f, b + w + f / 2, b + w})
          times.push_back({Time{f}, Time{b}, Time{w}, Time{pair}});
      }
    }
  }
  return times;
}

Time BubbleOf(const ScheduleSpec& spec, const UniformTimes& times, std::size_t rank = 0) {
  return SimulateUniform(MakeSchedule(spec), times).ranks[rank].bubble;
}

// Table 2 of DeepSeek-V3 (arXiv 2412.19437); B is the full backward there.
TEST(Bubble, Of1F1BIsThePublishedFormulaOnEveryRank) {
  for (const UniformTimes& t : ManyTimes()) {
    for (const auto& [ranks, micro_batches] : {std::pair{1, 3}, {2, 5}, {5, 5}, {8, 20}, {8, 3}}) {
      const Time published = Times(ranks - 1, t.forward + t.backward_input + t.backward_weight);
      for (const RankTiming& rank :
           SimulateUniform(MakeSchedule({ScheduleKind::k1F1B, ranks, micro_batches}), t).ranks) {
        ASSERT_EQ(rank.bubble, published) << ranks << " ranks, " << micro_batches << " micro-batches";
      }
    }
  }
}

TEST(Bubble, OfZeroBubbleIsThePublishedFormulaOnEveryRank) {
  for (const UniformTimes& t : ManyTimes()) {
    for (const auto& [ranks, micro_batches] : {std::pair{1, 3}, {2, 5}, {5, 5}, {8, 20}, {9, 40}}) {
      const Time published = Times(ranks - 1, t.forward + t.backward_input - t.backward_weight);
      for (const RankTiming& rank :
           SimulateUniform(MakeSchedule({ScheduleKind::kZb1p, ranks, micro_batches}), t).ranks) {
        ASSERT_EQ(rank.bubble, published) << ranks << " ranks, " << micro_batches << " micro-batches";
      }
    }
  }
}

TEST(Bubble, OfInterleaved1F1BIsThatOf1F1BDividedByTheChunksOfARank) {
  for (const int chunks : {2, 3, 4}) {
    // The same rank's work cut into `chunks` parts: a chunk takes 1/chunks of the time.
    const UniformTimes part{Time{500}, Time{700}, Time{300}, Time{1400}};
    const UniformTimes whole{Times(chunks, part.forward), Times(chunks, part.backward_input),
                             Times(chunks, part.backward_weight), Times(chunks, part.overlapped_pair)};
    for (const auto& [ranks, micro_batches] : {std::pair{2, 4}, {4, 4}, {4, 16}, {8, 24}}) {
      EXPECT_EQ(Times(chunks, BubbleOf({ScheduleKind::kInterleaved1F1B, ranks, micro_batches, chunks}, part)),
                BubbleOf({ScheduleKind::k1F1B, ranks, micro_batches}, whole));
    }
  }
}

Time PublishedDualPipeBubble(int ranks, const UniformTimes& t) {
  return Times(ranks / 2 - 1, t.overlapped_pair + t.backward_input - t.backward_weight - t.backward_weight);
}

// The published formula sums one path. Which rank it means is not said: where forward and input backward take equally
// long and pairs gain nothing from overlap, it is the bubble of every rank.
TEST(Bubble, OfDualPipeIsThePublishedFormulaOnEveryRankWhereForwardEqualsInputBackwardAndPairsDoNotGain) {
  for (const int ranks : {2, 4, 8, 16}) {
    for (const int w : {100, 500, 1000}) {
      const UniformTimes t{Time{1000}, Time{1000}, Time{w}, Time{2000 + w}};
      for (const RankTiming& rank :
           SimulateUniform(MakeSchedule({ScheduleKind::kDualPipe, ranks, 3 * ranks}), t).ranks) {
        EXPECT_EQ(rank.bubble, PublishedDualPipeBubble(ranks, t)) << ranks << " ranks, W " << w;
      }
    }
  }
}

// Elsewhere two paths compete: down the backwards, and up the forwards where those are long.
TEST(Bubble, OfDualPipeOnTheMiddleRanksIsThePublishedFormulaLessOneForwardWhereBackwardsLead) {
  int checked = 0;
  for (const UniformTimes& t : ManyTimes()) {
    for (const int ranks : {4, 8, 16}) {
      const int half = ranks / 2;
      if (half * t.forward > (half - 1) * t.backward_input) continue;
      const Time expected = PublishedDualPipeBubble(ranks, t) - t.forward;
      for (const int middle : {half - 1, half}) {
        ASSERT_EQ(BubbleOf({ScheduleKind::kDualPipe, ranks, 5 * ranks}, t, static_cast<std::size_t>(middle)),
                  expected);
      }
      ++checked;
    }
  }
  EXPECT_GT(checked, 50);
}

TEST(Bubble, OfDualPipeOnRankZeroIsTheLongerOfTheTwoPaths) {
  for (const UniformTimes& t : ManyTimes()) {
    for (const int ranks : {4, 6, 16}) {
      const int half = ranks / 2;
      const Time backwards = Times(2 * half - 3, t.overlapped_pair) + t.backward_input -
                             Times(half - 1, t.forward) - Times(3 * half - 4, t.backward_weight);
      const Time forwards = backwards + Times(half, t.forward) - Times(half - 1, t.backward_input);
      ASSERT_EQ(BubbleOf({ScheduleKind::kDualPipe, ranks, 2 * ranks}, t), std::max(backwards, forwards));
      ASSERT_EQ(BubbleOf({ScheduleKind::kDualPipe, ranks, 6 * ranks}, t), std::max(backwards, forwards))
          << "more micro-batches must not change the bubble";
    }
  }
}

TEST(Bubble, OfDualPipeVIsThatOfDualPipeOnTwiceTheRanksAndMicroBatches) {
  for (const UniformTimes& t : ManyTimes()) {
    EXPECT_EQ(BubbleOf({ScheduleKind::kDualPipeV, 4, 11}, t), BubbleOf({ScheduleKind::kDualPipe, 8, 22}, t));
  }
}

// Chunk times implied by Table 4 of "Insights into DeepSeek-V3" (arXiv 2505.09343) when read on rank 0:
// F = 1.13 s / 23, W = 0.48 s / 15, B = (1.99 s - 8 W) / 23, pair = 13.95 s / 97, rounded to 0.1 ms.
TEST(Bubble, OfTheDeepSeekV3StepIsUnderHalfOfTheReportedTwoSecondsWithEqualStages) {
  const UniformTimes t{FromSeconds(0.0491), FromSeconds(0.0754), FromSeconds(0.032), FromSeconds(0.1438)};
  const ScheduleTiming timing = SimulateUniform(MakeSchedule({ScheduleKind::kDualPipe, 16, 120}), t);
  EXPECT_NEAR(Seconds(timing.ranks[0].bubble), 0.9611, 1e-9);
  EXPECT_NEAR(Seconds(timing.ranks[7].bubble), 1.0373, 1e-9);
  EXPECT_NEAR(Seconds(timing.makespan), 18.5092, 1e-9);
}

struct Case {
  ScheduleSpec spec;
  UniformTimes times;
};

/// Random valid schedules with random times, free of ManyTimes' order between them.
std::vector<Case> RandomCases(int count) {
  RandomStream random(1, "schedule_timing_test");
  const auto draw = [&](int low, int high) {
    return low + static_cast<int>(random.Below(static_cast<std::uint64_t>(high - low + 1)));
  };
  std::vector<Case> cases;
  for (int i = 0; i < count; ++i) {
    const auto kind = static_cast<ScheduleKind>(draw(0, 4));
    ScheduleSpec spec{kind, 2 * draw(1, 6), 0};
    spec.virtual_stages = kind == ScheduleKind::kInterleaved1F1B ? draw(2, 4) : 1;
    spec.micro_batches =
        kind == ScheduleKind::kInterleaved1F1B ? spec.ranks * draw(1, 4) : 2 * (spec.ranks + draw(0, 20));
    cases.push_back(
        {spec, {Time{draw(0, 999)}, Time{draw(0, 999)}, Time{draw(0, 999)}, Time{draw(0, 2999)}}});
  }
  return cases;
}

TEST(Simulate, NeverLocksUpAndKeepsTheOrderOfEveryRankWhateverTheTimes) {
  for (const Case& c : RandomCases(400)) {
    const Schedule schedule = MakeSchedule(c.spec);
    const ScheduleTiming timing = SimulateUniform(schedule, c.times);
    for (std::size_t r = 0; r < timing.ranks.size(); ++r) {
      const RankTiming& rank = timing.ranks[r];
      ASSERT_EQ(rank.steps.size(), schedule.steps[r].size());
      ASSERT_EQ(rank.busy + rank.bubble, timing.makespan);
      ASSERT_GE(rank.bubble, kTimeZero);
      for (std::size_t i = 1; i < rank.steps.size(); ++i)
        ASSERT_GE(rank.steps[i].start, rank.steps[i - 1].end);
    }
  }
}

/// When the forward (or the input backward) of a chunk ends, found by looking through its rank's list.
Time EndOf(const Schedule& schedule, const ScheduleTiming& timing, const ChunkRef& chunk, bool forward) {
  const auto rank = static_cast<std::size_t>(schedule.RankOf(chunk));
  for (std::size_t i = 0; i < schedule.steps[rank].size(); ++i) {
    const Step& step = schedule.steps[rank][i];
    const bool backward = step.kind != StepKind::kBackwardWeight && step.backward == chunk;
    if (forward ? step.forward == chunk : backward) return timing.ranks[rank].steps[i].end;
  }
  ADD_FAILURE() << "no such chunk";
  return kTimeZero;
}

/// The latest input of a step, written out from the rules.
Time LastInput(const Schedule& schedule, const ScheduleTiming& timing, const Step& step) {
  Time last = kTimeZero;
  const auto need = [&](ChunkRef chunk, int stage, bool forward) {
    chunk.stage = stage;
    last = std::max(last, EndOf(schedule, timing, chunk, forward));
  };
  if (step.forward.stage > 0) need(step.forward, step.forward.stage - 1, true);
  if (step.backward.stage < 0) return last;
  const int stage = step.backward.stage;
  if (step.kind == StepKind::kBackwardWeight) {
    need(step.backward, stage, false);
  } else if (stage == schedule.stages - 1) {
    need(step.backward, stage, true);
  } else {
    need(step.backward, stage + 1, false);
  }
  return last;
}

TEST(Simulate, StartsEveryStepExactlyWhenItsRankIsFreeAndItsInputsAreThere) {
  for (const Case& c : RandomCases(25)) {
    const Schedule schedule = MakeSchedule(c.spec);
    const ScheduleTiming timing = SimulateUniform(schedule, c.times);
    for (std::size_t r = 0; r < timing.ranks.size(); ++r) {
      Time free = kTimeZero;
      for (std::size_t i = 0; i < schedule.steps[r].size(); ++i) {
        const StepSpan span = timing.ranks[r].steps[i];
        ASSERT_EQ(span.start, std::max(free, LastInput(schedule, timing, schedule.steps[r][i])))
            << Name(c.spec.kind) << " rank " << r << ": " << Describe(schedule.steps[r][i]);
        free = span.end;
      }
    }
  }
}

TEST(Simulate, ASlowerRankMakesTheOthersWaitForIt) {
  const Schedule schedule = MakeSchedule({ScheduleKind::kDualPipe, 8, 40});
  const auto with_rank_three_slower = [&](int percent) {
    return Simulate(schedule, [=](int rank, const Step& step) {
      const int base = step.kind == StepKind::kForwardBackward ? 290
                       : step.kind == StepKind::kBackward      ? 200
                                                               : 100;
      return Time{base * (rank == 3 ? 100 + percent : 100)};
    });
  };
  const ScheduleTiming even = with_rank_three_slower(0), uneven = with_rank_three_slower(10);
  EXPECT_EQ(uneven.ranks[3].busy.count(), even.ranks[3].busy.count() / 100 * 110);
  EXPECT_GT(uneven.ranks[0].bubble, even.ranks[0].bubble);
  EXPECT_EQ(uneven.ranks[0].busy, even.ranks[0].busy);
}

std::string ErrorOf(const Schedule& schedule) {
  try {
    SimulateUniform(schedule, {Time{1}, Time{1}, Time{1}, Time{2}});
  } catch (const InputError& error) {
    return error.what();
  }
  return "ran";
}

TEST(Simulate, ALockUpNamesWhoWaitsForWhat) {
  Schedule schedule = MakeSchedule({ScheduleKind::k1F1B, 2, 1});
  std::swap(schedule.steps[1][0], schedule.steps[1][1]);  // backward before forward
  EXPECT_THAT(ErrorOf(schedule), HasSubstr("schedule 1f1b locks up:"));
  EXPECT_THAT(ErrorOf(schedule),
              HasSubstr("rank 0, step 1 (backward of stage 0, micro-batch 0) waits for the backward of "
                        "stage 1, micro-batch 0 on rank 1"));
  EXPECT_THAT(ErrorOf(schedule),
              HasSubstr("rank 1, step 0 (backward of stage 1, micro-batch 0) waits for the forward of "
                        "stage 1, micro-batch 0 on rank 1"));
}

TEST(Simulate, RefusesAChunkThatTheScheduleDoesNotHave) {
  Schedule schedule = MakeSchedule({ScheduleKind::k1F1B, 2, 4});
  schedule.steps[0][0].forward.micro_batch = 4;
  EXPECT_THAT(ErrorOf(schedule),
              HasSubstr("2 stages and 4 micro-batches in each direction, found stage 0, micro-batch 4"));
}

}  // namespace
}  // namespace orrery::models
