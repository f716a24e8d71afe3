// What was measured inside one node: collectives and exchanges.
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "hw/comm/collectives.h"
#include "hw/comm/low_latency.h"
#include "hw/comm/node_exchange.h"

namespace orrery::hw {
namespace {

using ::testing::HasSubstr;

CollectiveModel ModelOf(const Device& device) {
  return {device, PointToPoint(device, ExchangeModel::Load(device, "2025-04"))};
}

CollectiveTable ReadTable(const std::string& rows) {
  return ReadCollectiveTable(
      Document::Parse(
          "schema_version: 1\ndevice: h100-sxm\ndate: 2026-01-31\nsource: test\nlibrary: test\n"
          "measured_on: {scale_up: 450 GB/s}\ntables:\n  - op: all_gather\n    gpus: 8\n    rows: " +
              rows,
          "collectives.yaml")
          .root());
}

std::string RefusalOf(const std::function<void()>& read) {
  try {
    read();
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(CollectiveTable, IsInterpolatedInLogarithmsAndGoesOnAtItsLastRate) {
  const CollectiveTable table = ReadTable("[[1000, 10], [100000, 1000], [1000000, 2000]]");
  const CollectiveRows& rows = *table.Find(Collective::kAllGather, 8);
  EXPECT_DOUBLE_EQ(rows.Seconds(1), 10e-6);
  EXPECT_NEAR(rows.Seconds(10000), 100e-6, 1e-12);
  EXPECT_DOUBLE_EQ(rows.Seconds(2e6), 4000e-6);
  EXPECT_DOUBLE_EQ(rows.BusRate(), 1e6 * 7 / 8 / 2000e-6);
  EXPECT_DOUBLE_EQ(rows.Seconds(1000000, 2), 10e-6 + 2 * 1990e-6)
      << "links half as fast cost all but the latency";
  EXPECT_EQ(table.Find(Collective::kAllGather, 4), nullptr);
}

TEST(CollectiveTable, RefusesWhatContradictsItself) {
  EXPECT_THAT(RefusalOf([] { ReadTable("[[1000, 10], [1000, 11]]"); }),
              HasSubstr("more bytes than in the row before"));
  EXPECT_THAT(RefusalOf([] { ReadTable("[[1000, 10]]"); }), HasSubstr("two rows"));
  EXPECT_THAT(RefusalOf([] { ReadTable("[[1000, 10, 3], [2000, 4, 5]]"); }),
              HasSubstr("expected [bytes, microseconds]"));
}

TEST(CollectiveTable, PricesWhereAsManyGpusWereMeasured) {
  const CollectiveModel h100 = ModelOf(DevicePreset("h100-sxm"));
  EXPECT_EQ(h100.scale_up_provenance(Collective::kAllGather, 8), Provenance::kMeasured);
  EXPECT_EQ(h100.scale_up_provenance(Collective::kAllGather, 5), Provenance::kScaled);
  EXPECT_NEAR(h100.scale_up_rate().value, 335e9, 0.03 * 335e9) << "HARDWARE notes 2.5";
  const CollectiveModel h800 = ModelOf(DevicePreset("h800-sxm"));
  EXPECT_EQ(h800.scale_up_provenance(Collective::kAllGather, 8), Provenance::kScaled);
}

TEST(CollectiveTable, SlowerLinksAreNeverFaster) {
  Device slow = DevicePreset("b200-sxm");
  slow.scale_up.value /= 2;
  const CollectiveModel a = ModelOf(DevicePreset("b200-sxm")), b = ModelOf(slow);
  for (std::int64_t bytes = 1024; bytes <= 1 << 30; bytes *= 8) {
    for (const int gpus : {8, 6}) {
      EXPECT_GE(b.Price(Collective::kAllReduce, {bytes}, {gpus, 1}).Total(),
                a.Price(Collective::kAllReduce, {bytes}, {gpus, 1}).Total());
    }
  }
  EXPECT_EQ(b.scale_up_provenance(Collective::kAllGather, 8), Provenance::kScaled);
}

TEST(NodeExchange, RanksPerTokenIsThatOfDeepSeeksTable) {
  EXPECT_NEAR(RanksPerToken(8, 8, 256), 5.297, 0.005) << "DS-J01, hw/data/h800-sxm/deepep-2025-04.yaml";
  EXPECT_DOUBLE_EQ(RanksPerToken(1, 8, 256), 1);
  EXPECT_DOUBLE_EQ(RanksPerToken(2, 4, 4), 2) << "every expert is chosen";
}

TEST(NodeExchange, TheFitFindsTheRateAndTheLatencyThatMadeTheRows) {
  NodeExchangeTable table;
  table.ranks = 8, table.hidden = 7168, table.top_k = 8, table.experts = 256;
  const double others = RanksPerToken(8, 8, 256) * 7 / 8;
  for (const int tokens : {16, 4096, 8192}) {
    const auto normal = [&](ExchangeKind kind) {
      return FromSeconds(static_cast<double>(NormalPairBytes(kind, 7168, 8).wire.count) * tokens * others /
                         150e9);
    };
    const auto fast = [&](ExchangeKind kind) {
      return FromSeconds(20e-6 +
                         static_cast<double>(LowLatencyPairBytes(kind, 7168).count) * tokens * 7 / 300e9);
    };
    const ExchangeKind to = ExchangeKind::kDispatch, from = ExchangeKind::kCombine;
    table.normal.push_back({tokens, tokens < 1024 ? FromSeconds(1) : normal(to), normal(from)});
    table.low_latency.push_back({tokens, fast(to), fast(from)});
  }
  EXPECT_NEAR(FitNormal(table, {450e9}).scale_up, 150e9, 1e7) << "rows under 1024 tokens do not count";
  EXPECT_NEAR(FitLowLatencyNode(table, {450e9}).scale_up, 300e9, 1e8);
  EXPECT_NEAR(FitLowLatencyNode(table, {450e9}).latency_s, 20e-6, 1e-7);
  EXPECT_DOUBLE_EQ(FitLowLatencyNode(table, {200e9}).scale_up, 200e9) << "no faster than the port";
}

TEST(NodeExchange, ADevicesOwnNodeSaysItsScaleUpRate) {
  const Device b200 = DevicePreset("b200-sxm");
  const ExchangeModel model = ExchangeModel::Load(b200, "2025-04");
  EXPECT_THAT(model.source(), HasSubstr("within a node"));
  const NodeExchangeTable table = *FindNodeExchangeTable(b200);
  EXPECT_DOUBLE_EQ(model.rates().scale_up, FitNormal(table, b200.scale_up).scale_up);
  EXPECT_EQ(model.alone_provenance(), Provenance::kScaled) << "beyond a node nobody measured";
  const LowLatencyModel fast = LowLatencyModel::Load(b200, "2025-04");
  for (const NodeExchangeRow& row : table.low_latency) {
    const std::int64_t pairs = std::int64_t{row.tokens} * 8 * 7 / 8;
    const Time t = fast.Price({}, {pairs * LowLatencyPairBytes(ExchangeKind::kDispatch, 7168).count});
    EXPECT_NEAR(Seconds(t) / Seconds(row.dispatch), 1, 0.25) << row.tokens;
  }
}

}  // namespace
}  // namespace orrery::hw
