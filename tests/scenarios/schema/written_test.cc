// Scenarios as plain data: written and read back, made in memory, explained, begun and migrated.
#include <gmock/gmock.h>

#include "core/config/key_error.h"
#include "core/config/yaml_edit.h"
#include "scenarios/run.h"
#include "scenarios/schema/kinds.h"
#include "tests/core/input_error.h"

namespace orrery::scenarios {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

AnyScenario Read(const std::string& yaml) {
  return ReadScenario(Document::Parse(yaml, "written"), "written");
}
std::string Yaml(const AnyScenario& scenario) { return YamlText(WriteScenario(scenario)); }

Scenario Shipped(const std::vector<std::string>& sets = {}) {
  return ReadTrainingScenario(LoadScenarioDocument("deepseek-v3-pretraining", sets), "");
}

TEST(WrittenScenario, EveryShippedOneReadsBackToTheSame) {
  for (const std::string& name : ScenarioNames()) {
    const AnyScenario scenario = ReadScenario(LoadScenarioDocument(name, {}), name);
    const std::string yaml = Yaml(scenario);
    const AnyScenario again = Read(yaml);
    EXPECT_EQ(Yaml(again), yaml) << name;
    if (const Scenario* training = std::get_if<Scenario>(&scenario)) {
      EXPECT_EQ(std::get<Scenario>(again).hash, training->hash) << yaml;
    }
  }
}

TEST(WrittenScenario, ReadsBackToTheSameWhateverWasChanged) {
  for (const std::vector<std::string>& sets : std::vector<std::vector<std::string>>{
           {"cluster.nodes=128", "workload.global_batch=7680 sequences", "parallelism.data=~"},
           {"cluster.device=h100-sxm"},
           {"cluster.device.memory=94 GB", "cluster.device.dollars_per_hour=3"},
           {"cluster.device.scale_up=300 GB/s"},
           {"cluster.nics_per_node=4"},
           {"cluster.fabric.oversubscription=3"},
           {"cluster.fabric.hop_latency=1 us"},
           {"model.layers=31"},
           {"model.moe.top_k=4", "model.mtp_modules=0"},
           {"model=kimi-k2"},
           {"model=deepseek-67b", "parallelism.expert=1", "routing=null", "parallelism.schedule=1f1b"},
           {"precision=bf16", "seed=7"},
           {"workload.batch_ramp=~", "workload.run_tokens=~"},
           {"routing={strategy: auxiliary-loss, alpha: 0.002, affinity: {domain: 0.3, student: 5}}"},
           {"routing={strategy: expert-choice, chunk: 512 tokens}"},
           {"routing={strategy: expert-choice, chunk: batch}"},
           {"routing={placement: eplb, redundant_experts: 64, shared_expert: routed, planned_from: 8}"},
           {"routing={capacity_factor: 1.25, capacity_per: device, drop: random, never_dropped: 0.1}"},
           {"routing={shift: {step: 2000, to: one}, documents_per_sequence: [2, 3], update: proportional}"},
           {"exchange.kernels=2025-04"},
           {"parallelism.layers_per_stage=[4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,1 + head + mtp]"},
           {"calibration=[auto, deepgemm-2025-04]"}}) {
    const Scenario s = Shipped(sets);
    const std::string yaml = Yaml(s);
    const Scenario again = std::get<Scenario>(Read(yaml));
    EXPECT_EQ(again.hash, s.hash) << sets[0] << "\n" << yaml << Yaml(again);
    EXPECT_EQ(again.model, s.model) << yaml;
    EXPECT_EQ(again.cluster, s.cluster) << yaml;
    EXPECT_EQ(again.routing, s.routing) << yaml;
    EXPECT_EQ(again.parallelism, s.parallelism) << yaml;
    EXPECT_EQ(again.workload, s.workload) << yaml;
  }
}

TEST(WrittenScenario, NamesPresetsAndWhatDiffers) {
  EXPECT_THAT(Yaml(Shipped()),
              testing::AllOf(HasSubstr("model: deepseek-v3\n"), HasSubstr("cluster: h800-2048\n"),
                             Not(HasSubstr("seed")), Not(HasSubstr("data"))));
  EXPECT_THAT(Yaml(Shipped({"model.layers=31"})),
              HasSubstr("model: {preset: deepseek-v3, override: {layers: 31}}\n"));
  EXPECT_THAT(
      Yaml(Shipped({"cluster.device.memory=94 GB"})),
      HasSubstr("cluster: {preset: h800-2048, device: {preset: h800-sxm, override: {memory: 94 GB}}}\n"));
}

TEST(WrittenScenario, TheHashIsOfWhatIsAskedNotOfHowItIsWritten) {
  EXPECT_EQ(Shipped({"parallelism.data=~"}).hash, Shipped().hash);
  EXPECT_EQ(Shipped({"model={preset: deepseek-v3}"}).hash, Shipped().hash);
  EXPECT_EQ(Shipped({"routing=~"}).hash, Shipped({"routing.strategy=~"}).hash);
  EXPECT_NE(Shipped({"routing.rate=0.01"}).hash, Shipped().hash);
}

Scenario InMemory() {
  Scenario s;
  s.name = "made in memory";
  s.model = models::ModelPreset("deepseek-v2-lite");
  s.cluster = hw::ClusterPreset("h800-512");
  s.workload.sequence_length = 4096;
  s.workload.global_batch = 1024;
  s.parallelism.pipeline = 4;
  s.parallelism.expert = 8;
  s.parallelism.schedule = models::ScheduleKind::k1F1B;
  return s;
}

TEST(ScenarioInMemory, RunsAndReadsBack) {
  Scenario s = InMemory();
  Settle(&s);
  EXPECT_EQ(s.parallelism.data, 128);
  const TrainingResult result = RunTraining(s, {.fold = true, .analyse = false});
  EXPECT_GT(result.step_s, 0.1);
  const Scenario again = std::get<Scenario>(Read(Yaml(s)));
  EXPECT_EQ(again.hash, s.hash);
  EXPECT_EQ(RunTraining(again, {.fold = true, .analyse = false}).step_s, result.step_s);
}

TEST(ScenarioInMemory, IsRefusedByKey) {
  const auto refusal = [](void (*change)(Scenario*)) {
    Scenario s = InMemory();
    change(&s);
    return ErrorOf([&] { Settle(&s); });
  };
  EXPECT_EQ(refusal([](Scenario* s) { s->parallelism.expert = 48; }),
            "parallelism.expert: expected a divisor of data (128)");
  EXPECT_EQ(refusal([](Scenario* s) { s->parallelism.pipeline = 0; }),
            "parallelism.pipeline: expected a whole number from 1 to 1048576");
  EXPECT_EQ(refusal([](Scenario* s) { s->routing.alpha = 0.1; }),
            "routing.alpha: strategy auxiliary-loss-free has no auxiliary loss that alpha weighs");
  EXPECT_EQ(refusal([](Scenario* s) { s->cluster = {}; }), "cluster: expected a cluster");
  EXPECT_EQ(refusal([](Scenario* s) { s->workload.sequence_length = 0; }),
            "workload.sequence_length: expected a whole number from 1 to 16777216");
}

TEST(ScenarioKeys, AreToldWithTypeLimitsAndDefault) {
  const std::string keys = KeysText("parallelism.");
  EXPECT_THAT(keys, HasSubstr("parallelism.pipeline"));
  EXPECT_THAT(keys, HasSubstr("whole number, 1 to 1048576 ranks; required"));
  EXPECT_THAT(keys, HasSubstr("one of: dualpipe, 1f1b, interleaved-1f1b, zb1p, dualpipev; default dualpipe"));
  EXPECT_THAT(keys, Not(HasSubstr("workload")));
  EXPECT_THAT(KeysText("cluster.device."), HasSubstr("cluster.device.memory_rate"));
  EXPECT_THAT(ErrorOf([] { KeysText("paralelism"); }), HasSubstr("did you mean 'parallelism"));
  EXPECT_THAT(KeysMarkdown(), HasSubstr("| `routing.alpha` | number, 0 to 0.4 | 0.001"));
}

/// Every key that a document uses is one of those that are told.
TEST(ScenarioKeys, AreThoseOfTheShippedFiles) {
  const std::string all = KeysText("");
  const std::function<void(const Value&)> check = [&](const Value& value) {
    if (!value.path().empty()) {
      EXPECT_THAT(all, HasSubstr("  " + value.path() + " "));
    }
    if (!value.is_map()) return;
    for (const auto& [key, entry] : value.entries()) check(entry);
  };
  for (const std::string& name : ScenarioNames()) check(LoadScenarioDocument(name, {}).root());
}

TEST(NewScenario, IsTheExampleWithEveryKeyExplained) {
  for (const ScenarioKind& kind : ScenarioKinds()) {
    const std::string text = NewScenario(kind.name);
    EXPECT_EQ(Yaml(Read(text)), Yaml(ReadScenario(LoadScenarioDocument(kind.example, {}), ""))) << text;
    for (const FieldInfo& field : kind.fields) EXPECT_THAT(text, HasSubstr(field.key + ":"));
  }
  EXPECT_THAT(ErrorOf([] { NewScenario("pretrainin"); }), HasSubstr("did you mean 'pretraining'"));
}

TEST(Migrate, RewritesOldKeysAndKeepsComments) {
  std::string old = NewScenario("pretraining");
  old += "communication: {kernels: \"2025-04\"}  # mine\n";
  const Scenario before = std::get<Scenario>(Read(old));
  EXPECT_EQ(before.communication.kernels, "2025-04") << "old keys go on being read";
  const Migrated now = Migrate(old, "old.yaml");
  EXPECT_THAT(now.renamed, ElementsAre(Pair("communication", "exchange")));
  EXPECT_TRUE(now.comments_kept);
  EXPECT_THAT(now.text, HasSubstr("exchange: {kernels: \"2025-04\"}  # mine\n"));
  EXPECT_EQ(std::get<Scenario>(Read(now.text)).hash, before.hash);
  EXPECT_TRUE(Migrate(now.text, "new.yaml").renamed.empty());
}

TEST(Migrate, WritesAnewWhatHasNoLinesOfItsOwn) {
  const std::string flow =
      "{name: x, model: deepseek-v3, cluster: h800-2048, communication: {sms: 20},\n"
      " workload: {kind: pretraining, sequence_length: 4096, global_batch: 15360 sequences},\n"
      " parallelism: {pipeline: 16, expert: 64}}";
  const Migrated now = Migrate(flow, "flow.yaml");
  EXPECT_FALSE(now.comments_kept);
  EXPECT_EQ(std::get<Scenario>(Read(now.text)).hash, std::get<Scenario>(Read(flow)).hash);
}

TEST(Migrate, RefusesAKeyUnderBothNames) {
  EXPECT_THAT(ErrorOf([] {
                Migrate("exchange: {sms: 20}\ncommunication: {sms: 20}\nworkload: {kind: pretraining}\n",
                        "x");
              }),
              HasSubstr("x:2:16: communication: is called 'exchange' now, which is there too"));
}

TEST(EditedScenario, KeepsItsComments) {
  const std::string text =
      "# why\nname: 'a: b'   # the name\nmodel: deepseek-v3\ncluster: h800-2048  # ours\nworkload:\n"
      "  kind: pretraining\n  sequence_length: 4096  # tokens\n  global_batch: 15360 sequences\n"
      "parallelism: {pipeline: 16, expert: 64}  # as reported\n";
  Document wanted = Document::Parse(text, "x");
  ApplyOverrides({"name=other", "cluster.nodes=128", "workload.micro_batch=2 sequences", "seed=3",
                  "parallelism.expert=32", "workload.sequence_length=2048", "parallelism.zero=0"},
                 &wanted);
  const std::optional<std::string> edited = WithValuesOf(text, wanted);
  ASSERT_TRUE(edited);
  EXPECT_EQ(Document::Parse(*edited, "x").Canonical(), wanted.Canonical());
  for (const char* comment : {"# why", "# the name", "# ours", "# tokens", "# as reported"})
    EXPECT_THAT(*edited, HasSubstr(comment));
  EXPECT_THAT(*edited, HasSubstr("cluster: {preset: h800-2048, nodes: 128}  # ours\n"));
}

TEST(Degrees, AreNumbersOrMaps) {
  EXPECT_EQ(Shipped({"parallelism.expert={degree: 32}"}).parallelism.expert, 32);
  EXPECT_EQ(Shipped({"parallelism.expert={degree: 32}"}).hash, Shipped({"parallelism.expert=32"}).hash);
}

}  // namespace
}  // namespace orrery::scenarios
