// The manual page and the completion against the command line itself, walked through its --help.
#include "cli/manual.h"

#include <cstdio>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <sys/wait.h>

#include "cli/command.h"
#include "cli/command_line.h"

namespace orrery::cli {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

std::string Say(const std::vector<std::string>& words) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(RunCommandLine(words, "1.2.3"), kDone);
  return testing::internal::GetCapturedStdout();
}

std::vector<std::string> Found(const std::string& text, const std::regex& what) {
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), what), end; it != end; ++it)
    found.push_back((*it)[1]);
  return found;
}

/// What `COMMAND --help` says of a command and, through its list of subcommands, of those below.
struct Described {
  std::vector<std::string> commands, options;
};

void Describe(const std::vector<std::string>& command, Described* all) {
  std::vector<std::string> words = command;
  words.emplace_back("--help");
  const std::string help = Say(words);
  for (const std::string& option : Found(help, std::regex("\n +(?:-[a-z],)?(--[a-z-]+)")))
    all->options.push_back(option);
  const std::size_t list = help.find("\nSubcommands:\n");
  if (list == std::string::npos) return;
  for (const std::string& name : Found(help.substr(list + 1), std::regex("\n  ([a-z][a-z-]*)"))) {
    words = command;
    words.push_back(name);
    std::string full = "orrery";
    for (const std::string& word : words) full += " " + word;
    all->commands.push_back(full);
    Describe(words, all);
  }
}

Described Everything() {
  Described all;
  Describe({}, &all);
  return all;
}

/// A command's output, read to its end; its exit code.
std::string Shell(const std::string& line, int* code) {
  std::FILE* pipe = popen((line + " 2>&1").c_str(), "r");
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  *code = WEXITSTATUS(pclose(pipe));
  return text;
}

/// What bash would offer for the last of `words` ("" for a new one), with the script loaded.
std::set<std::string> Offered(const std::string& words, int count) {
  const std::string binary = ORRERY_BINARY;
  int code = 0;
  const std::string said = Shell("bash -c 'source <(\"" + binary + "\" --bash-completion); COMP_WORDS=(\"" +
                                     binary + "\" " + words + "); COMP_CWORD=" + std::to_string(count) +
                                     "; _orrery; printf \"%s\\n\" \"${COMPREPLY[@]}\"'",
                                 &code);
  EXPECT_EQ(code, 0) << said;
  const std::vector<std::string> lines = Found(said, std::regex("([^\n]+)\n"));
  return {lines.begin(), lines.end()};
}

TEST(Manual, HasEveryCommandAndOption) {
  std::string page = Say({"--man-page"});
  page = std::regex_replace(page, std::regex(R"(\\-)"), "-");
  const Described all = Everything();
  ASSERT_THAT(all.commands, Contains("orrery profile attach"));
  ASSERT_THAT(all.options, Contains("--memory-fraction"));
  for (const std::string& command : all.commands)
    EXPECT_THAT(page, HasSubstr("\n.SS " + command + " [OPTIONS]"));
  for (const std::string& option : all.options)
    EXPECT_TRUE(std::regex_search(page, std::regex("\n\\.B (-[a-z], )?" + option + "[ \n]"))) << option;
}

TEST(Manual, IsWellFormed) {
  int code = 0;
  if (Shell("command -v groff", &code); code != 0) GTEST_SKIP() << "no groff";
  EXPECT_EQ(Shell("'" ORRERY_BINARY "' --man-page | groff -man -Tascii -ww -z", &code), "");
  EXPECT_EQ(code, 0);
}

TEST(BashCompletion, OffersCommandsOptionsAndNames) {
  EXPECT_THAT(Offered("\"\"", 1), testing::IsSupersetOf({"run", "attention", "profile", "list"}));
  EXPECT_THAT(Offered("profile i", 2), testing::ElementsAre("import"));
  EXPECT_THAT(Offered("run --js", 2), testing::ElementsAre("--json"));
  EXPECT_THAT(Offered("run deepseek-v3-p", 2), testing::ElementsAre("deepseek-v3-pretraining"));
  EXPECT_THAT(Offered("attention --device h", 3), testing::IsSupersetOf({"h800-sxm", "h20"}));
  EXPECT_THAT(Offered("attention -m deepseek-v", 3), Contains("deepseek-v3"));
  EXPECT_THAT(Offered("run --calibration deep", 3), Contains("deepgemm-2025-04"));
  EXPECT_THAT(Offered("run --json x", 3), testing::IsEmpty());
}

TEST(BashCompletion, HasEveryCommandAndOption) {
  const std::string script = Say({"--bash-completion"});
  const Described all = Everything();
  for (const std::string& command : all.commands)
    EXPECT_THAT(script, HasSubstr("'" + command + "') options="));
  for (const std::string& option : all.options)
    EXPECT_TRUE(std::regex_search(script, std::regex("[ ']" + option + "[ ']"))) << option;
}

}  // namespace
}  // namespace orrery::cli
