// A scenario: one question, in one YAML file. Reads and checks it; knows nothing of how it is answered.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/document.h"
#include "hw/cost/cost_model.h"
#include "hw/network/topology.h"
#include "models/memory/memory.h"
#include "models/schedule/schedule.h"
#include "models/spec/model_spec.h"

namespace orrery::scenarios {

/// How the batch grows at the start of a run: linearly in tokens from `from` sequences.
struct BatchRamp {
  std::int64_t from_sequences = 0;
  double over_tokens = 0;
};

struct TrainingWorkload {
  std::int64_t sequence_length = 0;
  std::int64_t global_batch = 0;  ///< sequences a step
  std::int64_t micro_batch = 1;   ///< sequences
  double run_tokens = 0;          ///< of the whole run; 0: no run is asked for
  std::optional<BatchRamp> ramp;
};

struct Parallelism {
  int pipeline = 1, expert = 1, tensor = 1, data = 1;
  int zero = 1;
  models::ScheduleKind schedule = models::ScheduleKind::kDualPipe;
  int virtual_stages = 1;
};

struct Communication {
  int sms = 20;         ///< SMs lent to exchange kernels while a step runs; 0 where no experts are exchanged
  std::string kernels;  ///< calibration of the exchange kernels, DeepEP release, e.g. "2025-02"
};

struct Scenario {
  std::string name;  ///< the file's, unless something was changed on the line: then what was run, in words
  std::string file;
  std::string hash;  ///< of the canonical text after overrides and of the files it names
  models::ModelSpec model;
  hw::Cluster cluster;
  TrainingWorkload workload;
  Parallelism parallelism;
  Communication communication;
  int expert_slots = 0;           ///< of a MoE layer over an expert-parallel group; 0: one a routed expert
  int placed_shared_experts = 0;  ///< among them: placed and replicated like routed ones
  bool fp8 = true;                ///< precision: fp8-mixed, else bf16
  hw::CalibrationChoice calibration;
  std::uint64_t seed = 1;
  Document document;  ///< for sections read elsewhere (routing)

  int Gpus() const { return cluster.nodes * cluster.devices_per_node; }
  /// Micro-batches each pipeline runs in a step.
  int MicroBatches() const {
    return static_cast<int>(workload.global_batch / parallelism.data / workload.micro_batch);
  }
  int ExpertSlots() const {
    return expert_slots > 0 ? expert_slots : model.moe ? model.moe->routed_experts : 0;
  }
  models::ExpertHolding Holding() const { return {parallelism.expert, expert_slots}; }
  /// The model as every rank computes it beside its expert slots: without shared experts that are among them.
  models::ModelSpec RankModel() const;
  std::int64_t TokensPerStep() const { return workload.global_batch * workload.sequence_length; }
};

/// The document of a scenario: a path, or the name of a file in scenarios/; `overrides` are "key.path=value".
Document LoadScenarioDocument(const std::string& file_or_name, const std::vector<std::string>& overrides);

/// Applies each "key.path=value" as Document::Set, in order; `cluster.x`, `cluster.device.x`, `device.x` and
/// `model.x` also where the document only names a preset, then as an override of it. InputError without an
/// equals sign, and where one would replace a section with what an earlier one has set in it.
void ApplyOverrides(const std::vector<std::string>& settings, Document* document);

/// What was changed on the line that its name may not say: every key but name, seed and calibration.
std::vector<std::string> ChangedSubjects(const Document& document);

/// A calibration, or a list of several. A file is looked for beside the document first.
hw::CalibrationChoice ReadCalibration(const Value& value);

/// What the document asks for: "pretraining", "attention", ...
std::string WorkloadKind(const Document& document);

/// Reads and checks a training scenario; InputError with the place of what is wrong.
Scenario ReadTrainingScenario(Document document, const std::string& file);

std::vector<std::string> ScenarioNames();

}  // namespace orrery::scenarios
