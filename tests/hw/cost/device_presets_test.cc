#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
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
      EXPECT_NEAR(d.fp8.value / d.bf16.value, 2.0, 0.01) << name << ": dense rates, not sparse ones";
    }
    EXPECT_LE(d.scale_up_achieved, d.scale_up) << name;
    const double flops_per_byte = d.bf16.value / d.memory_rate.value;
    EXPECT_GT(flops_per_byte, 30) << name;
    EXPECT_LT(flops_per_byte, 400) << name;
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
