// The example workflow and the measuring script, run with stand-ins for the programs they call: what must not
// pass does not.
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <unistd.h>

#include "cli/profile_command.h"
#include "core/config/document.h"
#include "profiler/subprocess.h"

namespace orrery::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

const fs::path kRoot = ORRERY_SOURCE_DIR;

class KernelRegression : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "build/cuda/cli");
    fs::create_directories(folder_ / "bin");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void Install(const std::string& program, const std::string& script) const {
    std::ofstream(folder_ / program) << "#!/bin/sh\n" << script;
    fs::permissions(folder_ / program, fs::perms::owner_all);
  }
  /// An orrery whose measurements and comparisons end with these codes, one after the other.
  void InstallOrrery(const std::string& runs, const std::string& comparisons) const {
    std::ofstream(folder_ / "run") << runs;
    std::ofstream(folder_ / "compare") << comparisons;
    Install("build/cuda/cli/orrery",
            "set -- $2 \"$@\"\necho \"$*\" >> calls\nread -r code rest < \"$1\"\necho \"$rest\" > \"$1\"\n"
            "if [ $1 = compare ] && [ $code -lt 2 ]; then echo \"summary $code\" > summary.md; fi\n"
            "if [ $code = 2 ]; then echo 'orrery: 100 % wrong' >&2; fi\n"
            "exit $code\n");
  }
  profiler::ProgramResult Run(const std::string& script) const {
    return profiler::RunProgram(
        {"/bin/bash", "-e", "-c", "cd " + folder_.string() + "\n" + script},
        {{"GITHUB_STEP_SUMMARY", (folder_ / "step.md").string()}, {"BASELINE", "base.json"}},
        profiler::Capture::kOutputAndErrors);
  }
  static Document Workflow() { return Document::Load(kRoot / "docs/examples/kernel-regression.yml"); }
  /// The script of a step of the workflow.
  static std::string Step(const std::string& name) {
    const Document workflow = Workflow();
    for (const Value& step : workflow.root().At("jobs").At("compare").At("steps").items()) {
      const Value* own = step.Find("name");
      if (own != nullptr && own->AsString() == name) return step.At("run").AsString();
    }
    ADD_FAILURE() << "no step " << name;
    return "false";
  }
  std::string Calls() const { return Text("calls"); }
  std::string Text(const std::string& file) const {
    std::ifstream stream(folder_ / file);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  profiler::ProgramResult Compare(const std::string& runs, const std::string& comparisons) const {
    fs::remove(folder_ / "summary.md");
    fs::remove(folder_ / "step.md");
    InstallOrrery(runs, comparisons);
    return Run(Step("Compare"));
  }
  int CompareCode(const std::string& runs, const std::string& comparisons) const {
    return Compare(runs, comparisons).exit_code;
  }

  fs::path folder_ =
      fs::temp_directory_path() / ("orrery_kernel_regression_test_" + std::to_string(getpid()));
};

TEST_F(KernelRegression, PassesWhatIsTheSameAtOnceOrWhenMeasuredAgain) {
  EXPECT_EQ(CompareCode("", "0 0"), 0);
  EXPECT_EQ(CompareCode("0", "1 0"), 0);
  EXPECT_THAT(Calls(), HasSubstr("--retry retry.json --github"));
}

TEST_F(KernelRegression, FailsWhatRepeatsAndWhatCannotBeCompared) {
  EXPECT_EQ(CompareCode("0", "1 1"), 1);
  EXPECT_EQ(CompareCode("0", "2 2"), 2);
  EXPECT_EQ(CompareCode("0", "1 2"), 2);
}

TEST_F(KernelRegression, WhatCannotBeComparedIsAnnotatedAndSummarised) {
  const profiler::ProgramResult never = Compare("", "2 2");
  EXPECT_THAT(never.output, HasSubstr("::error title=kernel regression::the runs could not be compared (exit "
                                      "code 2): orrery: 100 %25 wrong\n"));
  EXPECT_THAT(Text("step.md"), HasSubstr("exit code 2): orrery: 100 % wrong"));
  EXPECT_EQ(Compare("0", "1 2").exit_code, 2);
  EXPECT_THAT(Text("step.md"), testing::AllOf(HasSubstr("summary 1"), HasSubstr("100 % wrong")))
      << "the first comparison's";
}

TEST_F(KernelRegression, TheFirstComparisonIsReportedWhereNoSecondCouldBeMeasured) {
  const profiler::ProgramResult r = Compare("77", "1 1");
  EXPECT_EQ(r.exit_code, 1);
  EXPECT_THAT(r.output, HasSubstr("could not be measured again; the first measurement stands"));
  EXPECT_EQ(Text("step.md"), "summary 1\n");
  EXPECT_THAT(Calls(), HasSubstr("--json comparison.json --github"));
}

TEST_F(KernelRegression, NoPullRequestCancelsTheWaitingJobOfAnother) {
  const Document workflow = Workflow();
  EXPECT_THAT(workflow.root().At("concurrency").At("group").AsString(), HasSubstr("${{ github.ref }}"));
  EXPECT_THAT(workflow.root().At("on").At("pull_request").At("paths").items(),
              testing::Contains(testing::ResultOf([](const Value& path) { return path.AsString(); },
                                                  testing::Eq("CMakePresets.json"))));
}

TEST_F(KernelRegression, ARunnerThatCannotMeasureFails) {
  EXPECT_EQ(CompareCode("77", "1 1"), 1) << "the second measurement";
  for (const char* code : {"77", "2", "1"}) {
    InstallOrrery(code, "");
    EXPECT_EQ(Run(Step("Measure")).exit_code, 1) << code;
  }
  InstallOrrery("0", "");
  EXPECT_EQ(Run(Step("Measure")).exit_code, 0);
}

TEST_F(KernelRegression, RunsOnlyWhereARunnerIsDeclared) {
  const Document workflow = Workflow();
  const Value& job = workflow.root().At("jobs").At("compare");
  EXPECT_EQ(job.At("if").AsString(), "vars.GPU_RUNNER != ''");
  for (const Value& path : workflow.root().At("on").At("pull_request").At("paths").items())
    EXPECT_THAT(path.AsString(), Not(HasSubstr("docs/"))) << "where it is copied to, not from";
}

TEST_F(KernelRegression, TheWorkflowUsesOptionsThatExist) {
  CLI::App app;
  Action action;
  AddProfileCommand(app, &action);
  CLI::App* profile = app.get_subcommand("profile");
  const std::string words = Step("Measure") + Step("Compare");
  const std::regex option("--[a-z]+(-[a-z]+)*");
  for (std::sregex_iterator it(words.begin(), words.end(), option), end; it != end; ++it) {
    EXPECT_TRUE(profile->get_subcommand("run")->get_option_no_throw(it->str()) != nullptr ||
                profile->get_subcommand("compare")->get_option_no_throw(it->str()) != nullptr)
        << it->str();
  }
}

class MeasureCalibration : public KernelRegression {
 protected:
  /// With a bus that shows a device of NVIDIA's or not, and nvidia-smi saying `smi`.
  profiler::ProgramResult Measure(bool on_the_bus, const std::string& smi) const {
    fs::create_directories(folder_ / "pci/0000:01:00.0");
    std::ofstream(folder_ / "pci/0000:01:00.0/vendor") << (on_the_bus ? "0x10de\n" : "0x8086\n");
    Install("bin/nvidia-smi", smi);
    return Run("PATH=$PWD/bin:$PATH PCI_DEVICES=$PWD/pci " +
               (kRoot / "scripts/measure_calibration").string() + " out");
  }
};

/// The campaign over a device half that builds and has the sections a, b and c.
class MeasureSections : public MeasureCalibration {
 protected:
  void SetUp() override {
    MeasureCalibration::SetUp();
    Install("bin/nvidia-smi", "echo 'GPU 0: a GPU'\n");
    Install("bin/cmake", "exit 0\n");
    fs::create_directories(folder_ / "device");
  }
  /// Each section runs `section` with $s its name, $p its process and $out its file.
  profiler::ProgramResult Campaign(const std::string& section, const std::string& settings = "") const {
    Install("device/orrery-device",
            "[ $1 = probe ] && exit 0\n[ $1 = sections ] && { printf 'a\\nb\\nc\\n'; exit 0; }\n"
            "while [ $# -gt 0 ]; do case $1 in --out) out=$2;; --section) s=$2;; --process) p=$2;; esac; "
            "shift; done\n" +
                section + "\n");
    return Run(settings + " PATH=$PWD/bin:$PATH BUILD_DIR=$PWD/device " +
               (kRoot / "scripts/measure_calibration").string() + " out");
  }
};

TEST_F(MeasureSections, AllMeasuredIsDone) {
  const profiler::ProgramResult r = Campaign("echo {} > $out", "PROCESSES=2");
  EXPECT_EQ(r.exit_code, 0);
  EXPECT_THAT(r.output, HasSubstr("6 measurement files"));
  EXPECT_THAT(r.output, HasSubstr("0 sections failed, 0 not reached"));
}

TEST_F(MeasureSections, OneFailedSectionFailsTheCampaign) {
  const profiler::ProgramResult r = Campaign("[ $s$p = b1 ] && exit 3; echo {} > $out", "PROCESSES=2");
  EXPECT_EQ(r.exit_code, 1);
  EXPECT_THAT(r.output, HasSubstr("5 measurement files"));
  EXPECT_EQ(Campaign("exit 3", "rm -r out;").exit_code, 1);
  EXPECT_EQ(Campaign("exit 0", "rm -r out;").exit_code, 1) << "done, and nothing written";
}

TEST_F(MeasureSections, WhatTheBudgetDoesNotReachFailsTheCampaign) {
  const profiler::ProgramResult r = Campaign("echo {} > $out", "BUDGET_S=4");
  EXPECT_EQ(r.exit_code, 1);
  EXPECT_THAT(r.output, HasSubstr("0 sections failed, 9 not reached"));
}

TEST_F(MeasureSections, AFolderWithAnEarlierRunIsRefused) {
  EXPECT_EQ(Campaign("echo {} > $out").exit_code, 0);
  const profiler::ProgramResult again = Campaign("exit 3");
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_EQ(
      again.last_error,
      "measure_calibration: out/process0-a.json is of an earlier run: name another folder, or delete its "
      "measurements");
}

TEST_F(MeasureSections, ASettingThatIsNoNumberIsBadInput) {
  for (const char* setting : {"PROCESSES=abc", "PROCESSES=0", "SAMPLES=-1", "BUDGET_S=1e3"}) {
    const profiler::ProgramResult r = Campaign("echo {} > $out", setting);
    EXPECT_EQ(r.exit_code, 2) << setting;
    EXPECT_THAT(r.last_error, HasSubstr("expected a whole number from 1 to 999999"));
    EXPECT_FALSE(fs::exists(folder_ / "out"));
  }
}

TEST_F(MeasureCalibration, WithoutAGpuNothingIsBuilt) {
  const profiler::ProgramResult r = Measure(false, "echo 'No devices were found'; exit 6\n");
  EXPECT_EQ(r.exit_code, 77);
  EXPECT_EQ(r.last_error, "measure_calibration: no NVIDIA GPU in this machine");
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

TEST_F(MeasureCalibration, AGpuThatDoesNotAnswerIsAnError) {
  const profiler::ProgramResult r = Measure(true, "echo 'Driver/library version mismatch'; exit 18\n");
  EXPECT_EQ(r.exit_code, 1);
  EXPECT_THAT(r.last_error, HasSubstr("nvidia-smi says: Driver/library version mismatch"));
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

}  // namespace
}  // namespace orrery::cli
