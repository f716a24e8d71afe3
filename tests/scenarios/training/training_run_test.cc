// Laws of a simulated training step, on 32 GPUs and an eight-layer relative of DeepSeek-V3.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "core/config/resources.h"
#include "scenarios/report/trace_writer.h"
#include "scenarios/report/training_report.h"
#include "scenarios/run.h"
#include "scenarios/studies/critical_path.h"
#include "scenarios/studies/uncertainty.h"
#include "scenarios/studies/what_if.h"
#include "scenarios/training/summary.h"
#include "scenarios/training/waits.h"
#include "tests/core/input_error.h"
#include "tests/hw/edited_home.h"
#include "tests/scenarios/small_training.h"

namespace orrery::scenarios {
namespace {

RunOptions Quick() {
  RunOptions options;
  options.analyse = false;
  return options;
}

std::string JsonWithoutSimulator(const TrainingResult& result) {
  auto json = nlohmann::ordered_json::parse(TrainingJson(result));
  json.erase("simulator");
  return json.dump();
}

TEST(TrainingRun, PhasesSumToTheStep) {
  for (const char* schedule : {"dualpipe", "1f1b", "zb1p"}) {
    const TrainingResult r = RunTraining(Small({std::string("parallelism.schedule=") + schedule}), Quick());
    EXPECT_NEAR(r.phases.Sum(), r.step_s, 1e-9 * r.step_s) << schedule;
    for (double phase : {r.phases.forward, r.phases.bubble, r.phases.optimizer})
      EXPECT_GT(phase, 0) << schedule;
  }
}

TEST(TrainingRun, SharesSumToOne) {
  const TrainingResult r = RunTraining(Small(), Quick());
  EXPECT_NEAR(r.measured + r.scaled + r.analytic, 1, 1e-9);
  double shares = 0, exchanges = 0, sources = 0;
  for (const OpClassReport& c : r.op_classes) {
    shares += c.share;
    if (c.name.starts_with("exchange ")) exchanges += c.share;
  }
  EXPECT_NEAR(shares, 1, 1e-9);
  ASSERT_EQ(r.calibration_shares.size(), r.calibration.size()) << "of the exchanges, too";
  EXPECT_NEAR(r.calibration_shares.back(), exchanges, 1e-9);
  for (double share : r.calibration_shares) sources += share;
  EXPECT_LE(sources, 1 + 1e-9);
  EXPECT_GT(sources, r.measured - 0.02) << "what is measured has a source, but for launch gaps";
}

TEST(TrainingRun, ANamedCalibrationSaysWhatItDoesNotMeasure) {
  const TrainingResult own = RunTraining(Small(), Quick());
  EXPECT_TRUE(own.fell_back.empty()) << "nobody asked for one table alone";
  const TrainingResult named = RunTraining(Small({"calibration=deepgemm-2025-04"}), Quick());
  double share = 0;
  for (const OpClassReport& c : named.fell_back) share += c.share;
  EXPECT_NEAR(share, named.scaled + named.analytic, 1e-9);
  EXPECT_GT(share, own.scaled + own.analytic) << "it holds GEMMs alone";
  const std::string text = TrainingText(named);
  EXPECT_THAT(text, testing::HasSubstr("the named calibration does not measure, so scaled or analytic:"));
  EXPECT_THAT(text, testing::HasSubstr("\n    norm"));
  EXPECT_THAT(TrainingJson(named), testing::HasSubstr("\"fell_back\""));
}

TEST(TrainingRun, EveryRankIsBusyOrInABubble) {
  const TrainingResult r = RunTraining(Small(), Quick());
  ASSERT_EQ(r.ranks.size(), 4u);
  for (const PipelineRankReport& rank : r.ranks) {
    EXPECT_NEAR(rank.busy_s + rank.bubble_s + rank.optimizer_s, r.step_s, 1e-9 * r.step_s);
    EXPECT_GE(rank.bubble_s, 0);
    EXPECT_GE(rank.compute_idle_s, 0);
    EXPECT_LE(rank.compute_idle_s, rank.busy_s);
  }
}

TEST(TrainingRun, NoMoreOfAnExchangeIsExposedThanItTakes) {
  for (const char* schedule : {"dualpipe", "1f1b", "zb1p", "interleaved-1f1b"}) {
    const bool interleaved = std::string(schedule) == "interleaved-1f1b";
    const TrainingResult r =
        RunTraining(Small({std::string("parallelism.schedule=") + schedule,
                           std::string("parallelism.virtual_stages=") + (interleaved ? "2" : "1")}),
                    Quick());
    const CommunicationReport& c = r.communication;
    EXPECT_GT(c.exchange_s, 0) << schedule;
    EXPECT_LE(c.exposed_s, c.exchange_s * (1 + 1e-9)) << schedule;
    EXPECT_LE(c.straggler_s, c.notify_s * (1 + 1e-9)) << schedule;
    if (std::string(schedule) != "dualpipe") {
      EXPECT_GT(c.exposed_s, 0.5 * c.exchange_s) << schedule << " runs nothing beside most exchanges";
    }
  }
}

TEST(TrainingRun, RatesFollowFromTheStep) {
  const TrainingResult r = RunTraining(Small(), Quick());
  EXPECT_DOUBLE_EQ(r.tokens_per_step, 128 * 1024);
  EXPECT_NEAR(r.tokens_per_second_per_gpu * r.gpus * r.step_s, r.tokens_per_step, 1e-6);
  EXPECT_GT(r.mfu_causal, 0.01);
  EXPECT_LT(r.mfu_noncausal, 1);
  EXPECT_LE(r.mfu_causal, r.mfu_noncausal);
}

TEST(TrainingRun, AGpuByItselfExchangesNothingAndHasNoBubble) {
  const TrainingResult r =
      RunTraining(Small({"cluster={preset: h800-512, nodes: 1, devices_per_node: 1}",
                         "parallelism={pipeline: 1, expert: 1, schedule: 1f1b}", "precision=bf16"}),
                  Quick());
  EXPECT_EQ(r.communication.exchange_s, 0) << "its tokens have nowhere to go, and nothing lays that out";
  for (const OpClassReport& c : r.op_classes) EXPECT_THAT(c.name, testing::Not(testing::StartsWith("exch")));
  EXPECT_THAT(TrainingText(r), testing::ContainsRegex("dispatch and combine +none\n"));
  EXPECT_EQ(r.phases.bubble, 0);
  EXPECT_FALSE(std::signbit(r.phases.bubble)) << "printed as -0.000";
  EXPECT_THAT(r.notes, testing::Contains(testing::HasSubstr("run_tokens is not given")));
}

TEST(TrainingRun, ADefaultScheduleThatDoesNotGoIsSaidToBeTheDefault) {
  EXPECT_THAT(ErrorOf([] { RunTraining(Small({"parallelism={pipeline: 1, expert: 4}"}), Quick()); }),
              testing::HasSubstr("needs an even number of ranks, found 1; dualpipe is the default, "
                                 "parallelism.schedule names another"));
}

TEST(TrainingRun, TheSameSeedGivesTheSameBytes) {
  EXPECT_EQ(JsonWithoutSimulator(RunTraining(Small(), Quick())),
            JsonWithoutSimulator(RunTraining(Small(), Quick())));
}

TEST(TrainingRun, AnotherSeedGivesAnotherStepNearby) {
  const double first = RunTraining(Small(), Quick()).step_s;
  const double second = RunTraining(Small({"seed=2"}), Quick()).step_s;
  EXPECT_NE(first, second);
  EXPECT_NEAR(second, first, 0.05 * first);
}

TEST(TrainingRun, MoreMicroBatchesTakeLongerButNotInProportion) {
  const double one = RunTraining(Small(), Quick()).step_s;
  const double two = RunTraining(Small({"workload.global_batch=256 sequences"}), Quick()).step_s;
  EXPECT_GT(two, 1.3 * one);
  EXPECT_LT(two, 2 * one);
}

TEST(TrainingSimulation, FoldedIsUnfoldedWithEvenLoadsAndEvenKernels) {
  const TrainingModel model(Small({"routing.strategy=balanced"}));
  const double a = model.Simulate({.fold = true}).step_s, b = model.Simulate({.vary = false}).step_s;
  EXPECT_NEAR(a, b, 0.01 * b);
}

TEST(TrainingSimulation, NothingMadeFreeSlowsTheStep) {
  const TrainingModel model(Small());
  const double base = model.Simulate({}).step_s;
  for (const Question& question : TrainingQuestions())
    EXPECT_LE(model.Simulate(question.conditions).step_s, base * 1.0005) << question.name;
}

TEST(TrainingSimulation, TheSlowestOfMoreExchangeGroupsIsSlower) {
  const TrainingModel model(Small({"cluster.nodes=16", "workload.global_batch=512 sequences"}));
  double one = 0, all = 0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {  // of one seed alone the first group may be the slowest
    Conditions conditions;
    conditions.seed = seed;
    all += static_cast<double>(model.Simulate(conditions).pipeline);
    conditions.groups = 1;
    one += static_cast<double>(model.Simulate(conditions).pipeline);
  }
  EXPECT_GT(all, one) << "eight groups of four ranks";
}

TEST(TrainingSimulation, SlowerExchangesSlowTheStep) {
  const TrainingModel model(Small());
  double before = 0;
  for (double factor : {0.5, 1.0, 2.0, 8.0}) {
    const double step = model.Simulate({.transfers = factor}).step_s;
    EXPECT_GT(step, before) << factor;
    before = step;
  }
}

TEST(TrainingAnalysis, TheCriticalPathFillsThePipelineTime) {
  const TrainingModel model(Small());
  StepInputs inputs;
  inputs.timeline = true;
  const TrainingOutcome outcome = model.Simulate({.groups = 1}, inputs);
  const double pipeline = static_cast<double>(outcome.pipeline) * 1e-12;
  double seconds = 0, share = 0;
  for (const CriticalPathShare& s : CriticalPath(outcome.timeline)) {
    EXPECT_GE(s.seconds, 0) << s.name;
    seconds += s.seconds;
    share += s.share;
  }
  EXPECT_NEAR(seconds, pipeline, 1e-9 * pipeline);
  EXPECT_NEAR(share, 1, 1e-9);
}

TEST(TrainingAnalysis, WhatIfsComeLargestGainFirst) {
  const std::vector<WhatIf> answers = WhatWouldHelp(TrainingModel(Small()));
  ASSERT_GT(answers.size(), 5u);
  for (std::size_t i = 1; i < answers.size(); ++i) EXPECT_LE(answers[i].gain, answers[i - 1].gain);
  for (const WhatIf& w : answers) EXPECT_LT(w.gain, 1) << w.name;
}

TEST(TrainingAnalysis, TheIntervalIsAsWideAsItsTwoSpreadsTogether) {
  const TrainingModel model(Small());
  const double step = model.Simulate({}).step_s;
  const Interval interval = UncertaintyOf(model, step, 16, 3);
  EXPECT_GT(interval.calibration_sd, 0);
  EXPECT_GT(interval.seed_sd, 0);
  const double reach = 1.6449 * std::hypot(interval.calibration_sd, interval.seed_sd);
  EXPECT_NEAR(interval.high_s, step * std::exp(interval.calibration_mean + reach), 1e-9 * step);
  EXPECT_NEAR(interval.low_s, step * std::exp(interval.calibration_mean - reach), 1e-9 * step);
}

Drawn StepOn(const std::string& set) {
  return DrawCalibration(TrainingModel(Small({set}), true),
                         {[](const TrainingOutcome& o) { return o.step_s; }}, 32)
      .front();
}

/// A dense model, so that only kernels and collectives decide: faster links make exchanges, and with them
/// their errors, a smaller part of an MoE step.
TEST(TrainingAnalysis, TheIntervalIsWidestWhereLeastIsMeasured) {
  const auto sd = [](const char* device) {
    const Scenario dense = Small({"model={preset: deepseek-67b, override: {layers: 8}}", "routing=null",
                                  "parallelism={pipeline: 4, expert: 1, schedule: dualpipe}",
                                  std::string("cluster.device=") + device});
    return DrawCalibration(TrainingModel(dense, true), {[](const TrainingOutcome& o) { return o.step_s; }},
                           64)
        .front()
        .sd;
  };
  const double h800 = sd("h800-sxm"), h100 = sd("h100-sxm"), h20 = sd("h20"), b200 = sd("b200-sxm");
  EXPECT_GT(h800, 0.02);
  EXPECT_GT(h100, 1.2 * h800);
  EXPECT_GT(h20, 1.4 * h100);
  EXPECT_GT(b200, 1.4 * h100);
}

TEST(TrainingAnalysis, TheIntervalOfPricesFromADataSheetLeansToLonger) {
  const Drawn all = StepOn("calibration=auto"), some = StepOn("calibration=infersim-2026-05");
  EXPECT_LT(std::abs(all.mean), 0.04);
  EXPECT_GT(some.mean, 0.06) << "casts, weight gradients and the attention backward are rooflines";
  EXPECT_GT(some.range.high - some.range.low, all.range.high - all.range.low);
}

TEST(TrainingAnalysis, EveryFigureOfAStepHasItsOwnInterval) {
  const std::vector<Drawn> drawn =
      DrawCalibration(TrainingModel(Small(), true),
                      {[](const TrainingOutcome& o) { return o.step_s; },
                       [](const TrainingOutcome& o) { return PhasesOf(o).bubble; },
                       [](const TrainingOutcome& o) { return PhasesOf(o).optimizer; }},
                      16);
  ASSERT_EQ(drawn.size(), 3u);
  for (const Drawn& d : drawn) EXPECT_GT(d.sd, 0);
  EXPECT_GT(drawn[2].sd, drawn[0].sd) << "a single phase has less to average over";
}

RunOptions Analysed() {
  RunOptions options;
  options.resamples = 4, options.seeds = 1;
  return options;
}

TEST(TrainingAnalysis, WhatImbalanceCostsIsTheStepWithEvenLoadsInEveryUnit) {
  const TrainingResult r = RunTraining(Small(), Analysed());
  ASSERT_TRUE(r.imbalance.cost.has_value());
  const ImbalanceCost& cost = *r.imbalance.cost;
  EXPECT_EQ(cost.even_s, EvenStep(TrainingModel(Small())));
  EXPECT_EQ(cost.undone_s, 0) << "nothing is dropped";
  EXPECT_GT(cost.step_share, 0);
  EXPECT_DOUBLE_EQ(cost.step_s, r.step_s - cost.even_s);
  EXPECT_DOUBLE_EQ(cost.step_share, cost.step_s / r.step_s);
  const double rate = r.tokens_per_step / cost.even_s / r.gpus;
  EXPECT_NEAR(r.tokens_per_second_per_gpu + cost.tokens_per_second_per_gpu, rate, 1e-6 * rate);
  EXPECT_NEAR(cost.dollars_per_trillion_tokens / r.run.dollars_per_trillion, cost.step_share, 1e-9);
}

TEST(TrainingAnalysis, WithoutItNothingIsSaidOfWhatImbalanceCosts) {
  const TrainingResult r = RunTraining(Small(), Quick());
  EXPECT_FALSE(r.imbalance.cost.has_value());
  const auto imbalance = nlohmann::json::parse(TrainingJson(r)).at("imbalance");
  for (const char* key : {"step_share", "step_s", "tokens_per_second_per_gpu", "dollars_per_trillion_tokens",
                          "even_step_s", "work_not_done_s"})
    EXPECT_TRUE(imbalance.at(key).is_null()) << key;
}

TEST(Capacity, LeavesWorkUndoneWhichIsNoGainOfBalance) {
  const Scenario limited = Small({"routing={strategy: none, capacity_factor: 1}"});
  const TrainingResult all = RunTraining(Small({"routing.strategy=none"}), Analysed()),
                       some = RunTraining(limited, Analysed());
  EXPECT_EQ(all.imbalance.dropped_share, 0);
  ASSERT_GT(some.imbalance.dropped_share, 0.1) << "an unbalanced router over capacity 1";
  const ImbalanceCost &whole = *all.imbalance.cost, &kept = *some.imbalance.cost;
  EXPECT_NEAR(kept.even_s + kept.undone_s, whole.even_s, 1e-9) << "every row, evenly spread";
  EXPECT_GT(kept.undone_s, 0);
  EXPECT_GT(kept.step_share, 0) << "what is computed is still uneven";
  EXPECT_LT(kept.step_share, whole.step_share);
  EXPECT_NEAR(some.step_s, whole.even_s - kept.undone_s + kept.step_s, 1e-9);
  const std::string text = TrainingText(some);
  EXPECT_THAT(text, testing::HasSubstr("of all selections dropped: neither sent nor computed"));
  EXPECT_THAT(text, testing::HasSubstr("work not done"));
  EXPECT_THAT(TrainingText(all), testing::Not(testing::HasSubstr("work not done")));
  const auto json = nlohmann::json::parse(TrainingJson(some)).at("imbalance");
  EXPECT_DOUBLE_EQ(json.at("dropped_share"), some.imbalance.dropped_share);
  EXPECT_DOUBLE_EQ(json.at("work_not_done_s"), kept.undone_s);
}

TEST(Capacity, DropsTheShareThatTheLoadsSay) {
  const Scenario s = Small({"routing={strategy: none, capacity_factor: 1.25}"});
  const TrainingModel model(s);
  models::ExchangeLoad load;
  double dropped = 0, asked = 0;
  for (int layer = 0; layer < model.MoeLayers(); ++layer) {
    for (int i = 0; i < s.MicroBatches() * 2; ++i) {  // two exchange groups of four ranks
      model.loads()->Sample(layer, i / 2, i % 2, &load);
      dropped += static_cast<double>(load.dropped_rows), asked += 4 * 1024 * 8;
    }
  }
  EXPECT_NEAR(model.Simulate({}).dropped_share, dropped / asked, 1e-12);
}

TEST(ExpertChoice, IsWarnedOfWhereverItIsRun) {
  for (const bool fold : {false, true}) {
    RunOptions options = Quick();
    options.fold = fold;
    const TrainingResult r = RunTraining(Small({"routing.strategy=expert-choice"}), options);
    ASSERT_TRUE(r.imbalance.leak.has_value());
    // K log2((1 - R) / R) of top-8 of 64: R = 1/8, so 8 log2 7, in each of 5 MoE layers.
    EXPECT_NEAR(r.imbalance.leak->bits_per_token_layer, 8 * std::log2(7.0), 1e-9);
    EXPECT_NEAR(r.imbalance.leak->bits_per_token, 40 * std::log2(7.0), 1e-9);
    EXPECT_THAT(TrainingText(r), testing::HasSubstr("WARNING: a token's experts depend on later tokens"));
    EXPECT_THAT(TrainingText(r),
                testing::HasSubstr("22.5 bits a token and layer, 112 over its 5 MoE layers"));
    EXPECT_NEAR(nlohmann::json::parse(TrainingJson(r)).at("imbalance").at("leak_bits_per_token"),
                40 * std::log2(7.0), 1e-9);
  }
  EXPECT_FALSE(RunTraining(Small(), Quick()).imbalance.leak.has_value());
}

/// Holds of every pipeline rank.
std::vector<std::string> Held(const Scenario& scenario) {
  const TrainingModel model(scenario, true);
  std::vector<std::string> held;
  for (int rank = 0; rank < scenario.parallelism.pipeline; ++rank) held.push_back(model.Holds(rank));
  return held;
}

Scenario DeepSeekV3(const std::vector<std::string>& sets = {}) {
  return ReadTrainingScenario(LoadScenarioDocument("deepseek-v3-pretraining", sets), "v3");
}

TEST(StageChoice, OfDeepSeekV3IsFourLayersAStageAndOneBesideTheHeads) {
  const std::vector<std::string> held = Held(DeepSeekV3());
  ASSERT_EQ(held.size(), 16u);
  EXPECT_EQ(held[0], "embedding + 3 dense + 1 MoE | 1 MoE + head + MTP");
  EXPECT_EQ(held[15], "1 MoE + head + MTP | embedding + 3 dense + 1 MoE");
  for (std::size_t rank = 1; rank < 15; ++rank) EXPECT_EQ(held[rank], "4 MoE | 4 MoE");
}

TEST(StageChoice, CutsTheEndWhereItWouldHoldUpThirtyTwoRanks) {
  const std::vector<std::string> held =
      Held(DeepSeekV3({"parallelism={pipeline: 32, expert: 64, schedule: 1f1b}"}));
  EXPECT_THAT(held[31], testing::Not(testing::HasSubstr("MoE")));
  EXPECT_THAT(held[30], testing::AnyOf(testing::HasSubstr("head"), testing::HasSubstr("MTP")));
}

double FoldedStep(const Scenario& scenario) {
  RunOptions options = Quick();
  options.fold = true;
  return RunTraining(scenario, options).step_s;
}

TEST(StageChoice, EndsNoLaterThanOtherLayoutsOfTheSameSchedule) {
  for (const auto& [keys, layouts] :
       {std::pair<std::string, std::vector<std::string>>{
            "{pipeline: 4, expert: 4, schedule: 1f1b",
            {"[8, 8, 7, 7]", "[8, 8, 8, 6]", "[7, 8, 8, 7]", "[9, 8, 8, 5]", "[10, 10, 10, 0]"}},
        {"{pipeline: 4, expert: 4, schedule: dualpipe",
         {"[8, 8, 7, 7]", "[8, 8, 8, 6]", "[7, 8, 8, 7]", "[5, 10, 10, 5]", "[10, 5, 5, 10]"}},
        {"{pipeline: 4, expert: 4, schedule: dualpipev",
         {"[4, 4, 4, 4, 4, 4, 3, 3]", "[8, 8, 7, 7, 0, 0, 0, 0]", "[2, 4, 4, 4, 4, 4, 4, 4]"}},
        {"{pipeline: 4, expert: 4, schedule: interleaved-1f1b, virtual_stages: 2",
         {"[4, 4, 4, 4, 4, 4, 3, 3]", "[4, 4, 4, 4, 4, 4, 4, 2]", "[2, 4, 4, 4, 4, 4, 4, 4]"}}}) {
    const std::string model =
        "model={preset: deepseek-v3, override: {layers: 30, mtp_modules: 0, moe: {routed_experts: 64, "
        "groups: "
        "4, top_groups: 2}}}";
    const double chosen = FoldedStep(Small({model, "parallelism=" + keys + "}"}));
    for (const std::string& layout : layouts) {
      const double other =
          FoldedStep(Small({model, "parallelism=" + keys + ", layers_per_stage: " + layout + "}"}));
      // The choice plays chunks alone and sends that take no time.
      EXPECT_LE(chosen, other * 1.01) << keys << " " << layout;
    }
  }
}

// With slow ports the split that ends first leaves head and MTP module to different ranks, and rank 0 the
// embedding, a head and six layers: more than its memory holds.
TEST(StageChoice, TakesALayoutThatFitsWhereTheFirstToEndDoesNot) {
  RunOptions options = Quick();
  options.fold = true;
  const TrainingResult r = RunTraining(DeepSeekV3({"cluster.device.scale_out=22 GB/s"}), options);
  for (const PipelineRankReport& rank : r.ranks) EXPECT_TRUE(rank.fits) << rank.holds;
}

// A dense model whose head is as much work as four layers: what ranks hold is as even under every schedule.
TEST(StageChoice, AHeavyHeadMakesNoScheduleOfSeveralStagesUneven) {
  const auto busiest_over_mean = [](const std::string& schedule) {
    const TrainingResult r = RunTraining(
        Small({"model={name: heavy-head, layers: 27, hidden: 4096, vocabulary: 262144, dense_intermediate: "
               "14336, attention: {kind: gqa, heads: 32, kv_heads: 8, head_dim: 128}}",
               "precision=bf16", "routing=null", "communication=null",
               "parallelism={pipeline: 4, schedule: " + schedule + "}"}),
        Quick());
    double most = 0, sum = 0;
    for (const PipelineRankReport& rank : r.ranks) {
      most = std::max(most, rank.busy_s);
      sum += rank.busy_s / static_cast<double>(r.ranks.size());
    }
    return most / sum;
  };
  // Thirty-one layers' work on four ranks: eight layers are 3 % above the mean.
  EXPECT_LT(busiest_over_mean("1f1b"), 1.06);
  EXPECT_LT(busiest_over_mean("dualpipev"), 1.06);
  EXPECT_LT(busiest_over_mean("dualpipe"), 1.06);
}

TEST(Zb1p, IsNotSlowerThanOneForwardOneBackwardWhereExchangesAreLong) {
  for (const char* pipeline : {"2", "4"}) {
    const std::string keys = std::string("parallelism={pipeline: ") + pipeline + ", expert: 8, schedule: ";
    EXPECT_LE(RunTraining(Small({keys + "zb1p}"}), Quick()).step_s,
              RunTraining(Small({keys + "1f1b}"}), Quick()).step_s)
        << pipeline;
  }
}

/// Pipeline ranks of less than a node, of a node and a half, and of one GPU; every exchange group that fits.
TEST(Placement, OfPipelineRanksThatFillNoNodeWorksUnderEverySchedule) {
  struct Degrees {
    int nodes, pipeline, data, expert;
  };
  for (const Degrees& d : {Degrees{4, 8, 4, 4},
                           {4, 8, 4, 1},
                           {4, 16, 2, 2},
                           {1, 4, 2, 2},
                           {1, 8, 1, 1},
                           {1, 2, 4, 4},
                           {3, 2, 12, 4},
                           {3, 6, 4, 2},
                           {5, 4, 10, 2},
                           {2, 2, 8, 8}}) {
    for (const char* schedule : {"dualpipe", "dualpipev", "1f1b", "interleaved-1f1b", "zb1p"}) {
      const int chunks = std::string(schedule) == "interleaved-1f1b" ? 2 : 1;
      const Scenario scenario = Small(
          {"model={preset: deepseek-v3, override: {layers: 32, mtp_modules: 0, moe: {routed_experts: 16, "
           "top_k: 4, groups: 1, top_groups: 1}}}",
           "cluster={preset: h800-512, nodes: " + std::to_string(d.nodes) + "}",
           "workload={kind: pretraining, sequence_length: 512, global_batch: " + std::to_string(48 * d.data) +
               " sequences}",
           "parallelism={pipeline: " + std::to_string(d.pipeline) + ", data: " + std::to_string(d.data) +
               ", expert: " + std::to_string(d.expert) + ", schedule: " + schedule +
               ", virtual_stages: " + std::to_string(chunks) + "}"});
      RunOptions folded = Quick();
      folded.fold = true;
      const TrainingResult r = RunTraining(scenario, folded);
      EXPECT_GT(r.step_s, 0) << schedule << " on " << d.nodes;
      const int copies = d.data * (std::string(schedule) == "dualpipe" ? 2 : 1);
      EXPECT_THAT(r.optimizer.how, testing::HasSubstr("over " + std::to_string(copies) + " copies (experts " +
                                                      std::to_string(copies / d.expert) + ")"))
          << schedule << " on " << d.nodes;
      EXPECT_EQ(r.optimizer.gradients_s > 0, copies > 1);
    }
  }
}

TEST(TrainingTrace, IsValidJsonWhoseSlicesDoNotOverlap) {
  RunOptions options = Quick();
  options.timeline = true;
  const auto trace = nlohmann::json::parse(TrainingTrace(Simulate(Small(), options), {0, 3}));
  std::map<std::pair<int, int>, double> end;
  int slices = 0;
  for (const auto& event : trace.at("traceEvents")) {
    if (event.at("ph") != "X") continue;
    ++slices;
    const double start = event.at("ts"), duration = event.at("dur");
    double& before = end[{event.at("pid"), event.at("tid")}];
    ASSERT_GE(start, before - 0.0021);  // written to the nanosecond
    ASSERT_GE(duration, 0);
    before = start + duration;
  }
  EXPECT_GT(slices, 500);
  EXPECT_EQ(end.begin()->first.first, 0);
  EXPECT_EQ(end.rbegin()->first.first, 3);
}

TEST(TrainingRun, StopsSoonAndLeavesNothing) {
  std::stop_source stop;
  const RunControl control(
      [&](double, std::string_view what) {
        if (what.find("each resource") != std::string_view::npos) stop.request_stop();
      },
      stop.get_token());
  EXPECT_THROW(Simulate(Small(), Analysed(), control), Stopped);
}

TEST(TrainingRun, RecordsWhatHappensWithoutChangingIt) {
  RunOptions options = Quick();
  const auto plain = Simulate(Small(), options);
  options.timeline = true;
  const auto recorded = Simulate(Small(), options);
  EXPECT_EQ(plain.outcome.pipeline, recorded.outcome.pipeline);
  EXPECT_EQ(plain.outcome.timeline.spans(), 0u);
  EXPECT_LE(recorded.outcome.timeline.At(recorded.outcome.timeline.Last()).end(), recorded.outcome.pipeline);
  EXPECT_GT(recorded.outcome.timeline.spans(), 1000u);
}

TEST(TrainingRun, KeepsTheTimelineOnlyWhereItIsAskedFor) {
  RunOptions options = Analysed();
  const auto freed = Simulate(Small(), options);
  EXPECT_EQ(freed.outcome.timeline.spans(), 0u);
  EXPECT_FALSE(freed.result.critical_path.empty()) << "it was walked before";
  options.timeline = true;
  EXPECT_GT(Simulate(Small(), options).outcome.timeline.spans(), 1000u);
}

TEST(TrainingRun, OnASharedMachineIsTheSame) {
  RunOptions options = Quick();
  options.machine = LoadMachine(Small());
  for (const bool fold : {true, false, true}) {  // the last with everything remembered
    options.fold = fold;
    RunOptions alone = options;
    alone.machine = nullptr;
    for (const std::vector<std::string>& sets : {std::vector<std::string>{}, {"precision=bf16"}})
      EXPECT_EQ(JsonWithoutSimulator(RunTraining(Small(sets), options)),
                JsonWithoutSimulator(RunTraining(Small(sets), alone)));
  }
}

/// What a timeline and a model tell beyond the result: the sums agree with it.
TEST(WhatHappened, WaitsOfATimelineAddUpToTheReportedOnes) {
  RunOptions options = Quick();
  options.timeline = true;
  // Two nodes: one exchange group of every pipeline rank, so that the timeline is of all GPUs.
  const auto run = Simulate(Small({"cluster={preset: h800-512, nodes: 2}"}), options);
  const Scenario& s = run.model->scenario();
  const int pipeline = s.parallelism.pipeline, group = s.parallelism.expert;
  ASSERT_EQ(run.outcome.columns, group);
  const auto waits = ExchangeWaits(run.outcome.timeline, pipeline, s.MicroBatches());
  const WaitSums sums = SumWaits(waits, pipeline, group, run.model->MoeLayers(), s.MicroBatches());
  double waited = 0;
  for (const double seconds : sums.by_layer) waited += seconds;
  EXPECT_NEAR(waited / run.outcome.gpus, run.result.communication.notify_s, 1e-9);
}

TEST(TrainingTrace, RefusesRanksThatDoNotExist) {
  EXPECT_EQ(ErrorOf([&] { CheckTraceRanks(Small(), {4}); }),
            "--trace-ranks 4: expected pipeline ranks from 0 to 3");
  EXPECT_EQ(ErrorOf([&] { CheckTraceRanks(Small(), {-1}); }),
            "--trace-ranks -1: expected pipeline ranks from 0 to 3");
}

/// What a run is refused with.
std::string Refusal(const std::vector<std::string>& sets, bool fold) {
  RunOptions options = Quick();
  options.fold = fold;
  return ErrorOf([&] { RunTraining(Small(sets), options); });
}

TEST(Folded, IsRefusedWhateverIsRefusedUnfolded) {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / "orrery_folded_loads.csv";
  std::string all_on_one = "layer,expert,count\n0,0,5\n";
  for (int e = 1; e < 64; ++e) all_on_one += "0," + std::to_string(e) + ",0\n";
  for (const std::string& text :
       {std::string("layer,expert,count\n0,64,5\n"), all_on_one, std::string("a,b\n")}) {
    std::ofstream(file) << text;
    const std::vector<std::string> sets = {"routing={loads: " + QuoteYaml(file.string()) + "}"};
    EXPECT_EQ(Refusal(sets, true), Refusal(sets, false)) << text;
  }
  const std::string no_loads =
      QuoteYaml((ResourceRoot() / "scenarios/deepseek-v3-pretraining.yaml").string());
  for (const std::string& section :
       {"{loads: " + no_loads + "}", std::string("{strategy: expert-choice, chunk: 4 tokens}"),
        std::string("{strategy: none, sequence_length: 1000 tokens}"),
        std::string("{placement: eplb, redundant_experts: 3}")}) {
    EXPECT_EQ(Refusal({"routing=" + section}, true), Refusal({"routing=" + section}, false)) << section;
  }
  std::filesystem::remove(file);
}

/// Activation bytes of the pipeline ranks.
std::vector<std::int64_t> Activations(const std::vector<std::string>& sets) {
  std::vector<std::int64_t> bytes;
  for (const PipelineRankReport& rank : RunTraining(Small(sets), Quick()).ranks)
    bytes.push_back(rank.memory.activations.count);
  return bytes;
}

TEST(TrainingMemory, UnderOneForwardOneBackwardTheFirstRankHoldsMost) {
  const auto bytes = Activations({"parallelism.schedule=1f1b", "parallelism.layers_per_stage=[2, 2, 2, 2]"});
  EXPECT_GT(bytes[1],
            bytes[2]);  // ranks 1 and 2 both hold layers of experts in part: 3 against 2 chunks in flight
  EXPECT_GT(bytes[2], bytes[3]);
}

TEST(TrainingMemory, LongerSequencesHoldMoreActivationsAndTheSameWeights) {
  const TrainingResult a = RunTraining(Small(), Quick());
  const TrainingResult b = RunTraining(Small({"workload.sequence_length=2048"}), Quick());
  for (std::size_t i = 0; i < a.ranks.size(); ++i) {
    EXPECT_GT(b.ranks[i].memory.activations, a.ranks[i].memory.activations);
    EXPECT_EQ(b.ranks[i].memory.weights, a.ranks[i].memory.weights);
    EXPECT_EQ(b.ranks[i].memory.optimizer, a.ranks[i].memory.optimizer);
  }
}

TEST(TrainingMemory, WithoutZeroTheOptimizerStateIsWhole) {
  const auto optimizer = [](int zero) {
    return RunTraining(Small({"parallelism.zero=" + std::to_string(zero)}), Quick())
        .ranks[0]
        .memory.optimizer;
  };
  EXPECT_GT(optimizer(0).count, 2 * optimizer(1).count);
}

/// The step under a data sheet of the H800 in which one text is another; exchanges over four nodes.
TrainingResult WithSheet(const std::string& from, const std::string& to) {
  const EditedHome home("hw/data/h800-sxm/device.yaml", from, to);
  return RunTraining(Small({"parallelism={pipeline: 2, expert: 16, schedule: dualpipe}"}), Quick());
}

// The kernels and exchanges of the tables were measured under a sheet of their own, which they name.
TEST(TrainingRun, AChangedSheetChangesTheStepItsWay) {
  const TrainingResult now = WithSheet("watts: 700", "watts: 699");
  const auto slower = [&](const char* from, const char* to) {
    const TrainingResult r = WithSheet(from, to);
    EXPECT_GT(r.step_s, 1.01 * now.step_s) << to;
    EXPECT_LT(r.measured, now.measured) << "scaled, and said to be";
  };
  const auto faster = [&](const char* from, const char* to) {
    const TrainingResult r = WithSheet(from, to);
    EXPECT_LT(r.step_s, 0.999 * now.step_s) << to;
    EXPECT_LT(r.measured, now.measured) << "scaled, and said to be";
  };
  slower("scale_out: 50 GB/s", "scale_out: 22 GB/s");
  faster("scale_out: 50 GB/s", "scale_out: 400 GB/s");
  slower("scale_up: 200 GB/s", "scale_up: 20 GB/s");
  faster("scale_up: 200 GB/s", "scale_up: 900 GB/s");
  slower("memory_rate: 3.35 TB/s", "memory_rate: 1 TB/s");
  faster("memory_rate: 3.35 TB/s", "memory_rate: 8 TB/s");
  slower("fp8: 1979 TFLOPS", "fp8: 1000 TFLOPS");  // a faster peak alone waits for its operands
}

TEST(TrainingRun, EndsOrIsRefusedWithTheStepNamedUnderAnySheet) {
  const auto refusal = [](const char* from, const char* to) { return ErrorOf([&] { WithSheet(from, to); }); };
  EXPECT_THAT(refusal("scale_up: 200 GB/s", "scale_up: 1 B/s"), testing::HasSubstr("exchange "));
  EXPECT_THAT(refusal("scale_out: 50 GB/s", "scale_out: 1 B/s"),
              testing::AnyOf(testing::HasSubstr("exchange "), testing::HasSubstr("a message of ")));
  EXPECT_THAT(refusal("memory_rate: 3.35 TB/s", "memory_rate: 1 B/s"), testing::HasSubstr("kernel "));
  EXPECT_THAT(refusal("fp8: 1979 TFLOPS", "fp8: 0.000001 TFLOPS"), testing::HasSubstr("days"));
}

}  // namespace
}  // namespace orrery::scenarios
