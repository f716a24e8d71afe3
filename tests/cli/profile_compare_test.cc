// `profile compare` as its user meets it.
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "core/base/error.h"
#include "tests/cli/profile_fixture.h"

namespace orrery::cli {
namespace {

namespace fs = std::filesystem;
using profiler::SyntheticRun;
using testing::HasSubstr;

TEST_F(ProfileCommand, TracesExportedToDifferentFilesAreCompared) {
  const auto measure = [&](const std::string& name) {
    const std::string head =
        R"("deviceProperties":[{"id":0,"name":"NVIDIA H100 80GB HBM3","numSms":132}],"traceName":")" +
        File(name) + "\",";
    const std::string trace = Write(name, ProductTrace(head, {{0, "nvjet_tst_a", 10}}));
    EXPECT_EQ(RunCommand({"profile", "import", trace, "--out", File("m-" + name)}).code, 0);
    return File("m-" + name);
  };
  const Outcome o = RunCommand({"profile", "compare", measure("a.json"), measure("b.json")});
  EXPECT_EQ(o.error, "");
  EXPECT_THAT(o.out, HasSubstr("1 cases on NVIDIA H100"));
}

TEST_F(ProfileCommand, CompareAcrossDevicesIsRefusedUnlessForced) {
  profiler::MeasurementRun other = SyntheticRun(1, 5, 3, 30, kQuiet);
  const std::string base = Write("a.json", other);
  other.device.name = "NVIDIA H200";
  const std::string next = Write("b.json", other);
  const Outcome refused = RunCommand({"profile", "compare", base, next});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.error, HasSubstr("'NVIDIA Test' against 'NVIDIA H200'"));
  EXPECT_EQ(RunCommand({"profile", "compare", base, next, "--force"}).code, 0);
}

TEST_F(ProfileCommand, CompareOfARunWithItselfIsDone) {
  const std::string run = Write("a.json", SyntheticRun(1, 5, 3, 30, {}));
  const Outcome o = RunCommand({"profile", "compare", run, run, "--strict"});
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.out, HasSubstr("5 cases on NVIDIA Test: 5 same, 0 slower"));
}

TEST_F(ProfileCommand, CompareFailsOnARegressionAndWritesEveryReport) {
  const std::string base = Write("a.json", SyntheticRun(1, 5, 3, 30, kQuiet)),
                    next = Write("b.json", SyntheticRun(2, 5, 3, 30, kQuiet, 1.2));
  const Outcome o = RunCommand({"profile", "compare", base, next, "--junit", File("j.xml"), "--markdown",
                                File("m.md"), "--json", File("c.json"), "--github"});
  EXPECT_EQ(o.code, 1);
  EXPECT_THAT(o.out, HasSubstr("::error title=slower"));
  EXPECT_THAT(Read("j.xml"), HasSubstr("<failure"));
  EXPECT_THAT(Read("m.md"), HasSubstr("| slower |"));
  EXPECT_THAT(Read("c.json"), HasSubstr("orrery-comparison"));
}

TEST_F(ProfileCommand, ARegressionMustRepeatInTheRetry) {
  const std::string base = Write("a.json", SyntheticRun(1, 5, 3, 30, kQuiet)),
                    slow = Write("b.json", SyntheticRun(2, 5, 3, 30, kQuiet, 1.2)),
                    slow_again = Write("c.json", SyntheticRun(3, 5, 3, 30, kQuiet, 1.2)),
                    normal = Write("d.json", SyntheticRun(4, 5, 3, 30, kQuiet));
  EXPECT_EQ(RunCommand({"profile", "compare", base, slow, "--retry", slow_again}).code, 1);
  const Outcome cleared = RunCommand({"profile", "compare", base, slow, "--retry", normal, "--strict"});
  EXPECT_EQ(cleared.code, 0);
  EXPECT_THAT(cleared.out, HasSubstr("[slower at first (+19."));
  for (const std::string& copy : {slow, base}) {
    const Outcome o = RunCommand({"profile", "compare", base, slow, "--retry", copy});
    EXPECT_EQ(o.code, 2);
    EXPECT_THAT(o.error, HasSubstr("the same numbers as"));
  }
}

TEST_F(ProfileCommand, CompareFailsWhatWasNotMeasured) {
  profiler::MeasurementRun slow = SyntheticRun(2, 5, 3, 30, kQuiet, 1.2),
                           cut = SyntheticRun(3, 5, 3, 30, kQuiet);
  std::erase_if(cut.samples, [](const auto& s) { return s.op_label != "case 0"; });
  const std::string base = Write("a.json", SyntheticRun(1, 5, 3, 30, kQuiet)), next = Write("b.json", cut);
  const Outcome o = RunCommand({"profile", "compare", base, next});
  EXPECT_EQ(o.code, 1);
  EXPECT_THAT(o.out, testing::EndsWith("failed: 4 missing\n"));
  EXPECT_EQ(RunCommand({"profile", "compare", base, next, "--allow-missing"}).code, 0);
  EXPECT_EQ(RunCommand({"profile", "compare", base, Write("s.json", slow), "--retry", next}).code, 1)
      << "slower at first and not measured again";
}

TEST_F(ProfileCommand, CompareFailsWhereNothingCouldBeJudged) {
  const std::string base = Write("a.json", SyntheticRun(1, 5, 1, 5, kQuiet)),
                    next = Write("b.json", SyntheticRun(2, 5, 1, 5, kQuiet));
  const Outcome o = RunCommand({"profile", "compare", base, next});
  EXPECT_EQ(o.code, 1);
  EXPECT_THAT(o.out, HasSubstr("fewer than 8 launches"));
  EXPECT_THAT(o.out, testing::EndsWith("failed: no case could be judged\n"));
}

TEST_F(ProfileCommand, CompareAcrossDriversIsRefusedUnlessForced) {
  profiler::MeasurementRun other = SyntheticRun(1, 5, 3, 30, kQuiet);
  const std::string base = Write("a.json", other);
  other.driver = "590.1";
  const std::string next = Write("b.json", other);
  const Outcome refused = RunCommand({"profile", "compare", base, next});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.error, HasSubstr("driver: '580.00' against '590.1'"));
  const Outcome forced = RunCommand({"profile", "compare", base, next, "--force"});
  EXPECT_EQ(forced.code, 0);
  EXPECT_THAT(forced.out, HasSubstr("warning: forced comparison"));
}

TEST_F(ProfileCommand, CompareRefusesAGateThatIsNoNumber) {
  const std::string base = Write("a.json", SyntheticRun(1, 5, 3, 30, kQuiet)),
                    slow = Write("b.json", SyntheticRun(2, 5, 3, 30, kQuiet, 1.2));
  for (const char* option : {"--min-effect", "--min-delta-us", "--alpha"}) {
    for (const char* value : {"nan", "-nan", "NAN", "inf", "-1"}) {
      EXPECT_EQ(RunCommand({"profile", "compare", base, slow, std::string(option) + "=" + value}).code, 2)
          << option << " " << value;
    }
  }
}

TEST_F(ProfileCommand, CompareRefusesToOverwriteAndWritesNothing) {
  const std::string base = Write("a.json", SyntheticRun(1, 5, 3, 30, kQuiet)),
                    next = Write("b.json", SyntheticRun(2, 5, 3, 30, kQuiet));
  const std::string before = Read("b.json");
  EXPECT_THAT(RunCommand({"profile", "compare", base, next, "--json", next}).error,
              HasSubstr("would overwrite the input"));
  EXPECT_THAT(RunCommand({"profile", "compare", base, base, "--retry", next, "--markdown", next}).error,
              HasSubstr("would overwrite"));
  EXPECT_THAT(
      RunCommand({"profile", "compare", base, next, "--junit", File("f"), "--json", File("./f")}).error,
      HasSubstr("are the same file"));
  EXPECT_THAT(RunCommand({"profile", "compare", base, next, "--junit", "-", "--json", "-"}).error,
              HasSubstr("standard output"));
  EXPECT_THAT(RunCommand({"profile", "compare", base, next, "--github", "--json", "-"}).error,
              HasSubstr("standard output"));
  EXPECT_EQ(Read("b.json"), before);
  EXPECT_FALSE(fs::exists(File("f")));
}

TEST_F(ProfileCommand, OutputsAreAllWrittenOrNone) {
  const std::string run = Write("a.json", SyntheticRun(1, 5, 3, 30, kQuiet)),
                    trace = Write("t.json", std::string(kTrace));
  const Outcome compare =
      RunCommand({"profile", "compare", run, run, "--junit", File("j.xml"), "--json", File("none/c.json")});
  EXPECT_EQ(compare.code, 2);
  EXPECT_EQ(compare.out, "");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 2) << "the inputs alone";
}

TEST_F(ProfileCommand, TracesAreComparedKernelByKernel) {
  const std::string a = Write("a.json", ProductTrace("", {{0, "nvjet_tst_a", 10}, {0, "nvjet_tst_b", 20}})),
                    b = Write("b.json", ProductTrace("", {{0, "nvjet_tst_a", 30}}));
  const Outcome o = RunCommand({"profile", "compare", a, b, "--json", File("c.json")});
  EXPECT_EQ(o.code, 0) << o.error;
  EXPECT_THAT(o.out,
              testing::ContainsRegex("1 +1 +0.01 +0.03 +10.0 +30.0 +0.02 +.200.0 %  GEMM +nvjet_tst_a"));
  EXPECT_THAT(o.out, HasSubstr("no verdicts"));
  EXPECT_THAT(Read("c.json"), HasSubstr("\"schema\": \"orrery-trace-comparison\""));
  EXPECT_THAT(RunCommand({"profile", "compare", a, b, "--junit", File("j.xml")}).error,
              HasSubstr("--junit: the files are traces"));
  const std::string run = Write("m.json", SyntheticRun(1, 5, 3, 30, kQuiet));
  EXPECT_THAT(RunCommand({"profile", "compare", a, run}).error,
              HasSubstr("a.json: is a trace, not a measurement"));
}

TEST_F(ProfileCommand, TheTextMakesWayForAnOutputOnStandardOutput) {
  const std::string run = Write("a.json", SyntheticRun(1, 5, 3, 30, kQuiet));
  EXPECT_THAT(RunCommand({"profile", "compare", run, run, "--junit", "-"}).out, testing::StartsWith("<?xml"));
  EXPECT_THAT(RunCommand({"profile", "compare", run, run, "--markdown", "-"}).out,
              testing::StartsWith("###"));
}

}  // namespace
}  // namespace orrery::cli
