#include "scenarios/schema/scenario.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "core/base/inputs_read.h"
#include "core/base/text.h"
#include "core/config/codecs.h"
#include "core/config/key_error.h"
#include "core/engine/stream_program.h"
#include "models/parallel/training_program.h"
#include "scenarios/schema/calibration_field.h"
#include "scenarios/schema/routing_fields.h"
#include "scenarios/schema/scenario_file.h"
#include "scenarios/schema/schema_version.h"

namespace orrery::scenarios {
namespace {

constexpr std::int64_t kMaxSequence = std::int64_t{1} << 24;
constexpr std::int64_t kMaxBatch = std::int64_t{1} << 24;
constexpr std::int64_t kMaxRunTokens = std::int64_t{1} << 53;
constexpr int kMaxDegree = 1 << 20;
constexpr int kMaxGpus = 1 << 17;                    // a simulation holds about 1 KiB a rank
constexpr int kMaxVirtualStages = kMaxChannels / 2;  // a stage receives activations and gradients
constexpr int kMaxMicroBatches = 4096;               // per pipeline and step
constexpr int kExchangeSms = 20;                     // DeepEP's tables and DeepSeek's trace (V3 report 3.2.2)
constexpr std::int64_t kMaxTokens = std::int64_t{1} << 24;  // of a micro-batch: rows are counted in 32 bits
constexpr double kMaxRampSteps = 1e7;                       // walked step by step

const Fields<BatchRamp>& RampFields() {
  static const Fields<BatchRamp> fields = [] {
    Fields<BatchRamp> f;
    f.Add("from", &BatchRamp::from_sequences, Count<std::int64_t>("sequences", 1, kMaxBatch),
          "batch of the first step")
        .Required();
    f.Add("over", &BatchRamp::over_tokens, Count<double>("tokens", 1, kMaxRunTokens),
          "tokens until the batch is global_batch")
        .Required();
    return f;
  }();
  return fields;
}

const Fields<TrainingWorkload>& WorkloadFields() {
  static const Fields<TrainingWorkload> fields = [] {
    using W = TrainingWorkload;
    Fields<W> f;
    f.AddWith(
         "kind", {FieldType::Kind::kChoice, "choice", "", {}, {}, {"pretraining"}, {}},
         [](const Value& v, W*) { v.AsChoice({"pretraining"}); },
         [](const W&) { return Written::Scalar("pretraining"); }, "what is asked")
        .Required();
    f.Add("sequence_length", &W::sequence_length, Whole<std::int64_t>(1, kMaxSequence, "tokens"),
          "of every sequence")
        .Required();
    f.Add("global_batch", &W::global_batch, Count<std::int64_t>("sequences", 1, kMaxBatch), "of a step")
        .Required();
    f.Add("micro_batch", &W::micro_batch, Count<std::int64_t>("sequences", 1, kMaxBatch),
          "what a pipeline takes at once");
    f.Add("run_tokens", &W::run_tokens, Count<double>("tokens", 1, kMaxRunTokens), "of the whole run")
        .DefaultText("1000000000000 tokens");
    f.Add("batch_ramp", &W::ramp, Maybe(MapOf(RampFields())), "the batch grows linearly in tokens at first");
    return f;
  }();
  return fields;
}

/// A degree of parallelism: a number, or a map of which it is the `degree`.
Codec<int> Degree() {
  Codec<int> c = Whole<int>(1, kMaxDegree, "ranks");
  c.read = [plain = c.read](const Value& v) {
    if (!v.is_map()) return plain(v);
    v.AllowKeys({"degree"});
    return plain(v.At("degree"));
  };
  return c;
}

Codec<models::ScheduleKind> ScheduleChoice() {
  std::vector<std::pair<std::string, models::ScheduleKind>> names;
  for (const std::string& name : models::ScheduleKindNames())
    names.emplace_back(name, models::ParseScheduleKind(name).value());
  return Choice<models::ScheduleKind>(names);
}

const Fields<Parallelism>& ParallelismFields() {
  static const Fields<Parallelism> fields = [] {
    using P = Parallelism;
    Fields<P> f;
    f.Add("pipeline", &P::pipeline, Degree(), "stages of the pipeline").Required();
    f.Add("expert", &P::expert, Degree(), "GPUs that share the experts of a layer");
    f.Add("tensor", &P::tensor, Degree(), "GPUs that share a layer; 1 in training");
    f.Add("data", &P::data, Degree(), "copies of a pipeline stage")
        .DefaultText("what pipeline and tensor leave of the cluster")
        .WrittenIf([](const P&) { return false; });
    f.Add("schedule", &P::schedule, ScheduleChoice(), "order of micro-batches in the pipeline");
    f.Add("virtual_stages", &P::virtual_stages, Whole<int>(1, kMaxVirtualStages),
          "stages a rank of interleaved-1f1b holds")
        .DefaultText("2 of interleaved-1f1b, else 1");
    f.Add("zero", &P::zero, Whole<int>(0, 1), "1: optimizer states are shared over the copies (ZeRO-1)");
    f.Add("gradient_reduction", &P::gradient_reduction,
          Choice<models::GradientReduction>(
              {{"after-backwards", models::GradientReduction::kAfterBackwards},
               {"beside-backwards", models::GradientReduction::kBesideBackwards}}),
          "when a rank's gradients are reduced: after its last task, or block by block beside its last "
          "backwards");
    f.Add("layers_per_stage", &P::layers_per_stage, ListOf(Text()),
          "layers of each stage, e.g. [5, 5, 3 + head, mtp]")
        .DefaultText("the layout that ends first");
    f.After([](P* p, const GivenKeys& given) {
      if (p->schedule == models::ScheduleKind::kInterleaved1F1B && !given.Has("virtual_stages"))
        p->virtual_stages = 2;
    });
    return f;
  }();
  return fields;
}

const Fields<Communication>& ExchangeFields() {
  static const Fields<Communication> fields = [] {
    using C = Communication;
    Fields<C> f;
    f.Add("sms", &C::sms, Whole<int>(0, 1 << 16, "SMs"), "lent to exchange kernels; they are measured on 20")
        .WrittenIf([](const C&) { return false; });
    f.Add("kernels", &C::kernels, Text(), "exchange kernels: release of DeepEP");
    return f;
  }();
  return fields;
}

std::string WholeNumber(std::int64_t least, std::int64_t most) {
  return fmt::format("expected a whole number from {} to {}", least, most);
}

void CheckWorkload(const Scenario& s) {
  const TrainingWorkload& w = s.workload;
  if (w.sequence_length < 1) throw KeyError("workload.sequence_length", WholeNumber(1, kMaxSequence));
  if (w.global_batch < 1 || w.micro_batch < 1) throw KeyError("workload.global_batch", "expected sequences");
  if (w.ramp && w.ramp->from_sequences > w.global_batch) {
    throw KeyError("workload.batch_ramp.from",
                   fmt::format("the ramp starts above global_batch ({} sequences); expected less, or no "
                               "batch_ramp (batch_ramp=null)",
                               w.global_batch));
  }
  if (w.sequence_length * w.micro_batch > kMaxTokens) {
    throw KeyError("workload.sequence_length", fmt::format("expected at most {} tokens a micro-batch, not {}",
                                                           kMaxTokens, w.sequence_length * w.micro_batch));
  }
  if (w.ramp &&
      w.ramp->over_tokens / static_cast<double>(w.ramp->from_sequences * w.sequence_length) > kMaxRampSteps) {
    throw KeyError("workload.batch_ramp.over",
                   fmt::format("expected at most {} steps of the first batch", kMaxRampSteps));
  }
  const models::ModelSpec& m = s.model;
  if (m.LongestSequence() == 0 || w.sequence_length <= m.LongestSequence()) return;
  const bool scaled = m.scaled_positions > m.max_positions;
  throw KeyError("workload.sequence_length",
                 fmt::format("expected at most the {} positions that {} has{} (of a model trained on longer "
                             "sequences: model.{})",
                             m.LongestSequence(), m.name, scaled ? " after RoPE scaling" : "",
                             scaled ? "scaled_positions" : "max_positions"));
}

/// Slots and shared experts that routing asks for.
void SettleSlots(Scenario* s) {
  s->expert_slots = s->placed_shared_experts = 0;
  if (!s->model.moe || s->routing == models::RoutingOptions{}) return;
  const models::RoutingSection section = models::ResolveRouting(s->routing, *s->model.moe);
  s->expert_slots = models::ExpertSlots(section, *s->model.moe);
  s->placed_shared_experts = section.placement.shared_experts;
}

void CheckSlots(const Scenario& s) {
  if (!s.model.moe || s.ExpertSlots() % s.parallelism.expert == 0) return;
  if (s.routing.redundant_experts) {
    throw KeyError("routing.redundant_experts",
                   fmt::format("{} slots do not divide among parallelism.expert = {} ranks", s.ExpertSlots(),
                               s.parallelism.expert));
  }
  throw KeyError("parallelism.expert",
                 fmt::format("expected a divisor of the model's {} experts, or slots that it divides: "
                             "routing.placement eplb with redundant_experts",
                             s.model.moe->routed_experts));
}

/// An exchange group of neighbouring GPUs fills whole nodes or lies in one.
void CheckExchangeGroups(const hw::Cluster& cluster, int expert) {
  const int node = cluster.devices_per_node;
  bool whole = true;
  for (int first = 0; first < cluster.devices(); first += expert) {
    whole = whole && (expert > node ? first % node == 0 && expert % node == 0
                                    : first / node == (first + expert - 1) / node);
  }
  if (whole) return;
  throw KeyError("parallelism.expert",
                 fmt::format("some exchange groups of {} neighbouring GPUs would straddle nodes of {}; "
                             "expected a number that divides {} or is a multiple of it",
                             expert, node, node));
}

void SettleParallelism(Scenario* s) {
  if (const std::string why = models::WhyNotTrained(s->model); !why.empty()) throw KeyError("model", why);
  Parallelism& p = s->parallelism;
  for (const auto& [key, degree] : {std::pair{"pipeline", p.pipeline}, std::pair{"expert", p.expert}}) {
    if (degree < 1) throw KeyError(fmt::format("parallelism.{}", key), WholeNumber(1, kMaxDegree));
  }
  if (p.tensor != 1)
    throw KeyError("parallelism.tensor", "expected 1: training programs have no tensor parallelism");
  const int gpus = s->Gpus();
  if (gpus % p.pipeline != 0)
    throw KeyError("parallelism.pipeline", fmt::format("expected a divisor of the cluster's {} GPUs", gpus));
  if (p.data == 0) p.data = gpus / p.pipeline / p.tensor;
  const std::int64_t asked = std::int64_t{p.pipeline} * p.tensor * p.data;
  if (asked != gpus) {
    throw KeyError("parallelism.data",
                   fmt::format("pipeline {} x tensor {} x data {} is {} GPUs, but the cluster has {}",
                               p.pipeline, p.tensor, p.data, asked, gpus));
  }
  if (p.expert > 1 && !s->model.moe)
    throw KeyError("parallelism.expert", "expected 1: the model has no experts");
  if (p.data % p.expert != 0)
    throw KeyError("parallelism.expert", fmt::format("expected a divisor of data ({})", p.data));
  CheckSlots(*s);
  CheckExchangeGroups(s->cluster, p.expert);
}

void CheckBatch(const Scenario& s) {
  const std::int64_t unit = std::int64_t{s.parallelism.data} * s.workload.micro_batch;
  if (s.workload.global_batch % unit != 0) {
    throw KeyError("workload.global_batch",
                   fmt::format("expected a multiple of data x micro_batch = {} x {} = {} sequences",
                               s.parallelism.data, s.workload.micro_batch, unit));
  }
  if (s.workload.global_batch / unit > kMaxMicroBatches) {
    throw KeyError("workload.global_batch",
                   fmt::format("gives {} micro-batches a pipeline, expected at most {}",
                               s.workload.global_batch / unit, kMaxMicroBatches));
  }
}

/// Without exchanges nothing takes the SMs, whatever a scenario written for another model says.
void SettleExchange(Scenario* s) {
  int& sms = s->communication.sms;
  if (sms < 0 || sms >= s->cluster.device.sms)
    throw KeyError("exchange.sms", WholeNumber(0, s->cluster.device.sms - 1));
  const bool exchanges = s->parallelism.expert > 1;
  if (exchanges && sms != kExchangeSms) {
    throw KeyError("exchange.sms",
                   fmt::format("expected {}: the exchange kernels are measured on that many SMs and on no "
                               "other number",
                               kExchangeSms));
  }
  if (!exchanges) sms = 0;
}

/// Of the contents, read in pieces: recorded loads may be large.
std::string HashOfFile(const std::string& path) {
  NoteInput(path);
  std::ifstream file(path, std::ios::binary);
  std::string hash, piece(std::size_t{1} << 20, '\0');
  while (file) {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    hash = HashHex(hash + piece.substr(0, static_cast<std::size_t>(file.gcount())));
  }
  return hash;
}

/// Of what is asked and of the files that it names, without their paths and its own name: the same question has
/// the same hash on every machine.
std::string HashOf(const Scenario& scenario) {
  Scenario s = scenario;
  s.name.clear();
  const auto without_folder = [](std::string* path) {
    if (IsFile(*path)) *path = std::filesystem::path(*path).filename().string();
  };
  std::string contents = ContentsOf(s.calibration);
  if (IsFile(s.routing.loads)) contents += HashOfFile(s.routing.loads);
  for (std::string* path : {&s.routing.loads, &s.calibration.name, &s.model.source}) without_folder(path);
  for (std::string& path : s.calibration.further) without_folder(&path);
  return HashHex(YamlText(TrainingFields().Write(s)) + contents);
}

/// A heading for a scenario that is no longer what its name says.
std::string ChangedTitle(const Scenario& s, const std::vector<std::string>& changed) {
  return fmt::format("Pre-training of {} on {} {} ({} with {})", s.model.name, s.Gpus(),
                     s.cluster.device.name, std::filesystem::path(s.file).stem().string(),
                     fmt::join(changed, ", "));
}

}  // namespace

models::ModelSpec Scenario::RankModel() const {
  models::ModelSpec rank = model;
  if (placed_shared_experts > 0) rank.moe->shared_intermediate = 0;
  return rank;
}

models::RoutingOptions Scenario::Routing() const {
  models::RoutingOptions options = routing;
  if (!options.sequence_length) options.sequence_length = static_cast<int>(workload.sequence_length);
  return options;
}

const Fields<Scenario>& TrainingFields() {
  static const Fields<Scenario> fields = [] {
    using S = Scenario;
    constexpr std::int64_t kMostSeed = std::numeric_limits<std::int64_t>::max();
    Fields<S> f;
    AddSchemaVersion(&f);
    f.Add("name", &S::name, Text(), "what reports call it").Required();
    f.Add("model", &S::model, models::ModelCodec(), "what is trained").Required();
    f.Add("cluster", &S::cluster, hw::ClusterCodec(), "where").Required();
    f.Add("workload", &S::workload, MapOf(WorkloadFields()), "what is asked of it").Required();
    f.Add("parallelism", &S::parallelism, MapOf(ParallelismFields()), "how the model is spread").Required();
    f.Add("precision", &S::fp8, Choice<bool>({{"bf16", false}, {"fp8-mixed", true}}), "of the GEMMs");
    f.Add("routing", &S::routing, MapOf(RoutingFields()), "how experts are chosen and placed");
    f.Add("exchange", &S::communication, MapOf(ExchangeFields()), "how tokens reach their experts");
    f.Add("calibration", &S::calibration, CalibrationCodec(), "kernel tables that prices come from");
    f.Add("seed", &S::seed, Whole<std::uint64_t>(0, kMostSeed), "of all random streams");
    return f;
  }();
  return fields;
}

void Settle(Scenario* s) {
  if (s->cluster.device.name.empty()) throw KeyError("cluster", "expected a cluster");
  if (s->model.layers < 1) throw KeyError("model", "expected a model");
  if (s->Gpus() > kMaxGpus)
    throw KeyError("cluster", fmt::format("{} GPUs, expected at most {}", s->Gpus(), kMaxGpus));
  CheckWorkload(*s);
  SettleSlots(s);
  SettleParallelism(s);
  CheckBatch(*s);
  SettleExchange(s);
  if (s->fp8 && s->cluster.device.fp8.value <= 0) {
    throw KeyError("precision",
                   fmt::format("device '{}' has no FP8; expected precision: bf16", s->cluster.device.name));
  }
  s->hash = HashOf(*s);
}

Scenario ReadTrainingScenario(const Document& document, const std::string& file) {
  Document current = document;
  UseCurrentKeys(&current);
  const Value& root = current.root();
  Scenario s = TrainingFields().Read(root);
  s.file = file;
  s.name = Printable(s.name);
  WithPlaces(root, [&] { Settle(&s); });
  if (!NamesItself(document)) s.name = Printable(ChangedTitle(s, ChangedSubjects(document)));
  return s;
}

Written WriteScenario(const Scenario& scenario) { return TrainingFields().Write(scenario); }

}  // namespace orrery::scenarios
