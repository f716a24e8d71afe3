// How evenly a strategy spreads tokens and what placement makes of it: computed here, written by the
// functions below.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/run_control.h"
#include "models/routing/balance/balance_stats.h"
#include "models/routing/dynamics/training_dynamics.h"
#include "models/routing/placement.h"
#include "models/routing/sources/recorded_loads.h"
#include "models/routing/sources/routing_options.h"
#include "models/routing/sources/synthetic_loads.h"
#include "models/spec/model_spec.h"

namespace orrery::scenarios {

/// What a training step fed by some loads comes to.
struct StepFigures {
  double step_s = 0;
  double tokens_per_s = 0;
  double dollars_per_trillion = 0;  ///< tokens
  double imbalance_share = 0;  ///< of the step: against even loads of the rows computed; rearranging experts
                               ///< counts to it
  double rebalancing_s = 0;    ///< of the step: experts moved to new plans
  double undone_s = 0;         ///< not in the step: even loads would take for the rows dropped
  bool fits = true;            ///< every pipeline rank within the device's memory
};

/// Simulates a training step with the loads of a source. The caller of the report brings it, as a step needs
/// a whole scenario.
using StepTimeUnder = std::function<StepFigures(const models::LoadSource&, const RunControl&)>;

struct RoutingRequest {
  std::string model;
  std::vector<std::string> model_notes;  ///< what of the model's file is not taken
  models::MoeSpec moe;
  int moe_layers = 0;  ///< of the model
  models::RoutingSection section;
  models::LoadShape training{0, 64, 8, 4096,
                             0, 1,  1};  ///< micro-batch geometry; experts, top_k, groups from the model
  int layers = 8;                        ///< reported, at most the model's
  int batch_sequences = 15360;           ///< of the training run: DeepSeek-V3's (report 4.2)
  int steps = 4000;                      ///< of the training run that shows how balance settles; 0: none
  std::vector<int> ranks{8, 16, 32, 64, 72, 128, 144, 320};  ///< expert-parallel sizes
  std::uint64_t seed = 1;
  std::vector<std::string> left_out;  ///< keys of the routing section that mean nothing to the strategy
  StepTimeUnder step_time;            ///< may be empty: no step time is reported then
};

/// Hottest rank over the mean, minus 1, at one expert-parallel size; means over layers and domains. Absent
/// where counts do not divide.
struct RankBalance {
  int ranks = 0;
  int slots = 0;                     ///< with redundant experts: an eighth more than the experts, rounded up
  std::optional<double> contiguous;  ///< domains served one at a time, experts in order
  std::optional<double> eplb;        ///< rearranged for that domain, no redundancy
  std::optional<double> redundant;   ///< rearranged for that domain with redundant experts
  std::optional<double> stale;       ///< the redundant plan made for the whole mix, serving one domain
};

/// What a training micro-batch sees, means over layers and micro-batches.
struct MicroBatchBalance {
  double hottest_rank = 0;             ///< over the mean, minus 1
  double max_vio = 0;                  ///< of experts, rows of all their slots together; shared ones aside
  std::optional<double> hottest_slot;  ///< over the mean, minus 1, where experts are placed on slots
  double nodes_per_token = 0;
  double gpus_per_token = 0;
  std::optional<double> lost;  ///< share of selections dropped, where the section sets a capacity factor
  std::optional<double> lost_weight;  ///< of gate values, one micro-batch routed token by token
  std::vector<std::pair<double, double>>
      dropped;  ///< (capacity factor, share of selections a Switch-style cap drops)
};

/// Expert choice: what tokens get, means over layers, and what the choice gives away.
struct ChoiceBalance {
  std::vector<double> experts_share;  ///< share of tokens that have j experts; 0 are unserved
  double mean = 0, deviation = 0;     ///< experts a token
  double leak_bits_per_token_layer = 0, leak_bits_per_token = 0;  ///< at least (arXiv 2408.15664)
};

struct RoutingReport {
  std::string model, strategy, source;
  std::vector<std::string> model_notes;  ///< what of the model's file is not taken
  std::vector<std::string> left_out;     ///< keys of the routing section that mean nothing to the strategy
  int experts = 0, top_k = 0, groups = 0, top_groups = 0, training_ranks = 0;
  int placed_shared_experts = 0;                ///< counted among the experts that are placed
  int moe_layers = 0;                           ///< of the model
  int recorded_layers = 0;                      ///< of the file of recorded loads; 0: none
  models::ExpertLoads loads;                    ///< heat map: relative load by layer, domain, expert
  models::BalanceStats global;                  ///< of the mix, mean over layers
  std::vector<models::BalanceStats> by_layer;   ///< of the mix
  std::vector<models::BalanceStats> by_domain;  ///< mean over layers
  /// How far an expert's load of the mix may be from what the strategy asks for, where no biases were found
  /// that bring it there.
  std::optional<double> not_converged;
  std::optional<models::TrainingTrace> training;    ///< how the first layer settles
  std::string engine;                               ///< that made `training`, in words
  std::optional<int> shift_step;                    ///< of `training`, or not shown
  std::vector<std::pair<int, double>> computation;  ///< (sequences, mean MaxVio of a computation batch)
  std::vector<RankBalance> ranks;
  std::optional<MicroBatchBalance> micro_batch;
  std::optional<ChoiceBalance> choice;
  std::optional<StepFigures> step;
};

/// Fills the geometry that follows from the model.
RoutingRequest RequestFor(const models::ModelSpec& model, const models::RoutingSection& section);

/// InputError where the request does not fit the model.
RoutingReport MakeRoutingReport(const RoutingRequest& request, const RunControl& control = {});

/// Balance at each expert-parallel size for any loads. `shared_experts` of load `shared_load` stand among the
/// redundant slots.
std::vector<RankBalance> RankBalances(const models::ExpertLoads& loads, int groups, int ranks_per_node,
                                      const std::vector<int>& ranks, int shared_experts = 0,
                                      double shared_load = 0, const RunControl& control = {});

/// How EPLB plans for so many slots and ranks: by nodes where they fill whole ones and slots divide among these.
models::EplbShape PlanShape(int slots, int groups, int ranks, int ranks_per_node);

std::string RoutingText(const RoutingReport& report);
std::string RoutingJson(const RoutingReport& report);
/// The heat map, one row a layer and domain: layer, domain, then relative loads e0...
std::string RoutingCsv(const RoutingReport& report);

/// Strategies side by side, a line each; the step-time column only where step times are there.
std::string RoutingComparisonText(const std::vector<RoutingReport>& reports);
std::string RoutingComparisonJson(const std::vector<RoutingReport>& reports);
std::string RoutingComparisonCsv(const std::vector<RoutingReport>& reports);

}  // namespace orrery::scenarios
