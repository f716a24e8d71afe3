#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "hw/device.h"

namespace orrery::hw {
namespace {

TEST(DevicePresets, HoldTheDevicesOfTheWhatIfTable) {
  EXPECT_THAT(DevicePresets(), ::testing::IsSupersetOf({"a100-sxm", "b200-sxm", "h100-sxm", "h20", "h200-sxm",
                                                        "h800-sxm", "mi300x"}));
}

TEST(DevicePresets, AreWithinWhatHardwareCanBe) {
  for (const std::string& name : DevicePresets()) {
    const Device d = DevicePreset(name);
    EXPECT_FALSE(d.source.empty()) << name;
    EXPECT_FALSE(d.price_source.empty()) << name << ": a price says where it comes from";
    if (d.fp8.value > 0) {
      EXPECT_NEAR(d.fp8.value / d.bf16.value, 2.0, 0.03) << name << ": dense rates, not sparse ones";
    }
    EXPECT_LE(d.scale_up_achieved, d.scale_up) << name;
    const double flops_per_byte = d.bf16.value / d.memory_rate.value;
    EXPECT_GT(flops_per_byte, 30) << name;
    EXPECT_LT(flops_per_byte, 420) << name;
  }
}

// What a program is told, not what the box says: an "80 GB" card tells of 79.1 GiB, and every one of a little
// less than its HBM.
TEST(DevicePresets, HoldTheMemoryThatAProgramIsToldOf) {
  const auto gib = [](const char* name) {
    return static_cast<double>(DevicePreset(name).memory.count) / (1 << 30);
  };
  EXPECT_NEAR(gib("h100-sxm"), gib("h800-sxm"), 0.1);
  EXPECT_NEAR(gib("a100-sxm"), gib("h800-sxm"), 0.1);
  EXPECT_NEAR(gib("h200-sxm"), 139.8, 0.1);
  EXPECT_NEAR(gib("h20"), 95.0, 0.1);
  EXPECT_NEAR(gib("b200-sxm"), 178.35, 0.1);
  EXPECT_NEAR(gib("mi300x"), 191.98, 0.1);
}

TEST(DevicePresets, SayWhatASheetDoesNotFromTheReferenceDevice) {
  const Device h800 = DevicePreset(kReferenceDevice), h20 = DevicePreset("h20"),
               b200 = DevicePreset("b200-sxm");
  EXPECT_EQ(h20.operand_feed, h800.operand_feed) << "the same SM, fewer of them";
  EXPECT_GT(b200.operand_feed, h800.operand_feed) << "faster tensor cores are fed faster";
  EXPECT_EQ(b200.floors.gemm, h800.floors.gemm);
  EXPECT_GT(h800.floors.decode, h800.floors.gemm);
}

TEST(DevicePresets, AShareOfTheSheetIsReadWithBothItsFigures) {
  const std::string sheet =
      "source: test\nsms: 100\nbf16: 500 TFLOPS\nmemory: 80 GB\nmemory_rate: 2 TB/s\nscale_up: 1 GB/s\n"
      "scale_out: 1 GB/s\nhost: 1 GB/s\nwatts: 1\ndollars_per_hour: 1\nmla_decode:\n"
      "  memory_rate: {reached: 1 TB/s, of: 2 TB/s}\n  source: test\n  bf16: ";
  const auto read = [&](const char* share) {
    return ReadDevice(Document::Parse(sheet + share, "device.yaml").root()).mla_decode;
  };
  EXPECT_DOUBLE_EQ(read("{reached: 300 TFLOPS, of: 400 TFLOPS}").bf16, 0.75);
  EXPECT_DOUBLE_EQ(read("{reached: 300 TFLOPS, of: 400 TFLOPS}").memory_rate, 0.5);
  const Device halved =
      ReadDevice(Document::Parse(
                     sheet + "{reached: 1 TFLOPS, of: 1 TFLOPS}\nscale_up_achieved: {reached: 8 GB/s, of: 16 "
                             "GB/s}",
                     "device.yaml")
                     .root());
  EXPECT_DOUBLE_EQ(halved.scale_up_achieved.value, 0.5e9) << "half of the 1 GB/s it has now";
  try {
    read("{reached: 500 TFLOPS, of: 400 TFLOPS}");
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("no more than the data sheet's"));
  }
}

TEST(DevicePresets, NameTheNearestToAnUnknownOne) {
  try {
    DevicePreset("h100-sxn");
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("did you mean 'h100-sxm'"));
  }
}

}  // namespace
}  // namespace orrery::hw
