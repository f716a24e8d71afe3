#include "models/routing/gate/gate.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/random.h"

namespace orrery::models {
namespace {

using testing::HasSubstr;

std::vector<float> RandomRows(const GateShape& shape, int tokens, int levels, std::uint64_t seed) {
  RandomStream random(seed, "gate test");
  std::vector<float> rows(static_cast<std::size_t>(tokens * shape.experts));
  for (float& x : rows) {
    x = static_cast<float>(levels > 0 ? static_cast<double>(random.Below(static_cast<std::uint64_t>(levels)))
                                      : random.Normal());
  }
  return rows;
}

void ExpectSameAsPlain(const GateShape& shape, int levels) {
  const int tokens = 203;
  const std::vector<float> rows = RandomRows(shape, tokens, levels, 7);
  std::vector<float> bias(static_cast<std::size_t>(shape.experts));
  for (std::size_t e = 0; e < bias.size(); ++e)
    bias[e] = levels > 0 ? 0.0f : 0.01f * static_cast<float>(e % 5);
  const std::vector<std::uint16_t> got = RouteRows(shape, rows, bias);
  for (int t = 0; t < tokens; ++t) {
    std::vector<float> score(bias.size());
    for (std::size_t e = 0; e < bias.size(); ++e)
      score[e] = rows[static_cast<std::size_t>(t) * bias.size() + e] + bias[e];
    std::vector<std::uint16_t> want(static_cast<std::size_t>(shape.top_k));
    RouteTokenPlainly(shape, score.data(), want.data());
    const auto* first = got.data() + t * shape.top_k;
    ASSERT_EQ(std::vector<std::uint16_t>(first, first + shape.top_k), want) << "token " << t;
  }
}

/// By sorting every expert of the kept groups, of equals the lower index first.
std::vector<std::uint16_t> Sorted(const GateShape& s, const float* score) {
  const auto size = static_cast<std::size_t>(s.experts / s.groups);
  std::vector<std::pair<float, std::size_t>> group;
  for (std::size_t g = 0; g < static_cast<std::size_t>(s.groups); ++g) {
    std::vector<float> own(score + g * size, score + (g + 1) * size);
    std::sort(own.rbegin(), own.rend());
    group.emplace_back(size > 1 ? -(own[0] + own[1]) : -own[0], g);
  }
  std::sort(group.begin(), group.end());
  std::vector<std::pair<float, std::uint16_t>> expert;
  for (std::size_t i = 0; i < static_cast<std::size_t>(s.top_groups); ++i)
    for (std::size_t e = group[i].second * size; e < (group[i].second + 1) * size; ++e)
      expert.emplace_back(-score[e], static_cast<std::uint16_t>(e));
  std::sort(expert.begin(), expert.end());
  std::vector<std::uint16_t> out;
  for (std::size_t i = 0; i < static_cast<std::size_t>(s.top_k); ++i) out.push_back(expert[i].second);
  std::sort(out.begin(), out.end());
  return out;
}

class EveryGate : public testing::TestWithParam<GateShape> {};

TEST_P(EveryGate, SelectsTheSameExpertsVectorisedAndPlainly) { ExpectSameAsPlain(GetParam(), 0); }

TEST_P(EveryGate, SelectsPlainlyWhatSortingAllWould) {
  const GateShape& shape = GetParam();
  for (const int levels : {0, 4, 1}) {
    const std::vector<float> rows = RandomRows(shape, 60, levels, 11);
    for (std::size_t t = 0; t < 60; ++t) {
      const float* score = rows.data() + t * static_cast<std::size_t>(shape.experts);
      std::vector<std::uint16_t> got(static_cast<std::size_t>(shape.top_k));
      RouteTokenPlainly(shape, score, got.data());
      ASSERT_EQ(got, Sorted(shape, score)) << "token " << t << " of " << levels << " levels";
    }
  }
}

TEST_P(EveryGate, BreaksTiesTowardsTheLowerIndex) { ExpectSameAsPlain(GetParam(), 4); }

INSTANTIATE_TEST_SUITE_P(Shapes, EveryGate,
                         testing::Values(GateShape{256, 8, 8, 4}, GateShape{64, 6, 1, 1},
                                         GateShape{160, 6, 8, 3}, GateShape{60, 4, 4, 2},
                                         GateShape{8, 2, 1, 1}, GateShape{384, 8, 1, 1},
                                         GateShape{128, 8, 8, 8}, GateShape{8, 2, 8, 4},
                                         GateShape{256, 12, 8, 4}, GateShape{512, 10, 1, 1},
                                         GateShape{2048, 8, 8, 4}, GateShape{4096, 8, 1, 1},
                                         GateShape{4096, 12, 64, 9}, GateShape{1100, 40, 1, 1}));

TEST(Gate, ATokenUsesAtMostTheKeptGroups) {
  const GateShape shape{256, 8, 8, 4};
  const std::vector<std::uint16_t> got = RouteRows(shape, RandomRows(shape, 4000, 0, 3), {});
  for (std::size_t t = 0; t < 4000; ++t) {
    std::set<int> groups, experts;
    for (std::size_t i = 0; i < 8; ++i) groups.insert(got[t * 8 + i] / 32), experts.insert(got[t * 8 + i]);
    ASSERT_LE(groups.size(), 4u);
    ASSERT_EQ(experts.size(), 8u);
  }
}

TEST(Gate, KeepsTheGroupsWithTheBestPairNotTheBestSingle) {
  const GateShape shape{8, 2, 2, 1};
  const std::vector<float> rows{9, 0, 0, 0, 6, 5, 0, 0};  // 9 + 0 loses to 6 + 5
  EXPECT_EQ(RouteRows(shape, rows, {}), (std::vector<std::uint16_t>{4, 5}));
}

TEST(Gate, RefusesAffinitiesThatAreNotNumbers) {
  const GateShape shape{4, 2, 1, 1};
  const std::vector<float> rows{1, 2, 3, 4, 1, std::nanf(""), 3, 4};
  try {
    RouteRows(shape, rows, {});
    FAIL() << "accepted";
  } catch (const InputError& e) {
    EXPECT_THAT(e.what(), HasSubstr("token 1, expert 1: 'nan' is not a finite number"));
  }
}

TEST(Gate, RefusesShapesThatCannotBe) {
  const auto message = [](const GateShape& s) -> std::string {
    try {
      CheckGate(s);
    } catch (const InputError& e) {
      return e.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message({256, 300, 1, 1}), HasSubstr("top-300 of 256 experts"));
  EXPECT_THAT(message({256, 8, 7, 4}), HasSubstr("7 groups do not divide 256 experts"));
  EXPECT_THAT(message({256, 8, 8, 9}), HasSubstr("keep 9 of 8 groups"));
  EXPECT_THAT(message({0, 8, 8, 4}), HasSubstr("0 experts"));
  EXPECT_THAT(message({256, 200, 8, 4}), HasSubstr("top-200 of 128"));
  EXPECT_EQ(message({256, 8, 8, 4}), "accepted");
}

TEST(Gate, AffinityBlocksAreTheSigmoidAndTheSoftmaxOfTheLogits) {
  const int experts = 5, rank = 3;
  RandomStream random(3, "affinity test");
  std::vector<float> base(5), weight(15), factor(rank * kLanes), out(5 * kLanes);
  for (auto* v : {&base, &weight, &factor})
    for (float& x : *v) x = static_cast<float>(3 * random.Normal());
  for (Affinity kind : {Affinity::kSigmoid, Affinity::kSoftmax}) {
    AffinityBlock(kind, experts, rank, base.data(), weight.data(), factor.data(), out.data());
    for (int t = 0; t < kLanes; ++t) {
      double logit[5], sum = 0;
      for (int e = 0; e < experts; ++e) {
        logit[e] = base[static_cast<std::size_t>(e)];
        for (int r = 0; r < rank; ++r) {
          logit[e] += double{weight[static_cast<std::size_t>(e * rank + r)]} *
                      double{factor[static_cast<std::size_t>(r * kLanes + t)]};
        }
        sum += std::exp(logit[e]);
      }
      for (int e = 0; e < experts; ++e) {
        const double want =
            kind == Affinity::kSigmoid ? 1 / (1 + std::exp(-logit[e])) : std::exp(logit[e]) / sum;
        EXPECT_NEAR(out[static_cast<std::size_t>(e * kLanes + t)], want, 3e-6);
      }
    }
  }
}

}  // namespace
}  // namespace orrery::models
