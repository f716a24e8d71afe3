#include "hw/cost/plausible.h"

#include <gmock/gmock.h>

#include "core/config/resources.h"
#include "hw/cost/cost_model.h"
#include "hw/cost/kernel_table.h"
#include "hw/cost/roofline.h"

namespace orrery::hw {
namespace {

using ::testing::HasSubstr;

Op GemmOp(OpKind kind, GemmShape shape) { return {.kind = kind, .shape = shape, .label = {}}; }
Op RowsOp(std::int64_t bytes) {
  return {.kind = OpKind::kCopy, .shape = RowsShape{1, 1, bytes}, .label = {}};
}
std::string Why(const Op& op, int sms, double us) {
  return WhyImpossible(op, DevicePreset("h100-sxm"), sms, FromMicroseconds(us)).value_or("");
}

TEST(Plausible, EveryTableThatTravelsWithOrreryIs) {
  int rows = 0;
  for (const std::string& device : DevicePresets()) {
    const std::string folder = "hw/data/" + device + "/kernels";
    for (const std::string& name : ResourceNames(folder, "yaml")) {
      for (const KernelRow& row : ReadKernelTable(ResourceRoot() / folder / (name + ".yaml")).rows) {
        EXPECT_EQ(WhyImpossible(row.op, DevicePreset(device), row.sms, row.time), std::nullopt)
            << row.place.Text();
        ++rows;
      }
    }
  }
  EXPECT_GT(rows, 500);
}

TEST(Plausible, TheRooflineItselfIsAndAQuarterBeyondIsNot) {
  for (const auto& op : {GemmOp(OpKind::kGemmBf16, {4096, 7168, 7168, 1}),
                         GemmOp(OpKind::kGemmFp8, {4096, 7168, 7168, 1}), RowsOp(40'000'000'000)}) {
    const double us = Microseconds(Roofline(op, DevicePreset("h100-sxm"), 132));
    EXPECT_EQ(Why(op, 132, us), "");
    EXPECT_EQ(Why(op, 132, us / 1.2), "");
    EXPECT_NE(Why(op, 132, us / 1.3), "");
  }
}

TEST(Plausible, WhatFitsTheCachesMayBeFasterThanTheMemory) {
  EXPECT_EQ(Why(RowsOp(50'000'000), 132, 8), "") << "6.3 TB/s, from the L2";
  EXPECT_THAT(Why(RowsOp(50'000'000), 132, 3),
              HasSubstr("16667 GB/s, more than h100-sxm can move (memory 3350 GB/s"));
  EXPECT_NE(Why(RowsOp(5'000'000'000), 132, 800), "") << "the same 6.3 TB/s, from the memory";
}

TEST(Plausible, NoTimeIsTooLongOrTooShortToSay) {
  const std::int64_t most = std::int64_t{1} << 40;
  EXPECT_NE(Why(GemmOp(OpKind::kGemmBf16, {most, most, most, most}), 132, 1e9), "");
  EXPECT_NE(Why({.kind = OpKind::kAttentionForward,
                 .shape = AttentionShape{most, most, most, most, most, most, most, true},
                 .label = {}},
                132, 1e9),
            "");
  EXPECT_NE(Why(GemmOp(OpKind::kGemmBf16, {4096, 4096, 4096, 1}), 132, 0), "");
  EXPECT_EQ(Why(GemmOp(OpKind::kGemmBf16, {1, 1, 1, 1}), 1, 1e9), "");
}

TEST(Plausible, Fp8NeedsADeviceThatHasIt) {
  EXPECT_EQ(WhyImpossible(GemmOp(OpKind::kGemmFp8, {64, 64, 64, 1}), DevicePreset("a100-sxm"), 108,
                          FromMicroseconds(10)),
            "a100-sxm has no FP8");
}

TEST(Plausible, NoKernelTakesAThousandTimesItsRoofline) {
  const Device h800 = DevicePreset("h800-sxm");
  const Op gemm = GemmOp(OpKind::kGemmFp8, {4096, 4096, 7168, 1});  // 122 us
  EXPECT_EQ(WhyTooSlow(gemm, h800, 132, FromMicroseconds(100'000)), std::nullopt);
  EXPECT_THAT(WhyTooSlow(gemm, h800, 132, FromMicroseconds(1e9)).value_or(""),
              HasSubstr("1000000000 us, over 1000 times the 121.5 us"));
  EXPECT_EQ(WhyTooSlow(RowsOp(8), h800, 132, FromMicroseconds(900)), std::nullopt) << "a slow small kernel";
  EXPECT_NE(WhyTooSlow(RowsOp(8), h800, 132, FromMicroseconds(5e6)), std::nullopt);
  for (const KernelRow& row : CostModel::Load(h800, {}).rows())
    EXPECT_LT(Seconds(row.time), 300 * RooflineSeconds(row.op, h800, row.sms) + 150e-6) << RowText(row);
}

}  // namespace
}  // namespace orrery::hw
