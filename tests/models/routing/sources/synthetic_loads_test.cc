#include "models/routing/sources/synthetic_loads.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/routing/balance/balance_stats.h"
#include "tests/models/routing/sampled_summary.h"
#include "tests/models/routing/section.h"

namespace orrery::models {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Le;

const LoadShape kV3{256, 64, 8, 4096, 8, 8, 4};

void ExpectConsistent(const LoadShape& shape, const ExchangeLoad& load, int most_nodes) {
  const double tokens = double(shape.ranks) * shape.tokens_per_rank;
  EXPECT_EQ(Sum(load.expert_rows), tokens * shape.top_k);
  EXPECT_EQ(Sum(load.scale_out_sent), Sum(load.scale_out_received));
  EXPECT_EQ(Sum(load.scale_up_sent), Sum(load.scale_up_received));
  EXPECT_THAT(load.scale_out_sent, Each(Le(most_nodes * shape.tokens_per_rank)));
  const std::vector<double> rows = RankRows(shape, load);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    EXPECT_LE(load.unique_rows[r], rows[r]);
    EXPECT_GE(load.unique_rows[r] * double(std::min(shape.top_k, shape.experts / shape.ranks)), rows[r]);
    EXPECT_LE(load.scale_up_received[r], load.unique_rows[r]);
    EXPECT_GE(load.scale_up_sent[r], 0);
  }
  for (const auto* v : {&load.expert_rows, &load.scale_out_sent, &load.scale_up_sent})
    EXPECT_GE(*std::min_element(v->begin(), v->end()), 0);
}

TEST(SyntheticLoads, SampledAgreeWithRoutingEveryToken) {
  const LoadShape small{64, 16, 8, 1024, 6, 4, 2};
  SyntheticOptions options;
  options.affinity.domains = 4, options.measured_documents = 128;
  const SyntheticLoads loads(small, options, 1, 5);
  const Summary exact =
      Summarise(small, 1, 12, [&](int l, int m, ExchangeLoad* x) { loads.SampleExactly(l, m, 0, x); });
  const Summary fast =
      Summarise(small, 1, 12, [&](int l, int m, ExchangeLoad* x) { loads.Sample(l, m, 0, x); });
  EXPECT_NEAR(fast.excess, exact.excess, 0.2 * exact.excess);
  EXPECT_NEAR(fast.expert_cv, exact.expert_cv, 0.1 * exact.expert_cv);
  EXPECT_NEAR(fast.unique, exact.unique, 0.01 * exact.unique);
  EXPECT_NEAR(fast.out, exact.out, 0.01 * exact.out);
  EXPECT_NEAR(fast.hottest_out, exact.hottest_out, 0.03 * exact.hottest_out);
  EXPECT_NEAR(fast.up, exact.up, 0.01 * exact.up);
}

TEST(SyntheticLoads, GloballyTheLossFreeRouterIsBalancedWhateverItsMicroBatchesAre) {
  const SyntheticLoads loads(kV3, {}, 3, 1);
  for (int l = 0; l < 3; ++l) {
    const auto& g = loads.GlobalLoads(l);
    EXPECT_LT(*std::max_element(g.begin(), g.end()), 1.08);
    EXPECT_GT(*std::min_element(g.begin(), g.end()), 0.92);
  }
}

TEST(SyntheticLoads, EverySampleConservesTokens) {
  for (const LoadShape& shape : {kV3, LoadShape{64, 8, 8, 300, 6, 1, 1}, LoadShape{256, 32, 8, 512, 8, 8, 4},
                                 LoadShape{256, 16, 16, 100, 8, 8, 4}, LoadShape{64, 64, 8, 64, 6, 1, 1},
                                 LoadShape{256, 64, 8, 3, 8, 8, 4}}) {
    const SyntheticLoads loads(shape, {}, 2, 3);
    const UniformLoads uniform(shape, 3);
    const int most_nodes = shape.groups > 1 ? shape.top_groups : shape.top_k;
    ExchangeLoad load;
    for (int i = 0; i < 20; ++i) {
      loads.Sample(i % 2, i, 1, &load);
      ExpectConsistent(shape, load, most_nodes);
      uniform.Sample(i % 2, i, 1, &load);
      ExpectConsistent(shape, load, most_nodes);
    }
  }
}

TEST(SyntheticLoads, RenumberedLayersConserveAndDiffer) {
  const SyntheticLoads loads(kV3, {}, SyntheticLoads::kDrawnLayers + 2, 3);
  ExchangeLoad first, again;
  loads.Sample(0, 0, 0, &first);
  loads.Sample(SyntheticLoads::kDrawnLayers, 0, 0, &again);
  ExpectConsistent(kV3, again, 4);
  EXPECT_NE(first.expert_rows, again.expert_rows);
}

TEST(SyntheticLoads, ASampleIsAPureFunctionOfSeedAndIndexes) {
  const SyntheticLoads a(kV3, {}, 1, 9), b(kV3, {}, 1, 9);
  ExchangeLoad x, y;
  a.Sample(0, 4, 1, &x);
  b.Sample(0, 9, 1, &y);
  EXPECT_NE(x.expert_rows, y.expert_rows);
  b.Sample(0, 4, 1, &y);
  EXPECT_EQ(x.expert_rows, y.expert_rows);
  EXPECT_EQ(x.scale_up_sent, y.scale_up_sent);
}

TEST(UniformLoads, VaryAsTokensDoAndNoMore) {
  const UniformLoads loads(kV3, 1);
  const Summary s = Summarise(kV3, 1, 40, [&](int l, int m, ExchangeLoad* x) { loads.Sample(l, m, 0, x); });
  EXPECT_NEAR(s.expert_cv, std::sqrt(1 / 8192.0 * (1 - 1 / 32.0)), 0.001);
  EXPECT_LT(s.excess, 0.03);
  EXPECT_NEAR(s.out / (64 * 4096), 3.96 * 7 / 8, 0.05);  // 3.96 nodes a token, one eighth of them its own
}

RoutingSection Read(const std::string& yaml) {
  const Document doc = Document::Parse(yaml, "s.yaml");
  return ReadSection(doc, ModelPreset("deepseek-v3").moe.value());
}

TEST(RoutingSection, ReadsStrategyAndRouter) {
  const RoutingSection s = Read(
      "routing: {strategy: auxiliary-loss, alpha: 0.002, documents_per_sequence: [2, 3], affinity: {domain: "
      "0.3}}");
  EXPECT_EQ(s.strategy, Strategy::kSequenceLoss);
  EXPECT_DOUBLE_EQ(s.options.balance.feedback, 0.5);
  EXPECT_EQ(s.options.most_documents, 3);
  EXPECT_DOUBLE_EQ(s.options.affinity.domain, 0.3);
}

TEST(RoutingSection, ReadsAShiftOfTheTextAndWhenBiasesFreeze) {
  const RoutingSection s = Read("routing: {rate_until: 1500, shift: {step: 2000, to: one}}");
  EXPECT_EQ(s.shift_step, 2000);
  EXPECT_EQ(s.shift, DomainShift::kOne);
  EXPECT_EQ(s.rate_until, 1500);
  EXPECT_EQ(Read("routing: {shift: {step: 7}}").shift, DomainShift::kReversed);
}

TEST(RoutingSection, RefusesWhatItDoesNotKnow) {
  const auto message = [](const std::string& yaml) -> std::string {
    try {
      Read(yaml);
    } catch (const InputError& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message("routing: {stratgy: none}"), HasSubstr("did you mean 'strategy'"));
  EXPECT_THAT(message("routing: {strategy: nonee}"), HasSubstr("s.yaml:1:21"));
  EXPECT_THAT(message("routing: {strategy: none, alpha: 0.1}"), HasSubstr("has no auxiliary loss"));
  EXPECT_THAT(message("routing: {affinity: {domain: .nan}}"), HasSubstr("routing.affinity.domain"));
  EXPECT_THAT(message("routing: {documents_per_sequence: [3, 1]}"), HasSubstr("documents_per_sequence"));
  EXPECT_THAT(message("routing: {shift: {to: one}}"), HasSubstr("step"));
  EXPECT_THAT(message("routing: {shift: {step: 5, to: two}}"), HasSubstr("reversed"));
  EXPECT_THAT(message("routing: {affinity: {domains: 1}, shift: {step: 5}}"),
              HasSubstr("text of one domain has nothing to shift to"));
  EXPECT_THAT(message("routing: {strategy: balanced, shift: {step: 5}}"),
              HasSubstr("only a synthetic router"));
  EXPECT_THAT(message("routing: {strategy: expert-choice, shift: {step: 5}}"),
              HasSubstr("only a synthetic router"));
  EXPECT_THAT(message("routing: {strategy: none, rate_until: 5}"), HasSubstr("no biases to update"));
  EXPECT_THAT(message("routing: {strategy: auxiliary-loss-free-plus, update: multiplicative}"),
              HasSubstr("expected sign or proportional"));
  EXPECT_THAT(message("routing: {strategy: v2-auxiliary-losses, alpha: 0.1}"),
              HasSubstr("three losses of v2-auxiliary-losses have the weights of DeepSeek-V2"));
  EXPECT_THAT(message("routing: {strategy: balanced, affinity: {domains: 4}}"),
              HasSubstr("s.yaml:1:41: routing.affinity: strategy balanced has no router"));
  EXPECT_THAT(message("routing: {strategy: balanced, documents_per_sequence: 2}"), HasSubstr("no text"));
  EXPECT_THAT(message("routing: {affinity: {token: 0, document: 0}}"),
              HasSubstr("routing.affinity: expected a token or a document above 0"));
  EXPECT_THAT(message("routing: {affinity: {student: 2}}"),
              HasSubstr("s.yaml:1:31: routing.affinity.student"));
  EXPECT_THAT(message("routing: {loads: nowhere.csv}"), HasSubstr("s.yaml:1:18: routing.loads"));
  EXPECT_THAT(message("routing: {loads: /dev/zero}"), HasSubstr("not a regular file"));
  const std::string loads = testing::TempDir() + "section.csv";
  std::ofstream(loads) << "layer,e0,e1\n0,1,1\n";
  for (const char* key : {"rate: 0.1", "update: sign", "alpha: 0.1", "affinity: {domains: 2}",
                          "strategy: none", "chunk: batch", "shift: {step: 5}"})
    EXPECT_THAT(message("routing: {loads: " + loads + ", " + key + "}"), HasSubstr("exclude each other"))
        << key;
  EXPECT_THAT(message("routing: {affinity: {outlier_share: 1.5}}"),
              HasSubstr("routing.affinity.outlier_share"));
}

TEST(RoutingSection, MustGoWithTheShape) {
  const MoeSpec moe = ModelPreset("deepseek-v3").moe.value();
  const auto message = [&](const std::string& yaml) -> std::string {
    const Document doc = Document::Parse(yaml, "s.yaml");
    try {
      CheckSection(doc, moe, kV3);
    } catch (const InputError& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message("routing: {sequence_length: 1024 tokens}"), "accepted");
  for (const char* tokens : {"1000", "5000", "8192"})
    EXPECT_THAT(message(std::string("routing: {sequence_length: ") + tokens + " tokens}"),
                HasSubstr("s.yaml:1:28: routing.sequence_length: '" + std::string(tokens) +
                          " tokens': expected a divisor of the 4096 tokens of a micro-batch"));
  EXPECT_EQ(message("routing: {strategy: expert-choice, chunk: 32 tokens}"), "accepted");
  EXPECT_THAT(message("routing: {strategy: expert-choice, chunk: 16 tokens}"),
              HasSubstr("routing.chunk: '16 tokens': expected 32 tokens or more"));
}

TEST(RouterLayer, HasTheShareOfOutliersAskedForAndLeavesTheRestAsDrawn) {
  AffinityParameters p;
  p.expert = 0, p.domain = 0.1, p.outlier_share = 0.2, p.outlier_sd = 2;
  const RouterLayer layer = DrawRouterLayer(p, 256, 1, 0);
  const auto far = std::count(layer.deviation.begin(), layer.deviation.end(), 2.0f);
  EXPECT_NEAR(static_cast<double>(far) / static_cast<double>(layer.deviation.size()), 0.2, 0.03);
  for (std::size_t i = 0; i < layer.base.size(); ++i) {
    EXPECT_LT(std::abs(layer.base[i] + 1), layer.deviation[i] < 1 ? 0.5 : 12);
  }
  p.outlier_share = 0;
  EXPECT_TRUE(DrawRouterLayer(p, 256, 1, 0).deviation.empty());
}

TEST(SequenceLoss, LeavesAFewHotExpertsAndNoneDead) {
  const SyntheticLoads loads(kV3, DefaultOptions(Strategy::kSequenceLoss, 0.05), 1, 3);
  const LoadTable& t = loads.Table(0);
  const BalanceStats s = Balance(std::vector<double>(t.slot.begin(), t.slot.begin() + 256));
  EXPECT_GT(s.max_vio, 4 * s.cv);
  EXPECT_LT(s.dead, 0.03);
}

TEST(LoadSource, IsMadeFromTheSection) {
  const Document doc = Document::Parse("routing: {strategy: balanced}", "s.yaml");
  const MoeSpec moe = ModelPreset("deepseek-v3").moe.value();
  EXPECT_THAT(MakeSource(doc, moe, kV3, 2, 1)->Describe(), HasSubstr("balanced"));
  EXPECT_THAT(MakeLoads({}, moe, kV3, 2, 1)->Describe(), HasSubstr("auxiliary-loss-free"));
}

TEST(LoadSource, RefusesShapesThatDoNotFit) {
  EXPECT_THROW(UniformLoads({256, 60, 8, 4096, 8, 8, 4}, 1), InputError);
  EXPECT_THROW(UniformLoads({256, 64, 7, 4096, 8, 8, 4}, 1), InputError);
  EXPECT_THROW(UniformLoads({256, 64, 8, 4096, 300, 8, 4}, 1), InputError);
}

TEST(TextMix, ManyDocumentsOfASequenceDrawnTogetherAreAsManyAsDrawnOneByOne) {
  LoadShape shape = kV3;
  shape.tokens_per_rank = 4096;
  const TextMix mix{ZipfShares(4), 4096, 3000, 3000};  // of one token and of two
  std::vector<double> tokens[2], square(2);
  for (const bool together : {false, true}) {
    std::vector<double>& of = tokens[together];
    of.resize(4);
    for (int m = 0; m < 20; ++m) {
      std::vector<TextDocument> documents;
      (together ? DrawDocumentCounts : DrawDocuments)(mix, shape, 3, m, 0, &documents);
      std::int64_t all = 0, count = 0;
      for (const TextDocument& d : documents) {
        all += std::int64_t{d.tokens} * d.alike, count += d.alike;
        of[static_cast<std::size_t>(d.domain)] += d.tokens * d.alike;
        square[together] += double{1} * d.tokens * d.tokens * d.alike;
      }
      EXPECT_EQ(all, 64 * 4096);
      EXPECT_EQ(count, 64 * 3000);
    }
  }
  EXPECT_EQ(square[0], square[1]);
  for (std::size_t d = 0; d < 4; ++d) EXPECT_NEAR(tokens[0][d], tokens[1][d], 0.01 * tokens[0][d]) << d;
}

}  // namespace
}  // namespace orrery::models
