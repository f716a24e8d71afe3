#include "scenarios/studies/routing_report.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "scenarios/studies/attention_report.h"  // both reports in one file: their names do not clash
#include "tests/core/told_and_stopped.h"
#include "tests/models/routing/section.h"

namespace orrery::scenarios {
namespace {

using testing::HasSubstr;
using testing::Not;

RoutingRequest Request(const std::string& yaml) {
  const models::ModelSpec model = models::ModelPreset("deepseek-v3");
  const Document doc = Document::Parse(yaml, "s.yaml");
  RoutingRequest r = RequestFor(model, models::ReadSection(doc, *model.moe));
  r.layers = 2, r.steps = 200, r.ranks = {8, 32, 320};
  return r;
}

const RoutingReport& LossFree() {
  static const RoutingReport report = MakeRoutingReport(Request("routing: {strategy: auxiliary-loss-free}"));
  return report;
}

TEST(RoutingReport, ALossFreeRouterIsEvenGloballyAndUnevenOnEachDomain) {
  const RoutingReport& r = LossFree();
  EXPECT_LT(r.global.max_vio, 0.1);
  for (const auto& s : r.by_domain) EXPECT_GT(s.max_vio, 1);
  EXPECT_EQ(r.loads.layers(), 2);
  EXPECT_LE(r.micro_batch->nodes_per_token, 4);
  EXPECT_GT(r.micro_batch->hottest_rank, 0.05);
}

TEST(RoutingReport, SaysInWordsHowEvenItIs) {
  RoutingReport r;
  r.loads.domains = {"law", "code"};
  r.loads.share = {0.5, 0.5};
  r.by_layer.resize(1);
  r.by_domain.resize(2);
  r.by_domain[0].max_vio = 0.2, r.by_domain[1].max_vio = 3, r.by_domain[1].dead = 0.125;
  const auto at = [&](double max_vio) {
    r.global.max_vio = max_vio;
    return RoutingText(r);
  };
  EXPECT_THAT(at(0.03),
              HasSubstr("the busiest expert has 1.03 times the mean, as even as loss-free balancing"));
  EXPECT_THAT(at(0.3), HasSubstr("between loss-free balancing and an auxiliary loss"));
  EXPECT_THAT(at(0.6), HasSubstr("as uneven as an auxiliary loss leaves it"));
  EXPECT_THAT(at(2), HasSubstr("more uneven than an auxiliary loss"));
  EXPECT_THAT(at(0.03), HasSubstr("of code alone 4.00 times;\n  with an expert a GPU"));
  EXPECT_THAT(at(0.03), HasSubstr("25.0 % of the time;\n  12.5 % of the experts are next to idle"));
  for (const char* explained : {"MaxVio: load of the busiest expert over the mean, minus 1",
                                "CV: standard deviation over the mean", "Gini: 0 where all have the same"})
    EXPECT_THAT(at(0), HasSubstr(explained));
  EXPECT_THAT(RoutingJson(r), HasSubstr("\"verdict\": \"over the mix"));
  EXPECT_THAT(at(0), Not(HasSubstr("model: ")));
  r.model_notes = {"only the text model is taken"};
  EXPECT_THAT(at(0), HasSubstr("model: only the text model is taken"));
  EXPECT_THAT(RoutingJson(r), HasSubstr("\"model_notes\""));
}

TEST(RoutingReport, RedundantExpertsHelpAndAStalePlanHelpsLess) {
  const RoutingReport& r = LossFree();
  ASSERT_EQ(r.ranks.size(), 3u);
  const RankBalance& ep32 = r.ranks[1];
  EXPECT_EQ(ep32.slots, 288);
  EXPECT_LT(*ep32.redundant, *ep32.eplb);
  EXPECT_LT(*ep32.eplb, *ep32.contiguous);
  EXPECT_GT(*ep32.stale, 3 * *ep32.redundant);
  EXPECT_FALSE(r.ranks[2].contiguous.has_value());  // 256 experts do not divide among 320 ranks
}

TEST(RoutingReport, DropsFewerTokensUnderALargerCapacityAndNoneWithout) {
  const auto& dropped = LossFree().micro_batch->dropped;
  for (std::size_t i = 1; i < dropped.size(); ++i) EXPECT_LE(dropped[i].second, dropped[i - 1].second);
}

TEST(RoutingReport, SaysWhatACapacityFactorDrops) {
  const RoutingReport r = MakeRoutingReport(Request("routing: {strategy: none, capacity_factor: 1.25}"));
  ASSERT_TRUE(r.micro_batch->lost.has_value());
  EXPECT_GT(*r.micro_batch->lost, 0.1);
  EXPECT_THAT(RoutingText(r), HasSubstr("of all selections dropped over capacity"));
  EXPECT_FALSE(LossFree().micro_batch->lost.has_value());
}

TEST(RoutingReport, SamplesMicroBatchesOnPlannedSlotsAndKeepsTheHeatMapOfExperts) {
  const RoutingReport plain = MakeRoutingReport(Request("routing: {strategy: none}"));
  const RoutingReport planned =
      MakeRoutingReport(Request("routing: {strategy: none, placement: eplb, redundant_experts: 64}"));
  EXPECT_LT(planned.micro_batch->hottest_rank, 0.5 * plain.micro_batch->hottest_rank);
  EXPECT_EQ(planned.loads.load, plain.loads.load);
  EXPECT_THAT(planned.source, HasSubstr("320 slots"));
}

TEST(RoutingReport, ShowsHowEveryStrategyWithSomethingToSettleSettles) {
  for (const std::string& strategy : models::StrategyNames()) {
    const RoutingReport r = MakeRoutingReport(Request("routing: {strategy: " + strategy + "}"));
    const bool settles = strategy != "balanced" && strategy != "expert-choice";
    EXPECT_EQ(r.training.has_value(), settles) << strategy;
    EXPECT_EQ(r.engine.find("routed tokens") != std::string::npos, settles) << strategy;
  }
}

TEST(RoutingReport, SaysWhereATrainingRunDoesNotEndAsTheConvergedRouter) {
  RoutingRequest fast = Request("routing: {update: proportional, rate: 1}");
  fast.steps = 1000;
  const RoutingReport diverged = MakeRoutingReport(fast);
  EXPECT_THAT(RoutingText(diverged), HasSubstr("no better than without balancing"));
  EXPECT_THAT(RoutingText(diverged), HasSubstr("does not end as even as the converged router"));
  const auto json = nlohmann::json::parse(RoutingJson(diverged))["training"];
  EXPECT_EQ(json["settling"], "no-better-than-unbalanced");
  EXPECT_TRUE(json["settled_step"].is_null());
  EXPECT_LT(json["max_vio_global_converged"], 0.1);
  EXPECT_THAT(RoutingComparisonText({diverged}), HasSubstr("its training run ends at MaxVio global"));
}

TEST(RoutingReport, OfARateOfZeroIsThatOfNone) {
  RoutingRequest request = Request("routing: {rate: 0}");
  request.steps = 1000;
  const RoutingReport still = MakeRoutingReport(request);
  EXPECT_EQ(still.loads.load, MakeRoutingReport(Request("routing: {strategy: none}")).loads.load);
  EXPECT_THAT(RoutingText(still), HasSubstr("nothing moves its biases"));
  EXPECT_THAT(RoutingText(still), Not(HasSubstr("WARNING")));
}

TEST(RoutingReport, SaysWhereNoBiasesBalanceTheText) {
  const RoutingReport alike = MakeRoutingReport(Request("routing: {affinity: {token: 0}}"));
  EXPECT_THAT(RoutingText(alike), HasSubstr("WARNING: no biases found"));
  EXPECT_GT(nlohmann::json::parse(RoutingJson(alike))["not_converged_excess"], 0.2);
  EXPECT_THAT(RoutingComparisonText({alike}), HasSubstr("NOT CONVERGED"));
  EXPECT_TRUE(nlohmann::json::parse(RoutingJson(LossFree()))["not_converged_excess"].is_null());
}

TEST(RoutingReport, ShowsWhatAShiftOfTheTextDoes) {
  RoutingRequest request = Request("routing: {shift: {step: 1200}}");
  request.steps = 2400;
  const RoutingReport r = MakeRoutingReport(request);
  EXPECT_GT(r.training->max_vio_at_shift, 5 * r.training->max_vio[11]);
  EXPECT_GT(r.training->resettled, 0);
  EXPECT_THAT(RoutingText(r), HasSubstr("text shifts at step 1200: MaxVio a batch 0.0"));
  const auto json = nlohmann::json::parse(RoutingJson(r));
  EXPECT_EQ(json["training"]["shift_step"], 1200);
  EXPECT_EQ(json["training"]["resettled_steps"], r.training->resettled);
  EXPECT_FALSE(nlohmann::json::parse(RoutingJson(LossFree()))["training"].contains("shift_step"));
  request.steps = 1250;
  EXPECT_THROW(MakeRoutingReport(request), InputError);
}

TEST(RoutingReport, SaysOfAShiftOnlyWhatTheRunShows) {
  RoutingRequest none = Request("routing: {strategy: none, shift: {step: 1}}");
  none.steps = 1000;
  const std::string text = RoutingText(MakeRoutingReport(none));
  EXPECT_THAT(text, HasSubstr("text shifts at step 1: MaxVio a batch "));
  EXPECT_THAT(text, Not(HasSubstr("before,")));  // no window ends before it
  EXPECT_THAT(text, Not(HasSubstr("settled again")));
  EXPECT_THAT(text, Not(HasSubstr("WARNING")));
  none.steps = 0;
  const RoutingReport untrained = MakeRoutingReport(none);
  EXPECT_THAT(RoutingText(untrained), HasSubstr("what the shift at step 1 does is not shown"));
  EXPECT_THAT(RoutingComparisonText({untrained}), HasSubstr("0 training steps do not show"));
}

TEST(RoutingReport, WarnsOfARunThatGrowsUnevenBeforeItsTextShifts) {
  RoutingRequest frozen = Request("routing: {rate_until: 500, shift: {step: 2000}}");
  frozen.steps = 2400;
  const RoutingReport r = MakeRoutingReport(frozen);
  EXPECT_THAT(RoutingText(r), HasSubstr("WARNING: the run does not get as even before the shift"));
  EXPECT_THAT(RoutingText(r), HasSubstr("nothing moves its biases any more"));
  const auto json = nlohmann::json::parse(RoutingJson(r))["training"];
  EXPECT_EQ(json["resettling"], "nothing-acts");
  EXPECT_GT(json["max_vio_global_before_shift"], 0.1);
}

TEST(RoutingReport, HasAStepTimeOnlyWhereOneIsGiven) {
  EXPECT_THAT(RoutingComparisonText({LossFree()}), Not(HasSubstr("time (s)")));
  EXPECT_THAT(RoutingComparisonCsv({LossFree()}), Not(HasSubstr("step_time_s")));
  RoutingRequest request = Request("routing: {strategy: balanced}");
  request.step_time = [](const models::LoadSource& source, const RunControl&) {
    return StepFigures{.step_s = double(source.shape().ranks), .tokens_per_s = 1e6, .fits = false};
  };
  const RoutingReport r = MakeRoutingReport(request);
  EXPECT_EQ(r.step->step_s, 64.0);
  EXPECT_THAT(RoutingComparisonText({r}), HasSubstr("64.0000"));
  EXPECT_THAT(RoutingComparisonText({r}), HasSubstr("DOES NOT FIT"));
  EXPECT_THAT(RoutingText(r), HasSubstr("DOES NOT FIT"));
  EXPECT_THAT(RoutingComparisonCsv({r}), HasSubstr("step_time_s"));
}

TEST(RoutingReport, TellsWhatItIsDoingAndIsStoppedInEveryPartOfIt) {
  const RoutingRequest request = Request("routing: {strategy: none}");
  ExpectToldAndStoppedInEveryPart(5, [&](const RunControl& control) { MakeRoutingReport(request, control); });
}

TEST(RoutingJson, HoldsTheHeatMapOfEveryLayerAndDomain) {
  const auto json = nlohmann::json::parse(RoutingJson(LossFree()));
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["heat_map"].size(), 2u * 16u);
  EXPECT_EQ(json["heat_map"][17]["layer"], 1);
  const auto load = json["heat_map"][5]["relative_load"].get<std::vector<double>>();
  EXPECT_NEAR(std::accumulate(load.begin(), load.end(), 0.0), 256, 1e-6);
  EXPECT_TRUE(json["ranks"][2]["contiguous_excess"].is_null());
  EXPECT_FALSE(json.contains("step_time_s"));
}

TEST(RoutingCsv, IsReadBackAsRecordedLoads) {
  const models::ExpertLoads again = models::ParseLoadsCsv(RoutingCsv(LossFree()), "again.csv");
  EXPECT_EQ(again.layers(), 2);
  EXPECT_EQ(again.domains.size(), 16u);
  EXPECT_NEAR(models::Balance(again.load[1][3]).cv, models::Balance(LossFree().loads.load[1][3]).cv, 1e-3);
}

TEST(RoutingCsv, GivesTheSharesAndTheImbalanceBack) {
  const std::string file = testing::TempDir() + "export.csv";
  std::ofstream(file) << RoutingCsv(LossFree());
  RoutingRequest request = Request("routing: {loads: " + file + "}");
  const RoutingReport again = MakeRoutingReport(request);
  for (std::size_t d = 0; d < 16; ++d) EXPECT_NEAR(again.loads.share[d], LossFree().loads.share[d], 1e-7);
  EXPECT_NEAR(again.global.max_vio, LossFree().global.max_vio, 1e-4);
  EXPECT_NEAR(again.micro_batch->hottest_rank, LossFree().micro_batch->hottest_rank, 0.01);
  EXPECT_NEAR(again.micro_batch->max_vio, LossFree().micro_batch->max_vio, 0.02);
  EXPECT_EQ(again.recorded_layers, 2);
  EXPECT_THAT(RoutingText(again), HasSubstr("2 layers that start over in the model's 59 MoE layers"));
  request.layers = 1;  // of the file's 2: everything is of the first
  const RoutingReport first = MakeRoutingReport(request);
  EXPECT_EQ(first.loads.layers(), 1);
  EXPECT_THAT(RoutingText(first), HasSubstr("mean over 1 layer (the file has 2, the model 59 MoE layers)"));
}

TEST(RoutingReport, TellsTheHottestExpertFromTheHottestSlot) {
  const RoutingReport one =
      MakeRoutingReport(Request("routing: {strategy: none, placement: eplb, redundant_experts: 64}"));
  const RoutingReport none = MakeRoutingReport(Request("routing: {strategy: none}"));
  EXPECT_NEAR(one.micro_batch->max_vio, none.micro_batch->max_vio, 0.02 * none.micro_batch->max_vio);
  EXPECT_LT(*one.micro_batch->hottest_slot, 0.6 * one.micro_batch->max_vio);
  EXPECT_THAT(RoutingText(one), HasSubstr("hottest slot +"));
  EXPECT_FALSE(none.micro_batch->hottest_slot.has_value());
  EXPECT_THAT(RoutingText(none), Not(HasSubstr("hottest slot")));
}

std::vector<std::string> Split(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream in(line);
  for (std::string cell; std::getline(in, cell, ',');) cells.push_back(cell);
  return cells;
}

/// The comparison's CSV as rows by column name.
std::vector<std::map<std::string, std::string>> ComparisonRows(const std::vector<RoutingReport>& reports) {
  std::istringstream in(RoutingComparisonCsv(reports));
  std::string line;
  std::getline(in, line);
  const std::vector<std::string> header = Split(line);
  std::vector<std::map<std::string, std::string>> rows;
  while (std::getline(in, line)) {
    const std::vector<std::string> cells = Split(line);
    EXPECT_EQ(cells.size(), header.size()) << line;
    auto& row = rows.emplace_back();
    for (std::size_t i = 0; i < std::min(cells.size(), header.size()); ++i) row[header[i]] = cells[i];
  }
  return rows;
}

TEST(RoutingComparison, HasEveryFigureInItsOwnColumn) {
  RoutingReport stepped = LossFree();
  stepped.training->settling = models::Settling::kSettled;
  stepped.training->settled = 300;
  stepped.step = StepFigures{
      .step_s = 36.8936, .tokens_per_s = 1023180, .dollars_per_trillion = 278000, .imbalance_share = 0.0394};
  const auto rows = ComparisonRows({stepped, MakeRoutingReport(Request("routing: {strategy: balanced}"))});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].at("strategy"), "auxiliary-loss-free");
  EXPECT_EQ(rows[0].at("max_vio_global"), fmt::format("{:.3f}", stepped.global.max_vio));
  EXPECT_EQ(rows[0].at("settled_step"), "300");
  EXPECT_EQ(rows[0].at("step_time_s"), "36.8936");
  EXPECT_EQ(rows[0].at("tokens_per_second"), "1023180");
  EXPECT_EQ(rows[0].at("cost_usd_per_trillion_tokens"), "278000");
  EXPECT_EQ(rows[0].at("imbalance_share_of_step"), "0.0394");
  EXPECT_EQ(rows[1].at("settled_step"), "-");
  EXPECT_EQ(rows[1].at("step_time_s"), "-");
  const std::string text = RoutingComparisonText({stepped});
  EXPECT_THAT(text, HasSubstr("   36.8936    1023180     278000     0.0394\n"));
}

TEST(RoutingReport, SamplesMicroBatchesOfReplannedRuns) {
  const auto hottest = [](const char* every) {
    const RoutingReport r = MakeRoutingReport(Request(
        std::string("routing: {strategy: auxiliary-loss-free, placement: eplb, redundant_experts: 64, ") +
        "planned_from: 15, replanned_every: " + every + "}"));
    return r.micro_batch->hottest_rank;
  };
  EXPECT_NE(hottest("15"), hottest("0")) << "not the micro-batches before the first new plan alone";
}

TEST(RoutingComparison, ShowsWhatACapacityDropsWhereOneIsSet) {
  const RoutingReport capped = MakeRoutingReport(Request("routing: {strategy: none, capacity_factor: 1.25}"));
  EXPECT_THAT(RoutingComparisonCsv({capped}), HasSubstr(",dropped_share,settled_step"));
  EXPECT_THAT(RoutingComparisonCsv({capped}), HasSubstr(fmt::format(",{:.4f},", *capped.micro_batch->lost)));
  EXPECT_THAT(RoutingComparisonCsv({LossFree()}), HasSubstr("dropped_share_at_1.25"));
}

TEST(RoutingText, NamesModelSourceAndSizes) {
  const std::string text = RoutingText(LossFree());
  for (const char* part : {"deepseek-v3: 256 routed experts, top-8, at most 4 of 8 groups",
                           "auxiliary-loss-free", "EP320", "too short a run"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(RoutingReport, IsDeterministic) {
  EXPECT_EQ(RoutingJson(LossFree()),
            RoutingJson(MakeRoutingReport(Request("routing: {strategy: auxiliary-loss-free}"))));
}

TEST(RoutingReport, OfADenseModelIsRefused) {
  models::ModelSpec dense = models::ModelPreset("deepseek-v3");
  dense.moe.reset();
  EXPECT_THROW(RequestFor(dense, {}), InputError);
}

TEST(RoutingReport, RefusesSizesThatCannotBe) {
  RoutingRequest r = Request("routing: {strategy: none}");
  r.ranks = {0};
  EXPECT_THROW(MakeRoutingReport(r), InputError);
  r.ranks = {8};
  r.layers = 0;
  EXPECT_THROW(MakeRoutingReport(r), InputError);
}

TEST(RoutingReport, OfExpertChoiceSaysWhatTokensGetAndWarnsOfTheLeak) {
  const RoutingReport r = MakeRoutingReport(Request("routing: {strategy: expert-choice}"));
  ASSERT_TRUE(r.choice.has_value());
  EXPECT_NEAR(r.global.max_vio, 0, 1e-5);
  EXPECT_GT(r.choice->experts_share.front(), 0.02);
  EXPECT_NEAR(r.choice->leak_bits_per_token_layer, 39.6, 0.1);
  EXPECT_FALSE(r.training.has_value());
  for (const char* part : {"have none and pass unserved", "WARNING", "39.6 bits a token and layer"})
    EXPECT_THAT(RoutingText(r), HasSubstr(part));
  EXPECT_THAT(RoutingComparisonText({r}), HasSubstr("no causal model"));
  const auto json = nlohmann::json::parse(RoutingJson(r));
  EXPECT_GT(json["expert_choice"]["unserved_share"], 0.02);
  EXPECT_FALSE(LossFree().choice.has_value());
}

TEST(RoutingReport, CountsAPlacedSharedExpertAmongTheSlotsOfEverySize) {
  const RoutingReport r =
      MakeRoutingReport(Request("routing: {placement: eplb, redundant_experts: 64, shared_expert: routed}"));
  ASSERT_EQ(r.ranks.size(), 3u);
  for (const RankBalance& b : r.ranks) {
    EXPECT_FALSE(b.contiguous.has_value());
    EXPECT_TRUE(b.redundant.has_value());
  }
  EXPECT_EQ(r.ranks[2].slots, 320);
  EXPECT_LT(*r.ranks[1].redundant, 0.3);
  EXPECT_THAT(RoutingText(r), HasSubstr("shared experts among the slots"));
}

TEST(RoutingReport, SaysWhatADeviceCapacityDropsOfTheGateValues) {
  const RoutingReport r =
      MakeRoutingReport(Request("routing: {capacity_factor: 1, capacity_per: device, never_dropped: 0.1}"));
  ASSERT_TRUE(r.micro_batch->lost_weight.has_value());
  EXPECT_GT(*r.micro_batch->lost_weight, 0.005);
  EXPECT_THAT(RoutingText(r), HasSubstr("of all gate values"));
}

TEST(RankBalances, OfThe16BLoadsShrinkWithRedundancyAsTheReferenceFound) {
  // Reference section 7: loss-free loads, EP8 0.80 contiguous to 0.06 packed, EP32 3.04 to 0.094 with 96
  // slots.
  const std::string file =
      std::string(ORRERY_SOURCE_DIR) + "/../shared/reference/routing/dsv3_figC10_expert_load_16B.csv";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no reference data";
  models::ExpertLoads all = models::ReadExpertLoads(file), free = all;
  free.domains.clear(), free.share.assign(3, 1.0 / 3);
  for (auto& layer : free.load) layer.clear();
  for (std::size_t d = 0; d < all.domains.size(); ++d) {
    if (all.domains[d].find("aux_loss_free") == std::string::npos) continue;
    free.domains.push_back(all.domains[d]);
    for (std::size_t l = 0; l < all.load.size(); ++l) free.load[l].push_back(all.load[l][d]);
  }
  const std::vector<RankBalance> b = RankBalances(free, 1, 8, {8, 32});
  EXPECT_NEAR(*b[0].contiguous, 0.80, 0.02);
  EXPECT_NEAR(*b[0].eplb, 0.06, 0.01);
  EXPECT_NEAR(*b[1].contiguous, 3.04, 0.03);
  EXPECT_NEAR(*b[1].redundant, 0.094, 0.01);
}

}  // namespace
}  // namespace orrery::scenarios
