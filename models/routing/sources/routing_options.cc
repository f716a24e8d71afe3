#include "models/routing/sources/routing_options.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/config/key_error.h"
#include "models/routing/sources/choice_loads.h"
#include "models/routing/sources/planned_loads.h"
#include "models/routing/sources/recorded_loads.h"

namespace orrery::models {
namespace {

KeyError ErrorAt(std::string_view key, const std::string& message) {
  return {fmt::format("routing.{}", key), message};
}

template <class T>
void Replace(const std::optional<T>& by, T* value) {
  if (by) *value = *by;
}

/// Affinities of which no two tokens differ, or that have no variance.
void CheckChanged(const AffinityParameters& p) {
  if (p.student == 1 || p.student == 2)
    throw ErrorAt("affinity.student", "expected 0 (Gaussian) or 3 to 100: fewer degrees have no variance");
  if (p.token == 0 && p.document == 0)
    throw ErrorAt("affinity", "expected a token or a document above 0: no two tokens differ");
}

/// A shared expert that is placed like routed ones counts as so many of their size.
void PlaceSharedExpert(const MoeSpec& moe, PlacementOptions* p) {
  constexpr std::string_view kKey = "shared_expert";
  if (moe.shared_intermediate == 0) throw ErrorAt(kKey, "the model has no shared expert");
  if (moe.shared_intermediate % moe.intermediate != 0) {
    throw ErrorAt(kKey, fmt::format("shared experts {} wide are not whole routed ones of {}",
                                    moe.shared_intermediate, moe.intermediate));
  }
  if (!p->eplb) throw ErrorAt(kKey, "a shared expert placed like a routed one needs placement: eplb");
  p->shared_experts = moe.shared_intermediate / moe.intermediate;
  if (p->redundant_experts < p->shared_experts) {
    throw ErrorAt(kKey,
                  fmt::format("expected redundant_experts of at least {}, to hold it", p->shared_experts));
  }
}

PlacementOptions ResolvePlacement(const RoutingOptions& o, const MoeSpec& moe) {
  PlacementOptions p;
  p.eplb = o.eplb;
  const auto planned = [&](std::string_view key, const std::optional<int>& asked, int* value) {
    if (asked && !o.eplb) throw ErrorAt(key, "only placement eplb is planned");
    Replace(asked, value);
  };
  planned("redundant_experts", o.redundant_experts, &p.redundant_experts);
  planned("planned_from", o.planned_from, &p.planned_from);
  planned("replanned_every", o.replanned_every, &p.replanned_every);
  if (o.routed_shared_expert) PlaceSharedExpert(moe, &p);
  return p;
}

/// The section's loads with expert e in slot e.
std::unique_ptr<TableLoads> InExpertOrder(const RoutingSection& section, const LoadShape& shape,
                                          int moe_layers, std::uint64_t seed, const RunControl& control) {
  if (!section.loads.empty()) {
    constexpr double kRead = 0.1;  // of the time, about: what is read is imitated layer by layer
    const ExpertLoads loads =
        ReadExpertLoads(section.loads, shape.experts, section.dense_layers, control.Part(0, kRead));
    const SyntheticOptions& o = section.options;
    return std::make_unique<RecordedLoads>(
        shape, loads, TextMix{loads.share, o.sequence_length, o.fewest_documents, o.most_documents},
        moe_layers, seed, control.Part(kRead, 1));
  }
  if (section.strategy == Strategy::kBalanced) return std::make_unique<UniformLoads>(shape, seed);
  if (section.strategy == Strategy::kExpertChoice)
    return std::make_unique<ChoiceLoads>(shape, section.options, moe_layers, seed, control);
  return std::make_unique<SyntheticLoads>(shape, section.options, moe_layers, seed, control);
}

/// What is dropped over a capacity. V2's rule (report 2.2.4): a device's capacity, lowest affinity.
void ResolveCapacity(const RoutingOptions& o, RoutingSection* out) {
  Replace(o.capacity_factor, &out->capacity_factor);
  const auto needs_factor = [&](std::string_view key, bool asked) {
    if (asked && !o.capacity_factor) throw ErrorAt(key, "nothing is dropped without capacity_factor");
  };
  needs_factor("capacity_per", o.device_capacity.has_value());
  needs_factor("drop", o.drop.has_value());
  needs_factor("never_dropped", o.never_dropped.has_value());
  Replace(o.device_capacity, &out->device_capacity);
  if (out->device_capacity) out->drop = DropOrder::kLowestAffinity;
  Replace(o.drop, &out->drop);
  Replace(o.never_dropped, &out->never_dropped);
  if (o.capacity_factor && out->placement.shared_experts > 0)
    throw ErrorAt("capacity_factor",
                  "a shared expert placed like a routed one takes every token: nothing may be dropped");
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

/// KeyError at the first key that means nothing to the strategy, or to recorded loads.
void RefuseIdleKeys(const RoutingOptions& o) {
  const Strategy strategy = o.StrategyOrDefault();
  for (const std::string& key : RoutingKeysOf(o)) {
    if (!o.loads.empty() && !RecordedLoadsTake(key))
      throw ErrorAt(key, fmt::format("recorded loads and {} exclude each other", key));
    if (!o.loads.empty() || StrategyTakes(strategy, key)) continue;
    if (key == "alpha" && strategy == Strategy::kV2Losses) {
      throw ErrorAt(key,
                    "the three losses of v2-auxiliary-losses have the weights of DeepSeek-V2 (report 3.1.2)");
    }
    throw ErrorAt(key, fmt::format(fmt::runtime(FindKey(key)->why_not), StrategyName(strategy)));
  }
}

/// The router and its text.
SyntheticOptions ResolveRouter(const RoutingOptions& o, const MoeSpec& moe) {
  const Strategy strategy = o.StrategyOrDefault();
  const double usual = strategy == Strategy::kLossFreePlus ? 1e-4 : 1e-3;  // V3 report 4.2; arXiv 2408.15664
  SyntheticOptions router = DefaultOptions(strategy, o.alpha.value_or(usual));
  router.affinity.kind = moe.sigmoid ? Affinity::kSigmoid : Affinity::kSoftmax;
  o.affinity.ApplyTo(&router.affinity);
  if (o.affinity != AffinityChanges{}) CheckChanged(router.affinity);
  if (o.documents_per_sequence) {
    router.fewest_documents = o.documents_per_sequence->fewest;
    router.most_documents = o.documents_per_sequence->most;
  }
  Replace(o.sequence_length, &router.sequence_length);
  if (o.chunk) {
    router.chunk = *o.chunk;
    if (o.chunk->tokens > 0 && router.sequence_length % o.chunk->tokens != 0) {
      throw ErrorAt("chunk",
                    fmt::format("expected a divisor of the sequence's {} tokens", router.sequence_length));
    }
  }
  return router;
}

}  // namespace

void AffinityChanges::ApplyTo(AffinityParameters* p) const {
  Replace(offset, &p->offset);
  Replace(expert, &p->expert);
  Replace(domain, &p->domain);
  Replace(spread, &p->spread);
  Replace(document, &p->document);
  Replace(token, &p->token);
  Replace(rank, &p->rank);
  Replace(correlation, &p->correlation);
  Replace(student, &p->student);
  Replace(domains, &p->domains);
  Replace(outlier_share, &p->outlier_share);
  Replace(outlier_sd, &p->outlier_sd);
}

std::vector<std::string> RoutingKeysOf(const RoutingOptions& o) {
  const std::pair<const char*, bool> keys[] = {
      {"strategy", o.strategy.has_value()},
      {"chunk", o.chunk.has_value()},
      {"update", o.update.has_value()},
      {"rate", o.rate.has_value()},
      {"alpha", o.alpha.has_value()},
      {"affinity", o.affinity != AffinityChanges{}},
      {"documents_per_sequence", o.documents_per_sequence.has_value()},
      {"sequence_length", o.sequence_length.has_value()},
      {"loads", !o.loads.empty()},
      {"capacity_factor", o.capacity_factor.has_value()},
      {"placement", o.eplb},
      {"redundant_experts", o.redundant_experts.has_value()},
      {"planned_from", o.planned_from.has_value()},
      {"replanned_every", o.replanned_every.has_value()},
      {"shared_expert", o.routed_shared_expert},
      {"capacity_per", o.device_capacity.has_value()},
      {"drop", o.drop.has_value()},
      {"never_dropped", o.never_dropped.has_value()},
      {"rate_until", o.rate_until.has_value()},
      {"shift", o.shift.has_value()}};
  std::vector<std::string> given;
  for (const auto& [key, is_given] : keys) {
    if (is_given) given.emplace_back(key);
  }
  return given;
}

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

bool OwnToStrategy(std::string_view key) {
  const KeyOfStrategies* known = FindKey(key);
  return known != nullptr && known->own;
}

RoutingSection ResolveRouting(const RoutingOptions& o, const MoeSpec& moe) {
  RefuseIdleKeys(o);
  RoutingSection out;
  out.dense_layers = moe.first_dense_layers;
  out.strategy = o.StrategyOrDefault();
  out.loads = o.loads;
  out.placement = ResolvePlacement(o, moe);
  ResolveCapacity(o, &out);
  Replace(o.update, &out.update);
  if (o.update && out.update == UpdateRule::kMultiplicative && out.strategy == Strategy::kLossFreePlus) {
    throw ErrorAt("update", "a loss beside multiplied biases is not modelled: expected sign or proportional");
  }
  Replace(o.rate, &out.rate);
  Replace(o.rate_until, &out.rate_until);
  out.options = ResolveRouter(o, moe);
  if (o.shift) {
    out.shift_step = o.shift->step;
    out.shift = o.shift->to;
    if (out.options.affinity.domains == 1) {
      throw ErrorAt("shift",
                    "text of one domain has nothing to shift to: expected affinity.domains of 2 or more");
    }
  }
  out.options.balance.updated = out.rate > 0 && out.rate_until > 0;
  return out;
}

void CheckRoutingShape(const RoutingOptions& o, const RoutingSection& section, const LoadShape& shape) {
  const int slots = shape.experts + section.placement.redundant_experts;
  if (section.placement.eplb && (shape.ranks <= 0 || slots % shape.ranks != 0)) {
    throw ErrorAt(o.redundant_experts ? "redundant_experts" : "placement",
                  fmt::format("{} experts and {} redundant ones do not divide among {} ranks", shape.experts,
                              section.placement.redundant_experts, shape.ranks));
  }
  if (o.sequence_length && shape.MicroBatchTokens() % section.options.sequence_length != 0) {
    throw ErrorAt("sequence_length", fmt::format("expected a divisor of the {} tokens of a micro-batch",
                                                 shape.MicroBatchTokens()));
  }
  const int chunk = section.options.chunk.tokens;
  if (chunk > 0 && std::int64_t{chunk} * shape.top_k < shape.experts) {
    throw ErrorAt("chunk", fmt::format("expected {} tokens or more: one for each of {} experts",
                                       (shape.experts + shape.top_k - 1) / shape.top_k, shape.experts));
  }
}

int ExpertSlots(const RoutingSection& section, const MoeSpec& moe) {
  return moe.routed_experts + section.placement.redundant_experts;
}

std::unique_ptr<TableLoads> MakeTableLoads(const RoutingSection& section, const LoadShape& shape,
                                           int moe_layers, std::uint64_t seed, const RunControl& control) {
  LoadShape limited = shape;
  limited.capacity_factor = section.capacity_factor;
  limited.device_capacity = section.device_capacity;
  limited.drop = section.drop;
  limited.never_dropped = section.never_dropped;
  if (!section.placement.eplb) return InExpertOrder(section, limited, moe_layers, seed, control);
  return std::make_unique<PlannedLoads>(
      InExpertOrder(section, LogicalShape(shape), moe_layers, seed, control.Part(0, 0.7)), limited,
      section.placement, moe_layers, control.Part(0.7, 1));
}

std::unique_ptr<TableLoads> MakeLoads(const RoutingOptions& options, const MoeSpec& moe,
                                      const LoadShape& shape, int moe_layers, std::uint64_t seed,
                                      const RunControl& control) {
  const RoutingSection section = ResolveRouting(options, moe);
  CheckRoutingShape(options, section, shape);
  if (!section.placement.eplb) CheckShape(shape);
  return MakeTableLoads(section, shape, moe_layers, seed, control);
}

}  // namespace orrery::models
