#include "scenarios/training/prices.h"

#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>

#include "scenarios/training/block_kernels.h"

namespace orrery::scenarios {
namespace {

using models::Part;
using models::PriceKey;
using models::UnitKind;

/// DeepSeek-V3 on 2048 H800, expert loads given: 64 ranks with `rows` each, one exchange.
class TrainingPricesTest : public testing::Test {
 protected:
  static constexpr int kRanks = 64;
  static StepLoads Even(std::int32_t rows) {
    return {1, kRanks, std::vector<RankLoad>(kRanks, RankLoad{rows, rows / 2, 13000, 20000})};
  }
  PriceInputs Inputs() const {
    PriceInputs in;
    in.scenario = &scenario_;
    in.cost = &cost_;
    in.exchange = &exchange_;
    in.message_work = 1000;
    return in;
  }
  static ProgramStep Step(std::uint32_t key) {
    ProgramStep step;
    step.price = key;
    return step;
  }

  const Scenario scenario_ = ReadTrainingScenario(LoadScenarioDocument("deepseek-v3-pretraining", {}), "");
  const hw::CostModel cost_ = hw::CostModel::Load(scenario_.cluster.device, {"auto", false});
  const hw::ExchangeModel exchange_ = hw::ExchangeModel::Load(scenario_.cluster.device, "2025-02");
};

constexpr std::uint32_t kMlp = PriceKey(UnitKind::kMoeLayer, Part::kMlpForward);
constexpr std::uint32_t kAttention = PriceKey(UnitKind::kMoeLayer, Part::kAttentionForward);
constexpr std::uint32_t kDispatch = PriceKey(UnitKind::kMoeLayer, Part::kDispatch);

TEST_F(TrainingPricesTest, ExpertWorkGrowsWithTheRowsOfTheRank) {
  std::vector<RankLoad> loads;
  for (int r = 0; r < kRanks; ++r) loads.push_back({1024 * (r + 1), 512 * (r + 1), 13000, 20000});
  const StepLoads skewed(1, kRanks, loads);
  PriceInputs in = Inputs();
  in.conditions.vary = false;
  const TrainingPrices prices(in, skewed, kRanks);
  std::int64_t before = 0;
  for (int rank = 0; rank < kRanks; ++rank) {
    const std::int64_t work = prices(0, rank, Step(kMlp)).work;
    EXPECT_GE(work, before) << rank;
    before = work;
  }
  const double twice = static_cast<double>(prices(0, 63, Step(kMlp)).work - prices(0, 31, Step(kMlp)).work) /
                       static_cast<double>(prices(0, 47, Step(kMlp)).work - prices(0, 31, Step(kMlp)).work);
  EXPECT_NEAR(twice, 2, 0.1) << "large grouped GEMMs take time in proportion to their rows";
}

TEST_F(TrainingPricesTest, WhatIsNotRoutedDoesNotSeeTheLoad) {
  const StepLoads few = Even(1024), many = Even(65536);
  const TrainingPrices a(Inputs(), few, kRanks), b(Inputs(), many, kRanks);
  EXPECT_EQ(a.blocks()[kAttention].constant.work, b.blocks()[kAttention].constant.work);
  EXPECT_TRUE(a.blocks()[kAttention].work_by_rows.empty());
}

TEST_F(TrainingPricesTest, AtTheMeanLoadTheGridAgreesWithThePartPricedAlone) {
  const StepLoads loads = Even(32768);
  PriceInputs in = Inputs();
  in.conditions.vary = false;
  const TrainingPrices prices(in, loads, kRanks);
  const auto direct = static_cast<double>(prices.blocks()[kMlp].constant.work);
  EXPECT_NEAR(static_cast<double>(prices(0, 0, Step(kMlp)).work) / direct, 1, 0.005);
}

TEST_F(TrainingPricesTest, KernelsVaryAboutTheirPriceByTheSpreadOfTheTrace) {
  const StepLoads loads = Even(32768);
  const TrainingPrices prices(Inputs(), loads, kRanks);
  const auto mean = static_cast<double>(prices.blocks()[kAttention].constant.work);
  constexpr int kDraws = 4000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    ProgramStep step = Step(kAttention);
    step.instance = static_cast<std::uint32_t>(i);
    const double z = static_cast<double>(prices(1, 7, step).work) / mean - 1;
    sum += z, squares += z * z;
  }
  const double sd = prices.blocks()[kAttention].variation;
  EXPECT_GT(sd, 0.005);
  EXPECT_LT(sd, 0.047) << "a part of several kernels varies less than its most variable one";
  EXPECT_NEAR(sum / kDraws, 0, 5 * sd / std::sqrt(kDraws));
  EXPECT_NEAR(std::sqrt(squares / kDraws), sd, 0.1 * sd);
}

TEST_F(TrainingPricesTest, TheSameStepOfTheSameRankAlwaysCostsTheSame) {
  const StepLoads loads = Even(32768);
  const TrainingPrices a(Inputs(), loads, kRanks), b(Inputs(), loads, kRanks);
  PriceInputs other = Inputs();
  other.seed = 2;
  const TrainingPrices c(other, loads, kRanks);
  int different = 0;
  for (int rank = 0; rank < kRanks; ++rank) {
    EXPECT_EQ(a(3, rank, Step(kAttention)).work, b(3, rank, Step(kAttention)).work);
    different += a(3, rank, Step(kAttention)).work != c(3, rank, Step(kAttention)).work ? 1 : 0;
  }
  EXPECT_GT(different, kRanks / 2) << "another seed is another draw";
}

TEST_F(TrainingPricesTest, AnExchangeTakesItsPairsThroughBothPortsAtTheFittedRates) {
  const StepLoads loads = Even(32768);
  const TrainingPrices prices(Inputs(), loads, kRanks);
  const RankLoad load{0, 0, 13000, 20000};
  // Bytes of a pair on the wire, aligned to 16: FP8 with 56 scales (7392) or BF16 (14336), 8 of source, and
  // of each of 8 choices index and weight (dispatch), the weight (combines) or neither (the cached dispatch).
  const std::vector<std::tuple<Part, hw::ExchangeKind, double>> parts = {
      {Part::kDispatch, hw::ExchangeKind::kDispatch, 7392 + 8 + 8 * 8 + 8},
      {Part::kCombineBackward, hw::ExchangeKind::kDispatchCached, 7392 + 8 + 8},
      {Part::kCombine, hw::ExchangeKind::kCombine, 14336 + 8 + 8 * 4 + 8},
      {Part::kDispatchBackward, hw::ExchangeKind::kCombineBackward, 14336 + 8 + 8 * 4 + 8}};
  for (const auto& [part, kind, bytes] : parts) {
    const double out = 13000 * bytes / exchange_.rates().scale_out * 1e12,
                 up = 20000 * bytes / exchange_.rates().scale_up * 1e12;
    const double payload = std::pow(std::pow(out, 4) + std::pow(up, 4), 0.25);
    const std::uint32_t key = PriceKey(UnitKind::kMoeLayer, part);
    const StepPrice price = prices.Exchange(key, load);
    const auto before = static_cast<double>(prices.blocks()[key].constant.work);
    EXPECT_NEAR(static_cast<double>(price.work), before + payload, 2) << Name(part);
    EXPECT_NEAR(static_cast<double>(price.contended),
                (exchange_.SlowDown(kind) - 1) * payload / (before + payload), 1e-6)
        << Name(part);
    EXPECT_NEAR(static_cast<double>(price.port), out / payload, 1e-6) << Name(part);
  }
  EXPECT_EQ(prices.Exchange(kDispatch, {99, 99, 13000, 20000}).work, prices.Exchange(kDispatch, load).work)
      << "rows are not sent, tokens are";
}

TEST_F(TrainingPricesTest, InBf16DispatchesCarryTwoBytesAnElement) {
  Scenario bf16 = scenario_;
  bf16.fp8 = false;
  const StepLoads loads = Even(32768);
  const TrainingPrices eight(Inputs(), loads, kRanks);
  PriceInputs in = Inputs();
  in.scenario = &bf16;
  const TrainingPrices sixteen(in, loads, kRanks);
  const RankLoad load{0, 0, 13000, 20000};
  const auto payload = [&load](const TrainingPrices& prices, Part part) {
    const std::uint32_t key = PriceKey(UnitKind::kMoeLayer, part);
    return static_cast<double>(prices.Exchange(key, load).work - prices.blocks()[key].constant.work);
  };
  const auto ratio = [&](Part part) { return payload(sixteen, part) / payload(eight, part); };
  EXPECT_NEAR(ratio(Part::kDispatch), 14416.0 / 7472, 1e-6);
  EXPECT_NEAR(ratio(Part::kCombineBackward), 14352.0 / 7408, 1e-6);
  EXPECT_NEAR(ratio(Part::kCombine), 1, 1e-9) << "BF16 in either";
  EXPECT_NEAR(ratio(Part::kDispatchBackward), 1, 1e-9);
  EXPECT_EQ(eight.Kernels(kDispatch).front().provenance, hw::Provenance::kMeasured);
  EXPECT_EQ(sixteen.Kernels(kDispatch).front().provenance, hw::Provenance::kScaled)
      << "no dispatch of BF16 is measured";
}

TEST_F(TrainingPricesTest, TheStretchOfTheFabricAndThePerturbationMultiplyTheTransferAlone) {
  const StepLoads loads = Even(32768);
  PriceInputs in = Inputs();
  const TrainingPrices once(in, loads, kRanks);
  in.exchange_stretch = 1.5, in.conditions.transfers = 2;
  const TrainingPrices thrice(in, loads, kRanks);
  const RankLoad load{0, 0, 13000, 20000};
  const auto before = once.blocks()[kDispatch].constant.work;  // what runs ahead of the payload
  EXPECT_EQ(before, thrice.blocks()[kDispatch].constant.work);
  EXPECT_NEAR(static_cast<double>(thrice.Exchange(kDispatch, load).work - before) /
                  static_cast<double>(once.Exchange(kDispatch, load).work - before),
              3, 1e-6);
}

TEST_F(TrainingPricesTest, WhatIsMadeFreeCostsNothing) {
  const StepLoads loads = Even(32768);
  PriceInputs in = Inputs();
  in.conditions = {.exchanges = 0};
  EXPECT_EQ(TrainingPrices(in, loads, kRanks).Exchange(kDispatch, loads.At(0, 0, 0)).work, 0);
  in.conditions = {.messages = 0};
  EXPECT_EQ(TrainingPrices(in, loads, kRanks)(0, 0, Step(models::kSendPrice)).work, 0);
  in.conditions = {.launch_gaps = 0};
  EXPECT_EQ(TrainingPrices(in, loads, kRanks).launch_gap(), 0);
  in.conditions = {.ends = 0};
  const std::uint32_t head = PriceKey(UnitKind::kHead, Part::kMlpForward);
  EXPECT_EQ(TrainingPrices(in, loads, kRanks).blocks()[head].constant.work, 0);
  in.conditions = {};
  EXPECT_GT(TrainingPrices(in, loads, kRanks).blocks()[head].constant.work, 0);
}

TEST_F(TrainingPricesTest, WhatIsScaledCostsItsShare) {
  const StepLoads loads = Even(32768);
  PriceInputs in = Inputs();
  const RankLoad load = loads.At(0, 0, 0);
  const std::uint32_t head = PriceKey(UnitKind::kHead, Part::kMlpForward);
  const TrainingPrices whole(in, loads, kRanks);
  in.conditions = {.exchanges = 0.5, .messages = 3, .ends = 0.25};
  const TrainingPrices scaled(in, loads, kRanks);
  const auto ratio = [](std::int64_t a, std::int64_t b) {
    return static_cast<double>(a) / static_cast<double>(b);
  };
  EXPECT_NEAR(ratio(scaled.Exchange(kDispatch, load).work, whole.Exchange(kDispatch, load).work), 0.5, 1e-6);
  const std::uint32_t mtp = PriceKey(UnitKind::kMtpLayer, Part::kDispatch);
  EXPECT_NEAR(ratio(scaled.Exchange(mtp, load).work, whole.Exchange(mtp, load).work), 0.125, 1e-6);
  EXPECT_NEAR(ratio(scaled.blocks()[head].constant.work, whole.blocks()[head].constant.work), 0.25, 1e-6);
  EXPECT_EQ(scaled(0, 0, Step(models::kSendPrice)).work, 3000);
  EXPECT_EQ(scaled.blocks()[kAttention].constant.work, whole.blocks()[kAttention].constant.work);
}

TEST_F(TrainingPricesTest, OneEvenLoadCostsWhatTheSameLoadOfEveryRankDoes) {
  for (const std::int32_t rows : {1024, 30000, 65536}) {
    PriceInputs in = Inputs();
    in.conditions.vary = false;
    const StepLoads each = Even(rows), one = StepLoads::Even(each.At(0, 0, 0));
    const TrainingPrices a(in, each, kRanks), b(in, one, kRanks);
    for (const std::uint32_t key : {kMlp, kAttention, kDispatch}) {
      EXPECT_EQ(a(0, 5, Step(key)).work, b(0, 5, Step(key)).work) << rows;
      EXPECT_EQ(a(0, 5, Step(key)).contended, b(0, 5, Step(key)).contended) << rows;
    }
  }
}

TEST_F(TrainingPricesTest, SharesUnitPricesWhereComputeIsPricedAlike) {
  Memo memo;
  const StepLoads loads = StepLoads::Even({32768, 16384, 13000, 20000});
  PriceInputs in = Inputs();
  in.memo = &memo;
  const TrainingPrices first(in, loads, 1);
  in.conditions = {.messages = 0, .transfers = 2};
  EXPECT_EQ(TrainingPrices(in, loads, 1).units(), first.units());
  in.conditions = {.casts = 0};
  EXPECT_NE(TrainingPrices(in, loads, 1).units(), first.units());
  in.conditions = {};
  Scenario bf16 = scenario_;
  bf16.fp8 = false;
  in.scenario = &bf16;
  EXPECT_NE(TrainingPrices(in, loads, 1).units(), first.units());
}

TEST_F(TrainingPricesTest, TheKernelsOfABlockSayWhatTheyAreAndWhatPricedThem) {
  const StepLoads loads = Even(32768);
  const TrainingPrices prices(Inputs(), loads, kRanks);
  const auto kernels = KernelsOfBlock(cost_, prices.UnitKey(), UnitKind::kMoeLayer, Part::kMlpForward, 32768);
  double seconds = 0;
  int measured = 0;
  for (const BlockKernel& kernel : kernels) {
    EXPECT_GT(kernel.work.bytes, 0) << kernel.text;
    EXPECT_GE(kernel.contended_s, kernel.seconds) << kernel.text;
    EXPECT_NE(kernel.text.find("@112"), std::string::npos) << kernel.text;
    if (kernel.nearest_row) {
      EXPECT_EQ(kernel.nearest_row->op.kind, kernel.op.kind) << kernel.text;
    }
    if (kernel.provenance == hw::Provenance::kMeasured) {
      ++measured;
      EXPECT_FALSE(kernel.table.empty()) << kernel.text;
      EXPECT_TRUE(kernel.nearest_row.has_value()) << kernel.text;
    }
    seconds += kernel.seconds;
  }
  EXPECT_GT(measured, 0);
  const double gaps = prices.launch_gap() * 1e-12 * static_cast<double>(kernels.size());
  EXPECT_NEAR(seconds + gaps, static_cast<double>(prices.blocks()[kMlp].constant.work) * 1e-12, 1e-9);
  EXPECT_FALSE(KernelsOfBlock(cost_, prices.UnitKey(), UnitKind::kMoeLayer, Part::kDispatch, 0).empty())
      << "what prepares an exchange";
}

TEST_F(TrainingPricesTest, TheKernelsOfAPartMakeUpItsPrice) {
  const StepLoads loads = Even(32768);
  const TrainingPrices prices(Inputs(), loads, kRanks);
  for (std::uint32_t key : {kAttention, kMlp}) {
    double sum = 0;
    for (const KernelShare& kernel : prices.Kernels(key)) sum += kernel.picoseconds;
    EXPECT_NEAR(sum / static_cast<double>(prices.blocks()[key].constant.work), 1, 1e-6);
  }
}

TEST_F(TrainingPricesTest, LaunchGapsAreMeasuredOnlyWhereTheDevicesOwnTraceOrTableSaysSo) {
  const auto gaps = [this](const hw::CostModel& cost) {
    const StepLoads loads = Even(32768);
    PriceInputs in = Inputs();
    in.cost = &cost;
    const TrainingPrices prices(in, loads, kRanks);
    for (const KernelShare& k : prices.Kernels(kAttention))
      if (k.op_class == "launch gaps") return k.provenance;
    return hw::Provenance::kAnalytic;
  };
  EXPECT_EQ(gaps(cost_), hw::Provenance::kMeasured) << "the trace is of an H800";
  EXPECT_EQ(gaps(hw::CostModel::Load(hw::DevicePreset("h100-sxm"), {"auto", false})),
            hw::Provenance::kScaled);
}

/// Which experts of a rank the rows go to.
TEST_F(TrainingPricesTest, AGroupedGemmIsPricedOnTheRowsOfEachExpert) {
  models::LayerShape shape;
  shape.shard.local_experts = 4;
  const auto seconds = [&](const std::vector<std::int64_t>& rows) {
    double sum = 0;
    shape.batch.routed = {rows, 400};
    for (const models::PlacedOp& o :
         models::PhaseOps(scenario_.model, {}, models::phase::kMlpForward, shape)) {
      if (o.op.kind == OpKind::kGroupedGemmFp8) sum += Seconds(cost_.PriceOp(o.op, 112).time);
    }
    return sum;
  };
  // 512 rows after padding in either. At 128 rows an expert the weights bound the time (256 operations a
  // byte, an H800 has 590), and those of an expert without rows are not read.
  EXPECT_LT(seconds({512, 0, 0, 0}), seconds({128, 128, 128, 128}));
}

/// The grid that a simulation reads is made of even rows; a rank's own rows, uneven and some of them none, priced
/// kernel for kernel, must come out the same.
TEST_F(TrainingPricesTest, TheGridAgreesWithTheRowsOfEachExpertPricedAlone) {
  const std::vector<std::vector<std::int64_t>> ranks = {
      {8192, 8192, 8192, 8192}, {100, 9000, 15000, 7001}, {5000, 5100, 4900, 5003}, {1, 1, 1, 40000},
      {0, 12345, 999, 3000},    {0, 0, 20000, 1},         {0, 0, 0, 9999},          {1300, 1000, 900, 1500}};
  std::vector<RankLoad> loads(kRanks, RankLoad{32768, 16384, 13000, 20000});
  const auto unpadded = [&](std::size_t r) { return models::RoutedRows{ranks[r], 0}; };
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    loads[r].rows = static_cast<std::int32_t>(models::PaddedRows(unpadded(r), 128));
    loads[r].unique = loads[r].rows / 2;
    loads[r].idle_experts = static_cast<std::int32_t>(std::count(ranks[r].begin(), ranks[r].end(), 0));
  }
  const StepLoads step(1, kRanks, loads);
  PriceInputs in = Inputs();
  in.conditions.vary = false;
  const TrainingPrices prices(in, step, kRanks);
  models::LayerShape shape;
  shape.shard.local_experts = 4;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    shape.batch.routed = unpadded(r);
    shape.batch.routed.unique_rows =
        std::lround(loads[r].rows * static_cast<double>(step.mean().unique) / step.mean().rows);
    for (const auto& [part, phase] : {std::pair{Part::kMlpForward, models::phase::kMlpForward},
                                      std::pair{Part::kMlpBackward, models::phase::kMlpBackward},
                                      std::pair{Part::kMlpWeight, models::phase::kMlpWeight}}) {
      double direct = 0;
      for (const models::PlacedOp& o : models::PhaseOps(scenario_.model, {}, phase, shape))
        direct += static_cast<double>(cost_.PriceOp(o.op, 112).time.count()) + prices.launch_gap();
      const auto read =
          static_cast<double>(prices(0, static_cast<int>(r), Step(PriceKey(UnitKind::kMoeLayer, part))).work);
      RecordProperty("rank " + std::to_string(r) + " " + std::string(Name(part)),
                     std::to_string(read / direct - 1));
      EXPECT_NEAR(read / direct, 1, loads[r].idle_experts > 0 ? 0.03 : 0.01) << r << " " << Name(part);
    }
  }
}

/// A rank whose experts idle reads fewer weights than one with the same rows on all of them.
TEST_F(TrainingPricesTest, ARankWithIdleExpertsIsPricedOnThoseThatHaveRows) {
  std::vector<RankLoad> loads(kRanks, RankLoad{512, 400, 13000, 20000});
  loads[1].idle_experts = 3;
  loads[2].idle_experts = 1;
  const StepLoads some(1, kRanks, loads);
  PriceInputs in = Inputs();
  in.conditions.vary = false;
  const TrainingPrices prices(in, some, kRanks);
  const auto work = [&](int rank) { return prices(0, rank, Step(kMlp)).work; };
  EXPECT_LT(work(1), work(2));
  EXPECT_LT(work(2), work(0));
}

}  // namespace
}  // namespace orrery::scenarios
