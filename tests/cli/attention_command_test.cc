#include "cli/attention_command.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/output_file.h"
#include "core/base/error.h"
#include "core/config/resources.h"

namespace orrery::cli {
namespace {

using testing::HasSubstr;

/// Runs the line after "orrery attention"; what it printed.
std::string RunLine(const std::string& line) {
  CLI::App app;
  Action action;
  AddAttentionCommand(app, &action);
  app.parse("attention " + line);
  testing::internal::CaptureStdout();
  int code = -1;
  try {
    code = action();
  } catch (...) {
    testing::internal::GetCapturedStdout();
    throw;
  }
  EXPECT_EQ(code, kDone);
  return testing::internal::GetCapturedStdout();
}

std::string ErrorOf(const std::string& line) {
  try {
    RunLine(line);
  } catch (const InputError& e) {
    return e.what();
  }
  return "accepted";
}

std::string Contents(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

class AttentionCommand : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::path(testing::TempDir()) /
        (std::string("orrery-attention-") + testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(AttentionCommand, PrintsV3OnAnH800ByDefault) {
  const std::string text = RunLine("--context 4096 --batch 1,128 --designs mla,mha");
  EXPECT_THAT(text, HasSubstr("deepseek-v3: 671.0 B parameters"));
  EXPECT_THAT(text, HasSubstr("70.272 KB"));
  EXPECT_THAT(text, HasSubstr("batch 128 per GPU"));
}

TEST_F(AttentionCommand, JsonOnStandardOutputIsAlone) {
  const auto json = nlohmann::json::parse(RunLine("--context 4096 --batch 1 --model qwen2.5-72b --json -"));
  EXPECT_EQ(json.at("models").at(0).at("designs").at(0).at("cache_bytes_per_token"), 327680);
}

TEST_F(AttentionCommand, CsvOnStandardOutputIsAlone) {
  EXPECT_TRUE(RunLine("--context 4096 --batch 1 --csv -").starts_with("model,design,phase,"));
}

TEST_F(AttentionCommand, WritesFilesWholeAndLeavesNoTemporary) {
  const auto json = folder_ / "a.json", csv = folder_ / "a.csv";
  RunLine("--context 4096 --batch 1 --json " + json.string() + " --csv " + csv.string());
  EXPECT_TRUE(nlohmann::json::accept(Contents(json)));
  EXPECT_THAT(Contents(csv), HasSubstr("\ndeepseek-v3,mla,decode,4096,1,70272,1,"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 2);
}

TEST_F(AttentionCommand, RunsAScenarioWithOverrides) {
  const std::string file = (ResourceRoot() / "scenarios" / "attention-designs.yaml").string();
  const std::string line =
      "--scenario " + file + " --set workload.contexts=[2048] --batch 4 --cache fp8 --json -";
  const auto json = nlohmann::json::parse(RunLine(line));
  EXPECT_EQ(json.at("cache_precision"), "fp8");
  EXPECT_EQ(json.at("models").at(0).at("expert_parallel"), 64);
  const auto& decode = json.at("models").at(0).at("designs").at(0).at("decode");
  ASSERT_EQ(decode.size(), 1u);
  EXPECT_EQ(decode.at(0).at("context_tokens"), 2048);
  EXPECT_EQ(decode.at(0).at("batch"), 4);
}

TEST_F(AttentionCommand, TakesAHuggingFaceConfig) {
  const auto config = folder_ / "config.json";
  std::ofstream(config) << R"({"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
    "max_position_embeddings": 131072, "tie_word_embeddings": false})";
  const auto json =
      nlohmann::json::parse(RunLine("--model " + config.string() + " --context 4096 --batch 1 --json -"));
  EXPECT_NEAR(json.at("models").at(0).at("parameters").get<double>(), 8.03e9, 0.01e9);  // Llama 3.1 8B
}

TEST_F(AttentionCommand, ErrorsNameTheOptionOrTheFile) {
  EXPECT_THAT(ErrorOf("--model deepseek-v33"), HasSubstr("did you mean 'deepseek-v3'"));
  EXPECT_THAT(ErrorOf("--model absent/config.json"), HasSubstr("absent/config.json"));
  EXPECT_THAT(ErrorOf("--designs mlq"), HasSubstr("mlq"));
  EXPECT_THAT(ErrorOf("--cache fp16"), HasSubstr("--cache"));
  EXPECT_THAT(ErrorOf("--weights int4"), HasSubstr("--weights"));
  EXPECT_THAT(ErrorOf("--norm batch"), HasSubstr("--norm"));
  EXPECT_THAT(ErrorOf("--tpot 50"), HasSubstr("--tpot"));
  EXPECT_THAT(ErrorOf("--device h801"), HasSubstr("h801"));
  EXPECT_THAT(ErrorOf("--context 0"), HasSubstr("--context: workload.contexts[0]: '0'"));
  EXPECT_THAT(ErrorOf("--batch 0"), HasSubstr("--batch: workload.batches[0]: '0'"));
  EXPECT_THAT(ErrorOf("--tensor 0"), HasSubstr("--tensor 0: parallelism.tensor"));
  EXPECT_THAT(ErrorOf("--expert 0"), HasSubstr("--expert 0: parallelism.expert"));
  EXPECT_THAT(ErrorOf("--memory-fraction 2"), HasSubstr("--memory-fraction 2: workload.memory_fraction"));
  EXPECT_THAT(ErrorOf("--scenario absent.yaml"), HasSubstr("absent.yaml"));
  EXPECT_THAT(ErrorOf("--set model=x"), HasSubstr("--scenario"));
  EXPECT_THAT(ErrorOf("--json - --csv -"), HasSubstr("standard output"));
  EXPECT_THAT(ErrorOf("--context 64 --batch 1 --json /no/such/folder/a.json"),
              HasSubstr("/no/such/folder/a.json"));
}

TEST_F(AttentionCommand, RefusesOutputsThatAreOneFileOrAnInput) {
  const std::string a = (folder_ / "a.json").string();
  EXPECT_THAT(ErrorOf("--json " + a + " --csv " + a), HasSubstr("are the same file"));
  EXPECT_THAT(ErrorOf("--model " + a + " --json " + a), HasSubstr("would overwrite the input"));
  EXPECT_THAT(ErrorOf("--scenario " + a + " --csv " + a), HasSubstr("would overwrite the input"));
  EXPECT_FALSE(std::filesystem::exists(a));
}

TEST_F(AttentionCommand, AFailedWriteLeavesTheOldFile) {
  const auto file = folder_ / "kept.txt";
  std::ofstream(file) << "old";
  EXPECT_THROW(WriteOutput((folder_ / "absent" / "x").string(), "new"), InputError);
  WriteOutput(file.string(), "new");
  EXPECT_EQ(Contents(file), "new");
}

TEST_F(AttentionCommand, SpecialFilesAreWrittenThrough) {
  WriteOutput("/dev/null", "x");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  EXPECT_THROW(WriteOutput(folder_.string(), "x"), InputError);
}

}  // namespace
}  // namespace orrery::cli
