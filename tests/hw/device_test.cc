#include "hw/device.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <unistd.h>

#include "tests/core/input_error.h"

namespace orrery::hw {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kSheet =
    "source: my own\nsms: 142\nbf16: 362 TFLOPS\nfp8: 733 TFLOPS\nmemory: 48 GB\nmemory_rate: 0.864 TB/s\n"
    "scale_up: 32 GB/s\nscale_out: 25 GB/s\nhost: 32 GB/s\nwatts: 350\ndollars_per_hour: 1\n";

Device Read(const std::string& yaml, const Device* base = nullptr) {
  return ReadDevice(Document::Parse("device: " + yaml, "x.yaml").root().At("device"), base);
}
std::string Refusal(const std::string& yaml, const Device* base = nullptr) {
  return ErrorOf([&] { Read(yaml, base); });
}

TEST(ReadDevice, APresetByName) {
  EXPECT_EQ(Read("h100-sxm"), DevicePreset("h100-sxm"));
  EXPECT_EQ(Read("{preset: h100-sxm}"), DevicePreset("h100-sxm"));
  EXPECT_THAT(Refusal("h100-smx"),
              AllOf(HasSubstr("x.yaml:1:9: device: 'h100-smx'"), HasSubstr("'h100-sxm'")));
}

TEST(ReadDevice, APriceOverridesTheSheetAndSaysWhereItIsFrom) {
  const Device d = Read("{preset: h100-sxm, override: {dollars_per_hour: 3}}");
  EXPECT_EQ(d.dollars_per_hour, 3);
  EXPECT_EQ(d.price_source, "given in the scenario");
  EXPECT_EQ(d.name, "h100-sxm");
  EXPECT_EQ(d.Title(), "h100-sxm with dollars_per_hour 3");
  EXPECT_EQ(d.bf16, DevicePreset("h100-sxm").bf16);
  EXPECT_EQ(Read("{preset: h20, override: {dollars_per_hour: 3, price_source: an offer}}").price_source,
            "an offer");
}

TEST(ReadDevice, OnlyWhatDiffersCountsAsChanged) {
  const Device d = Read("{preset: h100-sxm, override: {sms: 132, memory: 94 GB, memory_rate: 3.9 TB/s}}");
  EXPECT_EQ(d.Title(), "h100-sxm with memory 94 GB, memory_rate 3.9 TB/s");
}

TEST(ReadDevice, WhatAScaleUpLinkAchievesGrowsWithIt) {
  const Device h800 = DevicePreset("h800-sxm");
  const Device d = Read("{preset: h800-sxm, override: {scale_up: 400 GB/s}}");
  EXPECT_DOUBLE_EQ(d.scale_up_achieved.value / d.scale_up.value,
                   h800.scale_up_achieved.value / h800.scale_up.value);
  EXPECT_THAT(
      Refusal("{preset: h800-sxm, override: {scale_up_achieved: 900 GB/s}}"),
      HasSubstr("override.scale_up_achieved: '900 GB/s': scale_up_achieved: expected at most scale_up"));
}

TEST(ReadDevice, AnOverrideAloneChangesTheDeviceOfTheCluster) {
  const Device base = DevicePreset("h20");
  EXPECT_EQ(Read("{override: {watts: 500}}", &base).watts, 500);
  EXPECT_THAT(Refusal("{override: {watts: 500}}"), HasSubstr("missing key 'preset' or 'file'"));
}

TEST(ReadDevice, AWholeSheetInline) {
  const Device d = ReadDevice(Document::Parse(kSheet, "x.yaml").root());
  EXPECT_EQ(d.sms, 142);
  EXPECT_EQ(d.name, "own device");
  EXPECT_EQ(d.scale_up_achieved, d.scale_up);
  EXPECT_EQ(ReadDevice(Document::Parse(std::string(kSheet) + "name: mine\n", "x.yaml").root()).Title(),
            "mine");
}

TEST(ReadDevice, ASheetDoesNotPassForAPreset) {
  EXPECT_THAT(
      ErrorOf([] { ReadDevice(Document::Parse(std::string(kSheet) + "name: h800-sxm\n", "x.yaml").root()); }),
      HasSubstr("x.yaml:12:7: name: 'h800-sxm': expected a name that no preset has"));
  EXPECT_THAT(Refusal("{preset: h800-sxm, override: {name: h20}}"), HasSubstr("no preset has"));
  EXPECT_EQ(Read("{preset: h800-sxm, override: {name: mine, sms: 114}}").Title(), "mine");
}

TEST(ReadDevice, MistakesAreRefusedWithTheirPlace) {
  EXPECT_THAT(Refusal("{dollars_per_hour: 3}"), AllOf(HasSubstr("x.yaml:1:9: device: missing key 'source'"),
                                                      HasSubstr("{preset: NAME, override: {...}}")));
  EXPECT_THAT(Refusal("{source: x, sms: 1}"), HasSubstr("missing key 'bf16'"));
  EXPECT_THAT(Refusal("{preset: h20, watts: 3}"), HasSubstr("device.watts: unknown key"));
  EXPECT_THAT(Refusal("{preset: h20, file: x}"), HasSubstr("device.file: unknown key"));
  EXPECT_THAT(Refusal("{preset: h20, override: {smss: 3}}"), HasSubstr("did you mean 'sms'?"));
  EXPECT_THAT(Refusal("{preset: h20, override: {bf16: 3}}"), HasSubstr("override.bf16: '3'"));
  EXPECT_THAT(Refusal("{preset: h20, override: {dollars_per_hour: -1}}"),
              HasSubstr("expected a number from 0"));
  EXPECT_THAT(Refusal("{preset: h20, override: {memory: 0 GB}}"),
              HasSubstr("override.memory: '0 GB': expected more than no memory"));
  EXPECT_THAT(Refusal("{file: nowhere.yaml}"),
              HasSubstr("x.yaml:1:16: device.file: 'nowhere.yaml': no such file"));
  EXPECT_THAT(Refusal("[h20]"), HasSubstr("x.yaml:1:9: device"));
}

class DeviceFile : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void Write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  Device Load(const std::string& name) {
    return ReadDevice(Document::Load(folder_ / name).root().At("device"));
  }
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("orrery_device_" + std::to_string(getpid()));
};

TEST_F(DeviceFile, StandsBesideTheFileThatNamesIt) {
  Write("gpu.yaml", kSheet);
  Write("h800-sxm.yaml", kSheet);
  Write("cheap.yaml", "preset: h100-sxm\noverride: {dollars_per_hour: 1}\n");
  Write("x.yaml", "device: {file: gpu.yaml, override: {memory: 96 GB}}\n");
  Write("y.yaml", "device: {file: cheap.yaml}\n");
  Write("z.yaml", "device: {file: h800-sxm.yaml}\n");
  EXPECT_EQ(Load("x.yaml").Title(), "gpu with memory 96 GB");
  EXPECT_EQ(Load("y.yaml").Title(), "h100-sxm with dollars_per_hour 1");
  EXPECT_EQ(Load("z.yaml").name, "h800-sxm.yaml") << "no table is measured on it";
}

TEST_F(DeviceFile, ItsMistakesHaveItsPlaceAndItNamesNoFurtherFile) {
  Write("gpu.yaml", std::string(kSheet) + "wats: 3\n");
  Write("x.yaml", "device: {file: gpu.yaml}\n");
  EXPECT_THAT(ErrorOf([&] { Load("x.yaml"); }), HasSubstr("gpu.yaml:12:7: wats: unknown key"));
  Write("gpu.yaml", "file: gpu.yaml\n");
  EXPECT_THAT(ErrorOf([&] { Load("x.yaml"); }), HasSubstr("not a further file"));
}

}  // namespace
}  // namespace orrery::hw
