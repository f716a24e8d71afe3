#include "hw/comm/deepep_table.h"

#include <cmath>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hw/comm/exchange_fit.h"

namespace orrery::hw {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const char* const kGood = R"(version: x
source: test
hidden: 7168
top_k: 8
normal:
  tokens: 4096
  rows:
    - {id: a, ranks: 8, nodes_per_token: 1, ranks_per_token: 5, dispatch: 150 GB/s, combine: 150 GB/s}
    - {id: b, ranks: 16, nodes_per_token: 2, ranks_per_token: 6, dispatch: 43 GB/s, combine: 43 GB/s}
    - {id: c, ranks: 32, nodes_per_token: 3, ranks_per_token: 7, dispatch: 58 GB/s, combine: 57 GB/s}
beside_compute:
  source: test
  tokens: 4096
  ranks: 64
  nodes_per_token: 4
  ranks_per_token: 7
  rows:
    - {kind: dispatch, time: 4 ms, least: 3 ms, greatest: 5 ms}
    - {kind: dispatch_cached, time: 4 ms, least: 3 ms, greatest: 5 ms}
    - {kind: combine_backward, time: 4 ms, least: 3 ms, greatest: 5 ms}
    - {kind: combine, time: 4 ms, least: 3 ms, greatest: 5 ms}
low_latency:
  tokens: 128
  scale_up: true
  rows:
    - {id: d, ranks: 8, dispatch: 77 us, combine: 114 us}
    - {id: e, ranks: 16, dispatch: 118 us, combine: 195 us}
    - {id: f, ranks: 32, dispatch: 155 us, combine: 273 us, held_out: true}
)";

/// kGood with the first `from` replaced, read; the error's text.
std::string ErrorWith(const std::string& from, const std::string& to) {
  std::string text = kGood;
  const std::size_t at = text.find(from);
  if (at == std::string::npos) return "nothing to replace: " + from;
  text.replace(at, from.size(), to);
  try {
    ReadDeepEpTable(Document::Parse(text, "table.yaml").root());
  } catch (const InputError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(DeepEpTable, ReadsEveryField) {
  const DeepEpTable t = ReadDeepEpTable(Document::Parse(kGood, "table.yaml").root());
  EXPECT_EQ(t.hidden, 7168);
  ASSERT_EQ(t.normal.size(), 3u);
  EXPECT_EQ(t.normal[1].fan_out.ranks, 16);
  EXPECT_DOUBLE_EQ(t.normal[2].combine.value, 57e9);
  ASSERT_TRUE(t.beside.has_value());
  EXPECT_EQ(t.beside->rows[3].kind, ExchangeKind::kCombine);
  EXPECT_TRUE(t.low_latency[2].held_out);
  EXPECT_FALSE(t.low_latency[0].held_out);
  EXPECT_TRUE(t.beside_from.empty());
}

TEST(DeepEpTable, MistakesAreRefusedWithLineAndPath) {
  EXPECT_THAT(ErrorWith("top_k: 8", "topk: 8"), AllOf(HasSubstr("table.yaml:4"), HasSubstr("top_k")));
  EXPECT_THAT(ErrorWith("hidden: 7168", "hidden: seven"),
              AllOf(HasSubstr("table.yaml:3"), HasSubstr("seven")));
  EXPECT_THAT(ErrorWith("150 GB/s, combine", "150, combine"), HasSubstr("table.yaml:8"));
  EXPECT_THAT(ErrorWith("ranks: 16", "ranks: 12"), AllOf(HasSubstr("12"), HasSubstr("whole nodes")));
  EXPECT_THAT(ErrorWith("time: 4 ms", "time: 6 ms"), HasSubstr("between least and greatest"));
  EXPECT_THAT(ErrorWith("time: 4 ms", "time: 0 ms"), HasSubstr("above zero"));
  EXPECT_THAT(ErrorWith("kind: combine,", "kind: dispatch,"), HasSubstr("expected one row of kind"));
  EXPECT_THAT(ErrorWith("kind: combine,", "kind: combined,"), HasSubstr("did you mean 'combine'"));
  EXPECT_THAT(ErrorWith("tokens: 128", "tokens: -1"), HasSubstr("-1"));
  EXPECT_THAT(ErrorWith("scale_up: true", "scale_up: maybe"), HasSubstr("maybe"));
  EXPECT_THAT(ErrorWith("dispatch: 77 us", "dispatch: 77"), HasSubstr("77"));
}

TEST(DeepEpTable, TooFewRowsToFitAreRefused) {
  EXPECT_THAT(
      ErrorWith(
          "    - {id: c, ranks: 32, nodes_per_token: 3, ranks_per_token: 7, dispatch: 58 GB/s, combine: "
          "57 GB/s}\n",
          ""),
      HasSubstr("three rows"));
}

TEST(DeepEpTable, EveryShippedTableReads) {
  const std::vector<std::string> versions = DeepEpVersions("h800-sxm");
  EXPECT_EQ(versions, (std::vector<std::string>{"2025-02", "2025-04"}));
  for (const std::string& v : versions) {
    const DeepEpTable t = LoadDeepEpTable("h800-sxm", v);
    EXPECT_EQ(t.version, v);
    EXPECT_EQ(t.device, "h800-sxm");
    EXPECT_TRUE(t.beside.has_value() || !t.beside_from.empty());
  }
  EXPECT_TRUE(DeepEpVersions("no-such-device").empty());
}

TEST(DeepEpTable, FanOutOfTheTestRoutingFollowsFromUniformChoice) {
  // One node: 8 of 256 experts drawn without replacement miss a GPU's 32 with probability C(224,8)/C(256,8).
  double miss = 1;
  for (int i = 0; i < 8; ++i) miss *= (224.0 - i) / (256.0 - i);
  const double ranks = 8 * (1 - miss);
  for (const std::string& v : DeepEpVersions("h800-sxm")) {
    EXPECT_NEAR(LoadDeepEpTable("h800-sxm", v).normal.front().fan_out.ranks_per_token, ranks, 0.02);
  }
}

TEST(ExchangeFit, LogicalBytesCountNodesOrOnOneNodeGpus) {
  const PairBytes pair{{100}, {112}};
  EXPECT_DOUBLE_EQ(LogicalBytes(pair, {64, 3.5, 7.0}, 10), 3500);
  EXPECT_DOUBLE_EQ(LogicalBytes(pair, {8, 1.0, 5.0}, 10), 5000);
}

TEST(ExchangeFit, MeanExchangeLeavesTheOwnShareAtHome) {
  const PairBytes pair{{100}, {112}};
  const ExchangeSample s = MeanExchange(ExchangeKind::kDispatch, pair, {64, 4.0, 8.0}, 10);
  EXPECT_DOUBLE_EQ(s.scale_out_bytes, 112 * 10 * 4.0 * 7 / 8);
  EXPECT_DOUBLE_EQ(s.scale_up_bytes, 112 * 10 * 8.0 * 7 / 8);
  EXPECT_EQ(MeanExchange(ExchangeKind::kDispatch, pair, {8, 1.0, 5.0}, 10).scale_out_bytes, 0);
}

TEST(ExchangeFit, TwoResourcesCostAtLeastTheLongerAndAtMostBoth) {
  const ExchangeRates rates{.scale_out = 45e9, .scale_up = 130e9};
  for (double out : {0.0, 1e6, 5e7, 2e8}) {
    for (double up : {1e3, 1e7, 2e8}) {
      const double t = TwoResourceSeconds(rates, out, up), a = out / 45e9, b = up / 130e9;
      EXPECT_GE(t, std::max(a, b) * (1 - 1e-12));
      EXPECT_LE(t, a + b + 1e-15);
    }
  }
}

TEST(DeepEpTable, FanOutThatCannotBeIsRefused) {
  const auto second = [](const std::string& nodes, const std::string& ranks) {
    return ErrorWith("ranks: 16, nodes_per_token: 2, ranks_per_token: 6",
                     "ranks: 16, nodes_per_token: " + nodes + ", ranks_per_token: " + ranks);
  };
  EXPECT_THAT(second("99", "6"), AllOf(HasSubstr("nodes_per_token"), HasSubstr("expected 1 to 2"),
                                       HasSubstr("2 of 2 nodes at most"), HasSubstr("table.yaml:9")));
  EXPECT_THAT(second("0.5", "6"), HasSubstr("expected 1 to 2"));
  EXPECT_THAT(second("2", "1000"), AllOf(HasSubstr("ranks_per_token"), HasSubstr("expected 1 to 8")));
  EXPECT_THAT(second("2", "1.5"), HasSubstr("at least nodes_per_token"));
  EXPECT_THAT(ErrorWith("nodes_per_token: 1, ranks_per_token: 5", "nodes_per_token: 1, ranks_per_token: 8.5"),
              HasSubstr("expected 1 to 8"));
  EXPECT_THAT(ErrorWith("nodes_per_token: 4", "nodes_per_token: 9"), HasSubstr("expected 1 to 8"));
  EXPECT_THAT(ErrorWith("top_k: 8", "top_k: 1000"), HasSubstr("1000"));
  EXPECT_THAT(ErrorWith("top_k: 8", "top_k: 4"), HasSubstr("expected 1 to 4"));
}

TEST(DeepEpTable, SaysOnWhichLinksItWasMeasured) {
  const std::string text = std::string("measured_on: {scale_up: 200 GB/s, scale_out: 50 GB/s}\n") + kGood;
  const DeepEpTable t = ReadDeepEpTable(Document::Parse(text, "table.yaml").root());
  EXPECT_EQ(t.measured_on.scale_up, BytesPerSecond{200e9});
  EXPECT_EQ(t.measured_on.scale_out, BytesPerSecond{50e9});
  for (const std::string& v : DeepEpVersions("h800-sxm"))
    EXPECT_EQ(LoadDeepEpTable("h800-sxm", v).measured_on.scale_out, BytesPerSecond{50e9}) << v;
}

}  // namespace
}  // namespace orrery::hw
