#include "hw/cost/price_error.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/config/resources.h"
#include "hw/comm/exchange.h"
#include "hw/comm/low_latency.h"
#include "hw/cost/cost_model.h"
#include "hw/cost/roofline.h"

namespace orrery::hw {
namespace {

using ::testing::HasSubstr;

CostModel ModelOf(const std::string& device, const std::string& calibration = "auto") {
  return CostModel::Load(DevicePreset(device), {calibration, false});
}

Op Gemm(OpKind kind, GemmShape shape) { return {.kind = kind, .shape = shape, .label = {}}; }
Op Rows(OpKind kind) { return {.kind = kind, .shape = RowsShape{4096, 7168, 4096 * 7168 * 3}, .label = {}}; }

const Op kFp8 = Gemm(OpKind::kGemmFp8, {4096, 7168, 16384, 1});
const Op kExperts = Gemm(OpKind::kGroupedGemmFp8, {31715, 4096, 7168, 8});
const Op kHead = Gemm(OpKind::kGemmBf16, {4096, 129280, 7168, 1});
const Op kDecode = {.kind = OpKind::kAttentionDecode,
                    .shape = AttentionShape{128, 128, 1, 1, 4096, 576, 512, true},
                    .label = {}};
const Op kTrainingAttention = {.kind = OpKind::kAttentionBackward,
                               .shape = AttentionShape{1, 128, 128, 4096, 4096, 192, 128, true},
                               .label = {}};
const std::vector<Op> kOps = {kFp8,
                              kExperts,
                              kHead,
                              kDecode,
                              kTrainingAttention,
                              Rows(OpKind::kCastFp8),
                              Rows(OpKind::kTopK),
                              Rows(OpKind::kLayerNorm)};

struct Moments {
  double mean = 0, sd = 0;
};
Moments MomentsOf(const std::vector<double>& values) {
  Moments m;
  for (double v : values) m.mean += v / static_cast<double>(values.size());
  for (double v : values) m.sd += (v - m.mean) * (v - m.mean) / static_cast<double>(values.size());
  m.sd = std::sqrt(m.sd);
  return m;
}

std::vector<double> LogsOf(const std::vector<PriceFactors>& draws, const CostModel& cost, const Op& op) {
  const Price price = cost.PriceOp(op, cost.device().sms);
  std::vector<double> logs;
  for (const PriceFactors& draw : draws) logs.push_back(std::log(draw.At(op.kind, price.basis)));
  return logs;
}

// ------------------------------------------------------------------------------------------ what a price
// rests on

TEST(Basis, SaysWhetherRowsAreNearFarAnotherKindsAnotherDevicesOrNone) {
  const CostModel h800 = ModelOf("h800-sxm"), h100 = CostModel::LoadLent(DevicePreset("h100-sxm"));
  EXPECT_EQ(h800.PriceOp(kFp8, 132).basis, Basis::kRows);
  EXPECT_EQ(h100.PriceOp(kFp8, 132).basis, Basis::kLentRows);
  const Op far = Gemm(OpKind::kGemmFp8, {4096, 500000, 7168, 1});
  EXPECT_EQ(h800.PriceOp(far, 132).basis, Basis::kFarRows);
  EXPECT_EQ(h100.PriceOp(far, 132).basis, Basis::kLentFarRows);
  EXPECT_EQ(h800.PriceOp(kHead, 132).basis, Basis::kStandIn) << "FP8 rows for a BF16 GEMM";
  EXPECT_EQ(h100.PriceOp(kHead, 132).basis, Basis::kLentStandIn);
  const CostModel some = ModelOf("h800-sxm", "infersim-2026-05");
  EXPECT_EQ(some.PriceOp(kTrainingAttention, 132).basis, Basis::kDataSheet);
  EXPECT_EQ(some.PriceOp(Rows(OpKind::kCastFp8), 132).basis, Basis::kDataSheet);
  for (const Op& op : kOps)
    EXPECT_EQ(CostModel(DevicePreset("h800-sxm"), {}).PriceOp(op, 132).basis, Basis::kDataSheet);
}

// --------------------------------------------------------------------------------------------------------
// draws

TEST(PriceErrors, NothingIsEverCertain) {
  for (const std::string& name : DevicePresets()) {
    const PriceErrors errors = ModelOf(name).Errors();
    const std::vector<PriceFactors> draws = errors.Draws(200);
    for (int k = 0; k < kOpKindCount; ++k) {
      for (int b = 0; b < kBases; ++b) {
        std::vector<double> logs;
        for (const PriceFactors& d : draws)
          logs.push_back(std::log(d.At(static_cast<OpKind>(k), static_cast<Basis>(b))));
        EXPECT_GT(MomentsOf(logs).sd, 0.002) << name << " " << Name(static_cast<OpKind>(k)) << " basis " << b;
      }
    }
  }
}

TEST(PriceErrors, LessMeasuredIsLessCertain) {
  std::map<std::string, std::vector<double>> deviations;  // of each op
  for (const std::string device : {"h800-sxm", "h100-sxm", "h20", "mi300x"}) {
    const CostModel cost = device == "h800-sxm" ? ModelOf(device) : CostModel::LoadLent(DevicePreset(device));
    const std::vector<PriceFactors> draws = cost.Errors().Draws(2000);
    for (const Op& op : kOps) deviations[device].push_back(MomentsOf(LogsOf(draws, cost, op)).sd);
  }
  for (std::size_t i = 0; i < kOps.size(); ++i) {
    const double own = deviations["h800-sxm"][i], same_chip = deviations["h100-sxm"][i];
    EXPECT_GT(same_chip, own) << Name(kOps[i].kind);
    for (const char* other : {"h20", "mi300x"})
      EXPECT_GT(deviations[other][i], same_chip) << Name(kOps[i].kind) << " on " << other;
  }
}

TEST(PriceErrors, APriceFromTheDataSheetIsKnownToBeTooLow) {
  const CostModel none(DevicePreset("h800-sxm"), {});
  const std::vector<PriceFactors> draws = none.Errors().Draws(2000);
  for (const Op& op : kOps) {
    if (op.kind == OpKind::kAttentionDecode) continue;  // streams its cache at nearly the memory's rate
    EXPECT_GT(MomentsOf(LogsOf(draws, none, op)).mean, 0.15) << Name(op.kind);
  }
}

TEST(PriceErrors, DrawOnceWhatKernelsShare) {
  const auto correlation = [](const std::string& device, const Op& a, const Op& b) {
    const CostModel cost = ModelOf(device);
    const std::vector<PriceFactors> draws = cost.Errors().Draws(4000);
    const std::vector<double> x = LogsOf(draws, cost, a), y = LogsOf(draws, cost, b);
    const Moments mx = MomentsOf(x), my = MomentsOf(y);
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += (x[i] - mx.mean) * (y[i] - my.mean);
    return sum / static_cast<double>(x.size()) / mx.sd / my.sd;
  };
  const Op norm = Rows(OpKind::kRmsNorm), cast = Rows(OpKind::kCastFp8);
  EXPECT_GT(correlation("mi300x", cast, norm), 0.6) << "two kinds of a class";
  EXPECT_GT(correlation("mi300x", kFp8, kDecode), 0.1) << "two classes of another architecture";
  EXPECT_LT(std::abs(correlation("h800-sxm", kFp8, kDecode)), 0.06) << "rows of this device";
}

TEST(PriceErrors, AreTheSameDrawsAtEveryCall) {
  const CostModel cost = ModelOf("h20");
  EXPECT_EQ(cost.Errors().Draws(3).back().factors, cost.Errors().Draws(3).back().factors);
  EXPECT_NE(cost.Errors().Draws(3).front().factors, cost.Errors().Draws(3).back().factors);
}

TEST(PriceErrors, OfATableWithOneRowAreThoseOfItsClassAboutTheRoofline) {
  KernelTable table;
  table.device = "h800-sxm";
  KernelRow row;
  row.op = kFp8, row.sms = 132, row.time = FromMicroseconds(800);
  table.rows = {row};
  const CostModel cost(DevicePreset("h800-sxm"), {table});
  const Moments m = MomentsOf(LogsOf(cost.Errors().Draws(2000), cost, kFp8));
  EXPECT_NEAR(m.mean, 0, 0.02) << "a row leans neither way";
  EXPECT_NEAR(m.sd, 0.14, 0.03);
}

TEST(CostModel, PerturbedPricesKeepToTheRoofline) {
  PriceFactors fast;
  fast.factors.fill(0.01);
  const CostModel perturbed = ModelOf("h800-sxm").Perturbed(fast);
  for (const Op& op : kOps)
    EXPECT_GE(perturbed.PriceOp(op, 132).time + Time{1}, Roofline(op, DevicePreset("h800-sxm"), 132));
}

// -----------------------------------------------------------------------------------------------------
// intervals

TEST(Range90, HoldsOneHoweverFarItLeans) {
  for (double mean : {-1.0, -0.1, 0.0, 0.3}) {
    const Range90 range = LogNormal90(mean, 0.05);
    EXPECT_LE(range.low, 1);
    EXPECT_GE(range.high, 1);
  }
  EXPECT_NEAR(LogNormal90(0, 0.1).high, std::exp(0.16449), 1e-9);
  EXPECT_NEAR(LogNormal90(0.3, 0.1).high, std::exp(0.46449), 1e-9);
}

TEST(Range90, IsTheCentralNinetyPercentOfDraws) {
  std::vector<double> logs(101);
  for (int i = 0; i <= 100; ++i) logs[static_cast<std::size_t>((i * 37) % 101)] = 0.01 * (i - 50);
  EXPECT_NEAR(Quantiles90(logs).low, std::exp(-0.45), 1e-9);
  EXPECT_NEAR(Quantiles90(logs).high, std::exp(0.45), 1e-9);
}

TEST(ExchangeErrors, AreWiderOnADeviceThatBorrowsTheTable) {
  for (const std::string& version : ExchangeModel::Versions()) {
    const double own = ExchangeModel::Load(DevicePreset("h800-sxm"), version).Deviation();
    const double same_chip = ExchangeModel::Load(DevicePreset("h200-sxm"), version).Deviation();
    EXPECT_GT(own, 0.05) << version;
    EXPECT_GT(same_chip, own) << version;
    EXPECT_GT(ExchangeModel::Load(DevicePreset("b200-sxm"), version).Deviation(), 2 * own) << version;
  }
}

TEST(LowLatencyErrors, AreOfRowsLeftOutAndOfCarryingOver) {
  for (const std::string& version : ExchangeModel::Versions()) {
    const LowLatencyModel own = LowLatencyModel::Load(DevicePreset("h800-sxm"), version);
    const LowLatencyModel lent = LowLatencyModel::Load(DevicePreset("h200-sxm"), version);
    EXPECT_GT(own.Deviation(), 0.005) << version;
    EXPECT_GT(lent.Deviation(), 0.2) << version;
    EXPECT_LT(own.Interval().low, 1);
    EXPECT_GT(lent.Interval().high, own.Interval().high);
  }
}

// --------------------------------------------------------------------------------------------------- the
// data file

std::string Shipped() {
  std::ifstream file(ResourceRoot() / "hw" / "data" / "price-errors.yaml");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string ErrorOf(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  try {
    ReadErrorData(Document::Parse(text, "errors.yaml").root());
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

TEST(ErrorData, KnowsHowDevicesAreRelated) {
  const ErrorData data = LoadErrorData();
  EXPECT_EQ(data.Between("h800-sxm", "h100-sxm"), Relation::kSameChip);
  EXPECT_EQ(data.Between("h20", "h800-sxm"), Relation::kSameArchitecture);
  EXPECT_EQ(data.Between("h800-sxm", "b200-sxm"), Relation::kOtherArchitecture);
  EXPECT_EQ(data.Between("h800-sxm", "a chip of somebody's own"), Relation::kOtherArchitecture);
}

TEST(ErrorData, RefusesWhatIsMissingUnknownOrTwiceThere) {
  EXPECT_EQ(ErrorOf(Shipped(), "launch_gap: ", "launch_gap: "), "");
  EXPECT_THAT(ErrorOf(Shipped(), "relation: same_chip", "relation: same_day"), HasSubstr("same_chip"));
  EXPECT_THAT(ErrorOf(Shipped(), "relation: same_architecture", "relation: same_chip"),
              HasSubstr("second entry"));
  EXPECT_THAT(ErrorOf(Shipped(), "{class: gemm_fp8_wgrad, bias", "{class: gemm_fp8, bias"),
              HasSubstr("second entry"));
  EXPECT_THAT(ErrorOf(Shipped(), "bias: 0.", "bias: -0."), HasSubstr("bias"));
  EXPECT_THAT(
      ErrorOf(Shipped(), "  - {relation: same_chip, normal", "  - {relation: other_architecture, normal"),
      HasSubstr("second entry"));
}

}  // namespace
}  // namespace orrery::hw
