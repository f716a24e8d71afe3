#include "scenarios/training/prices.h"

#include <cmath>

#include <gmock/gmock.h>

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
  in.vary = false;
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
  EXPECT_EQ(a.parts()[kAttention].constant.work, b.parts()[kAttention].constant.work);
  EXPECT_TRUE(a.parts()[kAttention].work_by_rows.empty());
}

TEST_F(TrainingPricesTest, AtTheMeanLoadTheGridAgreesWithThePartPricedAlone) {
  const StepLoads loads = Even(32768);
  PriceInputs in = Inputs();
  in.vary = false;
  const TrainingPrices prices(in, loads, kRanks);
  const auto direct = static_cast<double>(prices.parts()[kMlp].constant.work);
  EXPECT_NEAR(static_cast<double>(prices(0, 0, Step(kMlp)).work) / direct, 1, 0.005);
}

TEST_F(TrainingPricesTest, KernelsVaryAboutTheirPriceByTheSpreadOfTheTrace) {
  const StepLoads loads = Even(32768);
  const TrainingPrices prices(Inputs(), loads, kRanks);
  const auto mean = static_cast<double>(prices.parts()[kAttention].constant.work);
  constexpr int kDraws = 4000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    ProgramStep step = Step(kAttention);
    step.instance = static_cast<std::uint32_t>(i);
    const double z = static_cast<double>(prices(1, 7, step).work) / mean - 1;
    sum += z, squares += z * z;
  }
  const double sd = prices.parts()[kAttention].variation;
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

TEST_F(TrainingPricesTest, AnExchangeTakesLongerTheMoreItsPortsCarry) {
  const StepLoads loads = Even(32768);
  const TrainingPrices prices(Inputs(), loads, kRanks);
  const std::int64_t base = prices.Exchange(kDispatch, {0, 0, 13000, 20000}).work;
  EXPECT_GT(prices.Exchange(kDispatch, {0, 0, 26000, 20000}).work, base);
  EXPECT_GT(prices.Exchange(kDispatch, {0, 0, 13000, 40000}).work, base);
  EXPECT_EQ(prices.Exchange(kDispatch, {99, 99, 13000, 20000}).work, base) << "rows are not sent, tokens are";
}

TEST_F(TrainingPricesTest, TheStretchOfTheFabricAndThePerturbationMultiplyTheTransferAlone) {
  const StepLoads loads = Even(32768);
  PriceInputs in = Inputs();
  const TrainingPrices once(in, loads, kRanks);
  in.exchange_stretch = 1.5, in.exchange_factor = 2;
  const TrainingPrices thrice(in, loads, kRanks);
  const RankLoad load{0, 0, 13000, 20000};
  const auto before = once.parts()[kDispatch].constant.work;  // what runs ahead of the payload
  EXPECT_EQ(before, thrice.parts()[kDispatch].constant.work);
  EXPECT_NEAR(static_cast<double>(thrice.Exchange(kDispatch, load).work - before) /
                  static_cast<double>(once.Exchange(kDispatch, load).work - before),
              3, 1e-6);
}

TEST_F(TrainingPricesTest, WhatIsMadeFreeCostsNothing) {
  const StepLoads loads = Even(32768);
  PriceInputs in = Inputs();
  in.free = Free::kExchanges;
  EXPECT_EQ(TrainingPrices(in, loads, kRanks).Exchange(kDispatch, loads.At(0, 0, 0)).work, 0);
  in.free = Free::kMessages;
  EXPECT_EQ(TrainingPrices(in, loads, kRanks)(0, 0, Step(models::kSendPrice)).work, 0);
  in.free = Free::kLaunchGaps;
  EXPECT_EQ(TrainingPrices(in, loads, kRanks).launch_gap(), 0);
  in.free = Free::kEnds;
  const std::uint32_t head = PriceKey(UnitKind::kHead, Part::kMlpForward);
  EXPECT_EQ(TrainingPrices(in, loads, kRanks).parts()[head].constant.work, 0);
  in.free = Free::kNothing;
  EXPECT_GT(TrainingPrices(in, loads, kRanks).parts()[head].constant.work, 0);
}

TEST_F(TrainingPricesTest, TheKernelsOfAPartMakeUpItsPrice) {
  const StepLoads loads = Even(32768);
  const TrainingPrices prices(Inputs(), loads, kRanks);
  for (std::uint32_t key : {kAttention, kMlp}) {
    double sum = 0;
    for (const KernelShare& kernel : prices.parts()[key].kernels) sum += kernel.picoseconds;
    EXPECT_NEAR(sum / static_cast<double>(prices.parts()[key].constant.work), 1, 1e-6);
  }
}

TEST(OpClass, EveryKindHasItsPlaceInTheReport) {
  EXPECT_EQ(OpClass(OpKind::kGemmFp8), "FP8 GEMM, dense");
  EXPECT_EQ(OpClass(OpKind::kGroupedGemmFp8Wgrad), "FP8 GEMM, experts");
  EXPECT_EQ(OpClass(OpKind::kCastFp8), "quantise, cast, transpose");
  EXPECT_EQ(OpClass(OpKind::kAdamW), "optimizer");
}

}  // namespace
}  // namespace orrery::scenarios
