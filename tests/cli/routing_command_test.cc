#include "cli/routing_command.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace orrery::cli {
namespace {

using testing::HasSubstr;

int RunLine(const std::string& line) {
  CLI::App app{"test"};
  Action action;
  AddRoutingCommand(app, &action);
  app.parse(line, false);
  return action();
}

std::string Refusal(const std::string& line) {
  try {
    RunLine(line);
  } catch (const InputError& e) {
    return e.what();
  }
  return "accepted";
}

std::string Read(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(RoutingCommand, WritesItsReportToFiles) {
  const auto folder = std::filesystem::path(testing::TempDir());
  EXPECT_EQ(RunLine("routing --layers 1 --steps 100 --json " + (folder / "r.json").string() + " --csv " +
                    (folder / "r.csv").string()),
            kDone);
  EXPECT_THAT(Read(folder / "r.json"), HasSubstr("\"schema_version\": 1"));
  EXPECT_THAT(Read(folder / "r.csv"), HasSubstr("layer,domain,e0"));
  EXPECT_FALSE(std::filesystem::exists(folder / "r.json.tmp"));
}

TEST(RoutingCommand, ComparesStrategies) {
  const auto file = std::filesystem::path(testing::TempDir()) / "c.csv";
  EXPECT_EQ(RunLine("routing compare --layers 1 --steps 0 --strategies balanced,none --csv " + file.string()),
            kDone);
  EXPECT_THAT(Read(file), HasSubstr("\nbalanced,"));
  EXPECT_THAT(Read(file), HasSubstr("\nnone,"));
}

TEST(RoutingCommand, TakesAModelFromItsConfiguration) {
  const auto file = std::filesystem::path(testing::TempDir()) / "config.json";
  std::ofstream(file) << R"({"model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32000,
    "num_local_experts": 8, "num_experts_per_tok": 2, "max_position_embeddings": 32768,
    "rope_theta": 1000000.0, "rms_norm_eps": 1e-05, "tie_word_embeddings": false})";
  const auto json = std::filesystem::path(testing::TempDir()) / "m.json";
  EXPECT_EQ(RunLine("routing --layers 1 --steps 0 --model " + file.string() + " --json " + json.string()),
            kDone);
  EXPECT_THAT(Read(json), HasSubstr("\"experts\": 8"));
  EXPECT_THAT(Refusal("routing --model /nowhere/config.json"), HasSubstr("/nowhere/config.json"));
}

TEST(RoutingCommand, SaysWhatIsWrong) {
  EXPECT_THAT(Refusal("routing --strategy nonee"), HasSubstr("nonee"));
  EXPECT_THAT(Refusal("routing --model deepseek-v33"), HasSubstr("did you mean"));
  EXPECT_THAT(Refusal("routing --loads nowhere.csv"), HasSubstr("nowhere.csv"));
  EXPECT_THAT(Refusal("routing --set rate"), HasSubstr("expected KEY=VALUE"));
  EXPECT_THAT(Refusal("routing --set routing.rate=7"), HasSubstr("routing.rate"));
  EXPECT_THAT(Refusal("routing --layers 1 --steps 0 --ranks 8,0"), HasSubstr("0 expert-parallel ranks"));
  EXPECT_THAT(Refusal("routing --layers 1 --steps 0 --json /nowhere/x.json"), HasSubstr("cannot write"));
}

}  // namespace
}  // namespace orrery::cli
