#include "scenarios/schema/serving_scenario.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/config/codecs.h"
#include "core/config/key_error.h"
#include "models/routing/sources/routing_options.h"
#include "models/spec/attention_design.h"
#include "scenarios/schema/calibration_field.h"
#include "scenarios/schema/routing_fields.h"
#include "scenarios/schema/scenario_file.h"
#include "scenarios/schema/schema_version.h"

namespace orrery::scenarios {
namespace {

constexpr std::int64_t kMaxTokens = std::int64_t{1} << 24;
constexpr std::int64_t kMaxRequests = std::int64_t{1} << 16;
constexpr int kMaxRanks = 4096;
constexpr int kMaxModules = 16;

Codec<models::CachePrecision> CacheChoice() {
  std::vector<std::pair<std::string, models::CachePrecision>> names;
  for (const std::string& name : models::CachePrecisionNames())
    names.emplace_back(name, static_cast<models::CachePrecision>(names.size()));
  return Choice<models::CachePrecision>(names);
}

const Fields<models::ContextLengths>& ContextFields() {
  static const Fields<models::ContextLengths> fields = [] {
    using C = models::ContextLengths;
    Fields<C> f;
    f.Add("mean", &C::mean, Count<std::int64_t>("tokens", 1, kMaxTokens), "tokens cached of a request");
    f.Add("deviation", &C::deviation, Number(0, 10),
          "relative standard deviation of a log-normal; 0: all alike");
    f.Add("longest", &C::longest, Count<std::int64_t>("tokens", 1, kMaxTokens), "no request has more")
        .DefaultText("no limit");
    return f;
  }();
  return fields;
}

const Fields<ServingRequests>& RequestFields() {
  static const Fields<ServingRequests> fields = [] {
    using R = ServingRequests;
    Fields<R> f;
    f.Add("prompt", &R::prompt, Count<std::int64_t>("tokens", 1, kMaxTokens), "length of every prompt");
    f.Add("context", &R::contexts, MapOf(ContextFields()), "of requests that are decoded");
    return f;
  }();
  return fields;
}

const Fields<ServingWorkload>& WorkloadFields() {
  static const Fields<ServingWorkload> fields = [] {
    using W = ServingWorkload;
    Fields<W> f;
    f.AddWith(
         "kind", {FieldType::Kind::kChoice, "choice", "", {}, {}, {"serving"}, {}},
         [](const Value& v, W*) { v.AsChoice({"serving"}); },
         [](const W&) { return Written::Scalar("serving"); }, "what is asked")
        .Required();
    f.Add("load", &W::load, Choice<ServingLoad>({{"steady", ServingLoad::kSteady}}),
          "steady: one step of each unit, its requests as given");
    f.Add("requests", &W::requests, MapOf(RequestFields()), "what is served");
    return f;
  }();
  return fields;
}

template <class Unit>
struct ExchangeKeys {
  static Fields<Unit> Make() {
    Fields<Unit> f;
    f.Add("kernels", &Unit::kernels, Text(), "release of DeepEP");
    return f;
  }
};

/// A section whose keys are members of the unit itself.
template <class Unit>
void AddExchange(Fields<Unit>* fields, const Fields<Unit>& section) {
  const FieldType type{FieldType::Kind::kMap, "map", "", {}, {}, {}, section.Infos()};
  fields->AddWith(
      "exchange", type,
      [&section](const Value& v, Unit* unit) { *unit = section.ReadOver(v, std::move(*unit)); },
      [&section](const Unit& unit) { return section.Write(unit); }, "how tokens reach their experts");
}

/// Keys of a unit's experts, which prefill and decode have alike.
template <class U>
void AddExperts(Fields<U>* f) {
  f->Add("expert", &U::expert, Whole<int>(1, kMaxRanks, "ranks"),
         "GPUs of the unit, which share the experts");
  f->Add("redundant_experts", &U::redundant_experts, Maybe(Whole<int>(0, 1 << 16, "slots")),
         "slots beside one for each routed expert")
      .DefaultText("the fewest with which the ranks divide the slots");
}

const Fields<PrefillUnit>& PrefillFields() {
  static const Fields<PrefillUnit> exchange = [] {
    Fields<PrefillUnit> f = ExchangeKeys<PrefillUnit>::Make();
    f.Add("sms", &PrefillUnit::sms, Whole<int>(0, 1 << 16, "SMs"), "lent to exchange kernels");
    return f;
  }();
  static const Fields<PrefillUnit> fields = [] {
    using U = PrefillUnit;
    Fields<U> f;
    AddExperts(&f);
    f.Add("tokens_per_gpu", &U::tokens_per_gpu, Count<std::int64_t>("tokens", 1, kMaxTokens),
          "prompts that a GPU takes in a step");
    f.Add("overlap", &U::two_batch, Choice<bool>({{"none", false}, {"two-batch", true}}),
          "two micro-batches, each exchanged behind the other's compute");
    AddExchange(&f, exchange);
    return f;
  }();
  return fields;
}

const Fields<DecodeUnit>& DecodeFields() {
  static const Fields<DecodeUnit> exchange = ExchangeKeys<DecodeUnit>::Make();
  static const Fields<DecodeUnit> fields = [] {
    using U = DecodeUnit;
    Fields<U> f;
    AddExperts(&f);
    f.Add("requests_per_gpu", &U::requests_per_gpu, Whole<std::int64_t>(1, kMaxRequests, "requests"),
          "that a GPU decodes at once");
    f.Add("overlap", &U::five_stage, Choice<bool>({{"none", false}, {"five-stage", true}}),
          "two micro-batches in DeepSeek's five stages");
    AddExchange(&f, exchange);
    return f;
  }();
  return fields;
}

const Fields<Speculation>& SpeculationFields() {
  static const Fields<Speculation> fields = [] {
    using S = Speculation;
    Fields<S> f;
    f.Add("modules", &S::modules, Whole<int>(0, kMaxModules), "MTP modules that run, one drafted token each");
    f.Add("acceptance", &S::acceptance, ListOf(Number(0, 1)),
          "of each drafted position, given that those before it were accepted");
    return f;
  }();
  return fields;
}

const Fields<ServingScenario>& BalanceFields() {
  static const Fields<ServingScenario> fields = [] {
    using S = ServingScenario;
    Fields<S> f;
    f.Add(
        "decode", &S::placement,
        Choice<models::RequestPlacement>({{"cache-and-requests", models::RequestPlacement::kCacheAndRequests},
                                          {"in-turn", models::RequestPlacement::kInTurn}}),
        "how requests come to ranks");
    f.Add("experts", &S::even_experts, Choice<bool>({{"routed", false}, {"even", true}}),
          "rows of experts: as the router draws them, or the same on every rank");
    return f;
  }();
  return fields;
}

const Fields<ServingScenario>& CacheFields() {
  static const Fields<ServingScenario> fields = [] {
    Fields<ServingScenario> f;
    f.Add("precision", &ServingScenario::cache, CacheChoice(), "of what is cached");
    return f;
  }();
  return fields;
}

void AddSection(Fields<ServingScenario>* fields, const char* key, const Fields<ServingScenario>& section,
                const char* help) {
  const FieldType type{FieldType::Kind::kMap, "map", "", {}, {}, {}, section.Infos()};
  fields->AddWith(
      key, type, [&section](const Value& v, ServingScenario* s) { *s = section.ReadOver(v, std::move(*s)); },
      [&section](const ServingScenario& s) { return section.Write(s); }, help);
}

const Fields<ServingScenario>& UnitFields() {
  static const Fields<ServingScenario> fields = [] {
    using S = ServingScenario;
    Fields<S> f;
    f.Add("prefill", &S::prefill, Maybe(MapOf(PrefillFields())), "a unit that computes prompts");
    f.Add("decode", &S::decode, Maybe(MapOf(DecodeFields())), "a unit that makes tokens");
    f.Add("speculation", &S::speculation, MapOf(SpeculationFields()), "tokens drafted and verified");
    AddSection(&f, "cache", CacheFields(), "of keys and values, or latents");
    AddSection(&f, "balance", BalanceFields(), "what is where");
    f.Add("host", &S::host, Duration(), "before the first kernel of every step");
    return f;
  }();
  return fields;
}

void CheckUnit(const ServingScenario& s, const std::string& key, int expert, std::optional<int> redundant) {
  const std::string at = "serving." + key;
  if (expert < 1 || expert > kMaxRanks)
    throw KeyError(at + ".expert", fmt::format("expected a whole number from 1 to {}", kMaxRanks));
  if (!s.model.moe && redundant.value_or(0) > 0)
    throw KeyError(at + ".redundant_experts", "expected 0: the model has no experts");
  const int gpus = s.cluster.devices();
  if (expert > gpus)
    throw KeyError(at + ".expert", fmt::format("a unit of {} GPUs, but the cluster has {}", expert, gpus));
  const int node = s.cluster.devices_per_node;
  if (expert > node ? expert % node != 0 : node % expert != 0) {
    throw KeyError(at + ".expert",
                   fmt::format("expected whole nodes of {} GPUs, or a number that divides one", node));
  }
  if (!s.model.moe) return;
  const int slots = s.Slots(expert, redundant);
  if (slots % expert != 0) {
    throw KeyError(at + ".redundant_experts",
                   fmt::format("{} routed experts and {} redundant ones are {} slots, which {} ranks do not "
                               "divide; the next that they do is {} redundant ones",
                               s.model.moe->routed_experts, redundant.value_or(0), slots, expert,
                               RoundUp(slots, expert) - s.model.moe->routed_experts));
  }
}

void CheckRequests(const ServingScenario& s) {
  const std::int64_t longest = s.model.LongestSequence();
  const auto fits = [&](const char* key, std::int64_t tokens) {
    if (longest == 0 || tokens <= longest) return;
    throw KeyError(fmt::format("workload.requests.{}", key),
                   fmt::format("{} tokens, but {} has {} positions", tokens, s.model.name, longest));
  };
  if (s.prefill) fits("prompt", s.workload.requests.prompt);
  if (s.decode) fits("context.mean", s.workload.requests.contexts.mean);
  if (s.decode && s.decode->five_stage && s.decode->requests_per_gpu < 2) {
    throw KeyError("serving.decode.overlap",
                   "two micro-batches of one request; expected 2 requests_per_gpu or overlap: none");
  }
  if (s.prefill && s.prefill->two_batch && s.prefill->tokens_per_gpu < 2)
    throw KeyError("serving.prefill.overlap", "two micro-batches of one token; expected overlap: none");
}

void CheckSpeculation(const ServingScenario& s) {
  const Speculation& spec = s.speculation;
  if (spec.modules < 0 || spec.modules > kMaxModules)
    throw KeyError("serving.speculation.modules", fmt::format("expected 0 to {}", kMaxModules));
  if (spec.modules > s.model.mtp_modules) {
    throw KeyError("serving.speculation.modules",
                   fmt::format("expected at most the {} that {} has", s.model.mtp_modules, s.model.name));
  }
  if (spec.acceptance.size() > static_cast<std::size_t>(spec.modules)) {
    throw KeyError("serving.speculation.acceptance",
                   fmt::format("{} values for {} modules", spec.acceptance.size(), spec.modules));
  }
}

std::string HashOfAsked(const ServingScenario& scenario) {
  ServingScenario s = scenario;
  s.name.clear();
  const auto without_folder = [](std::string* path) {
    if (IsFile(*path)) *path = std::filesystem::path(*path).filename().string();
  };
  const std::string contents = ContentsOf(s.calibration);
  for (std::string* path : {&s.calibration.name, &s.model.source}) without_folder(path);
  for (std::string& path : s.calibration.further) without_folder(&path);
  return HashHex(YamlText(ServingFields().Write(s)) + contents);
}

}  // namespace

double Speculation::TokensPerStep() const {
  double tokens = 1, reached = 1;
  for (const double accepted : acceptance) {
    reached *= accepted;
    tokens += reached;
  }
  return tokens;
}

int ServingScenario::Slots(int ranks, std::optional<int> redundant) const {
  if (!model.moe) return 0;
  const int experts = model.moe->routed_experts;
  return redundant ? experts + *redundant : static_cast<int>(RoundUp(experts, ranks));
}

const Fields<ServingScenario>& ServingFields() {
  static const Fields<ServingScenario> fields = [] {
    using S = ServingScenario;
    constexpr std::int64_t kMostSeed = std::numeric_limits<std::int64_t>::max();
    Fields<S> f;
    AddSchemaVersion(&f);
    f.Add("name", &S::name, Text(), "what reports call it").Required();
    f.Add("model", &S::model, models::ModelCodec(), "what is served").Required();
    f.Add("cluster", &S::cluster, hw::ClusterCodec(), "where").Required();
    f.Add("workload", &S::workload, MapOf(WorkloadFields()), "what is asked of it").Required();
    // A section of members of the scenario itself.
    f.AddWith(
         "serving", {FieldType::Kind::kMap, "map", "", {}, {}, {}, UnitFields().Infos()},
         [](const Value& v, S* s) { *s = UnitFields().ReadOver(v, std::move(*s)); },
         [](const S& s) { return UnitFields().Write(s); }, "units and how they work")
        .Required();
    f.Add("precision", &S::fp8, Choice<bool>({{"bf16", false}, {"fp8-mixed", true}}), "of the GEMMs");
    f.Add("routing", &S::routing, MapOf(RoutingFields()), "how experts are chosen and placed");
    f.Add("calibration", &S::calibration, CalibrationCodec(), "kernel tables that prices come from");
    f.Add("seed", &S::seed, Whole<std::uint64_t>(0, kMostSeed), "of all random streams");
    return f;
  }();
  return fields;
}

void Settle(ServingScenario* s) {
  if (s->cluster.device.name.empty()) throw KeyError("cluster", "expected a cluster");
  if (s->model.layers < 1) throw KeyError("model", "expected a model");
  if (!s->prefill && !s->decode) throw KeyError("serving", "expected a prefill unit, a decode unit, or both");
  if (s->prefill) CheckUnit(*s, "prefill", s->prefill->expert, s->prefill->redundant_experts);
  if (s->decode) CheckUnit(*s, "decode", s->decode->expert, s->decode->redundant_experts);
  if (s->prefill && s->prefill->sms >= s->cluster.device.sms) {
    throw KeyError("serving.prefill.exchange.sms",
                   fmt::format("expected fewer than the device's {} SMs", s->cluster.device.sms));
  }
  if (s->routing.redundant_experts || s->routing.eplb) {
    throw KeyError(
        "routing.placement",
        "expected none: a unit's redundant_experts say how many slots it has, and they are planned");
  }
  CheckRequests(*s);
  CheckSpeculation(*s);
  if (s->fp8 && s->cluster.device.fp8.value <= 0) {
    throw KeyError("precision",
                   fmt::format("device '{}' has no FP8; expected precision: bf16", s->cluster.device.name));
  }
  s->hash = HashOfAsked(*s);
}

ServingScenario ReadServingScenario(const Document& document, const std::string& file) {
  Document current = document;
  UseCurrentKeys(&current);
  const Value& root = current.root();
  ServingScenario s = ServingFields().Read(root);
  s.file = file;
  s.name = Printable(s.name);
  WithPlaces(root, [&] { Settle(&s); });
  const std::vector<std::string> changed = ChangedSubjects(document);
  const auto& all = document.changes();
  if (!changed.empty() &&
      std::none_of(all.begin(), all.end(), [](const Document::Change& c) { return c.path == "name"; })) {
    s.name = fmt::format("Serving {} on {} ({} with {} changed)", s.model.name, s.cluster.device.name,
                         std::filesystem::path(s.file).stem().string(), fmt::join(changed, ", "));
  }
  return s;
}

Written WriteScenario(const ServingScenario& scenario) { return ServingFields().Write(scenario); }

}  // namespace orrery::scenarios
