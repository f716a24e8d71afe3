#include "models/routing/sources/expert_choice.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/random.h"
#include "models/routing/sources/choice_loads.h"
#include "models/routing/sources/planned_loads.h"
#include "tests/models/routing/section.h"

namespace orrery::models {
namespace {

using testing::Each;
using testing::HasSubstr;

const LoadShape kV3{256, 64, 8, 4096, 8, 8, 4};

template <class T>
double Sum(const std::vector<T>& v) {
  return std::accumulate(v.begin(), v.end(), 0.0);
}

/// Blocks of random affinities, few enough values that some are equal.
std::vector<float> RandomBlocks(int experts, int tokens, int values, std::uint64_t seed) {
  RandomStream random(seed, "affinities");
  std::vector<float> x(static_cast<std::size_t>((tokens + kLanes - 1) / kLanes * kLanes * experts));
  for (float& v : x)
    v = static_cast<float>(random.Below(static_cast<std::uint64_t>(values))) - static_cast<float>(values) / 3;
  return x;
}

float At(const std::vector<float>& x, int experts, int token, int expert) {
  return x[static_cast<std::size_t>((token / kLanes * experts + expert) * kLanes + token % kLanes)];
}

/// The definition: a stable sort of the chunk's tokens for each expert.
std::vector<std::vector<std::uint16_t>> Plainly(int experts, int tokens, int capacity,
                                                const std::vector<float>& x) {
  std::vector<std::vector<std::uint16_t>> chosen(static_cast<std::size_t>(tokens));
  for (int e = 0; e < experts; ++e) {
    std::vector<int> order(static_cast<std::size_t>(tokens));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return At(x, experts, a, e) > At(x, experts, b, e); });
    for (int i = 0; i < capacity; ++i)
      chosen[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])].push_back(
          static_cast<std::uint16_t>(e));
  }
  return chosen;
}

TEST(ExpertChoice, TakesEachExpertsBestTokensAsASortWouldTiesToTheFirst) {
  for (const auto& [experts, tokens, capacity, values] :
       {std::array{5, 13, 3, 4}, {16, 64, 9, 1000}, {3, 8, 8, 2}, {7, 21, 1, 1}, {4, 9, 0, 5}}) {
    const std::vector<float> x = RandomBlocks(experts, tokens, values, 3);
    ChosenTokens chosen;
    ChooseTokens(experts, tokens, capacity, x, &chosen);
    const auto plain = Plainly(experts, tokens, capacity, x);
    ASSERT_EQ(chosen.end.size(), plain.size());
    EXPECT_EQ(chosen.experts.size(), static_cast<std::size_t>(experts * capacity));
    for (std::size_t t = 0; t < plain.size(); ++t) {
      const std::vector<std::uint16_t> mine(chosen.experts.begin() + (t > 0 ? chosen.end[t - 1] : 0),
                                            chosen.experts.begin() + chosen.end[t]);
      EXPECT_EQ(mine, plain[t]) << "token " << t << " of " << tokens;
    }
  }
}

TEST(ExpertChoice, CapacityIsTheEvenShareOfTheChunkRoundedUp) {
  EXPECT_EQ(ChoiceCapacity(4096, 8, 256), 128);
  EXPECT_EQ(ChoiceCapacity(100, 6, 64), 10);
  EXPECT_EQ(ChoiceCapacity(1, 8, 256), 1);
}

TEST(ExpertChoice, LeaksOverFiftyBitsATokenInNineLayersOfTwoOfSixteen) {  // arXiv 2408.15664, section 5
  EXPECT_GT(9 * ChoiceLeakBits(2, 16), 50);
  EXPECT_LT(9 * ChoiceLeakBits(2, 16), 51);
  EXPECT_NEAR(ChoiceLeakBits(8, 256), 8 * std::log2(31.0), 1e-12);
  EXPECT_EQ(ChoiceLeakBits(8, 16), 0);
}

TEST(ExpertChoice, ThresholdsTakeTheirShareOfTheWeightedText) {
  const std::vector<float> x = RandomBlocks(6, 512, 100000, 4);
  const std::vector<double> weight{0.75, 0.25};
  const std::vector<float> threshold = ChoiceThresholds(6, 0.125, weight, x);
  ChosenTokens taken;
  TakeTokens(6, 512, threshold, x, &taken);
  std::vector<double> share(6);
  for (std::size_t t = 0; t < 512; ++t) {
    for (std::uint32_t i = t > 0 ? taken.end[t - 1] : 0; i < taken.end[t]; ++i)
      share[taken.experts[i]] += weight[t / 256] / 256;
  }
  EXPECT_THAT(share, Each(testing::DoubleNear(0.125, 0.75 / 256)));
}

SyntheticOptions Options(ChoiceChunk chunk = {}) {
  SyntheticOptions o = DefaultOptions(Strategy::kExpertChoice, 0);
  o.chunk = chunk;
  return o;
}

TEST(ChoiceLoads, AreEvenToTheRowOverASequenceWhateverTheText) {
  for (const ChoiceChunk& chunk : {ChoiceChunk{}, ChoiceChunk{ChoiceChunk::Over::kTokens, 512},
                                   ChoiceChunk{ChoiceChunk::Over::kMicroBatch, 0}}) {
    SyntheticOptions options = Options(chunk);
    options.measured_documents = 2;
    const ChoiceLoads loads(kV3, options, 2, 5);
    ExchangeLoad load;
    loads.Sample(1, 3, 1, &load);
    EXPECT_THAT(load.expert_rows, Each(64 * 4096 * 8 / 256));
    EXPECT_EQ(Sum(load.scale_out_sent), Sum(load.scale_out_received));
    EXPECT_EQ(Sum(load.scale_up_sent), Sum(load.scale_up_received));
    EXPECT_THAT(load.unique_rows, Each(testing::Le(4 * 8192)));
  }
}

TEST(ChoiceLoads, SampledAgreeWithChoosingChunkByChunk) {
  LoadShape shape = kV3;
  shape.tokens_per_rank = 1024;
  for (const ChoiceChunk& chunk : {ChoiceChunk{}, ChoiceChunk{ChoiceChunk::Over::kBatch, 0}}) {
    SyntheticOptions options = Options(chunk);
    options.measured_documents = 64;
    options.sequence_length = 1024;
    const ChoiceLoads loads(shape, options, 1, 5);
    double fast[4] = {}, exact[4] = {};
    ExchangeLoad load;
    const auto add = [&](double* to) {
      to[0] += Sum(load.expert_rows), to[1] += Sum(load.unique_rows);
      to[2] += Sum(load.scale_out_sent), to[3] += Sum(load.scale_up_sent);
    };
    for (int m = 0; m < 4; ++m) {
      loads.Sample(0, m, 0, &load);
      add(fast);
      loads.SampleExactlyOn(shape, SlotMap::Contiguous(256), 0, m, 0, &load);
      add(exact);
    }
    for (int i = 0; i < 4; ++i) EXPECT_NEAR(fast[i], exact[i], 0.03 * exact[i]) << i;
  }
}

TEST(ChoiceLoads, OfManyShortDocumentsAgreeWithChoosingChunkByChunkToo) {
  LoadShape shape = kV3;
  shape.tokens_per_rank = 1024;
  for (const int documents : {16, 1024}) {  // of 64 tokens, and of one
    SyntheticOptions options = Options();
    options.sequence_length = 1024;
    options.fewest_documents = options.most_documents = documents;
    const ChoiceLoads loads(shape, options, 1, 5);
    ExchangeLoad fast, exact;
    loads.Sample(0, 0, 0, &fast);
    loads.SampleExactlyOn(shape, SlotMap::Contiguous(256), 0, 0, 0, &exact);
    EXPECT_NEAR(Sum(fast.unique_rows), Sum(exact.unique_rows), 0.03 * Sum(exact.unique_rows)) << documents;
    EXPECT_NEAR(Sum(fast.scale_out_sent), Sum(exact.scale_out_sent), 0.03 * Sum(exact.scale_out_sent))
        << documents;
  }
}

TEST(ChoiceLoads, OverTheBatchAreUnevenInAMicroBatchAndEvenOverTheMix) {
  const ChoiceLoads loads(kV3, Options({ChoiceChunk::Over::kBatch, 0}), 1, 5);
  ExchangeLoad load;
  loads.Sample(0, 0, 0, &load);
  const auto [least, most] = std::minmax_element(load.expert_rows.begin(), load.expert_rows.end());
  EXPECT_GT(*most, 1.2 * *least);
  const LoadTable& table = loads.Table(0);
  for (std::size_t e = 0; e < 256; ++e) {
    double mix = 0;
    for (std::size_t d = 0; d < 16; ++d) mix += loads.mix().share[d] * double{table.slot[d * 256 + e]};
    EXPECT_NEAR(mix, 8.0 / 256, 0.001);
  }
}

TEST(ChoiceLoads, LeaveSomeTokensUnservedAndGiveOthersMany) {
  const ChoiceLoads loads(kV3, Options(), 1, 5);
  const std::vector<double> share = loads.ExpertsPerToken(0);
  EXPECT_NEAR(std::accumulate(share.begin(), share.end(), 0.0), 1, 1e-9);
  EXPECT_GT(share[0], 0.02);
  EXPECT_GT(share.size(), 20u);
}

TEST(ChoiceLoads, GiveTokensInTheMeanJustWhatExpertsTake) {
  SyntheticOptions one = Options(), few = Options(), many = Options(), batch = Options();
  one.affinity.domains = 1, few.most_documents = few.fewest_documents;
  many.fewest_documents = many.most_documents = 256;
  batch.chunk.over = ChoiceChunk::Over::kBatch;
  for (const SyntheticOptions& o : {Options(), one, few, many, batch}) {
    const ChoiceLoads loads(kV3, o, 2, 5);
    for (int layer = 0; layer < 2; ++layer) {
      const std::vector<double> share = loads.ExpertsPerToken(layer);
      double mean = 0;
      for (std::size_t j = 0; j < share.size(); ++j) mean += static_cast<double>(j) * share[j];
      // Over the global batch a threshold is one token's affinity.
      EXPECT_NEAR(mean, 8, o.chunk.over == ChoiceChunk::Over::kBatch ? 0.05 : 1e-9);
    }
  }
}

TEST(ChoiceLoads, OfFewTokensAreChosenOneByOne) {
  LoadShape few = kV3;
  few.tokens_per_rank = 32;
  const ChoiceLoads loads(few, Options(), 1, 5);
  ExchangeLoad load;
  loads.Sample(0, 2, 0, &load);
  EXPECT_THAT(load.expert_rows, Each(64));  // one token of 32 from every rank
}

TEST(ChoiceLoads, OnPlannedSlotsKeepEveryRow) {
  const PlannedLoads loads(std::make_unique<ChoiceLoads>(kV3, Options(), 1, 5), {true, 64, 4, 0}, 1);
  ExchangeLoad load;
  loads.Sample(0, 1, 0, &load);
  EXPECT_EQ(Sum(load.expert_rows), 64.0 * 4096 * 8);
}

TEST(ChoiceLoads, OverAMicroBatchChooseAmongOneGpusTokensHoweverFewRanksTheTextIsDrawnFor) {
  LoadShape shape = kV3;
  shape.ranks = 72;  // which do not divide 256 experts: text is drawn for 8 ranks of nine GPUs each
  shape.tokens_per_rank = 1024;
  SyntheticOptions options;
  options.balance.strategy = Strategy::kExpertChoice;
  options.sequence_length = 512, options.chunk.over = ChoiceChunk::Over::kMicroBatch;
  LoadShape divides = shape;
  divides.ranks = 64;
  const ChoiceLoads gathered(LogicalShape(shape), options, 1, 5), plain(divides, options, 1, 5);
  EXPECT_EQ(gathered.ExpertsPerToken(0), plain.ExpertsPerToken(0));
}

TEST(ChoiceLoads, OfFewTokensOnRanksThatDoNotDivideTheExpertsTakeEveryGpusShare) {
  LoadShape shape = kV3;
  shape.ranks = 72, shape.tokens_per_rank = 40;
  SyntheticOptions options;
  options.balance.strategy = Strategy::kExpertChoice;
  options.sequence_length = 40, options.chunk.over = ChoiceChunk::Over::kMicroBatch;
  const PlannedLoads loads(std::make_unique<ChoiceLoads>(LogicalShape(shape), options, 1, 5), shape,
                           {true, 32, 4, 0}, 1);
  ExchangeLoad load;
  loads.Sample(0, 1, 0, &load);
  EXPECT_EQ(Sum(load.expert_rows), 72.0 * 256 * 2) << "40 tokens of top-8: 1.25 an expert, rounded up";
  EXPECT_EQ(Sum(loads.PastLoads(0, 0)), 4 * 72.0 * 256 * 2);
}

TEST(ChoiceLoads, RefuseChunksWithoutATokenForEveryExpert) {
  EXPECT_THROW(ChoiceLoads(kV3, Options({ChoiceChunk::Over::kTokens, 16}), 1, 5), InputError);
}

std::string Message(const std::string& yaml) {
  const Document doc = Document::Parse(yaml, "s.yaml");
  try {
    ReadSection(doc, ModelPreset("deepseek-v3").moe.value());
  } catch (const InputError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(ChoiceSection, ReadsItsChunkAndRefusesWhatMeansNothing) {
  EXPECT_EQ(Message("routing: {strategy: expert-choice, chunk: batch}"), "accepted");
  EXPECT_EQ(Message("routing: {strategy: expert-choice, chunk: 512 tokens}"), "accepted");
  EXPECT_THAT(Message("routing: {strategy: expert-choice, chunk: 500 tokens}"), HasSubstr("divisor"));
  EXPECT_THAT(Message("routing: {strategy: expert-choice, chunk: page}"), HasSubstr("micro-batch"));
  EXPECT_THAT(Message("routing: {chunk: batch}"), HasSubstr("auxiliary-loss-free"));
  EXPECT_THAT(Message("routing: {strategy: expert-choice, capacity_factor: 1}"), HasSubstr("even share"));
  EXPECT_THAT(Message("routing: {strategy: expert-choice, rate: 0.1}"), HasSubstr("no biases"));
}

}  // namespace
}  // namespace orrery::models
