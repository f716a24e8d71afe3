// orrery help keys, new and migrate.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/command_line.h"
#include "core/base/error.h"
#include "scenarios/schema/kinds.h"

namespace orrery::cli {
namespace {

using testing::HasSubstr;

class ScenarioCommands : public testing::Test {
 protected:
  ScenarioCommands()
      : folder_(std::filesystem::path(testing::TempDir()) /
                ("scenario-commands-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~ScenarioCommands() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  static std::string Contents(const std::string& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }
  static std::string Refusal(const std::vector<std::string>& words) {
    try {
      RunCommandLine(words, "0");
    } catch (const InputError& e) {
      return e.what();
    }
    return "accepted";
  }

  std::filesystem::path folder_;
};

TEST_F(ScenarioCommands, HelpKeysTellsTheKeys) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(RunCommandLine({"help", "keys", "workload.batch"}, "0"), kDone);
  const std::string text = testing::internal::GetCapturedStdout();
  EXPECT_THAT(text, HasSubstr("workload.batch_ramp.over"));
  EXPECT_THAT(text, testing::Not(HasSubstr("parallelism")));
  EXPECT_THAT(Refusal({"keys", "wrkload"}), HasSubstr("no key of a scenario begins with 'wrkload'"));
}

TEST_F(ScenarioCommands, NewWritesAScenarioThatReads) {
  for (const char* kind : {"pretraining", "attention"}) {
    const std::string file = Path(std::string(kind) + ".yaml");
    EXPECT_EQ(RunCommandLine({"new", kind, "--out", file}, "0"), kDone);
    EXPECT_NO_THROW(scenarios::ReadScenario(Document::Load(file), file)) << kind;
  }
  EXPECT_THAT(Refusal({"new", "deepseek-v3-pretrainin"}), HasSubstr("did you mean"));
}

TEST_F(ScenarioCommands, NewChangesACopyAndKeepsItsComments) {
  EXPECT_EQ(RunCommandLine({"new", "deepseek-v3-pretraining", "--set", "parallelism.expert=32", "--out",
                            Path("copy.yaml")},
                           "0"),
            kDone);
  const std::string text = Contents(Path("copy.yaml"));
  EXPECT_THAT(text, HasSubstr("# DeepSeek-V3 pre-training as reported"));
  EXPECT_THAT(text, HasSubstr("expert: 32"));
  EXPECT_THAT(Refusal({"new", "deepseek-v3-pretraining", "--set", "parallelism.expert=48", "--out",
                       Path("bad.yaml")}),
              HasSubstr("expected a divisor of data"));
  EXPECT_FALSE(std::filesystem::exists(Path("bad.yaml")));
}

TEST_F(ScenarioCommands, NewAndMigrateReplaceNoOtherFile) {
  std::ofstream(Path("mine.yaml")) << "mine";
  EXPECT_THAT(Refusal({"new", "attention", "--out", Path("mine.yaml")}), HasSubstr("is there already"));
  std::ofstream(Path("old.yaml")) << scenarios::NewScenario("attention");
  EXPECT_THAT(Refusal({"migrate", Path("old.yaml"), "--out", Path("mine.yaml")}),
              HasSubstr("is there already"));
  EXPECT_EQ(Contents(Path("mine.yaml")), "mine");
  EXPECT_EQ(RunCommandLine({"migrate", Path("old.yaml"), "--out", Path("./old.yaml")}, "0"), kDone);
}

TEST_F(ScenarioCommands, MigrateRewritesTheFile) {
  std::string text =
      scenarios::NewScenario("pretraining") + "communication: {kernels: \"2025-04\"}  # ours\n";
  std::ofstream(Path("old.yaml")) << text;
  EXPECT_EQ(RunCommandLine({"migrate", Path("old.yaml")}, "0"), kDone);
  EXPECT_THAT(Contents(Path("old.yaml")), HasSubstr("\nexchange: {kernels: \"2025-04\"}  # ours\n"));
  EXPECT_EQ(RunCommandLine({"migrate", Path("old.yaml"), "--out", Path("same.yaml")}, "0"), kDone);
  EXPECT_EQ(Contents(Path("same.yaml")), Contents(Path("old.yaml")));
}

}  // namespace
}  // namespace orrery::cli
