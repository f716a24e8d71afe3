#include "profiler/backend.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <unistd.h>

#include "core/base/error.h"
#include "profiler/subprocess.h"
#include "tests/profiler/measurement/synthetic_run.h"

namespace orrery::profiler {
namespace {

using testing::HasSubstr;

/// A folder with a script in place of orrery-device.
class Backend : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    ::setenv("ORRERY_DEVICE_DIR", folder_.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("ORRERY_DEVICE_DIR");
    std::filesystem::remove_all(folder_);
  }
  void Install(const std::string& script) {
    const auto file = folder_ / "orrery-device";
    std::ofstream(file) << "#!/bin/sh\n" << script;
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("orrery_backend_test_" + std::to_string(getpid()));
};

TEST_F(Backend, IsAbsentWhereItIsNotBuilt) { EXPECT_EQ(FindDeviceBackend(), nullptr); }

TEST_F(Backend, ProbeNamesTheGpu) {
  Install("echo 'NVIDIA Test, 132 SMs'\n");
  EXPECT_EQ(FindDeviceBackend()->Probe(), "NVIDIA Test, 132 SMs");
}

TEST_F(Backend, WithoutAGpuItIsUnavailableWithTheReason) {
  Install("echo 'orrery-device: no NVIDIA driver' >&2; exit 77\n");
  try {
    FindDeviceBackend()->Probe();
    FAIL();
  } catch (const UnavailableError& e) {
    EXPECT_STREQ(e.what(), "no NVIDIA driver");
  }
}

TEST_F(Backend, RunsTheSuiteOncePerProcessAndMerges) {
  WriteMeasurement(SyntheticRun(1, 2, 1, 5, {}), folder_ / "canned.json");
  Install(R"(echo "$*" >> )" + (folder_ / "calls").string() + R"(
out=
while [ $# -gt 0 ]; do [ "$1" = --out ] && out=$2; shift; done
cp )" + (folder_ / "canned.json").string() +
          R"( "$out"
)");
  SuiteOptions options;
  options.processes = 3;
  options.filter = "q_b; rm -rf x";
  const MeasurementRun run = FindDeviceBackend()->RunSuite(options);
  EXPECT_EQ(run.samples.size(), 6u);
  EXPECT_EQ(run.samples.back().process, 2);
  std::ifstream calls(folder_ / "calls");
  std::string first, second;
  std::getline(calls, first);
  std::getline(calls, second);
  EXPECT_THAT(first, HasSubstr("run --suite deepseek-v3 --out "));
  EXPECT_THAT(first,
              HasSubstr("--process 0 --seed 1 --samples 30 --warmups 5 --priority 1 --filter q_b; rm -rf x"));
  EXPECT_THAT(first, testing::Not(HasSubstr("--no-counters")));
  EXPECT_THAT(second, HasSubstr("--no-counters")) << "counters are read once";
}

TEST_F(Backend, AFailingKernelCheckIsAnError) {
  Install(
      "echo working >&2; echo 'orrery-device: grouped GEMM differs from its reference by 0.4' >&2; exit 2\n");
  try {
    FindDeviceBackend()->RunSuite({});
    FAIL();
  } catch (const InputError& e) {
    EXPECT_STREQ(e.what(), "grouped GEMM differs from its reference by 0.4");
  }
}

TEST_F(Backend, ACrashIsReportedWithItsCode) {
  Install("kill -SEGV $$\n");
  try {
    FindDeviceBackend()->Probe();
    FAIL();
  } catch (const InputError& e) {
    EXPECT_THAT(e.what(), HasSubstr("ended with code 139"));
  }
}

TEST_F(Backend, TheInjectionLibraryMustBeThere) {
  Install("");
  EXPECT_THROW(FindDeviceBackend()->InjectionLibrary(), UnavailableError);
  std::ofstream(folder_ / "liborrery_injection.so") << "x";
  EXPECT_TRUE(FindDeviceBackend()->InjectionLibrary().is_absolute());
}

TEST(Subprocess, PassesArgumentsAndEnvironmentAsTheyAre) {
  const ProgramResult r =
      RunProgram({"/bin/sh", "-c", "echo \"$1|$ORRERY_X\"; echo problem >&2; exit 3", "sh", "a b*c"},
                 {{"ORRERY_X", "y z"}}, Capture::kOutputAndErrors);
  EXPECT_EQ(r.output, "a b*c|y z\n");
  EXPECT_EQ(r.last_error, "problem");
  EXPECT_EQ(r.exit_code, 3);
}

TEST(Subprocess, LargeOutputNeitherBlocksNorGrows) {
  const ProgramResult r = RunProgram({"/bin/sh", "-c", "head -c 1000000 /dev/zero; echo done >&2"}, {},
                                     Capture::kOutputAndErrors);
  EXPECT_EQ(r.exit_code, 0);
  EXPECT_LE(r.output.size(), 65536u);
}

TEST(Subprocess, AProgramThatIsNotThereIsNamed) {
  try {
    RunProgram({"/nonexistent/program"}, {}, Capture::kNone);
    FAIL();
  } catch (const InputError& e) {
    EXPECT_THAT(e.what(), HasSubstr("cannot run '/nonexistent/program': No such file"));
  }
  EXPECT_THROW(RunProgram({}, {}, Capture::kNone), InputError);
}

}  // namespace
}  // namespace orrery::profiler
