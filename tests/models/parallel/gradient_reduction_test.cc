// Gradients reduced beside the last backwards: what is reduced when, and that all copies keep one order.
#include "models/parallel/gradient_reduction.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/engine/stream_engine.h"

namespace orrery::models {
namespace {

struct Case {
  ScheduleKind kind;
  int ranks, micro_batches, virtual_stages;
};

/// Every stage two MoE layers; the first also an embedding and a dense layer, the last a head and an MTP module.
std::vector<std::vector<Unit>> Stages(int count) {
  std::vector<std::vector<Unit>> stages;
  for (int s = 0; s < count; ++s)
    stages.push_back({{UnitKind::kMoeLayer, 2 * s}, {UnitKind::kMoeLayer, 2 * s + 1}});
  stages.front().insert(stages.front().begin(), {{UnitKind::kEmbedding, -1}, {UnitKind::kDenseLayer, -1}});
  for (const Unit& unit :
       {Unit{UnitKind::kHead, -1}, {UnitKind::kMtpLayer, 2 * count}, {UnitKind::kHead, -1}})
    stages.back().push_back(unit);
  return stages;
}

class Reductions : public testing::TestWithParam<Case> {
 protected:
  Reductions()
      : schedule_(MakeSchedule(
            {GetParam().kind, GetParam().ranks, GetParam().micro_batches, GetParam().virtual_stages})),
        stages_(Stages(schedule_.stages)),
        after_(BuildTrainingPrograms(schedule_, stages_)),
        beside_(BuildTrainingPrograms(schedule_, stages_, WeightPasses::kFitExchanges,
                                      GradientReduction::kBesideBackwards)) {}

  /// Reductions of a rank, in order.
  std::vector<ProgramStep> Of(std::size_t rank) const {
    std::vector<ProgramStep> steps = beside_.programs[rank].streams[kReductionStream];
    std::erase_if(steps, [](const ProgramStep& step) { return step.type == StepType::kSend; });
    return steps;
  }
  /// Units of a kind that the stages of a rank hold.
  int Held(std::size_t rank, UnitKind kind) const {
    int held = 0;
    for (const auto& [stage, direction] : schedule_.StagesOf(static_cast<int>(rank))) {
      for (const Unit& unit : stages_[static_cast<std::size_t>(stage)]) held += unit.kind == kind;
    }
    return held;
  }

  Schedule schedule_;
  std::vector<std::vector<Unit>> stages_;
  TrainingPrograms after_, beside_;
};

TEST_P(Reductions, LeaveTheOtherStreamsAsTheyAre) {
  for (std::size_t rank = 0; rank < after_.programs.size(); ++rank) {
    EXPECT_TRUE(after_.programs[rank].streams[kReductionStream].empty());
    for (std::size_t s = 0; s < kTrainingStreams; ++s) {
      const auto &a = after_.programs[rank].streams[s], &b = beside_.programs[rank].streams[s];
      ASSERT_EQ(a.size(), b.size());
      for (std::size_t i = 0; i < a.size(); ++i) {
        ASSERT_EQ(a[i].price, b[i].price);
        ASSERT_EQ(a[i].wait_done, b[i].wait_done);
        ASSERT_EQ(a[i].wait_messages, b[i].wait_messages);
      }
    }
  }
}

TEST_P(Reductions, AreOfEveryBlockOnceAndOfATableOnce) {
  for (std::size_t rank = 0; rank < beside_.programs.size(); ++rank) {
    std::map<std::uint32_t, int> count;
    for (const ProgramStep& step : Of(rank)) ++count[step.price];
    std::map<std::uint32_t, int> expected;
    for (const UnitKind kind : {UnitKind::kDenseLayer, UnitKind::kMoeLayer, UnitKind::kMtpLayer}) {
      for (const Part part : {Part::kMlpWeight, Part::kAttentionWeight}) {
        if (Held(rank, kind) > 0) expected[ReductionPrice(kind, part)] = Held(rank, kind);
      }
    }
    if (Held(rank, UnitKind::kHead) > 0) expected[ReductionPrice(UnitKind::kHead, Part::kMlpWeight)] = 1;
    if (Held(rank, UnitKind::kEmbedding) > 0)
      expected[ReductionPrice(UnitKind::kEmbedding, Part::kAttentionWeight)] = 1;
    expected[kRestReductionPrice] = 1;
    EXPECT_EQ(count, expected) << rank;
  }
}

TEST_P(Reductions, WaitForTheLastWeightGradientsOfTheirBlock) {
  for (std::size_t rank = 0; rank < beside_.programs.size(); ++rank) {
    const auto& compute = beside_.programs[rank].streams[0];
    // The last W block of each MoE layer, which instances tell apart.
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> last;
    std::uint32_t last_of_all = 0;
    for (std::size_t i = 0; i < compute.size(); ++i) {
      const auto part = static_cast<Part>(compute[i].price % kParts);
      const auto kind = static_cast<UnitKind>(compute[i].price / kParts);
      if (part != Part::kMlpWeight && part != Part::kAttentionWeight) continue;
      last_of_all = static_cast<std::uint32_t>(i) + 1;
      if (kind != UnitKind::kMoeLayer) continue;
      const std::uint32_t layer = compute[i].instance / static_cast<std::uint32_t>(GetParam().micro_batches);
      last[{ReductionPrice(kind, part), layer}] = last_of_all;
    }
    std::multiset<std::pair<std::uint32_t, std::uint32_t>> expected, found;
    for (const auto& [block, steps] : last) expected.emplace(block.first, steps);
    for (const ProgramStep& step : Of(rank)) {
      if (step.price != kRestReductionPrice && ReducedBlock(step.price).first == UnitKind::kMoeLayer)
        found.emplace(step.price, step.wait_done[0]);
    }
    EXPECT_EQ(found, expected) << rank;
    EXPECT_EQ(Of(rank).back().price, kRestReductionPrice);
    EXPECT_EQ(Of(rank).back().wait_done[0], last_of_all);
  }
}

TEST_P(Reductions, HaveOneOrderOnAllCopies) {
  const std::size_t ranks = beside_.programs.size();
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    const std::vector<ProgramStep> own = Of(rank);
    const std::vector<ProgramStep> mirror = Of(schedule_.directions() > 1 ? ranks - 1 - rank : rank);
    ASSERT_EQ(own.size(), mirror.size());
    for (std::size_t i = 0; i < own.size(); ++i) EXPECT_EQ(own[i].price, mirror[i].price);
  }
}

/// Compute and exchanges take 1000 ps and are slower by `slower` beside something else; a reduction takes `reduction`.
struct Prices {
  std::int64_t reduction;
  float slower;
  StepPrice operator()(int, int, const ProgramStep& step) const {
    if (step.price >= kReductionPrice) return {reduction, 0, slower};
    if (step.type == StepType::kSend) return {};
    return {1000, slower, slower};
  }
};

struct Ends : NullObserver {
  std::int64_t tasks = 0, reductions = 0;
  void OnEnd(int, int stream, const ProgramStep&, std::int64_t, std::int64_t end) {
    if (stream < 2) tasks = std::max(tasks, end);
    if (stream == kReductionStream) reductions = std::max(reductions, end);
  }
};

Ends Play(const TrainingPrograms& programs, Prices prices) {
  constexpr int kColumns = 4;
  const Communicator pairs =
      Communicator::Neighbours(static_cast<int>(programs.programs.size()) * kColumns, 2);
  Ends ends;
  StreamEngine<Prices, Ends, kReducingStreams> engine(programs.programs, kColumns, {pairs, pairs}, prices,
                                                      ends);
  engine.Run();
  return ends;
}

TEST_P(Reductions, OnlyThoseOfTheLastBlockAreLeftWhenTheTasksAreDone) {
  const Ends alone = Play(after_, {0, 0}), beside = Play(beside_, {200, 0});
  EXPECT_EQ(beside.tasks, alone.tasks) << "nothing slows anything down";
  EXPECT_GE(beside.reductions, beside.tasks + 200);
  EXPECT_LE(beside.reductions, beside.tasks + 3 * 200) << "the last block's, a table's, the rest";
}

TEST_P(Reductions, SlowDownTheBackwardsBesideWhichTheyRun) {
  const Ends alone = Play(after_, {0, 0.5F}), beside = Play(beside_, {700, 0.5F});
  EXPECT_GT(beside.tasks, alone.tasks);
}

std::string CaseName(const testing::TestParamInfo<Case>& c) {
  std::string name = std::string(Name(c.param.kind)) + std::to_string(c.param.ranks);
  std::erase_if(name, [](char letter) { return letter == '-'; });
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    Schedules, Reductions,
    testing::Values(Case{ScheduleKind::kDualPipe, 4, 12, 1}, Case{ScheduleKind::kDualPipeV, 4, 10, 2},
                    Case{ScheduleKind::k1F1B, 4, 9, 1}, Case{ScheduleKind::kInterleaved1F1B, 4, 8, 3},
                    Case{ScheduleKind::kZb1p, 4, 9, 1}, Case{ScheduleKind::k1F1B, 1, 3, 1}),
    CaseName);

}  // namespace
}  // namespace orrery::models
