// The program as a whole: exit codes, and what it says when the system and not the input is at fault.
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

namespace orrery::cli {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Ended {
  int code = -1;
  std::string said;  ///< standard output and error
};

/// Runs a line of the shell in which $orrery is the program.
Ended Shell(const std::string& line) {
  const std::string command = "orrery='" ORRERY_BINARY "'; { " + line + "; } 2>&1";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  Ended ended;
  if (pipe == nullptr) return ended;
  std::array<char, 4096> buffer;
  for (std::size_t n; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    ended.said.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

class Program : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  std::string File(const std::string& name) const { return (folder_ / name).string(); }
  /// A valid scenario of 16 GPUs but for its name and calibration, in a file of its own.
  std::string Scenario(const std::string& name, const std::string& calibration) const {
    const std::string file =
        File(fmt::format("s{}.yaml", std::distance(fs::directory_iterator(folder_), {})));
    std::ofstream(file) << "name: " << name << R"(
model: deepseek-v2-lite
cluster:
  device: h800-sxm
  nodes: 2
  devices_per_node: 8
  fabric: {kind: multi_rail_fat_tree, ports: 64, transport: infiniband, routing: adaptive}
workload: {kind: pretraining, sequence_length: 4096, global_batch: 64 sequences, micro_batch: 1 sequence}
parallelism: {pipeline: 2, expert: 8, tensor: 1, data: 8, schedule: 1f1b, zero: 1}
communication: {sms: 20}
precision: fp8-mixed
routing: {strategy: auxiliary-loss-free}
calibration: )" << calibration
                        << "\nseed: 1\n";
    return file;
  }
  fs::path folder_ = fs::temp_directory_path() / ("orrery_main_test_" + std::to_string(getpid()));
};

TEST_F(Program, LostOutputIsAFailure) {
  for (const char* line : {"list", "--help", "--version", "run --help"}) {
    const Ended ended = Shell(std::string("\"$orrery\" ") + line + " > /dev/full");
    EXPECT_EQ(ended.code, 2) << line;
    EXPECT_THAT(ended.said, HasSubstr("cannot write to standard output: No space left on device")) << line;
  }
  EXPECT_EQ(Shell("\"$orrery\" list > /dev/null").code, 0);
}

TEST_F(Program, AReaderThatWentAwayLeavesNoFile) {
  Shell("{ sleep 0.2; \"$orrery\" attention --context 1024 --batch 1 --json " + File("a.json") +
        "; } | true");
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(Program, AnEmptyValueIsNoValue) {
  for (const char* line :
       {"attention --json ''", "run deepseek-v3-pretraining --trace ''", "run ''",
        "run deepseek-v3-pretraining --calibration ''", "routing --json ''", "validate --markdown ''",
        "profile import x --out ''", "profile compare a b --junit ''"}) {
    const Ended ended = Shell(std::string("\"$orrery\" ") + line);
    EXPECT_EQ(ended.code, 2) << line;
    EXPECT_THAT(ended.said, HasSubstr("expected a value, found an empty text")) << line;
  }
}

TEST_F(Program, WhatTheSystemRefusesIsNoInternalError) {
  fs::create_symlink("loop.yaml", File("loop.yaml"));
  const std::string quick = "\"$orrery\" run --quick --fold ";
  const std::string lines[] = {
      quick + Scenario("long", std::string(400, 'a')),
      quick + Scenario("loop", "auto") + " --calibration " + File("loop.yaml"),
      quick + File("loop.yaml"),
      quick + File(std::string(300, 'n')),
      "\"$orrery\" profile compare /proc/self/mem /proc/self/mem",
      "\"$orrery\" profile import /proc/self/mem",
      "\"$orrery\" profile import " + File("loop.yaml"),
      "\"$orrery\" routing --loads " + File("loop.yaml").replace(File("loop.yaml").size() - 5, 5, ".csv"),
      "\"$orrery\" attention -m " + File("loop.yaml"),
  };
  for (const std::string& line : lines) {
    const Ended ended = Shell(line);
    EXPECT_EQ(ended.code, 2) << line << "\n" << ended.said;
    EXPECT_THAT(ended.said, AllOf(Not(HasSubstr("internal")), Not(HasSubstr("filebuf")))) << line;
  }
}

TEST_F(Program, TooLittleMemoryIsSaid) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer itself takes terabytes of addresses";
#endif
  const Ended ended = Shell("ulimit -v 50000; \"$orrery\" run --quick deepseek-v3-pretraining");
  EXPECT_EQ(ended.code, 77) << ended.said;
  EXPECT_THAT(ended.said, Not(HasSubstr("internal")));
}

TEST_F(Program, NamesDoNotReachTheTerminalAsCommands) {
  const Ended ended = Shell("\"$orrery\" run --quick --fold " + Scenario("\"\\e[31mred\\a\"", "auto"));
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.said, AllOf(HasSubstr("\\x1b[31mred\\x07"), Not(HasSubstr("\x1b"))));
}

TEST_F(Program, AFileNameMayBeAnyBytes) {
  fs::copy_file(Scenario("s", "auto"), File("caf\xe9.yaml"));
  const Ended ended = Shell("\"$orrery\" run --quick --fold " + File("caf\xe9.yaml") + " --json -");
  EXPECT_EQ(ended.code, 0) << ended.said;
  EXPECT_THAT(ended.said, HasSubstr("caf\xef\xbf\xbd.yaml"));
}

TEST_F(Program, DepthOnTheLineIsLimited) {
  const Ended ended =
      Shell("\"$orrery\" run --quick " + Scenario("s", "auto") + " --set $(printf 'a.%.0s' $(seq 30000))a=1");
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.said, HasSubstr("nested more than 64 deep"));
  EXPECT_LT(ended.said.size(), 1000u);
}

TEST_F(Program, AnInterruptedRunSaysWhatWasStoppedAndWritesNothing) {
  const Ended ended =
      Shell("cd " + folder_.string() +
            " && timeout --preserve-status -s INT 3 $orrery run deepseek-v3-pretraining --json out.json");
  EXPECT_EQ(ended.code, 130) << ended.said;
  EXPECT_THAT(ended.said, AllOf(HasSubstr("orrery: stopped"), HasSubstr("nothing was written")));
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(Program, AnInterruptedComparisonOfStrategiesWritesNothingEither) {
  const Ended ended =
      Shell("cd " + folder_.string() +
            " && timeout --preserve-status -s INT 3 $orrery routing compare --layers 58 --json out.json");
  EXPECT_EQ(ended.code, 130) << ended.said;
  EXPECT_THAT(ended.said, AllOf(HasSubstr("orrery: stopped"), HasSubstr("nothing was written")));
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace orrery::cli
