// Every source where ranks route different numbers of tokens, as in a batch of requests that are decoded.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "models/routing/sampling/exchange.h"
#include "models/routing/sources/choice_loads.h"
#include "models/routing/sources/planned_loads.h"
#include "models/routing/sources/recorded_loads.h"
#include "models/routing/sources/synthetic_loads.h"

namespace orrery::models {
namespace {

using testing::HasSubstr;

const LoadShape kShape{64, 16, 8, 512, 6, 4, 2};  // two nodes of eight ranks

struct NamedSource {
  std::string name;
  std::unique_ptr<LoadSource> loads;
};

SyntheticOptions ChoosingOptions() {
  SyntheticOptions o = DefaultOptions(Strategy::kExpertChoice, 0);
  o.sequence_length = 128;
  return o;
}

std::unique_ptr<TableLoads> Recorded(const LoadShape& shape) {
  std::vector<double> load(64);
  std::iota(load.begin(), load.end(), 20.0);
  const ExpertLoads file{"file", {"all"}, {1.0}, 64, 0, {{load}, {load}}, false};
  return std::make_unique<RecordedLoads>(shape, file, TextMix{{1.0}, 4096, 1, 4}, 2, 1);
}

/// One of every kind, of two layers.
std::vector<NamedSource> EverySource(const LoadShape& shape) {
  std::vector<NamedSource> all;
  all.push_back({"uniform", std::make_unique<UniformLoads>(shape, 1)});
  all.push_back({"synthetic", std::make_unique<SyntheticLoads>(shape, SyntheticOptions{}, 2, 1)});
  all.push_back({"choice", std::make_unique<ChoiceLoads>(shape, ChoosingOptions(), 2, 1)});
  all.push_back({"recorded", Recorded(shape)});
  const PlacementOptions eplb{true, 16, 4, 2};
  all.push_back(
      {"planned uniform", std::make_unique<PlannedLoads>(std::make_unique<UniformLoads>(shape, 1), eplb, 2)});
  all.push_back(
      {"planned synthetic", std::make_unique<PlannedLoads>(
                                std::make_unique<SyntheticLoads>(shape, SyntheticOptions{}, 2, 1), eplb, 2)});
  all.push_back(
      {"planned choice", std::make_unique<PlannedLoads>(
                             std::make_unique<ChoiceLoads>(shape, ChoosingOptions(), 2, 1), eplb, 2)});
  all.push_back({"planned recorded", std::make_unique<PlannedLoads>(Recorded(shape), eplb, 2)});
  return all;
}

double Sum(const std::vector<int>& v) { return std::accumulate(v.begin(), v.end(), 0.0); }

void ExpectSame(const ExchangeLoad& a, const ExchangeLoad& b) {
  EXPECT_EQ(a.expert_rows, b.expert_rows);
  EXPECT_EQ(a.unique_rows, b.unique_rows);
  EXPECT_EQ(a.scale_out_sent, b.scale_out_sent);
  EXPECT_EQ(a.scale_out_received, b.scale_out_received);
  EXPECT_EQ(a.scale_up_sent, b.scale_up_sent);
  EXPECT_EQ(a.scale_up_received, b.scale_up_received);
  EXPECT_EQ(a.dropped_rows, b.dropped_rows);
}

/// Ranks of very different size; one has nothing.
std::vector<int> Ragged(int scale) {
  std::vector<int> tokens;
  for (int r = 0; r < kShape.ranks; ++r) tokens.push_back(r == 5 ? 0 : scale * (1 + 7 * r % 16));
  return tokens;
}

TEST(TokensOfRank, ThatAreAllAlikeAreTheShapesOwn) {
  for (const int tokens : {512, 16}) {  // sampled, and routed one by one
    LoadShape shape = kShape;
    shape.tokens_per_rank = tokens;
    for (const NamedSource& source : EverySource(shape)) {
      SCOPED_TRACE(source.name);
      ExchangeLoad without, with;
      source.loads->Sample(1, 3, 2, &without);
      source.loads->Sample(1, 3, 2, std::vector<int>(16, tokens), &with);
      ExpectSame(with, without);
    }
  }
}

TEST(TokensOfRank, AreAllRoutedAndSentByTheRankThatHasThem) {
  for (const int scale : {64, 3}) {
    const std::vector<int> tokens = Ragged(scale);
    const double all = Sum(tokens);
    for (const NamedSource& source : EverySource(kShape)) {
      SCOPED_TRACE(source.name);
      const bool chosen = !source.loads->ExpertsPerToken(0).empty();
      ExchangeLoad load, again;
      source.loads->Sample(0, 5, 1, tokens, &load);
      source.loads->Sample(0, 5, 1, tokens, &again);
      ExpectSame(load, again);
      if (chosen) {
        EXPECT_GE(Sum(load.expert_rows), all * kShape.top_k) << "shares are rounded up";
      } else {
        EXPECT_EQ(Sum(load.expert_rows), all * kShape.top_k);
      }
      EXPECT_EQ(load.scale_out_sent[5], 0) << "it has no tokens";
      EXPECT_EQ(Sum(load.scale_out_sent), Sum(load.scale_out_received));
      EXPECT_EQ(Sum(load.scale_up_sent), Sum(load.scale_up_received));
      EXPECT_LE(Sum(load.unique_rows), Sum(load.expert_rows));
      for (std::size_t r = 0; r < tokens.size(); ++r) {
        EXPECT_LE(load.scale_out_sent[r], tokens[r]) << "one other node";
        EXPECT_LE(load.unique_rows[r], all);
      }
    }
  }
}

TEST(TokensOfRank, SampledAgreeWithRoutingEveryToken) {
  const SyntheticLoads loads(kShape, SyntheticOptions{}, 1, 1);
  LoadShape ragged = kShape;
  ragged.tokens_of_rank = Ragged(64);
  std::vector<double> sampled(16), exact(16);
  double unique[2] = {}, up[2] = {};
  ExchangeLoad load;
  for (int m = 0; m < 24; ++m) {
    loads.Sample(0, m, 0, ragged.tokens_of_rank, &load);
    for (std::size_t r = 0; r < 16; ++r) sampled[r] += load.scale_out_sent[r];
    unique[0] += Sum(load.unique_rows), up[0] += Sum(load.scale_up_sent);
    loads.SampleExactlyOn(ragged, SlotMap::Contiguous(64), 0, m, 0, &load);
    for (std::size_t r = 0; r < 16; ++r) exact[r] += load.scale_out_sent[r];
    unique[1] += Sum(load.unique_rows), up[1] += Sum(load.scale_up_sent);
  }
  EXPECT_NEAR(unique[0], unique[1], 0.02 * unique[1]);
  EXPECT_NEAR(up[0], up[1], 0.02 * up[1]);
  for (std::size_t r = 0; r < 16; ++r)  // a rank of few tokens has few documents, whose domains differ
    EXPECT_NEAR(sampled[r], exact[r], 0.15 * exact[r] + 24) << ragged.tokens_of_rank[r] << " tokens";
}

TEST(TokensOfRank, OfExpertsThatChooseGiveEachExpertItsShareOfEveryChunk) {
  const ChoiceLoads loads(kShape, ChoosingOptions(), 1, 1);
  const std::vector<int> tokens = Ragged(64);
  int each = 0;  // of every expert, in chunks of 128 tokens and what is left
  for (const int n : tokens)
    for (int left = n; left > 0; left -= 128) each += ChoiceCapacity(std::min(left, 128), 6, 64);
  ExchangeLoad load;
  loads.Sample(0, 0, 0, tokens, &load);
  EXPECT_THAT(load.expert_rows, testing::Each(each));
  LoadShape ragged = kShape;
  ragged.tokens_of_rank = tokens;
  loads.SampleExactlyOn(ragged, SlotMap::Contiguous(64), 0, 0, 0, &load);
  EXPECT_THAT(load.expert_rows, testing::Each(each));
}

TEST(TokensOfRank, ShareTheCapacityOfAllTokensThatAreThere) {
  LoadShape shape = kShape;
  shape.capacity_factor = 1.25;
  const SyntheticLoads loads(shape, SyntheticOptions{}, 1, 1);
  const std::vector<int> tokens = Ragged(64);
  LoadShape ragged = shape;
  ragged.tokens_of_rank = tokens;
  ExchangeLoad load;
  loads.Sample(0, 0, 0, tokens, &load);
  EXPECT_GT(load.dropped_rows, 0);
  EXPECT_EQ(Sum(load.expert_rows) + static_cast<double>(load.dropped_rows), Sum(tokens) * 6.0);
  EXPECT_EQ(SlotCapacity(ragged), static_cast<std::int64_t>(std::ceil(Sum(tokens) * 6 / 64.0 * 1.25)));
  EXPECT_LE(*std::max_element(load.expert_rows.begin(), load.expert_rows.end()), SlotCapacity(ragged));
}

TEST(TokensOfRank, MayAllBeNone) {
  for (const NamedSource& source : EverySource(kShape)) {
    SCOPED_TRACE(source.name);
    ExchangeLoad load;
    source.loads->Sample(0, 0, 0, std::vector<int>(16, 0), &load);
    EXPECT_EQ(Sum(load.expert_rows), 0);
    EXPECT_EQ(Sum(load.unique_rows), 0);
    EXPECT_EQ(Sum(load.scale_out_sent), 0);
    EXPECT_EQ(Sum(load.scale_up_sent), 0);
  }
}

TEST(TokensOfRank, AreRefusedWhereTheyAreNotThoseOfTheRanks) {
  const UniformLoads loads(kShape, 1);
  const auto why = [&](const std::vector<int>& tokens) -> std::string {
    ExchangeLoad load;
    try {
      loads.Sample(0, 0, 0, tokens, &load);
    } catch (const InputError& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_THAT(why(std::vector<int>(8, 1)), HasSubstr("tokens of 8 ranks, expected those of 16"));
  EXPECT_THAT(why({}), HasSubstr("tokens of 0 ranks"));
  std::vector<int> tokens(16, 1);
  tokens[3] = -2;
  EXPECT_THAT(why(tokens), HasSubstr("-2 tokens on rank 3, expected at least 0"));
  EXPECT_THAT(why(std::vector<int>(16, 1 << 26)), HasSubstr("expected 0 to 2^31 rows in all"));
}

TEST(LoadSources, AreStoppedWhileTheyAreMade) {
  std::stop_source stop;
  stop.request_stop();
  const RunControl control({}, stop.get_token());
  EXPECT_THROW(SyntheticLoads(kShape, SyntheticOptions{}, 1, 1, control), Stopped);
  EXPECT_THROW(ChoiceLoads(kShape, ChoosingOptions(), 1, 1, control), Stopped);
  EXPECT_THROW(PlannedLoads(std::make_unique<UniformLoads>(kShape, 1), {true, 16, 4, 2}, 1, 0, control),
               Stopped);
  const ExpertLoads file{"file", {"all"}, {1.0}, 64, 0, {{std::vector<double>(64, 1.0)}}, false};
  EXPECT_THROW(RecordedLoads(kShape, file, TextMix{{1.0}, 4096, 1, 4}, 1, 1, control), Stopped);
}

TEST(LoadSources, TellHowFarTheyAreMade) {
  double told = 0;
  const RunControl control([&](double share, std::string_view) { told = share; });
  SyntheticLoads(kShape, SyntheticOptions{}, 2, 1, control);
  EXPECT_EQ(told, 1);
}

TEST(LoadSources, SayOfThemselvesWhatAUserAsks) {
  for (const NamedSource& source : EverySource(kShape)) {
    SCOPED_TRACE(source.name);
    const LoadSource& loads = *source.loads;
    const bool planned = source.name.find("planned") == 0;
    EXPECT_EQ(loads.placement().eplb, planned);
    EXPECT_EQ(loads.routed_experts(), 64);
    EXPECT_EQ(&loads.logical() == &loads, !planned);
    EXPECT_EQ(loads.logical().shape().experts, 64);
    const ExpertPlacement placed = loads.PlacementAt(1, 5);
    EXPECT_EQ(placed.expert_of.size(), planned ? 80u : 64u);
    EXPECT_EQ(std::accumulate(placed.replicas.begin(), placed.replicas.end(), 0), loads.shape().experts);
    EXPECT_EQ(placed.expert_of == ContiguousPlacement(64).expert_of, !planned);
    ASSERT_NE(loads.FindTable(1), nullptr);
    EXPECT_EQ(loads.FindTable(1)->slots, loads.shape().experts);
    EXPECT_EQ(loads.FindTable(1)->domains, static_cast<int>(loads.DomainShares().size()));
    EXPECT_EQ(loads.ExpertsPerToken(0).empty(), source.name.find("choice") == std::string::npos);
    EXPECT_EQ(loads.NotConverged(), 0);
    ExchangeLoad load;
    EXPECT_EQ(loads.SampleTokenByToken(0, 0, 0, &load), source.name == "synthetic");
  }
}

}  // namespace
}  // namespace orrery::models
