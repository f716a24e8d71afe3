#include "models/schedule/schedule.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"

namespace orrery::models {
namespace {

using ::testing::HasSubstr;

/// Valid numbers of every kind, small and odd ones among them.
std::vector<ScheduleSpec> ManySpecs() {
  std::vector<ScheduleSpec> specs;
  for (int ranks = 1; ranks <= 10; ++ranks) {
    for (int micro_batches = 1; micro_batches <= 31; micro_batches += 1 + micro_batches / 4) {
      specs.push_back({ScheduleKind::k1F1B, ranks, micro_batches});
      specs.push_back({ScheduleKind::kZb1p, ranks, micro_batches});
      specs.push_back({ScheduleKind::kDualPipeV, ranks, 2 * ranks + micro_batches - 1});
      if (ranks % 2 == 0) specs.push_back({ScheduleKind::kDualPipe, ranks, 2 * (ranks + micro_batches - 1)});
    }
    for (int chunks = 2; chunks <= 4; ++chunks) {
      for (int rounds = 1; rounds <= 3; ++rounds) {
        specs.push_back({ScheduleKind::kInterleaved1F1B, ranks, rounds * ranks, chunks});
      }
    }
  }
  return specs;
}

std::string Text(const ScheduleSpec& spec) {
  return std::string(Name(spec.kind)) + " P=" + std::to_string(spec.ranks) +
         " M=" + std::to_string(spec.micro_batches) + " v=" + std::to_string(spec.virtual_stages);
}

std::string RefusalOf(const ScheduleSpec& spec) {
  try {
    MakeSchedule(spec);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

int Count(const Schedule& schedule, int rank, StepKind kind) {
  const std::vector<Step>& steps = schedule.steps[static_cast<std::size_t>(rank)];
  return static_cast<int>(
      std::count_if(steps.begin(), steps.end(), [&](const Step& s) { return s.kind == kind; }));
}

using Key = std::tuple<int, int, int>;
Key KeyOf(const ChunkRef& chunk) { return {chunk.direction, chunk.stage, chunk.micro_batch}; }

/// How often each chunk is computed, and where its parts stand in the rank's list.
struct Parts {
  int forwards = 0, input_backwards = 0, weight_backwards = 0;
};

std::map<Key, Parts> PartsOf(const Schedule& schedule) {
  std::map<Key, Parts> parts;
  for (int rank = 0; rank < schedule.spec.ranks; ++rank) {
    for (const Step& step : schedule.steps[static_cast<std::size_t>(rank)]) {
      const bool full = step.kind == StepKind::kBackward || step.kind == StepKind::kForwardBackward;
      if (step.forward.stage >= 0) {
        EXPECT_EQ(schedule.RankOf(step.forward), rank) << Describe(step);
        ++parts[KeyOf(step.forward)].forwards;
      }
      if (step.backward.stage >= 0) {
        EXPECT_EQ(schedule.RankOf(step.backward), rank) << Describe(step);
      }
      if (full || step.kind == StepKind::kBackwardInput) ++parts[KeyOf(step.backward)].input_backwards;
      if (full || step.kind == StepKind::kBackwardWeight) ++parts[KeyOf(step.backward)].weight_backwards;
    }
  }
  return parts;
}

TEST(Schedule, EveryChunkRunsOnceAsForwardInputAndWeightBackwardOnItsRank) {
  for (const ScheduleSpec& spec : ManySpecs()) {
    SCOPED_TRACE(Text(spec));
    const Schedule schedule = MakeSchedule(spec);
    const std::map<Key, Parts> parts = PartsOf(schedule);
    // Each of the M micro-batches passes every stage of the model once.
    EXPECT_EQ(parts.size(),
              static_cast<std::size_t>(spec.micro_batches) * static_cast<std::size_t>(schedule.stages));
    for (const auto& [key, part] : parts) {
      ASSERT_EQ(part.forwards, 1);
      ASSERT_EQ(part.input_backwards, 1);
      ASSERT_EQ(part.weight_backwards, 1);
    }
  }
}

TEST(Schedule, AWeightGradientNeverComesBeforeItsInputBackwardNorABackwardBeforeItsForward) {
  for (const ScheduleSpec& spec : ManySpecs()) {
    SCOPED_TRACE(Text(spec));
    const Schedule schedule = MakeSchedule(spec);
    for (const std::vector<Step>& steps : schedule.steps) {
      std::map<Key, int> reached;  // 1 forwarded, 2 input backward done
      for (const Step& step : steps) {
        if (step.kind == StepKind::kBackwardWeight) {
          ASSERT_EQ(reached[KeyOf(step.backward)], 2) << Describe(step);
        } else if (step.backward.stage >= 0) {
          ASSERT_EQ(reached[KeyOf(step.backward)], 1) << Describe(step);
          reached[KeyOf(step.backward)] = 2;
        }
        if (step.forward.stage >= 0) reached[KeyOf(step.forward)] = 1;
      }
    }
  }
}

TEST(Schedule, StagesOfAndRankOfAgreeAndCoverEveryStage) {
  for (const ScheduleSpec& spec : ManySpecs()) {
    SCOPED_TRACE(Text(spec));
    const Schedule schedule = MakeSchedule(spec);
    int held = 0;
    for (int rank = 0; rank < spec.ranks; ++rank) {
      for (const auto& [stage, direction] : schedule.StagesOf(rank)) {
        EXPECT_EQ(schedule.RankOf({stage, direction, 0}), rank);
        ++held;
      }
    }
    EXPECT_EQ(held, schedule.stages * schedule.directions());
  }
}

// The report's published counts for PP16 and 120 micro-batches (deepseek-ai/DualPipe, counted by half-rank
// h).
TEST(DualPipe, HasThePublishedCountsAtSixteenRanksAnd120MicroBatches) {
  const Schedule schedule = MakeSchedule({ScheduleKind::kDualPipe, 16, 120});
  for (int rank = 0; rank < 16; ++rank) {
    const int h = std::min(rank, 15 - rank),
              apart = h == 7 ? 1 : 0;  // one pair of the middle ranks runs apart
    EXPECT_EQ(Count(schedule, rank, StepKind::kForward), 23 - h + apart);
    EXPECT_EQ(Count(schedule, rank, StepKind::kForwardBackward), 97 + h - apart);
    EXPECT_EQ(Count(schedule, rank, StepKind::kBackward), 8 + apart);
    EXPECT_EQ(Count(schedule, rank, StepKind::kBackwardInput), 15 - h);
    EXPECT_EQ(Count(schedule, rank, StepKind::kBackwardWeight), 15 - h);
  }
}

TEST(DualPipe, RunsTheEightPhasesInOrderWithTheirPublishedLengths) {
  const Schedule schedule = MakeSchedule({ScheduleKind::kDualPipe, 8, 20});
  const std::vector<Step>& steps = schedule.steps[1];  // h = 1, half of the ranks 4
  std::map<int, int> length;
  for (const Step& step : steps) ++length[step.phase];
  // 2(4-h-1), 2(h+1), 3(4-h-1), 2(M/2-P+h+1), 2(4-h-1), 2(h+1), 2(4-h-1), h+1
  EXPECT_EQ(length, (std::map<int, int>{{1, 4}, {2, 4}, {3, 6}, {4, 8}, {5, 4}, {6, 4}, {7, 4}, {8, 2}}));
  EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end(),
                             [](const Step& a, const Step& b) { return a.phase < b.phase; }));
}

TEST(DualPipe, TheTwoHalvesMirrorEachOther) {
  const Schedule schedule = MakeSchedule({ScheduleKind::kDualPipe, 6, 16});
  const auto mirrored = [](ChunkRef chunk) {
    if (chunk.stage >= 0) chunk.direction = 1 - chunk.direction;
    return chunk;
  };
  for (std::size_t rank = 0; rank < 3; ++rank) {
    std::vector<Step> other = schedule.steps[5 - rank];
    for (Step& step : other) step = {step.kind, step.phase, mirrored(step.forward), mirrored(step.backward)};
    EXPECT_EQ(schedule.steps[rank], other);
  }
}

TEST(DualPipe, AnOverlappedPairTakesItsTwoChunksFromTheTwoDirections) {
  const Schedule schedule = MakeSchedule({ScheduleKind::kDualPipe, 8, 24});
  for (const std::vector<Step>& steps : schedule.steps) {
    for (const Step& step : steps) {
      if (step.kind != StepKind::kForwardBackward) continue;
      EXPECT_NE(step.forward.direction, step.backward.direction) << Describe(step);
    }
  }
}

TEST(DualPipeV, IsTheFirstHalfOfDualPipeWithTheSecondDirectionOnItsWayBack) {
  const Schedule two_way = MakeSchedule({ScheduleKind::kDualPipe, 8, 20});
  const Schedule folded = MakeSchedule({ScheduleKind::kDualPipeV, 4, 10});
  for (std::size_t rank = 0; rank < 4; ++rank) {
    std::vector<Step> expected = two_way.steps[rank];
    for (Step& step : expected) step.forward.direction = step.backward.direction = 0;
    EXPECT_EQ(folded.steps[rank], expected);
  }
  EXPECT_EQ(folded.spec.virtual_stages, 2);
}

// DeepSeek-V3 (arXiv 2412.19437) Table 2: activations PP for 1F1B and ZB1P, PP+1 for DualPipe.
TEST(PeakInFlight, IsThePublishedNumberOfActivations) {
  for (const int ranks : {2, 4, 8, 16}) {
    const int micro_batches = 4 * ranks;
    EXPECT_EQ(PeakInFlight(MakeSchedule({ScheduleKind::k1F1B, ranks, micro_batches}), 0), ranks);
    EXPECT_EQ(PeakInFlight(MakeSchedule({ScheduleKind::kZb1p, ranks, micro_batches}), 0), ranks);
    const Schedule dual = MakeSchedule({ScheduleKind::kDualPipe, ranks, micro_batches});
    for (int rank = 0; rank < ranks; ++rank) {
      EXPECT_EQ(PeakInFlight(dual, rank), ranks + 1) << ranks << " ranks, rank " << rank;
    }
  }
}

TEST(PeakInFlight, FallsByOneChunkARankIn1F1B) {
  const Schedule schedule = MakeSchedule({ScheduleKind::k1F1B, 8, 20});
  for (int rank = 0; rank < 8; ++rank) EXPECT_EQ(PeakInFlight(schedule, rank), 8 - rank);
}

TEST(PeakInFlight, IsNeverMoreThanTheMicroBatchesThatExist) {
  for (const ScheduleSpec& spec : ManySpecs()) {
    const Schedule schedule = MakeSchedule(spec);
    for (int rank = 0; rank < spec.ranks; ++rank) {
      const int peak = PeakInFlight(schedule, rank);
      EXPECT_GE(peak, 1) << Text(spec);
      EXPECT_LE(peak, spec.micro_batches * schedule.spec.virtual_stages) << Text(spec);
    }
  }
}

TEST(PeakInFlight, InterleavingHoldsMoreChunksButEachIsSmaller) {
  // Warm-up 2(P-1) + (v-1)P forwards on rank 0 and one more: (Narayanan et al. 2021, 2.2) 1 + (P-1)/(Pv) of
  // 1F1B's memory.
  EXPECT_EQ(PeakInFlight(MakeSchedule({ScheduleKind::kInterleaved1F1B, 8, 24, 2}), 0), 2 * 7 + 8 + 1);
  EXPECT_EQ(PeakInFlight(MakeSchedule({ScheduleKind::kInterleaved1F1B, 8, 24, 4}), 0), 2 * 7 + 3 * 8 + 1);
}

/// Most chunks held at one moment for either reason: activations, or inputs of a weight gradient put off.
int PeakHeld(const Schedule& schedule, std::size_t rank) {
  int held = 0, peak = 0;
  for (const Step& step : schedule.steps[rank]) {
    if (step.forward.stage >= 0) peak = std::max(peak, ++held);
    if (step.backward.stage >= 0 && step.kind != StepKind::kBackwardInput) --held;
  }
  return peak;
}

TEST(PeakPendingWeights, GrowsByOneARankInZeroBubbleWhichNeverHoldsMoreThan1F1BsFirstRank) {
  const Schedule schedule = MakeSchedule({ScheduleKind::kZb1p, 8, 20});
  for (int rank = 0; rank < 8; ++rank) {
    EXPECT_EQ(PeakPendingWeights(schedule, rank), rank + 1);
    EXPECT_EQ(PeakHeld(schedule, static_cast<std::size_t>(rank)), 8);
  }
}

TEST(PeakPendingWeights, IsZeroWithoutSplitBackwardsAndAtMostHalfTheRanksInDualPipe) {
  EXPECT_EQ(PeakPendingWeights(MakeSchedule({ScheduleKind::k1F1B, 8, 20}), 3), 0);
  const Schedule dual = MakeSchedule({ScheduleKind::kDualPipe, 8, 20});
  for (int rank = 0; rank < 8; ++rank)
    EXPECT_EQ(PeakPendingWeights(dual, rank), std::min(rank, 7 - rank) + 1);
}

TEST(Schedule, RefusesNumbersItsKindCannotRunAndSaysWhatItNeeds) {
  EXPECT_THAT(RefusalOf({ScheduleKind::kDualPipe, 7, 20}),
              HasSubstr("dualpipe needs an even number of ranks, found 7"));
  EXPECT_THAT(RefusalOf({ScheduleKind::kDualPipe, 8, 21}), HasSubstr("an even number of micro-batches"));
  EXPECT_THAT(RefusalOf({ScheduleKind::kDualPipe, 8, 14}),
              HasSubstr("needs at least 2 micro-batches a rank (16 for 8 ranks), found 14"));
  EXPECT_THAT(RefusalOf({ScheduleKind::kDualPipeV, 8, 15}), HasSubstr("(16 for 8 ranks), found 15"));
  EXPECT_THAT(RefusalOf({ScheduleKind::kInterleaved1F1B, 4, 10, 2}),
              HasSubstr("interleaved-1f1b needs micro-batches in multiples of the 4 ranks, found 10"));
  EXPECT_THAT(RefusalOf({ScheduleKind::kInterleaved1F1B, 4, 8}), HasSubstr("at least 2 virtual stages"));
  EXPECT_THAT(RefusalOf({ScheduleKind::k1F1B, 4, 8, 2}), HasSubstr("1f1b needs 1 virtual stage, found 2"));
  EXPECT_THAT(RefusalOf({ScheduleKind::kDualPipeV, 4, 8, 3}), HasSubstr("found 3"));
  EXPECT_THAT(RefusalOf({ScheduleKind::k1F1B, 0, 8}), HasSubstr("at least 1 rank, found 0"));
  EXPECT_THAT(RefusalOf({ScheduleKind::kDualPipe, -2, 8}), HasSubstr("at least 1 rank, found -2"));
  EXPECT_THAT(RefusalOf({ScheduleKind::kZb1p, 4, 0}), HasSubstr("at least 1 micro-batch, found 0"));
  EXPECT_THAT(RefusalOf({ScheduleKind::k1F1B, 2000000000, 2000000000}),
              HasSubstr("too large: at most 4194304 chunks"));
  EXPECT_THAT(RefusalOf({ScheduleKind::kDualPipeV, 1024, 4096}),
              HasSubstr("x 2 virtual stages is too large"));
}

TEST(ScheduleKind, NamesAreReadBack) {
  EXPECT_THAT(ScheduleKindNames(),
              ::testing::ElementsAre("dualpipe", "1f1b", "interleaved-1f1b", "zb1p", "dualpipev"));
  for (const std::string& name : ScheduleKindNames()) {
    ASSERT_TRUE(ParseScheduleKind(name).has_value()) << name;
    EXPECT_EQ(Name(*ParseScheduleKind(name)), name);
  }
  EXPECT_EQ(ParseScheduleKind("DualPipe"), std::nullopt);
  EXPECT_EQ(ParseScheduleKind(""), std::nullopt);
}

TEST(Describe, NamesKindStageMicroBatchAndDirection) {
  EXPECT_EQ(Describe(Step{StepKind::kForward, 1, {3, 1, 7}, {}}),
            "forward of stage 3, micro-batch 7 (direction 1)");
  EXPECT_EQ(Describe(Step{StepKind::kForwardBackward, 4, {3, 0, 7}, {4, 1, 2}}),
            "forward of stage 3, micro-batch 7 with backward of stage 4, micro-batch 2 (direction 1)");
  EXPECT_EQ(Describe(Step{StepKind::kBackwardWeight, 0, {}, {0, 0, 0}}),
            "weight backward of stage 0, micro-batch 0");
}

}  // namespace
}  // namespace orrery::models
