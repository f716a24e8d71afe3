// Laws of the programs that schedules and layouts are turned into.
#include "models/parallel/training_program.h"

#include <map>

#include <gtest/gtest.h>

#include "core/engine/stream_engine.h"
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
    EXPECT_EQ(program.tasks, built_.task_kinds[rank].size());
    const bool fused = GetParam().kind == ScheduleKind::kZb1p;  // weight passes with input backwards
    EXPECT_EQ(program.tasks < schedule_.steps[rank].size(), fused);
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
  const TrainingPrograms built = BuildTrainingPrograms(schedule_, even, WeightPasses::kOutlastExchanges);
  FreeTransfers pricer;
  NullObserver observer;
  StreamEngine engine(built.programs, 1, 1, pricer, observer);
  const UniformTimes times{Time{2000}, Time{3000}, Time{1300}, Time{6300}};
  EXPECT_EQ(engine.Run().end, SimulateUniform(schedule_, times).makespan.count());
}

/// The same work in every layer, which has no exchange: forward as long as the input backward, the weight
/// gradients `weight`. What follows the last weight block of a chunk takes nothing, so that its gradients
/// leave with the chunk's end.
struct EvenLayers {
  std::int64_t weight;
  StepPrice operator()(int, int, const ProgramStep& step) const {
    if (step.type != StepType::kWork) return {};
    switch (static_cast<Part>(step.price % kParts)) {
      case Part::kAttentionForward:
      case Part::kAttentionBackward:
        return {700, 0, 0};
      case Part::kMlpForward:
      case Part::kMlpBackward:
        return {800, 0, 0};
      case Part::kMlpWeight:
        return {weight, 0, 0};
      default:
        return {};
    }
  }
};

/// Bubble of every rank after the publications, F, B, W of a stage (schedule_timing.h); a pair gains nothing.
std::int64_t PublishedBubble(const Schedule& schedule, std::int64_t f, std::int64_t b, std::int64_t w) {
  const std::int64_t ranks = schedule.spec.ranks, pair = f + b + w;
  switch (schedule.spec.kind) {
    case ScheduleKind::k1F1B:
    case ScheduleKind::kInterleaved1F1B:
      return (ranks - 1) * (f + b + w);
    case ScheduleKind::kZb1p:
      return (ranks - 1) * (f + b - w);
    case ScheduleKind::kDualPipe:
      return (ranks / 2 - 1) * (pair + b - 2 * w);
    case ScheduleKind::kDualPipeV:
      return (ranks - 1) * (pair + b - 2 * w);
  }
  return -1;
}

TEST(PublishedBubble, IsWhatProgramsOfEvenRanksWaitUnderEverySchedule) {
  for (const int ranks : {2, 4, 6, 8}) {
    for (const int rounds : {2, 3, 5}) {
      for (const int layers : {1, 3}) {
        for (const std::int64_t w : {100, 900, 1500}) {
          for (const auto& [kind, chunks] : {std::pair{ScheduleKind::k1F1B, 1},
                                             {ScheduleKind::kInterleaved1F1B, 2},
                                             {ScheduleKind::kInterleaved1F1B, 4},
                                             {ScheduleKind::kZb1p, 1},
                                             {ScheduleKind::kDualPipe, 1},
                                             {ScheduleKind::kDualPipeV, 2}}) {
            const Schedule schedule = MakeSchedule({kind, ranks, rounds * ranks, chunks});
            const std::vector<Unit> stage(static_cast<std::size_t>(layers), {UnitKind::kDenseLayer, -1});
            const TrainingPrograms built = BuildTrainingPrograms(
                schedule, std::vector<std::vector<Unit>>(static_cast<std::size_t>(schedule.stages), stage));
            EvenLayers pricer{w};
            NullObserver observer;
            StreamEngine engine(built.programs, 1, 1, pricer, observer);
            const std::int64_t busy = std::int64_t{rounds} * ranks * chunks * layers * (1500 + 1500 + w);
            EXPECT_EQ(engine.Run().end - busy,
                      PublishedBubble(schedule, layers * 1500, layers * 1500, layers * w))
                << Name(kind) << " x " << chunks << " on " << ranks << ", " << layers << " layers, W " << w;
          }
        }
      }
    }
  }
}

/// Exchanges beside which everything runs as if alone.
struct SlowExchanges {
  std::int64_t exchange, weight;
  StepPrice operator()(int, int, const ProgramStep& step) const {
    if (step.type == StepType::kSend) return {};
    const auto part = static_cast<Part>(step.price % kParts);
    if (IsExchange(part)) return {exchange, 0, 0};
    return {part == Part::kMlpWeight || part == Part::kAttentionWeight ? weight : 1000, 0, 0};
  }
};

std::int64_t EndOf(ScheduleKind kind, int ranks, int micro_batches, const SlowExchanges& prices,
                   WeightPasses weights = WeightPasses::kFitExchanges) {
  const Schedule schedule = MakeSchedule({kind, ranks, micro_batches});
  const std::vector<Unit> stage(3, {UnitKind::kMoeLayer, 0});
  const TrainingPrograms built = BuildTrainingPrograms(
      schedule, std::vector<std::vector<Unit>>(static_cast<std::size_t>(ranks), stage), weights);
  NullObserver observer;
  StreamEngine engine(built.programs, 1, 1, prices, observer);
  return engine.Run().end;
}

TEST(WeightPasses, HideBesideTheExchangesOfAnInputBackward) {
  // Three layers and twelve micro-batches: 72 W blocks on each rank, each as long as an exchange. The first
  // rank makes up for its own chunk at once, whose last block has no exchange left to run beside.
  const std::int64_t without = EndOf(ScheduleKind::kZb1p, 4, 12, {900, 0});
  EXPECT_EQ(without, (12 + 3) * 2 * 3 * (2000 + 1800)) << "1F1B's bubble of forwards and input backwards";
  EXPECT_LE(EndOf(ScheduleKind::kZb1p, 4, 12, {900, 900}) - without, 12 * 900);
}

TEST(WeightPasses, NeverMakeZeroBubbleSlowerThanOneForwardOneBackward) {
  for (const std::int64_t exchange : {0, 100, 500, 1000, 4000}) {
    for (const std::int64_t weight : {100, 500, 1000}) {
      const auto weights = weight <= exchange ? WeightPasses::kFitExchanges : WeightPasses::kOutlastExchanges;
      for (const int ranks : {2, 4, 8}) {
        EXPECT_LE(EndOf(ScheduleKind::kZb1p, ranks, 4 * ranks, {exchange, weight}, weights),
                  EndOf(ScheduleKind::k1F1B, ranks, 4 * ranks, {exchange, weight}))
            << "exchange " << exchange << ", W " << weight << ", ranks " << ranks;
      }
    }
  }
}

TEST(WeightPasses, OfDualPipeStayTasksOfTheirOwnAsInThePublishedCode) {
  const Schedule schedule = MakeSchedule({ScheduleKind::kDualPipe, 4, 12});
  const TrainingPrograms built = BuildTrainingPrograms(schedule, Stages(4));
  for (std::size_t rank = 0; rank < 4; ++rank) {
    for (std::size_t i = 0; i < schedule.steps[rank].size(); ++i)
      EXPECT_EQ(built.task_kinds[rank][i], schedule.steps[rank][i].kind);
  }
}

/// A stage that holds nothing and one that only embeds, under every schedule that can have them.
TEST(EmptyStages, HandOnWhatTheyGet) {
  struct Counter {
    StepPrice operator()(int, int, const ProgramStep& step) const {
      return {step.type == StepType::kSend ? 10 : 1000, 0, 0};
    }
  };
  for (const Case& c : Cases()) {
    const Schedule schedule = MakeSchedule({c.kind, c.ranks, c.micro_batches, c.virtual_stages});
    for (int empty = 1; empty + 1 < schedule.stages; ++empty) {
      std::vector<std::vector<Unit>> stages = Stages(schedule.stages);
      stages[static_cast<std::size_t>(empty)].clear();
      stages.front() = {{UnitKind::kEmbedding, -1}};
      const TrainingPrograms built = BuildTrainingPrograms(schedule, stages);
      std::uint64_t steps = 0;
      for (const Program& program : built.programs)
        for (const auto& stream : program.streams) steps += stream.size();
      Counter pricer;
      NullObserver observer;
      StreamEngine engine(built.programs, 1, 1, pricer, observer);
      EXPECT_EQ(engine.Run().steps, steps) << Name(c.kind) << ", stage " << empty << " empty";
    }
  }
}

TEST(EmptyStages, AreSkippedByTheTimelineAsByThePrograms) {
  const Schedule schedule = MakeSchedule({ScheduleKind::kInterleaved1F1B, 4, 12, 2});
  for (int empty = 1; empty < 7; ++empty) {
    std::vector<std::vector<Unit>> stages(8, {{UnitKind::kDenseLayer, -1}});
    std::vector<bool> is_empty(8, false);
    stages[static_cast<std::size_t>(empty)].clear();
    is_empty[static_cast<std::size_t>(empty)] = true;
    const auto time = [&](int, const Step& step) {
      const bool forward = step.kind == StepKind::kForward;
      const int stage = forward ? step.forward.stage : step.backward.stage;
      return stage == empty ? kTimeZero : Time{forward ? 1500 : 1500 + 600};
    };
    const TrainingPrograms built = BuildTrainingPrograms(schedule, stages);
    EvenLayers pricer{600};
    NullObserver observer;
    StreamEngine engine(built.programs, 1, 1, pricer, observer);
    EXPECT_EQ(engine.Run().end, Simulate(schedule, time, is_empty).makespan.count()) << empty;
  }
}

/// The weight gradient of an embedding on a stage of its own needs the gradient from the next stage.
TEST(EmptyStages, AnEmbeddingAloneWaitsForItsGradient) {
  const Schedule schedule = MakeSchedule({ScheduleKind::kZb1p, 2, 1});
  const TrainingPrograms built =
      BuildTrainingPrograms(schedule, {{{UnitKind::kEmbedding, -1}}, {{UnitKind::kDenseLayer, -1}}},
                            WeightPasses::kOutlastExchanges);
  const ProgramStep& weight = built.programs[0].streams[0].back();
  EXPECT_EQ(static_cast<Part>(weight.price % kParts), Part::kAttentionWeight);
  EXPECT_TRUE(weight.wait_messages[0] == 1 || weight.wait_messages[1] == 1);
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
