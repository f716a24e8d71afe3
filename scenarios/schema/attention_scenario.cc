#include "scenarios/schema/attention_scenario.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/config/codecs.h"
#include "core/config/key_error.h"
#include "scenarios/schema/calibration_field.h"
#include "scenarios/schema/scenario_file.h"
#include "scenarios/schema/schema_version.h"

namespace orrery::scenarios {
namespace {

constexpr std::int64_t kMaxContext = std::int64_t{1} << 24;
constexpr std::int64_t kMaxBatch = std::int64_t{1} << 20;
constexpr std::int64_t kMaxQuery = 4096;
constexpr std::size_t kMaxItems = 64;

template <class T>
Codec<std::vector<T>> ShortList(Codec<T> item) {
  return ListOf(std::move(item), 1, kMaxItems);
}

Codec<models::CachePrecision> CacheChoice() {
  std::vector<std::pair<std::string, models::CachePrecision>> names;
  for (const std::string& name : models::CachePrecisionNames())
    names.emplace_back(name, static_cast<models::CachePrecision>(names.size()));
  return Choice<models::CachePrecision>(names);
}

const Fields<AttentionScenario>& WorkloadFields() {
  static const Fields<AttentionScenario> fields = [] {
    using S = AttentionScenario;
    Fields<S> f;
    f.AddWith(
         "kind", {FieldType::Kind::kChoice, "choice", "", {}, {}, {"attention"}, {}},
         [](const Value& v, S*) { v.AsChoice({"attention"}); },
         [](const S&) { return Written::Scalar("attention"); }, "what is asked")
        .Required();
    f.Add("designs", &S::designs, ShortList(Text()), "own, mha, mqa, gqa-N, mla and its variants");
    f.Add("contexts", &S::contexts, ShortList(Whole<std::int64_t>(1, kMaxContext, "tokens")),
          "lengths of the sequences");
    f.Add("batches", &S::batches, ShortList(Whole<std::int64_t>(1, kMaxBatch, "sequences")),
          "sequences a GPU or tensor-parallel group serves");
    f.Add("query_length", &S::query_length, Whole<std::int64_t>(1, kMaxQuery, "tokens"),
          "new tokens of a sequence and step");
    f.Add("tpot_limit", &S::tpot_limit, Duration(), "time an output token may take");
    f.Add("mtp", &S::mtp, Flag(), "hold the MTP modules' weights and caches too");
    f.Add("norm", &S::norm,
          Choice<models::NormKind>({{"rms", models::NormKind::kRms}, {"layer", models::NormKind::kLayer}}),
          "norm of the layers");
    f.Add("memory_fraction", &S::memory_fraction, Number(0.01, 1.0), "of memory for weights and cache");
    return f;
  }();
  return fields;
}

const Fields<AttentionScenario>& ParallelismFields() {
  static const Fields<AttentionScenario> fields = [] {
    using S = AttentionScenario;
    Fields<S> f;
    f.Add("tensor", &S::tensor, Maybe(Whole<int>(1, 4096, "ranks")), "GPUs that share a layer")
        .DefaultText("the least that leaves half the memory to the cache");
    f.Add("expert", &S::expert, Maybe(Whole<int>(1, 65536, "ranks")), "GPUs that share the experts")
        .DefaultText("likewise");
    return f;
  }();
  return fields;
}

const Fields<AttentionScenario>& PrecisionFields() {
  static const Fields<AttentionScenario> fields = [] {
    using S = AttentionScenario;
    Fields<S> f;
    f.Add("cache", &S::cache, CacheChoice(), "of keys and values");
    f.Add("weights", &S::weights,
          Maybe(Choice<models::WeightPrecision>(
              {{"bf16", models::WeightPrecision::kBf16}, {"fp8", models::WeightPrecision::kFp8}})),
          "of linear layers")
        .DefaultText("fp8 where the device has it");
    return f;
  }();
  return fields;
}

/// A section whose keys are members of the scenario itself.
void AddSection(Fields<AttentionScenario>* fields, const char* key, const Fields<AttentionScenario>& section,
                const char* help, bool required) {
  const FieldType type{FieldType::Kind::kMap, "map", "", {}, {}, {}, section.Infos()};
  auto field = fields->AddWith(
      key, type,
      [&section](const Value& v, AttentionScenario* s) {
        if (const Value* kind = v.is_map() ? v.Find("kind") : nullptr) kind->AsChoice({"attention"});
        if (v.is_map() && section.Infos().front().required) v.At("kind");
        *s = section.ReadOver(v, std::move(*s));
      },
      [&section](const AttentionScenario& s) { return section.Write(s); }, help);
  if (required) field.Required();
}

bool OneModel(const AttentionScenario& s) { return s.models.size() == 1; }

void AddModels(Fields<AttentionScenario>* f) {
  const Codec<models::ModelSpec> one = models::ModelCodec();
  f->AddWith(
       "model", one.type, [one](const Value& v, AttentionScenario* s) { s->models = {one.read(v)}; },
       [one](const AttentionScenario& s) {
         return OneModel(s) ? one.write(s.models[0]) : Written::Scalar("");
       },
       "whose attention is compared; or models")
      .WrittenIf(OneModel);
  Codec<std::vector<models::ModelSpec>> several = ShortList(one);
  several.type.fields.clear();  // those of `model`
  f->AddWith(
       "models", several.type,
       [several](const Value& v, AttentionScenario* s) { s->models = several.read(v); },
       [several](const AttentionScenario& s) { return several.write(s.models); }, "several")
      .WrittenIf([](const AttentionScenario& s) { return !OneModel(s); });
}

}  // namespace

const Fields<AttentionScenario>& AttentionFields() {
  static const Fields<AttentionScenario> fields = [] {
    using S = AttentionScenario;
    Fields<S> f;
    AddSchemaVersion(&f);
    f.Add("name", &S::name, Text(), "what reports call it");
    AddModels(&f);
    const Codec<hw::Device> device = hw::DeviceCodec();
    f.AddWith(
         "device", device.type, [device](const Value& v, S* s) { s->device = device.read(v); },
         [device](const S& s) {
           return s.device.name.empty() ? Written::Scalar("") : device.write(s.device);
         },
         "every GPU")
        .Required();
    AddSection(&f, "workload", WorkloadFields(), "what is compared", true);
    AddSection(&f, "parallelism", ParallelismFields(), "how a model is spread", false);
    AddSection(&f, "precision", PrecisionFields(), "of caches and weights", false);
    f.Add("calibration", &S::calibration, CalibrationCodec(), "kernel tables that prices come from");
    f.After([](S*, const GivenKeys& given) {
      if (given.Has("model") == given.Has("models"))
        throw given.map().Error("expected either 'model' or 'models'");
    });
    return f;
  }();
  return fields;
}

AttentionScenario ReadAttentionScenario(const Document& document) {
  Document current = document;
  UseCurrentKeys(&current);
  AttentionScenario s = AttentionFields().Read(current.root());
  s.name = Printable(s.name);
  WithPlaces(current.root(), [&] { CheckAttentionScenario(s); });
  if (!NamesItself(document)) s.name = AttentionTitle(s);
  return s;
}

Written WriteScenario(const AttentionScenario& scenario) { return AttentionFields().Write(scenario); }

std::string AttentionTitle(const AttentionScenario& s) {
  std::string models;
  for (const models::ModelSpec& m : s.models) models += (models.empty() ? "" : ", ") + m.name;
  return "Attention designs of " + models;
}

void CheckAttentionScenario(const AttentionScenario& s) {
  const auto require = [](bool condition, const char* key, const std::string& message) {
    if (!condition) throw KeyError(key, message);
  };
  const auto length = [&](const char* key, const auto& list) {
    require(!list.empty() && list.size() <= kMaxItems, key, fmt::format("expected 1 to {} items", kMaxItems));
  };
  const auto range = [&](const char* key, std::int64_t value, std::int64_t most) {
    require(value >= 1 && value <= most, key, fmt::format("{} is not in 1 to {}", value, most));
  };
  length("models", s.models);
  length("workload.designs", s.designs);
  length("workload.contexts", s.contexts);
  length("workload.batches", s.batches);
  for (const std::int64_t c : s.contexts) range("workload.contexts", c, kMaxContext);
  for (const std::int64_t b : s.batches) range("workload.batches", b, kMaxBatch);
  range("workload.query_length", s.query_length, kMaxQuery);
  require(s.tpot_limit > kTimeZero && s.tpot_limit <= FromSeconds(1000), "workload.tpot_limit",
          "expected more than 0 s, at most 1000 s");
  require(s.memory_fraction > 0 && s.memory_fraction <= 1, "workload.memory_fraction", "expected 0 to 1");
}

}  // namespace orrery::scenarios
