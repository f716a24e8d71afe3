// Reads a scenario's `routing` section.
#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "models/routing/sources/choice_loads.h"
#include "models/routing/sources/planned_loads.h"
#include "models/routing/sources/recorded_loads.h"
#include "models/routing/sources/synthetic_loads.h"
#include "models/spec/huggingface.h"

namespace orrery::models {
namespace {

/// Sets `*out` from `map`'s `key` when it is there.
void ReadNumber(const Value& map, std::string_view key, double min, double max, double* out) {
  if (const Value* v = map.Find(key)) *out = v->AsDouble(min, max);
}

void ReadWhole(const Value& map, std::string_view key, int min, int max, int* out) {
  if (const Value* v = map.Find(key)) *out = static_cast<int>(v->AsInt(min, max));
}

void ReadAffinity(const Value& map, AffinityParameters* p) {
  map.AllowKeys({"offset", "expert", "domain", "spread", "document", "token", "rank", "correlation",
                 "student", "domains", "outlier_share", "outlier_sd"});
  ReadNumber(map, "offset", -20, 20, &p->offset);
  ReadNumber(map, "expert", 0, 10, &p->expert);
  ReadNumber(map, "domain", 0, 10, &p->domain);
  ReadNumber(map, "spread", 0, 10, &p->spread);
  ReadNumber(map, "document", 0, 10, &p->document);
  ReadNumber(map, "token", 0, 10, &p->token);
  ReadWhole(map, "rank", 1, 64, &p->rank);
  ReadNumber(map, "correlation", 0, 0.999, &p->correlation);
  ReadWhole(map, "student", 0, 100, &p->student);
  ReadWhole(map, "domains", 1, 256, &p->domains);
  ReadNumber(map, "outlier_share", 0, 1, &p->outlier_share);
  ReadNumber(map, "outlier_sd", 0, 10, &p->outlier_sd);
  if (p->student == 1 || p->student == 2)
    throw map.At("student").Error("expected 0 (Gaussian) or 3 to 100: fewer degrees have no variance");
  if (p->token == 0 && p->document == 0)
    throw map.Error("expected a token or a document above 0: no two tokens differ");
}

/// "4" or "[1, 4]".
void ReadDocuments(const Value& value, SyntheticOptions* o) {
  if (value.is_list()) {
    if (value.items().size() != 2) throw value.Error("expected a number or [fewest, most]");
    o->fewest_documents = static_cast<int>(value.items()[0].AsInt(1, 4096));
    o->most_documents = static_cast<int>(value.items()[1].AsInt(o->fewest_documents, 4096));
  } else {
    o->fewest_documents = o->most_documents = static_cast<int>(value.AsInt(1, 4096));
  }
}

/// `shared_expert`: routed ones count as experts of the size of the others.
void ReadShared(const Value& value, const MoeSpec& moe, PlacementOptions* p) {
  if (value.AsChoice({"replicated", "routed"}) == 0) return;
  if (moe.shared_intermediate == 0) throw value.Error("the model has no shared expert");
  if (moe.shared_intermediate % moe.intermediate != 0)
    throw value.Error(fmt::format("shared experts {} wide are not whole routed ones of {}",
                                  moe.shared_intermediate, moe.intermediate));
  if (!p->eplb) throw value.Error("a shared expert placed like a routed one needs placement: eplb");
  p->shared_experts = moe.shared_intermediate / moe.intermediate;
  if (p->redundant_experts < p->shared_experts)
    throw value.Error(
        fmt::format("expected redundant_experts of at least {}, to hold it", p->shared_experts));
}

/// `placement` and what belongs to it.
void ReadPlacement(const Value& section, const MoeSpec& moe, PlacementOptions* p) {
  if (const Value* v = section.Find("placement")) p->eplb = v->AsChoice({"contiguous", "eplb"}) == 1;
  for (const char* key : {"redundant_experts", "planned_from", "replanned_every"}) {
    const Value* v = section.Find(key);
    if (v != nullptr && !p->eplb) throw v->Error("only placement eplb is planned");
  }
  ReadWhole(section, "redundant_experts", 0, 4096, &p->redundant_experts);
  ReadWhole(section, "planned_from", 1, 4096, &p->planned_from);
  ReadWhole(section, "replanned_every", 0, 1 << 20, &p->replanned_every);
  if (const Value* v = section.Find("shared_expert")) ReadShared(*v, moe, p);
}

/// The section's loads with expert e in slot e.
std::unique_ptr<TableLoads> InExpertOrder(const RoutingSection& section, const LoadShape& shape,
                                          int moe_layers, std::uint64_t seed) {
  if (!section.loads.empty()) {
    const ExpertLoads loads = ReadExpertLoads(section.loads, shape.experts, section.dense_layers);
    const SyntheticOptions& o = section.options;
    return std::make_unique<RecordedLoads>(
        shape, loads, TextMix{loads.share, o.sequence_length, o.fewest_documents, o.most_documents},
        moe_layers, seed);
  }
  if (section.strategy == Strategy::kBalanced) return std::make_unique<UniformLoads>(shape, seed);
  if (section.strategy == Strategy::kExpertChoice)
    return std::make_unique<ChoiceLoads>(shape, section.options, moe_layers, seed);
  return std::make_unique<SyntheticLoads>(shape, section.options, moe_layers, seed);
}

/// `capacity_factor` and what is dropped over it. V2's rule (report 2.2.4): a device's capacity, lowest
/// affinity.
void ReadCapacity(const Value& section, RoutingSection* out) {
  ReadNumber(section, "capacity_factor", 1, 1000, &out->capacity_factor);
  for (const char* key : {"capacity_per", "drop", "never_dropped"}) {
    const Value* v = section.Find(key);
    if (v != nullptr && out->capacity_factor <= 0)
      throw v->Error("nothing is dropped without capacity_factor");
  }
  if (const Value* v = section.Find("capacity_per"))
    out->device_capacity = v->AsChoice({"expert", "device"}) == 1;
  if (out->device_capacity) out->drop = DropOrder::kLowestAffinity;
  if (const Value* v = section.Find("drop"))
    out->drop = static_cast<DropOrder>(v->AsChoice({"arrival", "random", "lowest-affinity"}));
  ReadNumber(section, "never_dropped", 0, 1, &out->never_dropped);
  if (const Value* v = section.Find("capacity_factor"); v != nullptr && out->placement.shared_experts > 0)
    throw v->Error("a shared expert placed like a routed one takes every token: nothing may be dropped");
}

bool HasBiases(Strategy s) { return s == Strategy::kLossFree || s == Strategy::kLossFreePlus; }

/// Whether `alpha` weighs its loss; V2's three losses have the report's own weights.
bool HasAlpha(Strategy s) {
  return s == Strategy::kSequenceLoss || s == Strategy::kBatchLoss || s == Strategy::kMicroBatchLoss ||
         s == Strategy::kLossFreePlus;
}

/// Keys of a section and the strategies they mean something to.
struct KeyOfStrategies {
  std::vector<std::string> keys;
  bool (*takes)(Strategy);
  const char* why_not;  ///< of the others; {} is the strategy's name
  bool own;             ///< a value suits one strategy, not the next
};

const std::vector<KeyOfStrategies>& KeysOfStrategies() {
  static const std::vector<KeyOfStrategies> keys{
      {{"update", "rate", "rate_until"}, HasBiases, "strategy {} has no biases to update", true},
      {{"alpha"}, HasAlpha, "strategy {} has no auxiliary loss that alpha weighs", true},
      {{"chunk"},
       [](Strategy s) { return s == Strategy::kExpertChoice; },
       "strategy {} has no chunk that experts choose over",
       true},
      {{"shift"},
       [](Strategy s) { return s != Strategy::kBalanced && s != Strategy::kExpertChoice; },
       "only a synthetic router that is balanced by its loads is trained, so that its text can shift; "
       "strategy {} is not",
       false},
      {{"affinity", "documents_per_sequence"},
       [](Strategy s) { return s != Strategy::kBalanced; },
       "strategy {} has no router and no text: every expert is alike",
       false},
      {{"capacity_factor", "capacity_per", "drop", "never_dropped"},
       [](Strategy s) { return s != Strategy::kExpertChoice; },
       "strategy {}: experts that choose take just their even share: nothing is over it",
       false}};
  return keys;
}

const KeyOfStrategies* FindKey(std::string_view key) {
  for (const KeyOfStrategies& k : KeysOfStrategies())
    if (std::find(k.keys.begin(), k.keys.end(), key) != k.keys.end()) return &k;
  return nullptr;
}

/// InputError at the first key that means nothing to the section's strategy, or to recorded loads.
void RefuseIdleKeys(const Value& section, const RoutingSection& out) {
  for (const auto& [key, value] : section.entries()) {
    if (value.is_null()) continue;
    if (!out.loads.empty() && !RecordedLoadsTake(key))
      throw value.Error(fmt::format("recorded loads and {} exclude each other", key));
    if (out.loads.empty() && !StrategyTakes(out.strategy, key)) {
      if (key == "alpha" && out.strategy == Strategy::kV2Losses)
        throw value.Error(
            "the three losses of v2-auxiliary-losses have the weights of DeepSeek-V2 (report 3.1.2)");
      throw value.Error(fmt::format(fmt::runtime(FindKey(key)->why_not), StrategyName(out.strategy)));
    }
  }
}

/// `strategy` or `loads`.
void ReadSource(const Value& section, RoutingSection* out) {
  if (const Value* v = section.Find("strategy")) out->strategy = ReadStrategy(*v);
  if (const Value* v = section.Find("loads")) {
    out->loads = ResolveBeside(*v).string();
    std::error_code error;
    if (!std::filesystem::exists(out->loads, error)) throw v->Error("no such file");
    if (!std::filesystem::is_regular_file(out->loads, error)) throw v->Error("not a regular file");
  }
}

/// `update`, `rate` and `rate_until`, which only biases have.
void ReadUpdate(const Value& section, RoutingSection* out) {
  if (const Value* v = section.Find("update")) {
    out->update = static_cast<UpdateRule>(v->AsChoice({"sign", "proportional", "multiplicative"}));
  }
  if (const Value* v = section.Find("update");
      v != nullptr && out->update == UpdateRule::kMultiplicative && out->strategy == Strategy::kLossFreePlus)
    throw v->Error("a loss beside multiplied biases is not modelled: expected sign or proportional");
  ReadNumber(section, "rate", 0, 1, &out->rate);
  ReadWhole(section, "rate_until", 0, 1 << 30, &out->rate_until);
}

/// `shift: {step: 2000, to: reversed}`.
void ReadShift(const Value& section, RoutingSection* out) {
  const Value* shift = section.Find("shift");
  if (shift == nullptr) return;
  shift->AllowKeys({"step", "to"});
  out->shift_step = static_cast<int>(shift->At("step").AsInt(1, 10'000'000));
  if (const Value* v = shift->Find("to"))
    out->shift = static_cast<DomainShift>(v->AsChoice({"reversed", "one"}));
}

/// "sequence", "micro-batch", "batch" or a number of tokens.
void ReadChunk(const Value& value, int sequence_length, ChoiceChunk* chunk) {
  const std::string text = value.AsString();
  if (text == "sequence" || text == "micro-batch" || text == "batch") {
    chunk->over = text == "batch"         ? ChoiceChunk::Over::kBatch
                  : text == "micro-batch" ? ChoiceChunk::Over::kMicroBatch
                                          : ChoiceChunk::Over::kTokens;
  } else if (text.find_first_of("0123456789") == 0) {
    chunk->tokens = static_cast<int>(value.AsCount("token", 1, 1 << 30));
    if (sequence_length % chunk->tokens != 0)
      throw value.Error(fmt::format("expected a divisor of the sequence's {} tokens", sequence_length));
  } else {
    throw value.Error("expected sequence, micro-batch, batch or a number of tokens");
  }
}

/// Beyond it a loss's pull (250 times alpha) outruns what training runs can follow.
constexpr double kMaxAlpha = 0.4;

/// The router and its text; `section` may be null.
void ReadOptions(const Value& section, const MoeSpec& moe, RoutingSection* out) {
  double alpha = out->strategy == Strategy::kLossFreePlus ? 1e-4 : 1e-3;  // V3 report 4.2; arXiv 2408.15664
  if (!section.is_null()) ReadNumber(section, "alpha", 0, kMaxAlpha, &alpha);
  SyntheticOptions& o = out->options = DefaultOptions(out->strategy, alpha);
  o.affinity.kind = moe.sigmoid ? Affinity::kSigmoid : Affinity::kSoftmax;
  if (section.is_null()) return;
  if (const Value* v = section.Find("affinity")) ReadAffinity(*v, &o.affinity);
  if (const Value* v = section.Find("documents_per_sequence")) ReadDocuments(*v, &o);
  if (const Value* v = section.Find("sequence_length"))
    o.sequence_length = static_cast<int>(v->AsCount("token", 1, 1 << 30));
  if (const Value* v = section.Find("chunk")) ReadChunk(*v, o.sequence_length, &o.chunk);
}

const std::vector<std::string>& SectionKeys() {
  static const std::vector<std::string> keys{"strategy",
                                             "chunk",
                                             "update",
                                             "rate",
                                             "alpha",
                                             "affinity",
                                             "documents_per_sequence",
                                             "sequence_length",
                                             "loads",
                                             "capacity_factor",
                                             "placement",
                                             "redundant_experts",
                                             "planned_from",
                                             "replanned_every",
                                             "shared_expert",
                                             "capacity_per",
                                             "drop",
                                             "never_dropped",
                                             "rate_until",
                                             "shift"};
  return keys;
}

}  // namespace

SyntheticOptions DefaultOptions(Strategy strategy, double alpha) {
  SyntheticOptions o;
  o.balance.strategy = strategy;
  o.balance.feedback = kFeedbackPerAlpha * alpha;
  if (strategy == Strategy::kV2Losses) {  // alpha 1 to 3 of DeepSeek-V2 report 3.1.2
    o.balance.feedback = kFeedbackPerAlpha * 0.003;
    o.balance.device_feedback = kFeedbackPerAlpha * 0.05;
    o.balance.communication_feedback = kFeedbackPerAlpha * 0.02;
  }
  if (strategy == Strategy::kSequenceLoss) {
    o.affinity.domain = kDomainSequenceLoss;
    o.affinity.outlier_share = kOutlierShare, o.affinity.outlier_sd = kOutlierSd;
  }
  return o;
}

bool StrategyTakes(Strategy strategy, std::string_view key) {
  const KeyOfStrategies* known = FindKey(key);
  return known == nullptr || known->takes(strategy);
}

bool RecordedLoadsTake(std::string_view key) {
  return key != "strategy" && key != "affinity" && key != "shift" && !OwnToStrategy(key);
}

namespace {

void CheckSlots(const Value& section, const PlacementOptions& p, const LoadShape& shape) {
  if (!p.eplb) return;
  const int slots = shape.experts + p.redundant_experts;
  if (shape.ranks > 0 && slots % shape.ranks == 0) return;
  const Value* v = section.Find("redundant_experts");
  const std::string why = fmt::format("{} experts and {} redundant ones do not divide among {} ranks",
                                      shape.experts, p.redundant_experts, shape.ranks);
  throw(v != nullptr ? *v : section.At("placement")).Error(why);
}

}  // namespace

void CheckSection(const Value& section, const RoutingSection& read, const LoadShape& shape) {
  if (section.is_null()) return;
  CheckSlots(section, read.placement, shape);
  const Value* length = section.Find("sequence_length");
  if (length != nullptr && shape.MicroBatchTokens() % read.options.sequence_length != 0)
    throw length->Error(
        fmt::format("expected a divisor of the {} tokens of a micro-batch", shape.MicroBatchTokens()));
  const int chunk = read.options.chunk.tokens;
  if (chunk > 0 && std::int64_t{chunk} * shape.top_k < shape.experts)
    throw section.At("chunk").Error(fmt::format("expected {} tokens or more: one for each of {} experts",
                                                (shape.experts + shape.top_k - 1) / shape.top_k,
                                                shape.experts));
}

bool OwnToStrategy(std::string_view key) {
  const KeyOfStrategies* known = FindKey(key);
  return known != nullptr && known->own;
}

RoutingSection ReadRoutingSection(const Value& section, const MoeSpec& moe) {
  RoutingSection out;
  out.dense_layers = moe.first_dense_layers;
  if (!section.is_null()) {
    section.AllowKeys(SectionKeys());
    ReadSource(section, &out);
    RefuseIdleKeys(section, out);
    ReadPlacement(section, moe, &out.placement);
    ReadCapacity(section, &out);
    ReadUpdate(section, &out);
    ReadShift(section, &out);
  }
  ReadOptions(section, moe, &out);
  if (out.shift_step < 1 << 30 && out.options.affinity.domains == 1)
    throw section.At("shift").Error(
        "text of one domain has nothing to shift to: expected affinity.domains of 2 or more");
  out.options.balance.updated = out.rate > 0 && out.rate_until > 0;
  return out;
}

int ExpertSlots(const RoutingSection& section, const MoeSpec& moe) {
  return moe.routed_experts + section.placement.redundant_experts;
}

std::unique_ptr<TableLoads> MakeTableLoads(const RoutingSection& section, const LoadShape& shape,
                                           int moe_layers, std::uint64_t seed) {
  LoadShape limited = shape;
  limited.capacity_factor = section.capacity_factor;
  limited.device_capacity = section.device_capacity;
  limited.drop = section.drop;
  limited.never_dropped = section.never_dropped;
  if (!section.placement.eplb) return InExpertOrder(section, limited, moe_layers, seed);
  return std::make_unique<PlannedLoads>(InExpertOrder(section, LogicalShape(shape), moe_layers, seed),
                                        limited, section.placement, moe_layers);
}

std::unique_ptr<LoadSource> MakeLoadSource(const Value& routing_section, const MoeSpec& moe,
                                           const LoadShape& shape, int moe_layers, std::uint64_t seed) {
  const RoutingSection section = ReadRoutingSection(routing_section, moe);
  CheckSection(routing_section, section, shape);
  if (!section.placement.eplb) CheckShape(shape);
  return MakeTableLoads(section, shape, moe_layers, seed);
}

}  // namespace orrery::models
