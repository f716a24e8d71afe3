// A scenario: one question, as plain data. It can be filled in memory, read from a YAML file and written back;
// it knows nothing of how it is answered.
//
//   Scenario s = ReadTrainingScenario(LoadScenarioDocument("deepseek-v3-pretraining", {}), "");
//   s.parallelism.expert = 32;
//   Settle(&s);                              // fills what follows from the rest, refuses what does not fit
//   std::string yaml = YamlText(WriteScenario(s));
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/document.h"
#include "core/config/fields.h"
#include "hw/cost/cost_model.h"
#include "hw/network/topology.h"
#include "models/memory/memory.h"
#include "models/parallel/training_program.h"
#include "models/routing/sources/routing_options.h"
#include "models/schedule/schedule.h"
#include "models/spec/model_spec.h"
#include "scenarios/schema/scenario_file.h"

namespace orrery::scenarios {

/// How the batch grows at the start of a run: linearly in tokens from `from` sequences.
struct BatchRamp {
  std::int64_t from_sequences = 0;
  double over_tokens = 0;
  bool operator==(const BatchRamp&) const = default;
};

struct TrainingWorkload {
  std::int64_t sequence_length = 0;
  std::int64_t global_batch = 0;  ///< sequences a step
  std::int64_t micro_batch = 1;   ///< sequences
  double run_tokens = 0;          ///< of the whole run; 0: no run is asked for
  std::optional<BatchRamp> ramp;
  bool operator==(const TrainingWorkload&) const = default;
};

struct Parallelism {
  int pipeline = 1, expert = 1, tensor = 1;
  int data = 0;  ///< 0: what pipeline and tensor leave of the cluster; Settle fills it in
  int zero = 1;
  /// DeepSeek's published schedule reduces nothing before it is through (deepseek-ai/DualPipe, step()), and
  /// Megatron Core does it beside the backwards only where it is asked to (overlap_grad_reduce).
  models::GradientReduction gradient_reduction = models::GradientReduction::kAfterBackwards;
  models::ScheduleKind schedule = models::ScheduleKind::kDualPipe;
  int virtual_stages = 1;
  std::vector<std::string> layers_per_stage;  ///< entries as models::StageLayoutOf; empty: chosen by cost
  bool operator==(const Parallelism&) const = default;
};

struct Communication {
  int sms = 20;  ///< SMs lent to exchange kernels while a step runs; Settle makes it 0 where no experts are
                 ///< exchanged
  std::string kernels =
      "2025-02";  ///< calibration of the exchange kernels: DeepEP release. By default the one
                  ///< that DeepSeek's training trace shows, nearest to the reported run
  bool operator==(const Communication&) const = default;
};

struct Scenario {
  std::string name;  ///< the file's, unless something was changed on the line: then what was run, in words
  std::string file;
  std::string hash;  ///< of what is asked, the contents of named files included; of neither file names nor
                     ///< spelling. Set by Settle
  models::ModelSpec model;
  hw::Cluster cluster;
  TrainingWorkload workload;
  Parallelism parallelism;
  Communication communication;
  models::RoutingOptions routing;
  int expert_slots = 0;           ///< of a MoE layer over an expert-parallel group; 0: one a routed expert
  int placed_shared_experts = 0;  ///< among them: placed and replicated like routed ones
  bool fp8 = true;                ///< precision: fp8-mixed, else bf16
  hw::CalibrationChoice calibration;
  std::uint64_t seed = 1;

  int Gpus() const { return cluster.nodes * cluster.devices_per_node; }
  /// Micro-batches each pipeline runs in a step.
  int MicroBatches() const {
    return static_cast<int>(workload.global_batch / parallelism.data / workload.micro_batch);
  }
  /// Routing of this workload: unless it says otherwise its text has the workload's sequences.
  models::RoutingOptions Routing() const;
  int ExpertSlots() const {
    return expert_slots > 0 ? expert_slots : model.moe ? model.moe->routed_experts : 0;
  }
  models::ExpertHolding Holding() const { return {parallelism.expert, expert_slots}; }
  /// The model as every rank computes it beside its expert slots: without shared experts that are among them.
  models::ModelSpec RankModel() const;
  std::int64_t TokensPerStep() const { return workload.global_batch * workload.sequence_length; }
};

/// The keys of a training scenario.
const Fields<Scenario>& TrainingFields();

/// Fills in what follows from other members (data, SMs of exchanges, expert slots, hash) and checks that all
/// goes together. KeyError ("parallelism.expert").
void Settle(Scenario* scenario);

/// The scenario of a document, settled; InputError with the place of what is wrong. `file` is what reports
/// call it by.
Scenario ReadTrainingScenario(const Document& document, const std::string& file);

/// Its keys, those at their defaults left out: what ReadTrainingScenario reads back to an equal scenario.
Written WriteScenario(const Scenario& scenario);

}  // namespace orrery::scenarios
