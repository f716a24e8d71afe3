#include "cli/command_line.h"

#include <cstdlib>

#include <gmock/gmock.h>

#include "cli/command.h"
#include "cli/options.h"
#include "tests/core/input_error.h"

namespace orrery::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

struct Said {
  int code = 0;
  std::string out, error;
};

Said Say(const std::vector<std::string>& words) {
  Said said;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  said.code = RunCommandLine(words, "1.2.3 (commit abc)");
  said.out = testing::internal::GetCapturedStdout();
  said.error = testing::internal::GetCapturedStderr();
  return said;
}

TEST(CommandLine, WithoutACommandListsThem) {
  const Said said = Say({});
  EXPECT_EQ(said.code, kBadInput);
  for (const char* command :
       {"\n  run ", "\n  attention ", "\n  routing ", "\n  validate ", "\n  profile ", "\n  list "})
    EXPECT_THAT(said.error, HasSubstr(command));
}

TEST(CommandLine, GuessesAMisspeltCommand) {
  const Said said = Say({"runn", "deepseek-v3-pretraining"});
  EXPECT_EQ(said.code, kBadInput);
  EXPECT_THAT(said.error,
              AllOf(StartsWith("orrery: 'runn' is no command of 'orrery' (did you mean 'run'?)\n"),
                    HasSubstr("\n  attention ")));
  EXPECT_THAT(Say({"profile", "improt", "t.json"}).error,
              StartsWith("orrery: 'improt' is no command of 'orrery profile' (did you mean 'import'?)\n"));
  EXPECT_THAT(Say({"profile"}).error, AllOf(HasSubstr("orrery profile COMMAND"), HasSubstr("\n  import ")));
}

TEST(CommandLine, GuessesAMisspeltOption) {
  const Said said = Say({"run", "x", "--calibraton", "auto"});
  EXPECT_EQ(said.code, kBadInput);
  EXPECT_THAT(said.error, HasSubstr("(did you mean '--calibration'?)"));
}

TEST(CommandLine, HelpIsACommandToo) {
  const Said all = Say({"help"});
  EXPECT_EQ(all.code, kDone);
  EXPECT_THAT(all.out, AllOf(HasSubstr("run "), HasSubstr("attention ")));
  EXPECT_EQ(Say({"help", "run"}).out, Say({"run", "--help"}).out);
  EXPECT_THAT(Say({"help", "profile", "import"}).out, HasSubstr("--calibration"));
}

TEST(CommandLine, TheVersionIsWhatTheProgramSays) {
  EXPECT_EQ(Say({"--version"}).out, "1.2.3 (commit abc)\n");
}

TEST(CommandLine, ASettingDoesNotSwallowTheScenarioBehindIt) {
  for (const std::vector<std::string>& line : std::vector<std::vector<std::string>>{
           {"run", "--set", "seed=2", "--set", "precision=bf16", "nowhere"},
           {"run", "--trace-ranks", "0,1", "nowhere"},
           {"run", "--calibration", "auto", "nowhere"},
           {"routing", "--set", "seed=2", "nowhere"},
           {"routing", "--ranks", "8,16", "nowhere"},
           {"routing", "compare", "--strategies", "none,balanced", "nowhere"},
           {"attention", "--set", "seed=2", "--scenario", "nowhere"}})
    EXPECT_THAT(ErrorOf([&] { RunCommandLine(line, ""); }), StartsWith("nowhere: no such file"));
}

TEST(CommandLine, AHomeWithoutDataIsAnError) {
  ASSERT_EQ(setenv("ORRERY_HOME", "/nonexistent", 1), 0);
  testing::internal::CaptureStdout();
  const std::string error = ErrorOf([] { RunCommandLine({"list"}, ""); });
  testing::internal::GetCapturedStdout();
  unsetenv("ORRERY_HOME");
  EXPECT_THAT(error, StartsWith("ORRERY_HOME: '/nonexistent' has no folders hw/data and models/data"));
}

TEST(ParseTokens, ContextsAsTheyAreCalled) {
  EXPECT_EQ(ParseTokens("--context", "4096"), 4096);
  EXPECT_EQ(ParseTokens("--context", "128k"), 131072);
  EXPECT_EQ(ParseTokens("--context", "128K"), 131072);
  EXPECT_EQ(ParseTokens("--context", "1M"), 1048576);
  EXPECT_EQ(ParseTokens("--context", "4096 tokens"), 4096) << "as in a scenario";
}

TEST(ParseTokens, AnythingElseIsRefused) {
  for (const char* text : {"", "k", "-1", "1.3k", "128kB", "9999999999999", "99999999999999999999"})
    EXPECT_THAT(ErrorOf([&] { ParseTokens("--context", text); }),
                StartsWith("--context: '" + std::string(text) + "': expected a number of tokens"));
}

}  // namespace
}  // namespace orrery::cli
