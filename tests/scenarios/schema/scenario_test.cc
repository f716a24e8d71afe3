#include "scenarios/schema/scenario.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <unistd.h>

#include "core/base/random.h"
#include "core/config/key_error.h"
#include "core/config/resources.h"
#include "scenarios/training/simulation.h"
#include "tests/core/input_error.h"

namespace orrery::scenarios {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

Scenario Read(const std::vector<std::string>& sets) {
  return ReadTrainingScenario(LoadScenarioDocument("deepseek-v3-pretraining", sets),
                              "deepseek-v3-pretraining");
}

std::string Refusal(const std::vector<std::string>& sets) {
  return ErrorOf([&] { Read(sets); });
}

TEST(TrainingScenario, ReadsTheReportedRun) {
  const Scenario s = Read({});
  EXPECT_EQ(s.Gpus(), 2048);
  EXPECT_EQ(s.MicroBatches(), 120);
  EXPECT_EQ(s.TokensPerStep(), 15360 * 4096);
  EXPECT_EQ(s.parallelism.schedule, models::ScheduleKind::kDualPipe);
  EXPECT_DOUBLE_EQ(s.workload.run_tokens, 14.8e12);
  EXPECT_EQ(s.workload.ramp->from_sequences, 3072);
  EXPECT_EQ(s.communication.sms, 20);
  EXPECT_TRUE(s.fp8);
  EXPECT_EQ(s.hash.size(), 16u);
}

TEST(TrainingScenario, WithoutExchangesKernelsHaveEverySm) {
  const std::vector<std::string> dense = {"model=deepseek-67b", "parallelism.expert=1", "routing=null",
                                          "parallelism.schedule=1f1b"};
  EXPECT_EQ(Read(dense).communication.sms, 0) << "though the scenario's text says 20";
  std::vector<std::string> unsaid = dense;
  unsaid.push_back("exchange=null");
  EXPECT_EQ(Read(unsaid).communication.sms, 0);
  EXPECT_EQ(Read({"exchange=null"}).communication.sms, 20);
  EXPECT_EQ(Read({"parallelism.expert=1"}).communication.sms, 0) << "experts that never leave their GPU";
}

TEST(TrainingScenario, ASequenceIsNoLongerThanThePositionsAfterRopeScaling) {
  EXPECT_EQ(Read({"workload.sequence_length=163840"}).workload.sequence_length, 163840);
  EXPECT_THAT(Refusal({"workload.sequence_length=163841"}),
              HasSubstr("workload.sequence_length: '163841': expected at most the 163840 positions that "
                        "deepseek-v3 has after RoPE scaling"));
  EXPECT_THAT(Refusal({"model=deepseek-67b", "parallelism.expert=1", "routing=null",
                       "workload.sequence_length=8192"}),
              HasSubstr("expected at most the 4096 positions that deepseek-67b has (of a model"));
  EXPECT_EQ(
      Read({"model.scaled_positions=200000", "workload.sequence_length=163841"}).model.LongestSequence(),
      200000);
  const std::string unknown =
      "model={layers: 2, hidden: 256, vocabulary: 1000, dense_intermediate: 512, "
      "attention: {kind: mha, heads: 2, head_dim: 128}}";
  EXPECT_EQ(Read({unknown, "parallelism.expert=1", "routing=null", "workload.sequence_length=200000"})
                .workload.sequence_length,
            200000)
      << "where nothing is declared nothing is known";
}

TEST(TrainingScenario, TheHashFollowsTheContent) {
  EXPECT_EQ(Read({}).hash, Read({"seed=1"}).hash);
  EXPECT_NE(Read({}).hash, Read({"seed=2"}).hash);
}

TEST(TrainingScenario, DataIsWhatIsLeftOfTheCluster) {
  EXPECT_EQ(Read({"parallelism.data=~"}).parallelism.data, 128);
}

TEST(TrainingScenario, DegreesMustMultiplyToTheCluster) {
  EXPECT_THAT(Refusal({"parallelism.data=64"}),
              AllOf(StartsWith("--set parallelism.data=64: parallelism.data: '64': "),
                    HasSubstr("pipeline 16 x tensor 1 x data 64 is 1024 GPUs, but the cluster has 2048")));
  EXPECT_THAT(Refusal({"parallelism.pipeline=15"}),
              HasSubstr("parallelism.pipeline: '15': expected a divisor of the cluster's 2048 GPUs"));
  EXPECT_THAT(Refusal({"parallelism.pipeline=0"}), HasSubstr("expected a whole number from 1 to"));
}

TEST(TrainingScenario, ExpertsMustSpreadEvenly) {
  EXPECT_THAT(Refusal({"parallelism.expert=48"}),
              HasSubstr("parallelism.expert: '48': expected a divisor of data (128)"));
  EXPECT_THAT(
      Refusal({"parallelism.expert=128", "model={preset: deepseek-v3, override: {moe.routed_experts: 192}}"}),
      HasSubstr("parallelism.expert: '128': expected a divisor of the model's 192 experts"));
  EXPECT_THAT(Refusal({"model=llama-3.1-70b"}),
              HasSubstr("parallelism.expert: '64': expected 1: the model has no experts"));
}

TEST(TrainingScenario, ThereIsNoTensorParallelism) {
  EXPECT_THAT(Refusal({"parallelism.tensor=2"}), HasSubstr("parallelism.tensor: '2': expected 1"));
}

TEST(TrainingScenario, TheBatchMustFillThePipelines) {
  EXPECT_THAT(Refusal({"workload.global_batch=15361 sequences", "workload.batch_ramp=~"}),
              HasSubstr("workload.global_batch: '15361 sequences': expected a multiple of data x micro_batch "
                        "= 128 x 1 = 128 sequences"));
  EXPECT_THAT(Refusal({"workload.global_batch=1280000 sequences"}),
              HasSubstr("gives 10000 micro-batches a pipeline, expected at most 4096"));
  EXPECT_EQ(Read({"workload.global_batch=15360"}).workload.global_batch, 15360);
  EXPECT_EQ(Read({"workload.sequence_length=4k"}).workload.sequence_length, 4096);
  EXPECT_EQ(Read({"workload.run_tokens=1T tokens"}).workload.run_tokens, 1e12);
  EXPECT_THAT(Refusal({"workload.global_batch=4M tokens"}),
              HasSubstr("expected a whole number from 1 to 16777216, e.g. 4096 or '4096 sequences'"));
  EXPECT_THAT(Refusal({"workload.batch_ramp.from=20000 sequences"}), HasSubstr("workload.batch_ramp.from"));
}

TEST(TrainingScenario, NamesMustBeKnown) {
  EXPECT_THAT(Refusal({"model=deepseek-v33"}),
              AllOf(HasSubstr("model: 'deepseek-v33'"), HasSubstr("did you mean 'deepseek-v3'")));
  EXPECT_THAT(Refusal({"cluster=h800-2084"}),
              AllOf(HasSubstr("cluster: 'h800-2084'"), HasSubstr("did you mean 'h800-2048'")));
  EXPECT_THAT(Refusal({"parallelism.schedule=dualpipes"}),
              HasSubstr("expected one of: dualpipe, 1f1b, interleaved-1f1b, zb1p, dualpipev"));
  EXPECT_THAT(Refusal({"precision=fp4"}), HasSubstr("precision: 'fp4': expected one of: bf16, fp8-mixed"));
  EXPECT_THAT(Refusal({"workload.kind=training"}),
              HasSubstr("workload.kind: 'training': expected one of: pretraining"));
  EXPECT_THAT(Refusal({"parallelism.expret=1"}),
              AllOf(HasSubstr("parallelism.expret: unknown key"), HasSubstr("did you mean 'expert'")));
  EXPECT_THAT(Refusal({"clusters=1"}),
              AllOf(HasSubstr("clusters: unknown key"), HasSubstr("did you mean 'cluster'")));
}

TEST(TrainingScenario, AClusterHasALimit) {
  EXPECT_THAT(Refusal({"cluster={preset: h800-2048, nodes: 32768}"}),
              HasSubstr("262144 GPUs, expected at most 131072"));
  EXPECT_THAT(Refusal({"cluster={preset: h800-2048, nodes: 1048576}"}),
              HasSubstr("three layers of 64-port switches"));
}

TEST(TrainingScenario, ExchangesLeaveTheDeviceAnSm) {
  EXPECT_THAT(Refusal({"communication.sms=132"}),
              HasSubstr("exchange.sms: '132': expected a whole number from 0 to 131"));
}

TEST(TrainingScenario, AMicroBatchHasALimit) {
  EXPECT_THAT(Refusal({"workload.sequence_length=16777216", "workload.micro_batch=2 sequences"}),
              HasSubstr("workload.sequence_length: '16777216': expected at most 16777216 tokens a "
                        "micro-batch, not 33554432"));
}

TEST(TrainingScenario, ABatchRampEnds) {
  EXPECT_THAT(
      Refusal({"workload.sequence_length=1", "workload.batch_ramp={from: 1 sequence, over: 9e15 tokens}"}),
      HasSubstr("workload.batch_ramp.over"));
}

TEST(TrainingScenario, TheDeviceCanBeChanged) {
  const Scenario s = Read({"cluster.device.dollars_per_hour=3"});
  EXPECT_EQ(s.cluster.device.dollars_per_hour, 3);
  EXPECT_EQ(s.cluster.device.name, "h800-sxm");
  const Scenario other = Read({"cluster.device=h100-sxm", "cluster.device.memory=94 GB"});
  EXPECT_EQ(other.cluster.device.Title(), "h100-sxm with memory 94 GB");
  EXPECT_EQ(Read({"cluster.device.preset=h20", "cluster.device.watts=500"}).cluster.device.Title(),
            "h20 with watts 500");
  EXPECT_DOUBLE_EQ(Read({"cluster.nics_per_node=4"}).cluster.device.scale_out.value, 25e9);
  EXPECT_THAT(Refusal({"cluster.device.dollar=3"}), HasSubstr("unknown key"));
  EXPECT_THAT(Refusal({"cluster.device.sms=none"}), HasSubstr("'none': expected a whole number"));
}

TEST(TrainingScenario, TheNameIsTheFilesOnlyWhileItIsTrue) {
  const std::string name = "DeepSeek-V3 pre-training on 2048 H800";
  EXPECT_EQ(Read({}).name, name);
  EXPECT_EQ(Read({"seed=2", "calibration=deepgemm-2025-04"}).name, name);
  EXPECT_EQ(
      Read({"cluster.device=h100-sxm", "cluster.nodes=128", "parallelism.data=64"}).name,
      "Pre-training of deepseek-v3 on 1024 h100-sxm (deepseek-v3-pretraining with cluster.device h100-sxm, "
      "cluster.nodes 128, parallelism.data 64)");
  EXPECT_EQ(Read({"model=kimi-k2", "parallelism.layers_per_stage=~"}).name,
            "Pre-training of kimi-k2 on 2048 h800-sxm (deepseek-v3-pretraining with model kimi-k2, "
            "parallelism.layers_per_stage ~)");
  EXPECT_EQ(Read({"cluster.device=b200-sxm", "name=mine"}).name, "mine");
  EXPECT_EQ(Read({"model.layers=60"}).model.name, "deepseek-v3 with layers changed");
}

TEST(TrainingScenario, SeveralCalibrationsAreAList) {
  const hw::CalibrationChoice c = Read({"calibration=[mine.yaml, auto, other.yaml]"}).calibration;
  EXPECT_EQ(c.name, "auto");
  EXPECT_THAT(c.further, testing::ElementsAre("mine.yaml", "other.yaml"));
  EXPECT_EQ(Read({"calibration=~"}).calibration.name, "auto");
  EXPECT_THAT(Refusal({"calibration=[auto, auto]"}),
              HasSubstr("calibration: calibration 'auto': given twice"));
  EXPECT_THAT(Refusal({"calibration=[]"}), HasSubstr("expected at least one"));
}

TEST(TrainingScenario, FilesStandBesideTheScenario) {
  const std::filesystem::path folder = std::filesystem::path(ORRERY_SOURCE_DIR) / "docs" / "examples";
  const auto read = [&](const std::vector<std::string>& sets) {
    const std::string file = (folder / "own-hardware.yaml").string();
    return ReadTrainingScenario(LoadScenarioDocument(file, sets), file);
  };
  const Scenario s = read({});
  EXPECT_EQ(s.cluster.Title(), "two L40S nodes (2 nodes of 8 l40s, 4 NICs a node)");
  EXPECT_DOUBLE_EQ(s.cluster.device.scale_out.value, 25e9);
  EXPECT_EQ(s.calibration.name, "auto");
  EXPECT_THAT(s.calibration.further, testing::ElementsAre((folder / "l40s-kernels.yaml").string()));
  EXPECT_EQ(read({"cluster.device.dollars_per_hour=0.8"}).cluster.device.Title(),
            "l40s with dollars_per_hour 0.8");
}

TEST(TrainingScenario, TheHashFollowsTheFilesBeside) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "orrery_hash_of_files";
  std::filesystem::remove_all(folder);
  std::filesystem::copy(std::filesystem::path(ORRERY_SOURCE_DIR) / "docs" / "examples", folder);
  const std::string file = (folder / "own-hardware.yaml").string();
  const auto hash = [&] { return ReadTrainingScenario(LoadScenarioDocument(file, {}), file).hash; };
  std::vector<std::string> hashes = {hash()};
  EXPECT_EQ(hash(), hashes[0]);
  const auto replace = [&](const char* name, const std::string& from, const std::string& to) {
    std::ostringstream text;
    text << std::ifstream(folder / name).rdbuf();
    std::string changed = text.str();
    changed.replace(changed.find(from), from.size(), to);
    std::ofstream(folder / name) << changed;
    hashes.push_back(hash());
  };
  replace("l40s.yaml", "48 GB", "44 GB");
  replace("l40s-cluster.yaml", "nics_per_node: 4", "nics_per_node: 8");
  replace("l40s-kernels.yaml", "613.9", "614.9");
  replace("llama-8b.json", "14336", "14337");
  std::sort(hashes.begin(), hashes.end());
  EXPECT_EQ(std::unique(hashes.begin(), hashes.end()), hashes.end());
  std::filesystem::remove_all(folder);
}

std::string ModelRefusal(const std::vector<std::string>& sets) {
  const Document document = LoadScenarioDocument("deepseek-v3-pretraining", sets);
  return ErrorOf(
      [&] { WithPlaces(document.root(), [&] { TrainingModel{ReadTrainingScenario(document, "")}; }); });
}

TEST(TrainingModel, AStageHoldsAPart) {
  EXPECT_THAT(ModelRefusal({"parallelism={pipeline: 128, schedule: 1f1b}"}),
              AllOf(HasSubstr("parallelism.pipeline: '128'"), HasSubstr("at most the 65 parts"),
                    HasSubstr("61 layers")));
  EXPECT_THAT(ModelRefusal({"parallelism.layers_per_stage=[61]"}), HasSubstr("layers_per_stage"));
}

TEST(TrainingScenario, AKeyWithoutAValueTakesNoDefault) {
  const auto read = [](const std::string& line) {
    const std::string text =
        "name: x\nmodel: deepseek-v3\ncluster: h800-2048\nworkload: {kind: pretraining, sequence_length: "
        "4096, global_batch: 15360 sequences}\n" +
        line + "\n";
    return ErrorOf([&] { ReadTrainingScenario(Document::Parse(text, "f.yaml"), "f.yaml"); });
  };
  const std::string spread = "parallelism: {pipeline: 16, expert: 64}\n";
  EXPECT_THAT(read(spread + "precision:"), HasSubstr("f.yaml:6:1: precision: it is there without a value"));
  EXPECT_THAT(read(spread + "precision: ~"), HasSubstr("precision: it is there without a value"));
  EXPECT_THAT(read("parallelism: {pipeline: 16, schedule: , expert: 64}"),
              HasSubstr("parallelism.schedule: it is there"));
  EXPECT_THAT(read("parallelism:\n  pipeline: 16\n  expert:"), HasSubstr("parallelism.expert: it is there"));
  EXPECT_THAT(read(spread + "routing: {strategy: }"), HasSubstr("routing.strategy: it is there"));
  EXPECT_THAT(Refusal({"precision="}), HasSubstr("--set precision=: precision: expected a value"));
  EXPECT_THAT(Refusal({"workload.run_tokens="}), HasSubstr("workload.run_tokens: expected a value"));
  EXPECT_EQ(Read({"routing.strategy=null"}).routing.strategy, std::nullopt);
  EXPECT_EQ(Read({"workload.run_tokens=null"}).workload.run_tokens, 0);
}

TEST(TrainingScenario, AConfigurationOfHuggingFaceIsChangedAsAPresetIs) {
  const std::string file = std::string(ORRERY_SOURCE_DIR) + "/docs/examples/llama-8b.json";
  const std::vector<std::string> dense = {"model={huggingface: " + file + "}", "parallelism.expert=1",
                                          "routing=null"};
  const auto with = [&](const std::string& set) {
    std::vector<std::string> sets = dense;
    sets.push_back(set);
    return sets;
  };
  const models::ModelSpec plain = Read(dense).model;
  const models::ModelSpec fewer = Read(with("model.layers=24")).model;
  EXPECT_EQ(fewer.layers, 24);
  EXPECT_EQ(fewer.attention, plain.attention);
  EXPECT_EQ(fewer.name, "llama-8b with layers changed");
  EXPECT_EQ(Read(with("model.attention.heads=64")).model.attention.heads, 64);
  EXPECT_THAT(Refusal(with("workload.sequence_length=1M")), HasSubstr("model.max_positions"));
  std::vector<std::string> longer = with("workload.sequence_length=1M");
  longer.push_back("model.max_positions=1M");
  EXPECT_EQ(Read(longer).model.LongestSequence(), 1 << 20) << "as the refusal advises";
  EXPECT_THAT(Refusal(with("model.layer=24")), HasSubstr("layer: unknown key (did you mean 'layers'?)"));
  EXPECT_THAT(Refusal({"model={huggingface: missing.json}"}),
              HasSubstr("model.huggingface: 'missing.json': no such file"));
  EXPECT_THAT(Refusal({"model='" + file + "'"}), HasSubstr("is a file, and a name is expected here"));
}

TEST(TrainingScenario, InterleavedStagesAreTwoARankUnlessSaid) {
  EXPECT_EQ(Read({"parallelism.schedule=interleaved-1f1b"}).parallelism.virtual_stages, 2);
  EXPECT_EQ(Read({"parallelism.schedule=interleaved-1f1b", "parallelism.virtual_stages=4"})
                .parallelism.virtual_stages,
            4);
  EXPECT_EQ(Read({}).parallelism.virtual_stages, 1);
}

TEST(TrainingModel, VirtualStagesHaveALimit) {
  EXPECT_THAT(Refusal({"parallelism.virtual_stages=9"}),
              HasSubstr("parallelism.virtual_stages: '9': expected a whole number from 1 to 8"));
}

TEST(TrainingScenario, AnExchangeGroupDoesNotStraddleNodes) {
  // 12 GPUs a pipeline rank on nodes of 8: groups of 6 and of 12 begin inside a node and end in the next.
  const auto sets = [](const std::string& expert) {
    return std::vector<std::string>{
        "model={preset: deepseek-v3, override: {moe: {routed_experts: 240, groups: 1, top_groups: 1}}}",
        "cluster={preset: h800-512, nodes: 3}", "workload.global_batch=240 sequences",
        "workload.batch_ramp=null",
        "parallelism={pipeline: 2, data: 12, schedule: 1f1b, expert: " + expert + "}"};
  };
  EXPECT_THAT(Refusal(sets("6")),
              AllOf(HasSubstr("parallelism.expert: '6'"), HasSubstr("straddle nodes of 8")));
  EXPECT_THAT(Refusal(sets("12")), HasSubstr("parallelism.expert: '12'"));
  EXPECT_EQ(Read(sets("4")).parallelism.expert, 4);
}

TEST(TrainingModel, TheScheduleMustWorkWithTheNumbers) {
  EXPECT_THAT(ModelRefusal({"workload.global_batch=3072 sequences"}),
              HasSubstr("parallelism.schedule: 'dualpipe'"));
  EXPECT_THAT(ModelRefusal({"parallelism.schedule=interleaved-1f1b"}),
              HasSubstr("parallelism.schedule: 'interleaved-1f1b'"));
}

TEST(Scenario, ResultsOfOtherToolsAreNoTables) {
  const auto file = std::filesystem::path(testing::TempDir()) / ("ncu-" + std::to_string(getpid()) + ".csv");
  std::ofstream(file)
      << "\"ID\",\"Kernel Name\",\"Metric Name\",\"Metric Value\"\n\"0\",\"k\",\"Duration\",\"9\"\n";
  EXPECT_THAT(Refusal({"calibration=" + file.string()}),
              HasSubstr("is a report of ncu, which Orrery does not read"));
  std::filesystem::remove(file);
}

TEST(TrainingModel, TablesMustExist) {
  EXPECT_THAT(ModelRefusal({"calibration=nowhere.yaml"}), HasSubstr("nowhere"));
  EXPECT_THAT(ModelRefusal({"communication.kernels=1999-01"}), HasSubstr("1999-01"));
}

TEST(LoadScenarioDocument, NamesTheNearestScenario) {
  EXPECT_EQ(ErrorOf([] { LoadScenarioDocument("deepseek-v3-pretrainin", {}); }),
            "deepseek-v3-pretrainin: no such file, nor a scenario of that name (did you mean "
            "'deepseek-v3-pretraining'?)");
  EXPECT_EQ(ErrorOf([] { LoadScenarioDocument("deepseek-v3-pretraining", {"seed"}); }),
            "--set seed: expected KEY=VALUE");
}

TEST(ApplyOverride, ReachesInsideAPresetThatIsOnlyNamed) {
  EXPECT_EQ(Read({"cluster.nodes=128", "parallelism.data=~", "workload.global_batch=7680 sequences"}).Gpus(),
            1024);
  EXPECT_EQ(Read({"model.layers=31", "parallelism.layers_per_stage=~"}).model.layers, 31);
  EXPECT_EQ(Read({"model.override.layers=31", "parallelism.layers_per_stage=~"}).model.layers, 31);
  EXPECT_EQ(Read({"model.preset=deepseek-v2", "parallelism.expert=32"}).model.name, "deepseek-v2");
}

TEST(ApplyOverrides, ASectionIsNotReplacedWithWhatWasSetInIt) {
  EXPECT_EQ(
      ErrorOf([] {
        Read({"parallelism.expert=32", "parallelism={pipeline: 16}"});
      }),
      "--set parallelism={pipeline: 16}: replaces the whole of parallelism and with it the earlier --set "
      "parallelism.expert=32: expected the section first");
  for (const std::vector<std::string>& sets : std::vector<std::vector<std::string>>{
           {"model.layers=31", "model=deepseek-v2"},
           {"model.override.moe.top_k=4", "seed=3", "model.override={layers: 31}"},
           {"cluster.nodes=128", "cluster=h800-512"},
           {"routing.rate=0.1", "routing=~"}}) {
    EXPECT_THAT(ErrorOf([&] { Read(sets); }), testing::HasSubstr("expected the section first"))
        << sets.back();
  }
  EXPECT_EQ(Read({"seed=3", "seed=4"}).seed, 4u) << "one value over another, as ever";
  EXPECT_EQ(Read({"model=deepseek-v3", "model.layers=31", "parallelism.layers_per_stage=~"}).model.layers,
            31);
  EXPECT_NO_THROW(LoadScenarioDocument("deepseek-v3-pretraining", {"parallelism_old.x=1", "parallelism_=2"}));
}

TEST(TrainingScenario, TheRoutersTextIsTheWorkloads) {
  const auto text = [](const std::vector<std::string>& sets) {
    const Scenario s = Read(sets);
    return s.Routing().sequence_length.value();
  };
  EXPECT_EQ(text({}), 4096);
  EXPECT_EQ(text({"workload.sequence_length=8192"}), 8192);
  EXPECT_EQ(text({"workload.sequence_length=8192", "routing.sequence_length=2048 tokens"}), 2048);
}

std::string ReportedText() {
  std::ifstream in(ResourceRoot() / "scenarios/deepseek-v3-pretraining.yaml", std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// One random edit: a byte changed, dropped or doubled, a line moved, a number or word put in.
void Mutate(RandomStream& random, std::string* text) {
  static const std::vector<std::string> kWords = {"0",
                                                  "-1",
                                                  "1e308",
                                                  "99999999999999999999",
                                                  "nan",
                                                  "~",
                                                  "[]",
                                                  "{}",
                                                  "&a",
                                                  "*a",
                                                  "!!int",
                                                  "\"",
                                                  "'",
                                                  "\n",
                                                  ": ",
                                                  "- ",
                                                  "|\n",
                                                  "\t",
                                                  "? ",
                                                  "---\n",
                                                  "%YAML",
                                                  "<<: ",
                                                  "llama-3.1-70b",
                                                  "mixtral-8x7b",
                                                  "1f1b",
                                                  "zb1p",
                                                  "1 sequence",
                                                  "4096",
                                                  "{nodes: 1}",
                                                  "\xff",
                                                  "[[[[",
                                                  "{preset: deepseek-v3, override: {layers: 1}}",
                                                  "kind: mqa",
                                                  std::string(1, '\0')};
  const std::size_t at = random.Below(text->size() + 1);
  const std::size_t length = std::min<std::size_t>(random.Below(12), text->size() - at);
  switch (random.Below(5)) {
    case 0:
      text->erase(at, length);
      break;
    case 1:
      text->insert(at, text->substr(random.Below(text->size() + 1), 1 + random.Below(40)));
      break;
    case 2:
      if (at < text->size()) (*text)[at] = static_cast<char>(random.Below(256));
      break;
    case 3:
      text->insert(at, kWords[random.Below(kWords.size())]);
      break;
    default:
      text->replace(at, length, kWords[random.Below(kWords.size())]);
  }
}

TEST(TrainingScenario, AnyTextIsEitherAScenarioOrAnInputError) {
  const std::string original = ReportedText();
  int accepted = 0, refused = 0;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    RandomStream random(1, "mutations", {i});
    std::string text = original;
    for (std::uint64_t edits = 1 + random.Below(4); edits > 0; --edits) Mutate(random, &text);
    try {
      const Scenario s = ReadTrainingScenario(Document::Parse(text, "mutated"), "mutated");
      ASSERT_GT(s.MicroBatches(), 0) << text;
      ASSERT_EQ(s.Gpus() % s.parallelism.pipeline, 0) << text;
      ++accepted;
    } catch (const InputError& e) {
      ASSERT_STRNE(e.what(), "");
      ++refused;
    } catch (const std::exception& e) {
      FAIL() << "mutation " << i << ": " << e.what() << "\n" << text;
    }
  }
  EXPECT_GT(accepted, 100);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace orrery::scenarios
