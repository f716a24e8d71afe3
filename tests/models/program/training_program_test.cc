// Laws of the programs that schedules and layouts are turned into.
#include "models/program/training_program.h"

#include <map>

#include <gtest/gtest.h>

#include "core/stream_engine.h"
#include "models/schedule/schedule_timing.h"

namespace orrery::models {
namespace {

struct Case {
  ScheduleKind kind;
  int ranks, micro_batches, virtual_stages;
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {ScheduleKind::kDualPipe, 4, 12, 1}, {ScheduleKind::kDualPipeV, 4, 10, 2},
      {ScheduleKind::k1F1B, 4, 9, 1},      {ScheduleKind::kInterleaved1F1B, 4, 8, 3},
      {ScheduleKind::kZb1p, 4, 9, 1},      {ScheduleKind::k1F1B, 1, 3, 1}};
  return cases;
}

/// Every stage two MoE layers, the first also an embedding and a dense layer, the last a head.
std::vector<std::vector<Unit>> Stages(int count) {
  std::vector<std::vector<Unit>> stages;
  for (int s = 0; s < count; ++s)
    stages.push_back({{UnitKind::kMoeLayer, 2 * s}, {UnitKind::kMoeLayer, 2 * s + 1}});
  stages.front().insert(stages.front().begin(), {{UnitKind::kEmbedding, -1}, {UnitKind::kDenseLayer, -1}});
  stages.back().push_back({UnitKind::kHead, -1});
  return stages;
}

class Programs : public testing::TestWithParam<Case> {
 protected:
  Programs()
      : schedule_(MakeSchedule(
            {GetParam().kind, GetParam().ranks, GetParam().micro_batches, GetParam().virtual_stages})),
        stages_(Stages(schedule_.stages)),
        built_(BuildTrainingPrograms(schedule_, stages_)) {}

  Schedule schedule_;
  std::vector<std::vector<Unit>> stages_;
  TrainingPrograms built_;
};

TEST_P(Programs, EveryPartOfEveryUnitRunsOncePerMicroBatch) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, int> count;  // (price, instance)
  for (const Program& program : built_.programs) {
    for (int s : {0, 1}) {
      for (const ProgramStep& step : program.streams[static_cast<std::size_t>(s)])
        ++count[{step.price, step.instance}];
    }
  }
  std::size_t expected = 0;
  for (const auto& stage : stages_) {
    for (const Unit& unit : stage) {
      for (int p = 0; p < kParts; ++p) {
        const Part part = static_cast<Part>(p);
        for (int mb = 0; HasPart(unit.kind, part) && mb < GetParam().micro_batches; ++mb, ++expected) {
          const auto found = count.find(
              {PriceKey(unit.kind, part), LoadInstance(unit.moe_layer, mb, GetParam().micro_batches)});
          ASSERT_NE(found, count.end()) << Name(part) << " of micro-batch " << mb;
          ASSERT_EQ(found->second, 1) << Name(part) << " of micro-batch " << mb;
        }
      }
    }
  }
  EXPECT_EQ(count.size(), expected);
}

TEST_P(Programs, ComputeRunsOnStreamZeroAndExchangesOnStreamOne) {
  for (const Program& program : built_.programs) {
    for (const ProgramStep& step : program.streams[0])
      ASSERT_FALSE(IsExchange(static_cast<Part>(step.price % kParts)));
    for (const ProgramStep& step : program.streams[1]) {
      ASSERT_EQ(step.type, StepType::kExchange);
      ASSERT_TRUE(IsExchange(static_cast<Part>(step.price % kParts)));
    }
  }
}

TEST_P(Programs, NothingWaitsForAWeightGradientButTheEndOfItsTask) {
  for (const Program& program : built_.programs) {
    for (const auto& stream : program.streams) {
      for (const ProgramStep& step : stream) {
        const std::uint32_t waits = step.wait_done[0];
        if (waits == 0) continue;
        const ProgramStep& awaited = program.streams[0][waits - 1];
        const auto part = static_cast<Part>(awaited.price % kParts);
        if (part != Part::kMlpWeight && part != Part::kAttentionWeight) continue;
        ASSERT_LT(awaited.task, step.task);  // a task drains the one before it, and only that
      }
    }
  }
}

TEST_P(Programs, EveryMessageSentIsAwaitedOnItsChannel) {
  std::map<std::pair<int, int>, std::uint32_t> sent, awaited;  // (rank, channel)
  for (std::size_t rank = 0; rank < built_.programs.size(); ++rank) {
    for (const auto& stream : built_.programs[rank].streams) {
      for (const ProgramStep& step : stream) {
        if (step.type == StepType::kSend) ++sent[{step.peer, step.peer_channel}];
        for (std::size_t i = 0; i < 2; ++i) {
          if (step.wait_channel[i] < 0) continue;
          std::uint32_t& most = awaited[{static_cast<int>(rank), step.wait_channel[i]}];
          most = std::max(most, step.wait_messages[i]);
        }
      }
    }
  }
  EXPECT_EQ(sent, awaited);
}

TEST_P(Programs, TasksComeInOrderOnEveryStream) {
  for (std::size_t rank = 0; rank < built_.programs.size(); ++rank) {
    const Program& program = built_.programs[rank];
    EXPECT_EQ(program.tasks, schedule_.steps[rank].size());
    EXPECT_EQ(program.tasks, built_.task_kinds[rank].size());
    for (const auto& stream : program.streams) {
      for (std::size_t i = 1; i < stream.size(); ++i) ASSERT_GE(stream[i].task, stream[i - 1].task);
    }
  }
}

struct UnitPricer {
  StepPrice operator()(int, int, const ProgramStep&) const { return {1000, 0.25F, 0.5F}; }
};

TEST_P(Programs, RunToTheirEndWithoutDeadlock) {
  std::uint64_t steps = 0;
  for (const Program& program : built_.programs) {
    for (const auto& stream : program.streams) steps += stream.size();
  }
  UnitPricer pricer;
  NullObserver observer;
  StreamEngine engine(built_.programs, 4, 2, pricer, observer);
  EXPECT_EQ(engine.Run().steps, steps * 4);
}

/// Compute takes a time by part; exchanges and messages take none.
struct FreeTransfers {
  StepPrice operator()(int, int, const ProgramStep& step) const {
    if (step.type != StepType::kWork) return {};
    switch (static_cast<Part>(step.price % kParts)) {
      case Part::kAttentionForward:
        return {400, 0, 0};
      case Part::kMlpForward:
        return {600, 0, 0};
      case Part::kMlpBackward:
        return {800, 0, 0};
      case Part::kAttentionBackward:
        return {700, 0, 0};
      case Part::kMlpWeight:
        return {650, 0, 0};
      default:
        return {};  // a chunk's last weight gradient: its gradients have been sent before it
    }
  }
};

TEST_P(Programs, WithFreeTransfersTakeTheTimeOfTheirSchedule) {
  const std::vector<std::vector<Unit>> even(static_cast<std::size_t>(schedule_.stages),
                                            {{UnitKind::kMoeLayer, 0}, {UnitKind::kMoeLayer, 0}});
  const TrainingPrograms built = BuildTrainingPrograms(schedule_, even);
  FreeTransfers pricer;
  NullObserver observer;
  StreamEngine engine(built.programs, 1, 1, pricer, observer);
  const UniformTimes times{Time{2000}, Time{3000}, Time{1300}, Time{6300}};
  EXPECT_EQ(engine.Run().end, SimulateUniform(schedule_, times).makespan.count());
}

std::string CaseName(const testing::TestParamInfo<Case>& info) {
  std::string name(Name(info.param.kind));
  std::erase(name, '-');
  return name + "On" + std::to_string(info.param.ranks);
}

INSTANTIATE_TEST_SUITE_P(Schedules, Programs, testing::ValuesIn(Cases()), CaseName);

TEST(SinglePair, InterleavesItsExchangesAsTheTraceDoes) {
  const std::vector<Unit> forward = {{UnitKind::kMoeLayer, 0}}, backward = {{UnitKind::kMoeLayer, 1}};
  const TrainingPrograms pair = BuildSinglePair(forward, backward);
  std::vector<std::string_view> compute, exchange;
  for (const ProgramStep& step : pair.programs[0].streams[0])
    compute.push_back(Name(static_cast<Part>(step.price % kParts)));
  for (const ProgramStep& step : pair.programs[0].streams[1])
    exchange.push_back(Name(static_cast<Part>(step.price % kParts)));
  EXPECT_EQ(compute,
            (std::vector<std::string_view>{"attn(F)", "mlp(B)", "mlp(W)", "mlp(F)", "attn(B)", "attn(W)"}));
  EXPECT_EQ(exchange,
            (std::vector<std::string_view>{"combine(B)", "dispatch(F)", "dispatch(B)", "combine(F)"}));
}

}  // namespace
}  // namespace orrery::models
