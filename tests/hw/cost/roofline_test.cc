#include "hw/cost/roofline.h"

#include <gtest/gtest.h>

namespace orrery::hw {
namespace {

const Device& H800() {
  static const Device device = DevicePreset("h800-sxm");
  return device;
}

Op GemmOp(OpKind kind, GemmShape shape) { return {.kind = kind, .shape = shape, .label = {}}; }

double AnalyticMicroseconds(const Op& op, int sms) { return 1e6 * Analytic(op, H800(), sms).Seconds(0); }

TEST(Roofline, OfALargeGemmIsItsFlopsOverThePeak) {
  const Op op = GemmOp(OpKind::kGemmFp8, {8192, 8192, 8192, 1});
  EXPECT_NEAR(Seconds(Roofline(op, H800(), 132)), 2.0 * 8192 * 8192 * 8192 / 1979e12, 1e-9);
  EXPECT_NEAR(Seconds(Roofline(op, H800(), 66)), 2 * Seconds(Roofline(op, H800(), 132)), 1e-9);
}

TEST(Roofline, OfASmallGemmIsItsWeightOverTheMemoryRate) {
  const Op op = GemmOp(OpKind::kGemmFp8, {1, 7168, 16384, 1});
  EXPECT_NEAR(Seconds(Roofline(op, H800(), 132)), 7168.0 * 16384 / 3.35e12, 0.01e-6);
}

TEST(Roofline, CountsHalfTheSquareOfCausalAttention) {
  Op op{.kind = OpKind::kAttentionForward,
        .shape = AttentionShape{1, 128, 128, 4096, 4096, 192, 128, true},
        .label = {}};
  EXPECT_NEAR(Seconds(Roofline(op, H800(), 132)), 687.195e9 / 989e12, 1e-7);  // GFLOP of the trace's kernel
  std::get<AttentionShape>(op.shape).causal = false;
  EXPECT_NEAR(Seconds(Roofline(op, H800(), 132)), 2 * 687.195e9 / 989e12, 2e-7);
}

TEST(Roofline, ReadsAnAbsorbedCacheOnce) {
  const Op op{.kind = OpKind::kAttentionDecode,
              .shape = AttentionShape{64, 8, 1, 1, 65536, 576, 512, true},
              .label = {}};
  EXPECT_NEAR(Seconds(Roofline(op, H800(), 132)), 64.0 * 65536 * 576 * 2 / 3.35e12, 2e-6);
}

TEST(Roofline, ReadsNoWeightOfAnExpertWithoutRows) {
  const Op one = GemmOp(OpKind::kGroupedGemmFp8Masked, {1, 4096, 7168, 256});
  const Op all = GemmOp(OpKind::kGroupedGemmFp8Masked, {256, 4096, 7168, 256});
  EXPECT_NEAR(Seconds(Roofline(all, H800(), 132)) / Seconds(Roofline(one, H800(), 132)), 256, 1);
}

TEST(Roofline, AnalyticTimeIsNeverUnderTheBound) {
  for (const std::int64_t m : {1, 100, 129, 4096, 100000}) {
    for (const std::int64_t n : {1, 130, 7168}) {
      for (const int sms : {1, 20, 112, 132}) {
        const Op op = GemmOp(OpKind::kGemmFp8, {m, n, 7168, 1});
        EXPECT_GE(Analytic(op, H800(), sms).Seconds(0), Seconds(Roofline(op, H800(), sms))) << m << " " << n;
      }
    }
  }
}

TEST(Roofline, AnalyticTimeNeverFallsWithRowsOrRisesWithSms) {
  double last = 0;
  for (std::int64_t m = 1; m < 3000; m += 7) {
    const double time = AnalyticMicroseconds(GemmOp(OpKind::kGemmFp8, {m, 4096, 7168, 1}), 112);
    EXPECT_GE(time, last) << m;
    last = time;
  }
  for (int sms = 2; sms <= 132; ++sms) {
    const Op op = GemmOp(OpKind::kGemmFp8, {4096, 4096, 7168, 1});
    EXPECT_LE(AnalyticMicroseconds(op, sms), AnalyticMicroseconds(op, sms - 1)) << sms;
  }
}

TEST(Roofline, AWaveCostsAsMuchNotQuiteFullAsFull) {
  // 128-column tiles of 4096 columns: 32 a row of tiles, so 33 tiles of 128 rows make exactly 8 waves of 132.
  const double full = AnalyticMicroseconds(GemmOp(OpKind::kGroupedGemmFp8, {33 * 128, 4096, 7168, 1}), 132);
  const double less =
      AnalyticMicroseconds(GemmOp(OpKind::kGroupedGemmFp8, {33 * 128 - 1, 4096, 7168, 1}), 132);
  const double more =
      AnalyticMicroseconds(GemmOp(OpKind::kGroupedGemmFp8, {33 * 128 + 1, 4096, 7168, 1}), 132);
  EXPECT_DOUBLE_EQ(full, less);
  EXPECT_GT(more, 1.02 * full);
}

TEST(Roofline, AMaskedGemmTakesTheTilesOfEachExpert) {
  // 8 experts of 128 rows are one tile each; 8 of 136 and 120 in turn are 4 more, though the total is the same.
  GemmShape even{1024, 4096, 7168, 8, 16, 8}, uneven{1024, 4096, 7168, 8, 8 + 4 + 8, 8 + 4};
  const auto time = [](const GemmShape& s) {
    return AnalyticMicroseconds(GemmOp(OpKind::kGroupedGemmFp8Masked, s), 32);  // few SMs: tensor cores bound
  };
  EXPECT_GT(time(uneven), time(even) * 1.2);
}

TEST(Roofline, AGroupedWeightGradientTakesTheStepsOfEachExpert) {
  const GemmShape total{7168, 2048, 4096, 4}, even{7168, 2048, 4096, 4, 64, 32},
      ragged{7168, 2048, 4096, 4, 66, 35};  // three experts end within a tile
  const auto time = [](const GemmShape& s) {
    return AnalyticMicroseconds(GemmOp(OpKind::kGroupedGemmFp8Wgrad, s), 32);
  };
  EXPECT_DOUBLE_EQ(time(even), time(total));
  EXPECT_NEAR(time(ragged) / time(even), 35.0 / 32, 0.02);
}

TEST(Roofline, ALogRatioInvertsToItsTime) {
  const AnalyticTime time{1e-6, 40e-6};
  for (const double seconds : {2e-6, 41e-6, 1e-3})
    EXPECT_NEAR(time.Seconds(time.LogRatio(seconds)), seconds, 1e-12);
}

}  // namespace
}  // namespace orrery::hw
