#include "scenarios/schema/attention_scenario.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"
#include "scenarios/schema/scenario.h"

namespace orrery::scenarios {
namespace {

constexpr std::int64_t kMaxContext = std::int64_t{1} << 24;
constexpr std::int64_t kMaxBatch = std::int64_t{1} << 20;
constexpr std::size_t kMaxItems = 64;

const std::vector<Value>& ShortList(const Value& value) {
  if (value.items().empty()) throw value.Error("expected at least one item");
  if (value.items().size() > kMaxItems) throw value.Error("expected at most 64 items");
  return value.items();
}

std::vector<std::int64_t> ReadSizes(const Value& value, std::int64_t max) {
  std::vector<std::int64_t> sizes;
  for (const Value& item : ShortList(value)) sizes.push_back(item.AsInt(1, max));
  return sizes;
}

void ReadWorkload(const Value& value, AttentionScenario* s) {
  value.AllowKeys({"kind", "designs", "contexts", "batches", "query_length", "tpot_limit", "mtp", "norm",
                   "memory_fraction"});
  value.At("kind").AsChoice({"attention"});
  if (const Value* designs = value.Find("designs")) {
    s->designs.clear();
    for (const Value& d : ShortList(*designs)) s->designs.push_back(d.AsString());
  }
  if (const Value* v = value.Find("contexts")) s->contexts = ReadSizes(*v, kMaxContext);
  if (const Value* v = value.Find("batches")) s->batches = ReadSizes(*v, kMaxBatch);
  if (const Value* v = value.Find("query_length")) s->query_length = v->AsInt(1, 4096);
  if (const Value* v = value.Find("tpot_limit")) s->tpot_limit = v->AsTime();
  if (const Value* v = value.Find("mtp")) s->mtp = v->AsBool();
  if (const Value* v = value.Find("norm"))
    s->norm = static_cast<models::NormKind>(v->AsChoice({"rms", "layer"}));
  if (const Value* v = value.Find("memory_fraction")) s->memory_fraction = v->AsDouble(0.01, 1.0);
}

void ReadPrecision(const Value& value, AttentionScenario* s) {
  value.AllowKeys({"cache", "weights"});
  if (const Value* v = value.Find("cache")) {
    s->cache = static_cast<models::CachePrecision>(v->AsChoice(models::CachePrecisionNames()));
  }
  if (const Value* v = value.Find("weights")) {
    s->weights = static_cast<models::WeightPrecision>(v->AsChoice({"bf16", "fp8"}));
  }
}

void ReadParallelism(const Value& value, AttentionScenario* s) {
  value.AllowKeys({"tensor", "expert"});
  if (const Value* v = value.Find("tensor")) s->tensor = static_cast<int>(v->AsInt(1, 4096));
  if (const Value* v = value.Find("expert")) s->expert = static_cast<int>(v->AsInt(1, 65536));
}

void ReadModels(const Value& root, AttentionScenario* s) {
  const Value* one = root.Find("model");
  const Value* several = root.Find("models");
  if ((one == nullptr) == (several == nullptr)) throw root.Error("expected either 'model' or 'models'");
  if (one != nullptr) {
    s->models.push_back(models::ReadModel(*one));
    return;
  }
  for (const Value& m : ShortList(*several)) s->models.push_back(models::ReadModel(m));
}

void Require(bool condition, const std::string& message) {
  if (!condition) throw InputError("attention: " + message);
}

}  // namespace

AttentionScenario ReadAttentionScenario(const Value& root) {
  root.AllowKeys(
      {"name", "model", "models", "device", "workload", "parallelism", "precision", "calibration"});
  AttentionScenario s;
  if (const Value* v = root.Find("name")) s.name = Printable(v->AsString());
  ReadModels(root, &s);
  s.device = hw::ReadDevice(root.At("device"));
  ReadWorkload(root.At("workload"), &s);
  if (const Value* v = root.Find("parallelism")) ReadParallelism(*v, &s);
  if (const Value* v = root.Find("precision")) ReadPrecision(*v, &s);
  if (const Value* v = root.Find("calibration")) s.calibration = ReadCalibration(*v);
  CheckAttentionScenario(s);
  return s;
}

AttentionScenario ReadAttentionScenario(const Document& document) {
  AttentionScenario s = ReadAttentionScenario(document.root());
  const auto& all = document.changes();
  if (!ChangedSubjects(document).empty() && std::count(all.begin(), all.end(), "name") == 0)
    s.name = AttentionTitle(s);
  return s;
}

std::string AttentionTitle(const AttentionScenario& s) {
  std::string models;
  for (const models::ModelSpec& m : s.models) models += (models.empty() ? "" : ", ") + m.name;
  return "Attention designs of " + models;
}

void CheckAttentionScenario(const AttentionScenario& s) {
  Require(!s.models.empty() && s.models.size() <= kMaxItems, "expected 1 to 64 models");
  Require(!s.designs.empty() && s.designs.size() <= kMaxItems, "expected 1 to 64 designs");
  Require(!s.contexts.empty() && s.contexts.size() <= kMaxItems, "expected 1 to 64 contexts");
  Require(!s.batches.empty() && s.batches.size() <= kMaxItems, "expected 1 to 64 batches");
  for (std::int64_t c : s.contexts)
    Require(c >= 1 && c <= kMaxContext, "context " + std::to_string(c) + " is not in 1 to 16777216 tokens");
  for (std::int64_t b : s.batches)
    Require(b >= 1 && b <= kMaxBatch, "batch " + std::to_string(b) + " is not in 1 to 1048576");
  Require(s.query_length >= 1 && s.query_length <= 4096,
          "query length " + std::to_string(s.query_length) + " is not in 1 to 4096");
  Require(s.tpot_limit > kTimeZero && s.tpot_limit <= FromSeconds(1000),
          "the TPOT limit is not in 0 to 1000 s");
  Require(s.memory_fraction > 0 && s.memory_fraction <= 1, "the memory fraction is not in 0 to 1");
}

}  // namespace orrery::scenarios
