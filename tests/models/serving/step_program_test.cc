// Programs of serving steps: order of the drawings, and what they cost with made-up prices.
#include "models/serving/step_program.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "core/engine/stream_engine.h"

namespace orrery::models {
namespace {

using testing::ElementsAre;

StepShape Moe(int layers, int micro_batches) {
  StepShape shape;
  shape.moe_layers = layers;
  shape.micro_batches = micro_batches;
  shape.exchanges = true;
  return shape;
}

/// "ATTN-0(1,3)": of micro-batch 1 in layer 3.
std::vector<std::string> Words(const Program& program, int stream) {
  std::vector<std::string> words;
  for (const ProgramStep& step : program.streams[static_cast<std::size_t>(stream)]) {
    words.push_back(std::string(Name(static_cast<ServedPart>(step.price))) + "(" +
                    std::to_string(MicroBatchOfInstance(step.instance)) + "," +
                    std::to_string(LayerOfInstance(step.instance)) + ")");
  }
  return words;
}

/// Made-up prices in picoseconds by part, the same for all ranks but where a test says otherwise.
struct FakePrices {
  std::array<std::int64_t, kServedParts> of_part{};
  int slow_rank = -1;
  std::int64_t slower = 0;  ///< ATTN-1 of that rank takes so much longer

  StepPrice operator()(int, int rank, const ProgramStep& step) const {
    std::int64_t work = of_part[step.price];
    if (rank == slow_rank && step.price == static_cast<std::uint32_t>(ServedPart::kAttentionCore))
      work += slower;
    return {work, 0, 0};
  }
};

FakePrices Decode() {
  FakePrices p;
  const auto set = [&p](ServedPart part, std::int64_t ps) { p.of_part[static_cast<std::size_t>(part)] = ps; };
  set(ServedPart::kAttentionInput, 63'000);
  set(ServedPart::kAttentionCore, 344'000);
  set(ServedPart::kShared, 34'000);
  set(ServedPart::kExperts, 128'000);
  set(ServedPart::kDispatchSend, 2'000);
  set(ServedPart::kDispatch, 180'000);
  set(ServedPart::kDispatchReceive, 5'000);
  set(ServedPart::kCombineSend, 10'000);
  set(ServedPart::kCombine, 360'000);
  set(ServedPart::kCombineReceive, 6'000);
  return p;
}

std::int64_t Play(const Program& program, int ranks, FakePrices prices) {
  const std::vector<Program> programs{program};
  NullObserver observer;
  StreamEngine<FakePrices, NullObserver, kServingStreams> engine(programs, ranks, ranks, prices, observer);
  return engine.Run().end;
}

TEST(DecodeProgramOf, TwoMicroBatchesRunsTheFiveStagesAsDrawn) {
  const Program program = DecodeProgram(Moe(2, 2));
  EXPECT_THAT(
      Words(program, kComputeStream),
      ElementsAre("host(0,0)", "embedding(0,0)", "embedding(1,0)", "ATTN-0(0,0)", "ATTN-1(0,0)",
                  // Layer 0: nothing is in flight behind MLP.
                  "dispatch send(0,0)", "SHARED(0,0)", "ATTN-0(1,0)", "dispatch receive(0,0)", "MLP(0,0)",
                  "combine send(0,0)", "ATTN-1(1,0)", "combine receive(0,0)", "dispatch send(1,0)",
                  "SHARED(1,0)", "ATTN-0(0,1)", "dispatch receive(1,0)", "MLP(1,0)", "combine send(1,0)",
                  "ATTN-1(0,1)", "combine receive(1,0)",
                  // Layer 1, the last.
                  "dispatch send(0,1)", "SHARED(0,1)", "ATTN-0(1,1)", "dispatch receive(0,1)", "MLP(0,1)",
                  "combine send(0,1)", "ATTN-1(1,1)", "combine receive(0,1)", "dispatch send(1,1)",
                  "SHARED(1,1)", "dispatch receive(1,1)", "MLP(1,1)", "combine send(1,1)",
                  "combine receive(1,1)", "head(0,0)", "head(1,0)", "sampling(0,0)", "sampling(1,0)"));
  EXPECT_THAT(Words(program, kExchangeStream),
              ElementsAre("dispatch(0,0)", "combine(0,0)", "dispatch(1,0)", "combine(1,0)", "dispatch(0,1)",
                          "combine(0,1)", "dispatch(1,1)", "combine(1,1)"));
}

TEST(DecodeProgramOf, AnMtpModuleIsALayerMoreBehindTheHead) {
  StepShape shape = Moe(1, 1);
  shape.mtp_modules = 1;
  const std::vector<std::string> words = Words(DecodeProgram(shape), kComputeStream);
  EXPECT_EQ(std::count(words.begin(), words.end(), "MTP input(0,1)"), 1);
  EXPECT_EQ(std::count(words.begin(), words.end(), "MLP(0,1)"), 1);
  EXPECT_EQ(words.back(), "sampling(0,1)");
}

/// Half a layer: what is computed, and of each exchange what outlasts the compute behind it.
std::int64_t HalfLayer(const FakePrices& p) {
  const auto of = [&p](ServedPart part) { return p.of_part[static_cast<std::size_t>(part)]; };
  const std::int64_t behind_dispatch = of(ServedPart::kShared) + of(ServedPart::kAttentionInput);
  return of(ServedPart::kDispatchSend) + std::max(behind_dispatch, of(ServedPart::kDispatch)) +
         of(ServedPart::kDispatchReceive) + of(ServedPart::kExperts) + of(ServedPart::kCombineSend) +
         std::max(of(ServedPart::kAttentionCore), of(ServedPart::kCombine)) + of(ServedPart::kCombineReceive);
}

TEST(DecodeProgramOf, ALayerTakesWhatTheScheduleSays) {
  const FakePrices p = Decode();
  const std::int64_t a = Play(DecodeProgram(Moe(10, 2)), 8, p), b = Play(DecodeProgram(Moe(11, 2)), 8, p);
  EXPECT_EQ(b - a, 2 * HalfLayer(p));
}

TEST(DecodeProgramOf, AStragglerCostsWhatOutlastsTheExchangeAndNoMore) {
  const FakePrices even = Decode();
  const std::int64_t layer = 2 * HalfLayer(even);
  for (const std::int64_t slower : {5'000, 16'000, 100'000, 344'000}) {
    FakePrices p = even;
    p.slow_rank = 3;
    p.slower = slower;
    const std::int64_t measured =
        Play(DecodeProgram(Moe(11, 2)), 8, p) - Play(DecodeProgram(Moe(10, 2)), 8, p);
    // Its attention kernel hides behind the combine as far as that lasts; what is more delays what it posts next, and
    // every rank that waits for it. 16 ns of the combine outlast the attention kernel.
    const std::int64_t hidden = even.of_part[static_cast<std::size_t>(ServedPart::kCombine)] -
                                even.of_part[static_cast<std::size_t>(ServedPart::kAttentionCore)];
    EXPECT_EQ(measured - layer, 2 * std::max<std::int64_t>(0, slower - hidden)) << slower;
    EXPECT_LT(measured, layer + 2 * slower) << "less than all of it";
    p.slower = 0;
    EXPECT_EQ(Play(DecodeProgram(Moe(11, 2)), 8, p), Play(DecodeProgram(Moe(11, 2)), 8, even));
  }
}

TEST(DecodeProgramOf, OverlapPaysWhereExchangesAreLongAndCostsNothingOfTheOrder) {
  FakePrices p = Decode();
  // Two micro-batches on after the other in the schedule of one.
  const std::int64_t apart =
      2 * (Play(DecodeProgram(Moe(11, 1)), 8, p) - Play(DecodeProgram(Moe(10, 1)), 8, p));
  EXPECT_GT(apart, 2 * HalfLayer(p));
  for (const ServedPart part : {ServedPart::kDispatch, ServedPart::kCombine})
    p.of_part[static_cast<std::size_t>(part)] = 0;
  const std::int64_t free_apart =
      2 * (Play(DecodeProgram(Moe(11, 1)), 8, p) - Play(DecodeProgram(Moe(10, 1)), 8, p));
  EXPECT_EQ(free_apart, 2 * HalfLayer(p)) << "with free exchanges there is nothing to overlap";
}

TEST(PrefillProgramOf, TwoMicroBatchesRunsAsDrawn) {
  const Program program = PrefillProgram(Moe(2, 2));
  EXPECT_THAT(
      Words(program, kComputeStream),
      ElementsAre("host(0,0)", "embedding(0,0)", "embedding(1,0)", "ATTN-0(0,0)", "ATTN-1(0,0)",
                  "ATTN-0(1,0)", "ATTN-1(1,0)", "MLP(0,0)", "MLP(1,0)", "SHARED(0,0)", "ATTN-0(0,1)",
                  "ATTN-1(0,1)", "SHARED(1,0)", "ATTN-0(1,1)", "ATTN-1(1,1)", "MLP(0,1)", "MLP(1,1)",
                  "SHARED(0,1)", "SHARED(1,1)", "head(0,0)", "head(1,0)", "sampling(0,0)", "sampling(1,0)"));
  EXPECT_THAT(Words(program, kExchangeStream),
              ElementsAre("dispatch(0,0)", "dispatch(1,0)", "combine(0,0)", "combine(1,0)", "dispatch(0,1)",
                          "dispatch(1,1)", "combine(0,1)", "combine(1,1)"));
}

TEST(PrefillProgramOf, TheBusierStreamSetsThePace) {
  FakePrices p;
  const auto set = [&p](ServedPart part, std::int64_t ps) { p.of_part[static_cast<std::size_t>(part)] = ps; };
  set(ServedPart::kAttentionInput, 3'000);
  set(ServedPart::kAttentionCore, 5'000);
  set(ServedPart::kShared, 1'000);
  set(ServedPart::kExperts, 7'000);
  const auto layer = [&] {
    return Play(PrefillProgram(Moe(21, 2)), 4, p) - Play(PrefillProgram(Moe(20, 2)), 4, p);
  };
  EXPECT_EQ(layer(), 2 * 16'000) << "free exchanges: the compute of both";
  set(ServedPart::kDispatch, 10'000);
  set(ServedPart::kCombine, 20'000);
  EXPECT_EQ(layer(), 2 * 30'000) << "long exchanges: those of both";
}

TEST(ServingPrograms, EndWithoutExchangesToo) {
  StepShape shape;
  shape.dense_layers = 3;
  FakePrices p;
  p.of_part.fill(1000);
  EXPECT_EQ(Play(DecodeProgram(shape), 2, p), 1000 * (1 + 1 + 3 + 2));
  EXPECT_EQ(Play(PrefillProgram(shape), 2, p), 1000 * (1 + 1 + 3 + 2));
}

}  // namespace
}  // namespace orrery::models
