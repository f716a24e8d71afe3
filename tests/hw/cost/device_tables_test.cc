// Tables of other devices than the H800: what is derived, who lends what, and that the shipped ones price.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "hw/cost/cost_model.h"
#include "hw/cost/price_error.h"

namespace orrery::hw {
namespace {

using ::testing::HasSubstr;

Op GemmOp(OpKind kind, GemmShape shape) { return {.kind = kind, .shape = shape, .label = {}}; }

KernelTable Table(const std::string& device, OpKind kind, const std::string& derived = "") {
  KernelTable table;
  table.device = device;
  table.date = "2026-01-31";
  table.source = "a test";
  for (const std::int64_t m : {1024, 4096}) {
    KernelRow row;
    row.op = GemmOp(kind, {m, 4096, 4096, 1});
    row.sms = DevicePreset(device).sms;
    row.time = FromMicroseconds(static_cast<double>(m) / 10);
    row.derived = derived;
    table.rows.push_back(row);
  }
  return table;
}

const Op kBetween = GemmOp(OpKind::kGemmFp8, {2048, 4096, 4096, 1});

TEST(DeviceTables, ARowThatSomethingWasTakenOffMakesADerivedPrice) {
  const Device h100 = DevicePreset("h100-sxm");
  const CostModel plain(h100, {Table("h100-sxm", OpKind::kGemmFp8)});
  const CostModel derived(h100, {Table("h100-sxm", OpKind::kGemmFp8, "the quantisation")});
  EXPECT_EQ(plain.PriceOp(kBetween, 132).provenance, Provenance::kMeasured);
  EXPECT_EQ(derived.PriceOp(kBetween, 132).provenance, Provenance::kDerived);
  EXPECT_EQ(derived.PriceOp(kBetween, 132).basis, Basis::kDerivedRows);
  EXPECT_EQ(derived.PriceOp(kBetween, 132).time, plain.PriceOp(kBetween, 132).time);
}

TEST(DeviceTables, RowsOnAllSmsMakeADerivedPriceOnFewerAndNoneOfTheirOwnOnMore) {
  const Device h100 = DevicePreset("h100-sxm");
  KernelTable table = Table("h100-sxm", OpKind::kGemmFp8);
  EXPECT_EQ(CostModel(h100, {table}).PriceOp(kBetween, 112).provenance, Provenance::kDerived);
  for (KernelRow& row : table.rows) row.sms = 112;
  EXPECT_EQ(CostModel(h100, {table}).PriceOp(kBetween, 132).provenance, Provenance::kScaled);
}

TEST(DeviceTables, ADerivedPriceIsLessSureThanAMeasuredOne) {
  const CostModel model = CostModel::Load(DevicePreset("h100-sxm"), {});
  std::vector<double> measured, derived;
  for (const PriceFactors& draw : model.Errors().Draws(200)) {
    measured.push_back(std::log(draw.At(OpKind::kGemmFp8, Basis::kRows)));
    derived.push_back(std::log(draw.At(OpKind::kGemmFp8, Basis::kDerivedRows)));
  }
  const Range90 m = Quantiles90(measured), d = Quantiles90(derived);
  EXPECT_LT(d.low, m.low);
  EXPECT_GT(d.high, m.high);
}

TEST(DeviceTables, BasesOfLentRowsMirrorThoseOfOwnOnes) {
  for (const Basis own : {Basis::kRows, Basis::kDerivedRows, Basis::kFarRows, Basis::kStandIn}) {
    EXPECT_NE(Lent(own), own);
    EXPECT_EQ(AtHome(Lent(own)), own);
    EXPECT_EQ(Lent(Lent(own)), Lent(own));
  }
  EXPECT_EQ(Lent(Basis::kDerivedRows), Basis::kLentDerivedRows);
  EXPECT_EQ(AtHome(Basis::kDataSheet), Basis::kDataSheet);
}

TEST(DeviceTables, EachKindIsLentByTheNearestDeviceThatHasIt) {
  const CostModel h100 = CostModel::Load(DevicePreset("h100-sxm"), {});
  EXPECT_EQ(h100.LenderOf(OpKind::kGemmFp8), "") << "its own";
  EXPECT_EQ(h100.LenderOf(OpKind::kGroupedGemmFp8), "h800-sxm") << "the same chip";
  const CostModel b200 = CostModel::Load(DevicePreset("b200-sxm"), {});
  EXPECT_EQ(b200.LenderOf(OpKind::kGroupedGemmFp8), "") << "derived from fused experts";
  EXPECT_EQ(b200.LenderOf(OpKind::kGemmFp8Wgrad), "h800-sxm") << "nobody else has rows of training";
  const CostModel mi300x = CostModel::Load(DevicePreset("mi300x"), {});
  EXPECT_NE(mi300x.LenderOf(OpKind::kGemmFp8), "");
}

// An H20's FP8 GEMMs reach 94 % of its data sheet, an A100's or H200's BF16 ones two thirds of theirs.
TEST(DeviceTables, AnH20sBf16GemmsFollowItsOwnFp8Rows) {
  const CostModel h20 = CostModel::Load(DevicePreset("h20"), {});
  EXPECT_EQ(h20.LenderOf(OpKind::kGemmBf16), "");
  const Price price = h20.PriceOp(GemmOp(OpKind::kGemmBf16, {8192, 8192, 4096, 1}), 78);
  EXPECT_EQ(price.basis, Basis::kStandIn);
  EXPECT_GT(2.0 * 8192 * 8192 * 4096 / Seconds(price.time), 0.8 * 148e12);
}

TEST(DeviceTables, LeavingADeviceOutLeavesAllItsRowsOut) {
  const CostModel lent = CostModel::LoadLent(DevicePreset("h200-sxm"));
  EXPECT_EQ(lent.LenderOf(OpKind::kGemmBf16), "h100-sxm");
  EXPECT_EQ(lent.PriceOp(GemmOp(OpKind::kGemmBf16, {4096, 4096, 4096, 1}), 132).provenance,
            Provenance::kScaled);
  for (const std::string& source : lent.sources()) EXPECT_THAT(source, Not(HasSubstr("h200-sxm (2026")));
}

TEST(DeviceTables, EveryShippedRowIsPricedAtItsTime) {
  for (const char* device : {"a100-sxm", "h100-sxm", "h20", "b300", "gb200", "l40s-pcie", "rtx-pro-6000"}) {
    const CostModel model = CostModel::Load(DevicePreset(device), {});
    int own = 0;
    for (const KernelRow& row : model.rows()) {
      if (row.sms != model.device().sms || own >= 200) continue;
      const Price price = model.PriceOp(row.op, row.sms);
      if (price.provenance > Provenance::kDerived) continue;
      EXPECT_NEAR(Seconds(price.time) / Seconds(row.time), 1, 0.15) << device << " " << RowText(row);
      ++own;
    }
    EXPECT_EQ(own, 200) << device;
  }
}

TEST(DeviceTables, DerivedSaysWhatWasTakenOff) {
  const auto read = [](const std::string& derived) {
    return ParseKernelTable(
        Document::Parse("schema_version: 1\ndevice: h100-sxm\ndate: 2026-01-31\nsource: test\ndriver: x\n"
                        "libraries: x\nclocks: x\ntables:\n  - op: gemm_bf16\n    kernel: x\n" +
                            derived +
                            "    sms: 132\n    columns: [m, n, k, time_us]\n    rows: [[128, 128, 128, 5]]\n",
                        "table.yaml")
            .root());
  };
  EXPECT_EQ(read("").rows.front().derived, "");
  EXPECT_EQ(read("    derived: 1 us, the launch\n").rows.front().derived, "1 us, the launch");
}

}  // namespace
}  // namespace orrery::hw
