#include "cli/run_command.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cli/list_command.h"
#include "cli/validate_command.h"
#include "tests/core/input_error.h"

namespace orrery::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A step of 32 GPUs, so that a test takes moments.
constexpr const char* kSmall =
    " --set 'model={preset: deepseek-v3, override: {layers: 8, mtp_modules: 0, moe: {routed_experts: 64, "
    "groups: 4, top_groups: 2}}}' --set 'cluster={preset: h800-512, nodes: 4}' --set 'workload={kind: "
    "pretraining, sequence_length: 1024, global_batch: 64 sequences}' --set 'parallelism={pipeline: 4, "
    "expert: 4, schedule: dualpipe}' --quick";

int RunLine(const std::string& line) {
  CLI::App app{"test"};
  Action action;
  AddRunCommand(app, &action);
  AddValidateCommand(app, &action);
  AddListCommand(app, &action);
  app.parse(line, false);
  return action();
}

class RunCommand : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  std::string File(const std::string& name) const { return (folder_ / name).string(); }
  static std::string Read(const std::string& file) {
    std::ifstream in(file);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  fs::path folder_ = fs::temp_directory_path() / ("orrery_run_command_test_" + std::to_string(getpid()));
};

TEST_F(RunCommand, SaysWhatWasRun) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(RunLine("run deepseek-v3-pretraining" + std::string(kSmall) + " --set precision=bf16 --json " +
                    File("r.json")),
            kDone);
  const std::string text = testing::internal::GetCapturedStdout();
  EXPECT_THAT(
      text,
      HasSubstr("\npipeline 4 x data 8, expert 4, dualpipe, bf16, ZeRO-1; 8 micro-batches of 1 sequence a "
                "pipeline\n\n"));
  EXPECT_THAT(text, HasSubstr("precision bf16)\n")) << "the value beside the key that was changed";
  const auto plan = nlohmann::json::parse(Read(File("r.json"))).at("plan");
  EXPECT_EQ(plan.at("pipeline"), 4);
  EXPECT_EQ(plan.at("data"), 8);
  EXPECT_EQ(plan.at("expert"), 4);
  EXPECT_EQ(plan.at("schedule"), "dualpipe");
  EXPECT_EQ(plan.at("precision"), "bf16");
  EXPECT_EQ(plan.at("micro_batches_per_pipeline"), 8);
}

TEST_F(RunCommand, AKeyIsSetOnce) {
  const auto refusal = [](const std::string& sets) {
    return ErrorOf([&] { RunLine("run deepseek-v3-pretraining --quick --fold" + sets); });
  };
  EXPECT_THAT(refusal(" --set precision=bf16 --set precision=fp8-mixed"),
              HasSubstr("--set precision=fp8-mixed: the key is set already, by --set precision=bf16"));
  EXPECT_THAT(refusal(" --seed 2 --set seed=3"), HasSubstr("is set already"));
  EXPECT_THAT(refusal(" --set exchange.kernels=a --set communication.kernels=b"),
              HasSubstr("is set already"));
}

TEST_F(RunCommand, TheHelpTellsTheKeysThereAre) {
  CLI::App app{"test"};
  Action action;
  AddRunCommand(app, &action);
  const std::string help = app.get_subcommand("run")->help();
  for (const char* key : {"schema_version", "exchange", "parallelism", "seed"})
    EXPECT_THAT(help, HasSubstr(key));
  EXPECT_THAT(help, testing::Not(HasSubstr("communication")));
}

TEST_F(RunCommand, WritesTheTextToStandardOutputAndTheRestToFiles) {
  testing::internal::CaptureStdout();
  const int code = RunLine("run deepseek-v3-pretraining" + std::string(kSmall) + " --json " + File("r.json") +
                           " --trace " + File("t.json"));
  const std::string text = testing::internal::GetCapturedStdout();
  EXPECT_EQ(code, kDone);
  EXPECT_THAT(text, HasSubstr("step"));
  EXPECT_EQ(nlohmann::json::parse(Read(File("r.json")))["gpus"], 32);
  EXPECT_TRUE(nlohmann::json::parse(Read(File("t.json"))).contains("traceEvents"));
}

TEST_F(RunCommand, JsonOnStandardOutputTakesThePlaceOfTheText) {
  testing::internal::CaptureStdout();
  RunLine("run deepseek-v3-pretraining" + std::string(kSmall) + " --json -");
  EXPECT_TRUE(nlohmann::json::accept(testing::internal::GetCapturedStdout()));
}

TEST_F(RunCommand, WritesNothingAtAllIfOneOutputCannotBeWritten) {
  EXPECT_THAT(ErrorOf([&] {
                RunLine("run deepseek-v3-pretraining" + std::string(kSmall) + " --json " + File("r.json") +
                        " --trace " + File("none/t.json"));
              }),
              HasSubstr("cannot write '" + File("none/t.json") + "'"));
  EXPECT_FALSE(fs::exists(File("r.json")));
}

TEST_F(RunCommand, RefusesACalibrationThatIsNoneOfThisDeviceAtItsLine) {
  const auto error = [&](const std::string& head, const std::string& rows) {
    std::ofstream(File("c.yaml")) << "schema_version: 1\n"
                                  << head
                                  << "source: a test\ndriver: x\nlibraries: x\nclocks: x\ntables:" << rows;
    return ErrorOf([&] {
      RunLine("run deepseek-v3-pretraining" + std::string(kSmall) + " --calibration " + File("c.yaml"));
    });
  };
  const auto gemm = [](const std::string& rows) {
    return "\n  - op: gemm_fp8\n    kernel: k\n    sms: 132\n    columns: [m, n, k, time_us]\n    rows:\n" +
           rows;
  };
  const std::string row = "      - [4096, 7168, 2048, 100]\n", here = "device: h800-sxm\ndate: 2026-01-01\n";
  EXPECT_THAT(
      error("device: h20\ndate: 2026-01-01\n", gemm(row)),
      HasSubstr(
          "c.yaml:2:9: device: 'h20': this table was measured on another device than the run's, 'h800-sxm'"));
  EXPECT_THAT(error("device: h9000\ndate: 2026-01-01\n", gemm(row)),
              HasSubstr("c.yaml:2:9: device: 'h9000': no such device"));
  EXPECT_THAT(error("device: h800-sxm\ndate: soon\n", gemm(row)),
              HasSubstr("c.yaml:3:7: date: 'soon': expected a day"));
  EXPECT_THAT(error(here, " []\n"), HasSubstr("c.yaml:8:9: tables: expected at least one table"));
  EXPECT_THAT(error(here, gemm(row + row)),
              HasSubstr("c.yaml:15:9: gemm_fp8 m=4096 n=7168 k=2048 @132: a second row"));
  EXPECT_THAT(error(here, gemm("      - [4096, 7168, 2048, 7]\n")),
              HasSubstr("c.yaml:14:9: gemm_fp8 m=4096 n=7168 k=2048 @132: "
                        "the time cannot be: 17180 TFLOPS"));
}

TEST_F(RunCommand, RefusesTwoOutputsInOneFile) {
  EXPECT_THAT(
      ErrorOf([&] { RunLine("run deepseek-v3-pretraining --json " + File("a") + " --trace " + File("a")); }),
      HasSubstr("are the same file"));
}

TEST_F(RunCommand, RefusesWhatAnAttentionScenarioHasNot) {
  EXPECT_THAT(ErrorOf([&] { RunLine("run attention-designs --fold"); }), HasSubstr("for training scenarios"));
}

TEST_F(RunCommand, StrictFailsWhereThePlanDoesNotFitAndWritesItAllTheSame) {
  const auto code = [&](const std::string& options) {
    testing::internal::CaptureStdout();
    const int result = RunLine("run deepseek-v3-pretraining" + options);
    EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("optimizer step"));
    return result;
  };
  const std::string small = kSmall;
  const std::string large = " --set model=deepseek-v3" + small.substr(small.find(" --set 'cluster=")) +
                            " --set parallelism.expert=8";
  EXPECT_EQ(code(small), kDone);
  EXPECT_EQ(code(small + " --strict"), kDone);
  EXPECT_EQ(code(large), kDone) << "said in the text alone";
  EXPECT_EQ(code(large + " --strict --json " + File("r.json")), kCheckFailed);
  EXPECT_FALSE(nlohmann::json::parse(Read(File("r.json")))["fits"].get<bool>());
  EXPECT_THAT(ErrorOf([&] { RunLine("run attention-designs --strict"); }),
              HasSubstr("for training scenarios"));
}

TEST_F(RunCommand, AWorkloadOfAnotherKindSaysWhichThereAre) {
  EXPECT_THAT(ErrorOf([&] { RunLine("run deepseek-v3-pretraining --set workload.kind=pretrain"); }),
              HasSubstr("did you mean 'pretraining'?"));
}

TEST_F(RunCommand, ASeedIsANumber) {
  EXPECT_THAT(ErrorOf([&] { RunLine("run deepseek-v3-pretraining --seed x"); }), HasSubstr("seed: 'x'"));
}

TEST(ListCommand, NamesEveryKindOfPreset) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(RunLine("list"), kDone);
  const std::string text = testing::internal::GetCapturedStdout();
  for (const char* name : {"deepseek-v3 ", "h800-sxm", "h800-2048", "attention-designs", "2025-02"})
    EXPECT_THAT(text, HasSubstr(name));
}

TEST(ValidateCommand, AnUnknownGroupNamesTheNearest) {
  EXPECT_THAT(ErrorOf([] { RunLine("validate trainin"); }), HasSubstr("did you mean 'training'?"));
}

TEST(ValidateCommand, DeclaredResidualsFailOnlyWhenAskedTo) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(RunLine("validate model"), kDone);
  const bool declared = testing::internal::GetCapturedStdout().find("Off, and why") != std::string::npos;
  testing::internal::CaptureStdout();
  const int strict = RunLine("validate model --strict");
  testing::internal::GetCapturedStdout();
  EXPECT_EQ(strict, declared ? kCheckFailed : kDone);
}

}  // namespace
}  // namespace orrery::cli
