// How experts are routed and placed, as a scenario asks for it, and what follows from that for a model.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/routing/sources/synthetic_loads.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

/// Parameters of the synthetic router that differ from those its strategy leads to (AffinityParameters).
struct AffinityChanges {
  std::optional<double> offset, expert, domain, spread, document, token, correlation, outlier_share,
      outlier_sd;
  std::optional<int> rank, student, domains;
  bool operator==(const AffinityChanges&) const = default;
  void ApplyTo(AffinityParameters* parameters) const;
};

/// The text that a synthetic router routes changes at a training step.
struct TextShift {
  int step = 1;
  DomainShift to = DomainShift::kReversed;
  bool operator==(const TextShift&) const = default;
};

struct DocumentRange {
  int fewest = 1, most = 4;
  bool operator==(const DocumentRange&) const = default;
};

/// What is asked. What is absent follows from the strategy, or means nothing.
struct RoutingOptions {
  std::optional<Strategy> strategy;  ///< absent: auxiliary-loss-free, unless `loads` are recorded
  std::string loads;                 ///< file of recorded loads instead of a strategy; empty: none
  std::optional<double> alpha;       ///< weight of the strategy's auxiliary loss
  AffinityChanges affinity;
  std::optional<DocumentRange> documents_per_sequence;
  std::optional<int> sequence_length;  ///< tokens, of the text; absent: the workload's
  std::optional<ChoiceChunk> chunk;    ///< that experts choose over
  std::optional<double> capacity_factor;
  std::optional<bool> device_capacity;  ///< the capacity is a device's, not an expert's
  std::optional<DropOrder> drop;
  std::optional<double> never_dropped;
  bool eplb = false;  ///< placement
  std::optional<int> redundant_experts, planned_from, replanned_every;
  bool routed_shared_expert = false;  ///< the shared expert is placed and replicated like a routed one
  std::optional<UpdateRule> update;
  std::optional<double> rate;
  std::optional<int> rate_until;
  std::optional<TextShift> shift;
  bool operator==(const RoutingOptions&) const = default;

  Strategy StrategyOrDefault() const { return strategy.value_or(Strategy::kLossFree); }
};

/// Keys of a scenario's `routing` section that are set, in the section's order.
std::vector<std::string> RoutingKeysOf(const RoutingOptions& options);

/// Whether options with the strategy may hold the key, beside the keys that all take.
bool StrategyTakes(Strategy strategy, std::string_view key);
/// Whether recorded loads may.
bool RecordedLoadsTake(std::string_view key);
/// Whether a value that suits one strategy means another thing, or nothing, to the next: alpha, update, ...
bool OwnToStrategy(std::string_view key);

/// The options of a model, checked, with every default filled in.
struct RoutingSection {
  Strategy strategy = Strategy::kLossFree;
  SyntheticOptions options;
  UpdateRule update = UpdateRule::kSign;  ///< of auxiliary-loss-free, for how it settles
  double rate = 1e-3;                     ///< its gamma
  int rate_until = 1 << 30;               ///< from this training step gamma is 0
  int shift_step = 1 << 30;               ///< training step from which the text is another
  DomainShift shift = DomainShift::kReversed;
  PlacementOptions placement;
  double capacity_factor = 0;  ///< 0: nothing is dropped
  bool device_capacity = false;
  DropOrder drop = DropOrder::kArrival;
  double never_dropped = 0;
  std::string loads;     ///< file of recorded loads instead of a strategy; empty: none
  int dense_layers = 0;  ///< the model's, before those with experts: recorders list them too
};

/// KeyError ("routing.alpha") where keys do not go together, with the strategy or with the model.
RoutingSection ResolveRouting(const RoutingOptions& options, const MoeSpec& moe);

/// KeyError where what is asked does not go with the shape: the experts and redundant ones of placement eplb
/// fill whole ranks, sequences whole micro-batches, a chunk has a token for every expert.
void CheckRoutingShape(const RoutingOptions& options, const RoutingSection& section, const LoadShape& shape);

/// Physical slots of a MoE layer over the ranks of an expert-parallel group.
int ExpertSlots(const RoutingSection& section, const MoeSpec& moe);

/// The source that a section describes: its strategy or recorded loads, its placement, its capacity.
/// `moe_layers` includes MTP modules.
std::unique_ptr<TableLoads> MakeTableLoads(const RoutingSection& section, const LoadShape& shape,
                                           int moe_layers, std::uint64_t seed,
                                           const RunControl& control = {});

/// The same of options: resolved, checked against the shape, made.
std::unique_ptr<TableLoads> MakeLoads(const RoutingOptions& options, const MoeSpec& moe,
                                      const LoadShape& shape, int moe_layers, std::uint64_t seed,
                                      const RunControl& control = {});

}  // namespace orrery::models
