// Whole steps of serving units on a small model: what they are made of, and what they may not be.
#include "scenarios/serving/unit_model.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "scenarios/report/serving_report.h"
#include "scenarios/schema/serving_scenario.h"
#include "scenarios/serving/simulate.h"
#include "tests/core/input_error.h"

namespace orrery::scenarios {
namespace {

using testing::HasSubstr;

/// Units of one or two H800 nodes that serve V2-Lite.
ServingScenario Small() {
  ServingScenario s;
  s.name = "small";
  s.model = models::ModelPreset("deepseek-v2-lite");
  s.cluster = hw::ClusterPreset("h800-512");
  s.decode = DecodeUnit{};
  s.decode->expert = 16;
  s.decode->requests_per_gpu = 64;
  s.prefill = PrefillUnit{};
  s.prefill->expert = 8;
  s.prefill->tokens_per_gpu = 8192;
  s.workload.requests.contexts = {2048, 0.7, 16000};
  s.routing.strategy = models::Strategy::kBalanced;
  Settle(&s);
  return s;
}

UnitModel Decode(const ServingScenario& s) { return UnitModel(s, UnitsOf(s).back()); }

TEST(ServingUnit, PartsOfADecodeStepAddUpToIt) {
  ServingScenario s = Small();
  s.host = FromMicroseconds(120);
  Settle(&s);
  const UnitModel model = Decode(s);
  const UnitResult r = model.Summarise(model.Simulate({}, {}));
  const ServingParts& p = r.parts;
  const double sum = p.Compute() + p.dispatch + p.dispatch_barrier + p.combine + p.combine_barrier + p.bubble;
  // Ranks end apart by what the last exchange leaves between them.
  EXPECT_NEAR(sum, r.step_s, 0.01 * r.step_s);
  EXPECT_DOUBLE_EQ(p.host, 120e-6);
  const ImbalanceParts& i = r.imbalance;
  EXPECT_NEAR(i.even + i.cache + i.experts + i.waiting, r.step_s, 1e-12);
  EXPECT_GT(i.experts, 0);
  EXPECT_LT(i.even, r.step_s);
}

TEST(ServingUnit, StreamsOfAPrefillStepAreFullOrIdle) {
  const ServingScenario s = Small();
  const UnitModel model(s, UnitsOf(s).front());
  const UnitResult r = model.Summarise(model.Simulate({}, {}));
  EXPECT_NEAR(r.parts.Compute() + r.parts.bubble, r.step_s, 0.01 * r.step_s);
  EXPECT_GT(r.parts.dispatch, 0);
  EXPECT_EQ(r.positions_per_gpu, 8192);
}

TEST(ServingUnit, NoStepIsFasterThanItsBytesAndOperations) {
  for (const int requests : {2, 16, 256}) {
    ServingScenario s = Small();
    s.decode->requests_per_gpu = requests;
    Settle(&s);
    for (const UnitResult& r : SimulateServing(s).result.units) {
      EXPECT_GT(r.bound_s, 0);
      EXPECT_LT(r.bound_s, r.step_s) << requests;
    }
  }
}

TEST(ServingUnit, ARankWithTwiceTheCacheCostsLessThanTwiceTheStep) {
  ServingScenario s = Small();
  s.even_experts = true;
  s.placement = models::RequestPlacement::kInTurn;
  Settle(&s);
  const UnitModel model = Decode(s);
  const UnitResult uneven = model.Summarise(model.Simulate({}, {}));
  EXPECT_GT(uneven.cache_max_over_mean, 1.02);
  EXPECT_GT(uneven.imbalance.cache, 0);
  EXPECT_LT(uneven.step_s / uneven.imbalance.even, uneven.cache_max_over_mean);
  EXPECT_EQ(uneven.imbalance.experts, 0);
  EXPECT_NEAR(model.Simulate({.even_loads = true}, {}).step_s, uneven.imbalance.even, 1e-15);
}

TEST(ServingUnit, FreeExchangesBoundTheStepFromBelow) {
  ServingScenario s = Small();
  for (const bool overlap : {true, false}) {
    s.decode->five_stage = s.prefill->two_batch = overlap;
    Settle(&s);
    for (const UnitPlan& unit : UnitsOf(s)) {
      const UnitModel model(s, unit);
      EXPECT_LT(model.Simulate({.exchanges = 0}, {}).step_s, model.Simulate({}, {}).step_s);
    }
  }
}

/// Two micro-batches read the weights twice: worth it only where there is enough behind which exchanges hide.
TEST(ServingUnit, OverlapPaysFromABatchOn) {
  ServingScenario s;
  s.model = models::ModelPreset("deepseek-v3");
  s.cluster = hw::ClusterPreset("h800-2048");
  s.even_experts = true;
  s.decode = DecodeUnit{};
  s.decode->expert = 64;
  const auto gain = [&](int requests) {
    double step[2];
    for (const bool overlap : {false, true}) {
      s.decode->requests_per_gpu = requests;
      s.decode->five_stage = overlap;
      Settle(&s);
      step[overlap ? 1 : 0] = Decode(s).Simulate({}, {}).step_s;
    }
    return step[0] / step[1];
  };
  EXPECT_LT(gain(8), 1);
  EXPECT_GT(gain(256), 1.05);
}

TEST(ServingUnit, SpeculationAddsItsModuleAndItsPositions) {
  ServingScenario s = Small();
  s.prefill.reset();
  s.model.mtp_modules = 1;
  Settle(&s);
  const UnitResult plain = SimulateServing(s).result.units.front();
  s.speculation = {1, {0.85}};
  Settle(&s);
  const UnitResult drafted = SimulateServing(s).result.units.front();
  EXPECT_EQ(drafted.positions_per_gpu, 2 * plain.positions_per_gpu);
  EXPECT_EQ(plain.parts.speculation, 0);
  EXPECT_GT(drafted.parts.speculation, 0);
  EXPECT_DOUBLE_EQ(drafted.tokens_per_step, 64 * 1.85);
  EXPECT_GT(drafted.memory.weights, plain.memory.weights);
}

TEST(ServingUnit, IsTheSameEveryTime) {
  const ServingScenario s = Small();
  const auto without_clock = [&] {
    nlohmann::json json = nlohmann::json::parse(ServingJson(SimulateServing(s).result));
    json["simulator"].erase("wall_s");
    return json.dump();
  };
  EXPECT_EQ(without_clock(), without_clock());
}

TEST(ServingUnit, ServesADenseModelOnOneGpu) {
  ServingScenario s = Small();
  s.model = models::ModelPreset("qwen2.5-72b");
  s.prefill.reset();
  s.decode->expert = 1;
  s.decode->requests_per_gpu = 8;
  Settle(&s);
  const UnitResult r = SimulateServing(s).result.units.front();
  EXPECT_GT(r.step_s, 0.01);
  EXPECT_EQ(r.parts.dispatch, 0);
}

TEST(ServingTraceOf, HasBothStreamsOfTheGpusAskedFor) {
  const ServingRun run = SimulateServing(Small(), true);
  const auto json = nlohmann::json::parse(ServingTrace(run, {0, 9}));
  EXPECT_GT(json["traceEvents"].size(), 500U);
  const std::string text = ServingTrace(run, {9});
  EXPECT_THAT(text, HasSubstr("decode unit, GPU 9"));
  EXPECT_THAT(text, testing::Not(HasSubstr("prefill unit")));
  EXPECT_THAT(text, HasSubstr("ATTN-1, layer 1, micro-batch 0"));
  EXPECT_THAT(ErrorOf([&] { ServingTrace(run, {16}); }), HasSubstr("expected GPUs from 0 to 15"));
}

TEST(ServingScenarioRules, AreToldByKey) {
  const auto refusal = [](void (*change)(ServingScenario*)) {
    ServingScenario s = Small();
    change(&s);
    return ErrorOf([&] { Settle(&s); });
  };
  EXPECT_EQ(
      refusal([](ServingScenario* s) { s->decode->redundant_experts = 1; }),
      "serving.decode.redundant_experts: 64 routed experts and 1 redundant ones are 65 slots, which 16 ranks "
      "do not divide; the next that they do is 16 redundant ones");
  EXPECT_THAT(refusal([](ServingScenario* s) { s->decode->expert = 1024; }),
              HasSubstr("serving.decode.expert: a unit of 1024 GPUs, but the cluster has 512"));
  EXPECT_THAT(refusal([](ServingScenario* s) { s->decode->expert = 12; }),
              HasSubstr("whole nodes of 8 GPUs"));
  EXPECT_THAT(refusal([](ServingScenario* s) { s->decode->requests_per_gpu = 1; }),
              HasSubstr("serving.decode.overlap: two micro-batches of one request"));
  EXPECT_THAT(refusal([](ServingScenario* s) { s->speculation.acceptance = {0.9}; }),
              HasSubstr("serving.speculation.acceptance: 1 values for 0 modules"));
  EXPECT_THAT(refusal([](ServingScenario* s) { s->speculation.modules = 1; }),
              HasSubstr("expected at most the 0 that deepseek-v2-lite has"));
  EXPECT_THAT(refusal([](ServingScenario* s) {
                s->prefill.reset();
                s->decode.reset();
              }),
              HasSubstr("serving: expected a prefill unit, a decode unit, or both"));
}

}  // namespace
}  // namespace orrery::scenarios
