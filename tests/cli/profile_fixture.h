// What the tests of `orrery profile` share: a folder with a stand-in for the device half, and traces to import and compare.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/profile_command.h"
#include "core/base/error.h"
#include "tests/profiler/measurement/synthetic_run.h"

namespace orrery::cli {

struct Outcome {
  int code = -1;
  std::string out, error;
};

/// Parses and runs as main does, without its catch of what is no InputError.
inline Outcome RunCommand(std::vector<std::string> words) {
  CLI::App app;
  Action action;
  AddProfileCommand(app, &action);
  std::reverse(words.begin(), words.end());
  Outcome outcome;
  testing::internal::CaptureStdout();
  try {
    app.parse(words);
    outcome.code = action();
  } catch (const CLI::ParseError& e) {
    outcome = {kBadInput, "", e.what()};
  } catch (const InputError& e) {
    outcome = {kBadInput, "", e.what()};
  } catch (const UnavailableError& e) {
    outcome = {kUnavailable, "", e.what()};
  }
  outcome.out = testing::internal::GetCapturedStdout();
  return outcome;
}

class ProfileCommand : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    ::setenv("ORRERY_DEVICE_DIR", (folder_ / "device").c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("ORRERY_DEVICE_DIR");
    std::filesystem::remove_all(folder_);
  }
  std::string File(const std::string& name) const { return (folder_ / name).string(); }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(File(name)) << text;
    return File(name);
  }
  std::string Write(const std::string& name, const profiler::MeasurementRun& run) const {
    return Write(name, profiler::MeasurementJson(run));
  }
  std::string Read(const std::string& name) const {
    std::ifstream stream(File(name));
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  void InstallDevice(const std::string& script) const {
    std::filesystem::create_directories(folder_ / "device");
    Write("device/orrery-device", "#!/bin/sh\n" + script);
    std::filesystem::permissions(File("device/orrery-device"), std::filesystem::perms::owner_all);
    Write("device/liborrery_injection.so", std::string("x"));
  }
  /// Answers a probe, and a run with a measurement of two cases.
  void InstallDeviceOfAnH100() const {
    profiler::MeasurementRun run = profiler::SyntheticRun(1, 2, 1, 5, {});
    run.device.name = "NVIDIA H100 80GB HBM3";
    Write("canned.json", run);
    InstallDevice(
        "[ $1 = probe ] && { echo GPU; exit 0; }\nwhile [ $# -gt 0 ]; do [ \"$1\" = --out ] && out=$2; "
        "shift; "
        "done\ncp " +
        File("canned.json") + " \"$out\"\n");
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("orrery_profile_command_test_" + std::to_string(getpid()));
};

inline constexpr profiler::Noise kQuiet{0.002, 0.003, 0, 0};

inline constexpr const char* kTrace =
    R"({"traceEvents":[{"ph":"X","cat":"kernel","name":"nvjet_tst_a","ts":1,"dur":5,"tid":7,"args":{"stream":7}}]})";

/// A trace of products [64, 128] x [128, 256], each with its launch: GPU, kernel and time.
struct Product {
  int gpu;
  const char* kernel;
  double us;
};
inline std::string ProductTrace(const std::string& head, const std::vector<Product>& products) {
  std::string text = "{" + head + "\"traceEvents\":[";
  for (std::size_t i = 0; i < products.size(); ++i) {
    const auto at = 1000 * (i + 1);
    text += fmt::format(
        R"({}{{"ph":"X","cat":"cpu_op","name":"aten::mm","ts":{},"dur":20,"tid":1,"args":{{"Input Dims":[[64,128],[128,256]]}}}},)"
        R"({{"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","ts":{},"dur":2,"tid":1,"args":{{"correlation":{}}}}},)"
        R"({{"ph":"X","cat":"kernel","name":"{}","ts":{},"dur":{},"tid":7,"args":{{"device":{},"stream":7,"correlation":{}}}}})",
        i == 0 ? "" : ",", at, at + 5, i + 1, products[i].kernel, at + 100, products[i].us, products[i].gpu,
        i + 1);
  }
  return text + "]}";
}

}  // namespace orrery::cli
