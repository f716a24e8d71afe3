// Lists of kernels as one step, under every condition that changes compute.
#include "scenarios/step/block_price.h"

#include <cmath>

#include <gtest/gtest.h>

namespace orrery::scenarios {
namespace {

const hw::CostModel& H800() {
  static const hw::CostModel cost = hw::CostModel::Load(hw::DevicePreset("h800-sxm"), {});
  return cost;
}

models::PlacedOp Gemm() { return {{OpKind::kGemmFp8, GemmShape{4096, 1536, 7168}, {}}}; }
models::PlacedOp Cast() { return {{OpKind::kCastFp8, RowsShape{4096, 7168}, {}}}; }

double Work(const std::vector<models::PlacedOp>& ops, const Conditions& conditions = {}) {
  return static_cast<double>(BlockPricer(H800(), 20, conditions).Price(ops).work);
}
double Gap() { return static_cast<double>(H800().launch_gap().count()); }

TEST(BlockPricer, AddsKernelsAndTheGapsBetweenThem) {
  const int sms = H800().device().sms - 20;
  const auto gemm = static_cast<double>(H800().PriceOp(Gemm().op, sms).time.count());
  const auto cast = static_cast<double>(H800().PriceOp(Cast().op, sms).time.count());
  EXPECT_NEAR(Work({Gemm(), Cast()}), gemm + cast + 2 * Gap(), 1);
  EXPECT_EQ(Work({}), 0);
}

TEST(BlockPricer, ScalesOrLeavesOutWhatTheConditionsName) {
  const double gemm = Work({Gemm()}) - Gap(), cast = Work({Cast()}) - Gap();
  EXPECT_NEAR(Work({Gemm(), Cast()}, {.casts = 0}), gemm + Gap(), 1) << "not launched, so no gap either";
  EXPECT_NEAR(Work({Gemm(), Cast()}, {.casts = 0.5}), gemm + cast / 2 + 2 * Gap(), 1);
  EXPECT_NEAR(Work({Gemm(), Cast()}, {.launch_gaps = 0}), gemm + cast, 1);
  EXPECT_NEAR(Work({Gemm(), Cast()}, {.launch_gaps = 3}), gemm + cast + 6 * Gap(), 1);
}

TEST(BlockPricer, WithoutLentSmsNothingIsDisturbed) {
  const BlockPricer lent(H800(), 20, {}), all(H800(), 20, {.lend_sms = false});
  EXPECT_GT(lent.Price({Gemm()}).contended, 0);
  EXPECT_EQ(all.Price({Gemm()}).contended, 0);
  EXPECT_LE(all.Price({Gemm()}).work, lent.Price({Gemm()}).work);
}

TEST(BlockPricer, TellsTheKernelsAndHowMuchTheyVaryTogether) {
  const BlockPricer pricer(H800(), 20, {});
  BlockPrice one, two;
  pricer.Price({Gemm()}, &one);
  const StepPrice price = pricer.Price({Gemm(), Gemm()}, &two);
  ASSERT_EQ(two.kernels.size(), 3u);
  EXPECT_EQ(two.kernels.back().op_class, "launch gaps");
  double sum = 0;
  for (const KernelShare& kernel : two.kernels) sum += kernel.picoseconds;
  EXPECT_NEAR(sum, static_cast<double>(price.work), 1);
  EXPECT_GT(one.variation, 0.01F);
  EXPECT_NEAR(two.variation, one.variation / std::sqrt(2.0F), 1e-6) << "independent";
}

TEST(BlockPrice, IsInterpolatedBetweenThePointsThatItHas) {
  BlockPrice block;
  block.work_by_rows = {100, 200, 400};
  block.contended_by_rows = {0.1F, 0.2F, 0.3F};
  block.points = 3;
  EXPECT_EQ(block.At(0, 0, 10).work, 100);
  EXPECT_EQ(block.At(5, 0, 10).work, 150);
  EXPECT_EQ(block.At(15, 0, 10).work, 300);
  EXPECT_EQ(block.At(15, 0, 10).contended, 0.2F);
  EXPECT_EQ(block.At(30, 0, 10).work, 600) << "along the last line";
  block.first_point = 7;
  EXPECT_EQ(block.At(75, 0, 10).work, 150);
  EXPECT_EQ(block.At(85, 0, 10).work, 300);
}

TEST(BlockPrice, LiesBetweenTheGridsWhereSomeExpertsAreIdle) {
  BlockPrice block;
  block.work_by_rows = {100, 200, 400, 60, 120, 240};
  block.contended_by_rows = {0, 0, 0, 0, 0, 0};
  block.points = 3, block.idle_experts = 2;
  EXPECT_EQ(block.At(10, 0, 10).work, 200);
  EXPECT_EQ(block.At(10, 1, 10).work, 160);
  EXPECT_EQ(block.At(10, 2, 10).work, 120);
  EXPECT_EQ(block.At(10, 3, 10).work, 120) << "no further than the second grid";
}

}  // namespace
}  // namespace orrery::scenarios
