#include "cli/routing_command.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace orrery::cli {
namespace {

using testing::ElementsAre;
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
  EXPECT_THAT(Read(folder / "r.csv"), HasSubstr("layer,domain,share,e0"));
  EXPECT_FALSE(std::filesystem::exists(folder / "r.json.tmp"));
}

TEST(RoutingCommand, ComparesStrategies) {
  const auto file = std::filesystem::path(testing::TempDir()) / "c.csv";
  EXPECT_EQ(RunLine("routing compare --layers 1 --steps 0 --strategies balanced,none --csv " + file.string()),
            kDone);
  EXPECT_THAT(Read(file), HasSubstr("\nbalanced,"));
  EXPECT_THAT(Read(file), HasSubstr("\nnone,"));
}

/// A file of the running test's own.
std::string TestFile(const std::string& name) {
  return testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name() + "-" + name;
}

/// Writes a scenario of `routing` alone and compares strategies in it; the comparison as JSON.
nlohmann::json Compared(const std::string& routing, const std::string& options) {
  const std::string scenario = TestFile("compared.yaml"), json = TestFile("compared.json");
  std::ofstream(scenario) << "model: deepseek-v3\nrouting: " << routing << "\n";
  EXPECT_EQ(RunLine("routing compare " + scenario + " --layers 1 --steps 0 --json " + json + " " + options),
            kDone);
  return nlohmann::json::parse(Read(json))["strategies"];
}

TEST(RoutingCommand, ComparesStrategiesOnTheScenariosTextCapacityAndRouter) {
  const auto s = Compared(
      "{documents_per_sequence: 3, affinity: {domains: 4, domain: 0.5}, capacity_factor: 1.1, drop: random}",
      "--strategies none,auxiliary-loss");
  for (const auto& one : s) {
    EXPECT_THAT(one["source"].get<std::string>(), HasSubstr("4 domains of sd 0.5, 3 to 3 documents"));
    EXPECT_GT(one["micro_batch"]["dropped_share"].get<double>(), 0) << one["strategy"];
    EXPECT_FALSE(one.contains("keys_left_out"));
  }
}

TEST(RoutingCommand, LeavesOutOfAComparisonWhatMeansNothingToAStrategyAndSaysSo) {
  const auto s =
      Compared("{strategy: auxiliary-loss-free, rate: 0.01, capacity_factor: 1.1, shift: {step: 9}}",
               "--strategies auxiliary-loss-free,balanced,expert-choice");
  EXPECT_FALSE(s[0].contains("keys_left_out"));
  EXPECT_THAT(s[1]["keys_left_out"], ElementsAre("shift"));
  EXPECT_THAT(s[2]["keys_left_out"], ElementsAre("capacity_factor", "shift"));
}

TEST(RoutingCommand, GivesASettingToTheStrategiesItMeansSomethingTo) {
  const auto plain = Compared("{}", "--strategies none,auxiliary-loss");
  const auto s = Compared("{}", "--strategies none,auxiliary-loss --set routing.alpha=0.1");
  EXPECT_THAT(s[0]["keys_left_out"], ElementsAre("alpha"));
  EXPECT_EQ(s[0]["global"], plain[0]["global"]);
  EXPECT_LT(s[1]["global"]["max_vio"], 0.5 * plain[1]["global"]["max_vio"].get<double>());
  EXPECT_THAT(Refusal("routing compare --strategies none,balanced --set routing.alpha=0.1"),
              HasSubstr("routing.alpha means nothing to none, balanced"));
}

TEST(RoutingCommand, KeepsPlacementAndCapacityUnderRecordedLoads) {
  const std::string loads = TestFile("flat.csv"), scenario = TestFile("s.yaml"), out = TestFile("o.json");
  std::ofstream csv(loads);
  csv << "layer,expert,count\n";
  for (int e = 0; e < 256; ++e) csv << "0," << e << ",1\n";
  csv.close();
  std::ofstream(scenario) << "model: deepseek-v3\nrouting: {strategy: none, placement: eplb, "
                             "redundant_experts: 64, affinity: {domains: 4}}\n";
  EXPECT_EQ(RunLine("routing " + scenario + " --layers 1 --loads " + loads + " --json " + out), kDone);
  const auto json = nlohmann::json::parse(Read(out));
  EXPECT_THAT(json["source"].get<std::string>(), HasSubstr("EPLB on 320 slots"));
  EXPECT_THAT(json["keys_left_out"], ElementsAre("affinity"));
  EXPECT_EQ(json["recorded_layers"], 1);
  EXPECT_GT(json["micro_batch"]["hottest_slot_excess"], json["micro_batch"]["max_vio"].get<double>() + 0.1);
}

TEST(RoutingCommand, RefusesOptionsThatContradictEachOther) {
  const std::string loads = TestFile("two.csv");
  std::ofstream(loads) << "layer,e0,e1\n0,1,1\n";
  EXPECT_THAT(Refusal("routing --loads " + loads + " --strategy balanced"), HasSubstr("exclude each other"));
  EXPECT_THAT(Refusal("routing --loads " + loads + " --set routing.strategy=none"),
              HasSubstr("recorded loads and strategy exclude each other"));
  EXPECT_THAT(Refusal("routing --strategy none --set routing.strategy=balanced"),
              HasSubstr("--strategy says 'none'"));
  EXPECT_THAT(Refusal("routing compare --set routing.strategy=none"), HasSubstr("expected --strategies"));
  EXPECT_THAT(Refusal("routing compare --set routing.loads=" + loads), HasSubstr("expected --strategies"));
  EXPECT_THAT(Refusal("routing --set routing.placement=eplb --set routing.redundant_experts=3"),
              HasSubstr("routing.redundant_experts: '3': 256 experts and 3 redundant ones do not divide"));
  EXPECT_THAT(Refusal("routing compare --strategies none,none"), HasSubstr("'none' twice"));
  EXPECT_THAT(Refusal("routing --ranks 8,8"), HasSubstr("--ranks: '8' twice"));
}

TEST(RoutingCommand, SaysTheRangeOfANumber) {
  EXPECT_THAT(Refusal("routing --steps 50"), HasSubstr("--steps 50: expected 0 or 100 to 10000000"));
  EXPECT_THAT(Refusal("routing --steps=-1"), HasSubstr("--steps -1: expected 0 or 100 to 10000000"));
  EXPECT_THAT(Refusal("routing --seed=-1"), HasSubstr("seed: '-1': expected a whole number from 0"));
  EXPECT_THAT(Refusal("routing --layers 1000000"),
              HasSubstr("--layers 1000000: deepseek-v3 has 59 MoE layers"));
  EXPECT_THAT(Refusal("routing --set routing.shift.step=5000"),
              HasSubstr("routing.shift.step: '5000': expected at least 100 of the --steps 4000 after it"));
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
  EXPECT_THAT(Refusal("routing --layers 1 --steps 0 --ranks 8,0"),
              HasSubstr("--ranks 0: expected 1 to 65536"));
  EXPECT_THAT(Refusal("routing --layers 1 --steps 0 --json /nowhere/x.json"), HasSubstr("cannot write"));
}

}  // namespace
}  // namespace orrery::cli
