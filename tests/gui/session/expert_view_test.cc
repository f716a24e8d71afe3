#include "gui/session/expert_view.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "models/routing/sources/routing_options.h"
#include "scenarios/run.h"
#include "scenarios/studies/routing_report.h"
#include "tests/gui/session/small_scenario.h"

namespace orrery::gui {
namespace {

using testing::HasSubstr;

/// The loads of the small scenario: 64 experts on 4 ranks.
std::shared_ptr<const models::LoadSource> Source(const std::vector<std::string>& more = {}) {
  return scenarios::MakeScenarioLoads(*SmallPlan(more)->training());
}

constexpr int kLayers = 5;
const std::vector<std::string> kEplb = {"routing={placement: eplb, redundant_experts: 8}"};

LoadRequest Asked(LoadCount count, LoadColumns columns) {
  LoadRequest request;
  request.count = count, request.columns = columns;
  request.micro_batch = 3, request.micro_batches = 6;
  return request;
}

models::LoadMap MapOf(const models::LoadSource& source, const std::vector<int>& micro_batches) {
  std::vector<int> layers(kLayers);
  std::iota(layers.begin(), layers.end(), 0);
  return models::MapLoads(source, layers, micro_batches);
}

TEST(ViewLoads, RanksOfAMicroBatchAreThoseOfTheLoadMap) {
  for (const auto& placement : {std::vector<std::string>{}, kEplb}) {
    const auto source = Source(placement);
    const models::LoadMap map = MapOf(*source, {3});
    const models::PlacedRows& placed = map.after.slots > 0 ? map.after : map.before;
    const LoadView view = ViewLoads(*source, kLayers, Asked(LoadCount::kMicroBatch, LoadColumns::kRanks));
    ASSERT_EQ(view.layers, kLayers);
    ASSERT_EQ(view.columns, 4);
    for (int l = 0; l < kLayers; ++l) {
      const auto rows = placed.RankRows(l, 0);
      const double mean = std::accumulate(rows.begin(), rows.end(), 0.0) / 4;
      for (int r = 0; r < 4; ++r) EXPECT_NEAR(view.At(l, r), rows[static_cast<std::size_t>(r)] / mean, 1e-12);
      const LayerLoad& row = view.rows[static_cast<std::size_t>(l)];
      EXPECT_NEAR(row.hottest_excess, placed.HottestRank(l), 1e-12);
      EXPECT_EQ(view.At(l, row.hottest_rank), 1 + row.hottest_excess);
    }
  }
}

TEST(ViewLoads, ExpertsCountAllTheirSlots) {
  const auto source = Source(kEplb);
  const models::LoadMap map = MapOf(*source, {3});
  const LoadView view = ViewLoads(*source, kLayers, Asked(LoadCount::kMicroBatch, LoadColumns::kExperts));
  ASSERT_EQ(view.columns, 64);
  const auto rows = map.after.ExpertRows(2, 64);
  const double all = std::accumulate(rows.begin(), rows.end(), 0.0);
  for (int e = 0; e < 64; ++e)
    EXPECT_NEAR(view.At(2, e), static_cast<double>(rows[static_cast<std::size_t>(e)]) * 64 / all, 1e-12);
  const LoadView slots = ViewLoads(*source, kLayers, Asked(LoadCount::kMicroBatch, LoadColumns::kSlots));
  EXPECT_EQ(slots.columns, 72);
  double replicas = 0;
  for (int s = 0; s < 72; ++s)
    if (slots.ExpertAt(2, s) == 5) replicas += slots.At(2, s) / 72;
  EXPECT_NEAR(replicas, view.At(2, 5) / 64, 1e-12);
}

TEST(ViewLoads, SortedHasTheFullestFirst) {
  const auto source = Source();
  const LoadView order = ViewLoads(*source, kLayers, Asked(LoadCount::kMicroBatch, LoadColumns::kExperts));
  const LoadView sorted = ViewLoads(*source, kLayers, Asked(LoadCount::kMicroBatch, LoadColumns::kSorted));
  for (int l = 0; l < kLayers; ++l) {
    for (int c = 0; c < 64; ++c) {
      EXPECT_GE(sorted.At(l, std::max(0, c - 1)), sorted.At(l, c));
      EXPECT_EQ(sorted.At(l, c), order.At(l, sorted.ExpertAt(l, c)));
    }
    EXPECT_DOUBLE_EQ(sorted.At(l, 0), 1 + sorted.rows[static_cast<std::size_t>(l)].balance.max_vio);
  }
}

TEST(ViewLoads, AStepIsEvenerThanItsMicroBatches) {
  const auto source = Source();
  const LoadView one = ViewLoads(*source, kLayers, Asked(LoadCount::kMicroBatch, LoadColumns::kRanks));
  const LoadView step = ViewLoads(*source, kLayers, Asked(LoadCount::kStep, LoadColumns::kRanks));
  EXPECT_LT(step.mean.max_vio, one.mean.max_vio);
  const models::LoadMap map = MapOf(*source, {0, 1, 2, 3, 4, 5});
  for (int l = 0; l < kLayers; ++l)
    EXPECT_NEAR(step.rows[static_cast<std::size_t>(l)].mean_excess, map.before.HottestRank(l), 1e-12);
}

TEST(ViewLoads, OfTheMixHasTheFiguresOfTheRoutingReport) {
  const auto plan = SmallPlan();
  const scenarios::Scenario& s = *plan->training();
  const models::RoutingSection section = models::ResolveRouting(s.Routing(), *s.model.moe);
  scenarios::RoutingRequest request = scenarios::RequestFor(s.model, section);
  request.training = scenarios::LoadsKeyOf(s)->shape;
  request.layers = kLayers, request.steps = 0, request.seed = s.seed, request.ranks = {4};
  const scenarios::RoutingReport report = scenarios::MakeRoutingReport(request);
  const auto source = Source();
  const LoadView mix = ViewLoads(*source, kLayers, Asked(LoadCount::kMix, LoadColumns::kExperts));
  EXPECT_NEAR(mix.mean.max_vio, report.global.max_vio, 1e-6);
  EXPECT_NEAR(mix.mean.cv, report.global.cv, 1e-6);
  EXPECT_NEAR(mix.mean.gini, report.global.gini, 1e-6);
  LoadRequest domain = Asked(LoadCount::kDomain, LoadColumns::kExperts);
  domain.domain = 1;
  const LoadView one = ViewLoads(*source, kLayers, domain);
  EXPECT_NEAR(one.mean.max_vio, report.by_domain[1].max_vio, 1e-6);
  EXPECT_GT(one.mean.max_vio, mix.mean.max_vio) << "balanced over the mix, not in a domain";
  domain.domain = 99;
  EXPECT_THROW(ViewLoads(*source, kLayers, domain), InputError);
}

TEST(ViewRecorded, DrawsTheRecordAsItIs) {
  models::ExpertLoads loads;
  loads.domains = {"code", "prose"};
  loads.share = {0.5, 0.5};
  loads.experts = 4;
  loads.load = {{{4, 2, 1, 1}, {0, 2, 2, 4}}};
  const LoadView mix = ViewRecorded(loads, 2, Asked(LoadCount::kMix, LoadColumns::kRanks));
  EXPECT_NEAR(mix.At(0, 0), 1.0, 1e-12);
  LoadRequest prose = Asked(LoadCount::kDomain, LoadColumns::kExperts);
  prose.domain = 1;
  const LoadView view = ViewRecorded(loads, 2, prose);
  EXPECT_EQ(view.values, (std::vector<double>{0, 1, 1, 2}));
  EXPECT_EQ(view.rows[0].dead, 1);
  EXPECT_EQ(view.rows[0].above_two, 0) << "twice the mean is not above it";
  EXPECT_EQ(view.rows[0].hottest_rank, 1);
  EXPECT_DOUBLE_EQ(view.rows[0].hottest_excess, 0.5);
  EXPECT_EQ(view.Clipped(1.5), 2) << "the dead one and the fullest";
  EXPECT_THROW(ViewRecorded(loads, 3, Asked(LoadCount::kMix, LoadColumns::kRanks)), InputError);
  EXPECT_THROW(ViewRecorded(loads, 2, Asked(LoadCount::kMicroBatch, LoadColumns::kExperts)), InputError);
}

TEST(ViewRecorded, ReadsThePublishedLoads) {
  const models::ExpertLoads loads = models::ReadExpertLoads("docs/examples/expert-loads.csv");
  const LoadView view = ViewRecorded(loads, 8, Asked(LoadCount::kMix, LoadColumns::kExperts));
  EXPECT_EQ(view.layers, loads.layers());
  EXPECT_EQ(view.columns, loads.experts);
  EXPECT_NEAR(view.rows[0].balance.cv, models::Balance(loads.Mix(0)).cv, 1e-9);
}

TEST(ScaleLimit, IsFixedByWhatIsCounted) {
  EXPECT_EQ(ScaleLimit(Asked(LoadCount::kMicroBatch, LoadColumns::kRanks)), 1.32);
  EXPECT_EQ(ScaleLimit(Asked(LoadCount::kMicroBatch, LoadColumns::kSorted)), 2);
  EXPECT_EQ(ScaleLimit(Asked(LoadCount::kDomain, LoadColumns::kExperts)), 8);
}

TEST(Strips, PlansHelpAsFarAsTheyKnowTheMicroBatch) {
  const auto source = Source({"routing.strategy=none"});
  StripRequest request;
  request.layer = 1, request.micro_batch = 70, request.redundant = 16;
  const std::vector<RankStrip> strips = StripsOf(*source, request);
  ASSERT_EQ(strips.size(), 4u);
  const RankStrip &in_order = strips[0], &scenario = strips[1], &planned = strips[2], &best = strips[3];
  EXPECT_LE(best.excess, planned.excess);
  EXPECT_LT(planned.excess, in_order.excess);
  EXPECT_EQ(best.slots, 80);
  EXPECT_THAT(scenario.why_not, HasSubstr("in order"));
  for (const RankStrip& strip : {in_order, planned, best}) {
    EXPECT_NEAR(std::accumulate(strip.ranks.begin(), strip.ranks.end(), 0.0), 4, 1e-9);
    EXPECT_NEAR(strip.ranks[static_cast<std::size_t>(strip.hottest)], 1 + strip.excess, 1e-9);
  }
}

TEST(Strips, TheScenariosOwnPlacementIsTheMapsColumn) {
  const auto source = Source(kEplb);
  StripRequest request;
  request.layer = 2, request.micro_batch = 3, request.redundant = 8;
  const std::vector<RankStrip> strips = StripsOf(*source, request);
  const LoadView view = ViewLoads(*source, kLayers, Asked(LoadCount::kMicroBatch, LoadColumns::kRanks));
  ASSERT_TRUE(strips[1].why_not.empty());
  for (int r = 0; r < 4; ++r) EXPECT_NEAR(strips[1].ranks[static_cast<std::size_t>(r)], view.At(2, r), 1e-12);
}

TEST(Strips, SayWhyThereIsNone) {
  const auto source = Source();
  StripRequest request;
  request.ranks = 24;
  const std::vector<RankStrip> strips = StripsOf(*source, request);
  EXPECT_THAT(strips[0].why_not, HasSubstr("64 experts in order do not divide among 24 ranks"));
  EXPECT_FALSE(strips[2].why_not.empty()) << "128 slots neither";
  request.redundant = 8;  // 72 slots
  EXPECT_TRUE(StripsOf(*source, request)[3].why_not.empty());
}

TEST(MoeLayerNames, CountAsTheModelDoes) {
  const auto plan = Plan::Load("deepseek-v3-pretraining");
  const std::vector<std::string> names = MoeLayerNames(plan->training()->model);
  ASSERT_EQ(names.size(), 59u);
  EXPECT_EQ(names.front(), "3");
  EXPECT_EQ(names[57], "60");
  EXPECT_EQ(names.back(), "MTP 1");
}

TEST(Lateness, AddsUpOverLayersAndOverRanks) {
  const auto plan = SmallPlan();
  scenarios::RunOptions options;
  options.analyse = false, options.timeline = true;
  const scenarios::Run run = scenarios::Simulate(*plan->training(), options);
  const scenarios::Scenario& s = *plan->training();
  const auto waits = scenarios::SumWaits(scenarios::ExchangeWaits(run.outcome.timeline, 4, s.MicroBatches()),
                                         4, 4, run.model->MoeLayers(), s.MicroBatches());
  const double step_s = run.result.step_s, dollars = run.result.run.dollars_per_trillion;
  double layers = 0, ranks = 0, shares = 0;
  int last = 0, most = 0;
  for (int l = 0; l < run.model->MoeLayers(); ++l)
    layers += LatenessOfLayer(waits, l, step_s, dollars).waited_s;
  for (int p = 0; p < 4; ++p) {
    for (int r = 0; r < 4; ++r) {
      const Lateness late = LatenessOfRank(waits, p, r, step_s, dollars);
      ranks += late.waited_s, shares += late.share, last += late.times_last;
      most = std::max(most, late.times_last);
    }
  }
  const Lateness all = LatenessOfAll(waits, step_s, dollars);
  EXPECT_GT(all.waited_s, 0);
  EXPECT_NEAR(layers, all.waited_s, 1e-9 * all.waited_s);
  EXPECT_NEAR(ranks, all.waited_s, 1e-9 * all.waited_s);
  EXPECT_NEAR(shares, all.share, 1e-12);
  EXPECT_LT(all.share, 1);
  EXPECT_NEAR(all.dollars_per_trillion, all.step_s / step_s * dollars, 1e-9 * dollars);
  ASSERT_TRUE(MostOftenLast(waits));
  EXPECT_EQ(MostOftenLast(waits)->times_last, most);
  EXPECT_FALSE(MostOftenLast(scenarios::WaitSums{}));
}

}  // namespace
}  // namespace orrery::gui
