// Runs every command line that docs/examples/README.md shows, in a copy of that folder.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/command_line.h"
#include "core/base/error.h"

namespace orrery::cli {
namespace {

namespace fs = std::filesystem;

struct Example {
  std::vector<std::string> words;  ///< after "orrery"
  int exit_code = 0;
};

/// "    orrery profile compare a b   # exits 1"
std::vector<Example> Examples(const fs::path& readme) {
  std::vector<Example> examples;
  std::ifstream in(readme);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("    orrery ")) continue;
    Example example;
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word;
    words >> word;  // orrery
    while (words >> word) example.words.push_back(word);
    const std::size_t exits = line.find("# exits ");
    if (exits != std::string::npos) example.exit_code = std::stoi(line.substr(exits + 8));
    examples.push_back(std::move(example));
  }
  return examples;
}

class ExampleFiles : public testing::Test {
 protected:
  void SetUp() override {
    fs::copy(fs::path(ORRERY_SOURCE_DIR) / "docs" / "examples", folder_);
    fs::current_path(folder_);
  }
  void TearDown() override {
    fs::current_path(before_);
    fs::remove_all(folder_);
  }
  fs::path before_ = fs::current_path();
  fs::path folder_ = fs::temp_directory_path() / ("orrery_examples_" + std::to_string(getpid()));
};

std::string Contents(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

TEST_F(ExampleFiles, NoOutputReplacesAFileThatIsRead) {
  using Words = std::vector<std::string>;
  struct Case {
    std::string read;  ///< by the words, whoever names it
    Words words;
  };
  std::vector<Case> cases;
  for (const char* named : {"l40s-cluster.yaml", "l40s.yaml", "l40s-kernels.yaml", "llama-8b.json"}) {
    cases.push_back({named, {"run", "own-hardware.yaml", "--quick", "--fold", "--json", named}});
    cases.push_back({named, {"run", "own-hardware.yaml", "--quick", "--fold", "--trace", named}});
  }
  cases.push_back(
      {"llama-8b.json", {"attention", "--scenario", "attention.yaml", "--json", "llama-8b.json"}});
  cases.push_back({"llama-8b.json", {"run", "attention.yaml", "--json", "llama-8b.json"}});
  cases.push_back(
      {"l40s.yaml", {"attention", "-m", "llama-8b.json", "-d", "l40s.yaml", "--csv", "l40s.yaml"}});
  cases.push_back({"expert-loads.csv",
                   {"routing", "--model", "deepseek-v2-lite", "--set", "routing.loads=expert-loads.csv",
                    "--json", "expert-loads.csv"}});
  for (const Case& c : cases) {
    const std::string before = Contents(c.read);
    std::string refused;
    try {
      RunCommandLine(c.words, "");
    } catch (const InputError& e) {
      refused = e.what();
    }
    EXPECT_THAT(refused, testing::HasSubstr("would overwrite the input"))
        << c.words[0] << ' ' << c.words[1] << ' ' << c.words[c.words.size() - 2] << ' ' << c.words.back();
    EXPECT_EQ(Contents(c.read), before);
  }
}

TEST_F(ExampleFiles, EveryLineOfTheirReadmeRuns) {
  for (const Example& example : Examples("README.md")) {
    std::string line;
    for (const std::string& word : example.words) line += " " + word;
    testing::internal::CaptureStdout();
    int code = -1;
    EXPECT_NO_THROW(code = RunCommandLine(example.words, "")) << line;
    const std::string text = testing::internal::GetCapturedStdout();
    EXPECT_EQ(code, example.exit_code) << line << "\n" << text;
    EXPECT_FALSE(text.empty()) << line;
  }
}

TEST_F(ExampleFiles, ThereIsOneForEveryCommandThatNeedsNoGpu) {
  std::string all;
  for (const Example& example : Examples("README.md")) {
    for (const std::string& word : example.words) all += " " + word;
    all += "\n";
  }
  for (const char* command : {" run ", " attention ", " routing ", " routing compare ", " profile import ",
                              " profile compare ", " validate ", " list"})
    EXPECT_THAT(all, testing::HasSubstr(command));
}

TEST_F(ExampleFiles, EveryFileIsInTheTableOfTheReadme) {
  std::ifstream in("README.md");
  std::ostringstream readme;
  readme << in.rdbuf();
  for (const auto& entry : fs::directory_iterator(".")) {
    const std::string name = entry.path().filename().string();
    if (name == "README.md") continue;
    EXPECT_THAT(readme.str(), testing::HasSubstr("`" + name + "`"));
  }
}

}  // namespace
}  // namespace orrery::cli
