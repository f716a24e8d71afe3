#include "scenarios/schema/scenario.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/foreign_file.h"
#include "core/base/text.h"
#include "core/config/resources.h"
#include "core/engine/stream_program.h"
#include "models/routing/sources/synthetic_loads.h"

namespace orrery::scenarios {
namespace {

constexpr std::int64_t kMaxSequence = std::int64_t{1} << 24;
constexpr std::int64_t kMaxBatch = std::int64_t{1} << 24;
constexpr int kMaxDegree = 1 << 20;
constexpr int kMaxGpus = 1 << 17;                    // a simulation holds about 1 KiB a rank
constexpr int kMaxVirtualStages = kMaxChannels / 2;  // a stage receives activations and gradients
constexpr int kMaxMicroBatches = 4096;               // per pipeline and step
constexpr int kExchangeSms = 20;                     // DeepEP's tables and DeepSeek's trace (V3 report 3.2.2)
constexpr std::int64_t kMaxTokens = std::int64_t{1} << 24;  // of a micro-batch: rows are counted in 32 bits
constexpr double kMaxRampSteps = 1e7;                       // walked step by step

const std::vector<std::string>& RootKeys() {
  static const std::vector<std::string> keys = {"name",          "model",     "cluster", "workload",
                                                "parallelism",   "precision", "routing", "calibration",
                                                "communication", "seed"};
  return keys;
}

TrainingWorkload ReadWorkload(const Value& value) {
  value.AllowKeys({"kind", "sequence_length", "global_batch", "micro_batch", "run_tokens", "batch_ramp"});
  TrainingWorkload w;
  w.sequence_length = value.At("sequence_length").AsInt(1, kMaxSequence);
  w.global_batch = value.At("global_batch").AsCount("sequences", 1, kMaxBatch);
  if (const Value* m = value.Find("micro_batch")) w.micro_batch = m->AsCount("sequences", 1, kMaxBatch);
  if (const Value* t = value.Find("run_tokens")) {
    w.run_tokens = static_cast<double>(t->AsCount("tokens", 1, std::int64_t{1} << 53));
  }
  if (const Value* r = value.Find("batch_ramp")) {
    r->AllowKeys({"from", "over"});
    if (r->At("from").AsCount("sequences", 1, kMaxBatch) > w.global_batch) {
      throw r->At("from").Error(
          fmt::format("the ramp starts above global_batch ({} sequences); expected less, or no batch_ramp "
                      "(batch_ramp=null)",
                      w.global_batch));
    }
    w.ramp = BatchRamp{r->At("from").AsCount("sequences", 1, w.global_batch),
                       static_cast<double>(r->At("over").AsCount("tokens", 1, std::int64_t{1} << 53))};
  }
  return w;
}

/// Slots and shared experts of the routing section, whatever else it says.
void ReadSlots(const Value& root, Scenario* s) {
  const Value* routing = root.Find("routing");
  if (!s->model.moe || routing == nullptr) return;
  const models::RoutingSection section = models::ReadRoutingSection(*routing, *s->model.moe);
  s->expert_slots = models::ExpertSlots(section, *s->model.moe);
  s->placed_shared_experts = section.placement.shared_experts;
}

InputError SlotsError(const Scenario& s, const Value& expert) {
  const int experts = s.model.moe->routed_experts;
  const Value* redundant = s.document.root().Find("routing");
  redundant = redundant != nullptr && redundant->is_map() ? redundant->Find("redundant_experts") : nullptr;
  if (redundant != nullptr)
    return redundant->Error(fmt::format("{} slots do not divide among parallelism.expert = {} ranks",
                                        s.ExpertSlots(), expert.AsInt(1, kMaxDegree)));
  return expert.Error(
      fmt::format("expected a divisor of the model's {} experts, or slots that it divides: "
                  "routing.placement eplb with redundant_experts",
                  experts));
}

/// An exchange group of neighbouring GPUs fills whole nodes or lies in one.
void CheckExchangeGroups(const hw::Cluster& cluster, int expert, const Value& parallelism) {
  const int node = cluster.devices_per_node;
  bool whole = true;
  for (int first = 0; first < cluster.devices(); first += expert) {
    whole = whole && (expert > node ? first % node == 0 && expert % node == 0
                                    : first / node == (first + expert - 1) / node);
  }
  if (whole) return;
  throw parallelism.At("expert").Error(fmt::format(
      "some exchange groups of {} neighbouring GPUs would straddle nodes of {}; expected a number "
      "that divides {} or is a multiple of it",
      expert, node, node));
}

Parallelism ReadParallelism(const Value& value, const Scenario& s) {
  value.AllowKeys(
      {"pipeline", "expert", "tensor", "data", "schedule", "virtual_stages", "zero", "layers_per_stage"});
  Parallelism p;
  p.pipeline = static_cast<int>(value.At("pipeline").AsInt(1, kMaxDegree));
  if (const Value* e = value.Find("expert")) p.expert = static_cast<int>(e->AsInt(1, kMaxDegree));
  if (const Value* t = value.Find("tensor")) p.tensor = static_cast<int>(t->AsInt(1, kMaxDegree));
  if (p.tensor != 1)
    throw value.At("tensor").Error("expected 1: training programs have no tensor parallelism");
  const int gpus = s.Gpus();
  if (gpus % p.pipeline != 0) {
    throw value.At("pipeline").Error(fmt::format("expected a divisor of the cluster's {} GPUs", gpus));
  }
  if (const Value* d = value.Find("data")) {
    p.data = static_cast<int>(d->AsInt(1, kMaxDegree));
    if (std::int64_t{p.pipeline} * p.tensor * p.data != gpus) {
      throw d->Error(fmt::format("pipeline {} x tensor {} x data {} is {} GPUs, but the cluster has {}",
                                 p.pipeline, p.tensor, p.data, std::int64_t{p.pipeline} * p.tensor * p.data,
                                 gpus));
    }
  } else {
    p.data = gpus / p.pipeline / p.tensor;
  }
  if (p.expert > 1 && !s.model.moe) throw value.At("expert").Error("expected 1: the model has no experts");
  if (p.data % p.expert != 0)
    throw value.At("expert").Error(fmt::format("expected a divisor of data ({})", p.data));
  if (s.model.moe && s.ExpertSlots() % p.expert != 0) throw SlotsError(s, value.At("expert"));
  CheckExchangeGroups(s.cluster, p.expert, value);
  if (const Value* z = value.Find("zero")) p.zero = static_cast<int>(z->AsInt(0, 1));
  if (const Value* k = value.Find("schedule")) {
    const auto kind = models::ParseScheduleKind(k->AsString());
    if (!kind) throw k->Error("expected one of: dualpipe, dualpipev, 1f1b, interleaved-1f1b, zb1p");
    p.schedule = *kind;
  }
  if (const Value* v = value.Find("virtual_stages"))
    p.virtual_stages = static_cast<int>(v->AsInt(1, kMaxVirtualStages));
  return p;
}

void CheckTokens(const TrainingWorkload& w, const Value& workload) {
  if (w.sequence_length * w.micro_batch > kMaxTokens) {
    throw workload.At("sequence_length")
        .Error(fmt::format("expected at most {} tokens a micro-batch, not {}", kMaxTokens,
                           w.sequence_length * w.micro_batch));
  }
  if (w.ramp &&
      w.ramp->over_tokens / static_cast<double>(w.ramp->from_sequences * w.sequence_length) > kMaxRampSteps) {
    throw workload.At("batch_ramp")
        .At("over")
        .Error(fmt::format("expected at most {} steps of the first batch", kMaxRampSteps));
  }
}

void CheckPositions(const Scenario& s, const Value& workload) {
  const models::ModelSpec& m = s.model;
  if (m.LongestSequence() == 0 || s.workload.sequence_length <= m.LongestSequence()) return;
  const std::string scaled = m.scaled_positions > m.max_positions ? " after RoPE scaling" : "";
  throw workload.At("sequence_length")
      .Error(fmt::format("expected at most the {} positions that {} has{} (of a model trained on longer "
                         "sequences: model.{})",
                         m.LongestSequence(), m.name, scaled,
                         m.scaled_positions > m.max_positions ? "scaled_positions" : "max_positions"));
}

void CheckBatch(const Scenario& s, const Value& workload) {
  const std::int64_t unit = std::int64_t{s.parallelism.data} * s.workload.micro_batch;
  if (s.workload.global_batch % unit != 0) {
    throw workload.At("global_batch")
        .Error(fmt::format("expected a multiple of data x micro_batch = {} x {} = {} sequences",
                           s.parallelism.data, s.workload.micro_batch, unit));
  }
  if (s.workload.global_batch / unit > kMaxMicroBatches) {
    throw workload.At("global_batch")
        .Error(fmt::format("gives {} micro-batches a pipeline, expected at most {}",
                           s.workload.global_batch / unit, kMaxMicroBatches));
  }
}

/// Without exchanges nothing takes the SMs, whatever a scenario written for another model says.
Communication ReadCommunication(const Value* value, const hw::Device& device, bool exchanges) {
  Communication c;
  if (!exchanges) c.sms = 0;
  c.kernels = "2025-02";  // the release that DeepSeek's training trace shows, nearest to the reported run
  if (value == nullptr) return c;
  value->AllowKeys({"sms", "kernels"});
  if (const Value* sms = value->Find("sms")) {
    const std::int64_t asked = sms->AsInt(0, device.sms - 1);
    if (exchanges && asked != kExchangeSms) {
      throw sms->Error(fmt::format(
          "expected {}: the exchange kernels are measured on that many SMs and on no other number",
          kExchangeSms));
    }
  }
  if (const Value* k = value->Find("kernels")) c.kernels = k->AsString();
  return c;
}

/// A section that names a preset or describes what is meant; `override_key`, if any, holds what is said over
/// a preset.
struct PresetSection {
  const char *name, *override_key;
  std::vector<std::string> own_keys;
  const char* inside = "";  ///< the section whose preset may hold this one
};

/// Outer sections first.
const std::vector<PresetSection>& PresetSections() {
  static const std::vector<PresetSection> sections = {
      {"cluster", "", {}},
      {"cluster.device", "override", {"preset", "file", "override"}, "cluster"},
      {"device", "override", {"preset", "file", "override"}},
      {"model", "override", {"preset", "huggingface", "override"}}};
  return sections;
}

/// The value at a dotted path, or nullptr.
const Value* FindPath(const Value& root, const std::string& path) {
  const Value* value = &root;
  for (std::size_t start = 0; value != nullptr && start <= path.size();) {
    const std::size_t dot = std::min(path.find('.', start), path.size());
    value = value->is_map() ? value->Find(path.substr(start, dot - start)) : nullptr;
    start = dot + 1;
  }
  return value;
}

bool NamesBase(const Value* value) {
  return value != nullptr && value->is_map() &&
         (value->Find("preset") != nullptr || value->Find("file") != nullptr);
}

/// Whether what the section holds is an override: over the preset or file that it names, or over what is in
/// that of the section around it.
bool Overrides(const PresetSection& section, const Value& root) {
  const Value* now = FindPath(root, section.name);
  if (now == nullptr) return *section.inside != '\0' && NamesBase(FindPath(root, section.inside));
  return NamesBase(now) || (now->is_map() && now->Find("override") != nullptr);
}

/// `rest`, a path inside the section, as it stands once the section is a map with a preset.
std::string InsidePreset(const PresetSection& section, const std::string& rest) {
  const std::string key = rest.substr(0, rest.find('.'));
  const std::string over = section.override_key;
  const bool own = std::count(section.own_keys.begin(), section.own_keys.end(), key) > 0;
  return over.empty() || own ? rest : over + "." + rest;
}

/// The path to set for `path`; turns sections that only name a preset into maps that do.
std::string ResolvePreset(std::string path, Document* document) {
  for (const PresetSection& section : PresetSections()) {
    const std::string prefix = std::string(section.name) + ".";
    if (path.rfind(prefix, 0) != 0) continue;
    const Value* named = FindPath(document->root(), section.name);
    if (named != nullptr && named->is_scalar())
      document->Set(section.name, "{preset: " + QuoteYaml(named->AsString()) + "}");
    if (!Overrides(section, document->root())) continue;
    path = prefix + InsidePreset(section, path.substr(prefix.size()));
  }
  return path;
}

/// Appends what the files hold that a section names, and the files that those name: {file: ...} of clusters
/// and devices, {huggingface: ...} of models. They were read before, so they are there and end.
void AppendFiles(const Value& section, std::string* text) {
  if (!section.is_map()) return;
  for (const auto& [key, value] : section.entries()) {
    if (!value.is_scalar() || (key != "file" && key != "huggingface")) {
      AppendFiles(value, text);
      continue;
    }
    const Document document = Document::Load(ResolveBeside(value));
    *text += document.Canonical();
    if (key == "file") AppendFiles(document.root(), text);
  }
}

/// Of the canonical text and of the files beside the scenario, so that a changed data sheet is another
/// scenario.
std::string HashOf(const Document& document, const hw::CalibrationChoice& calibration) {
  std::string text = document.Canonical();
  for (const char* section : {"model", "cluster"}) AppendFiles(document.root().At(section), &text);
  std::vector<std::string> tables = calibration.further;
  tables.push_back(calibration.name);
  std::error_code error;
  for (const std::string& table : tables) {
    if (!std::filesystem::is_regular_file(table, error)) continue;
    RefuseForeignFile(table);
    text += Document::Load(table).Canonical();
  }
  return HashHex(text);
}

/// A heading for a scenario that is no longer what its name says.
std::string ChangedTitle(const Scenario& s, const std::vector<std::string>& changed) {
  return fmt::format("Pre-training of {} on {} {} ({} with {} changed)", s.model.name, s.Gpus(),
                     s.cluster.device.name, std::filesystem::path(s.file).stem().string(),
                     fmt::join(changed, ", "));
}

}  // namespace

models::ModelSpec Scenario::RankModel() const {
  models::ModelSpec rank = model;
  if (placed_shared_experts > 0) rank.moe->shared_intermediate = 0;
  return rank;
}

std::vector<std::string> ScenarioNames() { return ResourceNames("scenarios", "yaml"); }

Document LoadScenarioDocument(const std::string& file_or_name, const std::vector<std::string>& overrides) {
  std::filesystem::path file = file_or_name;
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    const std::vector<std::string> known = ScenarioNames();
    if (std::find(known.begin(), known.end(), file_or_name) != known.end()) {
      file = ResourceRoot() / "scenarios" / (file_or_name + ".yaml");
    } else {
      throw InputError(Place{file_or_name},
                       "no such file, nor a scenario of that name" + DidYouMean(file_or_name, known));
    }
  }
  Document document = Document::Load(file);
  ApplyOverrides(overrides, &document);
  return document;
}

void ApplyOverrides(const std::vector<std::string>& settings, Document* document) {
  std::vector<std::string> paths;
  for (const std::string& text : settings) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) throw InputError("--set " + Clipped(text) + ": expected KEY=VALUE");
    const std::string asked = text.substr(0, equals);
    const std::string path = ResolvePreset(asked, document);
    const auto inside = std::find_if(paths.begin(), paths.end(), [&](const std::string& earlier) {
      return earlier.starts_with(path + ".");
    });
    if (inside != paths.end()) {
      throw InputError(fmt::format(
          "--set {}: replaces the whole of {} and with it the earlier --set {}: expected the "
          "section first",
          Clipped(text), Clipped(path), Clipped(settings[static_cast<std::size_t>(inside - paths.begin())])));
    }
    document->Set(path, text.substr(equals + 1));
    document->NoteChange(asked);
    paths.push_back(path);
  }
}

std::vector<std::string> ChangedSubjects(const Document& document) {
  std::vector<std::string> changed;
  for (const std::string& path : document.changes()) {
    const bool subject = path != "name" && path != "seed" && path != "calibration";
    if (subject && std::count(changed.begin(), changed.end(), path) == 0) changed.push_back(path);
  }
  return changed;
}

hw::CalibrationChoice ReadCalibration(const Value& value) {
  const auto file_or_name = [](const Value& item) {
    const std::filesystem::path beside = ResolveBeside(item);
    std::error_code error;
    return std::filesystem::is_regular_file(beside, error) ? beside.string() : item.AsString();
  };
  if (!value.is_list()) return {.name = file_or_name(value)};
  std::vector<std::string> names;
  for (const Value& item : value.items()) names.push_back(file_or_name(item));
  try {
    return hw::CalibrationChoice::Of(std::move(names));
  } catch (const InputError& e) {
    throw value.Error(e.what());
  }
}

std::string WorkloadKind(const Document& document) {
  return document.root().At("workload").At("kind").AsString();
}

Scenario ReadTrainingScenario(Document document, const std::string& file) {
  Scenario s;
  s.file = file;
  s.document = std::move(document);
  const Value& root = s.document.root();
  root.AllowKeys(RootKeys());
  s.name = Printable(root.At("name").AsString());
  s.model = models::ReadModel(root.At("model"));
  s.cluster = hw::ReadCluster(root.At("cluster"));
  if (s.Gpus() > kMaxGpus)
    throw root.At("cluster").Error(fmt::format("{} GPUs, expected at most {}", s.Gpus(), kMaxGpus));
  const Value& workload = root.At("workload");
  workload.At("kind").AsChoice({"pretraining"});
  s.workload = ReadWorkload(workload);
  CheckTokens(s.workload, workload);
  CheckPositions(s, workload);
  ReadSlots(root, &s);
  s.parallelism = ReadParallelism(root.At("parallelism"), s);
  CheckBatch(s, workload);
  s.communication = ReadCommunication(root.Find("communication"), s.cluster.device, s.parallelism.expert > 1);
  if (const Value* p = root.Find("precision")) s.fp8 = p->AsChoice({"bf16", "fp8-mixed"}) == 1;
  if (s.fp8 && s.cluster.device.fp8.value <= 0) {
    const Value* p = root.Find("precision");
    throw(p != nullptr ? *p : root)
        .Error(fmt::format("device '{}' has no FP8; expected precision: bf16", s.cluster.device.name));
  }
  if (const Value* c = root.Find("calibration")) s.calibration = ReadCalibration(*c);
  if (const Value* seed = root.Find("seed")) {
    s.seed = static_cast<std::uint64_t>(seed->AsInt(0, std::numeric_limits<std::int64_t>::max()));
  }
  s.hash = HashOf(s.document, s.calibration);
  const std::vector<std::string> changed = ChangedSubjects(s.document);
  const auto& all = s.document.changes();
  if (!changed.empty() && std::count(all.begin(), all.end(), "name") == 0) s.name = ChangedTitle(s, changed);
  // Last, since it may move what was read. The router's text is the workload's, unless the routing section
  // says otherwise.
  const Value* routing = root.Find("routing");
  const bool own_text =
      routing != nullptr && routing->is_map() && routing->Find("sequence_length") != nullptr;
  if (s.model.moe && !own_text && s.workload.sequence_length != models::SyntheticOptions{}.sequence_length) {
    s.document.Set("routing.sequence_length", fmt::format("{} tokens", s.workload.sequence_length));
  }
  return s;
}

}  // namespace orrery::scenarios
